/** What the operations on shards do: the groups of holders are shown, and admins put stripes by hand, to try new
 *  nodes. */
import {
  acted,
  failure,
  holderOf,
  ok,
  refused,
  type ActorId,
  type HandlersOf,
  type HolderRow,
  type HolderSums,
  type Result,
  type shardOperations,
  type ShardPage,
  type ShardsView,
} from "../../../protocols/index.ts";
import type { Kernel } from "../../kernel/api.ts";
import type { ClusterControl } from "../../cluster/placement/api.ts";
import type { ShardControl } from "../../ports/index.ts";

/** For whom stripes are kept that admins put by hand: one admin may release what another put. */
const byHand: ActorId = "admin/put";

type Operations = HandlersOf<typeof shardOperations>;
type OfHolders = "shards.list" | "shards.inventory";

/** What the handlers that look at holders stand on. */
interface HolderParts {
  readonly cluster: Pick<ClusterControl, "groups">;
  readonly kernel: Pick<Kernel, "ask">;
  readonly limits: { readonly askTimeoutMs: number; readonly sumsTimeoutMs: number };
}

/** The handlers that look at holders. */
export function handleHolders({ cluster, kernel, limits }: HolderParts): Pick<Operations, OfHolders> {
  /** A holder that does not answer is shown all the same. */
  const withSums = async (row: HolderRow): Promise<HolderRow> => {
    if (row.owner === undefined || row.status === "down") return row;
    const message = { type: "sums" };
    const answer = await kernel.ask({ to: row.holder, from: "gateway", message, timeoutMs: limits.sumsTimeoutMs });
    return answer.ok ? { ...row, sums: answer.value as HolderSums } : { ...row, error: answer.error.code };
  };
  return {
    "shards.list": async () => {
      const { places, groups, nodes } = cluster.groups();
      const rows: ShardsView["groups"][number][] = [];
      // One group at a time: so many holders are asked at once as a group has.
      for (const group of groups) rows.push({ ...group, holders: await Promise.all(group.holders.map(withSums)) });
      return ok({ places, groups: rows, nodes });
    },
    "shards.inventory": async ({ group, index, ...query }) => {
      const to = holderOf(group, index);
      const known = cluster
        .groups()
        .groups.some(({ holders }) => holders.some(({ holder, owner }) => holder === to && owner !== undefined));
      // A question brings no holder into being.
      if (!known) return refused(failure("NOT_FOUND", { holder: to }));
      const message = { type: "list", ...query };
      const answer = await kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs });
      return answer as Result<ShardPage>;
    },
  };
}

/** The handlers of stripes that are put by hand. */
export const handleStripes = ({
  stripes,
  heal,
}: Pick<ShardControl, "stripes" | "heal">): Omit<Operations, OfHolders> => ({
  "shards.heal": async () => {
    const nodes = await heal();
    return { result: ok({ nodes }), told: { facts: { nodes: String(nodes.length) } } };
  },
  "stripes.put": async ({ bytes: text, expiresInMs }) => {
    const bytes = Buffer.from(text, "base64");
    const life = expiresInMs !== undefined && { lifeMs: expiresInMs };
    const put = await stripes.put(bytes, { class: "by hand", owner: byHand, ...life });
    const facts = { bytes: bytes.length };
    if (!put.ok) return { result: put, facts };
    const told = { facts: { stripe: put.value.id, bytes: String(bytes.length) } };
    return { result: ok({ stripe: put.value }), facts, told };
  },
  "stripes.read": async ({ stripe }) => {
    const read = await stripes.read(stripe);
    return read.ok ? ok({ bytes: Buffer.from(read.value).toString("base64") }) : read;
  },
  "stripes.inspect": ({ stripe, deep }) => stripes.inspect(stripe, deep),
  "stripes.release": async ({ stripe }) => {
    const released = await stripes.release(stripe, byHand);
    return acted(released.ok ? ok({}) : released);
  },
});
