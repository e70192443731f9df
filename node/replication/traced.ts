/** Appends of one epoch that are traced: a step until all that must have them do, and below it one until this node's
 *  own disk has them. */
import type { SlotId, TraceContext } from "../../protocols/index.ts";
import type { Span, Tracer } from "../ports/index.ts";

interface Traced {
  readonly seq: number;
  readonly commit: Span;
  write: Span | undefined;
}

export class TracedAppends {
  readonly #tracer: Tracer;
  readonly #facts: { readonly slot: SlotId; readonly epoch: number };
  readonly #max: number;
  #open: Traced[] = [];

  constructor(tracer: Tracer, facts: { readonly slot: SlotId; readonly epoch: number }, max: number) {
    this.#tracer = tracer;
    this.#facts = facts;
    this.#max = max;
  }

  /** An append was made. Undefined: it is not traced, or too many are. */
  begin(trace: TraceContext, seq: number): Span | undefined {
    if (this.#open.length >= this.#max) return undefined;
    const commit = this.#tracer.under(trace, "commit", { ...this.#facts, seq });
    if (commit === undefined) return undefined;
    const one: Traced = { seq, commit, write: this.#tracer.under(commit.context, "journal", { ...this.#facts, seq }) };
    this.#open.push(one);
    return {
      context: commit.context,
      end: (error) => {
        one.write?.end(error);
        commit.end(error);
        this.#open = this.#open.filter((other) => other !== one);
      },
    };
  }

  /** This node's disk has everything up to there. */
  durable(seq: number): void {
    for (const one of this.#open) {
      if (one.seq > seq) break;
      one.write?.end();
      one.write = undefined;
    }
  }

  /** The steps that wait for entries after `from`, up to `to`. */
  between(from: number, to: number): TraceContext[] {
    if (this.#open.length === 0) return [];
    return this.#open.filter(({ seq }) => seq > from && seq <= to).map(({ commit }) => commit.context);
  }
}
