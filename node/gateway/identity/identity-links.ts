/** What somebody does with other servers who is signed in: linking an identity and taking the link away, proving anew,
 *  signing out there.
 *
 *  The session's cookie does not come from another site's page (SameSite=Strict). So linking and proving anew end with
 *  a request of the page itself: it shows whose identity was proven, and asks. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import {
  failure,
  PlexusError,
  providerName,
  schema,
  type FactorsView,
  type UserSessions,
} from "../../../protocols/index.ts";
import type { IdentityProviderRow } from "../../cluster/facts/identity-providers.ts";
import type { Accounts, Caller } from "./accounts.ts";
import { notedAccount } from "../audited.ts";
import { attemptCookie } from "./callers.ts";
import { identityClaim } from "./claims.ts";
import { callerOf } from "../edge/http.ts";
import { factOf, type IdentityAccounts, type Named } from "./identity-accounts.ts";
import { pathOfPage, type IdentityAttempts } from "./identity-attempts.ts";
import { openedProvider, addressOfPage } from "./identity-providers.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { shownBy } from "./rights.ts";
import { fromDevice } from "./sign-in.ts";

const byProvider = schema.object({ provider: providerName });
const beginBody = schema.object({
  return: Type.Optional(Type.String({ maxLength: 512, description: "A path of the page to come back to" })),
});
const byId = schema.object({ id: Type.String({ pattern: "^identity\\.[0-9a-f]{64}$" }) });

/** Adds the routes. */
export function addIdentityLinks(
  app: FastifyInstance,
  at: GatewayContext,
  parts: { readonly accounts: Accounts; readonly attempts: IdentityAttempts; readonly people: IdentityAccounts },
): void {
  const { limits } = at;
  const { accounts, attempts, people } = parts;
  const tags = ["account"];
  const person = { access: "person", permission: "account.use" } as const;

  /** Of what makes or ends a way into the own account. */
  const secured = { access: "person", permission: "account.secure" } as const;

  for (const [url, purpose, config, summary] of [
    ["/me/identities/with/:provider", "link", secured, "Begins to link an identity of another server; answers with the address to go to"],
    ["/me/session/confirm/with/:provider", "confirm", person, "Begins to prove again, by another server, who the caller is; answers with the address to go to"],
  ] as const)
    app.post<{ Params: Static<typeof byProvider>; Body: Static<typeof beginBody> }>(
      url,
      { config, schema: { summary, tags, params: byProvider, body: beginBody } },
      async (request, reply) => {
        demandPublicPage(at, request);
        const { user, session } = callerOf(request);
        const path = pathOfPage(request.body.return);
        const how = { purpose, again: purpose === "confirm", path, user, session, ...shownBy(at, request) };
        return { url: demand(await attempts.begin(request, reply, request.params.provider, how)) };
      },
    ); // prettier-ignore

  app.get(
    "/me/identities/proven",
    { config: person, schema: { summary: "The identity that this browser has proven and that waits for a yes", tags } },
    async (request) => {
      const { purpose, provider, claims } = attempts.provenOf(request, false);
      const { label, issuer } = claims;
      return { purpose, provider, issuer, ...(label !== undefined && { label }) };
    },
  );

  app.post(
    "/me/identities/proven",
    // What it links was begun by a session that was fresh.
    { config: { ...person, audit: "linkIdentity", proves: true }, schema: { summary: "The yes: links it, or proves again by it who the caller is", tags, body: schema.object({}) } },
    async (request, reply) => {
      const caller = callerOf(request);
      const { purpose, provider, claims, atMs, shown } = attempts.provenOf(request, true);
      reply.clearCookie(attemptCookie, { path: `${request.mount}/api` });
      const named: Named = { row: demand(attempts.rowOf(provider)), claims, from: fromDevice(request) };
      const prove = async () => {
        const vouched = await people.vouch(named, caller.user);
        return vouched.ok ? accounts.confirmBy(caller, [factOf(named, atMs)]) : vouched;
      };
      const done = purpose === "confirm" ? prove() : people.link(named, caller.user, { shown });
      const action = purpose === "confirm" ? "proveAgain" : "linkIdentity";
      await notedAccount(at, request, { action, user: caller.user }, done);
      return {};
    },
  ); // prettier-ignore

  app.delete<{ Params: Static<typeof byId> }>(
    "/me/identities/:id",
    {
      config: { ...secured, audit: "unlinkIdentity" },
      schema: { summary: "Removes the link to an identity: its id is the `claim` of it in the list of factors", tags, params: byId },
    },
    async (request) => {
      const { user, actor } = callerOf(request);
      const factors = await at.kernel.ask({ to: actor, from: actor, message: { type: "factors" }, timeoutMs: limits.askTimeoutMs });
      const held = (demand(factors) as FactorsView).identities.find((one) => identityClaim(one) === request.params.id);
      if (held === undefined) throw new PlexusError(failure("NOT_FOUND"));
      const { issuer, subject } = held;
      const done = people.unlink(user, { issuer, subject }, shownBy(at, request));
      await notedAccount(at, request, { action: "unlinkIdentity", user }, done);
      return {};
    },
  ); // prettier-ignore
}

/** A browser that has the page at another address comes back without the cookie of its attempt. Error: FORBIDDEN. */
function demandPublicPage(at: GatewayContext, { headers: { origin } }: FastifyRequest): void {
  const publicUrl = at.publicUrl?.();
  if (publicUrl === undefined || origin === undefined || origin === new URL(publicUrl).origin) return;
  const reason = `other servers send people back to ${publicUrl}: open the page there`;
  throw new PlexusError(failure("FORBIDDEN", { reason }));
}

/** Whose session it was at another server. */
interface Elsewhere {
  readonly row: IdentityProviderRow;
  readonly subject: string;
}

/** By whom a session was opened, where people who sign out here do so there. Asked for while there is the session. */
export async function openedElsewhere(at: GatewayContext, caller: Caller): Promise<Elsewhere | undefined> {
  const rows = at.identities?.rows.current().filter(({ signOut }) => signOut === true) ?? [];
  if (rows.length === 0) return undefined;
  const { actor, session } = caller;
  const answer = await at.kernel.ask({
    to: actor,
    from: actor,
    message: { type: "sessions" },
    timeoutMs: at.limits.askTimeoutMs,
  });
  if (!answer.ok) return undefined;
  const { proofs = [] } = (answer.value as UserSessions).sessions.find(({ id }) => id === session) ?? {};
  const fact = proofs.find((one) => one.type === "identity");
  const row = rows.find(({ name }) => name === fact?.provider);
  return fact === undefined || row === undefined ? undefined : { row, subject: fact.subject };
}

/** Where the browser goes on to sign out there. Undefined: nowhere. */
export async function signOutElsewhere(
  at: GatewayContext,
  request: FastifyRequest,
  { row, subject }: Elsewhere,
): Promise<string | undefined> {
  const provider = await openedProvider(at, row);
  return provider.ok ? provider.value.signOut?.({ subject, back: `${addressOfPage(at, request)}/` }) : undefined;
}
