/** What is asked of other holders to see that they have what they say, and what an answer means. Pure.
 *
 *  Each holder walks through its own inventory, all of it within a stated time and in an order that is drawn, and asks
 *  one other holder of each stripe for a leaf that is drawn at random: in one walk each shard is asked for by the
 *  holder of the shard before it, in the next one by the one before that. So a holder cannot know who asks when, nor
 *  which leaf, and every shard is asked for in every walk. */
import { shardsOf, type StripeRef } from "../../../protocols/index.ts";
import { contentTree } from "../blobs/index.ts";

/** `failed`: it gave a leaf that is not the shard's, or said that its bytes are damaged. `missing`: it says that it has
 *  none. `lacking`: so does the holder's inventory, which everybody can read: after a death the holder wakes without
 *  the bytes. That is no lie, and no reason for many more shards. `offline`: its node is not there. `slow`: no answer
 *  in time. `unknown`: too few holders of the stripe answer, or the node is too busy: nobody is blamed. */
export type AuditResult = "ok" | "failed" | "missing" | "lacking" | "offline" | "slow" | "unknown";

/** Whose shard is asked for by the holder of shard `own`, in its walk number `round`. */
export function targetOf(stripe: StripeRef, own: number, round: number): number {
  const width = stripe.shards.length;
  return width < 2 ? own : (own + 1 + (round % (width - 1))) % width;
}

/** Which leaf of a shard is asked for, with a number drawn in [0, 1). */
export const leafOf = (sizeBytes: number, leafBytes: number, drawn: number): number =>
  Math.floor(drawn * Math.max(1, Math.ceil(sizeBytes / leafBytes)));

/** What came of a question. */
export type Answer =
  | { readonly type: "proof"; readonly isProven: boolean; readonly tookMs: number }
  | { readonly type: "refused"; readonly code: string; readonly tookMs: number }
  | { readonly type: "unreached" };

/** What it means. `answering`: how many holders of the stripe are up, the asked one included. */
export function judge(
  answer: Answer,
  {
    stripe,
    answering,
    deadlineMs,
  }: { readonly stripe: StripeRef; readonly answering: number; readonly deadlineMs: number },
): AuditResult {
  if (answer.type === "proof") {
    if (!answer.isProven) return "failed";
    return answer.tookMs > deadlineMs ? "slow" : "ok";
  }
  if (answer.type === "refused" && answer.code === "DATA_DAMAGED") return "failed";
  if (answer.type === "refused" && answer.code === "NOT_FOUND") return "missing";
  // It may be this node that is cut off.
  if (answering < shardsOf(stripe.scheme).enough) return "unknown";
  if (answer.type === "unreached") return "offline";
  return answer.code === "PEER_LOST" ? "slow" : "unknown";
}

/** How many shards are asked about at once, so that all come within `coverMs` when it is done every `everyMs`. */
export const sampleSize = (
  shards: number,
  { coverMs, everyMs, max }: { readonly coverMs: number; readonly everyMs: number; readonly max: number },
): number => Math.min(max, Math.ceil((shards * everyMs) / coverMs));

/** How long a proof may take before it counts as slow: some times what other nodes take, within limits. A node that
 *  must fetch and decode what it is asked for takes longer than one that reads a leaf. `usualMs`: what each node took,
 *  by the last proofs. */
export function deadlineFor(
  usualMs: readonly number[],
  { mostMs, leastMs, factor }: { readonly mostMs: number; readonly leastMs: number; readonly factor: number },
): number {
  const sorted = usualMs.toSorted((one, other) => one - other);
  // Of a few nodes the slow ones may be many.
  const median = sorted.length < 3 ? undefined : sorted[Math.floor((sorted.length - 1) / 2)];
  return median === undefined ? mostMs : Math.min(mostMs, Math.max(leastMs, factor * median));
}

/** How many questions find, with a chance of `certainty`, somebody who cannot answer a share of them. */
export const challengesFor = (share: number, certainty: number): number =>
  Math.ceil(Math.log(1 - certainty) / Math.log(1 - share));

// --- the walk through an inventory -----------------------------------------------------------------------------------

