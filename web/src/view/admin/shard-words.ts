/** How the cluster's shards stand, in words. Pure. */
import { ago } from "./backup/words.ts";
import { counted } from "../../../../protocols/words/amounts.ts";
import { describeBeyondQuota } from "../../../../protocols/words/cluster-advice.ts";
import { troublesOf, type HolderSums, type ShardsView } from "../../../../protocols/index.ts";

/** How all of it stands, and the figures that are looked at first. */
interface ShardStanding {
  readonly tone: "good" | "warn" | "bad";
  readonly title: string;
  readonly faults: readonly string[];
  readonly nodesUp: number;
  readonly nodes: number;
  /** What shards take on the disks of nodes that are up. */
  readonly usedBytes: number;
  /** What those nodes have left. */
  readonly roomBytes: number;
  readonly shards: number;
  /** Shards whose bytes are not where they should be, or are damaged. */
  readonly lost: number;
  /** Holders that say nothing now: what they have, and lack, is in none of these figures. */
  readonly silent: number;
  /** Shards that were lost and are there again, and when the last one was. */
  readonly mended: NonNullable<HolderSums["mended"]> | undefined;
}

/** Nodes that are up and trusted take new bytes: so many are needed, unless a scheme of one copy is set. */
const takersMin = 2;

const sum = <Row>(rows: readonly Row[], of: (row: Row) => number | undefined): number =>
  rows.reduce((total, row) => total + (of(row) ?? 0), 0);

export function standingOfShards({ groups, nodes }: Pick<ShardsView, "groups" | "nodes">): ShardStanding {
  const up = nodes.filter((node) => node.up);
  const takers = up.filter(({ trust }) => trust !== "suspect");
  const suspects = nodes.filter(({ trust }) => trust === "suspect").map(({ name }) => name);
  const away = nodes.filter((node) => !node.up).map(({ name }) => name);
  const rows = groups.flatMap((group) => group.holders.map((row) => ({ row, ...troublesOf(row, group) })));
  const lost = sum(rows, (one) => one.lost);
  const silent = rows.filter(({ row }) => row.error !== undefined || row.status === "down" || row.status === "blocked");
  const shared = groups.filter(
    ({ open, holders }) => open && holders.some((row) => troublesOf(row, { holders }).besides.length > 0),
  );
  const faults = [
    ...(takers.length < takersMin
      ? [
          `${counted(takers.length, "node")} can store new data. ` +
            `Unless the configuration says otherwise (shardSchemes), at least ${takersMin} are needed. ` +
            "Invite one with `plexus invite --role storage`.",
        ]
      : []),
    ...(away.length > 0
      ? [
          `${named(away)} down. The cluster waits for ${away.length === 1 ? "it" : "them"}, ` +
            "then rebuilds the shards on other nodes.",
        ]
      : []),
    ...(lost > 0
      ? [`${counted(lost, "shard")} missing or damaged. The cluster rebuilds each from the other shards of its stripe.`]
      : []),
    ...(suspects.length > 0
      ? [`${named(suspects)} not trusted: audits found that shards were missing or not sent.`]
      : []),
    ...nodes.flatMap((row) => describeBeyondQuota(row.name, row) ?? []),
    ...(silent.length > 0
      ? [`${counted(silent.length, "holder")} ${silent.length === 1 ? "does" : "do"} not answer.`]
      : []),
    ...(takers.length >= takersMin && shared.length > 0 && away.length === 0
      ? ["Some nodes have two shards of a stripe: one more node with the role storage makes this safer."]
      : []),
  ];
  const tone = takers.length === 0 ? "bad" : faults.length > 0 ? "warn" : "good";
  const titles = {
    good: "All shards are where they should be",
    warn: "Shards can be read, but something needs attention",
    bad: "No new shards are kept",
  };
  return {
    tone,
    title: lost > 0 && tone === "warn" ? "Shards are being repaired" : titles[tone],
    faults,
    nodesUp: up.length,
    nodes: nodes.length,
    usedBytes: sum(up, ({ usedBytes }) => usedBytes),
    roomBytes: sum(up, ({ roomBytes }) => roomBytes),
    shards: sum(rows, ({ row }) => row.sums?.held.shards),
    lost,
    silent: silent.length,
    mended: mendedOf(rows.flatMap(({ row }) => row.sums?.mended ?? [])),
  };
}

/** What all holders have had repaired, taken together. */
function mendedOf(all: readonly NonNullable<HolderSums["mended"]>[]): ShardStanding["mended"] {
  if (all.length === 0) return undefined;
  return { shards: sum(all, ({ shards }) => shards), atMs: Math.max(...all.map(({ atMs }) => atMs)) };
}

/** What is to be repaired, as far as anybody knows. */
export function toRepair({ lost, silent }: Pick<ShardStanding, "lost" | "silent">): string {
  const unknown = silent === 0 ? "" : `, not counting ${counted(silent, "holder")} without an answer`;
  if (lost === 0) return silent === 0 ? "nothing" : `nothing known${unknown}`;
  return `${counted(lost, "shard")}${unknown}`;
}

/** What was repaired before, by the cluster itself or because somebody asked for it. */
export function repairedText(mended: ShardStanding["mended"], nowMs: number): string {
  return mended === undefined ? "nothing yet" : `${counted(mended.shards, "shard")}, last ${ago(mended.atMs, nowMs)}`;
}

function named(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length === 1 ? `${last} is` : `${names.slice(0, -1).join(", ")} and ${last} are`;
}
