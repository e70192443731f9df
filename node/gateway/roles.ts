import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import {
  actorId,
  beyond,
  builtInRoles,
  defaultRole,
  failure,
  fixedRoles,
  grantsOf,
  mayLetInto,
  ok,
  permissions,
  PlexusError,
  refused,
  roleName,
  roleNames,
  rolesWith,
  sameJson,
  schema,
  setRole,
  wireLimits,
  type ClusterRole,
  type Failure,
  type Grant,
  type PeoplePage,
  type Permission,
  type PersonRoles,
  type Result,
  type WithShown,
  type RolesView,
  type PersonView,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import type { ClusterRoles } from "../cluster/roles.ts";
import { audited, audits } from "./audited.ts";
import { isRange } from "./rights.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";
import { shownBy } from "./rights.ts";

const roleParams = schema.object({ role: roleName });
const userParams = schema.object({ user: schema.userName });
const sessionParams = schema.object({ user: schema.userName, id: schema.key });
const rolesBody = schema.object({
  roles: roleNames,
  /** The roles that the caller has seen. Others are refused: CHANGED_MEANWHILE. */
  seen: Type.Optional(roleNames),
});
const pageQuery = schema.object({
  after: Type.Optional(schema.userName),
  /** Names with commas: these alone. */
  among: Type.Optional(
    Type.String({ maxLength: wireLimits.rolesAmongMax * 33, pattern: "^[a-z0-9_-]{1,32}(,[a-z0-9_-]{1,32})*$" }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: wireLimits.pageEntriesMax })),
});

/** Why somebody may not give or take this: they have not all of it. Undefined: they may; the operator always. */
export function refusalToGive(
  at: Pick<GatewayContext, "rights">,
  { caller }: Pick<FastifyRequest, "caller">,
  grants: readonly Grant[],
): Failure | undefined {
  const permission = caller === null ? undefined : beyond(caller.roles, grants, at.rights.table(caller));
  if (permission === undefined) return undefined;
  return failure("FORBIDDEN", {
    permission,
    reason: "you cannot give or take rights that you do not have, or act on a person who has more rights than you",
  });
}

/** Why somebody may not do what needs one permission more than its route has: the other direction of it gives something. Undefined: they may;
 *  the operator always. */
export const refusalOf = (
  at: Pick<GatewayContext, "rights">,
  { caller, address }: Pick<FastifyRequest, "caller" | "address">,
  permission: Permission,
): Failure | undefined => (caller === null ? undefined : at.rights.refusal(caller, permission, address));

/** The roles of a person on whom somebody acts. Error: FORBIDDEN where they may do more than the caller. */
export async function rolesWithin(
  at: Pick<GatewayContext, "rights" | "kernel" | "limits">,
  request: Pick<FastifyRequest, "caller">,
  user: string,
): Promise<Result<readonly string[]>> {
  const message = { type: "people", user };
  const timeoutMs = at.limits.askTimeoutMs;
  const held = await at.kernel.ask({ to: "role-manager/cluster", from: "gateway", message, timeoutMs });
  if (!held.ok) return held;
  const roles = (held.value as PeoplePage).people[0]?.roles ?? [defaultRole];
  const reason = refusalToGive(at, request, grantsOf(roles, at.rights.table()));
  return reason === undefined ? ok(roles) : refused(reason);
}

/** The same, of a way into their account that is being made. Error: FORBIDDEN also where they may do as much: see `mayLetInto`. */
export async function rolesLetInto(
  at: Pick<GatewayContext, "rights" | "kernel" | "limits">,
  request: Pick<FastifyRequest, "caller">,
  user: string,
): Promise<Result<readonly string[]>> {
  const within = await rolesWithin(at, request, user);
  const { caller } = request;
  if (!within.ok || caller === null || caller.user === user) return within;
  if (mayLetInto(within.value, caller.roles, at.rights.table())) return within;
  return refused(failure("FORBIDDEN", { reason: "this account has as many rights as yours: only a person with more rights, or the operator, can set up a way into it" })); // prettier-ignore
}

/** That a role is neither as its writer has seen it nor as they want it; undefined: it is. */
function changeSince(
  seen: Static<typeof setRole>["seen"],
  known: ClusterRole | undefined,
  wanted: ClusterRole,
): Failure | undefined {
  const note = known?.note ?? "";
  const isAsSeen = sameJson(seen?.grants, known?.grants) && (seen?.note ?? note) === note;
  if (seen === undefined || isAsSeen || sameJson(wanted, known)) return undefined;
  return failure("CHANGED_MEANWHILE", { role: wanted.name, now: known?.grants ?? null, note });
}

