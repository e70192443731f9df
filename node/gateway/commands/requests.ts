import { checkOf } from "../../../protocols/wire/check.ts";
import {
  failure,
  hereFields,
  lookFields,
  ok,
  parseActorId,
  refused,
  wireLimits,
  type ClientFrame,
  type Failure,
  type Result,
} from "../../../protocols/index.ts";
import { noteCommand } from "../audited.ts";
import { countAsk, countCommand, countRequest } from "../edge/counts.ts";
import { noteDone } from "./noting.ts";
import { isEmojiList } from "../media/own-emoji.ts";
import { admitReaction } from "./reactions.ts";
import { answerCosts, isTopicFor, permissionToFollow, readCommand, readsOnly, rowNamed } from "./command-routes.ts";
import type { Admission, GatewayContext } from "../options.ts";
import type { Permit } from "../edge/output-memory.ts";
import { admitQuota } from "../quotas.ts";
import { invalid, toldOf } from "../edge/refusals.ts";
import type { Subscriber } from "../feeds/subscriber.ts";
import type { Subscribers } from "../feeds/subscribers.ts";

/** What clients ask over wires that carry both ways: commands to actors, topics, `watch`, `ping`; in their order. */
interface Requests {
  /** Reads what a client sent, and takes it; ends who sent something malformed, or whose session is over. */
  hear(subscriber: Subscriber, heard: Heard): void;
  /** Handles a frame, or lets it and all behind it wait until this client reads what was asked before and its person
   *  has room: its wire is not read meanwhile, so it is the client that waits. */
  take(subscriber: Subscriber, frame: ClientFrame): void;
}

/** Something that a client sent and nobody has read yet. */
interface Heard {
  /** Error: BAD_REQUEST. */
  read(): Result<ClientFrame>;
  /** Its id, where it is refused without being read; undefined: only reading could tell. */
  id(): number | undefined;
}

const looked = checkOf(lookFields);
const here = checkOf(hereFields);

