/** One command and its answer, for wires that answer each request by itself (REST, unary gRPC). */
import {
  failure,
  refused,
  type ActorId,
  type Command,
  type Result,
  type TraceContext,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { noteCommand } from "../audited.ts";
import { answerCosts } from "./command-routes.ts";
import type { GatewayContext } from "../options.ts";
import type { Permit } from "../edge/output-memory.ts";
import { withQuota } from "../quotas.ts";
import { countAsk } from "../edge/counts.ts";
import { noteDone } from "./noting.ts";
import { isEmojiList } from "../media/own-emoji.ts";
import { admitReaction, isReaction } from "./reactions.ts";
import type { Caller } from "../identity/callers.ts";

/** A caller that waits for an answer. */
export interface Waiting {
  readonly user: string;
  /** Calls back once the answer was read, or nobody reads it any more; at once where that is so. */
  ended(listener: () => void): void;
}

/** A command of somebody who was let in. */
interface Call extends Waiting {
  readonly caller: Caller;
  readonly address: string;
  readonly row: Command;
  readonly to: ActorId;
  readonly message: Message;
  readonly operationId: string | undefined;
  /** How long its actor may take. */
  readonly timeoutMs: number;
  /** The step of a trace that asks. */
  readonly trace?: TraceContext | undefined;
}

/** Asks the actor, within what its person and the room may do, and notes what the audit wants to know. */
export async function callCommand(at: GatewayContext, call: Call): Promise<Result<unknown>> {
  const { caller, to, message, operationId, row, timeoutMs, trace } = call;
  const sinceMs = at.clock.monotonicMs();
  const answer = async (): Promise<Result<unknown>> => {
    const tooOften = at.commands.said(to, message.type);
    if (tooOften !== undefined) return tooOften;
    const admitted = isReaction(to, message.type) ? await admitReaction(at, message) : undefined;
    if (admitted?.ok === false) return admitted;
    if (isEmojiList(to, message.type)) return at.ownEmoji.all();
    const asked = () =>
      at.kernel.ask({
        to,
        from: caller.actor,
        message,
        timeoutMs,
        trace,
        ...(operationId !== undefined && { operationId }),
      });
    const answered = await withQuota(at, caller, { to, type: message.type }, asked);
    at.commands.settled(to, message.type, answered);
    return answered;
  };
  const result =
    row.answers === undefined ? await answer() : await untilRead(at, call, at.limits[answerCosts[row.answers]], answer);
  noteDone(at, { user: caller.user, to, message, operationId }, result);
  countAsk(at, to, sinceMs, result);
  if (to === caller.actor) await noteCommand(at, call, message.type, result);
  return result;
}

/** Asks for a large answer once there is room for it, which is the answer's until it has been read. */
export async function untilRead<T>(
  { outputMemory }: Pick<GatewayContext, "outputMemory">,
  waiting: Waiting,
  bytes: number,
  ask: () => Promise<Result<T>>,
): Promise<Result<T>> {
  const { user } = waiting;
  const reason = "this person has not read the answers to earlier requests yet";
  const unread = refused(failure("RATE_LIMITED", { reason, retryAfterMs: 1_000 }));
  const permit = await outputMemory.admit(user, bytes);
  if (permit === undefined) return unread;
  const result = await ask();
  if (!result.ok) {
    permit();
    return result;
  }
  let kept: Permit | undefined = permit;
  if (!permit.keep()) {
    kept = await outputMemory.keep(user, bytes);
    permit();
  }
  if (kept === undefined) return unread;
  waiting.ended(kept);
  return result;
}
