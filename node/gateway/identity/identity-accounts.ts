/** Whose account an identity of another server lets in: finding it, linking it, making one, and the roles that come
 *  with it. Nothing here opens a session: `accounts.prove` does, of the fact. */
import {
  accountNames,
  actorId,
  auditDone,
  beyond,
  defaultRole,
  failure,
  grantsOf,
  identityOf,
  mappedRoles,
  mayLetInto,
  ok,
  refused,
  registrationBy,
  vouchedOf,
  type Fact,
  type Identity,
  type PeoplePage,
  type Result,
  byRule,
  type WithShown,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { IdentityProviderRow } from "../../cluster/facts/identity-providers.ts";
import type { Claims } from "../../identity/index.ts";
import type { Accounts } from "./accounts.ts";
import { claimsAt, identityClaim } from "./claims.ts";
import type { GatewayContext } from "../options.ts";
import { mayRegister, register, registrationAt } from "./registering.ts";
import { sha256 } from "./tokens.ts";
import type { Origin } from "./callers.ts";

/** Somebody whom a server has named, and where they want to come in from. */
export interface Named {
  readonly row: IdentityProviderRow;
  readonly claims: Claims;
  readonly from: Origin;
  /** A code of an invitation to make an account. */
  readonly invitation?: string | undefined;
}

/** Identities and the accounts they belong to. */
export interface IdentityAccounts {
  /** The account, which is made where there is none and the rules let it be. With the roles that the groups give.
   *  Errors: IDENTITY_UNKNOWN, those of sign-up, FORBIDDEN (the account may do more than the admin that set the
   *  server). */
  settle(named: Named): Promise<Result<{ readonly user: string; readonly isNew: boolean }>>;
  /** The server's word counts for an account that has the identity. Error: FORBIDDEN: somebody set the server anew who
   *  may not let this person in. */
  vouch(named: Named, user: string): Promise<Result<unknown>>;
  /** Errors: IDENTITY_TAKEN, LIMIT_REACHED. */
  link(named: Named, user: string, said: WithShown): Promise<Result<unknown>>;
  /** Errors: NOT_FOUND, FORBIDDEN where nothing else lets the person in. */
  unlink(user: string, held: Pick<Claims, "issuer" | "subject">, said: WithShown): Promise<Result<unknown>>;
}

/** What an identity proves. */
export const factOf = ({ row, claims }: Named, atMs: number): Fact => ({
  type: "identity",
  atMs,
  provider: row.name,
  issuer: claims.issuer,
  subject: claims.subject,
  ...(claims.two === true && { two: true }),
});

/** Names that are tried one after the other, before one that chance makes. */
const namesTried = 6;

/** On the actors of identities and people. */
export function createIdentityAccounts(at: GatewayContext, accounts: Accounts): IdentityAccounts {
  const { kernel, limits } = at;
  const claims = claimsAt(at);
  const ask = (to: `${string}/${string}`, message: Message) =>
    kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs });
  /** Whose it is: the account that has it in its own list. The claim alone is a hint, for as long as the account has
   *  not heard. */
  async function holderOf({ claims: said, from }: Named): Promise<Result<string | undefined>> {
    const found = await claims.holder(identityClaim(said));
    if (!found.ok || found.value === undefined) return found;
    const user = found.value;
    const stored = await accounts.proofsOf(user, from);
    if (!stored.ok) return stored;
    return ok(stored.value.factors.identities.includes(identityOf(said)) ? user : undefined);
  }

  const vouchedBy = (row: IdentityProviderRow): string => sha256(vouchedOf(row));

  /** Whether the server's word counts for this account: as the server was when it was linked, or the admin who set it
   *  since may let the person in. */
  async function vouch({ row, claims: { issuer, subject } }: Named, user: string): Promise<Result<unknown>> {
    const held = await rolesOf(user);
    if (!held.ok) return held;
    const { within, by: setBy } = row;
    const may = within === undefined || mayLetInto(held.value, within, at.rights.table());
    const by =
      setBy === user ? "own" : may ? "others" : within !== undefined && setBy === undefined ? "unknown" : "nobody";
    const vouched = await ask(actorId("user", user), {
      type: "vouchIdentity",
      issuer,
      subject,
      vouched: vouchedBy(row),
      by,
    });
    // A node of an older version does not know the question.
    return !vouched.ok && vouched.error.code === "BAD_REQUEST" && by !== "nobody" ? ok(undefined) : vouched;
  }

  const identityFor = ({ row, claims: said }: Named): Identity & { readonly claim: string } => ({
    provider: row.name,
    issuer: said.issuer,
    subject: said.subject,
    ...(said.label !== undefined && { label: said.label }),
    claim: identityClaim(said),
    vouched: vouchedBy(row),
  });

  async function make(named: Named): Promise<Result<string>> {
    const { row, claims: said, invitation } = named;
    if (await at.adminNeeded())
      return refused(failure("FORBIDDEN", { reason: "the first account is made with the admin code" }));
    if (row.registration === "link-only") return refused(failure("IDENTITY_UNKNOWN", { provider: row.name }));
    const { mail, mailConfirmed = false, name, displayName } = said;
    const may = await mayRegister(at, {
      invitation,
      named: {
        registration: registrationBy(registrationAt(at), row),
        mail: mail === undefined ? undefined : { address: mail, confirmed: mailConfirmed },
      },
    });
    if (!may.ok) return may;
    const identity = identityFor(named);
    const preferred = accountNames([name, mail, displayName]);
    const [first = "user"] = preferred;
    const chance = at
      .newId()
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, "")
      .slice(0, 10);
    const numbered = Array.from({ length: namesTried }, (_, index) => `${first}-${index + 2}`);
    for (const user of [...[...preferred, ...numbered].slice(0, namesTried), `${first.slice(0, 20)}-${chance}`]) {
      const stored = await accounts.proofsOf(user, named.from);
      if (!stored.ok) return stored;
      if (stored.value.exists) continue;
      const who = { name: user, invitation, identity };
      const made = await register(at, who, may.value, { ...(displayName !== undefined && { displayName }) });
      if (made.ok) return ok(user);
      if (made.error.code !== "NAME_TAKEN") return made;
    }
    return refused(failure("NAME_TAKEN"));
  }

  async function rolesOf(user: string): Promise<Result<readonly string[]>> {
    const held = await ask("role-manager/cluster", { type: "people", user });
    return held.ok ? ok((held.value as PeoplePage).people[0]?.roles ?? [defaultRole]) : held;
  }

  /** Gives and takes the roles that the map names, and refuses people who may do more than the admin that set the
   *  server. */
  async function empower({ row, claims: said }: Named, user: string): Promise<Result<unknown>> {
    // Set by the operator, and without a map: nothing to ask for.
    if (row.within === undefined && row.roles === undefined) return ok(undefined);
    const table = at.rights.table();
    const held = await rolesOf(user);
    if (!held.ok) return held;
    const exceeding = row.within && beyond(row.within, grantsOf(held.value, table), table);
    if (exceeding !== undefined)
      return refused(
        failure("FORBIDDEN", {
          permission: exceeding,
          reason: "this account has more rights than the person who set up this way to sign in: sign in another way",
        }),
      );
    const map = (row.roles ?? []).filter(({ role }) => table.has(role));
    const roles = mappedRoles(held.value, map, said.groups);
    if (roles.join(" ") === held.value.join(" ")) return ok(undefined);
    const set = await ask("role-manager/cluster", { type: "setRoles", user, roles, before: held.value, ...byRule });
    const person = `user/${user}`;
    const outcome = set.ok ? auditDone : set.error.code;
    at.log.info("audit.account", {
      action: "setRoles",
      by: person,
      provider: row.name,
      roles: roles.join(" "),
      outcome,
    });
    const facts = { provider: row.name, before: held.value.join(","), roles: roles.join(",") };
    const written = at.audit?.write({ action: "setRoles", by: person, target: person, outcome, facts });
    if (set.ok) await written;
    else void written?.catch(() => undefined);
    // The last owner stays one, and comes in.
    return set.ok || set.error.code === "FORBIDDEN" ? ok(undefined) : set;
  }

  return {
    vouch,
    async settle(named) {
      const held = await holderOf(named);
      if (!held.ok) return held;
      const known = held.value;
      const made = known === undefined ? await make(named) : ok(known);
      if (!made.ok) return made;
      const vouched = known === undefined ? ok(undefined) : await vouch(named, known);
      if (!vouched.ok) return vouched;
      const set = await empower(named, made.value);
      return set.ok ? ok({ user: made.value, isNew: known === undefined }) : set;
    },

    async link(named, user, said) {
      const identity = identityFor(named);
      const taken = await claims.take(identity.claim, user, "IDENTITY_TAKEN");
      if (!taken.ok) return taken;
      const linked = await ask(actorId("user", user), { type: "linkIdentity", ...identity, ...said });
      if (!linked.ok && linked.error.outcome !== "unknown" && !taken.value.had)
        await claims.release(identity.claim, user);
      return linked;
    },

    unlink: (user, held, said) => ask(actorId("user", user), { type: "unlinkIdentity", ...held, ...said }),
  };
}
