/** Servers of identities, for admins. An admin who sets one can become the people who sign in by it. So people who may
 *  do more than that admin do not sign in by it, and a map of groups gives no more than its admin has. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import {
  defaultRole,
  failure,
  failureOf,
  grantsOf,
  isSafeServer,
  ok,
  PlexusError,
  providerName,
  refused,
  schema,
  setIdentityProvider,
  type Failure,
  type IdentityProviderView,
  type Result,
  type SetIdentityProvider,
} from "../../../protocols/index.ts";
import type { IdentityProviderRow } from "../../cluster/facts/identity-providers.ts";
import { destinationOf } from "../../cluster/facts/secrets.ts";
import type { IdentityProvider } from "../../identity/index.ts";
import { audited, audits, changeOf } from "../audited.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { refusalToGive } from "./roles.ts";
import { isSecure } from "./sign-in.ts";

const byName = schema.object({ provider: providerName });
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

/** Adds the routes. */
export function addIdentityProviders(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["cluster"];
  const of = (): NonNullable<GatewayContext["identities"]> => {
    if (at.identities === undefined) throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" })); // prettier-ignore
    return at.identities;
  };
  const find = (name: string): Result<IdentityProviderRow> => {
    const row = of().rows.current().find((one) => one.name === name); // prettier-ignore
    return row === undefined ? refused(failure("NOT_FOUND", { provider: name })) : ok(row);
  };
  const factsOf = ({ name, server, registration, roles = [] }: IdentityProviderRow) => ({
    provider: name,
    kind: server.kind,
    issuer: server.issuer ?? "",
    registration,
    roles: roles.map(({ group, role }) => `${group}=${role}`).join(" ").slice(0, 256),
  }); // prettier-ignore

  app.get(
    "/admin/identity-providers",
    { config: { access: "admin" }, schema: { summary: "The servers by which people can sign in, as they are set", tags } },
    async () => ({ providers: of().rows.current().map(viewOf) }),
  ); // prettier-ignore

  app.get<{ Params: Static<typeof byName> }>(
    "/admin/identity-providers/:provider",
    { config: { access: "admin" }, schema: { summary: "One of them, with the address to enter there", tags, params: byName } },
    async (request) => ({ ...viewOf(demand(find(request.params.provider))), back: backOf(at, request, request.params.provider) }),
  ); // prettier-ignore

  async function rowFor(request: FastifyRequest, name: string, set: SetIdentityProvider): Promise<Result<IdentityProviderRow>> {
    const { secret, ...given } = set;
    const wrong = faultOf(set);
    if (wrong !== undefined) return refused(wrong);
    const found = find(name);
    const before = found.ok ? found.value : undefined;
    const table = at.rights.table();
    const named = [...(before?.roles ?? []), ...(given.roles ?? [])].map(({ role }) => role);
    const unknown = (given.roles ?? []).find(({ role }) => !table.has(role));
    if (unknown !== undefined) return refused(failure("NOT_FOUND", { role: unknown.role }));
    // Where it makes accounts, a person who comes by it is a member.
    const made = given.registration === "create" ? [defaultRole] : [];
    const reason = refusalToGive(at, request, grantsOf([...named, ...made], table));
    if (reason !== undefined) return refused(reason);
    const isSame = before?.server.kind === set.server.kind && before.server.issuer === set.server.issuer && before.server.clientId === set.server.clientId;
    if (secret === undefined && before?.sealed !== undefined && !isSame)
      return refused(failure("BAD_REQUEST", { path: "/secret", problem: "another server or client: give the secret again, so that it goes nowhere by mistake" }));
    if (secret !== undefined && at.secrets === undefined) return refused(failure("NOT_FOUND", { reason: "this node keeps no secrets" }));
    const sealed = secret === undefined ? before?.sealed : await at.secrets?.seal(secret, sealedFor(name), serverOf(set.server));
    const row: IdentityProviderRow = {
      ...given,
      name,
      ...(sealed !== undefined && { sealed }),
      ...(request.caller !== null && { within: request.caller.roles, by: request.caller.user }),
    };
    const opened = await openedProvider(at, row);
    return opened.ok ? ok(row) : opened;
  } // prettier-ignore

  app.put<{ Params: Static<typeof byName>; Body: SetIdentityProvider }>(
    "/admin/identity-providers/:provider",
    {
      config: audits("setIdentityProvider", "identity.manage"),
      schema: {
        summary: "Sets a server by which people can sign in",
        description:
          "`secret` is write-only; without it the one of before stays, as long as server and client are the same. Nobody maps groups to roles that they do not have, and people with more rights than the person who sets it cannot sign in by it.",
        tags,
        params: byName,
        body: setIdentityProvider,
      },
    },
    async (request) => {
      const { provider: name } = request.params;
      const found = find(name);
      const before = found.ok ? viewOf(found.value) : undefined;
      const done = async (): Promise<Result<IdentityProviderView>> => {
        const made = await rowFor(request, name, request.body);
        if (!made.ok) return made;
        const set = await of().rows.set(made.value);
        return set.ok ? ok(viewOf(set.value)) : set;
      };
      const facts = {
        ...factsOf({ ...request.body, name }),
        secret: request.body.secret === undefined ? "kept" : "given",
      };
      return audited(at, request, facts, done(), (now) => changeOf(before, now));
    },
  );

  app.delete<{ Params: Static<typeof byName> }>(
    "/admin/identity-providers/:provider",
    {
      config: audits("removeIdentityProvider", "identity.manage"),
      schema: {
        summary: "Removes a server by which people can sign in; answers with it",
        description: "Links of accounts to it stay, and let nobody in while it is not there.",
        tags,
        params: byName,
      },
    },
    async (request) => {
      const { provider } = request.params;
      const removed = of().rows.remove(provider);
      return viewOf(await audited(at, request, { provider }, removed, (was) => changeOf(viewOf(was), undefined)));
    },
  );

  app.post<{ Params: Static<typeof byName> }>(
    "/admin/identity-providers/:provider/test",
    {
      config: { access: "admin", permission: "identity.manage" },
      schema: { summary: "Asks a server what can be asked without a person", tags, params: byName },
    },
    async (request) => {
      const row = demand(find(request.params.provider));
      const report = await demand(await openedProvider(at, row)).test();
      return { ...report, back: backOf(at, request, row.name) };
    },
  );
}
