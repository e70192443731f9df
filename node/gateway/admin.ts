import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import {
  actorId,
  actorKeyParams,
  createSignUpInvitation,
  defaultRole,
  failure,
  grantsOf,
  PlexusError,
  refused,
  releaseActor,
  roleManagerCommands,
  schema,
  type AuditPage,
  type ClusterView,
  type Credentials,
  type ErrorCode,
  type NodeStatus,
  type PeoplePage,
  type Result,
  type SignUpInvitation,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import type { ClusterActors } from "../kernel/api.ts";
import { audited, audits, changeOf, whoIs } from "./audited.ts";
import { personOf } from "./http.ts";
import type { GatewayLimits } from "./limits.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";
import { refusalOf, refusalToGive, rolesChange, rolesLetInto, rolesWithin } from "./roles.ts";
import { createDevice, sha256 } from "./tokens.ts";
import { shownBy } from "./rights.ts";

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
const invitationParams = schema.object({ id: Type.String({ pattern: "^[0-9a-f]{64}$" }) });
const suspension = schema.object({ suspended: Type.Boolean() });
const adminBody = schema.object({ admin: Type.Boolean() });

/** What the audit has of an invitation. */
const saidBy = ({ uses, expiresAtMs, note, guest }: SignUpInvitation) => ({
  uses,
  expiresAtMs,
  note,
  ...(guest && { guest }),
});

/** Adds the routes under /api/v1/admin, for admins and for the operator's control token. */
export function addAdminRoutes(
  app: FastifyInstance,
  at: GatewayContext,
  facts: { url(): string; connections(): number },
): void {
  const { kernel, limits } = at;
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
    // This node is up; the node with the cluster's memory, which the answer names, does not answer. While the directory is
    // away, too, the answer names the directory: without it no other node can take over. A question that was lost on the
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
  const askUser = (user: string, message: Message): Promise<Result<unknown>> =>
    kernel.ask({ to: actorId("user", user), from: "gateway", message, timeoutMs: limits.askTimeoutMs });
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
      const released = await audited(at, request, { actor, redeliver }, actors.release(actor, redeliver));
      at.changed?.("releaseActor", { actor, redelivered: String(released.redelivered) }, whoIs(request));
      return released;
    },
  );

  app.put<{ Params: Static<typeof userParams>; Body: Static<typeof adminBody> }>(
    "/admin/users/:user",
    {
      config: audits("setAdmin", "roles.manage"),
      schema: {
        summary: "Gives a person the role admin, or ends that and owner",
        description: "`PUT /admin/users/:user/roles` says all roles of a person.",
        tags,
        params: userParams,
        body: adminBody,
      },
    },
    async (request) => {
      const facts = { user: request.params.user, admin: request.body.admin };
      let before: readonly string[] | undefined;
      const set = async (): Promise<Result<unknown>> => {
        const held = await askCluster({ type: "people", user: facts.user });
        if (!held.ok && request.caller !== null) return held;
        const [person] = (held.ok && (held.value as Partial<PeoplePage>).people) || [];
        before = held.ok ? (person?.roles ?? []) : undefined;
        const moved = [...(person?.roles ?? []), ...(facts.admin ? ["admin"] : [])];
        const reason = refusalToGive(at, request, grantsOf(moved, at.rights.table()));
        return reason ? refused(reason) : askCluster({ type: "setAdmin", ...facts, ...shownBy(at, request) });
      };
      const done = await audited(at, request, facts, set(), (now) => {
        // A role-manager of an older version does not say them.
        const { roles } = (now ?? {}) as { readonly roles?: readonly string[] };
        return before === undefined || roles === undefined ? {} : rolesChange(before, roles);
      });
      return done ?? {};
    },
  );

  app.put<{ Params: Static<typeof userParams>; Body: Static<typeof suspension> }>(
    "/admin/users/:user/suspended",
    {
      config: audits("suspendUser", "people.manage"),
      schema: {
        summary: "Suspends a person, whose sessions and API keys end, or lifts that",
        tags,
        params: userParams,
        body: suspension,
      },
    },
    async (request) => {
      const { user } = request.params;
      const { suspended } = request.body;
      if (request.caller?.user === user && suspended)
        throw new PlexusError(failure("FORBIDDEN", { reason: "you cannot suspend your own account" }));
      let before = false;
      const set = async (): Promise<Result<unknown>> => {
        const reason = suspended ? undefined : refusalOf(at, request, "people.admit");
        if (reason !== undefined) return refused(reason);
        const may = await rolesWithin(at, request, user);
        if (!may.ok) return may;
        const was = await askUser(user, { type: "credentials" });
        if (!was.ok) return was;
        before = (was.value as Credentials).suspended === true;
        return askUser(user, { type: "setSuspended", suspended, ...shownBy(at, request) });
      };
      // Both are said, also where they are the same: a report goes by them.
      await audited(at, request, { user, action: suspended ? "suspendUser" : "restoreUser" }, set(), () => ({
        "before.suspended": before,
        "after.suspended": suspended,
      }));
      return {};
    },
  );

  app.post<{ Params: Static<typeof userParams> }>(
    "/admin/users/:user/reset",
    {
      config: audits("resetPassword", "people.admit"),
      schema: {
        summary: "Makes a link by which a person sets a new password, once; only this answer shows it",
        description:
          "The page takes it as `/#reset=USER.SECRET`. It opens no session: people with a second factor still need it afterwards.",
        tags,
        params: userParams,
      },
    },
    async (request) => {
      const { user } = request.params;
      const secret = createDevice(at.random);
      const expiresAtMs = at.clock.nowMs() + limits.resetLinkMs;
      const link = { secretHash: sha256(secret), lifeMs: limits.resetLinkMs };
      const make = async (): Promise<Result<unknown>> => {
        const may = await rolesLetInto(at, request, user);
        if (may.ok && may.value.includes("service"))
          return refused(failure("FORBIDDEN", { reason: "an account of a program has keys and no password" }));
        return may.ok ? askUser(user, { type: "makeReset", ...link, ...shownBy(at, request) }) : may;
      };
      await audited(at, request, { user }, make());
      return { user, secret, path: `/#reset=${user}.${secret}`, expiresAtMs };
    },
  );

  const invitations = at.invitations;
  if (invitations !== undefined) {
    app.get(
      "/admin/sign-up-invitations",
      {
        config: { ...config, permission: "people.see" },
        schema: { summary: "Invitations to make an account that may still be used", tags },
      },
      async () => ({ invitations: await invitations.list(at.clock.nowMs()) }),
    );

    app.post<{ Body: Static<typeof createSignUpInvitation> }>(
      "/admin/sign-up-invitations",
      {
        config: audits("inviteAccount", "people.admit"),
        schema: {
          summary:
            "Makes an invitation to make an account, where sign-up asks for one; only this answer shows its code",
          description: "The page takes it as `/#invitation=CODE`.",
          tags,
          body: createSignUpInvitation,
        },
      },
      async (request) => {
        const { uses, expiresInMs, note = "", guest: asked } = request.body;
        const person = personOf(request);
        const inviter = person === null ? {} : { by: person.actor };
        const guest = asked && { ...asked, ...inviter };
        // Whoever comes by it is a member or a guest: nobody gives more than they have.
        const beyondAsker = refusalToGive(at, request, grantsOf([guest ? "guest" : defaultRole], at.rights.table()));
        if (beyondAsker !== undefined) throw new PlexusError(beyondAsker);
        // Said now, and asked again when somebody comes by it.
        if (guest?.room !== undefined)
          demand(
            await kernel.ask({
              to: actorId("room", guest.room),
              from: "gateway",
              message: { type: "guestWanted", ...inviter },
              timeoutMs: limits.askTimeoutMs,
            }),
          );
        const code = createDevice(at.random);
        const nowMs = at.clock.nowMs();
        const by = whoIs(request);
        const invitation = {
          id: sha256(code),
          uses,
          expiresAtMs: nowMs + expiresInMs,
          by,
          note,
          ...(guest && { guest }),
        };
        const made = await audited(at, request, { uses, ...(guest && { guest }) }, invitations.make(invitation, nowMs), (now) => changeOf(undefined, saidBy(now))); // prettier-ignore
        return { ...made, code, path: `/#invitation=${code}` };
      },
    );

    app.delete<{ Params: Static<typeof invitationParams> }>(
      "/admin/sign-up-invitations/:id",
      {
        config: audits("endAccountInvitation", "people.manage"),
        schema: { summary: "Ends an invitation to make an account", tags, params: invitationParams },
      },
      async (request) => {
        const { id } = request.params;
        const ended = await audited(at, request, { id: id.slice(0, 12) }, invitations.remove(id), (was) =>
          changeOf(saidBy(was), undefined),
        );
        return ended;
      },
    );
  }

  app.get(
    "/admin/cluster",
    { config, schema: { summary: "Nodes, roles and admins", tags } },
    async () => (await toCluster({ type: "describe" })) as ClusterView,
  );

  app.get<{ Querystring: Static<typeof roleManagerCommands.auditPage.params> }>(
    "/admin/cluster/audit",
    {
      config: { ...config, permission: "audit.read" },
      schema: {
        summary: "The audit log of the cluster, newest first",
        description:
          "`before` is the `seq` of the last entry of the page before. `copyAt`: the node with the audit log does not answer, so this comes from the copy at the node that was asked.",
        tags,
        querystring: roleManagerCommands.auditPage.params,
      },
    },
    async ({ query: asked }): Promise<AuditPage & { readonly copyAt?: string }> => {
      const answer = await askCluster({ type: "auditPage", ...asked });
      // Reading needs nobody who decides: while who has it is away, what a copy says is more than nothing.
      const page = answer.ok || !copyCodes.has(answer.error.code) ? undefined : await at.auditCopy?.(asked);
      return page === undefined ? (demand(answer) as AuditPage) : { ...page, copyAt: at.name ?? at.node };
    },
  );
}
