/** What the operations on people do: what roles grant, who has them, devices, accounts of programs, suspension and the
 *  end of accounts. */
import {
  actorId,
  builtInRoles,
  defaultRole,
  failure,
  fixedRoles,
  grantsOf,
  ok,
  permissions,
  placed,
  PlexusError,
  refused,
  rolesWith,
  sameJson,
  wireLimits,
  type ActorId,
  type Asker,
  type ClusterRole,
  type Credentials,
  type Done,
  type Failure,
  type Grant,
  type HandlersOf,
  type PeoplePage,
  type peopleOperations,
  type PersonRoles,
  type PersonView,
  type PlaceOf,
  type Result,
  type setRole,
  type signUpInvitationOperations,
  type SignUpInvitation,
  type SharedLinks,
} from "../../../protocols/index.ts";
import type { Static } from "typebox";
import type { Message } from "../../../actors/behavior.ts";
import type { Clock, Outbound, Random } from "../../ports/index.ts";
import { createDevice, sha256 } from "../../keys/secret-text.ts";
import { rolesLetInto, rolesWithin, type RolesParts } from "./people.ts";
import type { ClusterRoles } from "./roles.ts";
import type { SignUpInvitations } from "./sign-up-invitations.ts";

/** What acts on people. */
export interface PeopleParts {
  /** Asks an actor, as the gateway. */
  readonly ask: (to: ActorId, message: Message, timeoutMs?: number) => Promise<Result<unknown>>;
  /** Asks the cluster's memory, and says what helps while it is away. */
  readonly askMemory: (message: Message) => Promise<Result<unknown>>;
  readonly roles: Pick<ClusterRoles, "current" | "table" | "change">;
  /** Whether a text is an address, or a range of them. */
  readonly isRange: (text: string) => boolean;
  /** Writes to a person, where there is an address and mail at all. */
  readonly tell: (user: string, letter: (to: string) => Parameters<Outbound["post"]>[0]) => Promise<unknown>;
  /** Where addresses are. Absent: nobody says. */
  readonly placeOf?: PlaceOf;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Pick<Random, "bytes">;
  readonly limits: {
    readonly resetLinkMs: number;
    readonly deletionGraceMs: number;
    readonly signUpTimeoutMs: number;
  };
}

type People = HandlersOf<typeof peopleOperations>;

const service = "service";
const roleManager = "role-manager/cluster";

/** The handlers. */
export const handlePeople = (at: PeopleParts): People => ({
  ...handleRoles(at),
  ...handleHolders(at),
  ...handleAccounts(at),
});

/** What roles grant. */
function handleRoles({ roles, isRange }: PeopleParts): Pick<People, "roles.list" | "roles.set" | "roles.remove"> {
  return {
    "roles.list": () =>
      ok({
        roles: rolesWith(roles.current()).map((role) => ({
          ...role,
          builtIn: builtInRoles.some(({ name }) => name === role.name),
          fixed: fixedRoles.has(role.name),
        })),
      }),
    "roles.set": async ({ role: name, seen, ...said }, asker) => {
      const role: ClusterRole = { name, ...said };
      let before: readonly Grant[] = [];
      const set = await roles.change((current) => {
        const known = rolesWith(current).find((one) => one.name === name);
        before = known?.grants ?? [];
        const wrong =
          changeSince(seen, known, role) ?? faultOf(role, isRange) ?? refusalToReplace(asker, current, role);
        if (wrong !== undefined) return refused(wrong);
        const others = current.filter((other) => other.name !== name);
        if (others.length >= wireLimits.rolesMax)
          return refused(failure("LIMIT_REACHED", { limit: "rolesMax", max: wireLimits.rolesMax }));
        return ok([...others, role].toSorted((one, other) => (one.name < other.name ? -1 : 1)));
      });
      return set.ok ? { result: ok(role), facts: grantsChange(before, role.grants) } : { result: set };
    },
    "roles.remove": async ({ role: name }, asker) => {
      let gone: ClusterRole = { name, grants: [] };
      const removed = await roles.change((current) => {
        const known = current.find((one) => one.name === name);
        if (known === undefined) return refused(failure("NOT_FOUND", { role: name }));
        gone = known;
        const stays = builtInRoles.find((one) => one.name === name)?.grants ?? [];
        const wrong = refusalToReplace(asker, current, { name, grants: stays });
        return wrong === undefined ? ok(current.filter((one) => one.name !== name)) : refused(wrong);
      });
      return removed.ok ? { result: ok(gone), facts: grantsChange(gone.grants, []) } : { result: removed };
    },
  };
}

