import { expect } from "chai";
import fc from "fast-check";
import { createFeeds } from "../../../node/gateway/feeds/feeds.ts";
import type { Watcher } from "../../../node/gateway/feeds/watcher.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { frameOf } from "../../../node/gateway/wires/frames.ts";
import type { Encoded, Subscriber } from "../../../node/gateway/feeds/subscriber.ts";
import { createHub } from "./hub.ts";
import type { Clock } from "../../../node/ports/index.ts";
import {
  failure,
  ok,
  refused,
  type Failure,
  type NodeFrame,
  type Result,
  type Resumed,
  type Subscribed,
} from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";

const topic = "room/lobby";

/** A hub that can have gaps, as one across nodes does. */
function createGappyHub() {
  const hub = createHub();
  const gaps = new Set<() => void>();
  return {
    publish: (...event: Parameters<typeof hub.publish>) => hub.publish(...event),
    follow(name: string, follower: Parameters<typeof hub.follow>[1], onGap?: () => void): () => void {
      const stop = hub.follow(name, follower);
      if (onGap) gaps.add(onGap);
      return () => {
        stop();
        if (onGap) gaps.delete(onGap);
      };
    },
    gap: () => {
      for (const gap of gaps) gap();
    },
  };
}

/** A room's stream and a hub between it and the gateway that delays, in order, and may lose. */
class World {
  readonly hub = createGappyHub();
  /** The journal: position n is the element n - 1. */
  readonly events: unknown[] = [];
  readonly published: { event: unknown; at: number }[] = [];
  readonly turns: (() => void)[] = [];
  readonly answers: (() => void)[] = [];
  readonly later: (() => void)[] = [];
  readonly pauses: (() => void)[] = [];
  readonly page: number;
  refusal: Failure | undefined;

  constructor(page: number) {
    this.page = page;
  }

  readonly clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after: (_delayMs, callback) => {
      this.pauses.push(callback);
      return () => undefined;
    },
    soon: (callback) => void this.later.push(callback),
  };

  /** The actor takes the question in one moment and its answer arrives in another. */
  readonly resume = (
    _subscriber: Subscriber,
    _topic: string,
    after: number | undefined,
  ): Promise<Result<Resumed<unknown, unknown>>> =>
    new Promise((resolve) => {
      this.turns.push(() => {
        const answer = this.refusal === undefined ? ok(this.answer(after)) : refused(this.refusal);
        this.answers.push(() => resolve(answer));
      });
    });

  answer(after: number | undefined): Resumed<unknown, unknown> {
    const head = this.events.length;
    if (after === undefined) return { head, state: { head } };
    const events = this.events
      .slice(after, after + this.page)
      .map((event, index) => ({ at: after + 1 + index, event }));
    return { head, events, more: after + events.length < head };
  }

  append(event: unknown, lost: boolean): void {
    this.events.push(event);
    if (!lost) this.published.push({ event, at: this.events.length });
  }

  deliver(): void {
    const next = this.published.shift();
    if (next !== undefined) this.hub.publish(topic, next.event, next.at, 1);
  }

  async settle(): Promise<void> {
    for (;;) {
      const work = this.later.shift() ?? this.answers.shift() ?? this.turns.shift();
      if (work !== undefined) work();
      else if (this.published.length > 0) this.deliver();
      else return;
      // Whatever waits for a promise goes on.
      for (let count = 0; count < 10; count += 1) await Promise.resolve();
    }
  }
}

/** What a feed needs of a subscriber; remembers what was written. */
function createListener(user = "ada") {
  const frames: NodeFrame[] = [];
  const listener = {
    caller: { user, actor: `user/${user}` },
    open: true,
    congested: false,
    subscriptions: undefined,
    write(written: Encoded) {
      const lines = written
        .by((frame) => Buffer.from(`${JSON.stringify(frame)}\n`))
        .toString()
        .trim()
        .split("\n");
      frames.push(...lines.map((line) => JSON.parse(line) as NodeFrame));
    },
    lost: (name: string, reason: Failure) => void frames.push({ topic: name, lost: reason }),
    send: (frame: NodeFrame) => void frames.push(frame),
    drained: () => Promise.resolve(),
  };
  return { frames, subscriber: listener as unknown as Subscriber };
}

/** Answers the subscription as a wire does that numbers its frames. */
const as =
  (subscriber: Subscriber, re: number) =>
  (result: Result<Subscribed>): void =>
    subscriber.send(result.ok ? { re, ok: result.value } : { re, error: result.error });

