/** Claims: which account a mail address belongs to. One actor for each address, named by its hash, so that of two
 *  accounts that want one at the same moment one gets it, and an account is found by its address.
 *
 *      free ──take──► held ──keep, by the person's actor──► kept ──release──► free
 *                       └──────── nobody keeps it in time ────────────────────┘
 *
 *  `take` is the gateway's, which has seen that the person reads what comes there. What nobody keeps was for an account
 *  that was not made. */
import { claimCommands, type ClaimHolder, type ClaimTaken, type CommandOf } from "../../protocols/index.ts";
import { messageCheckOf, refuseSource } from "../message-check.ts";
import { handled, type Handlers } from "../handlers.ts";
import { persist, refuse, reply, type Behavior, type Effect, type Signal, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { holdsAt } from "../../protocols/index.ts";

/** The user who has it. `untilMs`: it is not kept yet. */
interface Held {
  readonly user: string;
  readonly untilMs?: number;
}
/** Null: nobody. */
type ClaimState = Held | null;

/** What is persisted. */
type ClaimChange = { readonly type: "held"; readonly held: Held } | { readonly type: "released" };

type Incoming = CommandOf<typeof claimCommands>;
type Effects = readonly Effect<ClaimChange, never>[];

/** The behavior of claims. */
export const claim: Behavior<ClaimState, Incoming, ClaimChange> = {
  kind: "claim",
  role: "chat",
  accepts: messageCheckOf(claimCommands),
  initial: () => null,
  decide,
  evolve: (_state, change) => (change.type === "held" ? change.held : null),
};

function decide(state: ClaimState, message: Incoming | Signal, turn: Turn): Effects {
  const refusal = refuseSource(claimCommands, message, turn.from);
  if (refusal !== undefined) return refusal;
  const isHeld =
    state !== null && (state.untilMs === undefined || holdsAt(turn.nowMs, state.untilMs, limits.claimHeldMs));
  switch (message.type) {
    case "records":
    case "answered":
    case "reminded":
    case "part":
    case "waits":
      return [];
    default:
      return handled(handlers, isHeld ? state : undefined, message, turn);
  }
}

/** Each has the holder of now as its state; undefined: nobody holds it. */
const handlers: Handlers<NonNullable<ClaimState> | undefined, Incoming, Turn, Effects> = {
  find: (held) => [reply({ ...(held && { user: held.user }) } satisfies ClaimHolder)],
  take(held, { user }, turn) {
    if (held !== undefined && held.user !== user) return [refuse("NAME_TAKEN")];
    if (held !== undefined) return [reply({ had: true } satisfies ClaimTaken)];
    const untilMs = turn.nowMs + limits.claimHeldMs;
    return [persist({ type: "held", held: { user, untilMs } }), reply({ had: false } satisfies ClaimTaken)];
  },
  keep(held, _, turn) {
    const user = personOf(turn.from);
    if (user === undefined) return [refuse("FORBIDDEN")];
    if (held !== undefined && held.user !== user) return [refuse("NAME_TAKEN")];
    if (held !== undefined && held.untilMs === undefined) return [reply({})];
    return [persist({ type: "held", held: { user } }), reply({})];
  },
  release(held, { user }, turn) {
    const mayEnd =
      turn.from === "gateway" ? held?.untilMs !== undefined && held.user === user : held?.user === personOf(turn.from);
    return held !== undefined && mayEnd ? [persist({ type: "released" }), reply({})] : [reply({})];
  },
};

const personOf = (sender: string): string | undefined =>
  sender.startsWith("user/") ? sender.slice("user/".length) : undefined;
