/** A search as nodes ask each other for it, and the order of what they find. Pure. */
import type { ActorId, SearchTerm, SlotId } from "../../protocols/index.ts";

/** Where a message is: in a room, or in a conversation with an agent; written at that time. */
export interface Hit {
  readonly actor: ActorId;
  readonly seq: number;
  readonly atMs: number;
  /** How much it says of what was searched for. */
  readonly score?: number;
}

/** What must hold of a message. */
export interface Query {
  readonly terms: readonly SearchTerm[];
  /** Words with one typing error count as well. */
  readonly typos?: true;
  readonly author?: string;
  readonly afterMs?: number;
  /** Not included. */
  readonly beforeMs?: number;
  readonly hasLink?: true;
  readonly hasFile?: true;
  readonly hasReaction?: true;
  /** Of this person. */
  readonly mentions?: string;
  readonly thread?: number;
  /** Absent: newest first. */
  readonly best?: true;
  readonly limit: number;
  /** Only what comes behind it. */
  readonly behind?: Hit;
}

/** Where a log stands: its last entry. */
export interface Position {
  readonly epoch: number;
  readonly seq: number;
  readonly checksum: number;
}

/** What was found in an index. */
export interface Found {
  /** In the order of the query, at most as many as it asked for. */
  readonly hits: readonly Hit[];
  /** There may be more behind them. */
  readonly more: boolean;
  /** What comes before it was looked at. Absent: the last hit is it. */
  readonly end?: Hit;
}

/** The places that are searched, by slot. */
export type SlotPlaces = readonly (readonly [slot: SlotId, actors: readonly ActorId[]])[];

/** The order of what was found: newest first; of one time, by place. */
export const inTimeOrder = (one: Hit, other: Hit): number =>
  other.atMs - one.atMs || (one.actor < other.actor ? -1 : one.actor > other.actor ? 1 : other.seq - one.seq);

/** What the asker sends back for the next page. */
export const cursorOf = ({ atMs, actor, seq }: Hit): string => `${atMs}/${seq}/${actor}`;

/** Undefined: it is no cursor. */
export function readCursor(cursor: string): Hit | undefined {
  const [, atMs, seq, actor] = /^(\d{1,15})\/(\d{1,15})\/((?:room|agent)\/[a-z0-9._-]+)$/.exec(cursor) ?? [];
  return actor === undefined ? undefined : { atMs: Number(atMs), seq: Number(seq), actor: actor as ActorId };
}
/** Those first that say most; of the same, the newest. */
export const inScoreOrder = (one: Hit, other: Hit): number =>
  (other.score ?? 0) - (one.score ?? 0) || inTimeOrder(one, other);

/** Whether a text has a link in it. */
export const hasLink = (text: string): boolean => /https?:\/\/[^\s/]/.test(text);

/** What a message may have beside its text. */
export interface Beside {
  readonly files?: readonly unknown[] | undefined;
  readonly reactions?: Readonly<Record<string, readonly unknown[]>> | undefined;
}
/** What is searched of a message: its text, and behind it the name of each of its files in a line of its own. */
export const searchedText = (text: string, files: readonly { readonly name: string }[] = []): string =>
  [...(text === "" ? [] : [text]), ...files.map(({ name }) => name)].join("\n");

export const hasFile = ({ files = [] }: Beside): boolean => files.length > 0;
export const hasReaction = ({ reactions = {} }: Beside): boolean =>
  Object.values(reactions).some((people) => people.length > 0);

/** What some nodes found, as one. */
export function mergeHits(query: Query, parts: readonly Found[]): Found {
  // A slot that moves may be answered for by two nodes.
  const distinct = new Map(parts.flatMap(({ hits }) => hits.map((hit) => [`${hit.actor} ${hit.seq}`, hit] as const)));
  const all = [...distinct.values()].toSorted(query.best === true ? inScoreOrder : inTimeOrder);
  // Behind the last that a node has named there may be others of it, before what the next node has named.
  const lastOf = ({ end, hits }: Found): Hit | undefined => end ?? (query.best === true ? undefined : hits.at(-1));
  const ends = parts.flatMap((part) => (part.more ? (lastOf(part) ?? []) : []));
  const end = ends.toSorted(inTimeOrder)[0];
  const known = end === undefined ? all : all.filter((hit) => inTimeOrder(hit, end) <= 0);
  const hits = known.slice(0, query.limit);
  const more = known.length > hits.length || parts.some((part) => part.more);
  return { hits, more, ...(more && hits.length === known.length && end && { end }) };
}