type Holders = `people.${"list" | "setRoles" | "setAdmin" | "show" | "endSession" | "endSessions" | "endSharedLinks"}`;

/** Who has which roles, and by which devices people are signed in. */
function handleHolders(at: PeopleParts): Pick<People, Holders> {
  const { ask, askMemory, roles, placeOf } = at;
  const parts: RolesParts = { ask: at.ask, table: () => roles.table() };
  const end = async (user: string, id: string | undefined, asker: Asker): Promise<Done<Record<never, never>>> => {
    const may = await rolesWithin(parts, asker, user);
    const message = { type: "endSession", ...(id !== undefined && { id }), ...asker.said };
    return { result: emptied(may.ok ? await ask(actorId("user", user), message) : may) };
  };
  return {
    "people.list": ({ among, ...page }) => {
      const names = among?.split(",");
      if (names !== undefined && names.length > wireLimits.rolesAmongMax) {
        const problem = `at most ${wireLimits.rolesAmongMax} names`;
        throw new PlexusError(failure("BAD_REQUEST", { path: "/among", problem }));
      }
      const message = { type: "people", ...page, ...(names && { among: names }) };
      return ask(roleManager, message) as Promise<Result<PeoplePage>>;
    },
    "people.setRoles": async ({ user, roles: wanted, seen }, asker) => {
      const before = await rolesWithin(parts, asker, user);
      if (!before.ok) return { result: before };
      const held = before.value;
      if (seen !== undefined && !isSameSet(seen, held) && !isSameSet(wanted, held))
        return { result: refused(failure("CHANGED_MEANWHILE", { user, now: held })) };
      const table = roles.table();
      const unknown = wanted.find((role) => !table.has(role) && !held.includes(role));
      if (unknown !== undefined) return { result: refused(failure("NOT_FOUND", { role: unknown })) };
      const reason = asker.mayGive(grantsOf(wanted, table));
      if (reason !== undefined) return { result: refused(reason) };
      const message = { type: "setRoles", user, roles: wanted, before: held, ...asker.said };
      const set = (await ask(roleManager, message)) as Result<PersonRoles>;
      if (!set.ok) return { result: set };
      return { result: ok({ user, roles: set.value.roles }), facts: rolesChange(held, set.value.roles) };
    },
    "people.setAdmin": async ({ user, admin }, asker) => {
      const held = await askMemory({ type: "people", user });
      if (!held.ok && asker.kind !== "operator") return { result: held };
      const [person] = (held.ok && (held.value as Partial<PeoplePage>).people) || [];
      const before = held.ok ? (person?.roles ?? []) : undefined;
      const moved = [...(person?.roles ?? []), ...(admin ? ["admin"] : [])];
      const reason = asker.mayGive(grantsOf(moved, roles.table()));
      if (reason !== undefined) return { result: refused(reason) };
      const done = await askMemory({ type: "setAdmin", user, admin, ...asker.said });
      if (!done.ok) return { result: done };
      // A role-manager of an older version does not say them.
      const { roles: now } = (done.value ?? {}) as { readonly roles?: readonly string[] };
      return {
        result: ok((done.value ?? {}) as Record<never, never>),
        ...(before !== undefined && now !== undefined && { facts: rolesChange(before, now) }),
      };
    },
    "people.show": async ({ user }) => {
      const found = (await ask(actorId("user", user), { type: "listSessions" })) as Result<PersonView>;
      if (!found.ok || placeOf === undefined) return found;
      return ok({ ...found.value, sessions: placed(found.value.sessions, placeOf) });
    },
    "people.endSession": ({ user, id }, asker) => end(user, id, asker),
    "people.endSessions": ({ user }, asker) => end(user, undefined, asker),
    "people.endSharedLinks": async ({ user }, asker) => {
      const may = await rolesWithin(parts, asker, user);
      if (!may.ok) return { result: may };
      const to = actorId("user", user);
      const held = (await ask(to, { type: "shared" })) as Result<SharedLinks>;
      if (!held.ok) return { result: held };
      let ended = 0;
      for (const { id } of held.value.links) {
        const removed = await ask(to, { type: "removeShared", id });
        // Its maker took it back meanwhile.
        if (!removed.ok && removed.error.code !== "NOT_FOUND") return { result: removed, facts: { ended } };
        ended += 1;
      }
      return { result: ok({ ended }), facts: { ended } };
    },
  };
}

