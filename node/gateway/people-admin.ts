import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import {
  actorId,
  createSignUpInvitation,
  defaultRole,
  failure,
  grantsOf,
  PlexusError,
  refused,
  schema,
  type Credentials,
  type PeoplePage,
  type Result,
  type SignUpInvitation,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import { askClusterMemory } from "../cluster/memory.ts";
import type { SignUpInvitations } from "../cluster/sign-up-invitations.ts";
import { audited, audits, changeOf, whoIs } from "./audited.ts";
import { personOf } from "./http.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";
import { shownBy } from "./rights.ts";
import { refusalOf, refusalToGive, rolesChange, rolesLetInto, rolesWithin } from "./roles.ts";
import { createDevice, sha256 } from "./tokens.ts";

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
const askUser = (at: GatewayContext, user: string, message: Message): Promise<Result<unknown>> =>
  at.kernel.ask({ to: actorId("user", user), from: "gateway", message, timeoutMs: at.limits.askTimeoutMs });

/** Adds what admins do to accounts, and the invitations to make one. */
export function addPeopleAdmin(app: FastifyInstance, at: GatewayContext): void {
  addUserRole(app, at);
  addSuspension(app, at);
  addResetLinks(app, at);
  if (at.invitations !== undefined) addInvitations(app, at, at.invitations);
}

function addUserRole(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];

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
        const held = await askClusterMemory(at, { type: "people", user: facts.user });
        if (!held.ok && request.caller !== null) return held;
        const [person] = (held.ok && (held.value as Partial<PeoplePage>).people) || [];
        before = held.ok ? (person?.roles ?? []) : undefined;
        const moved = [...(person?.roles ?? []), ...(facts.admin ? ["admin"] : [])];
        const reason = refusalToGive(at, request, grantsOf(moved, at.rights.table()));
        return reason ? refused(reason) : askClusterMemory(at, { type: "setAdmin", ...facts, ...shownBy(at, request) });
      };
      const done = await audited(at, request, facts, set(), (now) => {
        // A role-manager of an older version does not say them.
        const { roles } = (now ?? {}) as { readonly roles?: readonly string[] };
        return before === undefined || roles === undefined ? {} : rolesChange(before, roles);
      });
      return done ?? {};
    },
  );
}

function addSuspension(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];

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
        const was = await askUser(at, user, { type: "credentials" });
        if (!was.ok) return was;
        before = (was.value as Credentials).suspended === true;
        return askUser(at, user, { type: "setSuspended", suspended, ...shownBy(at, request) });
      };
      // Both are said, also where they are the same: a report goes by them.
      await audited(at, request, { user, action: suspended ? "suspendUser" : "restoreUser" }, set(), () => ({
        "before.suspended": before,
        "after.suspended": suspended,
      }));
      return {};
    },
  );
}

function addResetLinks(app: FastifyInstance, at: GatewayContext): void {
  const { limits } = at;
  const tags = ["admin"];

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
        return may.ok ? askUser(at, user, { type: "makeReset", ...link, ...shownBy(at, request) }) : may;
      };
      await audited(at, request, { user }, make());
      return { user, secret, path: `/#reset=${user}.${secret}`, expiresAtMs };
    },
  );
}

function addInvitations(app: FastifyInstance, at: GatewayContext, invitations: SignUpInvitations): void {
  const tags = ["admin"];

  app.get(
    "/admin/sign-up-invitations",
    {
      config: { access: "admin", permission: "people.see" },
      schema: { summary: "Invitations to make an account that may still be used", tags },
    },
    async () => ({ invitations: await invitations.list(at.clock.nowMs()) }),
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

  addInvitationMaking(app, at, invitations);
}

function addInvitationMaking(app: FastifyInstance, at: GatewayContext, invitations: SignUpInvitations): void {
  const { kernel, limits } = at;
  const tags = ["admin"];

  app.post<{ Body: Static<typeof createSignUpInvitation> }>(
    "/admin/sign-up-invitations",
    {
      config: audits("inviteAccount", "people.admit"),
      schema: {
        summary: "Makes an invitation to make an account, where sign-up asks for one; only this answer shows its code",
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
}
