/** What must hold of consensus, checked while it happens: Raft's five properties (figure 3.2 of the dissertation), and
 *  that reads are of now. */
import type { Applied, Asked, ReplicatedRows, RowsImage } from "../../../node/cluster/directory/raft/rows.ts";
import type { Core } from "../../../node/cluster/directory/raft/core.ts";
import type { RaftLog } from "../../../node/cluster/directory/raft/log.ts";
import type { Entry, RaftMessage, Snapshot, Write } from "../../../node/cluster/directory/raft/messages.ts";
import { bytesOfRows } from "../../../node/cluster/directory/sized-rows.ts";
import { voterMessageIn, voterMessageOut } from "../../../node/cluster/directory/raft/shape.ts";
import type { VoterMessage } from "../../../node/cluster/directory/raft/voter-message.ts";
import type { CheckerName } from "../checkers.ts";

/** What applying comes to: the rows, and a hash over all changes up to an index and what was decided on them. */
export interface State {
  readonly index: number;
  readonly hash: number;
  readonly image: RowsImage;
}
type Hashed = Omit<State, "image">;

const textOfChange = (asked: Asked): string => {
  if ("home" in asked) return `to ${asked.home.prefix}@${asked.revision}`;
  const { key, bytes, revision, guard } = asked;
  return `${key}@${revision}=${bytes?.at(-1)} ${guard?.key}@${guard?.revision}`;
};
const worded = ({ term, body }: Entry<Asked>): string =>
  body.type === "data"
    ? `${term} ${textOfChange(body.data)}`
    : body.type === "members"
      ? `${term} ${body.members.voters.join()}/${body.members.learners.join()}`
      : `${term}`;

const codes = { full: 0, moved: 1e9, departed: 1e9 + 1, outdated: 1e9 + 2 } as const;
/** What was decided, as a number: the revision that a change gave a row, or that the row kept; or one of the above. */
function codeOf(decided: Applied | undefined): number {
  if (decided === undefined) return 0;
  if (decided.type === "changed") return decided.revision;
  return decided.type === "same" ? -1 - (decided.row?.revision ?? 0) : codes[decided.type];
}

const textOfRows = ({ rows }: RowsImage): string =>
  rows
    .map(({ key, revision }) => `${key}@${revision}`)
    .sort()
    .join();

/** What an entry says, and its hash. Nodes share entries, so each is put into words once. */
interface Said {
  readonly text: string;
  readonly hash: number;
}
const saidBy = new WeakMap<Entry<Asked>, Said>();
function sayingOf(entry: Entry<Asked>): Said {
  const known = saidBy.get(entry);
  if (known !== undefined) return known;
  const text = worded(entry);
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  const said = { text, hash };
  saidBy.set(entry, said);
  return said;
}

const mixed = (hash: number, value: number): number => {
  const one = Math.imul(hash ^ value, 0x85ebca6b);
  return (one ^ (one >>> 15)) >>> 0;
};

/** As voters send it: the state is the rows alone. */
const sentAs = (message: RaftMessage<Asked, State>): VoterMessage =>
  message.type === "install"
    ? { ...message, snapshot: { ...message.snapshot, state: message.snapshot.state.image } }
    : message;

