/** Sign-in by other servers over HTTP.
 *
 *      GET /sign-in/with/NAME ──► attempt (cookie) ──► the other server ──► GET /sign-in/back/NAME ──► the page
 *                                                            └─ by a form ─► POST /sign-in/back/NAME ─┘
 *
 *  What is answered to a browser is a redirect to the page, with a code of the error table where it failed. How an
 *  attempt is kept meanwhile is `identity-attempts.ts`; what somebody does who is signed in is `identity-links.ts`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import {
  failure,
  PlexusError,
  providerName,
  schema,
  type ErrorCode,
  type SignInChoice,
} from "../../../protocols/index.ts";
import type { Accounts } from "./accounts.ts";
import { noteAccount } from "../audited.ts";
import { checkSameOrigin } from "./callers.ts";
import { factOf, type IdentityAccounts, type Named } from "./identity-accounts.ts";
import { pathOfPage, type IdentityAttempts } from "./identity-attempts.ts";
import { backOf, openedProvider } from "./identity-providers.ts";
import { idsOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { answerSignIn, fromDevice } from "./sign-in.ts";

const byProvider = schema.object({ provider: providerName });
const beginQuery = schema.object({
  return: Type.Optional(Type.String({ maxLength: 512, description: "A path of the page to come back to" })),
  invitation: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
});
const beginSchema = {
  summary: "Sends the browser to another server to sign in there",
  description: "An `invitation` lets an account be made. `return` is a path of the page; else its beginning.",
  params: byProvider,
  querystring: beginQuery,
};
// Servers add fields of their own.
const backQuery = Type.Record(Type.String({ maxLength: 64 }), Type.Unknown(), { maxProperties: 32 });

/** The path with what the page is told. */
function told(path: string, how: Readonly<Record<string, string>>): string {
  const url = new URL(path, "http://page.invalid");
  for (const [name, value] of Object.entries(how)) url.searchParams.set(name, value);
  return url.pathname + url.search;
}

/** The servers by which people can sign in, as a person who is not signed in sees them. */
export const choicesOf = ({ identities }: Pick<GatewayContext, "identities">): readonly SignInChoice[] =>
  (identities?.rows.current() ?? []).map(({ name, label, server: { kind } }) => ({ name, label, kind }));

