import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import {
  actorId,
  actorKeyParams,
  failure,
  refused,
  releaseActor,
  roleManagerCommands,
  schema,
  type ErrorCode,
  type NodeStatus,
  type Result,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
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
/** Why the audit can not be read where it is kept, though copies of it may be. */
const copyCodes: ReadonlySet<string> = new Set<ErrorCode>([
  "DIRECTORY_AWAY",
  "SLOT_UNAVAILABLE",
  "ASK_TIMEOUT",
  "PEER_LOST",
  "NOT_IN_SYNC",
]);

const userParams = schema.object({ user: schema.userName });
const adminBody = schema.object({ admin: Type.Boolean() });

/** Adds the routes under /api/v1/admin, for admins and for the operator's control token. */
export function addAdminRoutes(
  app: FastifyInstance,
  at: GatewayContext,
  facts: { url(): string; connections(): number },
): void {
  const { kernel, limits, log } = at;
  const config = { access: "admin" } as const;
  const tags = ["admin"];
  const actors: ClusterActors = at.actors ?? {
    list: (filter) => kernel.listActors(filter),
    show: (actor) => kernel.showActor(actor),
    release: (actor, redeliver) => kernel.release(actor, redeliver),
  };
  const askCluster = async (message: Message): Promise<Result<unknown>> => {
    const to = "role-manager/cluster";
    const away = at.cluster?.directoryAnswers() === false;
    const stranded = away ? undefined : at.cluster?.stranded(to);
    const timeoutMs = away || stranded ? limits.directoryAwayTimeoutMs : limits.askTimeoutMs;
    const answer = await kernel.ask({ to, from: "gateway", message, timeoutMs });
    // Whoever asked reached a node: what does not answer is the one with the cluster's memory, which the answer names. But
    // while the directory is away, that is what has to be there for another to take it over. A question that was lost on the
    // way has changed nothing.
    const names =
      !answer.ok && answer.error.code === "SLOT_UNAVAILABLE" && answer.error.details?.["node"] !== undefined;
    const late = message.type !== "setAdmin" && !answer.ok && answer.error.code === "ASK_TIMEOUT";
    if (stranded && (late || names)) {
      const { role, nodes, advice } = stranded;
      const reason = `those that are up and have the cluster's memory (${nodes.join(", ")}) lack the role ${role}`;
      return refused(failure("SLOT_UNAVAILABLE", { actor: to, reason, advice }));
    }
    const lost = away && late;
    if (lost || (names && at.cluster?.directoryAnswers() === false)) {
      const reason = "the cluster's memory is on a node that is down, and no manager lets another take it over";
      return refused(failure("DIRECTORY_AWAY", { actor: to, reason }));
    }
    return answer;
  };
  const toCluster = async (message: Message) => demand(await askCluster(message)) ?? {};

  app.get("/admin/status", { config, schema: { summary: "The status of this node", tags } }, async () => {
    const unnamedProxies = at.addresses.unnamed();
    const status: NodeStatus = {
      ...(await at.status()),
      url: facts.url(),
      connections: facts.connections(),
      ...(unnamedProxies.length > 0 && { unnamedProxies }),
    };
    return status;
  });

  app.get(
    "/admin/engines",
    {
      config,
      schema: {
        summary: "Every model on every node that offers it, and which one this node would send a call to",
        description: "`rank` 1 is the choice; `because` says why it comes before the next, or why a node is none.",
        tags,
      },
    },
    async () => ({ serving: at.serving?.() ?? [] }),
  );

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
      const released = await audited(log, request, { actor, redeliver }, actors.release(actor, redeliver));
      at.changed?.("releaseActor", { actor, redelivered: String(released.redelivered) }, whoIs(request));
      return released;
    },
  );

  app.put<{ Params: Static<typeof userParams>; Body: Static<typeof adminBody> }>(
    "/admin/users/:user",
    {
      config: audits("setAdmin"),
      schema: { summary: "Makes a person an admin, or ends that", tags, params: userParams, body: adminBody },
    },
    async (request) => {
      const facts = { user: request.params.user, admin: request.body.admin };
      const done = await audited(log, request, facts, askCluster({ type: "setAdmin", ...facts }));
      at.changed?.("setAdmin", { user: facts.user, admin: String(facts.admin) }, whoIs(request));
      return done ?? {};
    },
  );

  app.get("/admin/cluster", { config, schema: { summary: "Nodes, roles and admins", tags } }, () =>
    toCluster({ type: "describe" }),
  );

  app.get<{ Querystring: Static<typeof roleManagerCommands.auditPage.params> }>(
    "/admin/cluster/audit",
    {
      config,
      schema: {
        summary: "The audit log of the cluster, newest first",
        description:
          "`before` is the `seq` of the last entry of the page before. `copyAt`: the node with the audit log does not answer, so this comes from the copy at the node that was asked.",
        tags,
        querystring: roleManagerCommands.auditPage.params,
      },
    },
    async ({ query: asked }) => {
      const answer = await askCluster({ type: "auditPage", ...asked });
      // Reading needs nobody who decides: while who has it is away, what a copy says is more than nothing.
      const page = answer.ok || !copyCodes.has(answer.error.code) ? undefined : await at.auditCopy?.(asked);
      return page === undefined ? (demand(answer) ?? {}) : { ...page, copyAt: at.name ?? at.node };
    },
  );
}