/** Makes what answers them. */
export function createRequests(at: GatewayContext, { feeds, people, presence }: Subscribers): Requests {
  const { kernel, limits, log, outputMemory } = at;
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
    const reason = at.rights.refusal(subscriber.caller, permissionToFollow(topic), subscriber.address);
    if (reason !== undefined) return refused(reason);
    const { subscriptions } = subscriber;
    if (subscriptions !== undefined && subscriptions.size >= wireLimits.subscriptionsMax && !subscriptions.has(topic))
      return refused(failure("LIMIT_REACHED", { limit: "subscriptionsMax", max: wireLimits.subscriptionsMax }));
    feeds.subscribe(subscriber, topic, frame.cursor, (result) => answer(subscriber, frame.id, result));
    return undefined;
  }

  /** Who is looked at, and whether somebody is here. Errors: BAD_REQUEST, FORBIDDEN. */
  function attend(subscriber: Subscriber, { do: what, with: said = {} }: ClientFrame): Result<unknown> {
    if (what === "here") {
      if (!here.Check(said)) return refused(invalid(here.Errors(said)));
      presence.here(subscriber, said.active);
      return ok({});
    }
    const reason = at.rights.refusal(subscriber.caller, "account.see", subscriber.address);
    if (reason !== undefined) return refused(reason);
    if (!looked.Check(said)) return refused(invalid(looked.Errors(said)));
    return ok({ people: presence.look(subscriber, said.people) });
  }

  /** Why its person may not ask it; undefined: they may. */
  const refusalOf = ({ caller, address }: Subscriber, frame: ClientFrame): Failure | undefined => {
    const needed = rowNamed(frame.do)?.permission;
    return needed && at.rights.refusal(caller, needed, address);
  };

  /** What a frame takes of its person's quotas, and whether what it names is there. Of what is refused anyway nothing
   *  is asked. */
  function quotaOf(subscriber: Subscriber, frame: ClientFrame): ReturnType<typeof admitQuota> {
    if (frame.do !== "room.post" && frame.do !== "room.react") return uncounted;
    if (refusalOf(subscriber, frame) !== undefined) return uncounted;
    return frame.do === "room.post" ? admitQuota(at, subscriber.caller, "messages", 1) : admitReaction(at, frame.with);
  }

  function handle(
    subscriber: Subscriber,
    frame: ClientFrame,
    permit: Permit | undefined,
    admitted: Result<Admission | undefined> = uncounted,
  ): void {
    const admission = admitted.ok ? admitted.value : undefined;
    const { caller } = subscriber;
    const { id, operationId } = frame;
    /** Nothing was asked: what was held for it is given back. */
    const refuse = (result: Result<unknown>): void => {
      permit?.();
      admission?.over(0);
      answer(subscriber, id, result);
    };
    const reason = refusalOf(subscriber, frame);
    if (reason !== undefined) return refuse(refused(reason));
    switch (frame.do) {
      case "ping":
        return answer(subscriber, frame.id, ok({}));
      case "watch":
        people
          .watch(subscriber.person, subscriber)
          .then((result) => answer(subscriber, frame.id, result))
          .catch(failed);
        return;
      case "look":
      case "here":
        return answer(subscriber, frame.id, attend(subscriber, frame));
      case "subscribe":
      case "unsubscribe": {
        const result = follow(subscriber, frame);
        if (result !== undefined) answer(subscriber, frame.id, result);
        return;
      }
      default:
    }
    const command = readCommand(frame.do, frame.to, frame.with, caller.user);
    if (!command.ok) return refuse(command);
    if (!admitted.ok) return refuse(admitted);
    const { to, message } = command.value;
    const tooOften = at.commands.said(to, message.type);
    if (tooOften !== undefined) return refuse(tooOften);
    subscriber.outstanding += 1;
    const sinceMs = at.clock.monotonicMs();
    const span = at.tracer?.enter(frame.do, undefined, { by: caller.actor, wire: "subscriber" });
    const settle = (result: Result<unknown>): void => {
      span?.end(result.ok ? undefined : result.error.code);
      admission?.over(result.ok ? 1 : 0);
      at.commands.settled(to, message.type, result);
      noteDone(at, { user: caller.user, ...command.value, operationId }, result);
      countAsk(at, to, sinceMs, result);
      countCommand(at, { route: frame.do, caller, sinceMs }, result);
      const say = (): void => {
        subscriber.outstanding -= 1;
        answer(
          subscriber,
          id,
          result.ok
            ? result
            : refused(toldOf(result.error, { reads: readsOnly(frame.do), awaited: at.cluster?.awaited() })),
        );
        permit?.();
      };
      if (permit === undefined || !result.ok) say();
      else outputMemory.inTurn(say);
    };
    const answered = isEmojiList(to, message.type)
      ? at.ownEmoji.all()
      : kernel.ask({
          ...command.value,
          from: caller.actor,
          timeoutMs: limits.askTimeoutMs,
          ...(span !== undefined && { trace: span.context }),
          ...(operationId !== undefined && { operationId }),
        });
    answered
      .then((result) => {
        const noted = to === caller.actor ? noteCommand(at, subscriber, message.type, result) : undefined;
        if (noted === undefined) return settle(result);
        // A command that the audit could not record is done all the same: its outcome is unknown to the caller.
        return noted.then(
          () => settle(result),
          (error: unknown) => {
            settle(refused(failure("INTERNAL")));
            failed(error);
          },
        );
      })
      .catch(failed);
  }

  /** Bytes that a frame's answer may take; undefined: few. */
  const costOf = (frame: ClientFrame): number | undefined => {
    const answers = rowNamed(frame.do)?.answers;
    return answers === undefined ? undefined : limits[answerCosts[answers]];
  };

  /** `first`: what the first of the line waits for. */
  async function serveLine(
    subscriber: Subscriber,
    line: ClientFrame[],
    first?: Promise<Result<Admission | undefined>>,
  ): Promise<void> {
    let waited = first;
    const isOver = (): boolean => subscriber.line !== line || !subscriber.open;
    for (let frame = line[0]; frame !== undefined; frame = line[0]) {
      const cost = costOf(frame);
      await subscriber.ready(cost !== undefined);
      if (isOver()) return;
      if (cost === undefined) {
        const admitted = await (waited ?? quotaOf(subscriber, frame));
        waited = undefined;
        if (isOver()) {
          if (admitted.ok) admitted.value?.over(0);
          return;
        }
        line.shift();
        handle(subscriber, frame, undefined, admitted);
        continue;
      }
      const over = subscriber.expect();
      const permit = await outputMemory.admit(subscriber.user, cost, over);
      if (permit === undefined) over();
      if (isOver()) return permit?.();
      line.shift();
      if (permit !== undefined) handle(subscriber, frame, permit);
      else answer(subscriber, frame.id, refused(failure("RATE_LIMITED", { reason: unread, retryAfterMs: 1_000 })));
    }
    subscriber.line = undefined;
    subscriber.wire.resume();
  }

  const requests: Requests = {
    hear(subscriber, heard) {
      if (at.clock.nowMs() >= subscriber.caller.expiresAtMs) return subscriber.bye(failure("UNAUTHENTICATED"));
      const retryAfterMs = at.commands.take(subscriber.caller);
      if (retryAfterMs > 0) {
        // Which command it is stays unread.
        countRequest(at, { route: "command", caller: subscriber.caller, tookMs: 0 }, "limited");
        // To read all of it would cost what the rate is there to save.
        subscriber.refusals += 1;
        const refusal = failure("RATE_LIMITED", { retryAfterMs });
        const id = subscriber.refusals > limits.refusalsMax ? undefined : heard.id();
        return id === undefined ? subscriber.bye(refusal) : answer(subscriber, id, refused(refusal));
      }
      subscriber.refusals = 0;
      const frame = heard.read();
      if (frame.ok) requests.take(subscriber, frame.value);
      else subscriber.bye(failure("BAD_FRAME", frame.error.details));
    },
    take(subscriber, frame) {
      const { line } = subscriber;
      if (subscriber.outstanding + (line?.length ?? 0) >= wireLimits.outstandingCommandsMax && frame.do !== "ping")
        return answer(subscriber, frame.id, refused(failure("OVERLOADED", { limit: "outstandingCommandsMax" })));
      if (line !== undefined) return void line.push(frame);
      const cost = costOf(frame);
      if (subscriber.isReady(cost !== undefined)) {
        if (cost === undefined) {
          const admitted = quotaOf(subscriber, frame);
          if (!(admitted instanceof Promise)) return handle(subscriber, frame, undefined, admitted);
          subscriber.line = [frame];
          subscriber.wire.pause();
          return void serveLine(subscriber, subscriber.line, admitted).catch(failed);
        }
        const over = subscriber.expect();
        const permit = outputMemory.tryAdmit(subscriber.user, cost, over);
        if (permit !== undefined) return handle(subscriber, frame, permit);
        over();
      }
      subscriber.line = [frame];
      subscriber.wire.pause();
      serveLine(subscriber, subscriber.line).catch(failed);
    },
  };
  return requests;
}

/** Answers the frame `re`. */
function answer(subscriber: Subscriber, re: number, result: Result<unknown>): void {
  subscriber.send(result.ok ? { re, ok: result.value ?? {} } : { re, error: result.error });
}

/** Nothing counts it. */
const uncounted: Result<undefined> = ok(undefined);

/** Why nothing more is asked for somebody. */
const unread = "this person has not read the answers to earlier commands yet";
