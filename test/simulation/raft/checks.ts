/** What must hold of consensus, checked while it happens: Raft's five properties (figure 3.2 of the dissertation), and
 *  that reads are of now. */
import type { Applied, Asked, ReplicatedRows, RowsImage } from "../../../node/cluster/directory/raft/rows.ts";
import type { Core } from "../../../node/cluster/directory/raft/core.ts";
import type { RaftLog } from "../../../node/cluster/directory/raft/log.ts";
import type { Entry, RaftMessage, Snapshot, Write } from "../../../node/cluster/directory/raft/messages.ts";
import { rowBytes } from "../../../node/cluster/directory/deciding.ts";
import { voterMessageIn, voterMessageOut } from "../../../node/cluster/directory/raft/shape.ts";
import type { VoterMessage } from "../../../node/cluster/directory/raft/voter-message.ts";
import { encode } from "../../../protocols/index.ts";
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

/** What an entry says, and its hash. Nodes share entries, so each is put into words once. `taken`: it was read as its
 *  receiver reads it. */
interface Said {
  readonly text: string;
  readonly hash: number;
  taken: boolean;
}
function sayingOf(entry: Entry<Asked>): Said {
  const text = worded(entry);
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return { text, hash, taken: false };
}

const mixed = (hash: number, value: number): number => {
  const one = Math.imul(hash ^ value, 0x85ebca6b);
  return one ^ (one >>> 15);
};

/** As voters send it: the state is the rows alone. */
const sentAs = (message: RaftMessage<Asked, State>): VoterMessage =>
  message.type === "install"
    ? { ...message, snapshot: { ...message.snapshot, state: message.snapshot.state.image } }
    : message;

/** How messages were written that were read as their receiver reads them: beside their parts, and each part. What is
 *  written alike is read alike: a number counts by how many bytes it takes, and bytes by their length. */
const heads = new Set<number>();
const shapes = new Set<string>();

const fieldsOf = (one: object): number => {
  let count = 0;
  for (const _ in one) count += 1;
  return count;
};
/** How a number is written: in one byte, in two or in three; 3: it is none of these. */
const widthOf = (one: number): number =>
  (one | 0) !== one || one < 0 || one >= 1 << 16 ? 3 : one < 128 ? 0 : one < 256 ? 1 : 2;
const bit = (one: boolean): number => (one === true ? 1 : one === false ? 0 : 3);

/** How a message of a kind is written, from how its parts are; undefined: it has to be read. */
function packed(kind: number, a: number, b = 0, c = 0, d = 0, e = 0): number | undefined {
  if (a === 3 || b === 3 || c === 3 || d === 3 || e === 3) return undefined;
  return ((((kind * 4 + a) * 4 + b) * 4 + c) * 4 + d) * 4 + e;
}

/** How a message is written but for its parts; undefined: it has to be read. A field that is not known, or undefined,
 *  would be one too many. */
function headOf(message: RaftMessage<Asked, State>): number | undefined {
  const fields = fieldsOf(message);
  const term = widthOf(message.term);
  if (message.type === "install") {
    const { snapshot, round } = message;
    const isKnown = fields === 4 && fieldsOf(snapshot) === 4;
    return isKnown ? packed(7, term, widthOf(snapshot.index), widthOf(snapshot.term), widthOf(round)) : undefined;
  }
  if (message.type === "lead") return fields === 2 ? packed(1, term) : undefined;
  if (message.type === "voted")
    return fields === 4 ? packed(2, term, bit(message.pre), bit(message.granted)) : undefined;
  if (message.type === "appended")
    return fields === 4 ? packed(3, term, widthOf(message.match), widthOf(message.round)) : undefined;
  const mark = message.type === "append" ? message.previous : message.type === "vote" ? message.last : message.hint;
  if (fieldsOf(mark) !== 2) return undefined;
  const at = widthOf(mark.index);
  const of = widthOf(mark.term);
  if (message.type === "vote")
    return fields === 5 ? packed(4, term, bit(message.pre), bit(message.forced), at, of) : undefined;
  if (message.type === "refused")
    return fields === 5 ? packed(5, term, widthOf(message.previous), widthOf(message.round), at, of) : undefined;
  return fields === 6 ? packed(6, term, widthOf(message.commit), widthOf(message.round), at, of) : undefined;
}

/** How a part is written. What most of them are is put into words by hand: it is asked for each. */
function shapeOf(part: object): string {
  return ("body" in part ? shapeOfChange(part as Entry<Asked>) : undefined) ?? shapeOfAny(part);
}

