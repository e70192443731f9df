/** What a holder knows: the sums of its inventory, and which stripes changed last. The inventory itself is records:
 *
 *      stripe/ID            a shard, whole
 *      hash/HASH/ID         its line, in the order in which blobs are listed
 *      lost/HASH/ID         its line, when its bytes are not at the owner's node
 *      free/TIME/ID         a shard, whole, from when on nobody refers to it
 *      trash/TIME/ID        a shard, whole, since when it is in the trash
 *      stripe/ID/released   which owner released a stripe, and by which operation: what began before that is refused
 *      released/TIME/ID     the same, in the order in which it is forgotten */
import {
  clocksApartMs,
  holdsAt,
  wireLimits,
  type HeldShard,
  type HolderSums,
  type ShardLine,
  type ShardReference,
  type ShardSum,
} from "../../protocols/index.ts";
import type { RecordOp } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";

export interface HolderState extends HolderSums {
  /** How many changes of shards there were. */
  readonly changes: number;
  /** The stripes of the last of them, the newest last. */
  readonly changed: readonly string[];
  /** Stripes whose releases are remembered. */
  readonly released: number;
}

/** Owners that released a stripe, the first one first. */
export interface Released {
  readonly stripe: string;
  readonly owners: readonly { readonly owner: string; readonly operation: number; readonly atMs: number }[];
}

/** As much of a shard as its records and the sums depend on. */
interface Brief extends ShardLine {
  readonly freeFromMs?: number;
}

/** A shard of the inventory as it was and as it is. Without `before` it is new, without `after` gone. */
interface ShardChange {
  readonly before?: Brief;
  readonly after?: HeldShard;
}

/** What is persisted. */
export type HolderChange =
  | {
      readonly type: "changed";
      readonly shards: readonly ShardChange[];
      /** When lost ones of them were there again. */
      readonly mendedAtMs?: number;
    }
  | {
      readonly type: "released";
      readonly stripes: readonly { readonly before?: Released; readonly after?: Released }[];
    }
  | { readonly type: "reported"; readonly at: NonNullable<HolderSums["at"]> };

const nothing: ShardSum = { shards: 0, bytes: 0 };

/** A holder that has nothing. */
export const initial: HolderState = {
  held: nothing,
  lost: nothing,
  trash: nothing,
  changes: 0,
  changed: [],
  released: 0,
};

/** The line of a shard in a page. */
export function lineOf({ stripe, shard, lost, trashedAtMs }: HeldShard): ShardLine {
  const { hash = "", sizeBytes = 0 } = stripe.shards[shard] ?? {};
  return {
    hash,
    stripe: stripe.id,
    sizeBytes,
    ...(lost !== undefined && { lost: lost.why }),
    ...(trashedAtMs !== undefined && { trashedAtMs }),
  };
}

export const briefOf = (held: HeldShard): Brief => ({
  ...lineOf(held),
  ...(held.freeFromMs !== undefined && { freeFromMs: held.freeFromMs }),
});

/** Whether a reference is over. One that ends later than it was to last was begun while this holder's clock was
 *  ahead. */
export const isOver = ({ expiresAtMs, lifeMs = wireLimits.shardGraceMsMax }: ShardReference, nowMs: number): boolean =>
  expiresAtMs !== undefined && !holdsAt(nowMs, expiresAtMs, lifeMs);

/** From when on nobody refers to a stripe, without references from `sinceMs` on. Undefined: somebody does without an
 *  end. */
export function freeFrom(references: readonly ShardReference[], sinceMs: number): number | undefined {
  if (references.length === 0) return sinceMs;
  const last = Math.max(...references.map(({ expiresAtMs }) => expiresAtMs ?? Infinity));
  return last === Infinity ? undefined : last;
}

/** Whether what a read says of a stripe may be older than the state: the stripe changed after there had been
 *  `changes`. */
export function isOld({ changes, changed }: HolderState, since: number, stripe: string): boolean {
  const more = changes - since;
  return more > changed.length || (more > 0 && changed.slice(-more).includes(stripe));
}

/** Folds one change into the state. */
export function evolve(state: HolderState, change: HolderChange): HolderState {
  if (change.type === "reported") return { ...state, at: change.at };
  if (change.type === "released") {
    const names = change.stripes.flatMap(({ before, after }) => after?.stripe ?? before?.stripe ?? []);
    const more = change.stripes.filter(({ before }) => before === undefined).length;
    const fewer = change.stripes.filter(({ after }) => after === undefined).length;
    return { ...changedBy(state, names), released: state.released + more - fewer };
  }
  let { held, lost, trash } = state;
  for (const { before, after } of change.shards)
    for (const [brief, sign] of [
      [before, -1],
      [after && briefOf(after), 1],
    ] as const) {
      if (brief === undefined) continue;
      if (brief.trashedAtMs !== undefined) trash = plus(trash, brief, sign);
      else held = plus(held, brief, sign);
      if (isLost(brief)) lost = plus(lost, brief, sign);
    }
  const names = change.shards.flatMap(({ before, after }) => after?.stripe.id ?? before?.stripe ?? []);
  return { ...changedBy(state, names), held, lost, trash, ...mendedBy(state, change) };
}

