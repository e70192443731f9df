/** Proofs beside the password: one-time codes, recovery codes, passkeys. Each is checked here as far as a gateway can,
 *  and then used up by the person's actor, which alone knows whether it was used before. What comes out are facts
 *  (`protocols/authority/sign-in.ts`). */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type {
  AuthenticationResponseJSON,
  AuthenticatorTransport,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from "@simplewebauthn/server";
import {
  actorId,
  failure,
  ok,
  refused,
  wireLimits,
  type Fact,
  type Passkey,
  type Result,
  type WithShown,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { Accounts, Proofs } from "./accounts.ts";
import type { GatewayContext } from "../options.ts";
import { isUserName, sha256 } from "./tokens.ts";
import { base32, isTotp, otpUri, plainCode, recoveryBytes, recoveryCode, seedBytes, stepOf } from "./totp.ts";
import type { Origin } from "./callers.ts";

/** Where a page is: a passkey answers to the one that it was made for. */
interface Page {
  readonly host: string;
  readonly origins: readonly string[];
}

/** The challenge that an answer has to be to. */
export interface Asked {
  readonly challenge: string;
  readonly page: Page;
}

type From = Origin & { readonly session?: string };

/** What checks them. */
export interface ProofChecks {
  /** A code of six digits or of the recovery sheet. Errors: CODE_WRONG, RATE_LIMITED. */
  code(user: string, code: string, from: From): Promise<Result<Fact>>;
  /** Begins with one-time codes: the seed, seen this once. Errors: ALREADY_DONE. */
  beginTotp(user: string, said: WithShown): Promise<Result<{ secret: string; uri: string }>>;
  /** A code shows that the seed has arrived. Errors: CODE_WRONG, NOT_FOUND, RATE_LIMITED. */
  confirmTotp(user: string, code: string, from: From, said: WithShown): Promise<Result<Fact>>;
  /** A new sheet, for a session that has proved the second factor. Errors: FORBIDDEN without one, SIGN_IN_AGAIN. */
  recovery(user: string, said: WithShown): Promise<Result<readonly string[]>>;
  /** What a browser is asked with. Without `user`: any passkey of this page. Error: FORBIDDEN: the page has no name
   *  that passkeys can be for. */
  ask(page: Page, user: string | undefined, from: Origin): Promise<Result<PublicKeyCredentialRequestOptionsJSON>>;
  /** Error: PASSKEY_REFUSED. */
  passkey(
    asked: Asked,
    user: string | undefined,
    answer: AuthenticationResponseJSON,
    from: From,
  ): Promise<Result<{ user: string; fact: Fact }>>;
  offer(page: Page, user: string, from: Origin): Promise<Result<PublicKeyCredentialCreationOptionsJSON>>;
  /** Errors: PASSKEY_REFUSED, NAME_TAKEN, LIMIT_REACHED. */
  add(
    asked: Asked,
    user: string,
    name: string,
    answer: RegistrationResponseJSON,
    said: WithShown,
  ): Promise<Result<Fact>>;
}

/** The page that a request comes from. Without TLS browsers let only pages of their own machine have passkeys. */
export function pageOf(request: IncomingMessage): Page {
  const host = request.headers.host ?? "";
  const name = host.replace(/:\d+$/, "").toLowerCase();
  const isHere = name === "localhost" || name.endsWith(".localhost");
  return { host: name, origins: [`https://${host}`, ...(isHere ? [`http://${host}`] : [])] };
}

const sealedFor = (user: string): readonly string[] => ["totp", user];
const timeoutMs = 5 * 60_000;

/** Makes the checks. */
export function createProofChecks(at: GatewayContext, accounts: Accounts): ProofChecks {
  const { kernel, clock, random, limits, secrets } = at;
  const ask = (user: string, message: Message) =>
    kernel.ask({ to: actorId("user", user), from: "gateway", message, timeoutMs: limits.askTimeoutMs });
  const wrong = () => refused(failure("CODE_WRONG"));
  // It and what it needs are loaded when somebody has a passkey.
  const webauthn = () => import("@simplewebauthn/server");
  const named = ({ host }: Page): Result<undefined> =>
    host === "" || host.startsWith("[") || isIP(host) !== 0
      ? refused(
          failure("FORBIDDEN", { reason: "passkeys are for a host name: open the page by its name, not its address" }),
        )
      : ok(undefined);
  const descriptors = (passkeys: readonly Passkey[] | undefined, { host }: Page) =>
    (passkeys ?? [])
      .filter((one) => one.host === host)
      .map(({ id, transports }) => ({ id, transports: [...transports] as AuthenticatorTransport[] }));

  /** The step of time, if this is a code of the sealed seed. */
  async function stepIn(user: string, sealed: string | undefined, code: string): Promise<number | undefined> {
    if (sealed === undefined || secrets === undefined) return undefined;
    const seed = await secrets.open(sealed, sealedFor(user));
    return seed === undefined ? undefined : stepOf(Buffer.from(seed, "base64url"), code, clock.nowMs());
  }

  async function used(user: string, { totp }: Proofs, plain: string): Promise<Result<boolean>> {
    let message: Message;
    if (isTotp(plain)) {
      const step = await stepIn(user, totp, plain);
      if (step === undefined) return ok(false);
      message = { type: "useTotp", step };
    } else message = { type: "useRecovery", hash: sha256(`${user} ${plain}`) };
    const done = await ask(user, message);
    if (done.ok) return ok(true);
    return done.error.code === "CODE_WRONG" ? ok(false) : done;
  }

  async function newSheet(user: string, said: WithShown): Promise<Result<readonly string[]>> {
    const codes = Array.from({ length: wireLimits.recoveryCodes }, () => recoveryCode(random.bytes(recoveryBytes)));
    const hashes = codes.map((code) => sha256(`${user} ${plainCode(code)}`));
    const set = await ask(user, { type: "setRecovery", hashes, ...said });
    return set.ok ? ok(codes) : set;
  }

  return {
    async code(user, typed, from) {
      const stored = await accounts.proofsOf(user, from);
      if (!stored.ok) return stored;
      const plain = plainCode(typed);
      const right = await accounts.counted(user, stored.value, from, () => used(user, stored.value, plain));
      if (!right.ok) return right;
      const type = isTotp(plain) ? "totp" : "recovery";
      return right.value ? ok({ type, atMs: clock.nowMs() }) : wrong();
    },

    async beginTotp(user, said) {
      if (secrets === undefined) return refused(failure("NOT_FOUND"));
      const seed = Buffer.from(random.bytes(seedBytes));
      const sealed = await secrets.seal(seed.toString("base64url"), sealedFor(user));
      const begun = await ask(user, { type: "beginTotp", sealed, ...said });
      return begun.ok ? ok({ secret: base32(seed), uri: otpUri(seed, user, "Plexus") }) : begun;
    },

    async confirmTotp(user, typed, from, said) {
      const stored = await accounts.proofsOf(user, from);
      if (!stored.ok) return stored;
      if (stored.value.totpBegun === undefined) return refused(failure("NOT_FOUND"));
      let step: number | undefined;
      const right = await accounts.counted(user, stored.value, from, async () => {
        step = await stepIn(user, stored.value.totpBegun, plainCode(typed));
        return ok(step !== undefined);
      });
      if (!right.ok) return right;
      if (step === undefined) return wrong();
      const confirmed = await ask(user, { type: "confirmTotp", step, ...said });
      return confirmed.ok ? ok({ type: "totp", atMs: clock.nowMs() }) : confirmed;
    },

    recovery: newSheet,

    async ask(page, user, from) {
      const isNamed = named(page);
      if (!isNamed.ok) return isNamed;
      const stored = user === undefined ? undefined : await accounts.proofsOf(user, from);
      if (stored?.ok === false) return stored;
      const { generateAuthenticationOptions } = await webauthn();
      const options = await generateAuthenticationOptions({
        rpID: page.host,
        timeout: timeoutMs,
        // Alone it has to be two factors; beside a password its being there is enough.
        userVerification: user === undefined ? "required" : "preferred",
        ...(stored !== undefined && { allowCredentials: descriptors(stored.value.passkeys, page) }),
      });
      return ok(options);
    },

    async passkey(asked, user, answer, from) {
      const no = refused(failure("PASSKEY_REFUSED"));
      const handle = answer.response.userHandle;
      const name = user ?? (handle === undefined ? "" : Buffer.from(handle, "base64url").toString());
      if (!isUserName(name)) return no;
      const stored = await accounts.proofsOf(name, from);
      if (!stored.ok) return stored;
      const held = stored.value.passkeys?.find(({ id }) => id === answer.id);
      if (held === undefined || held.host !== asked.page.host) return no;
      const { verifyAuthenticationResponse } = await webauthn();
      const verified = await verifyAuthenticationResponse({
        response: answer,
        expectedChallenge: asked.challenge,
        expectedOrigin: [...asked.page.origins],
        expectedRPID: asked.page.host,
        // Said by the fact; the machine knows where it matters.
        requireUserVerification: false,
        // The counter is the actor's to judge: two answers at once would both look right here.
        credential: { id: held.id, publicKey: new Uint8Array(Buffer.from(held.publicKey, "base64url")), counter: 0 },
      }).catch(() => undefined);
      if (verified?.verified !== true) return no;
      const { newCounter, userVerified } = verified.authenticationInfo;
      const taken = await ask(name, { type: "usePasskey", id: held.id, counter: newCounter });
      if (!taken.ok) return taken.error.outcome === "failed" ? no : taken;
      const fact: Fact = { type: "passkey", atMs: clock.nowMs(), credential: held.id, verified: userVerified };
      return ok({ user: name, fact });
    },

    async offer(page, user, from) {
      const isNamed = named(page);
      if (!isNamed.ok) return isNamed;
      const stored = await accounts.proofsOf(user, from);
      if (!stored.ok) return stored;
      const { generateRegistrationOptions } = await webauthn();
      const options = await generateRegistrationOptions({
        rpName: "Plexus",
        rpID: page.host,
        userName: user,
        // The handle leads to the account, where the person types no name. Names are public here.
        userID: new Uint8Array(Buffer.from(user)),
        timeout: timeoutMs,
        attestationType: "none",
        excludeCredentials: descriptors(stored.value.passkeys, page),
        authenticatorSelection: { residentKey: "preferred", userVerification: "preferred" },
      });
      return ok(options);
    },

    async add(asked, user, name, answer, said) {
      const { verifyRegistrationResponse } = await webauthn();
      const verified = await verifyRegistrationResponse({
        response: answer,
        expectedChallenge: asked.challenge,
        expectedOrigin: [...asked.page.origins],
        expectedRPID: asked.page.host,
        requireUserVerification: false,
      }).catch(() => undefined);
      if (verified?.verified !== true) return refused(failure("PASSKEY_REFUSED"));
      const { credential, credentialBackedUp, userVerified } = verified.registrationInfo;
      const passkey: Passkey = {
        id: credential.id,
        publicKey: Buffer.from(credential.publicKey).toString("base64url"),
        counter: credential.counter,
        host: asked.page.host,
        name,
        transports: (credential.transports ?? []).slice(0, 8),
        synced: credentialBackedUp,
      };
      const added = await ask(user, { type: "addPasskey", ...passkey, ...said });
      if (!added.ok) return added;
      return ok({ type: "passkey", atMs: clock.nowMs(), credential: credential.id, verified: userVerified });
    },
  };
}
