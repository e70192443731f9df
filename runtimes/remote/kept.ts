/** What a server wants back with the calls that it made, in the next turns of their conversations, and what no client
 *  has a place for: signatures, and what was thought before a call. Kept for each loaded model; another node does not
 *  have it. */
import { remoteLimits } from "./limits.ts";

/** What is kept of a call. */
interface Keepsake {
  readonly signature?: string;
  readonly thought?: string;
}

/** What stands for the signature of a call that Gemini did not make, or that was forgotten. */
export const noSignature = "skip_thought_signature_validator";

/** Whether a model of Gemini demands signatures. */
export const isSigned = (model: string): boolean => /gemini-(?:[3-9]|\d\d)/.test(model);

/** Keepsakes by the id of their call. The oldest goes. */
export class Kept {
  readonly #kept = new Map<string, Keepsake>();
  #chars = 0;

  keep(id: string, keepsake: Keepsake): void {
    this.#drop(id);
    if (id === "" || charsOf(keepsake) === 0) return;
    this.#kept.set(id, keepsake);
    this.#chars += charsOf(keepsake);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= remoteLimits.keptCallsMax && this.#chars <= remoteLimits.keptCharsMax) break;
      this.#drop(oldest);
    }
  }

  of(id: string): Keepsake {
    return this.#kept.get(id) ?? {};
  }

  #drop(id: string): void {
    this.#chars -= charsOf(this.of(id));
    this.#kept.delete(id);
  }
}

const charsOf = ({ signature = "", thought = "" }: Keepsake): number => signature.length + thought.length;