/** Counts shards that were lost and are there again, not those that went into the trash or out of the inventory. */
function mendedBy(
  { mended }: HolderState,
  { shards, mendedAtMs: atMs }: Extract<HolderChange, { readonly type: "changed" }>,
): Pick<HolderState, "mended"> {
  if (atMs === undefined) return {};
  const isThere = (after: HeldShard | undefined): boolean =>
    after !== undefined && after.lost === undefined && after.trashedAtMs === undefined;
  const back = shards.filter(({ before, after }) => before !== undefined && isLost(before) && isThere(after)).length;
  return back === 0 ? {} : { mended: { shards: (mended?.shards ?? 0) + back, atMs } };
}

const changedBy = (state: HolderState, names: readonly string[]): HolderState => ({
  ...state,
  changes: state.changes + names.length,
  changed: [...state.changed, ...names].slice(-limits.shardChangesKept),
});

const plus = ({ shards, bytes }: ShardSum, { sizeBytes }: Brief, sign: 1 | -1): ShardSum => ({
  shards: shards + sign,
  bytes: bytes + sign * sizeBytes,
});

const isLost = ({ lost, trashedAtMs }: Brief): boolean => lost !== undefined && trashedAtMs === undefined;

export const stripeKey = (stripe: string): string => `stripe/${stripe}`;
/** Where a stripe's shard and its releases are, and nothing else. */
export const stripeRange = (stripe: string) => ({ from: stripeKey(stripe), to: `${stripeKey(stripe)}0`, limit: 2 });
const releasedKey = (stripe: string): string => `${stripeKey(stripe)}/released`;

const timeKey = (prefix: "free" | "trash" | "released", atMs: number, stripe = ""): string =>
  `${prefix}/${String(atMs).padStart(16, "0")}/${stripe}`;

/** The keys of records that are due: of times up to `untilMs`. */
export const dueRange = (prefix: "free" | "trash" | "released", untilMs: number) => ({
  from: `${prefix}/`,
  to: timeKey(prefix, Math.max(0, untilMs + 1)),
});

/** The keys of records whose time lies further ahead than their rule allows: of a shard that becomes free, later than
 *  what is usual; of what has happened, at all. A clock that was ahead may have said so. The furthest one comes first;
 *  `before`: where the last page ended. */
export const aheadRange = (prefix: "free" | "trash" | "released", nowMs: number, before = `${prefix}0`) => ({
  from: timeKey(prefix, nowMs + clocksApartMs + (prefix === "free" ? limits.shardLifeUsualMs : 0)),
  to: before,
  reverse: true,
});

/** The keys of a shard's records beside its own, which depend on how it stands. */
function keysOf(brief: Brief): readonly string[] {
  const { hash, stripe, freeFromMs, trashedAtMs } = brief;
  if (trashedAtMs !== undefined) return [`hash/${hash}/${stripe}`, timeKey("trash", trashedAtMs, stripe)];
  return [
    `hash/${hash}/${stripe}`,
    ...(isLost(brief) ? [`lost/${hash}/${stripe}`] : []),
    ...(freeFromMs === undefined ? [] : [timeKey("free", freeFromMs, stripe)]),
  ];
}

/** What a change does to the records. */
export function record(change: HolderChange): readonly RecordOp[] {
  if (change.type === "reported") return [];
  return change.type === "released" ? change.stripes.flatMap(recordReleased) : change.shards.flatMap(recordOne);
}

function recordReleased({
  before,
  after,
}: {
  readonly before?: Released;
  readonly after?: Released;
}): readonly RecordOp[] {
  const dueKey = ({ stripe, owners }: Released): string => timeKey("released", owners[0]?.atMs ?? 0, stripe);
  const known = before && dueKey(before);
  if (after === undefined) return known && before ? [{ delete: releasedKey(before.stripe) }, { delete: known }] : [];
  const due = dueKey(after);
  const moved = known !== undefined && known !== due ? [{ delete: known }] : [];
  return [...moved, { put: releasedKey(after.stripe), value: after }, { put: due, value: after }];
}

function recordOne({ before, after }: ShardChange): readonly RecordOp[] {
  const keys = after === undefined ? [] : keysOf(briefOf(after));
  const gone = before === undefined ? [] : keysOf(before).filter((key) => !keys.includes(key));
  const deletes = gone.map((key) => ({ delete: key }));
  if (after === undefined) return [...deletes, ...(before === undefined ? [] : [{ delete: stripeKey(before.stripe) }])];
  const isWhole = (key: string): boolean => key.startsWith("free/") || key.startsWith("trash/");
  const puts = keys.map((key) => ({ put: key, value: isWhole(key) ? after : lineOf(after) }));
  return [...deletes, { put: stripeKey(after.stripe.id), value: after }, ...puts];
}