function feedsOf(world: World, heldEventsMax = gatewayLimits.heldEventsMax) {
  const meter = { count() {}, gauge() {}, observeMs() {} };
  const limits = { ...gatewayLimits, heldEventsMax };
  const random = { number: () => 1, bytes: () => new Uint8Array() };
  // Nothing here is larger than what there is room for.
  const room = () => Object.assign(() => undefined, { keep: () => true });
  const outputMemory = { tryAdmit: room, admit: () => Promise.resolve(room()) };
  const { hub, clock } = world;
  return createFeeds({ hub, clock, log: quietLog, meter, limits, random, outputMemory }, world.resume);
}

/** Whatever waits for a promise goes on. */
async function pass(): Promise<void> {
  for (let count = 0; count < 50; count += 1) await Promise.resolve();
}

const positionsOf = (frames: readonly NodeFrame[]): readonly number[] =>
  frames.flatMap((frame) => ("event" in frame && frame.at !== undefined ? [frame.at] : []));

/** Somebody who watches and is told nothing. */
const deaf: Watcher = {
  actor: "user/deaf",
  posted: () => undefined,
  edited: () => undefined,
  left: () => undefined,
  newest: async () => ok(undefined),
};

describe("gateway: feeds", () => {
  for (const [what, lossy] of [
    ["delayed", 0],
    ["delayed or lost", 2],
  ] as const)
    it(`give each subscription every durable event after its cursor, once and in order, whatever is ${what}`, async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant("append" as const) },
      { weight: lossy, arbitrary: fc.constant("lose" as const) },
      { weight: 6, arbitrary: fc.constant("deliver" as const) },
      { weight: 4, arbitrary: fc.constant("flush" as const) },
      { weight: 4, arbitrary: fc.constant("turn" as const) },
      { weight: 4, arbitrary: fc.constant("answer" as const) },
      { weight: 1, arbitrary: fc.constant("signal" as const) },
      { weight: 2, arbitrary: fc.constant("subscribe" as const) },
      { weight: 1, arbitrary: fc.constant("subscribe anew" as const) },
      { weight: 1, arbitrary: fc.constant("congest" as const) },
      { weight: 1, arbitrary: fc.constant("gap" as const) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 120 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 8 }),
        async (steps, page, heldEventsMax) => {
          const world = new World(page);
          const feeds = feedsOf(world, heldEventsMax);
          const listeners: { listener: ReturnType<typeof createListener>; from: number | undefined; begun: number }[] = [];
          for (const name of steps) {
            if (name === "append" || name === "lose") world.append({ type: "posted" }, name === "lose");
            else if (name === "deliver") world.deliver();
            else if (name === "gap") world.hub.gap();
            else if (name === "flush") world.later.shift()?.();
            else if (name === "turn") world.turns.shift()?.();
            else if (name === "answer") world.answers.shift()?.();
            else if (name === "signal") world.hub.publish(topic, { type: "typing" }, undefined, 1);
            else if (name === "subscribe anew") {
              const last = listeners.at(-1);
              if (last !== undefined) {
                last.listener.frames.length = 0;
                last.from = world.events.length;
                feeds.subscribe(last.listener.subscriber, topic, last.from, as(last.listener.subscriber, 2));
              }
            } else if (name === "congest") {
              const subscriber = listeners[0]?.listener.subscriber as { congested: boolean } | undefined;
              if (subscriber !== undefined) subscriber.congested = !subscriber.congested;
            } else {
              const from = listeners.length % 3 === 0 ? undefined : Math.floor(world.events.length / 2);
              const listener = createListener();
              listeners.push({ listener, from, begun: world.events.length });
              feeds.subscribe(listener.subscriber, topic, from, as(listener.subscriber, 1));
            }
            for (let count = 0; count < 5; count += 1) await Promise.resolve();
          }
          await world.settle();
          // What was lost shows when the next event arrives; what was only late needs none.
          if (steps.includes("lose")) world.append({ type: "posted" }, false);
          await world.settle();
          const head = world.events.length;
          for (const { listener, from } of listeners) {
            const answer = listener.frames.find((frame) => "re" in frame && "ok" in frame) as { ok: { head: number } } | undefined;
            expect(answer?.ok.head, JSON.stringify(listener.frames)).to.be.a("number");
            const first = (from ?? answer?.ok.head ?? 0) + 1;
            const wanted = Array.from({ length: head - first + 1 }, (_, index) => first + index);
            expect(positionsOf(listener.frames)).to.deep.equal(wanted);
          }
        },
      ),
      { numRuns: 300, seed: 11 },
    );
  }); // prettier-ignore

  it("ask the actor again when more happened during a catch-up than could be held", async () => {
    const world = new World(10);
    const { frames, subscriber } = createListener();
    feedsOf(world, 2).subscribe(subscriber, topic, 0, as(subscriber, 1));
    world.turns.shift()?.();
    for (let count = 0; count < 5; count += 1) world.append({ type: "posted" }, false);
    while (world.published.length > 0) world.deliver();
    while (world.later.length > 0) world.later.shift()?.();
    // The answer knows of none of the five, two of which were held.
    await world.settle();
    expect(frames[0]).to.deep.equal({ re: 1, ok: { head: 0 } });
    expect(positionsOf(frames)).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it("ask the actor after a gap of the hub, and watchers hear of no post twice", async () => {
    const world = new World(10);
    const feeds = feedsOf(world);
    const { frames, subscriber } = createListener();
    const posts: number[] = [];
    const newest = async () => ok({ seq: world.events.length, author: "user/bob", atMs: 0 });
    feeds.watch(topic, { ...deaf, posted: (_topic, { seq }) => void posts.push(seq), newest });
    feeds.subscribe(subscriber, topic, 0, as(subscriber, 1));
    const post = (lost: boolean) => {
      const seq = world.events.length + 1;
      world.append({ type: "posted", message: { seq, author: "user/bob" } }, lost);
    };
    post(false);
    await world.settle();
    post(true);
    await world.settle();
    expect(positionsOf(frames)).to.deep.equal([1]);
    world.hub.gap();
    await world.settle();
    expect(positionsOf(frames)).to.deep.equal([1, 2]);
    world.published.push({ event: world.events[0], at: 1 });
    await world.settle();
    expect(positionsOf(frames)).to.deep.equal([1, 2]);
    expect(posts).to.deep.equal([1, 2]);
  });

  it("ask again while nobody can answer after a gap, and keep the subscription", async () => {
    const world = new World(10);
    const { frames, subscriber } = createListener();
    feedsOf(world).subscribe(subscriber, topic, 0, as(subscriber, 1));
    await world.settle();
    world.append({ type: "posted" }, true);
    world.refusal = failure("SLOT_UNAVAILABLE");
    world.hub.gap();
    await world.settle();
    world.refusal = undefined;
    expect(world.pauses.length).to.equal(1);
    world.pauses.shift()?.();
    for (let count = 0; count < 5; count += 1) await Promise.resolve();
    await world.settle();
    expect(positionsOf(frames)).to.deep.equal([1]);
  });

  it("answer the subscription before its first event", async () => {
    const world = new World(2);
    for (let count = 0; count < 5; count += 1) world.append({ type: "posted" }, false);
    const { frames, subscriber } = createListener();
    feedsOf(world).subscribe(subscriber, topic, 1, as(subscriber, 7));
    await world.settle();
    expect(frames[0]).to.deep.equal({ re: 7, ok: { head: 5 } });
    expect(positionsOf(frames)).to.deep.equal([2, 3, 4, 5]);
  });

  it("write what one turn of the loop brings in one piece, the same bytes to everybody", async () => {
    const world = new World(10);
    const feeds = feedsOf(world);
    const written: Buffer[][] = [[], []];
    for (const [index, pieces] of written.entries()) {
      const { subscriber } = createListener(`user${index}`);
      subscriber.write = (frames) => void pieces.push(frames.by(frameOf));
      feeds.subscribe(subscriber, topic, 0, as(subscriber, 1));
    }
    await world.settle();
    for (let count = 0; count < 3; count += 1) world.append({ type: "posted" }, false);
    while (world.published.length > 0) world.deliver();
    await world.settle();
    expect(written[0]).to.have.length(1);
    expect(written[0]?.[0]).to.equal(written[1]?.[0]);
  });

  it("leave best-effort events out for those who read slowly, and durable ones never", async () => {
    const world = new World(10);
    const feeds = feedsOf(world);
    const { frames, subscriber } = createListener();
    feeds.subscribe(subscriber, topic, 0, as(subscriber, 1));
    await world.settle();
    (subscriber as { congested: boolean }).congested = true;
    world.hub.publish(topic, { type: "draft" }, undefined, 1);
    world.append({ type: "posted" }, false);
    await world.settle();
    expect(frames.slice(1)).to.deep.equal([{ topic, at: 1, event: { type: "posted" } }]);
  });

  it("end with the member's leaving, and tell nothing that came after", async () => {
    const world = new World(10);
    const feeds = feedsOf(world);
    const gone = createListener("ada");
    const stays = createListener("bob");
    for (const { subscriber } of [gone, stays]) feeds.subscribe(subscriber, topic, 0, as(subscriber, 1));
    await world.settle();
    world.append({ type: "left", member: "user/ada" }, false);
    world.append({ type: "posted" }, false);
    await world.settle();
    expect(positionsOf(gone.frames)).to.deep.equal([1]);
    expect(gone.frames.at(-1)).to.deep.equal({ topic, lost: failure("NOT_A_MEMBER") });
    expect(positionsOf(stays.frames)).to.deep.equal([1, 2]);
  });

  it("tell watchers after a gap of what was posted in it, once, and ask again while nobody can say", async () => {
    const world = new World(10);
    const feeds = feedsOf(world);
    const told: unknown[] = [];
    const answers: Awaited<ReturnType<Watcher["newest"]>>[] = [];
    const missed = { seq: 3, author: "user/bob", atMs: 0, mentions: ["user/ada"] };
    feeds.watch(topic, {
      ...deaf,
      posted: (_topic, message) => void told.push(message),
      newest: async () => answers.shift() ?? ok(undefined),
    });
    // What reached nobody here, before anything did.
    answers.push(refused(failure("SLOT_UNAVAILABLE")), ok(missed));
    world.hub.gap();
    await world.settle();
    await pass();
    expect(told).to.deep.equal([]);
    world.pauses.shift()?.();
    await pass();
    expect(told).to.deep.equal([missed]);
    const posted = { seq: 4, author: "user/bob" };
    world.hub.publish(topic, { type: "posted", message: posted }, 4, 1);
    await world.settle();
    expect(told).to.deep.equal([missed, posted]);
    answers.push(ok({ ...missed, seq: 4 }), ok(undefined), refused(failure("NOT_A_MEMBER")));
    for (let gap = 0; gap < 3; gap += 1) {
      world.hub.gap();
      await pass();
    }
    expect(told, "nothing was missed").to.have.length(2);
    expect([answers.length, world.pauses.length]).to.deep.equal([0, 0]);
  });

  it("ask a few questions at a time after a gap, however many follow", async () => {
    const world = new World(10);
    const feeds = feedsOf(world);
    const listeners = Array.from({ length: 100 }, (_, index) => createListener(`u${index}`));
    for (const [index, { subscriber }] of listeners.entries())
      feeds.subscribe(subscriber, topic, 0, as(subscriber, index));
    await world.settle();
    world.append({ type: "posted" }, true);
    world.hub.gap();
    await pass();
    expect(world.turns).to.have.length(gatewayLimits.gapQuestionsMax);
    await world.settle();
    for (const { frames } of listeners) expect(positionsOf(frames)).to.deep.equal([1]);
  });

  it("tell a watcher nothing of a room once it has left, as the room says, in an event or after a gap", async () => {
    const world = new World(10);
    const feeds = feedsOf(world);
    const told: string[] = [];
    const watch = (name: string) => {
      const watcher: Watcher = {
        ...deaf,
        actor: `user/${name}`,
        posted: (_topic, { seq }) => void told.push(`${name} ${seq}`),
        left: (of) => feeds.unwatch(of, watcher),
        newest: async () => (name === "eve" ? refused(failure("NOT_A_MEMBER")) : ok(undefined)),
      };
      feeds.watch(topic, watcher);
    };
    for (const name of ["ada", "bob", "eve"]) watch(name);
    const post = (seq: number) => world.append({ type: "posted", message: { seq, author: "user/kim" } }, false);
    post(1);
    world.append({ type: "left", member: "user/ada" }, false);
    post(2);
    await world.settle();
    expect(told).to.deep.equal(["ada 1", "bob 1", "eve 1", "bob 2", "eve 2"]);
    world.hub.gap();
    await pass();
    post(3);
    await world.settle();
    expect(told.slice(5)).to.deep.equal(["bob 3"]);
  });

  it("tell watchers of messages, and of nothing else that was published as posted", async () => {
    const world = new World(10);
    const feeds = feedsOf(world);
    const told: unknown[] = [];
    const edits: unknown[] = [];
    feeds.watch(topic, {
      ...deaf,
      posted: (_topic, message) => void told.push(message),
      edited: (_topic, { seq }, whom) => void edits.push([seq, whom]),
      newest: async () => ok(undefined),
    });
    const message = { seq: 1, author: "user/ada", mentions: ["user/bob"] };
    for (const nonsense of [
      null,
      "hello",
      {},
      { ...message, seq: -1 },
      { ...message, mentions: 7 },
      { ...message, author: {} },
    ])
      world.append({ type: "posted", message: nonsense }, false);
    world.append({ type: "posted", message }, false);
    // Of edits only those whom they mention for the first time.
    world.append({ type: "edited", message }, false);
    world.append({ type: "edited", message, told: ["user/bob"] }, false);
    await world.settle();
    expect(told).to.deep.equal([message]);
    expect(edits).to.deep.equal([[1, ["user/bob"]]]);
  });

  it("are lost with the actor's reason when it refuses to go on", async () => {
    const world = new World(10);
    const feeds = feedsOf(world);
    const { frames, subscriber } = createListener();
    feeds.subscribe(subscriber, topic, 0, as(subscriber, 1));
    await world.settle();
    world.append({ type: "posted" }, true);
    world.append({ type: "posted" }, false);
    world.refusal = failure("CURSOR_EXPIRED");
    await world.settle();
    expect(frames.at(-1)).to.deep.equal({ topic, lost: failure("CURSOR_EXPIRED") });
    expect(feeds.unsubscribe(subscriber, topic)).to.equal(false);
  });
});
