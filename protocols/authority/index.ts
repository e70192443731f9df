/** Rights: roles of the cluster as data, and the one function that decides
 *  (docs/decisions/0074-roles-and-conditions.md).
 *
 *      caller: roles, session or key, scopes ──┐
 *      permissions.ts: what a permission needs ─┼─► mayDo ─► the role that gives it, or a refusal
 *      the table of roles: grants with `when`  ─┤
 *      circumstances: proof, address, time, node┘
 *
 *  Ranks in rooms and whose thing something is are checked by the actors, by the rows of `permissions.ts`. */
import { failure, ok, refused, type Failure, type Result } from "../errors.ts";
import { isAtLeast, permissionOf, permissions, type Permission } from "./permissions.ts";
import type { ClusterRole, Grant, GrantWhen } from "./roles.ts";

const names = Object.keys(permissions) as Permission[];
const ofAdmins = names.filter((name) => permissionOf(name).has.includes("admin"));
const ofPeople = names.filter((name) => !ofAdmins.includes(name));
/** Only an owner makes owners. */
const ofOwners: readonly Permission[] = ["cluster.own"];

const granting = (name: string, held: readonly Permission[], note: string): ClusterRole => ({
  name,
  grants: held.map((permission) => ({ permission })),
  note,
});

const inRooms: readonly Permission[] = [
  "room.see",
  "room.read",
  "room.leave",
  "room.post",
  "room.edit",
  "room.delete",
  "room.close",
];

/** The roles that every cluster has. */
export const builtInRoles: readonly ClusterRole[] = [
  granting("owner", names, "Everything, and making other owners"),
  granting(
    "admin",
    names.filter((name) => !ofOwners.includes(name)),
    "Everything but making owners",
  ),
  granting(
    "moderator",
    [...ofPeople, "people.see", "people.manage", "people.admit", "groups.manage", "emoji.manage"],
    "A member who looks after people's accounts",
  ),
  granting("member", ofPeople, "Everybody who has no other role"),
  granting(
    "guest",
    [...inRooms, "room.pin", "account.use", "account.see", "account.secure", "account.revoke"],
    "Talks in the rooms that somebody brought the guest into",
  ),
  granting(
    "service",
    [...inRooms, "room.join", "account.use", "account.see", "agent.use", "model.use"],
    "A program with an account of its own",
  ),
];

/** Roles that no row replaces: nobody may lock everybody out of the repair. */
export const fixedRoles: ReadonlySet<string> = new Set(["owner", "admin"]);
/** The role of a person who has no other. */
export const defaultRole = "member";
/** The roles that make somebody an admin, where that is all that is asked. */
const adminRoles: ReadonlySet<string> = new Set(["owner", "admin"]);
/** Whether these roles make somebody an admin of the cluster. */
export const isAdminBy = (roles: readonly string[]): boolean => roles.some((role) => adminRoles.has(role));

/** What each role grants, for the check. */
export type RoleTable = ReadonlyMap<string, ReadonlyMap<string, readonly (GrantWhen | undefined)[]>>;

/** The table of the built-in roles and these of the cluster's own. */
export function roleTable(own: readonly ClusterRole[]): RoleTable {
  const table = new Map<string, Map<string, (GrantWhen | undefined)[]>>();
  for (const { name, grants } of rolesWith(own)) {
    const held = new Map<string, (GrantWhen | undefined)[]>();
    for (const { permission, when } of grants) held.set(permission, [...(held.get(permission) ?? []), when]);
    table.set(name, held);
  }
  return table;
}

/** The built-in roles, those that are replaced left out, and the own ones. */
export function rolesWith(own: readonly ClusterRole[]): readonly ClusterRole[] {
  const valid = own.filter(({ name }) => !fixedRoles.has(name));
  const replaced = new Set(valid.map(({ name }) => name));
  return [...builtInRoles.filter(({ name }) => !replaced.has(name)), ...valid];
}

/** Sets of permissions that an API key may be narrowed to. */
export const scopeSets: Readonly<Record<string, readonly Permission[]>> = {
  read: ["room.see", "room.read", "account.see", "catalog.find"],
  chat: [...inRooms, "room.create", "room.join", "room.pin", "room.invite", "account.see", "catalog.find"],
  models: ["model.use", "agent.use"],
  admin: ofAdmins.filter((name) => !ofOwners.includes(name)),
};
/** What every key has: without it a program could not ask who it is. */
const everyScope: ReadonlySet<string> = new Set<Permission>(["account.use"]);

