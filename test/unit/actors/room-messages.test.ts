import { expect } from "chai";
import { array, assert as property, boolean, constantFrom, property as forAll, record } from "fast-check";
import { assert, wireLimits, type RoomMessage } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { room } from "../../../actors/index.ts";
import { eventsShown, history, historyPage } from "../../../actors/room/reading.ts";
import { messageInMemory, snapshotOf } from "../../../actors/room/state.ts";
import type { Room } from "../../../actors/room/shape.ts";
import type { Fixture } from "./fixture.ts";
import { lobby, type Page, inLobby, post, view, texts } from "./lobby.ts";

/** One emoji for each number. */
const face = (index: number): string => String.fromCodePoint(0x1f600 + index);

describe("a room's messages", () => {
  it("are numbered from 1, published at their position, and kept as records", () => {
    const fixture = inLobby();
    const first = post(fixture, "bob", "hi");
    expect(first).to.deep.equal({ seq: 1, at: 4, atMs: fixture.nowMs });
    expect(fixture.stream(lobby).at(-1)).to.deep.equal({
      topic: lobby,
      at: 4,
      event: { type: "posted", message: { seq: 1, author: "user/bob", text: "hi", atMs: fixture.nowMs } },
    });
    expect(fixture.records(lobby, "message/")).to.have.length(1);
  });

  it("may not claim a generation unless an agent wrote them", () => {
    const fixture = inLobby();
    expect(fixture.code("user/bob", lobby, { type: "post", text: "x", generation: "g" })).to.equal("BAD_REQUEST");
  });

  it("are edited by their author only", () => {
    const fixture = inLobby();
    post(fixture, "bob", "helo @ada");
    expect(fixture.code("user/ada", lobby, { type: "edit", seq: 1, text: "x" })).to.equal("FORBIDDEN");
    const edited = fixture.ok<RoomMessage>("user/bob", lobby, { type: "edit", seq: 1, text: "hello @cleo" });
    expect(edited).to.deep.include({ text: "hello @cleo", editedAtMs: fixture.nowMs, mentions: ["user/cleo"] });
    const head = fixture.stream(lobby).length;
    fixture.ok("user/bob", lobby, { type: "edit", seq: 1, text: "hello @cleo" });
    expect(fixture.stream(lobby)).to.have.length(head);
    for (const seq of [0, 2])
      expect(fixture.code("user/bob", lobby, { type: "edit", seq, text: "x" })).to.equal("NOT_FOUND");
  });

  it("are not edited on the ground of an older state, and two states have never the same name", () => {
    const fixture = inLobby();
    post(fixture, "bob", "one");
    const edit = { type: "edit", seq: 1 } as const;
    const first = fixture.ok<RoomMessage>("user/bob", lobby, { ...edit, text: "two", seen: 0 });
    expect(fixture.code("user/bob", lobby, { ...edit, text: "three", seen: 0 })).to.equal("CHANGED_MEANWHILE");
    // The clock stands still.
    const second = fixture.ok<RoomMessage>("user/bob", lobby, { ...edit, text: "three", seen: first.editedAtMs ?? 0 });
    expect(second.editedAtMs).to.be.greaterThan(first.editedAtMs ?? 0);
    expect(fixture.code("user/bob", lobby, { ...edit, text: "x", seen: first.editedAtMs ?? 0 })).to.equal(
      "CHANGED_MEANWHILE",
    );
    // Who saves what it says already has lost nothing, and a client that does not say what it saw goes on.
    fixture.ok("user/bob", lobby, { ...edit, text: "three", seen: 0 });
    fixture.ok("user/bob", lobby, { ...edit, text: "four" });
  });

  it("are deleted by author or moderator, and leave an empty place", () => {
    const fixture = inLobby();
    post(fixture, "ada", "one @bob");
    post(fixture, "bob", "two");
    fixture.ok("user/ada", lobby, { type: "pin", seq: 2, on: true });
    fixture.ok("user/ada", lobby, { type: "react", seq: 2, emoji: "👍", on: true });
    expect(fixture.code("user/bob", lobby, { type: "delete", seq: 1 })).to.equal("FORBIDDEN");
    const deleted = fixture.ok("user/ada", lobby, { type: "delete", seq: 2 });
    expect(deleted).to.deep.equal({
      seq: 2,
      author: "user/bob",
      text: "",
      atMs: fixture.nowMs,
      deletedAtMs: fixture.nowMs,
    });
    expect(view(fixture).pins).to.deep.equal([]);
    expect(fixture.code("user/bob", lobby, { type: "delete", seq: 2 })).to.equal("accepted");
    expect(fixture.code("user/bob", lobby, { type: "edit", seq: 2, text: "x" })).to.equal("NOT_FOUND");
    expect(fixture.code("user/bob", lobby, { type: "react", seq: 2, emoji: "❌", on: true })).to.equal("NOT_FOUND");
    expect(fixture.code("user/ada", lobby, { type: "pin", seq: 2, on: true })).to.equal("NOT_FOUND");
  });

  it("take each member's reaction once, and give it back", () => {
    const fixture = inLobby();
    post(fixture, "bob", "hi");
    const react = (who: string, emoji: string, on: boolean) =>
      fixture.ok<RoomMessage>(`user/${who}`, lobby, { type: "react", seq: 1, emoji, on }).reactions;
    expect(react("ada", "👍", true)).to.deep.equal({ "👍": ["user/ada"] });
    expect(react("ada", "👍", true)).to.deep.equal({ "👍": ["user/ada"] });
    expect(react("bob", "👍", true)).to.deep.equal({ "👍": ["user/ada", "user/bob"] });
    expect(react("ada", "👍", false)).to.deep.equal({ "👍": ["user/bob"] });
    expect(react("ada", "🎉", true)).to.have.keys("👍", "🎉");
    expect(react("ada", "🎉", false)).to.deep.equal({ "👍": ["user/bob"] });
    expect(react("bob", "👍", false)).to.equal(undefined);
    expect(fixture.code("user/bob", lobby, { type: "react", seq: 1, emoji: "__proto__", on: true })).to.equal(
      "BAD_REQUEST",
    );
  });

  it("count what looks the same as one reaction, and take no text for one", () => {
    const fixture = inLobby();
    post(fixture, "ada", "hi");
    const react = (who: string, emoji: string, on: boolean) =>
      fixture.ok<RoomMessage>(`user/${who}`, lobby, { type: "react", seq: 1, emoji, on }).reactions;
    react("ada", "❤", true);
    expect(react("bob", "❤️", true)).to.deep.equal({ "❤️": ["user/ada", "user/bob"] });
    expect(react("bob", "❤\ufe0e", true)).to.deep.equal({ "❤️": ["user/ada", "user/bob"] });
    expect(react("ada", "❤️", false)).to.deep.equal({ "❤️": ["user/bob"] });
    expect(react("ada", "👍🏽", true)).to.have.all.keys("❤️", "👍🏽");
    expect(react("ada", "👍", true)).to.have.all.keys("❤️", "👍🏽", "👍");
    for (const emoji of ["abc", "1", "constructor", "👍👍", "+1", "x❤", "🇩"])
      expect(fixture.code("user/bob", lobby, { type: "react", seq: 1, emoji, on: true }), emoji).to.equal(
        "BAD_REQUEST",
      );
  });

  it("count the reactions of older versions in the form of today, wherever they are read", () => {
    const fixture = inLobby();
    post(fixture, "ada", "hi");
    const old = { "❤": ["user/ada", "user/bob"], abc: ["user/bob"], "❤️": ["user/ada"] };
    const now = { "❤️": ["user/ada", "user/bob"], abc: ["user/bob"] };
    const state = fixture.stateOf<Room>(lobby);
    const [message] = state.recent;
    assert(message !== undefined, "it was posted");
    const kept: RoomMessage = { ...message, reactions: old };
    const event = { type: "reacted", message: kept, by: "user/ada", emoji: "❤️", on: true } as const;
    const after = room.evolve(state, { type: "happened", at: state.head + 1, event });
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "user/bob", notes: { progress: {} } } as const;
    assert(after !== null, "there is a room");
    const stored = { key: "message/1", value: kept };
    const page = { limit: 5, reverse: true, from: 1, to: 2, thread: undefined, roomOnly: false, root: undefined };
    const tag = { type: "history", ...page, found: [], scanned: 0, asker: undefined } as const;
    const [inMemory] = history(after, { type: "history" }, turn);
    const [onDisk] = historyPage(after, tag, [stored]);
    const live = (eventsShown(after, turn)(event) as typeof event).message;
    const read = [messageInMemory(after, 1), snapshotOf(after, "user/bob", turn).messages[0], live];
    expect(read.map((one) => one?.reactions)).to.deep.equal([now, now, now]);
    for (const answer of [inMemory, onDisk])
      expect(JSON.stringify(answer)).to.include(JSON.stringify(now)).and.not.include('"❤"');
    // What is no emoji can only be taken back.
    const taken = room.decide(after, { type: "react", seq: 1, emoji: "abc", on: false }, turn);
    expect(JSON.stringify(taken))
      .to.include(JSON.stringify({ "❤️": now["❤️"] }))
      .and.not.include('"abc":');
  });

  it("count each person once for what looks the same, whatever is put and taken back, old ones too", () => {
    const looks: readonly (readonly [form: string, ...others: string[]])[] = [
      ["❤️", "❤", "❤\ufe0e"],
      ["1️⃣", "1\u20e3"],
      ["👩‍❤️‍👨", "👩\u200d❤\u200d👨"],
      ["👍🏽", "👍🏽\ufe0f"],
    ];
    const spelled = constantFrom(...looks.flatMap((all) => all.map((emoji) => [emoji, all[0]] as const)));
    const who = constantFrom("user/ada", "user/bob", "user/cleo");
    const step = record({ who, spelled, on: boolean() });
    property(
      forAll(array(record({ who, spelled }), { maxLength: 6 }), array(step, { maxLength: 12 }), (before, steps) => {
        const fixture = inLobby();
        post(fixture, "ada", "hi");
        const counted = new Map<string, Set<string>>();
        const of = (form: string): Set<string> =>
          counted.get(form) ?? counted.set(form, new Set()).get(form) ?? new Set();
        // As versions before kept them: each spelling by itself.
        const old: Record<string, string[]> = {};
        for (const {
          who: person,
          spelled: [emoji, form],
        } of before) {
          if (old[emoji]?.includes(person) !== true) (old[emoji] ??= []).push(person);
          of(form).add(person);
        }
        const { head, recent } = fixture.stateOf<Room>(lobby);
        if (before.length > 0) {
          const message = { ...recent[0], reactions: old };
          const event = { type: "reacted", message, by: "user/ada", emoji: "❤", on: true };
          (fixture.journalOf(lobby) as unknown[]).push({ type: "happened", at: head + 1, event });
          fixture.crash(lobby);
        }
        const shown = (): unknown => {
          const { reactions = {} } = fixture.ok<Page>("user/bob", lobby, { type: "history" }).messages[0] ?? {};
          return Object.fromEntries(Object.entries(reactions).map(([emoji, people]) => [emoji, people.toSorted()]));
        };
        const wanted = (): unknown =>
          Object.fromEntries(
            [...counted]
              .filter(([, people]) => people.size > 0)
              .map(([form, people]) => [form, [...people].toSorted()]),
          );
        expect(shown()).to.deep.equal(wanted());
        for (const {
          who: person,
          spelled: [emoji, form],
          on,
        } of steps) {
          fixture.ok(person, lobby, { type: "react", seq: 1, emoji, on });
          if (on) of(form).add(person);
          else of(form).delete(person);
          expect(shown()).to.deep.equal(wanted());
        }
      }),
    );
  });

  it("hold a bounded number of reactions", () => {
    const fixture = inLobby();
    post(fixture, "bob", "hi");
    for (let index = 0; index < wireLimits.reactionKindsMax; index += 1)
      fixture.ok("user/bob", lobby, { type: "react", seq: 1, emoji: face(index), on: true });
    expect(fixture.code("user/ada", lobby, { type: "react", seq: 1, emoji: face(64), on: true })).to.equal(
      "LIMIT_REACHED",
    );
    for (let index = 1; index < wireLimits.reactionsPerKindMax; index += 1) {
      fixture.ok(`user/u${index}`, lobby, { type: "join" });
      fixture.ok(`user/u${index}`, lobby, { type: "react", seq: 1, emoji: face(0), on: true });
    }
    expect(fixture.code("user/ada", lobby, { type: "react", seq: 1, emoji: face(0), on: true })).to.equal(
      "LIMIT_REACHED",
    );
  });

  it("are pinned by moderators, a bounded number of them", () => {
    const fixture = inLobby();
    for (let seq = 1; seq <= wireLimits.pinsPerRoomMax + 1; seq += 1) post(fixture, "bob", `m${seq}`);
    expect(fixture.code("user/bob", lobby, { type: "pin", seq: 1, on: true })).to.equal("FORBIDDEN");
    for (let seq = 1; seq <= wireLimits.pinsPerRoomMax; seq += 1)
      fixture.ok("user/ada", lobby, { type: "pin", seq, on: true });
    const late = { type: "pin", seq: wireLimits.pinsPerRoomMax + 1, on: true };
    expect(fixture.code("user/ada", lobby, late)).to.equal("LIMIT_REACHED");
    expect(fixture.ok("user/ada", lobby, { type: "pin", seq: 1, on: true })).to.deep.include({ pinned: true });
    expect(fixture.ok("user/ada", lobby, { type: "pin", seq: 1, on: false })).to.not.have.property("pinned");
    expect(view(fixture).pins).to.have.length(wireLimits.pinsPerRoomMax - 1);
  });

  it("form threads one level deep", () => {
    const fixture = inLobby();
    post(fixture, "ada", "root");
    post(fixture, "bob", "aside");
    post(fixture, "bob", "answer", { replyTo: 1 });
    post(fixture, "cleo", "answer to the answer", { replyTo: 3 });
    const { event } = fixture.stream(lobby).at(-1) ?? {};
    expect(event).to.have.nested.property("message.replyTo", 1);
    expect(event).to.have.deep.nested.property("root.replies", { count: 2, lastAtMs: fixture.nowMs });
    const thread = fixture.ok<Page>("user/ada", lobby, { type: "history", thread: 1 });
    expect(texts(thread)).to.deep.equal(["root", "answer", "answer to the answer"]);
    fixture.ok("user/bob", lobby, { type: "edit", seq: 3, text: "better answer" });
    const page = fixture.ok<Page>("user/ada", lobby, { type: "history", thread: 1, after: 1, limit: 1 });
    expect([texts(page), page.more]).to.deep.equal([["better answer"], true]);
    expect(fixture.code("user/ada", lobby, { type: "post", text: "x", replyTo: 9 })).to.equal("NOT_FOUND");
    const alone = (thread: number): readonly string[] =>
      texts(fixture.ok<Page>("user/ada", lobby, { type: "history", thread }));
    expect([alone(2), alone(9)]).to.deep.equal([["aside"], []]);
    for (let seq = 5; seq < actorLimits.roomRecentMessages + 5; seq += 1) post(fixture, "bob", `m${seq}`);
    expect(alone(2)).to.deep.equal(["aside"]);
  });
});

