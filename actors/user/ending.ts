/** How an account ends: a deletion that waits for its time and can be called off, the end of a guest's time, and what
 *  is left then.
 *
 *      account ──beginDeletion──► deletion waits ──its time──► erased: a name that nobody gets again
 *         ▲                            │
 *         └── the person signs in ─────┘ an admin calls it off
 *
 *  What the person wrote stays where it was read, under a name that leads to nobody. All else goes: what the person
 *  proved themselves with, sessions, keys, agents with their conversations, the mail address, the picture, the places
 *  in rooms. */
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import { dispatch, fits, type Mail } from "../outbox.ts";
import { claimMail } from "./contact.ts";
import { endAll, factorsView } from "./factors.ts";
import type { UserNotes } from "./notes.ts";
import type { Effects, PersonHandlers } from "./effects.ts";
import { callOff, deletionReminder, guestReminder, happen, identityMail, validSessions } from "./sessions.ts";
import { agentActor, viewOf, type Account, type UserState } from "./state.ts";
import { holdsAt, type AccountExport } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";

/** What answers them. Errors: FORBIDDEN, OVERLOADED. */
export const endingHandlers: PersonHandlers<"beginDeletion" | "endDeletion" | "exportAccount"> = {
  beginDeletion({ state, account }, message, turn) {
    // A cluster must not lose its owners by it, and an undone deletion brings back what was there.
    if (state.admin)
      return [
        refuse("FORBIDDEN", {
          reason: "an owner or admin has to give up that role before the account can be deleted",
        }),
      ];
    const { waitMs, byAdmin } = message;
    const atMs = turn.nowMs + Math.min(waitMs, limits.deletionWaitMsMax);
    if (waitMs === 0) {
      const erased = erase(state, account, turn);
      return erased === undefined ? [refuse("OVERLOADED")] : [...erased, reply({ atMs: turn.nowMs })];
    }
    return [
      persist({ type: "factorSet", set: { deletion: { atMs, byAdmin } } }),
      ...endAll(state, account, turn, byAdmin),
      { type: "remind", id: deletionReminder, dueMs: atMs },
      reply({ atMs }),
    ];
  },
  endDeletion: ({ account }) => (account.deletion === undefined ? [reply({})] : [...callOff(), reply({})]),
  exportAccount: ({ state, account }, _message, turn) => [reply(exportOf(state, account, turn))],
};

/** Its time has come, or what reminded is over. */
export function endReminded(state: UserState, id: string, turn: Turn<UserNotes>): Effects {
  const { account } = state;
  const dueMs = id === deletionReminder ? account?.deletion?.atMs : account?.endsAtMs;
  if (account === null || dueMs === undefined) return [{ type: "forget", id }];
  if (turn.nowMs < dueMs) return stillWaits(account, { id, dueMs }, turn.nowMs);
  // Somebody made the person an admin meanwhile: what is deleted has to be decided anew.
  if (state.admin)
    return [persist({ type: "factorSet", set: { deletion: null, endsAtMs: null } }), { type: "forget", id }];
  // A full outbox: the reminder comes again.
  return erase(state, account, turn) ?? [];
}

/** It waits on: no longer from now than it was to wait when it was set, which a clock that was ahead may have done. */
function stillWaits(
  account: Account,
  { id, dueMs }: { readonly id: string; readonly dueMs: number },
  nowMs: number,
): Effects {
  const { deletion, createdAtMs } = account;
  const lifeMs = id === deletionReminder ? limits.deletionWaitMsMax : dueMs - createdAtMs;
  if (lifeMs <= 0 || holdsAt(nowMs, dueMs, lifeMs)) return [{ type: "remind", id, dueMs }];
  const soonerMs = nowMs + lifeMs;
  const set =
    id === deletionReminder && deletion ? { deletion: { ...deletion, atMs: soonerMs } } : { endsAtMs: soonerMs };
  return [persist({ type: "factorSet", set }), { type: "remind", id, dueMs: soonerMs }];
}

/** Everything that others keep of the person is taken back, and the account is gone. Undefined: there is no room to owe
 *  that now. */
function erase(state: UserState, account: Account, turn: Turn<UserNotes>): Effects | undefined {
  const mail: readonly Mail[] = [
    ...account.rooms.map((room): Mail => ({ to: `room/${room}`, message: { type: "depart" } })),
    ...account.agents.map(({ agent }): Mail => ({ to: agentActor(agent), message: { type: "delete" } })),
    { to: "catalog/users", message: { type: "remove", key: turn.key } },
    { to: "role-manager/cluster", message: { type: "personGone" } },
    ...[account.contact].flatMap((held) => (held === undefined ? [] : [claimMail("release", held)])),
    ...(account.identities ?? []).flatMap((held) => identityMail("release", held)),
  ];
  if (!fits(state.outbox, mail.length)) return undefined;
  const revoked = account.sessions.map(({ id }) => ({ type: "sessionRevoked" as const, id }));
  return [
    ...happen(state, turn, revoked),
    persist({ type: "erased", atMs: turn.nowMs, mail }),
    ...dispatch(state.outbox, mail, turn.self),
    { type: "forget", id: deletionReminder },
    { type: "forget", id: guestReminder },
  ];
}

/** What the account has, without what it is proven by. */
function exportOf(state: UserState, account: Account, turn: Turn<UserNotes>): AccountExport {
  const { contact, endsAtMs } = account;
  return {
    ...viewOf(state, account, turn.key),
    ...(contact && { mail: contact.address }),
    ...(endsAtMs !== undefined && { endsAtMs }),
    sessions: validSessions(account, turn.nowMs),
    factors: factorsView(account),
  };
}
