/** A search as nodes ask each other for it, and the order of what they find. Pure. */
import type { ActorId, SearchTerm } from "../../protocols/index.ts";

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
  /** Of this person. */
  readonly mentions?: string;
  readonly thread?: number;
  /** Absent: newest first. */
  readonly best?: true;
  readonly limit: number;
  /** Only what comes behind it. */
  readonly behind?: Hit;
}

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
