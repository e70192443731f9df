import type { FastifyInstance, FastifyRequest } from "fastify";
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
  setVoters,
  slotPage,
  slotsQuery,
  supposePlan,
  type ClusterPlan,
  type SlotId,
  type SlotPage,
} from "../../protocols/index.ts";
import type { ClusterControl } from "../placement/api.ts";
import { audited, audits, changeOf, quietly, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { asTask } from "./tasks.ts";
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

  /** The control has the cluster remember by itself what changes nodes and directory, and tell its admins. */
  const quiet = quietly(at);

  /** What the audit has of a node before a change. */
  const nodeBefore = async (node: string) => {
    const summary = await control().summary();
    const found = summary.ok ? summary.value.nodes.find((one) => one.node === node || one.name === node) : undefined;
    return found && { state: found.state, roles: found.roles };
  };
  /** Where somebody has put a slot by hand, and who owns it. */
  const slotBefore = async (slot: string) => {
    const slots = await control().slots();
    const found = slots.ok ? slots.value.find((one) => one.slot === slot) : undefined;
    return found && { owner: found.owner, held: found.held };
  };

  app.get(
    "/admin/cluster/summary",
    { config, schema: { summary: "Nodes with their load, the directory, and slots by status", tags } },
    async () => demand(await control().summary()),
  );

  app.get<{ Querystring: Static<typeof slotsQuery> }>(
    "/admin/cluster/slots",
    {
      config,
      schema: {
        summary: "Every slot: owner, epoch, replicas, where it should be",
        description: "With `limit` a page of them: `total` says how many fit, and `next` where it goes on (`from`).",
        tags,
        querystring: slotsQuery,
      },
    },
    async ({ query }): Promise<SlotPage> => slotPage(demand(await control().slots()), query),
  );

  app.post<{ Body: Static<typeof supposePlan> }>(
    "/admin/cluster/plan",
    {
      config: { access: "admin", permission: "cluster.see" },
      schema: {
        summary: "What would follow if nodes came or went, or had other weights or roles; nothing is changed",
        description:
          "The planner is asked for the cluster as it is and as it would be. `moves` are the first of the slots that would be elsewhere, `faults` what would be worse than now, `commands` what does it.",
        tags,
        body: supposePlan,
      },
    },
    async (request): Promise<ClusterPlan> => demand(await control().preview(request.body)),
  );

  app.post<{ Body: Static<typeof createInvitation> }>(
    "/admin/cluster/invitations",
    {
      config: audits("invite", "nodes.admit"),
      schema: {
        summary: "Creates an invitation: a token that admits one node, once; only this answer shows it",
        tags,
        body: createInvitation,
      },
    },
    (request) => audited(quiet, request, request.body, control().invite(request.body, whoIs(request))),
  );

  app.delete<{ Params: Static<typeof clusterNodeParams>; Querystring: Static<typeof evictNode> }>(
    "/admin/cluster/nodes/:node",
    {
      config: audits("evict", "nodes.manage"),
      schema: {
        summary: "Evicts a node: ends its membership for good",
        description:
          "`lastCopies`: slots that were given up. FORBIDDEN for the node that keeps the directory, and, without `force`, for one that holds the last copy of a slot.",
        tags,
        params: clusterNodeParams,
        querystring: evictNode,
      },
    },
    async (request) => {
      const { node } = request.params;
      const force = request.query.force ?? false;
      const before = await nodeBefore(node);
      const evicted = asTask(
        at,
        request,
        { what: `Eviction of ${node}` },
        control().evict(node, force, whoIs(request)),
      );
      return audited(quiet, request, { node, force }, evicted, () => changeOf(before, undefined));
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
    async (request) => {
      const { node } = request.params;
      const { draining } = request.body;
      const before = await nodeBefore(node);
      const set = control().setDraining(node, draining, whoIs(request));
      const state = draining ? "draining" : "active";
      return audited(at, request, { action: draining ? "drain" : "undrain", node }, set, () =>
        changeOf(before && { state: before.state }, { state }),
      );
    },
  );

  app.put<{ Params: Static<typeof clusterNodeParams>; Body: Static<typeof setNodeRoles> }>(
    "/admin/cluster/nodes/:node/roles",
    {
      config: audits("roles", "nodes.manage"),
      schema: {
        summary: "Changes the roles of a running node",
        description:
          "NO_CANDIDATE when a role would be left without a node; FORBIDDEN when the node that keeps the directory would cease to be a manager; CHANGED_MEANWHILE when it has other roles than `seen`.",
        tags,
        params: clusterNodeParams,
        body: setNodeRoles,
      },
    },
    async (request) => {
      const { node } = request.params;
      const { roles, seen } = request.body;
      const before = await nodeBefore(node);
      const set = control().setRoles(node, roles, whoIs(request), seen);
      return audited(quiet, request, { node, roles }, set, () =>
        changeOf(before && { roles: before.roles }, { roles }),
      );
    },
  );

  app.post<{ Params: Static<typeof clusterNodeParams> }>(
    "/admin/cluster/nodes/:node/trust",
    {
      config: audits("trust", "shards.manage"),
      schema: {
        summary: "Ends the probation of a node that keeps shards",
        description: "FORBIDDEN when audits have found that it lacks, or does not give, what it should have.",
        tags,
        params: clusterNodeParams,
      },
    },
    (request) => {
      const { node } = request.params;
      const trusted = control().trustNode(node, whoIs(request));
      return audited(at, request, { node }, trusted, (now) => changeOf(undefined, { trust: now.trust }));
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
    async (request) => {
      const actor = actorId(request.params.kind, request.params.key);
      const { to, timeoutMs = limits.moveTimeoutMs } = request.body;
      const before = await slotBefore(ownSlot(actor));
      const again = { method: "POST", path: `/api/v1/admin/cluster/actors/${actor}/move`, body: request.body } as const;
      const work = control().moveActor(actor, to, timeoutMs, whoIs(request));
      const moved = asTask(at, request, { what: `Move of ${actor} to ${to}`, again }, work);
      return audited(at, request, { actor, to }, moved, () => changeOf(before, { owner: to, held: to }));
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
    async (request) => {
      const slot: SlotId = `${request.params.role}/${request.params.number}`;
      const { to, timeoutMs = limits.moveTimeoutMs } = request.body;
      const before = await slotBefore(slot);
      const again = { method: "POST", path: `/api/v1/admin/cluster/slots/${slot}/move`, body: request.body } as const;
      const work = control().moveSlot(slot, to, timeoutMs, whoIs(request));
      const moved = asTask(at, request, { what: `Move of slot ${slot} to ${to}`, again }, work);
      return audited(at, request, { slot, to }, moved, () => changeOf(before, { owner: to, held: to }));
    },
  );

  const release = async (request: FastifyRequest, slot: SlotId) => {
    const before = await slotBefore(slot);
    const released = control().release(slot, whoIs(request));
    return audited(at, request, { slot }, released, () => changeOf(before && { held: before.held }, undefined));
  };
  const releaseSchema = {
    summary: "Returns a slot that was moved by hand to automatic placement",
    description: "ALREADY_DONE when nobody had moved it.",
    tags,
  };

  app.delete<{ Params: Static<typeof clusterSlotParams> }>(
    "/admin/cluster/slots/:role/:number/held",
    { config: audits("release"), schema: { ...releaseSchema, params: clusterSlotParams } },
    (request) => release(request, `${request.params.role}/${request.params.number}`),
  );

  app.delete<{ Params: Static<typeof actorKeyParams> }>(
    "/admin/cluster/actors/:kind/:key/held",
    { config: audits("release"), schema: { ...releaseSchema, params: actorKeyParams } },
    // The slot that an actor has of its own is called like it.
    (request) => release(request, ownSlot(actorId(request.params.kind, request.params.key))),
  );

  app.get(
    "/admin/cluster/directory/voters",
    { config, schema: { summary: "Which nodes keep the directory, and how many should", tags } },
    async () => demand(await control().voters()),
  );

  app.put<{ Body: Static<typeof setVoters> }>(
    "/admin/cluster/directory/voters",
    {
      config: audits("voters", "nodes.manage"),
      schema: { summary: "How many managers keep the directory together", tags, body: setVoters },
    },
    async (request) => {
      const { wanted, seen } = request.body;
      const before = await control().voters();
      const set = control().setVoters({ wanted, seen }, whoIs(request));
      const was = before.ok ? { wanted: before.value.wanted } : undefined;
      return audited(quiet, request, { wanted }, set, () => changeOf(was, { wanted }));
    },
  );

  app.post<{ Body: Static<typeof migrateDirectory> }>(
    "/admin/cluster/directory/migrate",
    {
      config: audits("migrateDirectory", "nodes.admit"),
      schema: {
        summary: "Moves the running cluster's directory to etcd, or from there to the managers",
        tags,
        body: migrateDirectory,
      },
    },
    async (request) => {
      const { endpoints } = request.body;
      const facts = endpoints === undefined ? { to: "managers" } : { endpoints };
      const summary = await control().summary();
      const before = summary.ok ? summary.value.directory.kind : undefined;
      const what = `Move of the directory to ${endpoints === undefined ? "the managers" : "etcd"}`;
      const path = "/api/v1/admin/cluster/directory/migrate";
      const work = control().migrateDirectory(endpoints, whoIs(request));
      const moved = asTask(at, request, { what, again: { method: "POST", path, body: request.body } }, work);
      const kind = endpoints === undefined ? "replicated" : "etcd";
      return audited(quiet, request, facts, moved, () =>
        changeOf(before && { directory: before }, { directory: kind }),
      );
    },
  );
}
