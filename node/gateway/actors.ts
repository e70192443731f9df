import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import { actorId, actorKeyParams, releaseActor, schema, type ClusterView } from "../../protocols/index.ts";
import { askClusterMemory } from "../cluster/memory.ts";
import type { ClusterActors } from "../kernel/api.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayLimits } from "./limits.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

const rowsQuery = (limits: GatewayLimits) =>
  schema.object({
    kind: Type.Optional(actorKeyParams.properties.kind),
    status: Type.Optional(Type.Union([Type.Literal("active"), Type.Literal("idle"), Type.Literal("quarantined")])),
    after: Type.Optional(Type.String({ maxLength: 128 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.actorRowsMax })),
  });

/** Adds the routes under /api/v1/admin/actors, and the cluster as its memory has it. */
export function addActorRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;
  const config = { access: "admin" } as const;
  const tags = ["admin"];
  const actors: ClusterActors = at.actors ?? {
    list: (filter) => kernel.listActors(filter),
    show: (actor) => kernel.showActor(actor),
    release: (actor, redeliver) => kernel.release(actor, redeliver),
  };
  const query = rowsQuery(limits);
  app.get<{ Querystring: Static<typeof query> }>(
    "/admin/actors",
    {
      config,
      schema: {
        summary: "Actors of all nodes, by id",
        description: "`unanswered` names the nodes whose actors are missing because they did not answer.",
        tags,
        querystring: query,
      },
    },
    (request) => actors.list({ ...request.query, limit: request.query.limit ?? 100 }),
  );

  app.get<{ Params: Static<typeof actorKeyParams> }>(
    "/admin/actors/:kind/:key",
    { config, schema: { summary: "One actor, with its dead letters", tags, params: actorKeyParams } },
    async (request) => demand(await actors.show(actorId(request.params.kind, request.params.key))),
  );

  app.post<{ Params: Static<typeof actorKeyParams>; Body: Static<typeof releaseActor> }>(
    "/admin/actors/:kind/:key/release",
    {
      config: audits("releaseActor"),
      schema: { summary: "Releases an actor from quarantine", tags, params: actorKeyParams, body: releaseActor },
    },
    async (request) => {
      const actor = actorId(request.params.kind, request.params.key);
      const redeliver = request.body.redeliver ?? true;
      const released = await audited(at, request, { actor, redeliver }, actors.release(actor, redeliver));
      at.changed?.("releaseActor", { actor, redelivered: String(released.redelivered) }, whoIs(request));
      return released;
    },
  );

  app.get(
    "/admin/cluster",
    { config, schema: { summary: "Nodes, roles and admins", tags } },
    async () => (demand(await askClusterMemory(at, { type: "describe" })) ?? {}) as ClusterView,
  );
}
