import {
  actorId,
  cleaned,
  cut,
  failure,
  ok,
  refused,
  textFault,
  wireLimits,
  type Result,
  type Session,
  type SignedIn,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import { answerTo } from "./answers.ts";
import type { GatewayContext } from "./options.ts";
import { createGuesses, type Guesses } from "./guesses.ts";
import { createPasswords } from "./passwords.ts";
import { addressKey, createRateLimit } from "./rates.ts";
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
} from "./tokens.ts";

/** A signed-in user, as every entrance of the gateway knows it. */
export interface Caller {
  readonly user: string;
  readonly actor: `user/${string}`;
  readonly admin: boolean;
  readonly session: string;
  readonly kind: Session["kind"];
  readonly expiresAtMs: number;
  /** How long ago the session proved its password, when its actor was asked. */
  readonly provedAgoMs?: number;
}

/** Where an attempt comes from. */
export interface Origin {
  readonly address: string;
  /** What the session is called in the list of sessions: the user agent. */
  readonly label: string;
  /** The secret of the device, where it says that somebody signed in on it before. */
  readonly device?: string | undefined;
}

/** Somebody is in. */
export interface Entered {
  readonly session: SignedIn;
  /** By what the device is known from now on. */
  readonly device: string;
}

/** A new token; the only time that it is seen. */
export interface Opened {
  readonly token: string;
  readonly session: Session;
}

/** Who may come in: passwords, tokens, sessions, the first admin. */
export interface Accounts {
  /** Errors: SIGN_UP_CLOSED, ADMIN_CODE_WRONG, NAME_TAKEN, RATE_LIMITED, SLOT_UNAVAILABLE, DIRECTORY_AWAY. */
  signUp(
    account: { name: string; password: string; displayName?: string; adminCode?: string },
    from: Origin,
  ): Promise<Result<Entered>>;
  /** Errors: SIGN_IN_FAILED, whether the name or the password is wrong; DIRECTORY_AWAY while nobody can say whether there is
   *  such an account. */
  signIn(account: { name: string; password: string }, from: Origin): Promise<Result<Entered>>;
  /** Error: UNAUTHENTICATED; RATE_LIMITED after many bad tokens from one address. `timeoutMs`: of the user's actor, where
   *  that is not the usual time. */
  authenticate(token: string, address: string, timeoutMs?: number): Promise<Result<Caller>>;
  /** Whose token it is, if its actor said so a moment ago; see trust.ts. */
  trusted(token: string): Caller | undefined;
  /** For an account whose first claim was lost. Errors: ADMIN_CODE_WRONG, ALREADY_DONE. */
  claimAdmin(user: string, adminCode: string, from: Origin): Promise<Result<unknown>>;
  /** Makes the session a fresh one. Errors: SIGN_IN_FAILED when the password is wrong, RATE_LIMITED. */
  confirm(caller: Caller, password: string, from: Origin): Promise<Result<unknown>>;
  /** Replaces the password and ends every session but this one. Error: SIGN_IN_FAILED when `current` is wrong. */
  setPassword(caller: Caller, current: string, next: string, from: Origin): Promise<Result<unknown>>;
  createKey(caller: Caller, label: string): Promise<Result<Opened>>;
  stop(): void;
}

interface Credentials {
  readonly passwordHash?: string;
  /** Somebody signed in on this device before. */
  readonly known?: boolean | undefined;
}

