/** Accounts of programs: without a password, with the role `service`, and with API keys that those make who may manage people. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import {
  actorId,
  createApiKey,
  createServiceAccount,
  defaultRole,
  failure,
  grantsOf,
  refused,
  schema,
  type Credentials,
  type Failure,
  type PersonView,
  type Result,
} from "../../protocols/index.ts";
import type { Accounts } from "./accounts.ts";
import { audited, audits, changeOf } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { refusalToGive, rolesChange, rolesLetInto } from "./roles.ts";
import { shownBy } from "./rights.ts";

const service = "service";
const userParams = schema.object({ user: schema.userName });

/** Why somebody else may not give this account a way in; undefined: it is a program's. */
async function refusalOfPerson(
  at: Pick<GatewayContext, "kernel" | "limits">,
  user: string,
  roles: readonly string[],
): Promise<Failure | undefined> {
  const timeoutMs = at.limits.askTimeoutMs;
  const message = { type: "credentials" };
  const found = await at.kernel.ask({ to: actorId("user", user), from: "gateway", message, timeoutMs });
  if (!found.ok) return found.error;
  const { passwordHash, factors } = found.value as Credentials;
  const isProgram =
    roles.includes(service) && passwordHash === undefined && factors?.passkeys === 0 && factors.identities.length === 0;
  return isProgram ? undefined : failure("FORBIDDEN", { reason: "people make their API keys themselves" });
}

/** Adds the routes that make accounts of programs, and their keys. */
export function addServiceAccountRoutes(app: FastifyInstance, at: GatewayContext, accounts: Accounts): void {
  const { kernel, limits, rights } = at;
  const tags = ["admin"];
  const timeoutMs = limits.signUpTimeoutMs;

  /** Whether this is what a command left behind that was broken off before the account had its role: no way leads in, none ever did, and it has no role.
   *  Nobody's account is like that: a person's has a password or an identity from its first event on. */
  const isHalfMade = async (user: string): Promise<boolean> => {
    const found = await kernel.ask({ to: actorId("user", user), from: "gateway", message: { type: "listSessions" }, timeoutMs: limits.askTimeoutMs }); // prettier-ignore
    if (!found.ok) return false;
    const { roles = [], sessions, suspended, factors } = found.value as PersonView;
    const isClosed = factors?.password === false && factors.passkeys === 0 && factors.identities.length === 0;
    return isClosed && sessions.length === 0 && suspended !== true && roles.every((role) => role === defaultRole);
  };

  app.post<{ Body: Static<typeof createServiceAccount> }>(
    "/admin/service-accounts",
    {
      config: audits("createServiceAccount", "people.admit"),
      schema: {
        summary: "Makes an account for a program: it has the role `service`, no password, and keys only",
        tags,
        body: createServiceAccount,
      },
    },
    async (request) => {
      const { name, displayName } = request.body;
      const make = async (): Promise<Result<unknown>> => {
        const reason = refusalToGive(at, request, grantsOf([service], rights.table()));
        if (reason !== undefined) return refused(reason);
        const message = { type: "create", ...(displayName !== undefined && { displayName }), ...shownBy(at, request) };
        const made = await kernel.ask({ to: actorId("user", name), from: "gateway", message, timeoutMs });
        if (!made.ok && !(made.error.code === "NAME_TAKEN" && (await isHalfMade(name)))) return made;
        const roles = { type: "setRoles", user: name, roles: [service], ...shownBy(at, request) };
        return kernel.ask({ to: "role-manager/cluster", from: "gateway", message: roles, timeoutMs });
      };
      await audited(at, request, { user: name }, make(), () => rolesChange([], [service]));
      return { user: name, roles: [service] };
    },
  );

  app.post<{ Params: Static<typeof userParams>; Body: Static<typeof createApiKey> }>(
    "/admin/users/:user/keys",
    {
      config: audits("createKey", "people.admit"),
      schema: {
        summary: "Makes an API key of a program's account; only this answer shows it",
        description: "Of accounts with the role `service` that have no password and no other way in.",
        tags,
        params: userParams,
        body: createApiKey,
      },
    },
    async (request) => {
      const { user } = request.params;
      const facts = { user, ...(request.body.scopes && { scopes: request.body.scopes.join(" ") }) };
      const { token, session } = await audited(at, request, facts, makeKey(request, user), ({ session: { id, label, expiresAtMs } }) =>
        changeOf(undefined, { key: id, label, ...(expiresAtMs !== undefined && { expiresAtMs }) }),
      ); // prettier-ignore
      return { key: token, ...session };
    },
  );

  async function makeKey(request: FastifyRequest<{ Body: Static<typeof createApiKey> }>, user: string) {
    const may = await rolesLetInto(at, request, user);
    if (!may.ok) return may;
    const reason = await refusalOfPerson(at, user, may.value);
    if (reason !== undefined) return refused(reason);
    return accounts.createKey(user, request.body, { ...shownBy(at, request), byAdmin: true });
  }
}
