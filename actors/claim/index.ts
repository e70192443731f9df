/** Claims: which account a mail address belongs to. One actor for each address, named by its hash, so that of two
 *  accounts that want one at the same moment one gets it, and an account is found by its address.
 *
 *      free ──take──► held ──keep, by the person's actor──► kept ──release──► free
 *                       └──────── nobody keeps it in time ────────────────────┘
 *
 *  `take` is the gateway's, which has seen that the person reads what comes there. What nobody keeps was for an account
 *  that was not made. */
import { claimCommands, holdsAt, type ClaimHolder, type ClaimTaken, type CommandOf } from "../../protocols/index.ts";
import { messageCheckOf } from "../message-check.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import { persist, refuse, reply, type Behavior, type Effect, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";

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

/** Each has the holder of now as its state; undefined: nobody holds it. */
const handlers: Handlers<Held | undefined, Incoming, Turn, Effects> = {
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

const decide = decideBy(claimCommands, handlers);

/** Who has it at this moment. */
const heldNow = (state: ClaimState, { nowMs }: Turn): Held | undefined =>
  state !== null && (state.untilMs === undefined || holdsAt(nowMs, state.untilMs, limits.claimHeldMs))
    ? state
    : undefined;

/** The behavior of claims. */
export const claim: Behavior<ClaimState, Incoming, ClaimChange> = {
  kind: "claim",
  role: "chat",
  accepts: messageCheckOf(claimCommands),
  initial: () => null,
  decide: (state, message, turn) => decide(heldNow(state, turn), message, turn),
  evolve: (_state, change) => (change.type === "held" ? change.held : null),
};

const personOf = (sender: string): string | undefined =>
  sender.startsWith("user/") ? sender.slice("user/".length) : undefined;