/** Adds the routes. */
export function addIdentitySignIn(
  app: FastifyInstance,
  at: GatewayContext,
  parts: { readonly accounts: Accounts; readonly attempts: IdentityAttempts; readonly people: IdentityAccounts },
): void {
  const { limits, clock } = at;
  const { accounts, attempts, people } = parts;
  const tags = ["account"];
  const open = { tags, security: [] };
  const go = (reply: FastifyReply, url: string, code = 302): FastifyReply =>
    reply.header("cache-control", "no-store").redirect(url.startsWith("/") ? reply.request.mount + url : url, code);
  const fail = (reply: FastifyReply, path: string, code: ErrorCode, provider: string): FastifyReply =>
    go(reply, told(path, { signIn: code, with: provider }));

  /** A server let in nobody who has an account here. What it is called is no name of an account. */
  function noteStranger(request: FastifyRequest, provider: string, outcome: ErrorCode): void {
    const { address } = request;
    const target = `provider/${provider}`;
    at.log.info("audit.account", { ...idsOf(request), action: "signIn", by: "stranger", target, address, outcome });
    void at.audit?.write({ action: "signIn", by: "stranger", target, address, outcome }).catch(() => undefined);
  }

  app.get<{ Params: Static<typeof byProvider> }>(
    "/sign-in/metadata/:provider",
    { schema: { ...open, summary: "What a SAML server is given of this cluster", params: byProvider } },
    async (request, reply) => {
      const { provider: name } = request.params;
      const provider = demand(await openedProvider(at, demand(attempts.rowOf(name))));
      if (provider.metadata === undefined) throw new PlexusError(failure("NOT_FOUND", { provider: name }));
      return reply.type("application/samlmetadata+xml").send(await provider.metadata(backOf(at, request, name)));
    },
  );

  app.get<{ Params: Static<typeof byProvider>; Querystring: Static<typeof beginQuery> }>(
    "/sign-in/with/:provider",
    { schema: { ...open, ...beginSchema } },
    async (request, reply) => {
      const { provider } = request.params;
      const { return: said, invitation } = request.query;
      const path = pathOfPage(said);
      // Another site must not begin a sign-in here: the one that is under way would be lost.
      if (!checkSameOrigin(request.raw).ok) return go(reply, "/");
      const invited = invitation === undefined ? {} : { invitation };
      const url = await attempts.begin(request, reply, provider, { purpose: "signIn", again: false, path, ...invited });
      return url.ok ? go(reply, url.value) : fail(reply, path, url.error.code, provider);
    },
  );

  app.get<{ Params: Static<typeof byProvider> }>(
    "/sign-in/back/:provider",
    {
      schema: {
        ...open,
        summary: "Where a server sends the browser back to",
        params: byProvider,
        querystring: backQuery,
      },
    },
    async (request, reply) => {
      const { provider: name } = request.params;
      const state = new URL(request.url, "http://page.invalid").searchParams.get("state") ?? "";
      const came = attempts.cameBack(request, state, name);
      if (!came.ok) return fail(reply, "/", came.error.code, name);
      const { away, row, user, form } = came.value;
      const { back, again, purpose, path, invitation, session = "", shown } = away;
      const provider = await openedProvider(at, row);
      if (!provider.ok) return fail(reply, path, provider.error.code, name);
      // What the server was told, whatever this request calls the node.
      const url = new URL(new URL(request.url, "http://page.invalid").search, back);
      const claims = await provider.value.finish({ url, back, state, again, ...(form && { form }) }, away.kept);
      if (!claims.ok) {
        at.log.warn("identity.refused", { provider: name, code: claims.error.code, ...claims.error.details });
        if (user === undefined) noteStranger(request, name, claims.error.code);
        else await noteAccount(at, request, "signIn", user, claims.error.code);
        return fail(reply, path, claims.error.code, name);
      }
      if (purpose !== "signIn") {
        const proven = { purpose, provider: name, claims: claims.value, atMs: clock.nowMs() };
        attempts.prove(request, reply, user, { ...proven, session, shown });
        return go(reply, told(path, { signIn: purpose, with: name }));
      }
      const named: Named = { row, claims: claims.value, invitation, from: fromDevice(request) };
      const settled = await people.settle(named);
      if (!settled.ok) {
        noteStranger(request, name, settled.error.code);
        return fail(reply, path, settled.error.code, name);
      }
      const { user: owner, isNew } = settled.value;
      if (isNew) await noteAccount(at, request, "signUp", owner);
      const progress = await accounts.prove(owner, [factOf(named, clock.nowMs())], named.from);
      if (!progress.ok) {
        await noteAccount(at, request, "signIn", owner, progress.error.code);
        return fail(reply, path, progress.error.code, name);
      }
      const isIn = progress.value.type === "entered";
      await noteAccount(at, request, isIn ? "signIn" : "signInStep", owner);
      answerSignIn(at, request, reply, progress.value);
      return go(reply, isIn ? path : told(path, { signIn: "step" }));
    },
  );

  app.post<{ Params: Static<typeof byProvider> }>(
    "/sign-in/back/:provider",
    {
      config: { crossSite: true, bytesMax: limits.identityFormBytesMax },
      bodyLimit: limits.identityFormBytesMax,
      schema: {
        ...open,
        summary: "The same, where a server sends a form (SAML)",
        description: "The form waits for the browser that began, which is sent on at once.",
        params: byProvider,
        body: Type.Record(Type.String({ maxLength: 64 }), Type.String(), { maxProperties: 16 }),
      },
    },
    async (request, reply) => {
      const { provider } = request.params;
      const form = request.body as Readonly<Record<string, string>>;
      const state = form["RelayState"] ?? form["state"] ?? "";
      if (!attempts.hold(state, provider, form)) return fail(reply, "/", "SIGN_IN_EXPIRED", provider);
      return go(reply, `/api/v1/sign-in/back/${provider}?state=${encodeURIComponent(state)}`, 303);
    },
  );
}
