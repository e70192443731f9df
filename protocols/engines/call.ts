/** What calls of every engine have in common. */
import type { TraceContext } from "../admin/traces.ts";
import type { Balance, Preference } from "./model-route.ts";

/** Where a call is that its model says nothing of yet. `queued`: others come first, so many as `ahead` says, where that
 *  is known; `loading`: the model is brought into memory; `reading`: the model has it. */
export interface CallPlace {
  readonly stage: "queued" | "loading" | "reading";
  readonly ahead?: number;
}

/** Hears where a call is. */
export type PlaceListener = (place: CallPlace) => void;

/** What a call wants of answers that are kept. */
export const cacheUses = ["use", "renew", "skip"] as const;
/** One of them. */
export type CacheWish = (typeof cacheUses)[number];

/** What the request of every engine has. */
export interface CallRequest {
  /** The step of a trace that asks. The asking node's own: it travels beside the request. */
  readonly trace?: TraceContext;
  /** Told where the call is, before its first part; never within the call. The asking node's own, as well. */
  readonly onPlace?: PlaceListener;
  /** Chosen by the asker, unique while the call runs; appears in logs and events. */
  readonly id: string;
  /** The call of which this is a part, where a route asks several models for one answer. The asking node's own, too. */
  readonly partOf?: string;
  /** A name from `models()`; the empty string means the default model. Absent for an engine without models. */
  readonly model?: string;
  /** From the request to the answer, queueing included. */
  readonly timeoutMs: number;
  /** How long it may go without a part of its answer, queueing included: each part begins it anew. Absent: only the
   *  whole has a limit. */
  readonly silenceMs?: number;
  /** The person who caused it, `user/ada`: people take turns. Those of nobody take theirs together. */
  readonly person?: string;
  /** Which of that person's keys, devices or agents: those take turns within the person's. */
  readonly key?: string;
  /** From 0, which is usual, to 3: a larger number waits behind smaller ones. It is for work that nobody waits for. */
  readonly priority?: number;
  /** How long the model stays in memory after it: negative, until its room is needed. Default: as long as the node
   *  says. */
  readonly keepAliveMs?: number;
  /** What a route that keeps answers does: `use`, also where chance has a part in the answer; `renew`, asks again and
   *  keeps that; `skip`, neither. Absent: as the route says. The asking node's own: no other node is told. */
  readonly cache?: CacheWish;
  /** How nodes that have the model share the calls. Absent: the fewest calls. The asking node's own, too. */
  readonly balance?: Balance;
  /** What counts before that, of nodes that have the model. Absent: what the node prefers. The asking node's own as
   *  well. */
  readonly prefer?: Preference;
}
