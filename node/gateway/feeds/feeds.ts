import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  failure,
  failureOf,
  ok,
  refused,
  type ErrorCode,
  type Failure,
  type Result,
  type Resumed,
  type Subscribed,
} from "../../../protocols/index.ts";
import { withJitter } from "../../waiting.ts";
import type { Clock, Hub, Log, Meter, Random } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";
import type { OutputMemory } from "../edge/output-memory.ts";
import { Encoded, type Item, type Subscriber, type Subscription } from "./subscriber.ts";
import { seen, type Watcher } from "./watcher.ts";

const postedCheck = checkOf(
  Type.Object({
    type: Type.Literal("posted"),
    message: seen,
    root: Type.Optional(Type.Object({ author: Type.String() })),
  }),
);
const editedCheck = checkOf(
  Type.Object({ type: Type.Literal("edited"), message: seen, told: Type.Array(Type.String()) }),
);

interface Feed {
  readonly topic: string;
  /** The highest position watchers were told of. */
  watched: number;
  /** The highest message they were told of, 0: none yet; and since when they would have been. */
  told: number;
  readonly sinceMs: number;
  readonly subscriptions: Set<Subscription>;
  readonly watchers: Set<Watcher>;
  /** Watchers for which the newest message is being asked; true: another gap came meanwhile. */
  readonly looking: Map<Watcher, boolean>;
  /** Questions to the actor that a gap has brought up: how many are under way, and who waits for their end. */
  asking: number;
  readonly waiting: (() => void)[];
  queue: { readonly event: unknown; readonly at: number | undefined }[];
  stop: () => void;
}

/** Live events of topics, from the hub to everybody who follows them, on whatever wire. */
export interface Feeds {
  /** Answers and sends events from then on: those after `cursor`, or without one those after the state of the answer.
   *  Replaces the subscriber's older subscription. */
  subscribe(
    subscriber: Subscriber,
    topic: string,
    cursor: number | undefined,
    answer: (result: Result<Subscribed>) => void,
  ): void;
  /** False when there was none. */
  unsubscribe(subscriber: Subscriber, topic: string): boolean;
  leave(subscriber: Subscriber): void;
  watch(topic: string, watcher: Watcher): void;
  unwatch(topic: string, watcher: Watcher): void;
}

const everybody = "*";

/** How a room answers somebody who is no member of it. */
const strangers: ReadonlySet<ErrorCode> = new Set(["NOT_A_MEMBER", "NOT_FOUND"]);

type Answer = (result: Result<Subscribed>) => void;

/** Why a subscription that was ended before it was answered is refused. */
const replaced = "a later subscribe or unsubscribe replaced it";

/** Whose right to read ends with a durable event: a member that left, or everybody when the actor is gone. */
function endsFor(topic: string, event: unknown): string | undefined {
  const { type, member } = event as { type?: unknown; member?: unknown };
  if (type === "left" && topic.startsWith("room/") && typeof member === "string") return member;
  return type === "deleted" && topic.startsWith("agent/") ? everybody : undefined;
}