/** The rules of the entrance, on user actors and the role manager. */
export function createAccounts(at: GatewayContext): Accounts {
  const { kernel, limits, clock, random, log, meter } = at;
  const passwords = createPasswords(limits, random);
  const signIns = createRateLimit(limits.signInRate, limits.rateRows, clock, random);
  const signUps = createRateLimit(limits.signUpRate, limits.rateRows, clock, random);
  const failures = createGuesses(limits.signInFailureRate, limits, clock, random);
  const names = createGuesses(limits.nameFailureRate, limits, clock, random);
  const badTokens = createGuesses(limits.badTokenRate, limits, clock, random);
  /** Hashes of tokens that were good and when they were found so, the latest at the end. */
  const goodTokens = new Map<string, number>();
  const trust = createTrust(at);
  /** Failed sign-ins of accounts that nobody was told of, and when somebody was told last. */
  const failed = new Map<string, { count: number; toldAtMs: number }>();

  const ask = (to: `${string}/${string}`, message: Message, timeoutMs = limits.askTimeoutMs) =>
    kernel.ask({ to, from: "gateway", message, timeoutMs });
  const limited = (retryAfterMs: number) => refused(failure("RATE_LIMITED", { retryAfterMs }));

  /** A look-up, and when its answer may be told: a fixed time after it began. A name that was never taken is looked for on disk
   *  and one that is in use answers from memory: whoever waits must not learn which it was. The time begins with the look-up and not
   *  after it: timers are not exact, and what is left of the look-up's own time would show. */
  function leveled<T>(work: Promise<T>): { readonly found: Promise<T>; readonly told: Promise<void>; cancel(): void } {
    const { promise: told, resolve } = Promise.withResolvers<void>();
    return { found: work, told, cancel: clock.after(limits.lookUpFloorMs, resolve) };
  }

  async function open(user: string, kind: Session["kind"], label: string, device?: string): Promise<Result<Opened>> {
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
    };
    const answer = await ask(actorId("user", user), {
      type: "openSession",
      tokenHash: claim.tokenHash,
      ...session,
      ...(device !== undefined && { deviceHash: sha256(device) }),
    });
    return answer.ok ? ok({ token, session: { ...session, createdAtMs: nowMs } }) : answer;
  }

  async function look(claim: TokenClaim, timeoutMs?: number): Promise<Result<Caller>> {
    const message = { type: "authenticate", tokenHash: claim.tokenHash };
    const answer = answerTo("authenticate", await ask(actorId("user", claim.user), message, timeoutMs));
    if (!answer.ok) return answer;
    const { user, admin, session, kind, expiresAtMs, provedAgoMs } = answer.value;
    const name = user.startsWith("user/") ? user.slice("user/".length) : user;
    return ok({
      user: name,
      actor: `user/${name}`,
      admin,
      session,
      kind,
      expiresAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY,
      ...(provedAgoMs !== undefined && { provedAgoMs }),
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

  async function authenticate(token: string, address: string, timeoutMs?: number): Promise<Result<Caller>> {
    const from = addressKey(address);
    const claim = readToken(token);
    // What was good here is looked up without being counted, as long as it stays so: whatever others of its address try.
    const goodAtMs = claim && goodTokens.get(claim.tokenHash);
    if (claim !== undefined && goodAtMs !== undefined) {
      // One that comes now and then gains nothing by its person being followed.
      const isSteady = clock.monotonicMs() - goodAtMs < 2 * limits.tokenTrustMs;
      const trusted = isSteady ? trust.begin(claim) : undefined;
      const known = await look(claim, timeoutMs);
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
      claim === undefined ? Promise.resolve(refused(failure("UNAUTHENTICATED"))) : look(claim, timeoutMs),
    );
    try {
      const answer: Result<Caller> = await lookUp.found;
      if (answer.ok && claim !== undefined) remember(claim.tokenHash, true);
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

  async function enter(user: string, from: Origin): Promise<Result<Entered>> {
    const device = from.device ?? createDevice(random);
    const opened = await open(user, "session", from.label, device);
    if (!opened.ok) return opened;
    const { token, session } = opened.value;
    const claim = readToken(token);
    if (claim === undefined) return refused(failure("INTERNAL"));
    // No guess: it was made here. What others of this address try must not keep anybody out now.
    const caller = await look(claim);
    if (!caller.ok) return caller;
    remember(claim.tokenHash, true);
    const expiresAtMs = session.expiresAtMs ?? caller.value.expiresAtMs;
    return ok({ session: { token, user, admin: caller.value.admin, expiresAtMs }, device });
  }

  /** What a password is checked against: nothing where there is no such account. */
  async function credentials(name: string, device: string | undefined): Promise<Result<Credentials>> {
    if (!isUserName(name)) return ok({});
    const message = { type: "credentials", ...(device !== undefined && { deviceHash: sha256(device) }) };
    const stored = answerTo("credentials", await ask(actorId("user", name), message));
    return stored.ok || stored.error.outcome !== "failed" ? stored : ok({});
  }

  /** True when this is the user's password. Attempts are counted before they are checked, and the wrong ones stay so. Strangers share
   *  what may be guessed of a name; a device on which somebody signed in before has a count of its own, as a session has. */
  async function check(name: string, password: string, from: Origin, session?: string): Promise<Result<boolean>> {
    const address = addressKey(from.address);
    const lookUp = leveled(credentials(name, from.device));
    const stored = await lookUp.found;
    await lookUp.told;
    if (!stored.ok) return stored;
    const { passwordHash, known = false } = stored.value;
    const counts: (readonly [Guesses, string])[] =
      session !== undefined
        ? [[failures, `session ${session}`]]
        : known && from.device !== undefined
          ? [[failures, `device ${sha256(from.device)}`]]
          : [[failures, `${address} ${name}`], [names, name]]; // prettier-ignore
    const begun: typeof counts = [];
    let wrong = false;
    try {
      for (const count of counts) {
        const waitMs = await count[0].begin(count[1]);
        if (waitMs > 0) {
          noteFailed(name, passwordHash !== undefined, "delayed");
          return limited(waitMs);
        }
        begun.push(count);
      }
      const share = session !== undefined || known ? "known" : "signIn";
      const verified = await passwords.verify(passwordHash, password, { share, address });
      wrong = verified.ok && !verified.value;
      if (wrong) noteFailed(name, passwordHash !== undefined, "wrong");
      return verified;
    } finally {
      for (const [guesses, key] of begun) guesses.end(key, wrong);
    }
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
    log.warn("signIn.guessed", { user, count });
    kernel.tell({ to: actorId("user", user), from: "gateway", message: { type: "signInsFailed", count } });
  }

  async function claimAdmin(user: string, adminCode: string, from: Origin): Promise<Result<unknown>> {
    const wait = signIns.take(addressKey(from.address));
    if (wait > 0) return limited(wait);
    return ask("role-manager/cluster", { type: "claimAdmin", user, codeHash: adminCodeHash(adminCode) });
  }

  return {
    authenticate,
    claimAdmin,
    stop: () => trust.stop(),

    trusted: (token) => trust.find(sha256(token)),

    async signUp(account, from) {
      const wait = signUps.take(addressKey(from.address));
      if (wait > 0) return limited(wait);
      const adminNeeded = await at.adminNeeded();
      if (adminNeeded) {
        const codeHash = adminCodeHash(account.adminCode ?? "");
        if (at.adminCodeHash === undefined || !sameSecret(codeHash, at.adminCodeHash))
          return refused(failure("ADMIN_CODE_WRONG"));
      } else if (at.signUp === "closed") return refused(failure("SIGN_UP_CLOSED"));

      const waiter = { share: "signUp", address: addressKey(from.address) } as const;
      const hashed = await passwords.hash(account.password, waiter);
      if (!hashed.ok) return hashed;
      // No operationId from outside: who repeats a stranger's would get the stranger's answer, and then a session.
      const create = {
        type: "create",
        passwordHash: hashed.value,
        ...(account.displayName !== undefined && { displayName: account.displayName }),
      };
      const created = await ask(actorId("user", account.name), create, limits.signUpTimeoutMs);
      if (!created.ok) return created;
      if (!adminNeeded) return enter(account.name, from);
      const codeHash = adminCodeHash(account.adminCode ?? "");
      const claimed = await ask("role-manager/cluster", { type: "claimAdmin", user: account.name, codeHash });
      // Somebody was faster: the code was right, so the account may stay, as an ordinary one.
      if (!claimed.ok && claimed.error.code !== "ALREADY_DONE") return claimed;
      const entered = await enter(account.name, from);
      // The user's own actor hears of it a moment later.
      if (!entered.ok || !claimed.ok) return entered;
      return ok({ ...entered.value, session: { ...entered.value.session, admin: true } });
    },

    async signIn(account, from) {
      const wait = signIns.take(addressKey(from.address));
      if (wait > 0) return limited(wait);
      const right = await check(account.name, account.password, from);
      if (!right.ok) return right;
      return right.value ? enter(account.name, from) : refused(failure("SIGN_IN_FAILED"));
    },

    async confirm(caller, password, from) {
      const wait = signIns.take(addressKey(from.address));
      if (wait > 0) return limited(wait);
      const right = await check(caller.user, password, from, caller.session);
      if (!right.ok) return right;
      if (!right.value) return refused(failure("SIGN_IN_FAILED"));
      return ask(caller.actor, { type: "confirmSession", id: caller.session });
    },

    async setPassword(caller, current, next, from) {
      const right = await check(caller.user, current, from, caller.session);
      if (!right.ok) return right;
      if (!right.value) return refused(failure("SIGN_IN_FAILED"));
      const hashed = await passwords.hash(next, { share: "known", address: addressKey(from.address) });
      if (!hashed.ok) return hashed;
      return ask(caller.actor, {
        type: "setPassword",
        passwordHash: hashed.value,
        keepSession: caller.session,
        ...(from.device !== undefined && { deviceHash: sha256(from.device) }),
      });
    },

    createKey: (caller, label) => open(caller.user, "key", label),
  };
}