/** The permissions that scopes name. */
export const permissionsIn = (scopes: readonly string[]): readonly Permission[] =>
  names.filter((name) =>
    scopes.some(
      (scope) =>
        scope === name ||
        (Object.hasOwn(scopeSets, scope) && (scopeSets[scope] as readonly Permission[]).includes(name)),
    ),
  );

/** The scopes that nobody knows. */
export const unknownScopes = (scopes: readonly string[]): readonly string[] =>
  scopes.filter((scope) => !Object.hasOwn(scopeSets, scope) && !Object.hasOwn(permissions, scope));

/** Whether the scopes of a key name a permission. */
export const inScope = (scopes: readonly string[], permission: Permission): boolean =>
  everyScope.has(permission) ||
  scopes.some(
    (scope) =>
      scope === permission ||
      (Object.hasOwn(scopeSets, scope) && (scopeSets[scope] as readonly Permission[]).includes(permission)),
  );

const powerOf = (permission: Permission) => permissionOf(permission).power;
/** Whether an API key can have a permission: nothing comes of it, and its row does not say otherwise. */
export const isForKeys = (permission: Permission): boolean =>
  powerOf(permission) === "none" && permissionOf(permission).apiKeys !== false;
/** Whether a control token can have a permission: nothing is given by it. */
export const isForTokens = (permission: Permission): boolean => !isAtLeast(powerOf(permission), "within");
/** Whether a session must have proved its person a short while ago. */
export const needsFresh = (permission: Permission): boolean => powerOf(permission) !== "none";

/** The caller. */
export interface Subject {
  readonly roles: readonly string[];
  /** `control`: a control token, or a client certificate that stands for one. It has what it is for, without a sign-in
   *  that could be fresh; but nothing that gives. */
  readonly kind: "session" | "key" | "control";
  /** Of a key that was narrowed. Absent: all that keys may. */
  readonly scopes?: readonly string[];
}

