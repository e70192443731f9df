/** Steps of a sign-in, and the attempt that they go on with. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { AuthenticationResponseJSON } from "@simplewebauthn/server";
import {
  acted,
  failure,
  ok,
  PlexusError,
  refused,
  type Fact,
  type Result,
  type SignInProgress,
} from "../../../protocols/index.ts";
import type { Accounts } from "../identity/accounts.ts";
import { presentedAttempt } from "../identity/callers.ts";
import { originOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { pageOf, type Asked, type ProofChecks } from "../identity/proofs.ts";
import { demand } from "../edge/refusals.ts";
import { noted, type Noted, type OwnHandlers, type Wire } from "../rest/own.ts";
import { answerSignIn, fromDevice, setAttempt } from "../identity/sign-in.ts";

/** The secret of an attempt: programs send it in the body, browsers in the cookie. */
export const secretOf = (request: FastifyRequest, attempt: string | undefined): string =>
  attempt ?? presentedAttempt(request.raw) ?? "";

/** What an attempt was asked with, if it was a passkey. Error: SIGN_IN_EXPIRED. */
export function askedOf(asked: unknown): Result<Asked> {
  const said = asked as Partial<Asked> | undefined;
  return said?.challenge === undefined || said.page === undefined
    ? refused(failure("SIGN_IN_EXPIRED"))
    : { ok: true, value: said as Asked };
}

/** Begins the attempt again, under a new secret, with what its next step is asked with. Gives the secret. */
export function askAnew(
  { limits }: Pick<GatewayContext, "limits">,
  accounts: Pick<Accounts, "take" | "begin">,
  { request, reply }: Wire,
  step: { readonly secret: string; readonly challenge: string; readonly user: string | undefined },
): string {
  const { secret, challenge, user } = step;
  const before = user === undefined ? undefined : accounts.take(secret);
  const page = pageOf(request.raw);
  const kept = before?.ok === true ? before.value : { facts: [] };
  const next = accounts.begin({ ...kept, user, asked: { challenge, page } satisfies Asked }, fromDevice(request));
  setAttempt(request, reply, next, limits.attemptMs);
  return next;
}

/** The handlers. */
export function handleSteps(
  at: GatewayContext,
  accounts: Accounts,
  checks: ProofChecks,
): Pick<OwnHandlers, "signIn.code" | "signIn.passkeyOptions" | "signIn.passkey" | "signIn.standing"> {
  /** The user of an attempt in which something is proven already. */
  const userOf = (secret: string): string => {
    const { user } = demand(accounts.find(secret));
    if (user === undefined) throw new PlexusError(failure("SIGN_IN_EXPIRED"));
    return user;
  };

  /** Takes the attempt, and goes on with one fact more. */
  async function go(
    request: FastifyRequest,
    reply: FastifyReply,
    secret: string,
    { user, fact }: { readonly user: string; readonly fact: Fact },
  ): Promise<Noted<SignInProgress>> {
    const attempt = demand(accounts.take(secret));
    const facts = attempt.user === undefined || attempt.user === user ? [...attempt.facts, fact] : [fact];
    const progress = demand(await accounts.prove(user, facts, fromDevice(request), attempt));
    const action = progress.type === "entered" ? "signIn" : "signInStep";
    return noted(ok(progress), () => answerSignIn(at, request, reply, progress), { action, facts: { user } });
  }

  return {
    "signIn.code": async ({ attempt, code }, _, { request, reply }) => {
      demand(accounts.knock(originOf(request)));
      const secret = secretOf(request, attempt);
      const user = userOf(secret);
      const fact = await checks.code(user, code, fromDevice(request));
      return fact.ok ? go(request, reply, secret, { user, fact: fact.value }) : acted<SignInProgress>(fact, { user });
    },

    "signIn.passkeyOptions": async ({ attempt }, _, wire) => {
      const { request } = wire;
      demand(accounts.knock(originOf(request)));
      const secret = secretOf(request, attempt);
      const begun = accounts.find(secret);
      const user = begun.ok && begun.value.facts.length > 0 ? begun.value.user : undefined;
      const options = demand(await checks.ask(pageOf(request.raw), user, fromDevice(request)));
      const { challenge } = options;
      return ok({ options, attempt: askAnew(at, accounts, wire, { secret, challenge, user }) });
    },

    "signIn.passkey": async ({ attempt, passkey }, _, { request, reply }) => {
      demand(accounts.knock(originOf(request)));
      const secret = secretOf(request, attempt);
      const { user: known, asked } = demand(accounts.find(secret));
      const answer = passkey as unknown as AuthenticationResponseJSON;
      const proven = await checks.passkey(demand(askedOf(asked)), known, answer, fromDevice(request));
      return proven.ok
        ? go(request, reply, secret, proven.value)
        : acted<SignInProgress>(proven, { user: known ?? "unknown" });
    },

    "signIn.standing": (_, __, { request }) => accounts.standing(presentedAttempt(request.raw) ?? ""),
  };
}
