/** What a leader knows of another node's log, and what it sends next.
 *
 *      probe ──match──► stream ──refused──► probe          snapshot: the node needs what the leader's log has no more
 *        └────────────────► snapshot ──installed──► stream */
import type { Mark } from "./messages.ts";

/** A node as its leader sees it. */
export interface Follower {
  state: "probe" | "stream" | "snapshot";
  /** The node's disk has the leader's entries up to it. */
  match: number;
  /** The next entry to send. */
  next: number;
  /** The last index of each message on its way, in order. */
  flight: number[];
  /** Something is on its way that an answer will come to; until then, or the next heartbeat, nothing more is sent. */
  paused: boolean;
  /** The last question that it answered. */
  round: number;
  /** It was heard of since the last count. */
  heard: boolean;
  /** Of the snapshot that is on its way, and for how many heartbeats it has been. */
  installing: { readonly index: number; heartbeats: number } | undefined;
}

export const newFollower = (next: number): Follower => ({
  state: "probe",
  match: 0,
  next,
  flight: [],
  paused: false,
  round: 0,
  heard: true,
  installing: undefined,
});

/** It has everything up to `match`. True: something is new. */
export function matched(follower: Follower, match: number): boolean {
  const isNew = match > follower.match;
  follower.match = Math.max(follower.match, match);
  follower.next = Math.max(follower.next, match + 1);
  const { flight, installing } = follower;
  while (flight.length > 0 && (flight[0] as number) <= match) flight.shift();
  if (follower.state === "probe" || (installing !== undefined && follower.match >= installing.index)) {
    follower.state = "stream";
    follower.installing = undefined;
  }
  follower.paused = false;
  return isNew;
}

/** It has not `previous`. False: that was known, or is old. */
export function wasRefused(follower: Follower, previous: number, hint: Mark): boolean {
  if (follower.state === "snapshot" || previous <= follower.match) return false;
  if (follower.state === "probe" && follower.next - 1 !== previous) return false;
  follower.next = Math.max(Math.min(previous, hint.index + 1), follower.match + 1);
  follower.state = "probe";
  follower.flight = [];
  follower.paused = false;
  return true;
}
