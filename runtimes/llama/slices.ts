/** How many tokens of a prompt are read in one go: as many as take `prefillSliceMs`, by the last ones that were read.
 *  Others who write wait for each slice, and each slice costs one more token of theirs before the prompt is read; so a
 *  slice is bounded in tokens, too, while they write. Pure. */
import { runtimeLimits } from "../limits.ts";

export class Slices {
  readonly #most: number;
  #tokens: number = runtimeLimits.prefillSliceTokens;

  /** `most` is what one batch takes. */
  constructor(most: number) {
    this.#most = Math.max(most, runtimeLimits.prefillSliceTokens);
  }

  /** Of the next slice. */
  tokens(othersWrite: boolean): number {
    return othersWrite ? Math.min(this.#tokens, runtimeLimits.prefillSliceSharedMax) : this.#tokens;
  }

  /** Of a slice that was read, with all that was in its batch. It grows step by step, because one that was quick by
   *  chance is no measure, and shrinks at once. */
  took(tokens: number, ms: number): void {
    const wanted = Math.min(Math.floor((tokens * runtimeLimits.prefillSliceMs) / Math.max(ms, 1)), 2 * this.#tokens);
    this.#tokens = Math.max(runtimeLimits.prefillSliceTokens, Math.min(wanted, this.#most));
  }
}
