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
import type { Surroundings } from "./options.ts";
import { createPasswords } from "./passwords.ts";
import { addressKey, createRateLimit } from "./rates.ts";
import { adminCodeHash, createToken, isUserName, randomId, readToken, sameSecret } from "./tokens.ts";

/** A signed-in user, as every entrance of the gateway knows it. */
export interface Caller {
  readonly user: string;
  readonly actor: `user/${string}`;
  readonly admin: boolean;
  readonly session: string;
  readonly kind: Session["kind"];
  readonly expiresAtMs: number;
}

/** Where an attempt comes from. */
export interface Origin {
  readonly address: string;
  /** What the session is called in the list of sessions: the user agent. */
  readonly label: string;
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
  ): Promise<Result<SignedIn>>;
  /** Errors: SIGN_IN_FAILED, whether the name or the password is wrong; DIRECTORY_AWAY while nobody can say whether there is
   *  such an account. */
  signIn(account: { name: string; password: string }, from: Origin): Promise<Result<SignedIn>>;
  /** Error: UNAUTHENTICATED; RATE_LIMITED after many bad tokens from one address. `timeoutMs`: of the user's actor, where
   *  that is not the usual time. */
  authenticate(token: string, address: string, timeoutMs?: number): Promise<Result<Caller>>;
  /** For an account whose first claim was lost. Errors: ADMIN_CODE_WRONG, ALREADY_DONE. */
  claimAdmin(user: string, adminCode: string, from: Origin): Promise<Result<unknown>>;
  /** Replaces the password and ends every session but this one. Error: SIGN_IN_FAILED when `current` is wrong. */
  setPassword(caller: Caller, current: string, next: string, from: Origin): Promise<Result<unknown>>;
  createKey(caller: Caller, label: string): Promise<Result<Opened>>;
}

/** The rules of the entrance, on user actors and the role manager. */
export function createAccounts(at: Surroundings): Accounts {
  const { kernel, limits, clock, random } = at;
  const passwords = createPasswords(limits, random);
  const signIns = createRateLimit(limits.signInRate, limits.rateRows, clock, random);
  const failures = createRateLimit(limits.signInFailureRate, limits.rateRows, clock, random);
  const badTokens = createRateLimit(limits.badTokenRate, limits.rateRows, clock, random);

  const ask = (to: `${string}/${string}`, message: Message, timeoutMs = limits.askTimeoutMs) =>
    kernel.ask({ to, from: "gateway", message, timeoutMs });
  const limited = (retryAfterMs: number) => refused(failure("RATE_LIMITED", { retryAfterMs }));

  async function open(user: string, kind: Session["kind"], label: string): Promise<Result<Opened>> {
    const token = createToken(kind, user, random);
    const claim = readToken(token);
    if (claim === undefined) return refused(failure("INTERNAL"));
    const nowMs = clock.nowMs();
    const shown = cleaned(cut(label, wireLimits.labelCharsMax), "line").trim();
    const session = {
      id: randomId(random),
      kind,
      // A program calls itself what it likes.
      label: textFault(shown, "line") === undefined ? shown : "unknown device",
      ...(kind === "session" && { expiresAtMs: nowMs + limits.sessionLifeMs }),
    };
    const answer = await ask(actorId("user", user), {
      type: "openSession",
      tokenHash: claim.tokenHash,
      ...session,
    });
    return answer.ok ? ok({ token, session: { ...session, createdAtMs: nowMs } }) : answer;
  }

  async function authenticate(token: string, address: string, timeoutMs?: number): Promise<Result<Caller>> {
    const claim = readToken(token);
    const answer =
      claim === undefined
        ? refused(failure("UNAUTHENTICATED"))
        : answerTo(
            "authenticate",
            await ask(actorId("user", claim.user), { type: "authenticate", tokenHash: claim.tokenHash }, timeoutMs),
          );
    if (answer.ok) {
      const { user, admin, session, kind, expiresAtMs } = answer.value;
      const name = user.startsWith("user/") ? user.slice("user/".length) : user;
      return ok({
        user: name,
        actor: `user/${name}`,
        admin,
        session,
        kind,
        expiresAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY,
      });
    }
    // Nothing is known about the token when the actor could not be asked, or failed; that is no bad token.
    if (answer.error.code !== "UNAUTHENTICATED" && answer.error.code !== "NOT_FOUND") return answer;
    const wait = badTokens.take(addressKey(address));
    return wait > 0 ? limited(wait) : refused(failure("UNAUTHENTICATED"));
  }

  async function enter(user: string, from: Origin): Promise<Result<SignedIn>> {
    const opened = await open(user, "session", from.label);
    if (!opened.ok) return opened;
    const { token, session } = opened.value;
    const caller = await authenticate(token, from.address);
    if (!caller.ok) return caller;
    return ok({ token, user, admin: caller.value.admin, expiresAtMs: session.expiresAtMs ?? caller.value.expiresAtMs });
  }

  /** True when this is the user's password. Wrong ones are counted for the name and the address together. */
  async function check(name: string, password: string, from: Origin): Promise<Result<boolean>> {
    const who = `${addressKey(from.address)} ${name}`;
    const wait = failures.wait(who);
    if (wait > 0) return limited(wait);
    const stored = isUserName(name)
      ? answerTo("credentials", await ask(actorId("user", name), { type: "credentials" }))
      : undefined;
    if (stored !== undefined && !stored.ok && stored.error.outcome !== "failed") return stored;
    const passwordHash = stored?.ok ? stored.value.passwordHash : undefined;
    const verified = await passwords.verify(passwordHash, password);
    if (verified.ok && !verified.value) failures.take(who);
    return verified;
  }

  async function claimAdmin(user: string, adminCode: string, from: Origin): Promise<Result<unknown>> {
    const wait = signIns.take(addressKey(from.address));
    if (wait > 0) return limited(wait);
    return ask("role-manager/cluster", { type: "claimAdmin", user, codeHash: adminCodeHash(adminCode) });
  }

  return {
    authenticate,
    claimAdmin,

    async signUp(account, from) {
      const wait = signIns.take(addressKey(from.address));
      if (wait > 0) return limited(wait);
      const adminNeeded = await at.adminNeeded();
      if (adminNeeded) {
        const codeHash = adminCodeHash(account.adminCode ?? "");
        if (at.adminCodeHash === undefined || !sameSecret(codeHash, at.adminCodeHash))
          return refused(failure("ADMIN_CODE_WRONG"));
      } else if (at.signUp === "closed") return refused(failure("SIGN_UP_CLOSED"));

      const hashed = await passwords.hash(account.password);
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
      return entered.ok && claimed.ok ? ok({ ...entered.value, admin: true }) : entered;
    },

    async signIn(account, from) {
      const wait = signIns.take(addressKey(from.address));
      if (wait > 0) return limited(wait);
      const right = await check(account.name, account.password, from);
      if (!right.ok) return right;
      return right.value ? enter(account.name, from) : refused(failure("SIGN_IN_FAILED"));
    },

    async setPassword(caller, current, next, from) {
      const right = await check(caller.user, current, from);
      if (!right.ok) return right;
      if (!right.value) return refused(failure("SIGN_IN_FAILED"));
      const hashed = await passwords.hash(next);
      if (!hashed.ok) return hashed;
      return ask(caller.actor, { type: "setPassword", passwordHash: hashed.value, keepSession: caller.session });
    },

    createKey: (caller, label) => open(caller.user, "key", label),
  };
}
