import {
  failure,
  ok,
  parseActorId,
  refused,
  wireLimits,
  type ClientFrame,
  type Result,
} from "../../protocols/index.ts";
import { noteRating } from "./ratings.ts";
import { answerCosts, isPersonOnly, isTopicFor, readCommand, rowNamed } from "./commands.ts";
import type { GatewayContext } from "./options.ts";
import type { Permit } from "./outflow.ts";
import type { Subscriber } from "./subscriber.ts";
import type { Subscribers } from "./subscribers.ts";

/** What clients ask over wires that carry both ways: commands to actors, topics, `watch`, `ping`; in their order. */
export interface Requests {
  /** Handles a frame, or lets it and all behind it wait until this client reads what was asked before and its person has room:
   *  its wire is not read meanwhile, so it is the client that waits. */
  take(subscriber: Subscriber, frame: ClientFrame): void;
}

/** Makes what answers them. */
export function createRequests(at: GatewayContext, { feeds, people }: Subscribers): Requests {
  const { kernel, limits, log, outflow } = at;
  /** What nobody waits for must not end the process. */
  const failed = (error: unknown): void => log.error("connection.failed", { error });

  function follow(subscriber: Subscriber, frame: ClientFrame): Result<unknown> | undefined {
    const topic = frame.to ?? "";
    if (parseActorId(topic) === undefined)
      return refused(
        failure("BAD_REQUEST", {
          path: "/to",
          problem: "not a topic, which is room/KEY, agent/OWNER.NAME or user/NAME",
        }),
      );
    if (frame.do === "unsubscribe") {
      feeds.unsubscribe(subscriber, topic);
      return ok({});
    }
    if (!isTopicFor(subscriber.user, topic))
      return refused(failure("FORBIDDEN", { reason: "this topic belongs to somebody else" }));
    const { subscriptions } = subscriber;
    if (subscriptions !== undefined && subscriptions.size >= wireLimits.subscriptionsMax && !subscriptions.has(topic))
      return refused(failure("LIMIT_REACHED", { limit: "subscriptionsMax", max: wireLimits.subscriptionsMax }));
    feeds.subscribe(subscriber, topic, frame.cursor, (result) => answer(subscriber, frame.id, result));
    return undefined;
  }

  function handle(subscriber: Subscriber, frame: ClientFrame, permit: Permit | undefined): void {
    const { caller } = subscriber;
    const row = rowNamed(frame.do);
    if (row !== undefined && isPersonOnly(row) && caller.kind !== "session")
      return answer(
        subscriber,
        frame.id,
        refused(failure("FORBIDDEN", { reason: "this needs a signed-in session; API keys may not do it" })),
      );
    switch (frame.do) {
      case "ping":
        return answer(subscriber, frame.id, ok({}));
      case "watch":
        people
          .watch(subscriber.person, subscriber)
          .then((result) => answer(subscriber, frame.id, result))
          .catch(failed);
        return;
      case "subscribe":
      case "unsubscribe": {
        const result = follow(subscriber, frame);
        if (result !== undefined) answer(subscriber, frame.id, result);
        return;
      }
      default:
    }
    const command = readCommand(frame.do, frame.to, frame.with, caller.user);
    if (!command.ok) {
      permit?.();
      return answer(subscriber, frame.id, command);
    }
    subscriber.outstanding += 1;
    const { id, operationId } = frame;
    kernel
      .ask({
        ...command.value,
        from: caller.actor,
        timeoutMs: limits.askTimeoutMs,
        ...(operationId !== undefined && { operationId }),
      })
      .then((result) => {
        noteRating(at, { ...command.value, operationId }, result);
        const say = (): void => {
          subscriber.outstanding -= 1;
          answer(subscriber, id, result);
          permit?.();
        };
        if (permit === undefined || !result.ok) say();
        else outflow.inTurn(say);
      })
      .catch(failed);
  }

  /** Bytes that a frame's answer may take; undefined: few. */
  const costOf = (frame: ClientFrame): number | undefined => {
    const answers = rowNamed(frame.do)?.answers;
    return answers === undefined ? undefined : limits[answerCosts[answers]];
  };

  async function serveLine(subscriber: Subscriber, line: ClientFrame[]): Promise<void> {
    const isOver = (): boolean => subscriber.line !== line || !subscriber.open;
    for (let frame = line[0]; frame !== undefined; frame = line[0]) {
      const cost = costOf(frame);
      await subscriber.ready(cost !== undefined);
      if (isOver()) return;
      if (cost === undefined) {
        line.shift();
        handle(subscriber, frame, undefined);
        continue;
      }
      const over = subscriber.expect();
      const permit = await outflow.admit(subscriber.user, cost, over);
      if (permit === undefined) over();
      if (isOver()) return permit?.();
      line.shift();
      if (permit !== undefined) handle(subscriber, frame, permit);
      else answer(subscriber, frame.id, refused(failure("RATE_LIMITED", { reason: unread, retryAfterMs: 1_000 })));
    }
    subscriber.line = undefined;
    subscriber.wire.resume();
  }

  return {
    take(subscriber, frame) {
      const { line } = subscriber;
      if (subscriber.outstanding + (line?.length ?? 0) >= wireLimits.outstandingCommandsMax && frame.do !== "ping")
        return answer(subscriber, frame.id, refused(failure("OVERLOADED", { limit: "outstandingCommandsMax" })));
      if (line !== undefined) return void line.push(frame);
      const cost = costOf(frame);
      if (subscriber.isReady(cost !== undefined)) {
        if (cost === undefined) return handle(subscriber, frame, undefined);
        const over = subscriber.expect();
        const permit = outflow.tryAdmit(subscriber.user, cost, over);
        if (permit !== undefined) return handle(subscriber, frame, permit);
        over();
      }
      subscriber.line = [frame];
      subscriber.wire.pause();
      serveLine(subscriber, subscriber.line).catch(failed);
    },
  };
}

/** Answers the frame `re`. */
export function answer(subscriber: Subscriber, re: number, result: Result<unknown>): void {
  subscriber.send(result.ok ? { re, ok: result.value ?? {} } : { re, error: result.error });
}

/** Why nothing more is asked for somebody. */
const unread = "this person has not read the answers to earlier commands yet";
