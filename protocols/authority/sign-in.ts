/** Sign-in as one pure machine: what is proven goes in, what is still needed comes out. Gateways ask it after each
 *  proof, and the person's actor asks it again before it opens a session: no combination skips a factor, whatever a
 *  gateway says.
 *
 *      first proof     password · passkey with user verification · identity of another server
 *           │
 *           ├─ the account has no second factor, and nobody demands one ──────────────► done
 *           ├─ the first proof is two in one (verified passkey, trusted identity) ────► done
 *           ▼
 *      second proof    one-time code · recovery code · passkey ───────────────────────► done
 *           │
 *           └─ the account has none, and the cluster demands one: it is set up first
 *
 *  A proof counts only where the account has that factor, and the same factor twice is one proof. */
import { Type, type Static } from "typebox";
import { key, line, object, timeMs } from "../wire/schema.ts";

/** What a server calls somebody, or is called itself. */
const told = line(512);

/** Somebody as another server knows them. `label`: what people call that, such as a mail address; `claim`: the actor
 *  that says whose it is; `vouched`: a hash of the server as it was set when this was linked: `vouchedOf`. */
export const identity = object({
  provider: told,
  issuer: told,
  subject: told,
  label: Type.Optional(told),
  claim: Type.Optional(key),
  vouched: Type.Optional(key),
});
export type Identity = Static<typeof identity>;

/** Something that was proven, and when. The code that makes a fact has checked it: nothing here looks into it.
 *
 *  `passkey`: `verified` says that the device has made sure who holds it (by fingerprint, face or PIN), so that it is
 *  two factors. `identity`: a server that the cluster trusts says who it is; `two`: and that server is trusted to have
 *  asked for two factors. */
export const fact = Type.Union([
  object({ type: Type.Literal("password"), atMs: timeMs }),
  object({ type: Type.Literal("passkey"), atMs: timeMs, credential: told, verified: Type.Boolean() }),
  object({ type: Type.Literal("totp"), atMs: timeMs }),
  object({ type: Type.Literal("recovery"), atMs: timeMs }),
  object({
    type: Type.Literal("identity"),
    atMs: timeMs,
    /** The cluster's name for the server. */
    provider: told,
    issuer: told,
    subject: told,
    two: Type.Optional(Type.Boolean()),
  }),
]);
export type Fact = Static<typeof fact>;

/** A way to prove who somebody is. `totp`: a one-time code by the time; `recovery`: a code of the sheet for when it is
 *  lost. */
export type Factor = Fact["type"];

/** What an account can be proven by. */
export interface Factors {
  readonly password: boolean;
  /** How many there are. */
  readonly passkeys: number;
  readonly totp: boolean;
  /** How many are left. */
  readonly recovery: number;
  /** Linked identities, `issuer subject`. */
  readonly identities: readonly string[];
}

/** What the cluster demands beyond what an account has. */
export interface SignInDemands {
  /** A second factor, also of those who have none yet. */
  readonly second: boolean;
  /** False: passwords open nothing; people come in by passkeys and identities. */
  readonly passwords: boolean;
}

/** What holds where nobody has demanded anything. */
export const noDemands: SignInDemands = { second: false, passwords: true };

/** Where a sign-in stands. `needs`: any one of them is the next step; `setUp`: the same, for a factor that the account
 *  gets first. */
export type SignInState =
  | { readonly type: "done"; readonly proofs: readonly Fact[] }
  | { readonly type: "needs"; readonly of: readonly Factor[] }
  | { readonly type: "setUp"; readonly of: readonly Factor[] };

/** An identity as an account has it. */
export const identityOf = ({ issuer, subject }: { readonly issuer: string; readonly subject: string }): string =>
  `${issuer} ${subject}`;

/** Whether the account has anything that a second proof could be made with. */
export const hasSecond = ({ totp, passkeys }: Factors): boolean => totp || passkeys > 0;

/** Whether a fact is one of this account. Recovery codes are for those who have lost their second factor; the one that
 *  proved it may have been the last. */
function fits(fact: Fact, factors: Factors): boolean {
  switch (fact.type) {
    case "password":
      return factors.password;
    case "passkey":
      return factors.passkeys > 0;
    case "totp":
      return factors.totp;
    case "recovery":
      return hasSecond(factors);
    default:
      return factors.identities.includes(identityOf(fact));
  }
}

const isFirst = (fact: Fact): boolean =>
  fact.type === "password" || fact.type === "identity" || (fact.type === "passkey" && fact.verified);
const isSecond = (fact: Fact): boolean =>
  fact.type === "totp" ||
  fact.type === "recovery" ||
  fact.type === "passkey" ||
  (fact.type === "identity" && fact.two === true);

/** What an account could make a first proof with. */
export const firstFactors = (factors: Factors, demands: SignInDemands): readonly Factor[] => [
  ...(factors.passkeys > 0 ? (["passkey"] as const) : []),
  ...(factors.password && demands.passwords ? (["password"] as const) : []),
  ...(factors.identities.length > 0 ? (["identity"] as const) : []),
];

/** What an account could make a second proof with, the strongest first. */
export const secondFactors = (factors: Factors): readonly Factor[] => [
  ...(factors.passkeys > 0 ? (["passkey"] as const) : []),
  ...(factors.totp ? (["totp"] as const) : []),
  ...(hasSecond(factors) && factors.recovery > 0 ? (["recovery"] as const) : []),
];

/** Two in one. */
const isBoth = (fact: Fact): boolean => isFirst(fact) && isSecond(fact);

/** Of each factor that counts one: what is two in one before what is one, then the newest. */
function counting(facts: readonly Fact[], factors: Factors): readonly Fact[] {
  const best = new Map<Factor, Fact>();
  for (const one of facts) {
    const before = best.get(one.type);
    const isBetter = before === undefined || (isBoth(one) === isBoth(before) ? one.atMs >= before.atMs : isBoth(one));
    if (isBetter && fits(one, factors)) best.set(one.type, one);
  }
  return [...best.values()];
}

/** Where a sign-in of this account stands. */
export function signInState(factors: Factors, demands: SignInDemands, facts: readonly Fact[]): SignInState {
  const proofs = counting(facts, factors).filter(({ type }) => type !== "password" || demands.passwords);
  if (!proofs.some(isFirst)) return { type: "needs", of: firstFactors(factors, demands) };
  const mayBeOne = !demands.second && !hasSecond(factors);
  if (mayBeOne || proofs.some(isSecond)) return { type: "done", proofs };
  return hasSecond(factors)
    ? { type: "needs", of: secondFactors(factors) }
    : { type: "setUp", of: ["totp", "passkey"] };
}

/** Where a fresh proof of somebody who is signed in stands: one of the strongest factors that the account has. */
export function proofState(factors: Factors, facts: readonly Fact[]): SignInState {
  const strongest = hasSecond(factors)
    ? secondFactors(factors)
    : factors.password
      ? (["password"] as const)
      : firstFactors(factors, noDemands);
  const proofs = counting(facts, factors).filter(
    ({ type }) => strongest.includes(type) || (type === "recovery" && hasSecond(factors)),
  );
  return proofs.length > 0 ? { type: "done", proofs } : { type: "needs", of: strongest };
}
