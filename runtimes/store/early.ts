/** Looks at a file while it comes: what is no model is not fetched to its end.
 *
 *      64 KiB there ─► look ─ more ─► 256 KiB there ─► look ─ … ─► fine: nothing more to do
 *                       └ refused ─► the fetch ends with MODEL_REFUSED
 *
 *  A look never holds the fetch up: it runs beside it. All of the file is checked when it is there, whatever was said
 *  before. */
import type { EarlyLook } from "./inspect.ts";
import { storeLimits } from "./limits.ts";

/** Watches one file. */
export class EarlyWatch {
  readonly #look: (total: number | undefined, signal: AbortSignal) => Promise<EarlyLook>;
  readonly #abort = new AbortController();
  #nextBytes: number = storeLimits.earlyLookBytes;
  #looking: Promise<void> = Promise.resolve();
  #busy = false;
  #refusal: { readonly reason: string } | undefined;

  constructor(look: (total: number | undefined, signal: AbortSignal) => Promise<EarlyLook>) {
    this.#look = look;
  }

  /** Aborted when the file is refused. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** That the file is refused, and why; undefined: it is not, so far. */
  get refusal(): { readonly reason: string } | undefined {
    return this.#refusal;
  }

  /** So many bytes are there. */
  seen(done: number, total: number | undefined): void {
    // All of it is checked in another way.
    if (this.#busy || done < this.#nextBytes || done === total || this.#abort.signal.aborted) return;
    this.#busy = true;
    this.#looking = this.#look(total, this.#abort.signal)
      .then((found) => {
        if (found.type === "refused") {
          this.#refusal = found;
          this.#abort.abort();
        }
        this.#nextBytes = found.type === "more" ? done * 4 : Infinity;
      })
      .catch(() => {
        // What could not be looked at early is looked at in the end.
        this.#nextBytes = Infinity;
      })
      .finally(() => {
        this.#busy = false;
      });
  }

  /** Ends looks under way. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#looking;
  }
}