/** Undefined: it is no change, or has other fields than one, or one of them is not what it has to be. */
function shapeOfChange(entry: Entry<Asked>): string | undefined {
  const { index, term, body } = entry;
  if (body.type !== "data" || "home" in body.data) return undefined;
  const { key, bytes, revision, guard } = body.data;
  if (fieldsOf(entry) !== 3 || fieldsOf(body) !== 2 || fieldsOf(body.data) !== 4) return undefined;
  if (!("bytes" in body.data && "guard" in body.data)) return undefined;
  if (typeof key !== "string" || (bytes !== undefined && !(bytes instanceof Uint8Array))) return undefined;
  const known = guard === undefined || (fieldsOf(guard) === 2 && typeof guard.key === "string");
  const numbers = packed(1, widthOf(index), widthOf(term), widthOf(revision), widthOf(guard?.revision ?? 0));
  if (!known || numbers === undefined) return undefined;
  return `${numbers} ${bytes?.length} ${key.length} ${key}${guard === undefined ? "" : ` ${guard.key}`}`;
}

/** How anything is written. */
function shapeOfAny(value: unknown): string {
  if (typeof value === "number") return widthOf(value) === 3 ? `n${value}` : `${widthOf(value)}`;
  if (typeof value === "string") return `s${value.length}:${value}`;
  if (value instanceof Uint8Array) return `b${value.length}`;
  if (typeof value !== "object" || value === null) return String(value);
  let shape = Array.isArray(value) ? "[" : "{";
  for (const name in value) shape += `${name}:${shapeOfAny((value as Record<string, unknown>)[name])},`;
  return shape;
}

/** The parts of a message that are read each by itself: the entries; of a copy of everything who counts, the rows, and
 *  what is beside them. */
function partsOf(message: RaftMessage<Asked, State>): readonly object[] {
  if (message.type === "append") return message.entries;
  if (message.type !== "install") return [];
  const { members, state } = message.snapshot;
  const { rows } = state.image;
  return [{ members }, { ...state.image, rows: String(rows.length) }, ...rows.map((row) => ({ row }))];
}

/** What values take, each encoded once. They are words, of which there are few. */
const valueBytes = new Map<unknown, number>();
function bytesOfValue(value: unknown): number {
  let bytes = valueBytes.get(value);
  if (bytes === undefined) valueBytes.set(value, (bytes = encode(value).length));
  return bytes;
}

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
  readonly #said = new Map<Entry<Asked>, Said>();

  constructor(violate: (checker: CheckerName, detail: string) => void) {
    this.violate = violate;
  }

  get committed(): number {
    return this.#applied.length;
  }

  #sayingOf(entry: Entry<Asked>): Said {
    const known = this.#said.get(entry);
    if (known !== undefined) return known;
    const said = sayingOf(entry);
    this.#said.set(entry, said);
    return said;
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
    if (write === undefined) return;
    for (const entry of write.entries) {
      const key = entry.term * 100_000 + entry.index;
      const { text } = this.#sayingOf(entry);
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
    const head = headOf(message);
    if (head !== undefined && heads.has(head) && this.#wereTaken(message)) return;
    if (voterMessageIn(voterMessageOut(sentAs(message))) === undefined)
      return this.violate("message-taken", `${id} sends ${JSON.stringify(message)}, which no voter takes`);
    for (const part of partsOf(message)) shapes.add(shapeOf(part));
    if (head !== undefined) heads.add(head);
  }

  /** Whether an entry was read, or one that is written like it. */
  #wasTaken(entry: Entry<Asked>): boolean {
    const said = this.#sayingOf(entry);
    return said.taken || (said.taken = shapes.has(shapeOf(entry)));
  }

  /** Whether that is so of each part, and entries follow one another as a receiver demands. */
  #wereTaken(message: RaftMessage<Asked, State>): boolean {
    if (message.type === "install") return partsOf(message).every((part) => shapes.has(shapeOf(part)));
    if (message.type !== "append") return true;
    const { previous, entries, term } = message;
    let at = previous.index;
    return entries.every((entry) => entry.index === (at += 1) && entry.term <= term && this.#wasTaken(entry));
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
    const said = this.#sayingOf(entry);
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
  moving(id: string, { index, body }: Entry<Asked>, decided: Applied | undefined, rows: ReplicatedRows): void {
    if (decided?.type === "changed" && index > this.#departedAt)
      this.violate("applied-same", `${id} changes a row at ${index}, when all were moved at ${this.#departedAt}`);
    if (decided?.type !== "departed" || body.type !== "data") return;
    this.#departedAt = Math.min(index, this.#departedAt);
    const copied = this.#copies.get(body.data.revision);
    const given = textOfRows(rows.image);
    if (given !== copied) this.violate("applied-same", `${id} gives up ${given}, where ${copied} was copied`);
  }

  /** What rows take is what is counted, and no more than there may be. */
  sized(id: string, rows: ReplicatedRows, bytesMax: number): void {
    let counted = 0;
    for (const { key, value } of rows.all.values()) counted += rowBytes(key, bytesOfValue(value));
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
