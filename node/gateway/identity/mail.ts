/** Mail at the gateway: its settings, the addresses of people, forgotten passwords, and links that let people make an
 *  account.
 *
 *  People who are signed out learn nothing here about accounts: what they ask for is answered before anybody
 *  looks. Links lead to `publicUrl` and never to what a request calls the node: a request with another `Host`
 *  would get links that lead to himself. */
import type { FastifyRequest } from "fastify";
import {
  actorId,
  failure,
  grantsOf,
  isMailAddress,
  ok,
  plainAddress,
  PlexusError,
  refused,
  type MailBegun,
  type MailOf,
  type MailSet,
  type PeoplePage,
  type PersonRoles,
  type Result,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { Kernel } from "../../kernel/api.ts";
import type { Outbound } from "../../ports/index.ts";
import type { Accounts } from "./accounts.ts";
import { claimsAt, mailClaim } from "./claims.ts";
import { callerOf, originOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { addressKey } from "../edge/rates.ts";
import { demand } from "../edge/refusals.ts";
import { backoffMs, withJitter } from "../../waiting.ts";
import { shownBy } from "./rights.ts";
import { isAdmittedAddress, sealMail } from "./registering.ts";
import { noted, type OwnHandlers } from "../rest/own.ts";
import { createDevice, isUserName, sha256 } from "./tokens.ts";
import type { MailPort } from "../ports.ts";

type Handled = "account.setMail" | "account.removeMail" | "signIn.forgot" | "signIn.mailLink" | "signIn.confirmMail";

/** The handlers. */
export function handleMail(at: GatewayContext, accounts: Accounts, mail: MailPort): Pick<OwnHandlers, Handled> {
  const { kernel, limits, rates, log } = at;
  const perAddress = rates.limit("mail", limits.mailRate);
  const asked = rates.limit("mailAsked", limits.mailAskedRate);
  const claims = claimsAt(at);
  let lookingUp = 0;
  const ask = async <T>(to: `${string}/${string}`, message: Message): Promise<Result<T>> =>
    (await kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<T>;

  /** Sending must be possible, and the person must not have asked too often: both say nothing about any account. */
  function admitted(request: FastifyRequest): void {
    demand(accounts.knock(originOf(request)));
    if (mail.publicUrl === undefined || !mail.settings.isSet()) throw new PlexusError(failure("MAIL_OFF"));
    const waitMs = asked.take(addressKey(request.address));
    if (waitMs > 0) throw new PlexusError(failure("RATE_LIMITED", { retryAfterMs: waitMs }));
  }

  /** Does the rest later: the answer has gone, and its time tells nothing. */
  function later(what: string, work: () => Promise<void>): void {
    if (lookingUp >= limits.mailLookUpsMax) return log.warn("mail.lookup.dropped", { what });
    lookingUp += 1;
    void work()
      .catch((error: unknown) =>
        log.error("mail.lookup.failed", { what, error: String((error as Error)?.stack ?? error) }),
      )
      .finally(() => (lookingUp -= 1));
  }

  /** Counts one more message there: 0, or the wait in milliseconds. To strangers nobody says what is not sent. */
  function takeMessage(keys: readonly string[], what: string): number {
    const waitMs = Math.max(...keys.map((key) => perAddress.wait(key)));
    if (waitMs > 0) log.info("mail.held", { what });
    else for (const key of keys) perAddress.take(key);
    return waitMs;
  }

  /** Asks again what may pass; throws what does not, so that the log says why nothing was sent. */
  async function surely<T>(question: () => Promise<Result<T>>): Promise<Result<T>> {
    for (let failures = 0; ; failures += 1) {
      const answer = await question();
      if (answer.ok || answer.error.outcome === "failed") return answer;
      if (failures >= limits.mailRetriesMax) throw new PlexusError(answer.error);
      const waitMs = backoffMs(failures, { firstMs: limits.mailRetryMs, maxMs: limits.askTimeoutMs });
      await new Promise<void>((resolve) => void at.clock.after(Math.ceil(withJitter(waitMs, at.random)), resolve));
    }
  }

  const holderOf = async (of: string): Promise<string | undefined> => {
    const found = await surely(() => claims.holder(mailClaim(of)));
    return found.ok ? found.value : undefined;
  };

  /** Whether a link in a mail may let this person in. Owners of the cluster say where mail goes, and to which address
   *  links lead: so of two owners neither comes in by mail, since the other may have sent it to where he reads it. */
  async function mayBeMailed(user: string): Promise<boolean> {
    const table = at.rights.table();
    const owns = ({ roles }: PersonRoles) => grantsOf(roles, table).some((one) => one.permission === "cluster.own");
    let after = "";
    const owners: string[] = [];
    for (;;) {
      const page = await surely(() => ask<PeoplePage>("role-manager/cluster", { type: "people", after }));
      if (!page.ok) throw new PlexusError(page.error);
      owners.push(...page.value.people.filter(owns).map((one) => one.user));
      after = page.value.people.at(-1)?.user ?? "";
      if (!page.value.more || after === "") return !owners.includes(user) || owners.length === 1;
    }
  }

  async function sendProof(to: string): Promise<void> {
    if (takeMessage([plainAddress(to)], "signUp") > 0) return;
    const user = await holderOf(to);
    if (user !== undefined) return void mail.outbound.post({ what: "known", to, user });
    const proof = await sealMail(at, to);
    if (proof.ok) mail.outbound.post({ what: "signUp", to, proof: proof.value, lifeMs: limits.mailLinkMs });
  }

  /** Tells it at the address that is the account's no more. */
  function tellFormer(user: string, before: string | undefined): Record<never, never> {
    if (before !== undefined) mail.outbound.post({ what: "changed", to: before, user });
    return {};
  }

  async function sendReset(account: string): Promise<void> {
    const user = isMailAddress(account) ? await holderOf(account) : account.toLowerCase();
    if (user === undefined || !isUserName(user)) return;
    const found = await surely(() => ask<MailOf>(actorId("user", user), { type: "mailOf" }));
    // People without a password come in another way; a link must not give them one more.
    if (!found.ok || found.value.address === undefined || !found.value.password || found.value.out) return;
    if (!(await mayBeMailed(user)))
      return log.info("mail.held", { what: "reset", reason: "others own the cluster too" });
    if (takeMessage([`user ${user}`, plainAddress(found.value.address)], "reset") > 0) return;
    const secret = createDevice(at.random);
    const link = { secretHash: sha256(secret), lifeMs: limits.mailResetMs };
    // A link that was made by an attempt of which nothing was heard is the same one.
    const made = await surely(() => ask(actorId("user", user), { type: "makeReset", byMail: true, ...link }));
    if (made.ok)
      mail.outbound.post({ what: "reset", to: found.value.address, user, secret, lifeMs: limits.mailResetMs });
  }

  return {
    "signIn.forgot": async ({ account }, _, { request }) => {
      admitted(request);
      later("reset", () => sendReset(account.trim()));
      return ok({});
    },

    "signIn.mailLink": async ({ mail: to }, _, { request }) => {
      admitted(request);
      if (at.signUp !== "domain")
        return refused(failure("FORBIDDEN", { reason: "accounts are not made by mail here" }));
      if (!isAdmittedAddress(at, to))
        return refused(failure("MAIL_DOMAIN_REFUSED", { domains: (at.signUpDomains ?? []).join(" ") }));
      later("signUp", () => sendProof(to));
      return ok({});
    },

    "account.setMail": async ({ mail: to }, _, { request }) => {
      const { user, actor } = callerOf(request);
      admitted(request);
      const retryAfterMs = takeMessage([`user ${user}`, plainAddress(to)], "confirm");
      if (retryAfterMs > 0)
        throw new PlexusError(
          failure("RATE_LIMITED", { retryAfterMs, reason: "so many links were sent there already" }),
        );
      const secret = createDevice(at.random);
      const untilMs = at.clock.nowMs() + limits.mailLinkMs;
      const link = { secretHash: sha256(secret), lifeMs: limits.mailLinkMs };
      const said = { ...link, ...shownBy(at, request) };
      const begun = await ask(actor, { type: "beginMail", address: to, claim: mailClaim(to), ...said });
      return noted(begun, () => {
        demand(mail.outbound.post({ what: "confirm", to, user, secret, lifeMs: limits.mailLinkMs }));
        return { mail: to, untilMs };
      });
    },

    "account.removeMail": async (_, __, { request }) => {
      const { user, actor } = callerOf(request);
      const removed = await ask<MailSet>(actor, { type: "removeMail", ...shownBy(at, request) });
      return noted(removed, ({ before }) => tellFormer(user, before));
    },

    "signIn.confirmMail": async ({ user, secret }, _, { request }) => {
      demand(accounts.knock(originOf(request)));
      const secretHash = sha256(secret);
      const invalid = (error: { readonly outcome: string }) => error.outcome === "failed";
      const begun = await ask<MailBegun>(actorId("user", user), { type: "checkMail", secretHash });
      const { claim, address } = demand(!begun.ok && invalid(begun.error) ? refused(failure("LINK_INVALID")) : begun);
      demand(await claims.take(claim, user, "MAIL_TAKEN"));
      const confirmed = await ask<MailSet>(actorId("user", user), { type: "confirmMail", secretHash });
      return noted(confirmed, ({ before }) => ({ ...tellFormer(user, before), user, mail: address }));
    },
  };
}

/** Tells a person something by mail, if there is an address and mail at all. */
export async function tellByMail(
  at: { readonly kernel: Pick<Kernel, "ask"> } & {
    readonly limits: Pick<GatewayContext["limits"], "askTimeoutMs">;
  } & Pick<GatewayContext, "mail">,
  user: string,
  letter: (to: string) => Parameters<Outbound["post"]>[0],
): Promise<Result<unknown>> {
  if (at.mail === undefined) return ok({});
  const message = { type: "mailOf" };
  const found = await at.kernel.ask({
    to: actorId("user", user),
    from: "gateway",
    message,
    timeoutMs: at.limits.askTimeoutMs,
  });
  if (!found.ok) return found;
  const { address: to } = found.value as MailOf;
  return to === undefined ? ok({}) : at.mail.outbound.post(letter(to));
}