/** Under which circumstances. What is absent is not known, and no condition on it holds. */
export interface Circumstances {
  readonly roles: RoleTable;
  /** How long ago the session proved who it is. */
  readonly provedAgoMs?: number;
  /** The session's account is on a node of an older version, which says nothing of proofs: a person who signs in again
   *  gains nothing. */
  readonly proofUntold?: boolean;
  /** What a permission that is `fresh` asks for. */
  readonly freshMs: number;
  readonly nowMs: number;
  /** Whether the request comes from this address or range. */
  readonly isFrom?: (range: string) => boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Whether a caller has a permission now: the role that gives it, or why not. Errors: FORBIDDEN; SIGN_IN_AGAIN where a
 *  newer proof is all that is missing. */
export function mayDo(
  { roles, kind, scopes }: Subject,
  permission: Permission,
  at: Circumstances,
): Result<{ readonly role: string }> {
  const forbidden = (reason: string): Result<never> => refused(failure("FORBIDDEN", { permission, reason }));
  let missing: Failure | undefined;
  let role: string | undefined;
  for (const name of roles) {
    for (const when of at.roles.get(name)?.get(permission) ?? []) {
      const unmet = when === undefined ? undefined : unmetOf(when, permission, at);
      if (unmet === undefined) role ??= name;
      // What a newer proof would mend is said before what nothing can.
      else if (missing === undefined || unmet.code === "SIGN_IN_AGAIN") missing = unmet;
    }
    if (role !== undefined) break;
  }
  if (role === undefined && missing?.code !== "SIGN_IN_AGAIN")
    return missing === undefined ? forbidden(`no role of yours has the permission ${permission}`) : refused(missing);
  if (kind === "control" && !isForTokens(permission))
    return forbidden("this needs a person; control tokens may not do it");
  if (kind === "key" && !isForKeys(permission))
    return forbidden("this needs a signed-in session; API keys may not do it");
  if (scopes !== undefined && !inScope(scopes, permission)) return forbidden(`this API key is not for ${permission}`);
  if (role === undefined) return refused(missing as Failure);
  if (needsFresh(permission) && kind !== "control" && (at.provedAgoMs ?? Number.POSITIVE_INFINITY) > at.freshMs)
    return refused(notFresh(permission, at.freshMs, at));
  return ok({ role });
}

/** Without a newer proof; or nobody can tell whether there is one, and so it counts as none. */
const notFresh = (permission: Permission, withinMs: number, { proofUntold }: Circumstances): Failure =>
  proofUntold === true
    ? failure("FORBIDDEN", {
        permission,
        reason:
          "your account is on a node of an older version, which does not tell when you signed in: it works as " +
          "soon as that node is updated",
      })
    : failure("SIGN_IN_AGAIN", { permission, withinMs });

/** The condition that does not hold; undefined: all hold. */
function unmetOf(when: GrantWhen, permission: Permission, at: Circumstances): Failure | undefined {
  const { provedWithinMinutes, addresses, hours, labels } = when;
  const forbidden = (reason: string): Failure => failure("FORBIDDEN", { permission, reason });
  if (addresses?.some((range) => at.isFrom?.(range) === true) === false)
    return forbidden("your role has this permission from other addresses only");
  if (hours !== undefined && !isWithin(hours, at.nowMs))
    return forbidden("your role has this permission at other times only");
  const other = Object.entries(labels ?? {}).find(([label, value]) => at.labels?.[label] !== value);
  if (other !== undefined) return forbidden("your role has this permission at other nodes only");
  const withinMs = (provedWithinMinutes ?? 0) * 60_000;
  if (provedWithinMinutes !== undefined && (at.provedAgoMs ?? Number.POSITIVE_INFINITY) > withinMs)
    return notFresh(permission, withinMs, at);
  return undefined;
}

function isWithin({ from, to, days }: NonNullable<GrantWhen["hours"]>, nowMs: number): boolean {
  const now = new Date(nowMs);
  // Sunday is 0 there and 7 here.
  if (days !== undefined && !days.includes(now.getUTCDay() || 7)) return false;
  const time = now.toISOString().slice(11, 16);
  return from <= to ? from <= time && time < to : from <= time || time < to;
}

/** Why nobody with these roles may give or take what is granted: the first permission that they have not, or have under
 *  narrower conditions. Undefined: they have all of it. */
export function beyond(roles: readonly string[], grants: readonly Grant[], table: RoleTable): string | undefined {
  const covers = ({ permission, when }: Grant): boolean =>
    roles.some((role) =>
      (table.get(role)?.get(permission) ?? []).some((own) => own === undefined || isNarrower(when, own)),
    );
  // A permission that this version does not know grants nothing here and may elsewhere: only who has all gives it.
  return grants.find((one) => !covers(one) && !(roles.includes("owner") && !Object.hasOwn(permissions, one.permission)))
    ?.permission;
}

/** Whether a person with roles `by` may make a way into an account with roles `into`: a link for its password, a key, a
 *  server whose word counts for it. Anybody who comes in by it is that person, with all that is theirs. So a way into
 *  an account that may do more than a member is made only by people who may do more still, and equals make none for one
 *  another. */
export function mayLetInto(into: readonly string[], by: readonly string[], table: RoleTable): boolean {
  const theirs = grantsOf(into, table);
  const isWithin = beyond(by, theirs, table) === undefined;
  const isMembers = beyond([defaultRole], theirs, table) === undefined;
  return isWithin && (isMembers || beyond(into, grantsOf(by, table), table) !== undefined);
}

/** Whether whatever meets `when` meets `own`, as far as that can be read from them: each condition of `own` stands in
 *  it as it is. */
const isNarrower = (when: GrantWhen | undefined, own: GrantWhen): boolean =>
  Object.entries(own).every(
    ([condition, value]) =>
      when !== undefined &&
      Object.hasOwn(when, condition) &&
      JSON.stringify(when[condition as keyof GrantWhen]) === JSON.stringify(value),
  );

/** All that roles grant. */
export const grantsOf = (roles: readonly string[], table: RoleTable): readonly Grant[] =>
  roles.flatMap((role) =>
    [...(table.get(role) ?? [])].flatMap(([permission, all]) =>
      all.map((when): Grant => ({ permission, ...(when && { when }) })),
    ),
  );