type Accounts = "people.suspend" | "people.makeReset" | "people.delete" | "people.addProgram";

/** Ways into accounts, and out of them. */
function handleAccounts(at: PeopleParts): Pick<People, Accounts> {
  const { ask, clock, random, limits, roles } = at;
  const parts: RolesParts = { ask: at.ask, table: () => roles.table() };
  const askUser = (user: string, message: Message, timeoutMs?: number) =>
    ask(actorId("user", user), message, timeoutMs);
  return {
    "people.suspend": async ({ user, suspended }, asker) => {
      if (asker.actor === `user/${user}` && suspended)
        throw new PlexusError(failure("FORBIDDEN", { reason: "you cannot suspend your own account" }));
      const action = suspended ? "suspendUser" : "restoreUser";
      const reason = suspended ? undefined : asker.may("people.admit");
      if (reason !== undefined) return { result: refused(reason), action };
      const may = await rolesWithin(parts, asker, user);
      if (!may.ok) return { result: may, action };
      const was = await askUser(user, { type: "credentials" });
      if (!was.ok) return { result: was, action };
      const before = (was.value as Credentials).suspended === true;
      const set = emptied(await askUser(user, { type: "setSuspended", suspended, ...asker.said }));
      // Both are said, also where they are the same: a report goes by them.
      const facts = { "before.suspended": before, "after.suspended": suspended };
      return { result: set, action, ...(set.ok && { facts }) };
    },
    "people.makeReset": async ({ user }, asker) => {
      const may = await rolesLetInto(parts, asker, user);
      if (!may.ok) return { result: may };
      if (may.value.includes(service))
        return {
          result: refused(failure("FORBIDDEN", { reason: "an account of a program has keys and no password" })),
        };
      const secret = createDevice(random);
      const expiresAtMs = clock.nowMs() + limits.resetLinkMs;
      const link = { secretHash: sha256(secret), lifeMs: limits.resetLinkMs };
      const made = await askUser(user, { type: "makeReset", ...link, ...asker.said });
      return { result: made.ok ? ok({ user, secret, path: `/#reset=${user}.${secret}`, expiresAtMs }) : made };
    },
    "people.delete": async ({ user, deleted, atOnce = false }, asker) => {
      const action = deleted ? "deleteUser" : "restoreUser";
      const no = (reason: Failure): Done<never> => ({ result: refused(reason), action });
      if (asker.actor === `user/${user}`)
        return no(failure("FORBIDDEN", { reason: "delete your own account in its settings" }));
      const reason = deleted ? undefined : asker.may("people.admit");
      if (reason !== undefined) return no(reason);
      const may = await rolesWithin(parts, asker, user);
      if (!may.ok) return no(may.error);
      const waitMs = atOnce ? 0 : limits.deletionGraceMs;
      const message = deleted ? { type: "beginDeletion", waitMs, byAdmin: true } : { type: "endDeletion" };
      const done = (await askUser(user, { ...message, ...asker.said })) as Result<{ readonly atMs?: number } | null>;
      if (!done.ok) return no(done.error);
      const { atMs } = done.value ?? {};
      // The address is there until the account is gone.
      if (atMs !== undefined && !atOnce)
        await at.tell(user, (to) => ({ what: "deletion", to, user, atMs, byAdmin: true })).catch(() => undefined);
      const change = deleted ? { after: { deletedAtMs: atMs } } : { before: { deletion: "waits" } };
      return { result: ok(done.value ?? {}), action, ...change };
    },
    "people.addProgram": async ({ name, displayName }, asker) => {
      const reason = asker.mayGive(grantsOf([service], roles.table()));
      if (reason !== undefined) return { result: refused(reason) };
      const timeoutMs = limits.signUpTimeoutMs;
      const message = { type: "create", ...(displayName !== undefined && { displayName }), ...asker.said };
      const made = await askUser(name, message, timeoutMs);
      if (!made.ok && !(made.error.code === "NAME_TAKEN" && (await isHalfMade(at, name)))) return { result: made };
      const given = { type: "setRoles", user: name, roles: [service], ...asker.said };
      const set = await ask(roleManager, given, timeoutMs);
      if (!set.ok) return { result: set };
      return { result: ok({ user: name, roles: [service] }), facts: rolesChange([], [service]) };
    },
  };
}