/** Where the walk through a holder's inventory is. Its order is drawn anew for each round, and known to nobody else:
 *
 *      hashes ─► parts by their first digits, in an order of this round ─► the shards of a part, by their draws */
export interface Walk {
  readonly round: number;
  /** What the draws of this round depend on. */
  readonly secret: string;
  /** By how many first digits the inventory is parted. */
  readonly digits: number;
  /** Which part in their order. */
  readonly part: number;
  /** The last draw in it; undefined: none yet. */
  readonly drawn?: string;
}

const partShards = 500;
/** Parts are named by so many digits at the most. */
export const digitsMax = 3;

/** A walk that begins. */
export const beginWalk = (shards: number, round: number, secret: string): Walk => ({
  round,
  secret,
  digits: Math.min(digitsMax, Math.max(0, Math.ceil(Math.log(Math.max(1, shards / partShards)) / Math.log(16)))),
  part: 0,
});

/** What a name draws in a round. */
const drawOf = (secret: string, name: string): string =>
  Buffer.from(contentTree.hashLeaf(Buffer.from(`${secret}/${name}`))).toString("hex");

/** The first digits of the hashes in the walk's part; undefined: it has been through all. */
export function partOf({ secret, digits, part }: Walk): string | undefined {
  const parts = 16 ** digits;
  if (part >= parts) return undefined;
  if (digits === 0) return "";
  // An odd factor and a sum reach each part once.
  const drawn = drawOf(secret, "parts");
  const [factor, sum] = [Number.parseInt(drawn.slice(0, 6), 16) | 1, Number.parseInt(drawn.slice(6, 12), 16)];
  return ((part * factor + sum) % parts).toString(16).padStart(digits, "0");
}

/** The next of a part's shards, and where the walk is then. */
export function stepOf<Line extends { readonly hash: string; readonly stripe: string }>(
  walk: Walk,
  lines: readonly Line[],
  limit: number,
): { readonly lines: readonly Line[]; readonly walk: Walk } {
  const { drawn: last = "", ...rest } = walk;
  const left = lines
    .map((line) => ({ line, drawn: drawOf(walk.secret, `${line.hash}/${line.stripe}`) }))
    .filter(({ drawn }) => drawn > last)
    .sort((one, other) => (one.drawn < other.drawn ? -1 : 1));
  const taken = left.slice(0, limit);
  const end = taken.at(-1);
  return {
    lines: taken.map(({ line }) => line),
    walk:
      end === undefined || taken.length === left.length
        ? { ...rest, part: walk.part + 1 }
        : { ...walk, drawn: end.drawn },
  };
}

// --- what audits say of a node ---------------------------------------------------------------------------------------

/** What this node's audits have shown of another one. */
export interface Opinion {
  /** Which part of the time it answered well: by this new shards are given. */
  readonly reliability: number;
  /** The same without what no cheating explains: being away or busy. */
  readonly honesty: number;
  /** Questions that it answered well, and those to which it gave wrong bytes, or none. */
  readonly passed: number;
  readonly failed: number;
  /** What a proof takes it. */
  readonly usualMs: number;
}

/** Of the last results each counts a twentieth. */
const newest = 0.05;

export const noOpinion: Opinion = { reliability: 1, honesty: 1, passed: 0, failed: 0, usualMs: 0 };

/** With one more result. */
export function opinionAfter(before: Opinion, result: AuditResult, tookMs: number): Opinion {
  if (result === "unknown") return before;
  const well = result === "ok" ? 1 : result === "slow" ? 0.5 : 0;
  const isBad = result === "failed" || result === "missing";
  const answered = result === "ok" || result === "slow";
  return {
    reliability: before.reliability + newest * (well - before.reliability),
    honesty:
      result === "offline" || result === "lacking"
        ? before.honesty
        : before.honesty + newest * ((isBad ? 0 : well) - before.honesty),
    passed: before.passed + (result === "ok" ? 1 : 0),
    failed: before.failed + (isBad ? 1 : 0),
    usualMs: !answered
      ? before.usualMs
      : before.usualMs === 0
        ? tookMs
        : before.usualMs + 0.1 * (tookMs - before.usualMs),
  };
}
