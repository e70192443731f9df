/** What somebody does with other servers who is signed in: linking an identity and taking the link away, proving anew,
 *  signing out there.
 *
 *  The session's cookie does not come from another site's page (SameSite=Strict). So linking and proving anew end with
 *  a request of the page itself: it shows whose identity was proven, and asks. */
import type { FastifyRequest } from "fastify";
import {
  failure,
  ok,
  PlexusError,
  type FactorsView,
  type Result,
  type UserSessions,
} from "../../../protocols/index.ts";
import type { IdentityProviderRow } from "../../cluster/facts/identity-providers.ts";
import type { Accounts } from "./accounts.ts";
import { attemptCookie, type Caller } from "./callers.ts";
import { identityClaim } from "./claims.ts";
import { callerOf } from "../edge/http.ts";
import { factOf, type IdentityAccounts, type Named } from "./identity-accounts.ts";
import { pathOfPage, type IdentityAttempts } from "./identity-attempts.ts";
import { openedProvider, addressOfPage } from "./identity-providers.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { shownBy } from "./rights.ts";
import { noted, type OwnHandlers, type Wire } from "../rest/own.ts";
import { fromDevice } from "./sign-in.ts";

type Handled = `factors.${"linkWith" | "confirmWith" | "proven" | "acceptProven" | "unlink"}`;

/** The handlers. */
export function handleIdentityLinks(
  at: GatewayContext,
  parts: { readonly accounts: Accounts; readonly attempts: IdentityAttempts; readonly people: IdentityAccounts },
): Pick<OwnHandlers, Handled> {
  const { limits } = at;
  const { accounts, attempts, people } = parts;

  const beginTo =
    (purpose: "link" | "confirm") =>
    async (
      { provider, return: said }: { readonly provider: string; readonly return?: string },
      _: unknown,
      { request, reply }: Wire,
    ): Promise<Result<{ url: string }>> => {
      demandPublicPage(at, request);
      const { user, session } = callerOf(request);
      const path = pathOfPage(said);
      const how = { purpose, again: purpose === "confirm", path, user, session, ...shownBy(at, request) };
      return ok({ url: demand(await attempts.begin(request, reply, provider, how)) });
    };

  return {
    "factors.linkWith": beginTo("link"),

    "factors.confirmWith": beginTo("confirm"),

    "factors.proven": (_, __, { request }) => {
      const { purpose, provider, claims } = attempts.provenOf(request, false);
      const { label, issuer } = claims;
      return ok({ purpose, provider, issuer, ...(label !== undefined && { label }) });
    },

    "factors.acceptProven": async (_, __, { request, reply }) => {
      const caller = callerOf(request);
      const { purpose, provider, claims, atMs, shown } = attempts.provenOf(request, true);
      reply.clearCookie(attemptCookie, { path: `${request.mount}/api` });
      const named: Named = { row: demand(attempts.rowOf(provider)), claims, from: fromDevice(request) };
      const prove = async () => {
        const vouched = await people.vouch(named, caller.user);
        return vouched.ok ? accounts.confirmBy(caller, [factOf(named, atMs)]) : vouched;
      };
      const done = await (purpose === "confirm" ? prove() : people.link(named, caller.user, { shown }));
      return noted(done, () => ({}), { action: purpose === "confirm" ? "proveAgain" : "linkIdentity" });
    },

    "factors.unlink": async ({ id }, _, { request }) => {
      const { user, actor } = callerOf(request);
      const message = { type: "factors" };
      const factors = await at.kernel.ask({ to: actor, from: actor, message, timeoutMs: limits.askTimeoutMs });
      const held = (demand(factors) as FactorsView).identities.find((one) => identityClaim(one) === id);
      if (held === undefined) throw new PlexusError(failure("NOT_FOUND"));
      const { issuer, subject } = held;
      return noted(await people.unlink(user, { issuer, subject }, shownBy(at, request)), () => ({}));
    },
  };
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