/** Adds the routes under /api/v1/admin/roles and /api/v1/admin/users: what roles grant, who has them, and the sessions of people. */
export function addRoleRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits, rights } = at;
  const tags = ["admin"];
  const ask = async <T>(to: `${string}/${string}`, message: Message): Promise<Result<T>> =>
    (await kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<T>;
  const own = (): ClusterRoles => {
    if (at.clusterRoles === undefined)
      throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
    return at.clusterRoles;
  };
  const see = { access: "admin", permission: "people.see" } as const;

  app.get(
    "/admin/roles",
    { config: see, schema: { summary: "The roles of the cluster, and what they grant", tags } },
    async (): Promise<RolesView> => ({
      roles: rolesWith(at.clusterRoles?.current() ?? []).map((role) => ({
        ...role,
        builtIn: builtInRoles.some(({ name }) => name === role.name),
        fixed: fixedRoles.has(role.name),
      })),
    }),
  );

  app.put<{ Params: Static<typeof roleParams>; Body: Static<typeof setRole> }>(
    "/admin/roles/:role",
    {
      config: audits("setRole", "roles.manage"),
      schema: {
        summary: "Says what a role grants",
        description:
          "In place of what it granted. `owner` and `admin` cannot be changed. Nobody grants what they do not have. All that `when` names must hold. `seen`: what the caller has seen it grant, or null where there was no such role; where it is something else by now, nothing is changed (CHANGED_MEANWHILE).",
        tags,
        params: roleParams,
        body: setRole,
      },
    },
    async (request) => {
      const { seen, ...body } = request.body;
      const role: ClusterRole = { name: request.params.role, ...body };
      const { name } = role;
      let before: readonly Grant[] = [];
      const done = own().change((roles) => {
        const known = rolesWith(roles).find((one) => one.name === name);
        before = known?.grants ?? [];
        const wrong = changeSince(seen, known, role) ?? faultOf(role) ?? refusalToReplace(request, roles, role);
        if (wrong !== undefined) return refused(wrong);
        const others = roles.filter((other) => other.name !== name);
        if (others.length >= wireLimits.rolesMax) return refused(failure("LIMIT_REACHED", { limit: "rolesMax", max: wireLimits.rolesMax })); // prettier-ignore
        return ok([...others, role].toSorted((one, other) => (one.name < other.name ? -1 : 1)));
      });
      await audited(at, request, { role: name }, done, () => grantsChange(before, role.grants));
      return role;
    },
  );

  app.delete<{ Params: Static<typeof roleParams> }>(
    "/admin/roles/:role",
    {
      config: audits("removeRole", "roles.manage"),
      schema: {
        summary: "Removes a role of the cluster's own, or what it says in place of a built-in one; answers with it",
        description: "People who have the role keep its name, which no longer grants anything.",
        tags,
        params: roleParams,
      },
    },
    async (request) => {
      const { role: name } = request.params;
      let removed: ClusterRole | undefined;
      const done = own().change((roles) => {
        removed = roles.find((one) => one.name === name);
        if (removed === undefined) return refused(failure("NOT_FOUND", { role: name }));
        const stays = builtInRoles.find((one) => one.name === name)?.grants ?? [];
        const wrong = refusalToReplace(request, roles, { name, grants: stays });
        return wrong === undefined ? ok(roles.filter((one) => one.name !== name)) : refused(wrong);
      });
      await audited(at, request, { role: name }, done, () => grantsChange(removed?.grants ?? [], []));
      return removed;
    },
  );

  /** Why a role may not become this one: what it grants now, or would, is more than the asker has. */
  function refusalToReplace(
    request: FastifyRequest,
    roles: readonly ClusterRole[],
    next: ClusterRole,
  ): Failure | undefined {
    if (fixedRoles.has(next.name)) return failure("FORBIDDEN", { reason: `the role ${next.name} cannot be changed` });
    const before = rolesWith(roles).find(({ name }) => name === next.name)?.grants ?? [];
    return refusalToGive(at, request, [...before, ...next.grants]);
  }

  app.get<{ Querystring: Static<typeof pageQuery> }>(
    "/admin/users",
    { config: see, schema: { summary: "Everybody who has other roles than a member's", tags, querystring: pageQuery } },
    async ({ query: { among, ...page } }) => {
      const names = among?.split(",");
      if (names !== undefined && names.length > wireLimits.rolesAmongMax)
        throw new PlexusError(failure("BAD_REQUEST", { path: "/among", problem: `at most ${wireLimits.rolesAmongMax} names` })); // prettier-ignore
      return demand(await ask<PeoplePage>("role-manager/cluster", { type: "people", ...page, ...(names && { among: names }) })); // prettier-ignore
    },
  );

  app.put<{ Params: Static<typeof userParams>; Body: Static<typeof rolesBody> }>(
    "/admin/users/:user/roles",
    {
      config: audits("setRoles", "roles.manage"),
      schema: {
        summary: "Says which roles a person has; none: those of a member",
        description:
          "Nobody gives or takes what they do not have, and the last owner stays one. `seen` are the roles that the caller has seen: where the person has others by now, nothing is changed (CHANGED_MEANWHILE).",
        tags,
        params: userParams,
        body: rolesBody,
      },
    },
    async (request) => {
      const { user } = request.params;
      let held: readonly string[] = [];
      const done = async (): Promise<Result<PersonRoles>> => {
        const before = await rolesWithin(at, request, user);
        if (!before.ok) return before;
        held = before.value;
        const { roles, seen } = request.body;
        if (seen !== undefined && !isSameSet(seen, held) && !isSameSet(roles, held))
          return refused(failure("CHANGED_MEANWHILE", { user, now: held }));
        const table = rights.table();
        const unknown = roles.find((role) => !table.has(role) && !before.value.includes(role));
        if (unknown !== undefined) return refused(failure("NOT_FOUND", { role: unknown }));
        const reason = refusalToGive(at, request, grantsOf(roles, table));
        const message = { type: "setRoles", user, roles, before: before.value, ...shownBy(at, request) };
        return reason ? refused(reason) : ask<PersonRoles>("role-manager/cluster", message);
      };
      const facts = { user, roles: request.body.roles.join(" ") };
      const set = await audited(at, request, facts, done(), (now) => rolesChange(held, now.roles));
      return { user, roles: set.roles };
    },
  );

  app.get<{ Params: Static<typeof userParams> }>(
    "/admin/users/:user/sessions",
    {
      config: see,
      schema: { summary: "The account of a person: roles, factors, devices and API keys", tags, params: userParams },
    },
    async (request) => demand(await ask<PersonView>(actorId("user", request.params.user), { type: "listSessions" })),
  );

  const end = async (request: FastifyRequest, user: string, id?: string): Promise<Record<never, never>> => {
    const done = async (): Promise<Result<unknown>> => {
      const may = await rolesWithin(at, request, user);
      return may.ok ? ask(actorId("user", user), endSession(id, shownBy(at, request))) : may;
    };
    await audited(at, request, { user, id: id ?? "all" }, done());
    return {};
  };

  app.delete<{ Params: Static<typeof sessionParams> }>(
    "/admin/users/:user/sessions/:id",
    {
      config: audits("endSession", "people.manage"),
      schema: { summary: "Ends a session or API key of a person, and its connections", tags, params: sessionParams },
    },
    (request) => end(request, request.params.user, request.params.id),
  );

  app.delete<{ Params: Static<typeof userParams> }>(
    "/admin/users/:user/sessions",
    {
      config: audits("endSession", "people.manage"),
      schema: { summary: "Ends all sessions and API keys of a person", tags, params: userParams },
    },
    (request) => end(request, request.params.user),
  );
}

