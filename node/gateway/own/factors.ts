/** What people prove themselves with: proving anew, one-time codes, recovery codes and passkeys of the own account. */
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from "@simplewebauthn/server";
import encodeQR from "qr";
import { acted, failure, ok, PlexusError, type Fact, type Result } from "../../../protocols/index.ts";
import type { Accounts } from "../identity/accounts.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { pageOf, type ProofChecks } from "../identity/proofs.ts";
import { demand } from "../edge/refusals.ts";
import { shownBy } from "../identity/rights.ts";
import { noted, type OwnHandlers, type Wire } from "../rest/own.ts";
import { fromDevice } from "../identity/sign-in.ts";
import { askAnew, askedOf, secretOf } from "./steps.ts";
import type { Caller } from "../identity/callers.ts";

/** Asks the own account, in the gateway's name, with what the person has shown. */
const askOwn =
  (at: GatewayContext) =>
  async ({ request }: Wire, type: string, fields: object = {}): Promise<Result<Record<never, never>>> => {
    const message = { ...fields, type, ...shownBy(at, request) };
    const to = callerOf(request).actor;
    const done = await at.kernel.ask({ to, from: "gateway", message, timeoutMs: at.limits.askTimeoutMs });
    return done as Result<Record<never, never>>;
  };

type Confirming = "factors.confirm" | "factors.confirmOptions";

/** Proving anew. */
function handleConfirm(at: GatewayContext, accounts: Accounts, checks: ProofChecks): Pick<OwnHandlers, Confirming> {
  const confirmBy = async (caller: Caller, fact: Result<Fact>): Promise<Result<unknown>> =>
    fact.ok ? accounts.confirmBy(caller, [fact.value]) : fact;
  return {
    "factors.confirm": async ({ attempt, password, code, passkey }, _, { request }) => {
      const caller = callerOf(request);
      const from = { ...fromDevice(request), session: caller.session };
      const prove = async (): Promise<Result<unknown>> => {
        if (password !== undefined) return accounts.confirm(caller, password, from);
        demand(accounts.knock(from));
        if (code !== undefined) return confirmBy(caller, await checks.code(caller.user, code, from));
        if (passkey === undefined)
          throw new PlexusError(failure("BAD_REQUEST", { path: "", problem: "needs password, code or passkey" }));
        const { user, asked } = demand(accounts.take(secretOf(request, attempt)));
        if (user !== caller.user) throw new PlexusError(failure("SIGN_IN_EXPIRED"));
        const answer = passkey as unknown as AuthenticationResponseJSON;
        const proven = await checks.passkey(demand(askedOf(asked)), user, answer, from);
        return confirmBy(caller, proven.ok ? ok(proven.value.fact) : proven);
      };
      return noted(await prove(), () => ({}));
    },

    "factors.confirmOptions": async ({ attempt }, _, wire) => {
      const { request } = wire;
      const { user } = callerOf(request);
      const options = demand(await checks.ask(pageOf(request.raw), user, fromDevice(request)));
      const step = { secret: secretOf(request, attempt), challenge: options.challenge, user };
      return ok({ options, attempt: askAnew(at, accounts, wire, step) });
    },
  };
}

type Codes = "factors.beginTotp" | "factors.confirmTotp" | "factors.removeTotp" | "factors.makeRecovery";

/** One-time codes and recovery codes. */
function handleCodes(at: GatewayContext, accounts: Accounts, checks: ProofChecks): Pick<OwnHandlers, Codes> {
  const ask = askOwn(at);
  return {
    "factors.beginTotp": async (_, __, { request }) => {
      const { user } = callerOf(request);
      const { secret, uri } = demand(await checks.beginTotp(user, shownBy(at, request)));
      return ok({ secret, uri, qr: encodeQR(uri, "svg") });
    },

    "factors.confirmTotp": async ({ code }, _, { request }) => {
      const caller = callerOf(request);
      const from = { ...fromDevice(request), session: caller.session };
      const fact = demand(await checks.confirmTotp(caller.user, code, from, shownBy(at, request)));
      return noted(ok(fact), async () => {
        demand(await accounts.confirmBy(caller, [fact]));
        return { recovery: demand(await checks.recovery(caller.user, shownBy(at, request))) };
      });
    },

    "factors.removeTotp": async (_, __, wire) => acted(await ask(wire, "removeTotp")),

    "factors.makeRecovery": async (_, __, { request }) => {
      const recovery = demand(await checks.recovery(callerOf(request).user, shownBy(at, request)));
      return acted(ok({ recovery }));
    },
  };
}

type Passkeys = "factors.passkeyOptions" | "factors.addPasskey" | "factors.removePasskey";

/** Passkeys. */
function handlePasskeys(at: GatewayContext, accounts: Accounts, checks: ProofChecks): Pick<OwnHandlers, Passkeys> {
  const ask = askOwn(at);
  return {
    "factors.passkeyOptions": async ({ attempt }, _, wire) => {
      const { request } = wire;
      const { user } = callerOf(request);
      const options = demand(await checks.offer(pageOf(request.raw), user, fromDevice(request)));
      const step = { secret: secretOf(request, attempt), challenge: options.challenge, user };
      return ok({ options, attempt: askAnew(at, accounts, wire, step) });
    },

    "factors.addPasskey": async ({ attempt, name, passkey }, _, { request }) => {
      const caller = callerOf(request);
      const { user, asked } = demand(accounts.take(secretOf(request, attempt)));
      if (user !== caller.user) throw new PlexusError(failure("SIGN_IN_EXPIRED"));
      const answer = passkey as unknown as RegistrationResponseJSON;
      const fact = demand(await checks.add(demand(askedOf(asked)), user, name, answer, shownBy(at, request)));
      return noted(ok(fact), async () => {
        demand(await accounts.confirmBy(caller, [fact]));
        return {};
      });
    },

    "factors.removePasskey": async ({ id }, _, wire) => acted(await ask(wire, "removePasskey", { id })),
  };
}

/** The handlers. */
export const handleFactors = (
  at: GatewayContext,
  accounts: Accounts,
  checks: ProofChecks,
): Pick<OwnHandlers, Confirming | Codes | Passkeys> => ({
  ...handleConfirm(at, accounts, checks),
  ...handleCodes(at, accounts, checks),
  ...handlePasskeys(at, accounts, checks),
});
