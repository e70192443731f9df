import { pageLimits } from "./limits.ts";

/** An answer that the node has given, by the name that it gave it. */
interface Known {
  readonly name: string;
  readonly value: unknown;
  readonly chars: number;
}

/** Answers that this tab has, by the path that was asked. The one that was asked for least lately goes first. Only in
 *  memory: it is of one person, and gone with the tab. */
export class KnownAnswers {
  readonly #known = new Map<string, Known>();
  #chars = 0;

  /** The answer that is known of a path. Its name goes with the request, so that the node need not send it again. */
  of(path: string): Known | undefined {
    const known = this.#known.get(path);
    if (known === undefined) return undefined;
    this.#known.delete(path);
    this.#known.set(path, known);
    return known;
  }

  /** Keeps an answer, where it has a name and is small enough. */
  keep(path: string, { name, text, value }: { name: string | null; text: string; value: unknown }): void {
    this.#forget(path);
    if (name === null || text.length > pageLimits.knownAnswerCharsMax) return;
    this.#known.set(path, { name, value, chars: text.length });
    this.#chars += text.length;
    for (const [oldest] of this.#known) {
      if (this.#chars <= pageLimits.knownAnswersCharsMax) break;
      this.#forget(oldest);
    }
  }

  #forget(path: string): void {
    this.#chars -= this.#known.get(path)?.chars ?? 0;
    this.#known.delete(path);
  }
}
