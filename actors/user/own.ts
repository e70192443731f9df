/** The people who may make or end a way into an account: its person, in a session of theirs. The gateway says which
 *  session it was; whether that is one, and how fresh its proof is, the account knows itself (0166). */
import {
  powerNeeded,
  userCommands,
  wireLimits,
  type CommandOf,
  type Permission,
  type Shown,
} from "../../protocols/index.ts";
import { refuse, type Turn } from "../behavior.ts";
import type { UserNotes } from "./notes.ts";
import { factorsOf, type Account } from "./state.ts";
import type { Effects } from "./effects.ts";
import { openSessionOf, provedAgo } from "./sessions.ts";

const permission: Permission = "account.secure";
const forbidden = (reason: string): Effects => [refuse("FORBIDDEN", { permission, reason })];
const refused = (reason: string): Effects => [refuse("FORBIDDEN", { reason })];

/** The gateway looks at the proof first. A person who links an identity may then be away at another server for as long
 *  again (the gateway's `attemptMs`), and as long again pass until the page has their yes. */
const provedWithinMs = 3 * wireLimits.freshSignInMs;

/** Why the account does not take a gateway's command; undefined: it does, or the command is none of these.
 *  Errors: FORBIDDEN, SIGN_IN_AGAIN. */
export function refuseOther(
  account: Account,
  message: CommandOf<typeof userCommands> & { readonly shown?: Shown },
  turn: Turn<UserNotes>,
): Effects | undefined {
  if (powerNeeded(userCommands[message.type], message) === permission) return refuseShown(account, message.shown, turn);
  switch (message.type) {
    // The gateway has checked the old password; what is known here is whether somebody is signed in to do it.
    case "setPassword":
      return openSessionOf(account, message.keepSession, turn.nowMs) === undefined
        ? refused("a password is replaced in a session of the account: sign in and try again")
        : undefined;
    case "makeReset":
      return message.byMail === true && !isMailed(account)
        ? refused("this account has no confirmed mail address and password, so no link for a new one is sent by mail")
        : undefined;
    case "openSession":
      return message.kind === "key" && !isClosed(account)
        ? refused("people make their API keys themselves")
        : undefined;
    default:
      return undefined;
  }
}

function refuseShown(account: Account, said: Shown | undefined, turn: Turn<UserNotes>): Effects | undefined {
  if (said?.as !== "session") return forbidden("only the person whose account it is does this, in a session of theirs");
  const session = openSessionOf(account, said.session, turn.nowMs);
  if (session === undefined) return forbidden("this session is none of this account's, or it has ended: sign in again");
  const agoMs = provedAgo(account, session, turn.nowMs);
  if (agoMs !== undefined && agoMs <= provedWithinMs) return undefined;
  return [refuse("SIGN_IN_AGAIN", { permission, withinMs: wireLimits.freshSignInMs })];
}

const isMailed = ({ contact, passwordHash, suspended, deletion }: Account): boolean =>
  contact !== undefined && passwordHash !== undefined && suspended !== true && deletion?.byAdmin !== true;

/** No way leads in but keys: an account of a program. */
function isClosed(account: Account): boolean {
  const { password, passkeys, identities } = factorsOf(account);
  return !password && passkeys === 0 && identities.length === 0;
}