/** Makes the fan-out. `resume` asks the actor behind a topic, in the name of the subscriber's user. */
export function createFeeds(
  at: {
    readonly hub: Hub;
    readonly clock: Clock;
    readonly log: Log;
    readonly meter: Meter;
    readonly limits: GatewayLimits;
    readonly random: Random;
    readonly outputMemory: Pick<OutputMemory, "admit" | "tryAdmit">;
  },
  resume: (
    subscriber: Subscriber,
    topic: string,
    after: number | undefined,
  ) => Promise<Result<Resumed<unknown, unknown>>>,
): Feeds {
  const { hub, clock, log, meter, limits, random, outputMemory } = at;
  const feeds = new Map<string, Feed>();
  let dirty: Feed[] = [];

  const flushAll = () => {
    const ready = dirty;
    dirty = [];
    for (const feed of ready) flush(feed);
  };

  function feedOf(topic: string): Feed {
    const existing = feeds.get(topic);
    if (existing !== undefined) return existing;
    const feed: Feed = {
      topic,
      watched: 0,
      told: 0,
      sinceMs: clock.nowMs(),
      subscriptions: new Set(),
      watchers: new Set(),
      looking: new Map(),
      asking: 0,
      waiting: [],
      queue: [],
      stop: () => undefined,
    };
    const hear = (event: unknown, position: number | undefined): void => {
      feed.queue.push({ event, at: position });
      if (feed.queue.length >= limits.heldEventsMax) flush(feed);
      else if (feed.queue.length === 1) {
        // Not inside the actor's turn, and what one turn of the event loop brings goes out in one write.
        if (dirty.length === 0) clock.soon(flushAll);
        dirty.push(feed);
      }
    };
    feed.stop = hub.follow(topic, hear, () => missed(feed));
    feeds.set(topic, feed);
    return feed;
  }

  /** Events may be missing that no later position would show: everybody asks from where they are. */
  function missed(feed: Feed): void {
    meter.count("gateway_event_gaps", feed.subscriptions.size);
    for (const subscription of feed.subscriptions) {
      if (subscription.held !== undefined) subscription.missed = true;
      else {
        subscription.held = [];
        if (subscription.subscriber.congested) catchUpLater(subscription);
        else catchUpNow(subscription, subscription.last);
      }
    }
    for (const watcher of feed.watchers) {
      if (feed.looking.has(watcher)) feed.looking.set(watcher, true);
      else void lookFor(feed, watcher);
    }
  }

  /** Asks a question that a gap has brought up, a few at a time: from all that follow the topic at once they would fill
   *  its actor's mailbox, and people's posts would be refused. */
  async function inTurn<T>(feed: Feed, question: () => Promise<T>): Promise<T> {
    while (feed.asking >= limits.gapQuestionsMax) await new Promise<void>((resolve) => void feed.waiting.push(resolve));
    feed.asking += 1;
    try {
      return await question();
    } finally {
      feed.asking -= 1;
      feed.waiting.shift()?.();
    }
  }

  const pause = (): Promise<void> =>
    new Promise((resolve) => void clock.after(Math.ceil(withJitter(limits.catchUpRetryMs, random)), resolve));

  /** Tells a watcher of what was posted and reached nobody here. */
  async function lookFor(feed: Feed, watcher: Watcher): Promise<void> {
    const { topic, watchers, looking, sinceMs } = feed;
    let failures = 0;
    do {
      looking.set(watcher, false);
      const { told } = feed;
      const answer = await inTurn(feed, () => watcher.newest(topic)).catch((error: unknown) =>
        refused(failureOf(error)),
      );
      if (!watchers.has(watcher)) break;
      if (answer.ok) {
        const newest = answer.value;
        // Of a topic that said nothing yet only the time tells what is new. Clocks may differ: the worst is a mark too
        // many.
        const isNews = newest !== undefined && (told > 0 ? newest.seq > told : newest.atMs >= sinceMs);
        if (isNews) watcher.posted(topic, newest);
      } else if (strangers.has(answer.error.code)) watcher.left(topic);
      else if (answer.error.outcome !== "failed" && failures < limits.catchUpRetriesMax) {
        failures += 1;
        looking.set(watcher, true);
        await pause();
      }
    } while (looking.get(watcher) === true && watchers.has(watcher));
    looking.delete(watcher);
  }

  function release(feed: Feed): void {
    if (feed.subscriptions.size > 0 || feed.watchers.size > 0) return;
    feed.stop();
    feeds.delete(feed.topic);
  }

  function flush(feed: Feed): void {
    const { queue, topic } = feed;
    feed.queue = [];
    if (feed.watchers.size > 0)
      for (const { event, at: position } of queue) {
        // Sent again by a topic's next owner, a post is no news.
        if (position !== undefined && position <= feed.watched) continue;
        feed.watched = position ?? feed.watched;
        const gone = position === undefined ? undefined : endsFor(topic, event);
        if (gone !== undefined) for (const watcher of feed.watchers) if (watcher.actor === gone) watcher.left(topic);
        if (editedCheck.Check(event))
          for (const watcher of feed.watchers) watcher.edited(topic, event.message, event.told);
        if (!postedCheck.Check(event)) continue;
        feed.told = Math.max(feed.told, event.message.seq);
        const { message, root } = event;
        const told = root === undefined ? message : { ...message, answered: root.author };
        for (const watcher of feed.watchers) watcher.posted(topic, told);
      }
    if (feed.subscriptions.size === 0 || queue.length === 0) return;

    const items: Item[] = queue.map(({ event, at: position }) => ({
      at: position,
      event,
      frame: Encoded.of(position === undefined ? { topic, event } : { topic, at: position, event }),
      ends: position === undefined ? undefined : endsFor(topic, event),
    }));
    // The usual case: consecutive positions that end nobody's access. Then one buffer is right for everybody whose last
    // position is the one before, and a subscriber costs one write however many events there are.
    const durable = items.filter((item) => item.at !== undefined);
    const first = durable[0]?.at;
    const last = durable.at(-1)?.at;
    const plain =
      items.every((item) => item.ends === undefined) &&
      durable.every((item, index) => item.at === (first as number) + index);
    const whole =
      items.length === 1
        ? (items[0] as Item).frame
        : new Encoded((encode) => Buffer.concat(items.map((item) => item.frame.by(encode))));
    for (const subscription of feed.subscriptions) {
      const { subscriber } = subscription;
      if (subscription.held !== undefined) hold(subscription, items);
      else if (plain && !subscriber.congested && (first === undefined || first === subscription.last + 1)) {
        if (last !== undefined) subscription.last = last;
        subscriber.write(whole);
      } else if (durable.length > 0 && subscriber.congested) {
        // It lags: what it misses is asked of the actor once it has read what waits.
        subscription.held = [];
        subscription.missed = true;
        catchUpLater(subscription);
      } else deliver(subscription, items);
    }
    meter.count("gateway_events_sent", items.length * feed.subscriptions.size);
  }

  function hold(subscription: Subscription, items: readonly Item[]): void {
    // What is held after something was missed would be thrown away by the next page.
    if (subscription.missed) return;
    const held = subscription.held as Item[];
    if (held.length + items.length > limits.heldEventsMax) subscription.missed = true;
    else held.push(...items);
  }

  /** Sends one by one what this subscription has not had. */
  function deliver(subscription: Subscription, items: readonly Item[]): void {
    for (let index = 0; index < items.length && !subscription.ended; index += 1) {
      const item = items[index] as Item;
      const { subscriber } = subscription;
      if (item.at === undefined) {
        if (!subscriber.congested) subscriber.write(item.frame);
        continue;
      }
      if (item.at <= subscription.last) continue;
      if (item.at > subscription.last + 1) {
        subscription.held = items.slice(index);
        catchUpNow(subscription, subscription.last);
        return;
      }
      if (subscriber.congested) {
        subscription.held = [];
        subscription.missed = true;
        return catchUpLater(subscription);
      }
      subscription.last = item.at;
      subscriber.write(item.frame);
      if (item.ends === everybody) end(subscription, failure("NOT_FOUND"));
      else if (item.ends === subscriber.caller.actor) end(subscription, failure("NOT_A_MEMBER"));
    }
  }

  function catchUpNow(subscription: Subscription, after: number | undefined, answer?: Answer): void {
    catchUp(subscription, after, answer).catch((error: unknown) => {
      log.error("gateway.feed.failed", { topic: subscription.topic, error });
      if (!subscription.ended) end(subscription, failure("INTERNAL"));
    });
  }

  function catchUpLater(subscription: Subscription): void {
    void subscription.subscriber.drained().then(() => {
      if (!subscription.ended) catchUpNow(subscription, subscription.last);
    });
  }

  async function catchUp(
    subscription: Subscription,
    after: number | undefined,
    answer: Answer | undefined,
  ): Promise<void> {
    const { subscriber, topic } = subscription;
    let cursor = after;
    let unanswered = answer;
    let failures = 0;
    for (let page = 0; page < limits.catchUpPagesMax; page += 1) {
      if (subscription.missed) {
        subscription.missed = false;
        subscription.held = [];
      }
      // As fast as the client reads, so that a long way back fills no memory here.
      if (subscriber.congested) await subscriber.drained();
      let permit = outputMemory.tryAdmit(subscriber.user, limits.listBytes);
      const ask = async (): Promise<Result<Resumed<unknown, unknown>>> => {
        permit ??= await outputMemory.admit(subscriber.user, limits.listBytes);
        if (permit !== undefined) return resume(subscriber, topic, cursor);
        return refused(
          failure("RATE_LIMITED", { reason: "this person has not read earlier events yet", retryAfterMs: 1_000 }),
        );
      };
      const feed = unanswered === undefined ? feeds.get(topic) : undefined;
      using _room = { [Symbol.dispose]: () => permit?.() };
      const result = feed ? await inTurn(feed, ask) : await ask();
      if (subscription.ended) return unanswered?.(refused(failure("ALREADY_DONE", { reason: replaced })));
      if (!result.ok) {
        // While a topic's owner changes nobody may be there for longer than an ask waits. Reading is safe to repeat.
        const passing = unanswered === undefined && result.error.outcome !== "failed";
        if (!passing || failures >= limits.catchUpRetriesMax) return end(subscription, result.error, unanswered);
        failures += 1;
        await pause();
        if (subscription.ended) return;
        continue;
      }
      failures = 0;
      const { head, state, events, more, signals = [] } = result.value;
      unanswered?.(ok(state === undefined ? { head } : { head, state }));
      unanswered = undefined;
      for (const { at: position, event } of events ?? [])
        if (position > subscription.last) {
          subscription.last = position;
          subscriber.send({ topic, at: position, event });
          if (subscriber.congested) await subscriber.drained();
          if (subscription.ended) return;
        }
      if (more !== true) subscription.last = Math.max(subscription.last, head);
      cursor = subscription.last;
      if (more !== true && !subscription.missed) {
        for (const event of signals) subscriber.send({ topic, event });
        const held = subscription.held ?? [];
        subscription.held = undefined;
        return deliver(subscription, held);
      }
    }
    end(
      subscription,
      failure("OVERLOADED", { reason: "events of this topic come faster than this connection reads them" }),
    );
  }

  function remove(subscription: Subscription): void {
    subscription.ended = true;
    subscription.held = undefined;
    const { subscriber, topic } = subscription;
    if (subscriber.subscriptions?.get(topic) === subscription) subscriber.subscriptions.delete(topic);
    const feed = feeds.get(topic);
    if (feed?.subscriptions.delete(subscription)) release(feed);
  }

  function end(subscription: Subscription, reason: Failure, unanswered?: Answer): void {
    remove(subscription);
    if (unanswered === undefined) subscription.subscriber.lost(subscription.topic, reason);
    else unanswered(refused(reason));
  }

  return {
    subscribe(subscriber, topic, cursor, answer) {
      const subscriptions = (subscriber.subscriptions ??= new Map<string, Subscription>());
      const older = subscriptions.get(topic);
      if (older !== undefined) remove(older);
      const subscription = { topic, subscriber, last: cursor ?? -1, held: [], missed: false, ended: false };
      subscriptions.set(topic, subscription);
      // Followed before the actor is asked, so that nothing falls between its answer and the first live event.
      feedOf(topic).subscriptions.add(subscription);
      catchUpNow(subscription, cursor, answer);
    },
    unsubscribe(subscriber, topic) {
      const subscription = subscriber.subscriptions?.get(topic);
      if (subscription !== undefined) remove(subscription);
      return subscription !== undefined;
    },
    leave(subscriber) {
      for (const subscription of subscriber.subscriptions?.values() ?? []) remove(subscription);
    },
    watch(topic, watcher) {
      feedOf(topic).watchers.add(watcher);
    },
    unwatch(topic, watcher) {
      const feed = feeds.get(topic);
      if (feed?.watchers.delete(watcher)) release(feed);
    },
  };
}
