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
  const held =
    state !== null && (state.untilMs === undefined || holdsAt(turn.nowMs, state.untilMs, limits.claimHeldMs))
      ? state
      : undefined;
  switch (message.type) {
    case "find":
      return [reply({ ...(held && { user: held.user }) } satisfies ClaimHolder)];
    case "take": {
      const { user } = message;
      if (held !== undefined && held.user !== user) return [refuse("NAME_TAKEN")];
      if (held !== undefined) return [reply({ had: true } satisfies ClaimTaken)];
      const untilMs = turn.nowMs + limits.claimHeldMs;
      return [persist({ type: "held", held: { user, untilMs } }), reply({ had: false } satisfies ClaimTaken)];
    }
    case "keep": {
      const user = personOf(turn.from);
      if (user === undefined) return [refuse("FORBIDDEN")];
      if (held !== undefined && held.user !== user) return [refuse("NAME_TAKEN")];
      if (held !== undefined && held.untilMs === undefined) return [reply({})];
      return [persist({ type: "held", held: { user } }), reply({})];
    }
    case "release": {
      const mayEnd =
        turn.from === "gateway"
          ? held?.untilMs !== undefined && held.user === message.user
          : held?.user === personOf(turn.from);
      return held !== undefined && mayEnd ? [persist({ type: "released" }), reply({})] : [reply({})];
    }
    case "records":
    case "answered":
    case "reminded":
    case "part":
      return [];
    default:
      return [refuse("BAD_REQUEST", { type: (message as { type: string }).type })];
  }
}

const personOf = (sender: string): string | undefined =>
  sender.startsWith("user/") ? sender.slice("user/".length) : undefined;
