/** What must hold of consensus, checked while it happens: Raft's five properties (figure 3.2 of the dissertation), and that reads are of now. */
import type { Core } from "../../../node/directory/raft/core.ts";
import type { RaftLog } from "../../../node/directory/raft/log.ts";
import type { Entry, RaftMessage, Snapshot, Write } from "../../../node/directory/raft/messages.ts";

import type { CheckerName } from "../checkers.ts";

/** What applying comes to: a hash over everything up to an index. */
export interface State {
  readonly index: number;
  readonly hash: number;
}

const textOf = ({ term, body }: Entry<string>): string =>
  body.type === "data" ? `${term} ${body.data}` : body.type === "members" ? `${term} ${body.members.voters.join()}/${body.members.learners.join()}` : `${term}`; // prettier-ignore

function hashOf(before: number, text: string): number {
  let hash = before ^ 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

export class Checks {
  readonly violate: (checker: CheckerName, detail: string) => void;
  /** What was applied first at each index, and what all up to it came to. */
  readonly #applied: {
    readonly text: string;
    readonly term: number;
    readonly byTerm: number;
    readonly hash: number;
  }[] = [];
  readonly #leaders = new Map<number, string>();
  /** Each entry that was ever written, by its place and term, with the term before it. */
  readonly #written = new Map<number, string>();
  /** Who told whom that it would vote, by term: a voter that was cut off must not begin terms that depose a leader. */
  readonly #wouldVote = new Map<string, Set<string>>();
  /** Questions, and how far somebody had applied when they were asked. */
  readonly #asked = new Map<number, number>();

  constructor(violate: (checker: CheckerName, detail: string) => void) {
    this.violate = violate;
  }

  get committed(): number {
    return this.#applied.length;
  }

  /** One leader a term; a leader has everything that is committed. */
  leads(id: string, core: Core<string, State>): void {
    if (core.role !== "leader") return;
    const known = this.#leaders.get(core.term);
    if (known === id) return;
    if (known !== undefined) this.violate("one-leader", `${known} and ${id} lead term ${core.term}`);
    this.#leaders.set(core.term, id);
    for (let index = core.log.base.index + 1; index <= this.#applied.length; index += 1)
      if (this.#lacks(core, index))
        return this.violate("leader-has-all", `${id} leads term ${core.term} without entry ${index}`);
  }

  /** What was committed in a later term a leader of an earlier one need not have. */
  #lacks({ log, term }: Core<string, State>, index: number): boolean {
    const known = this.#applied[index - 1];
    return known !== undefined && known.byTerm < term && log.termAt(index) !== known.term;
  }

  /** Entries of the same place and term are the same, and so is what is before them. */
  written(id: string, write: Write<string, State> | undefined): void {
    for (const entry of write?.entries ?? []) {
      const key = entry.term * 100_000 + entry.index;
      const text = textOf(entry);
      const known = this.#written.get(key);
      if (known === undefined) this.#written.set(key, text);
      else if (known !== text)
        this.violate("logs-match", `${id} has ${text} at ${entry.index}, which was ${known} in the same term`);
    }
  }

  /** A message that has arrived, or that leaves. */
  heard(from: string, to: string, message: RaftMessage<string, State>): void {
    if (message.type !== "voted" || !message.pre || !message.granted) return;
    const key = `${to} ${message.term}`;
    this.#wouldVote.set(key, (this.#wouldVote.get(key) ?? new Set()).add(from));
  }

  said(id: string, voters: readonly string[], message: RaftMessage<string, State>): void {
    if (message.type !== "vote" || message.pre || message.forced) return;
    const would = this.#wouldVote.get(`${id} ${message.term}`);
    const count = voters.filter((voter) => voter === id || would?.has(voter)).length;
    if (count <= voters.length / 2) this.violate("leader-not-deposed", `${id} begins term ${message.term} unasked`);
  }

  applied(id: string, before: State, entry: Entry<string>, byTerm: number): State {
    const text = textOf(entry);
    if (entry.index !== before.index + 1)
      this.violate("applied-same", `${id} applies ${entry.index} after ${before.index}`);
    const hash = hashOf(before.hash, text);
    const known = this.#applied[entry.index - 1];
    if (known === undefined) this.#applied[entry.index - 1] = { text, term: entry.term, byTerm, hash };
    else if (known.text !== text || known.hash !== hash)
      this.violate("applied-same", `${id} applies ${text} at ${entry.index}, where others have ${known.text}`);
    return { index: entry.index, hash };
  }

  restored(id: string, { index, state }: Snapshot<State>): void {
    const known = this.#applied[index - 1];
    if (index !== state.index || (index > 0 && known?.hash !== state.hash))
      this.violate("applied-same", `${id} is given a snapshot of ${index} that nobody had`);
  }

  asked(question: number): void {
    this.#asked.set(question, this.#applied.length);
  }

  read(question: number, index: number): void {
    const atLeast = this.#asked.get(question) ?? 0;
    if (index < atLeast) this.violate("reads-of-now", `answered as of ${index}, when ${atLeast} was known`);
  }

  same(id: string, log: RaftLog<string>): void {
    for (let index = log.base.index + 1; index <= Math.min(log.last.index, this.#applied.length); index += 1)
      if (log.termAt(index) !== this.#applied[index - 1]?.term)
        return this.violate("logs-match", `${id} ends with another entry at ${index}`);
  }
}
