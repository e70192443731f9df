import { expect } from "chai";
import { wireLimits, type RoomMessage } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { room } from "../../../actors/index.ts";
import type { Room } from "../../../actors/room/state.ts";
import type { Stage } from "./fixture.ts";
import { lobby, type Page, inLobby, post, view, texts } from "./lobby.ts";

describe("a room's messages", () => {
  it("are numbered from 1, published at their position, and kept as records", () => {
    const stage = inLobby();
    const first = post(stage, "bob", "hi");
    expect(first).to.deep.equal({ seq: 1, at: 4, atMs: stage.nowMs });
    expect(stage.stream(lobby).at(-1)).to.deep.equal({
      topic: lobby,
      at: 4,
      event: { type: "posted", message: { seq: 1, author: "user/bob", text: "hi", atMs: stage.nowMs } },
    });
    expect(stage.records(lobby, "message/")).to.have.length(1);
  });

  it("may not claim a generation unless an agent wrote them", () => {
    const stage = inLobby();
    expect(stage.code("user/bob", lobby, { type: "post", text: "x", generation: "g" })).to.equal("BAD_REQUEST");
  });

  it("are edited by their author only", () => {
    const stage = inLobby();
    post(stage, "bob", "helo @ada");
    expect(stage.code("user/ada", lobby, { type: "edit", seq: 1, text: "x" })).to.equal("FORBIDDEN");
    const edited = stage.ok<RoomMessage>("user/bob", lobby, { type: "edit", seq: 1, text: "hello @cleo" });
    expect(edited).to.deep.include({ text: "hello @cleo", editedAtMs: stage.nowMs, mentions: ["user/cleo"] });
    const head = stage.stream(lobby).length;
    stage.ok("user/bob", lobby, { type: "edit", seq: 1, text: "hello @cleo" });
    expect(stage.stream(lobby)).to.have.length(head);
    for (const seq of [0, 2])
      expect(stage.code("user/bob", lobby, { type: "edit", seq, text: "x" })).to.equal("NOT_FOUND");
  });

  it("are deleted by author or moderator, and leave an empty place", () => {
    const stage = inLobby();
    post(stage, "ada", "one @bob");
    post(stage, "bob", "two");
    stage.ok("user/ada", lobby, { type: "pin", seq: 2, on: true });
    stage.ok("user/ada", lobby, { type: "react", seq: 2, emoji: "👍", on: true });
    expect(stage.code("user/bob", lobby, { type: "delete", seq: 1 })).to.equal("FORBIDDEN");
    const deleted = stage.ok("user/ada", lobby, { type: "delete", seq: 2 });
    expect(deleted).to.deep.equal({
      seq: 2,
      author: "user/bob",
      text: "",
      atMs: stage.nowMs,
      deletedAtMs: stage.nowMs,
    });
    expect(view(stage).pins).to.deep.equal([]);
    expect(stage.code("user/bob", lobby, { type: "delete", seq: 2 })).to.equal("accepted");
    expect(stage.code("user/bob", lobby, { type: "edit", seq: 2, text: "x" })).to.equal("NOT_FOUND");
    expect(stage.code("user/bob", lobby, { type: "react", seq: 2, emoji: "x", on: true })).to.equal("NOT_FOUND");
    expect(stage.code("user/ada", lobby, { type: "pin", seq: 2, on: true })).to.equal("NOT_FOUND");
  });

  it("take each member's reaction once, and give it back", () => {
    const stage = inLobby();
    post(stage, "bob", "hi");
    const react = (who: string, emoji: string, on: boolean) =>
      stage.ok<RoomMessage>(`user/${who}`, lobby, { type: "react", seq: 1, emoji, on }).reactions;
    expect(react("ada", "👍", true)).to.deep.equal({ "👍": ["user/ada"] });
    expect(react("ada", "👍", true)).to.deep.equal({ "👍": ["user/ada"] });
    expect(react("bob", "👍", true)).to.deep.equal({ "👍": ["user/ada", "user/bob"] });
    expect(react("ada", "👍", false)).to.deep.equal({ "👍": ["user/bob"] });
    expect(react("ada", "constructor", true)).to.have.keys("👍", "constructor");
    expect(react("ada", "constructor", false)).to.deep.equal({ "👍": ["user/bob"] });
    expect(react("bob", "👍", false)).to.equal(undefined);
    expect(stage.code("user/bob", lobby, { type: "react", seq: 1, emoji: "__proto__", on: true })).to.equal(
      "BAD_REQUEST",
    );
  });

  it("hold a bounded number of reactions", () => {
    const stage = inLobby();
    post(stage, "bob", "hi");
    for (let index = 0; index < wireLimits.reactionKindsMax; index += 1)
      stage.ok("user/bob", lobby, { type: "react", seq: 1, emoji: `e${index}`, on: true });
    expect(stage.code("user/ada", lobby, { type: "react", seq: 1, emoji: "more", on: true })).to.equal("LIMIT_REACHED");
    for (let index = 1; index < wireLimits.reactionsPerKindMax; index += 1) {
      stage.ok(`user/u${index}`, lobby, { type: "join" });
      stage.ok(`user/u${index}`, lobby, { type: "react", seq: 1, emoji: "e0", on: true });
    }
    expect(stage.code("user/ada", lobby, { type: "react", seq: 1, emoji: "e0", on: true })).to.equal("LIMIT_REACHED");
  });

  it("are pinned by moderators, a bounded number of them", () => {
    const stage = inLobby();
    for (let seq = 1; seq <= wireLimits.pinsPerRoomMax + 1; seq += 1) post(stage, "bob", `m${seq}`);
    expect(stage.code("user/bob", lobby, { type: "pin", seq: 1, on: true })).to.equal("FORBIDDEN");
    for (let seq = 1; seq <= wireLimits.pinsPerRoomMax; seq += 1)
      stage.ok("user/ada", lobby, { type: "pin", seq, on: true });
    const late = { type: "pin", seq: wireLimits.pinsPerRoomMax + 1, on: true };
    expect(stage.code("user/ada", lobby, late)).to.equal("LIMIT_REACHED");
    expect(stage.ok("user/ada", lobby, { type: "pin", seq: 1, on: true })).to.deep.include({ pinned: true });
    expect(stage.ok("user/ada", lobby, { type: "pin", seq: 1, on: false })).to.not.have.property("pinned");
    expect(view(stage).pins).to.have.length(wireLimits.pinsPerRoomMax - 1);
  });

  it("form threads one level deep", () => {
    const stage = inLobby();
    post(stage, "ada", "root");
    post(stage, "bob", "aside");
    post(stage, "bob", "answer", { replyTo: 1 });
    post(stage, "cleo", "answer to the answer", { replyTo: 3 });
    const { event } = stage.stream(lobby).at(-1) ?? {};
    expect(event).to.have.nested.property("message.replyTo", 1);
    expect(event).to.have.deep.nested.property("root.replies", { count: 2, lastAtMs: stage.nowMs });
    const thread = stage.ok<Page>("user/ada", lobby, { type: "history", thread: 1 });
    expect(texts(thread)).to.deep.equal(["root", "answer", "answer to the answer"]);
    stage.ok("user/bob", lobby, { type: "edit", seq: 3, text: "better answer" });
    const page = stage.ok<Page>("user/ada", lobby, { type: "history", thread: 1, after: 1, limit: 1 });
    expect([texts(page), page.more]).to.deep.equal([["better answer"], true]);
    expect(stage.code("user/ada", lobby, { type: "post", text: "x", replyTo: 9 })).to.equal("NOT_FOUND");
    const alone = (thread: number): readonly string[] =>
      texts(stage.ok<Page>("user/ada", lobby, { type: "history", thread }));
    expect([alone(2), alone(9)]).to.deep.equal([["aside"], []]);
    for (let seq = 5; seq < actorLimits.roomRecentMessages + 5; seq += 1) post(stage, "bob", `m${seq}`);
    expect(alone(2)).to.deep.equal(["aside"]);
  });
});

