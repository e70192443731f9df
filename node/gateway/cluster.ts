import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  actorId,
  actorKeyParams,
  clusterNodeParams,
  clusterSlotParams,
  createInvitation,
  evictNode,
  failure,
  migrateDirectory,
  moveTo,
  ownSlot,
  PlexusError,
  setDraining,
  setNodeRoles,
  type SlotId,
} from "../../protocols/index.ts";
import type { ClusterControl } from "../placement/api.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

/** Adds the routes under /api/v1/admin/cluster, for admins and for the operator's control token. What was done is in the log and in
 *  the cluster's own audit. */
export function addClusterRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { limits } = at;
  const config = { access: "admin" } as const;
  const tags = ["cluster"];
  const control = (): ClusterControl => {
    if (at.cluster === undefined) throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
    return at.cluster;
  };

  const { log } = at;

  app.get(
    "/admin/cluster/summary",
    { config, schema: { summary: "Nodes with their load, the directory, and slots by status", tags } },
    async () => demand(await control().summary()),
  );

  app.get(
    "/admin/cluster/slots",
    { config, schema: { summary: "Every slot: owner, epoch, replicas, where it should be", tags } },
    async () => ({ slots: demand(await control().slots()) }),
  );

  app.post<{ Body: Static<typeof createInvitation> }>(
    "/admin/cluster/invitations",
    {
      config: audits("invite"),
      schema: {
        summary: "Creates an invitation: a token that admits one node, once; only this answer shows it",
        tags,
        body: createInvitation,
      },
    },
    (request) => audited(log, request, request.body, control().invite(request.body, whoIs(request))),
  );

  app.delete<{ Params: Static<typeof clusterNodeParams>; Querystring: Static<typeof evictNode> }>(
    "/admin/cluster/nodes/:node",
    {
      config: audits("evict"),
      schema: {
        summary: "Evicts a node: ends its membership for good",
        description:
          "`lastCopies`: slots that were given up. FORBIDDEN for the node that keeps the directory, and, without `force`, for one that holds the last copy of a slot.",
        tags,
        params: clusterNodeParams,
        querystring: evictNode,
      },
    },
    (request) => {
      const { node } = request.params;
      const force = request.query.force ?? false;
      return audited(log, request, { node, force }, control().evict(node, force, whoIs(request)));
    },
  );

  app.put<{ Params: Static<typeof clusterNodeParams>; Body: Static<typeof setDraining> }>(
    "/admin/cluster/nodes/:node/draining",
    {
      config: audits("drain"),
      schema: {
        summary: "Drains a node: it hands over everything it holds; or ends that",
        description: "Answers at once; the summary's `slotsOwned` and `slotsReplicated` tell how far it is.",
        tags,
        params: clusterNodeParams,
        body: setDraining,
      },
    },
    (request) => {
      const { node } = request.params;
      const { draining } = request.body;
      return audited(
        log,
        request,
        { action: draining ? "drain" : "undrain", node },
        control().setDraining(node, draining, whoIs(request)),
      );
    },
  );

  app.put<{ Params: Static<typeof clusterNodeParams>; Body: Static<typeof setNodeRoles> }>(
    "/admin/cluster/nodes/:node/roles",
    {
      config: audits("roles"),
      schema: {
        summary: "Changes the roles of a running node",
        description:
          "NO_CANDIDATE when a role would be left without a node; FORBIDDEN when the node that keeps the directory would cease to be a manager.",
        tags,
        params: clusterNodeParams,
        body: setNodeRoles,
      },
    },
    (request) => {
      const { node } = request.params;
      const { roles } = request.body;
      return audited(log, request, { node, roles }, control().setRoles(node, roles, whoIs(request)));
    },
  );

  app.post<{ Params: Static<typeof actorKeyParams>; Body: Static<typeof moveTo> }>(
    "/admin/cluster/actors/:kind/:key/move",
    {
      config: audits("moveActor"),
      schema: {
        summary: "Pins one actor to a node and moves it there",
        description: "Answers when it is there. NO_CANDIDATE: the node may not hold it.",
        tags,
        params: actorKeyParams,
        body: moveTo,
      },
    },
    (request) => {
      const actor = actorId(request.params.kind, request.params.key);
      const { to, timeoutMs = limits.moveTimeoutMs } = request.body;
      return audited(log, request, { actor, to }, control().moveActor(actor, to, timeoutMs, whoIs(request)));
    },
  );

  app.post<{ Params: Static<typeof clusterSlotParams>; Body: Static<typeof moveTo> }>(
    "/admin/cluster/slots/:role/:number/move",
    {
      config: audits("moveSlot"),
      schema: {
        summary: "Moves a slot to a node",
        description: "Answers when it is there. NO_CANDIDATE: the node may not hold it.",
        tags,
        params: clusterSlotParams,
        body: moveTo,
      },
    },
    (request) => {
      const slot: SlotId = `${request.params.role}/${request.params.number}`;
      const { to, timeoutMs = limits.moveTimeoutMs } = request.body;
      return audited(log, request, { slot, to }, control().moveSlot(slot, to, timeoutMs, whoIs(request)));
    },
  );

  const releaseSchema = {
    summary: "Returns a slot that was moved by hand to automatic placement",
    description: "ALREADY_DONE when nobody had moved it.",
    tags,
  };

  app.delete<{ Params: Static<typeof clusterSlotParams> }>(
    "/admin/cluster/slots/:role/:number/held",
    { config: audits("release"), schema: { ...releaseSchema, params: clusterSlotParams } },
    (request) => {
      const slot: SlotId = `${request.params.role}/${request.params.number}`;
      return audited(log, request, { slot }, control().release(slot, whoIs(request)));
    },
  );

  app.delete<{ Params: Static<typeof actorKeyParams> }>(
    "/admin/cluster/actors/:kind/:key/held",
    { config: audits("release"), schema: { ...releaseSchema, params: actorKeyParams } },
    (request) => {
      // The slot that an actor has of its own is called like it.
      const slot = ownSlot(actorId(request.params.kind, request.params.key));
      return audited(log, request, { slot }, control().release(slot, whoIs(request)));
    },
  );

  app.post<{ Body: Static<typeof migrateDirectory> }>(
    "/admin/cluster/directory/migrate",
    {
      config: audits("migrateDirectory"),
      schema: { summary: "Moves the running cluster's directory to etcd", tags, body: migrateDirectory },
    },
    (request) => {
      const { endpoints } = request.body;
      return audited(log, request, { endpoints }, control().migrateDirectory(endpoints, whoIs(request)));
    },
  );
}
