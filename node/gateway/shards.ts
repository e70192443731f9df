import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import {
  failure,
  holderOf,
  holderParams,
  PlexusError,
  schema,
  shardHolderCommands,
  type HolderRow,
  type HolderSums,
  type ShardPage,
  type ShardsView,
} from "../../protocols/index.ts";
import type { ClusterControl } from "../placement/api.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

const { only, after } = shardHolderCommands.list.params.properties;
/** Query strings are text: a page's size is read from it. */
const listQuery = schema.object({ only, after, limit: Type.Optional(schema.limit) });

/** Adds the routes under /api/v1/admin/shards, for admins: the groups of shard-holders, where these are, and what their inventories say. */
export function addShardRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;
  const config = { access: "admin" } as const;
  const tags = ["admin"];
  const control = (): ClusterControl => {
    if (at.cluster === undefined) throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
    return at.cluster;
  };

  /** A holder that does not answer is shown all the same. */
  const withSums = async (row: HolderRow): Promise<HolderRow> => {
    if (row.owner === undefined || row.status === "down") return row;
    const message = { type: "sums" };
    const answer = await kernel.ask({
      to: row.holder,
      from: "gateway",
      message,
      timeoutMs: limits.sumsTimeoutMs,
    });
    return answer.ok ? { ...row, sums: answer.value as HolderSums } : { ...row, error: answer.error.code };
  };

  app.get(
    "/admin/shards",
    {
      config,
      schema: {
        summary:
          "Groups of shard-holders: which node owns which, what it holds, what is lost or missing, and how the nodes stand",
        description: "`sums` is what a holder's inventory says; it is absent while the holder does not answer.",
        tags,
      },
    },
    async (): Promise<ShardsView> => {
      const { places, groups, nodes } = control().groups();
      const rows = [];
      // One group at a time: so many holders are asked at once as a group has.
      for (const group of groups) rows.push({ ...group, holders: await Promise.all(group.holders.map(withSums)) });
      return { places, groups: rows, nodes };
    },
  );

  app.get<{ Params: Static<typeof holderParams>; Querystring: Static<typeof listQuery> }>(
    "/admin/shards/:group/:index/inventory",
    {
      config,
      schema: {
        summary: "A page of what one holder has; `only` names the lost ones, or those in the trash",
        tags,
        params: holderParams,
        querystring: listQuery,
      },
    },
    async ({ params: { group, index }, query }): Promise<ShardPage> => {
      const to = holderOf(group, index);
      const known = control()
        .groups()
        .groups.some(({ holders }) => holders.some(({ holder, owner }) => holder === to && owner !== undefined));
      // Nobody who asks brings a holder into being.
      if (!known) throw new PlexusError(failure("NOT_FOUND", { holder: to }));
      const message = { type: "list", ...query };
      return demand(await kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as ShardPage;
    },
  );
}