/** The handlers of invitations to make an account. */
export function handleInvitations(
  { ask, clock, random, roles }: Pick<PeopleParts, "ask" | "clock" | "random" | "roles">,
  invitations: SignUpInvitations,
): HandlersOf<typeof signUpInvitationOperations> {
  return {
    "signUpInvitations.list": async () => ok({ invitations: await invitations.list(clock.nowMs()) }),
    "signUpInvitations.make": async ({ uses, expiresInMs, note = "", guest: asked }, asker) => {
      const inviter = asker.kind === "session" || asker.kind === "key" ? { by: asker.actor as string } : {};
      const guest = asked && { ...asked, ...inviter };
      // An account that is made by it is a member's or a guest's: nobody gives more than they have.
      const beyond = asker.mayGive(grantsOf([guest ? "guest" : defaultRole], roles.table()));
      if (beyond !== undefined) throw new PlexusError(beyond);
      // Said now, and asked again when somebody comes by it.
      if (guest?.room !== undefined) {
        const wanted = await ask(actorId("room", guest.room), { type: "guestWanted", ...inviter });
        if (!wanted.ok) throw new PlexusError(wanted.error);
      }
      const code = createDevice(random);
      const nowMs = clock.nowMs();
      const expiresAtMs = nowMs + expiresInMs;
      const invitation = { id: sha256(code), uses, expiresAtMs, by: asker.by, note, ...(guest && { guest }) };
      const made = await invitations.make(invitation, nowMs);
      // Whose guest it would be is in the audit of a refusal, too.
      const facts = guest && { guest };
      const result = made.ok ? ok({ ...made.value, code, path: `/#invitation=${code}` }) : made;
      return { result, after: made.ok ? saidBy(made.value) : undefined, ...(facts && { facts }) };
    },
    "signUpInvitations.end": async ({ id }) => {
      const ended = await invitations.remove(id);
      return { result: ended, ...(ended.ok && { before: saidBy(ended.value) }) };
    },
  };
}

/** What the audit has of an invitation. */
const saidBy = ({ uses, expiresAtMs, note, guest }: SignUpInvitation) => ({
  uses,
  expiresAtMs,
  note,
  ...(guest && { guest }),
});

const emptied = (result: Result<unknown>): Result<Record<never, never>> => (result.ok ? ok({}) : result);

/** Whether this is what a command left behind that was broken off before the account had its role: no way leads in,
 *  none ever did, and it has no role. Nobody's account is like that: a person's has a password or an identity from its
 *  first event on. */
async function isHalfMade({ ask }: Pick<PeopleParts, "ask">, user: string): Promise<boolean> {
  const found = await ask(actorId("user", user), { type: "listSessions" });
  if (!found.ok) return false;
  const { roles = [], sessions, suspended, factors } = found.value as PersonView;
  const isClosed = factors?.password === false && factors.passkeys === 0 && factors.identities.length === 0;
  return isClosed && sessions.length === 0 && suspended !== true && roles.every((role) => role === defaultRole);
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

/** Why a role may not become this one: what it grants now, or would, is more than the asker has. */
function refusalToReplace(asker: Asker, roles: readonly ClusterRole[], next: ClusterRole): Failure | undefined {
  if (fixedRoles.has(next.name)) return failure("FORBIDDEN", { reason: `the role ${next.name} cannot be changed` });
  const before = rolesWith(roles).find(({ name }) => name === next.name)?.grants ?? [];
  return asker.mayGive([...before, ...next.grants]);
}

/** What a change of somebody's roles was, for the audit. Both are said, also where they are the same: a report goes by
 *  them. */
const rolesChange = (before: readonly string[], after: readonly string[]) => ({
  "before.roles": before.join(" "),
  "after.roles": after.join(" "),
});

const grantsChange = (before: readonly Grant[], after: readonly Grant[]) => ({
  "before.grants": grantsText(before),
  "after.grants": grantsText(after),
});

/** Whether two lists without repetitions have the same words. */
const isSameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((word) => other.includes(word));

/** What a role says that cannot be, beyond its schema; undefined: nothing. */
function faultOf({ name, grants }: ClusterRole, isRange: (text: string) => boolean): Failure | undefined {
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
