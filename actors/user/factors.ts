/** What an account can be proven by beside its password: one-time codes, recovery codes, passkeys; resets of the
 *  password; suspension. The gateway has checked codes and signatures; what only one turn can say is said here: that a
 *  code was not used before. */
import {
  firstFactors,
  hasSecond,
  noDemands,
  wireLimits,
  type CommandOf,
  type FactorsView,
  type userCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { changedSince } from "../seen.ts";
import type { UserNotes } from "./notes.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import { happen } from "./sessions.ts";
import { factorsOf, type Account, type FactorChange, type UserState } from "./state.ts";
import { holdsAt } from "../../protocols/index.ts";

type Command = CommandOf<typeof userCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

type FactorSet = Extract<FactorChange, { type: "factorSet" }>["set"];
const set = (what: FactorSet): Effects => [persist({ type: "factorSet", set: what })];

/** What answers them. Errors: those of their rows. */
export const factorHandlers: PersonHandlers<
  | "beginTotp"
  | "confirmTotp"
  | "useTotp"
  | "removeTotp"
  | "setRecovery"
  | "useRecovery"
  | "addPasskey"
  | "usePasskey"
  | "removePasskey"
  | "makeReset"
  | "resetPassword"
  | "setSuspended"
> = {
  beginTotp({ account }, message) {
    if (account.totp !== undefined) return [refuse("ALREADY_DONE")];
    return [...set({ totpBegun: message.sealed }), reply({})];
  },
  confirmTotp({ account }, message, turn) {
    if (account.totp !== undefined) return [refuse("ALREADY_DONE")];
    if (account.totpBegun === undefined) return [refuse("NOT_FOUND")];
    const totp = { sealed: account.totpBegun, sinceMs: turn.nowMs, step: message.step };
    return [...set({ totp, totpBegun: null }), reply({})];
  },
  useTotp({ account }, message) {
    const { totp } = account;
    if (totp === undefined || message.step <= totp.step) return [refuse("CODE_WRONG")];
    return [...set({ totp: { ...totp, step: message.step } }), reply({})];
  },
  removeTotp({ account }) {
    if (account.totp === undefined) return [reply({})];
    const { totp: _removed, ...left } = account;
    return [...set({ totp: null, ...recoveryOf(left) }), reply({})];
  },
  setRecovery({ account }, message) {
    if (!hasSecond(factorsOf(account)))
      return [
        refuse("FORBIDDEN", { reason: "recovery codes replace a lost second factor: set up a second factor first" }),
      ];
    return [...set({ recovery: message.hashes }), reply({})];
  },
  useRecovery({ account }, message) {
    const { recovery = [] } = account;
    if (!recovery.includes(message.hash)) return [refuse("CODE_WRONG")];
    return [...set({ recovery: recovery.filter((hash) => hash !== message.hash) }), reply({})];
  },
  addPasskey({ account }, message, turn) {
    const { type: _type, shown: _shown, ...passkey } = message;
    const { passkeys = [] } = account;
    if (passkeys.some(({ id }) => id === passkey.id)) return [refuse("NAME_TAKEN")];
    if (passkeys.length >= wireLimits.passkeysPerUserMax)
      return [refuse("LIMIT_REACHED", { limit: "passkeysPerUserMax" })];
    return [persist({ type: "passkeySet", passkey: { ...passkey, addedAtMs: turn.nowMs } }), reply({})];
  },
  usePasskey({ account }, message, turn) {
    const { id, counter } = message;
    const held = account.passkeys?.find((one) => one.id === id);
    if (held === undefined) return [refuse("NOT_FOUND")];
    // Both 0: it does not count. Else each answer counts higher than the one before, or there is a copy.
    if ((counter > 0 || held.counter > 0) && counter <= held.counter) return [refuse("PASSKEY_REFUSED")];
    return [persist({ type: "passkeySet", passkey: { ...held, counter, usedAtMs: turn.nowMs } }), reply({})];
  },
  removePasskey({ account }, message) {
    const { passkeys = [] } = account;
    const left = { ...account, passkeys: passkeys.filter(({ id }) => id !== message.id) };
    if (left.passkeys.length === passkeys.length) return [refuse("NOT_FOUND")];
    if (firstFactors(factorsOf(left), noDemands).length === 0)
      return [refuse("FORBIDDEN", { reason: "without this you could not sign in any more: set a password first" })];
    return [persist({ type: "passkeyRemoved", id: message.id }), ...set(recoveryOf(left)), reply({})];
  },
  makeReset({ account }, message, turn) {
    const { secretHash, lifeMs, byMail } = message;
    const untilMs = turn.nowMs + Math.min(lifeMs, limits.linkLifeMsMax);
    if (byMail !== true) return [...set({ reset: { secretHash, untilMs } }), reply({})];
    const held = (account.mailResets ?? []).filter((link) => holdsAt(turn.nowMs, link.untilMs, limits.linkLifeMsMax));
    return [...set({ mailResets: [...held, { secretHash, untilMs }].slice(-limits.mailResetsMax) }), reply({})];
  },
  resetPassword({ state, account }, message, turn) {
    const { reset, mailResets = [] } = account;
    const links = reset === undefined ? mailResets : [reset, ...mailResets];
    const holds = links.some(
      ({ secretHash, untilMs }) =>
        secretHash === message.secretHash && holdsAt(turn.nowMs, untilMs, limits.linkLifeMsMax),
    );
    if (!holds) return [refuse("LINK_INVALID")];
    return [
      persist({ type: "passwordSet", passwordHash: message.passwordHash, linkUsedAtMs: turn.nowMs }),
      ...set({ reset: null, mailResets: null }),
      ...endAll(state, account, turn),
      reply({}),
    ];
  },
  setSuspended({ state, account }, message, turn) {
    if ((account.suspended ?? false) === message.suspended) return [reply({})];
    return [
      ...set({ suspended: message.suspended || null }),
      ...endAll(state, account, turn, message.suspended),
      reply({}),
    ];
  },
};

/** Recovery codes stand for a second factor: without one they go. */
const recoveryOf = (left: Account): FactorSet => (hasSecond(factorsOf(left)) ? {} : { recovery: null });

/** Ends all sessions. `isOut`: because nobody comes in any more, which those who are told may know. */
export const endAll = (state: UserState, account: Account, turn: Turn<UserNotes>, isOut = false): Effects =>
  happen(
    state,
    turn,
    account.sessions.map(({ id }) => ({ type: "sessionRevoked" as const, id, ...(isOut && { because: "SUSPENDED" }) })),
  );

/** Errors: NOT_FOUND, CHANGED_MEANWHILE. */
export function renamePasskey(account: Account, { id, name, seen }: Of<"renamePasskey">): Effects {
  const held = account.passkeys?.find((one) => one.id === id);
  if (held === undefined) return [refuse("NOT_FOUND")];
  if (changedSince<{ name: string }>(seen === undefined ? undefined : { name: seen }, held, { name }) !== undefined)
    return [refuse("CHANGED_MEANWHILE", { now: held.name })];
  return [persist({ type: "passkeySet", passkey: { ...held, name } }), reply({})];
}

/** What the person sees of it: no secret, no key. */
export function factorsView(account: Account): FactorsView {
  const { password, recovery } = factorsOf(account);
  const { totp, passkeys = [], identities = [], contact, contactBegun } = account;
  return {
    password,
    ...(contact && { mail: { address: contact.address, confirmedAtMs: contact.confirmedAtMs } }),
    ...(contactBegun && { mailBegun: { address: contactBegun.address, untilMs: contactBegun.untilMs } }),
    ...(totp && { totp: { sinceMs: totp.sinceMs } }),
    recovery,
    passkeys: passkeys.map(({ id, name, host, synced, addedAtMs, usedAtMs }) => ({
      id,
      name,
      host,
      synced,
      addedAtMs,
      ...(usedAtMs !== undefined && { usedAtMs }),
    })),
    // One that came by an account's node of an older version may have more in it, of how its person was signed in.
    identities: identities.map(({ provider, issuer, subject, label, claim, vouched, linkedAtMs }) => ({
      provider,
      issuer,
      subject,
      ...(label !== undefined && { label }),
      ...(claim !== undefined && { claim }),
      ...(vouched !== undefined && { vouched }),
      linkedAtMs,
    })),
  };
}