export class Checks {
  readonly violate: (checker: CheckerName, detail: string) => void;
  /** What was applied first at each index, and what all up to it came to. */
  readonly #applied: {
    readonly text: string;
    readonly code: number;
    readonly term: number;
    readonly byTerm: number;
    readonly hash: number;
  }[] = [];
  /** Rows that were copied, by their revision; and where the log says that they were moved. */
  readonly #copies = new Map<number, string>();
  #departedAt = Infinity;
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
  leads(id: string, core: Core<Asked, State>): void {
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
  #lacks({ log, term }: Core<Asked, State>, index: number): boolean {
    const known = this.#applied[index - 1];
    return known !== undefined && known.byTerm < term && log.termAt(index) !== known.term;
  }

  /** Entries of the same place and term are the same, and so is what is before them. */
  written(id: string, write: Write<Asked, State> | undefined): void {
    for (const entry of write?.entries ?? []) {
      const key = entry.term * 100_000 + entry.index;
      const { text } = sayingOf(entry);
      const known = this.#written.get(key);
      if (known === undefined) this.#written.set(key, text);
      else if (known !== text)
        this.violate("logs-match", `${id} has ${text} at ${entry.index}, which was ${known} in the same term`);
    }
  }

  /** A message that has arrived, or that leaves. */
  heard(from: string, to: string, message: RaftMessage<Asked, State>): void {
    if (message.type !== "voted" || !message.pre || !message.granted) return;
    const key = `${to} ${message.term}`;
    this.#wouldVote.set(key, (this.#wouldVote.get(key) ?? new Set()).add(from));
  }

  /** What is sent is what the others take: they end the connection of who sends anything else. */
  taken(id: string, message: RaftMessage<Asked, State>): void {
    if (voterMessageIn(voterMessageOut(sentAs(message))) === undefined)
      this.violate("message-taken", `${id} sends ${JSON.stringify(message)}, which no voter takes`);
  }

  said(id: string, voters: readonly string[], message: RaftMessage<Asked, State>): void {
    if (message.type !== "vote" || message.pre || message.forced) return;
    const would = this.#wouldVote.get(`${id} ${message.term}`);
    const count = voters.filter((voter) => voter === id || would?.has(voter)).length;
    if (count <= voters.length / 2) this.violate("leader-not-deposed", `${id} begins term ${message.term} unasked`);
  }

  applied(
    id: string,
    before: Hashed,
    entry: Entry<Asked>,
    { decided, byTerm }: { readonly decided: Applied | undefined; readonly byTerm: number },
  ): Hashed {
    const said = sayingOf(entry);
    const { text } = said;
    const code = codeOf(decided);
    if (entry.index !== before.index + 1)
      this.violate("applied-same", `${id} applies ${entry.index} after ${before.index}`);
    const hash = mixed(mixed(before.hash, said.hash), code);
    const known = this.#applied[entry.index - 1];
    if (known === undefined) this.#applied[entry.index - 1] = { text, code, term: entry.term, byTerm, hash };
    else if (known.text !== text || known.hash !== hash)
      this.violate(
        "applied-same",
        `${id} applies ${text} at ${entry.index} as ${code}, where others have ${known.text} as ${known.code}`,
      );
    return { index: entry.index, hash };
  }

  /** Rows that are given to another place. */
  copied(image: RowsImage): void {
    this.#copies.set(image.revision, textOfRows(image));
  }

  /** Voters end with the rows that the place they are moved to was given, and change none of them any more. */
  moving(id: string, { index, body }: Entry<Asked>, decided: Applied | undefined, image: RowsImage): void {
    if (decided?.type === "changed" && index > this.#departedAt)
      this.violate("applied-same", `${id} changes a row at ${index}, when all were moved at ${this.#departedAt}`);
    if (decided?.type !== "departed" || body.type !== "data") return;
    this.#departedAt = Math.min(index, this.#departedAt);
    const copied = this.#copies.get(body.data.revision);
    if (textOfRows(image) !== copied)
      this.violate("applied-same", `${id} gives up ${textOfRows(image)}, where ${copied} was copied`);
  }

  /** What rows take is what is counted, and no more than there may be. */
  sized(id: string, rows: ReplicatedRows, bytesMax: number): void {
    const counted = bytesOfRows(rows.all.values());
    if (rows.bytes !== counted)
      this.violate("rows-counted", `${id} counts ${rows.bytes} bytes of rows that take ${counted}`);
    if (counted > bytesMax) this.violate("bounds-held", `${id} has rows of ${counted} bytes, of at most ${bytesMax}`);
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

  same(id: string, log: RaftLog<Asked>): void {
    for (let index = log.base.index + 1; index <= Math.min(log.last.index, this.#applied.length); index += 1)
      if (log.termAt(index) !== this.#applied[index - 1]?.term)
        return this.violate("logs-match", `${id} ends with another entry at ${index}`);
  }
}
