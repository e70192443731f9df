/** Servers of identities, for admins. An admin who sets one can become the people who sign in by it. So people who may
 *  do more than that admin do not sign in by it, and a map of groups gives no more than its admin has. */
import type { FastifyRequest } from "fastify";
import {
  acted,
  changed,
  defaultRole,
  failure,
  failureOf,
  grantsOf,
  isSafeServer,
  ok,
  PlexusError,
  refused,
  removed,
  type Asker,
  type Failure,
  type identityProviderOperations,
  type IdentityProviderView,
  type Result,
  type SetIdentityProvider,
} from "../../../protocols/index.ts";
import type { IdentityProviderRow } from "../../cluster/facts/identity-providers.ts";
import { destinationOf } from "../../cluster/facts/secrets.ts";
import type { IdentityProvider } from "../../identity/index.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import type { OwnHandlers } from "../rest/own.ts";
import { isSecure } from "./sign-in.ts";

const sealedFor = (name: string): readonly string[] => ["identity-provider", name];

/** Where the secret of a client goes: the server, as it calls itself. */
const serverOf = ({ issuer = "https://github.com" }: { readonly issuer?: string }) =>
  URL.canParse(issuer) ? destinationOf(issuer) : undefined;

/** The page's address, without a slash at its end: as it is configured, since other servers know that one alone; else
 *  as the browser that asks has it. */
export const addressOfPage = (at: Pick<GatewayContext, "publicUrl">, request: FastifyRequest): string =>
  at.publicUrl?.() ?? `${isSecure(request) ? "https" : "http"}://${request.headers.host ?? ""}${request.mount}`;

/** Where a server sends people back to. */
export const backOf = (at: Pick<GatewayContext, "publicUrl">, request: FastifyRequest, provider: string): string =>
  `${addressOfPage(at, request)}/api/v1/sign-in/back/${provider}`;

/** The provider of a row, with its secret. Errors: BAD_REQUEST (this version has no such kind), IDENTITY_PROVIDER_AWAY
 *  (the secret cannot be opened), DIRECTORY_UNAVAILABLE. */
export async function openedProvider(
  { identities, secrets }: Pick<GatewayContext, "identities" | "secrets">,
  { name, label, server, sealed, groupClaim, trustTwo, roles = [] }: IdentityProviderRow,
): Promise<Result<IdentityProvider>> {
  if (identities === undefined) return refused(failure("NOT_FOUND", { provider: name }));
  let secret: string | undefined;
  try {
    secret = sealed === undefined ? undefined : await secrets?.open(sealed, sealedFor(name), serverOf(server));
  } catch (error) {
    return refused(failureOf(error));
  }
  if (sealed !== undefined && secret === undefined)
    return refused(
      failure("IDENTITY_PROVIDER_AWAY", { reason: "its secret was sealed by another cluster: set it again" }),
    );
  return identities.providers.of({ name, label, server, secret, groupClaim, trustTwo, wantsGroups: roles.length > 0 });
}

const viewOf = ({ sealed, ...row }: IdentityProviderRow): IdentityProviderView => ({
  ...row,
  hasSecret: sealed !== undefined,
});

/** What a row says that cannot be, beyond its schema. */
function faultOf({
  server,
  roles = [],
  groupClaim,
  registration,
  mailDomains,
}: SetIdentityProvider): Failure | undefined {
  const wrong = (path: string, problem: string): Failure => failure("BAD_REQUEST", { path, problem });
  const asked = server.kind === "saml" ? server.entryPoint : server.issuer;
  if (asked !== undefined && !isSafeServer(asked))
    return wrong("/server", "the address needs https, unless it is of this machine");
  if (roles.length > 0 && groupClaim === undefined && server.kind !== "github")
    return wrong("/groupClaim", "roles by groups need the name of what the server says groups in");
  if (mailDomains !== undefined && registration !== "create")
    return wrong("/mailDomains", "they are for accounts that are made by themselves: registration `create`");
  return undefined;
}

