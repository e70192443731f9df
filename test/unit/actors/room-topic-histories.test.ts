import { expect } from "chai";
import {
  assert as property,
  array,
  boolean,
  constantFrom,
  integer,
  oneof,
  property as holds,
  record,
  uniqueArray,
  type Arbitrary,
} from "fast-check";
import type { Message } from "../../../actors/behavior.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import { room as behavior } from "../../../actors/room/index.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { evolve } from "../../../actors/room/state.ts";
import {
  topicKey,
  type Resumed,
  type RoomHistory,
  type RoomMessage,
  type RoomTopics,
} from "../../../protocols/index.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby } from "./lobby.ts";

const seq = integer({ min: 1, max: 12 });
const topic = constantFrom("a", "B", "b", "c");

type Step =
  | { readonly by: string; readonly message: Message }
  | { readonly steps: number }
  | { readonly crash: true }
  | { readonly restored: number; readonly topic: string; readonly isTakenBack: boolean };

const said: Arbitrary<Message> = oneof(
  { weight: 6, arbitrary: record({ type: constantFrom("post"), topic }) },
  { weight: 2, arbitrary: record({ type: constantFrom("post") }) },
  { weight: 3, arbitrary: record({ type: constantFrom("post"), replyTo: seq, alsoInRoom: boolean() }) },
  { weight: 3, arbitrary: record({ type: constantFrom("delete"), seq }) },
  { weight: 3, arbitrary: record({ type: constantFrom("moveTopic"), seq, into: topic, later: boolean() }) },
  { weight: 1, arbitrary: record({ type: constantFrom("moveTopic"), seq }) },
  { weight: 3, arbitrary: record({ type: constantFrom("moveTopic"), topic, into: topic }) },
  {
    weight: 2,
    arbitrary: record({ type: constantFrom("followTopic"), topic, interest: constantFrom("mute", "none") }),
  },
  { weight: 1, arbitrary: record({ type: constantFrom("resolveTopic"), topic, resolved: boolean() }) },
  { weight: 2, arbitrary: record({ type: constantFrom("markRead"), seq, topic }) },
  { weight: 1, arbitrary: record({ type: constantFrom("markRead", "markUnread"), seq }) },
  { weight: 1, arbitrary: record({ type: constantFrom("leave", "join") }) },
);

const together = record({
  type: constantFrom("deleteMessages"),
  by: constantFrom("user/ada", "user/bob"),
  seqs: uniqueArray(seq, { minLength: 1, maxLength: 4 }),
});