describe("a room's older messages", () => {
  const many = actorLimits.roomRecentMessages + 20;
  function long(): Stage {
    const stage = inLobby();
    for (let seq = 1; seq <= many; seq += 1) post(stage, "bob", `m${seq}`);
    return stage;
  }

  it("are edited, deleted, pinned and answered like new ones", () => {
    const stage = long();
    expect(stage.ok("user/bob", lobby, { type: "edit", seq: 1, text: "first" })).to.deep.include({ text: "first" });
    expect(stage.ok("user/ada", lobby, { type: "pin", seq: 2, on: true })).to.deep.include({ pinned: true });
    expect(stage.ok("user/ada", lobby, { type: "delete", seq: 3 })).to.deep.include({ text: "" });
    post(stage, "cleo", "about the first", { replyTo: 1 });
    post(stage, "cleo", "again", { replyTo: many + 1 });
    const page = stage.ok<Page>("user/ada", lobby, { type: "history", after: 0, limit: 3 });
    expect(texts(page)).to.deep.equal(["first", "m2", ""]);
    expect(page.messages[0]?.replies?.count).to.equal(2);
    expect(stage.code("user/ada", lobby, { type: "edit", seq: 1, text: "x" })).to.equal("FORBIDDEN");
  });

  it("lose no change when many commands overlap, even more than memory holds", () => {
    const stage = long();
    const answers = [];
    for (let seq = 1; seq <= 2; seq += 1)
      for (let index = 0; index < 15; index += 1)
        answers.push(stage.begin("user/ada", lobby, { type: "react", seq, emoji: `e${index}`, on: true }));
    stage.settle();
    expect(answers.every((answer) => answer()?.ok)).to.equal(true);
    const { messages } = stage.ok<Page>("user/ada", lobby, { type: "history", after: 0, limit: 2 });
    for (const { reactions } of messages) expect(Object.keys(reactions ?? {})).to.have.length(15);
  });

  it("are read again when more of them changed meanwhile than memory holds", () => {
    const stage = long();
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "node", notes: undefined } as const;
    const command = { type: "react", seq: 1, emoji: "x", on: true } as const;
    const state = stage.stateOf<Room>(lobby);
    const old = stage.records(lobby, "message/")[0];
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
    const stage = long();
    const seqs = (command: object): readonly number[] =>
      stage.ok<Page>("user/ada", lobby, { type: "history", ...command }).messages.map(({ seq }) => seq);
    expect(seqs({ limit: 3 })).to.deep.equal([many - 2, many - 1, many]);
    expect(seqs({ before: 5, limit: 2 })).to.deep.equal([3, 4]);
    expect(seqs({ after: 2, limit: 2 })).to.deep.equal([3, 4]);
    expect(seqs({ after: many - 2, limit: 5 })).to.deep.equal([many - 1, many]);
    expect(seqs({ after: 2, before: 5 })).to.deep.equal([3, 4]);
    expect(seqs({ after: many })).to.deep.equal([]);
    expect(seqs({})).to.have.length(wireLimits.pageEntriesDefault);
    expect(stage.ok<Page>("user/ada", lobby, { type: "history", before: 3, limit: 2 }).more).to.equal(false);
    expect(stage.ok<Page>("user/ada", lobby, { type: "history", before: 4, limit: 2 }).more).to.equal(true);
    expect(stage.ok<Page>("user/ada", lobby, { type: "history", before: many, limit: 2 }).more).to.equal(true);
    expect(stage.ok<Page>("user/ada", lobby, { type: "history", after: many - 2, limit: 1 }).more).to.equal(true);
  });
});