/** The row of a server as an admin sets it. Errors: BAD_REQUEST, NOT_FOUND, FORBIDDEN, those of `openedProvider`. */
async function rowFor(
  at: GatewayContext,
  asked: Pick<Asker, "mayGive" | "roles" | "by" | "actor">,
  {
    name,
    set,
    before,
  }: { readonly name: string; readonly set: SetIdentityProvider; readonly before: IdentityProviderRow | undefined },
): Promise<Result<IdentityProviderRow>> {
  const { secret, ...given } = set;
  const wrong = faultOf(set);
  if (wrong !== undefined) return refused(wrong);
  const table = at.rights.table();
  const named = [...(before?.roles ?? []), ...(given.roles ?? [])].map(({ role }) => role);
  const unknown = (given.roles ?? []).find(({ role }) => !table.has(role));
  if (unknown !== undefined) return refused(failure("NOT_FOUND", { role: unknown.role }));
  // Where it makes accounts, a person who comes by it is a member.
  const made = given.registration === "create" ? [defaultRole] : [];
  const reason = asked.mayGive(grantsOf([...named, ...made], table));
  if (reason !== undefined) return refused(reason);
  const isSame =
    before?.server.kind === set.server.kind &&
    before.server.issuer === set.server.issuer &&
    before.server.clientId === set.server.clientId;
  if (secret === undefined && before?.sealed !== undefined && !isSame) {
    const problem = "another server or client: give the secret again, so that it goes nowhere by mistake";
    return refused(failure("BAD_REQUEST", { path: "/secret", problem }));
  }
  if (secret !== undefined && at.secrets === undefined)
    return refused(failure("NOT_FOUND", { reason: "this node keeps no secrets" }));
  const sealed =
    secret === undefined ? before?.sealed : await at.secrets?.seal(secret, sealedFor(name), serverOf(set.server));
  const row: IdentityProviderRow = {
    ...given,
    name,
    ...(sealed !== undefined && { sealed }),
    ...(asked.actor !== undefined && { within: asked.roles, by: asked.by }),
  };
  const opened = await openedProvider(at, row);
  return opened.ok ? ok(row) : opened;
}

/** The handlers. */
export function handleIdentityProviders(
  at: GatewayContext,
): Pick<OwnHandlers, keyof typeof identityProviderOperations> {
  const of = (): NonNullable<GatewayContext["identities"]> => {
    if (at.identities !== undefined) return at.identities;
    throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
  };
  const find = (name: string): Result<IdentityProviderRow> => {
    const row = of()
      .rows.current()
      .find((one) => one.name === name);
    return row === undefined ? refused(failure("NOT_FOUND", { provider: name })) : ok(row);
  };

  return {
    "identityProviders.list": () => ok({ providers: of().rows.current().map(viewOf) }),

    "identityProviders.show": ({ provider }, _, { request }) => {
      const found = find(provider);
      return found.ok ? ok({ ...viewOf(found.value), back: backOf(at, request, provider) }) : found;
    },

    "identityProviders.set": async ({ provider: name, ...set }, asker) => {
      const found = find(name);
      const before = found.ok ? found.value : undefined;
      const made = await rowFor(at, asker, { name, set, before });
      if (!made.ok) return acted<IdentityProviderView>(made);
      const done = await of().rows.set(made.value);
      return changed(before && viewOf(before), done.ok ? ok(viewOf(done.value)) : done);
    },

    "identityProviders.remove": async ({ provider }) => {
      const was = await of().rows.remove(provider);
      return removed(was.ok ? ok(viewOf(was.value)) : was);
    },

    "identityProviders.test": async ({ provider }, _, { request }) => {
      const row = demand(find(provider));
      const report = await demand(await openedProvider(at, row)).test();
      return ok({ ...report, back: backOf(at, request, row.name) });
    },
  };
}