const step: Arbitrary<Step> = oneof(
  { weight: 20, arbitrary: record({ by: constantFrom("user/ada", "user/bob", "user/cleo"), message: said }) },
  { weight: 2, arbitrary: record({ by: constantFrom("gateway"), message: together as Arbitrary<Message> }) },
  { weight: 8, arbitrary: record({ steps: integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: record({ crash: constantFrom(true as const) }) },
  { weight: 1, arbitrary: record({ restored: integer({ min: 1, max: 3 }), topic, isTakenBack: boolean() }) },
);

/** Plays a history. Every text is another, and to be found again. */
function played(steps: readonly Step[]): Fixture {
  const fixture = inLobby();
  let texts = 0;
  const text = (): string => `<${(texts += 1)}>`;
  for (const one of steps) {
    if ("steps" in one) for (let left = one.steps; left > 0 && fixture.step(); left -= 1);
    else if ("crash" in one) fixture.crash(lobby);
    else if ("restored" in one) {
      const recall = `recall${String((texts += 1)).padStart(4, "0")}`;
      const messages = Array.from({ length: one.restored }, (_, index) => index + 1).map((at) => ({
        seq: at,
        author: "user/bob",
        text: text(),
        atMs: at,
        topic: one.topic,
      }));
      fixture.begin("node", lobby, { type: "restore", recall, snapshot: 7, backupAtMs: 9_000, from: 1, messages });
      if (one.isTakenBack) fixture.begin("node", lobby, { type: "withdraw", recall });
    } else {
      const { by, message } = one;
      fixture.begin(by as "gateway", lobby, message.type === "post" ? { ...message, text: text() } : message);
    }
  }
  fixture.settle();
  return fixture;
}

function all(fixture: Fixture, more: object = {}): readonly RoomMessage[] {
  return fixture.ok<RoomHistory>("user/ada", lobby, { type: "history", limit: 200, ...more }).messages;
}

/** What somebody hears who was away from the beginning. */
function heard(fixture: Fixture): string {
  const events: unknown[] = [];
  for (let after = 0; ;) {
    const page = fixture.ok<Resumed<unknown, unknown>>("user/ada", lobby, { type: "resume", after });
    events.push(...(page.events ?? []));
    after = page.events?.at(-1)?.at ?? 0;
    if (page.more !== true) return JSON.stringify(events);
  }
}

/** All that is to be as the messages are. A move that has begun is finished, whichever node dies in it. */
function expectWhole(fixture: Fixture): void {
  const messages = all(fixture);
  const named = messages.filter((message) => message.topic !== undefined);
  const listed = fixture.ok<RoomTopics>("user/ada", lobby, { type: "topics" });
  const counts = new Map(listed.topics.map(({ topic: name, count }) => [topicKey(name), count]));
  const keys = [...new Set(named.map((message) => topicKey(message.topic ?? "")))];
  expect([...counts.keys()].toSorted()).to.deep.equal(keys.toSorted());
  for (const key of keys) {
    const own = named.filter((message) => topicKey(message.topic ?? "") === key);
    expect(counts.get(key), `messages in ${key}`).to.equal(own.length);
    expect(all(fixture, { topic: key })).to.deep.equal(own);
    expect(new Set(own.map((message) => message.topic)).size, `names of ${key}`).to.equal(1);
  }
  expect(fixture.records(lobby, "topic/")).to.have.length(named.length);
  for (const { replyTo, topic: name, deletedAtMs } of messages) {
    const root = messages.find((message) => message.seq === replyTo);
    if (root !== undefined && (deletedAtMs ?? root.deletedAtMs) === undefined) expect(name).to.equal(root.topic);
  }
  for (const message of messages.filter(({ deletedAtMs }) => deletedAtMs !== undefined))
    expect(message).to.include({ text: "" }).and.not.have.property("topic");
}

describe("topics, whatever happens in a room and however much of it at once,", () => {
  it("are what its messages say, unread is the sum of theirs, and no deleted text is heard again", () => {
    property(
      holds(array(step, { maxLength: 60, size: "max" }), (steps) => {
        const fixture = played(steps);
        expectWhole(fixture);
        const shown = JSON.stringify(all(fixture));
        for (const text of new Set(heard(fixture).match(/<\d+>/gu) ?? [])) expect(shown).to.include(text);
        for (const who of ["user/ada", "user/bob", "user/cleo"] as const) {
          const answer = fixture.do(who, lobby, { type: "topics" });
          if (!answer.ok) continue;
          const { topics, without, unread } = answer.value as RoomTopics;
          expect(
            topics.reduce((sum, one) => sum + one.unread, without),
            who,
          ).to.equal(unread.unread);
        }
        expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf<Room>(lobby));
      }),
      { numRuns: 150 },
    );
  });

  it("are moved to the end by the node that takes a room over, after whichever step the one before has died", () => {
    const count = 2 * limits.topicMovedAtOnce + 5;
    let cut = 0;
    for (let steps = 1; ; steps += 1) {
      const fixture = inLobby();
      for (let nth = 1; nth <= count; nth += 1)
        fixture.ok("user/ada", lobby, { type: "post", text: String(nth), topic: "a" });
      const answer = fixture.begin("user/ada", lobby, { type: "moveTopic", topic: "a", into: "b" });
      for (let step = 0; step < steps; step += 1) fixture.step();
      if (answer() !== undefined) break;
      const owed = fixture.isPending(lobby);
      fixture.crash(lobby);
      fixture.begin("user/ada", lobby, { type: "post", text: "meanwhile", topic: "a" });
      fixture.settle();
      if (owed) cut += 1;
      // Of a move that had not begun there is nothing; of one that had, all, and what is said meanwhile.
      const moved = all(fixture).filter(({ text }) => owed || text !== "meanwhile");
      expect(new Set(moved.map((message) => message.topic)).size, `after ${steps} steps`).to.equal(1);
      if (owed) expect(moved[0]).to.include({ topic: "b" });
      expectWhole(fixture);
      expect(fixture.stateOf<Room>(lobby).moving).to.equal(undefined);
      expect(fixture.isPending(lobby)).to.equal(false);
    }
    expect(cut).to.be.greaterThan(2);
  });

  it("are moved on by no node behind one of the version before, which has moved the rest without a word of it", () => {
    const fixture = inLobby();
    for (let nth = 0; nth < limits.topicMovedAtOnce + 5; nth += 1)
      fixture.ok("user/ada", lobby, { type: "post", text: "x", topic: "a" });
    fixture.begin("user/ada", lobby, { type: "moveTopic", topic: "a", into: "b" });
    while (!fixture.isPending(lobby)) fixture.step();
    const begun = fixture.stateOf<Room>(lobby);
    const turn = { self: lobby, key: "lobby", from: "node", nowMs: 1, notes: { progress: {} } } as const;
    const goesOn = (room: Room | null): boolean =>
      behavior.recover!(room, turn).some(({ type }) => type === "read") && behavior.pending!(room);
    expect(goesOn(begun)).to.equal(true);
    const [at, by] = [begun.head + 1, "user/ada"];
    const said = { type: "topicSet", topic: "t", by } as const;
    const known = evolve(begun, { type: "happened", at, event: said });
    expect(goesOn(known), "behind events of nodes that know of moves").to.equal(true);
    expect(goesOn(behavior.restored!(known)), "from a backup").to.equal(true);
    // Its state names the move as it was.
    expect(goesOn({ ...known!, moving: begun.moving! })).to.equal(false);
    const later = evolve({ ...known!, moving: begun.moving! }, { type: "happened", at: at + 1, event: said });
    expect(goesOn(later), "and then events of nodes that know of moves").to.equal(false);
    // Of its events there are those that moved the rest.
    const messages = begun.recent.map((message) => ({ ...message, topic: "b" }));
    const event = { type: "topicMoved", from: "a", to: "b", messages, gone: true, by } as const;
    expect(goesOn(evolve(begun, { type: "happened", at, event }))).to.equal(false);
    fixture.settle();
    expectWhole(fixture);
  });

  it("are not moved on by the node that takes a room over where the mover may not any more", () => {
    const fixture = inLobby();
    for (let nth = 0; nth < limits.topicMovedAtOnce + 5; nth += 1)
      fixture.ok("user/ada", lobby, { type: "post", text: "x", topic: "a" });
    fixture.begin("user/ada", lobby, { type: "moveTopic", topic: "a", into: "b" });
    while (!fixture.isPending(lobby)) fixture.step();
    fixture.crash(lobby);
    fixture.begin("user/ada", lobby, { type: "archive", archived: true });
    fixture.settle();
    expect(fixture.isPending(lobby)).to.equal(false);
    expectWhole(fixture);
    expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf<Room>(lobby));
  });
});
