import type { Static } from "typebox";
import {
  actorId,
  cleaned,
  cut,
  defaultRole,
  failure,
  ok,
  noDemands,
  proofState,
  refused,
  signInState,
  textFault,
  unknownScopes,
  wireLimits,
  type createApiKey,
  type Fact,
  type Factor,
  type Factors,
  type Passkey,
  type Result,
  type Session,
  type SignedIn,
  type WithShown,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { answerTo } from "../answers.ts";
import { createAttempts, type Attempt } from "./attempts.ts";
import type { GatewayContext } from "../options.ts";
import { createGuessLimit, type GuessLimit } from "../edge/guess-limit.ts";
import { createPasswords, type Waiter } from "./passwords.ts";
import type { Rate } from "../limits.ts";
import { addressKey } from "../edge/rates.ts";
import { createAccount, mayRegister, register } from "./registering.ts";
import { createTrust } from "./trust.ts";
import {
  adminCodeHash,
  createDevice,
  createToken,
  isUserName,
  readToken,
  sameSecret,
  sha256,
  type TokenClaim,
  isServiceToken,
} from "./tokens.ts";
import type { Origin, Caller } from "./callers.ts";

/** Somebody is in. */
interface Entered {
  readonly session: SignedIn;
  /** By what the device is known from now on. */
  readonly device: string;
}

/** Somebody has proven something, and it is not enough yet. */
interface Unfinished {
  /** What goes on with it: a secret of the client that began it. */
  readonly attempt: string;
  /** Any one of them is the next step. */
  readonly needs: readonly Factor[];
  /** The account has none of them yet: one is set up first. */
  readonly setUp: boolean;
  readonly expiresAtMs: number;
}

/** Where a sign-in has come to. */
export type Progress = ({ readonly type: "entered" } & Entered) | ({ readonly type: "unfinished" } & Unfinished);

/** A new token; the only time that it is seen. */
interface Opened {
  readonly token: string;
  readonly session: Session;
}

/** The ways in: passwords, tokens, sessions, the first admin. */
export interface Accounts {
  /** Errors: SIGN_UP_CLOSED, SIGN_UP_NEEDS, SIGN_UP_INVITATION_INVALID, LINK_INVALID, MAIL_DOMAIN_REFUSED, MAIL_TAKEN,
   *  PASSWORD_LEAKED, ADMIN_CODE_WRONG, NAME_TAKEN, RATE_LIMITED, SLOT_UNAVAILABLE, DIRECTORY_AWAY. */
  signUp(
    account: {
      name: string;
      password: string;
      displayName?: string;
      adminCode?: string;
      invitation?: string;
      mail?: string;
    },
    from: Origin,
  ): Promise<Result<Progress>>;
  /** Errors: SIGN_IN_FAILED, whether the name or the password is wrong; DIRECTORY_AWAY while nobody can say whether
   *  there is such an account. */
  signIn(account: { name: string; password: string }, from: Origin): Promise<Result<Progress>>;
  /** The one way to a session: takes what is proven of an account, each fact checked by the caller, and either opens a
   *  session or begins the attempt that goes on. `attempt`: the one before, taken. Errors: SIGN_IN_FAILED (there is no
   *  such account). */
  prove(user: string, facts: readonly Fact[], from: Origin, attempt?: Attempt): Promise<Result<Progress>>;
  /** Begins an attempt: one in which nothing is proven yet, such as one at another server, or one that was taken, with
   *  what its next step is asked with. Gives its secret. */
  begin(attempt: Omit<Attempt, "untilMs"> & { readonly untilMs?: number }, from: Origin): string;
  /** What was begun under this secret; `take` ends it. Error: SIGN_IN_EXPIRED. */
  find(secret: string): Result<Attempt>;
  /** What the step after was asked with, by the name of the attempt; undefined: there is none. `keep` says it where it
   *  is known only now. */
  awaited(name: string): unknown;
  keep(secret: string, asked: unknown): void;
  /** What a sign-in under way still needs. Error: SIGN_IN_EXPIRED. */
  standing(secret: string): Promise<Result<Unfinished>>;
  take(secret: string): Result<Attempt>;
  /** Error: UNAUTHENTICATED; RATE_LIMITED after many bad tokens from one address. `timeoutMs`: of the user's actor,
   *  where that is not the usual time. */
  authenticate(token: string, address: string, timeoutMs?: number): Promise<Result<Caller>>;
  /** Whose token it is, if its actor said so a moment ago; see trust.ts. */
  trusted(token: string): Caller | undefined;
  /** For an account whose first claim was lost. Errors: ADMIN_CODE_WRONG, ALREADY_DONE. */
  /** What proofs of this account are checked against, a fixed time after it was asked. */
  proofsOf(user: string, from: Origin): Promise<Result<Proofs>>;
  /** Looks whether a proof is right. Tries are counted before that, and the wrong ones stay so. `session`: of the
   *  person who is signed in. Error: RATE_LIMITED. */
  counted(
    user: string,
    proofs: Proofs,
    from: Origin & { readonly session?: string },
    verify: () => Promise<Result<boolean>>,
  ): Promise<Result<boolean>>;
  /** Makes the session a fresh one by proofs that were checked. Error: SIGN_IN_UNFINISHED: the account has something
   *  stronger. */
  confirmBy(caller: Caller, facts: readonly Fact[]): Promise<Result<unknown>>;
  /** Sets the password by a link. Errors: LINK_INVALID, PASSWORD_LEAKED, RATE_LIMITED. */
  reset(user: string, secret: string, password: string, from: Origin): Promise<Result<unknown>>;
  /** Counts sign-ins of an address. Error: RATE_LIMITED. */
  knock(from: Origin): Result<undefined>;
  claimAdmin(user: string, adminCode: string, from: Origin): Promise<Result<unknown>>;
  /** Makes the session a fresh one. Errors: SIGN_IN_FAILED when the password is wrong, RATE_LIMITED. */
  confirm(caller: Caller, password: string, from: Origin): Promise<Result<unknown>>;
  /** Replaces the password and ends every session but this one. Error: SIGN_IN_FAILED when `current` is wrong. */
  setPassword(caller: Caller, current: string, next: string, from: Origin): Promise<Result<unknown>>;
  /** Errors: BAD_REQUEST (a scope that nobody knows, a time that is over), LIMIT_REACHED. */
  createKey(
    user: string,
    key: Static<typeof createApiKey>,
    by: WithShown & { readonly byAdmin?: true },
  ): Promise<Result<Opened>>;
  stop(): void;
}

/** What proofs of an account are checked against. */
export interface Proofs {
  /** There is such an account. */
  readonly exists: boolean;
  readonly passwordHash?: string | undefined;
  /** Somebody signed in on this device before. */
  readonly known: boolean;
  readonly factors: Factors;
  readonly suspended?: boolean | undefined;
  /** The sealed seed of one-time codes, and the one that is being set up. */
  readonly totp?: string | undefined;
  readonly totpBegun?: string | undefined;
  readonly passkeys?: readonly Passkey[] | undefined;
}

const nothing: Factors = { password: false, passkeys: 0, totp: false, recovery: 0, identities: [] };

/** The rules of the entrance, on user actors and the role manager. */
export function createAccounts(at: GatewayContext): Accounts {
  const { kernel, limits, clock, random, log, meter } = at;
  const passwords = createPasswords(limits, random, clock);
  const { rates } = at;
  const signIns = rates.limit("signIn", limits.signInRate);
  const signUps = rates.limit("signUp", limits.signUpRate);
  const guesses = (name: string, rate: Rate) => createGuessLimit(rates.limit(name, rate), limits.guessesWaitingMax);
  const failures = guesses("signInFailure", limits.signInFailureRate);
  const names = guesses("nameFailure", limits.nameFailureRate);
  const badTokens = guesses("badToken", limits.badTokenRate);
  /** Hashes of tokens that were good and when they were found so, the latest at the end. */
  const goodTokens = new Map<string, number>();
  const trust = createTrust(at);
  const attempts = createAttempts(limits, clock, random);
  /** Failed sign-ins of accounts that nobody was told of, and when somebody was told last. */
  const failed = new Map<string, { count: number; toldAtMs: number }>();

  const ask = (to: `${string}/${string}`, message: Message, timeoutMs = limits.askTimeoutMs) =>
    kernel.ask({ to, from: "gateway", message, timeoutMs });
  const limited = (retryAfterMs: number) => refused(failure("RATE_LIMITED", { retryAfterMs }));

  /** A look-up, and when its answer may be told: a fixed time after it began. A name that was never taken is looked
   *  for on disk and one that is in use answers from memory: the waiting client must not learn which it was. The time
   *  begins with the look-up and not after it: timers are not exact, and what is left of the look-up's own time would
   *  show. */
  function leveled<T>(work: Promise<T>): { readonly found: Promise<T>; readonly told: Promise<void>; cancel(): void } {
    const { promise: told, resolve } = Promise.withResolvers<void>();
    return { found: work, told, cancel: clock.after(limits.lookUpFloorMs, resolve) };
  }

  async function open(
    user: string,
    kind: Session["kind"],
    {
      label,
      address,
      device,
      scopes,
      expiresAtMs,
    }: {
      readonly label: string;
      readonly address?: string;
      readonly device?: string;
      readonly scopes?: readonly string[];
      readonly expiresAtMs?: number;
    },
    more: { readonly proofs: readonly Fact[] } | (WithShown & { readonly byAdmin?: true }),
  ): Promise<Result<Opened>> {
    const token = createToken(kind, user, random);
    const claim = readToken(token);
    if (claim === undefined) return refused(failure("INTERNAL"));
    const nowMs = clock.nowMs();
    const shown = cleaned(cut(label, wireLimits.labelCharsMax), "line").trim();
    const session = {
      id: at.newId(),
      kind,
      // A program calls itself what it likes.
      label: textFault(shown, "line") === undefined ? shown : "unknown device",
      ...(kind === "session" && { expiresAtMs: nowMs + limits.sessionLifeMs }),
      ...(scopes !== undefined && { scopes }),
      ...(expiresAtMs !== undefined && { expiresAtMs }),
    };
    const answer = await ask(actorId("user", user), {
      type: "openSession",
      tokenHash: claim.tokenHash,
      ...session,
      ...(device !== undefined && { deviceHash: sha256(device) }),
      ...(address !== undefined && { address }),
      ...more,
    });
    return answer.ok ? ok({ token, session: { ...session, createdAtMs: nowMs } }) : answer;
  }

  async function look(claim: TokenClaim, address: string, timeoutMs?: number): Promise<Result<Caller>> {
    const isShort = claim.session !== undefined;
    const message = isShort
      ? { type: "authenticateSession", id: claim.session }
      : { type: "authenticate", tokenHash: claim.tokenHash };
    const answer = answerTo("authenticate", await ask(actorId("user", claim.user), message, timeoutMs));
    if (!answer.ok) return answer;
    await at.signedIn?.(claim.user, claim.tokenHash);
    const { user, admin, roles, session, kind, scopes, useDue, expiresAtMs, provedAgoMs, usedAgoMs, status } =
      answer.value;
    // A token of a key that was narrowed is no wider: see `addServiceTokens`.
    const narrowed = claim.scopes ?? scopes;
    if (kind === "session" && (usedAgoMs ?? 0) >= wireLimits.sessionUsedMs)
      kernel.tell({
        to: actorId("user", claim.user),
        from: "gateway",
        message: { type: "sessionUsed", id: session, address },
      });
    const name = user.startsWith("user/") ? user.slice("user/".length) : user;
    if (useDue === true)
      kernel.tell({ to: actorId("user", name), from: "gateway", message: { type: "keyUsed", id: session } });
    return ok({
      user: name,
      actor: `user/${name}`,
      admin,
      // An older node says only this of a person.
      roles: roles ?? [admin ? "admin" : defaultRole],
      session,
      // A short-lived token may do what an API key may, whatever it was made of.
      kind: isShort ? "key" : kind,
      askedAtMs: clock.monotonicMs(),
      ...(narrowed !== undefined && { scopes: narrowed }),
      ...(status && { status }),
      expiresAtMs: Math.min(expiresAtMs ?? Number.POSITIVE_INFINITY, claim.expiresAtMs ?? Number.POSITIVE_INFINITY),
      ...(provedAgoMs !== undefined && !isShort && { provedAgoMs }),
      // It tells neither. One of this version always tells the latter.
      ...(usedAgoMs === undefined && kind === "session" && !isShort && { proofUntold: true }),
    });
  }

  /** Remembers that a token was good, or that it is not. */
  function remember(tokenHash: string, good: boolean): void {
    goodTokens.delete(tokenHash);
    if (!good) return;
    goodTokens.set(tokenHash, clock.monotonicMs());
    const [oldest] = goodTokens.keys();
    if (goodTokens.size > limits.tokensKnownMax && oldest !== undefined) goodTokens.delete(oldest);
  }

  /** What the signature of a short-lived token proves. */
  async function verified(token: string): Promise<TokenClaim | undefined> {
    const claim = await at.tokens?.verify(token);
    return claim?.ok === true ? claim.value : undefined;
  }

  async function authenticate(token: string, address: string, timeoutMs?: number): Promise<Result<Caller>> {
    const from = addressKey(address);
    const isShort = isServiceToken(token);
    // One that nobody knows is counted before its signature is looked at.
    const claim = !isShort ? readToken(token) : goodTokens.has(sha256(token)) ? await verified(token) : undefined;
    // What was good here is looked up without being counted, as long as it stays so: whatever others of its address
    // try.
    const goodAtMs = claim && goodTokens.get(claim.tokenHash);
    if (claim !== undefined && goodAtMs !== undefined) {
      // One that comes now and then gains nothing by its person being followed.
      const isSteady = clock.monotonicMs() - goodAtMs < 2 * limits.tokenTrustMs;
      const trusted = isSteady ? trust.begin(claim) : undefined;
      const known = await look(claim, address, timeoutMs);
      if (known.ok) {
        remember(claim.tokenHash, true);
        trusted?.(known.value);
      }
      if (known.ok || known.error.outcome !== "failed") return known;
      remember(claim.tokenHash, false);
    }
    const waitMs = await badTokens.begin(from);
    if (waitMs > 0) return limited(waitMs);
    let wrong = false;
    let counted = true;
    // Its slot moves, or is away: all the others of an office must not wait for it.
    const cancelPatience = clock.after(limits.lookUpPatienceMs, () => {
      counted = false;
      badTokens.end(from, false);
    });
    const lookUp = leveled(
      (async (): Promise<Result<Caller>> => {
        const claimed = isShort ? await verified(token) : claim;
        return claimed === undefined ? refused(failure("UNAUTHENTICATED")) : look(claimed, address, timeoutMs);
      })(),
    );
    try {
      const answer: Result<Caller> = await lookUp.found;
      if (answer.ok) remember(sha256(token), true);
      // Nothing is known about the token when the actor could not be asked, or failed; that is no bad token.
      wrong = !answer.ok && (answer.error.code === "UNAUTHENTICATED" || answer.error.code === "NOT_FOUND");
      if (!wrong) return answer;
    } finally {
      cancelPatience();
      if (counted) badTokens.end(from, wrong);
      else if (wrong) badTokens.add(from);
      if (!wrong) lookUp.cancel();
    }
    await lookUp.told;
    return refused(failure("UNAUTHENTICATED"));
  }

  /** Opens a session. Only for `finish`: its caller has a sign-in that is done. */
  async function enter(user: string, proofs: readonly Fact[], from: Origin): Promise<Result<Entered>> {
    const device = from.device ?? createDevice(random);
    const opened = await open(user, "session", { label: from.label, address: from.address, device }, { proofs });
    if (!opened.ok) return opened;
    const { token, session } = opened.value;
    const claim = readToken(token);
    if (claim === undefined) return refused(failure("INTERNAL"));
    // No guess: it was made here. What others of this address try must not keep anybody out now.
    const caller = await look(claim, from.address);
    if (!caller.ok) return caller;
    remember(claim.tokenHash, true);
    const expiresAtMs = Math.min(session.expiresAtMs ?? Number.POSITIVE_INFINITY, caller.value.expiresAtMs);
    return ok({ session: { token, user, admin: caller.value.admin, expiresAtMs }, device });
  }

  /** Opens a session if the facts are enough for this account, else begins the attempt that goes on with them. */
  async function finish(
    user: string,
    { factors, suspended }: Pick<Proofs, "factors" | "suspended">,
    facts: readonly Fact[],
    from: Origin,
    untilMs = clock.monotonicMs() + limits.attemptMs,
  ): Promise<Result<Progress>> {
    if (suspended === true) return refused(failure("SUSPENDED"));
    const state = signInState(factors, at.demands?.() ?? noDemands, facts);
    if (state.type === "done") {
      const entered = await enter(user, state.proofs, from);
      return entered.ok ? ok({ type: "entered", ...entered.value }) : entered;
    }
    const attempt = attempts.begin({ user, facts, untilMs }, addressKey(from.address));
    const expiresAtMs = clock.nowMs() + Math.max(0, untilMs - clock.monotonicMs());
    return ok({ type: "unfinished", attempt, needs: state.of, setUp: state.type === "setUp", expiresAtMs });
  }

  /** What proofs are checked against: of nobody where there is no such account. */
  async function credentials(name: string, device: string | undefined): Promise<Result<Proofs>> {
    const nobody = { exists: false, known: false, factors: nothing };
    if (!isUserName(name)) return ok(nobody);
    const message = { type: "credentials", ...(device !== undefined && { deviceHash: sha256(device) }) };
    const stored = answerTo("credentials", await ask(actorId("user", name), message));
    if (!stored.ok) return stored.error.outcome === "failed" ? ok(nobody) : stored;
    const { known = false, factors, ...more } = stored.value;
    const password = more.passwordHash !== undefined;
    return ok({ ...more, exists: true, known, factors: factors ?? { ...nothing, password } });
  }

  /** The same, a fixed time after it was asked. */
  async function leveledCredentials(name: string, from: Origin): Promise<Result<Proofs>> {
    const lookUp = leveled(credentials(name, from.device));
    const stored = await lookUp.found;
    await lookUp.told;
    return stored;
  }

  /** Counts an attempt before it is checked; the wrong ones stay counted. Strangers share what may be guessed of a
   *  name; a device on which somebody signed in before has a count of its own, as a session has. */
  async function counted(
    name: string,
    { exists, known }: Proofs,
    from: Origin & { readonly session?: string },
    verify: () => Promise<Result<boolean>>,
  ): Promise<Result<boolean>> {
    const counts: (readonly [GuessLimit, string])[] =
      from.session !== undefined
        ? [[failures, `session ${from.session}`]]
        : known && from.device !== undefined
          ? [[failures, `device ${sha256(from.device)}`]]
          : [
              [failures, `${addressKey(from.address)} ${name}`],
              [names, name],
            ];
    const begun: typeof counts = [];
    let wrong = false;
    try {
      for (const count of counts) {
        const waitMs = await count[0].begin(count[1]);
        if (waitMs > 0) {
          noteFailed(name, exists, "delayed");
          return limited(waitMs);
        }
        begun.push(count);
      }
      const verified = await verify();
      wrong = verified.ok && !verified.value;
      if (wrong) noteFailed(name, exists, "wrong");
      return verified;
    } finally {
      for (const [count, key] of begun) count.end(key, wrong);
    }
  }

  /** True when this is the user's password. */
  const check = (
    name: string,
    password: string,
    stored: Proofs,
    from: Origin & { readonly session?: string },
  ): Promise<Result<boolean>> =>
    counted(name, stored, from, () => {
      const share = from.session !== undefined || stored.known ? "known" : "signIn";
      return passwords.verify(stored.passwordHash, password, { share, address: addressKey(from.address) });
    });

  /** The same, of somebody who is signed in. Error: SIGN_IN_FAILED. */
  async function checkOwn(caller: Caller, password: string, from: Origin): Promise<Result<Proofs>> {
    const stored = await leveledCredentials(caller.user, from);
    if (!stored.ok) return stored;
    const right = await check(caller.user, password, stored.value, { ...from, session: caller.session });
    if (!right.ok) return right;
    return right.value ? stored : refused(failure("SIGN_IN_FAILED"));
  }

  /** Tells the person and the operator when many sign-ins of an account failed. */
  function noteFailed(user: string, exists: boolean, reason: "wrong" | "delayed"): void {
    meter.count("sign_ins_failed", 1, { reason });
    if (!exists) return;
    const nowMs = clock.monotonicMs();
    const tally = failed.get(user) ?? { count: 0, toldAtMs: Number.NEGATIVE_INFINITY };
    // To the end: beyond the bound the one that was tried longest ago goes.
    failed.delete(user);
    failed.set(user, tally);
    const [oldest] = failed.keys();
    if (failed.size > limits.signInsFailedNamesMax && oldest !== undefined) failed.delete(oldest);
    tally.count += 1;
    if (tally.count < limits.signInsFailedTold || nowMs - tally.toldAtMs < limits.signInsFailedTellMs) return;
    const { count } = tally;
    tally.count = 0;
    tally.toldAtMs = nowMs;
    log.warn("signIn.guessed", { actor: actorId("user", user), count });
    kernel.tell({ to: actorId("user", user), from: "gateway", message: { type: "signInsFailed", count } });
  }

  async function claimAdmin(user: string, adminCode: string, from: Origin): Promise<Result<unknown>> {
    const wait = signIns.take(addressKey(from.address));
    if (wait > 0) return limited(wait);
    return ask("role-manager/cluster", { type: "claimAdmin", user, codeHash: adminCodeHash(adminCode) });
  }

  /** Of a password that is to be. Errors: PASSWORD_LEAKED, OVERLOADED. */
  const hashNew = async (password: string, waiter: Waiter): Promise<Result<string>> =>
    at.leaked?.(password) === true ? refused(failure("PASSWORD_LEAKED")) : passwords.hash(password, waiter);

  const knock = (from: Origin): Result<undefined> => {
    const waitMs = signIns.take(addressKey(from.address));
    return waitMs > 0 ? limited(waitMs) : ok(undefined);
  };

  const underWay = (attempt: Attempt | undefined): Result<Attempt> =>
    attempt === undefined ? refused(failure("SIGN_IN_EXPIRED")) : ok(attempt);

  return {
    authenticate,
    claimAdmin,
    stop() {
      trust.stop();
      passwords.stop();
    },

    trusted: (token) => trust.find(sha256(token)),

    async signUp(account, from) {
      const wait = signUps.take(addressKey(from.address));
      if (wait > 0) return limited(wait);
      const adminNeeded = await at.adminNeeded();
      if (adminNeeded) {
        const codeHash = adminCodeHash(account.adminCode ?? "");
        if (at.adminCodeHash === undefined || !sameSecret(codeHash, at.adminCodeHash))
          return refused(failure("ADMIN_CODE_WRONG"));
      }
      // What can be refused is refused before a password is hashed.
      const may = adminNeeded ? undefined : await mayRegister(at, account);
      if (may?.ok === false) return may;

      const waiter = { share: "signUp", address: addressKey(from.address) } as const;
      const hashed = await hashNew(account.password, waiter);
      if (!hashed.ok) return hashed;
      // No operationId from outside: somebody who repeats a stranger's would get the stranger's answer, and then a
      // session.
      const fields = {
        passwordHash: hashed.value,
        ...(account.displayName !== undefined && { displayName: account.displayName }),
      };
      const created =
        may === undefined
          ? await createAccount(at, account.name, fields)
          : await register(at, account, may.value, fields);
      if (!created.ok) return created;
      const facts: readonly Fact[] = [{ type: "password", atMs: clock.nowMs() }];
      const come = () => finish(account.name, { factors: { ...nothing, password: true } }, facts, from);
      if (!adminNeeded) return come();
      const codeHash = adminCodeHash(account.adminCode ?? "");
      const claimed = await ask("role-manager/cluster", { type: "claimAdmin", user: account.name, codeHash });
      // Somebody was faster: the code was right, so the account may stay, as an ordinary one.
      if (!claimed.ok && claimed.error.code !== "ALREADY_DONE") return claimed;
      const entered = await come();
      // The user's own actor hears of it a moment later.
      if (!entered.ok || !claimed.ok || entered.value.type !== "entered") return entered;
      return ok({ ...entered.value, session: { ...entered.value.session, admin: true } });
    },

    proofsOf: leveledCredentials,
    counted,
    knock,
    confirmBy: (caller, proofs) => ask(caller.actor, { type: "confirmSession", id: caller.session, proofs }),

    async reset(user, secret, password, from) {
      const knocked = knock(from);
      if (!knocked.ok) return knocked;
      if (!isUserName(user)) return refused(failure("LINK_INVALID"));
      const hashed = await hashNew(password, { share: "signIn", address: addressKey(from.address) });
      if (!hashed.ok) return hashed;
      const message = { type: "resetPassword", secretHash: sha256(secret), passwordHash: hashed.value };
      const done = await ask(actorId("user", user), message);
      return done.ok || done.error.outcome !== "failed" ? done : refused(failure("LINK_INVALID"));
    },

    async signIn(account, from) {
      // Before anything is counted, looked up or written for it. A device that says that it is known is looked at
      // first.
      const full =
        from.device === undefined ? passwords.full({ share: "signIn", address: addressKey(from.address) }) : undefined;
      if (full !== undefined) return refused(full);
      const knocked = knock(from);
      if (!knocked.ok) return knocked;
      const stored = await leveledCredentials(account.name, from);
      if (!stored.ok) return stored;
      const right = await check(account.name, account.password, stored.value, from);
      if (!right.ok) return right;
      if (!right.value) return refused(failure("SIGN_IN_FAILED"));
      return finish(account.name, stored.value, [{ type: "password", atMs: clock.nowMs() }], from);
    },

    async prove(user, facts, from, attempt) {
      const stored = await credentials(user, from.device);
      if (!stored.ok) return stored;
      if (!stored.value.exists) return refused(failure("SIGN_IN_FAILED"));
      return finish(user, stored.value, facts, from, attempt?.untilMs);
    },

    begin: (attempt, from) => attempts.begin(attempt, addressKey(from.address)),
    find: (secret) => underWay(attempts.find(secret)),
    take: (secret) => underWay(attempts.take(secret)),
    awaited: (name) => attempts.asked(name),
    keep: (secret, asked) => attempts.keep(secret, asked),

    async standing(secret) {
      const attempt = attempts.find(secret);
      if (attempt?.user === undefined || attempt.facts.length === 0) return refused(failure("SIGN_IN_EXPIRED"));
      const stored = await credentials(attempt.user, undefined);
      if (!stored.ok) return stored;
      const state = signInState(stored.value.factors, at.demands?.() ?? noDemands, attempt.facts);
      if (state.type === "done") return refused(failure("SIGN_IN_EXPIRED"));
      const expiresAtMs = clock.nowMs() + Math.max(0, attempt.untilMs - clock.monotonicMs());
      return ok({ attempt: secret, needs: state.of, setUp: state.type === "setUp", expiresAtMs });
    },

    async confirm(caller, password, from) {
      const knocked = knock(from);
      if (!knocked.ok) return knocked;
      const right = await checkOwn(caller, password, from);
      if (!right.ok) return right;
      const proofs: readonly Fact[] = [{ type: "password", atMs: clock.nowMs() }];
      const state = proofState(right.value.factors, proofs);
      if (state.type !== "done") return refused(failure("SIGN_IN_UNFINISHED", { needs: state.of }));
      return ask(caller.actor, { type: "confirmSession", id: caller.session, proofs });
    },

    async setPassword(caller, current, next, from) {
      const right = await checkOwn(caller, current, from);
      if (!right.ok) return right;
      const hashed = await hashNew(next, { share: "known", address: addressKey(from.address) });
      if (!hashed.ok) return hashed;
      return ask(caller.actor, {
        type: "setPassword",
        passwordHash: hashed.value,
        keepSession: caller.session,
        ...(from.device !== undefined && { deviceHash: sha256(from.device) }),
      });
    },

    async createKey(user, key, by) {
      const { scopes = [], expiresAtMs } = key;
      const [unknown] = unknownScopes(scopes);
      const wrong = (path: string, problem: string) => refused(failure("BAD_REQUEST", { path, problem }));
      if (unknown !== undefined) return wrong("/scopes", `${unknown} is not a permission or set of them`);
      if (expiresAtMs !== undefined && expiresAtMs <= clock.nowMs()) return wrong("/expiresAtMs", "it is in the past");
      return open(user, "key", key, by);
    },
  };
}