describe("a room's older messages", () => {
  const many = actorLimits.roomRecentMessages + 20;
  function long(): Fixture {
    const fixture = inLobby();
    for (let seq = 1; seq <= many; seq += 1) post(fixture, "bob", `m${seq}`);
    return fixture;
  }

  it("are edited, deleted, pinned and answered like new ones", () => {
    const fixture = long();
    expect(fixture.ok("user/bob", lobby, { type: "edit", seq: 1, text: "first" })).to.deep.include({ text: "first" });
    expect(fixture.ok("user/ada", lobby, { type: "pin", seq: 2, on: true })).to.deep.include({ pinned: true });
    expect(fixture.ok("user/ada", lobby, { type: "delete", seq: 3 })).to.deep.include({ text: "" });
    post(fixture, "cleo", "about the first", { replyTo: 1 });
    post(fixture, "cleo", "again", { replyTo: many + 1 });
    const page = fixture.ok<Page>("user/ada", lobby, { type: "history", after: 0, limit: 3 });
    expect(texts(page)).to.deep.equal(["first", "m2", ""]);
    expect(page.messages[0]?.replies?.count).to.equal(2);
    expect(fixture.code("user/ada", lobby, { type: "edit", seq: 1, text: "x" })).to.equal("FORBIDDEN");
  });

  it("lose no change when many commands overlap, even more than memory holds", () => {
    const fixture = long();
    const answers = [];
    for (let seq = 1; seq <= 2; seq += 1)
      for (let index = 0; index < 15; index += 1)
        answers.push(fixture.begin("user/ada", lobby, { type: "react", seq, emoji: face(index), on: true }));
    fixture.settle();
    expect(answers.every((answer) => answer()?.ok)).to.equal(true);
    const { messages } = fixture.ok<Page>("user/ada", lobby, { type: "history", after: 0, limit: 2 });
    for (const { reactions } of messages) expect(Object.keys(reactions ?? {})).to.have.length(15);
  });

  it("are read again when more of them changed meanwhile than memory holds", () => {
    const fixture = long();
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "node", notes: { progress: {} } } as const;
    const command = { type: "react", seq: 1, emoji: "❌", on: true } as const;
    const state = fixture.stateOf<Room>(lobby);
    const old = fixture.records(lobby, "message/")[0];
    const signal = (changes: number, records = [old]) =>
      ({
        type: "records",
        tag: { type: "message", command, seq: 1, from: "user/ada", to: undefined, changes },
        records,
      }) as never;
    const changed = { ...state, changes: actorLimits.roomChangedMessages + 1 };
    expect(room.decide(changed, signal(0), turn).map(({ type }) => type)).to.deep.equal(["read"]);
    expect(room.decide(changed, signal(1), turn).map(({ type }) => type)).to.deep.equal([
      "persist",
      "publish",
      "reply",
    ]);
    expect(room.decide(state, signal(0, []), turn)).to.have.nested.property("[0].code", "NOT_FOUND");
    const left = room.evolve(state, {
      type: "happened",
      at: 999,
      event: { type: "left", member: "user/ada", atMs: 0, by: "user/ada" },
    });
    expect(room.decide(left, signal(0), turn)).to.have.nested.property("[0].code", "NOT_A_MEMBER");
  });

  it("come in pages, backward and forward, from memory and from records alike", () => {
    const fixture = long();
    const seqs = (command: object): readonly number[] =>
      fixture.ok<Page>("user/ada", lobby, { type: "history", ...command }).messages.map(({ seq }) => seq);
    expect(seqs({ limit: 3 })).to.deep.equal([many - 2, many - 1, many]);
    expect(seqs({ before: 5, limit: 2 })).to.deep.equal([3, 4]);
    expect(seqs({ after: 2, limit: 2 })).to.deep.equal([3, 4]);
    expect(seqs({ after: many - 2, limit: 5 })).to.deep.equal([many - 1, many]);
    expect(seqs({ after: 2, before: 5 })).to.deep.equal([3, 4]);
    expect(seqs({ after: many })).to.deep.equal([]);
    expect(seqs({})).to.have.length(wireLimits.pageEntriesDefault);
    expect(fixture.ok<Page>("user/ada", lobby, { type: "history", before: 3, limit: 2 }).more).to.equal(false);
    expect(fixture.ok<Page>("user/ada", lobby, { type: "history", before: 4, limit: 2 }).more).to.equal(true);
    expect(fixture.ok<Page>("user/ada", lobby, { type: "history", before: many, limit: 2 }).more).to.equal(true);
    expect(fixture.ok<Page>("user/ada", lobby, { type: "history", after: many - 2, limit: 1 }).more).to.equal(true);
  });
});