const endSession = (id: string | undefined, said: WithShown) =>
  ({ type: "endSession", ...(id !== undefined && { id }), ...said }) as const;

/** What a change of somebody's roles was, for the audit. Both are said, also where they are the same: a report goes by them. */
export const rolesChange = (before: readonly string[], after: readonly string[]) => ({
  "before.roles": before.join(" "),
  "after.roles": after.join(" "),
});

const grantsChange = (before: readonly Grant[], after: readonly Grant[]) => ({
  "before.grants": grantsText(before),
  "after.grants": grantsText(after),
});

/** Whether two lists without repetitions have the same words. */
export const isSameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((word) => other.includes(word));

/** What a role says that cannot be, beyond its schema; undefined: nothing. */
export function faultOf({ name, grants }: ClusterRole): Failure | undefined {
  const wrong = (path: string, problem: string): Failure => failure("BAD_REQUEST", { path, problem });
  if (fixedRoles.has(name)) return failure("FORBIDDEN", { reason: `the role ${name} cannot be changed` });
  for (const [index, { permission, when }] of grants.entries()) {
    if (!Object.hasOwn(permissions, permission)) return wrong(`/grants/${index}/permission`, "no such permission");
    const range = when?.addresses?.find((one) => !isRange(one));
    if (range !== undefined)
      return wrong(`/grants/${index}/when/addresses`, "addresses are like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32");
    if (when !== undefined && Object.keys(when).length === 0)
      return wrong(`/grants/${index}/when`, "it names no condition; leave it out");
  }
  return undefined;
}

const grantsText = (grants: readonly Grant[]): string =>
  grants
    .map(({ permission, when }) => (when === undefined ? permission : `${permission}?`))
    .join(" ")
    .slice(0, 256);
