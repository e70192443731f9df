import { expect } from "chai";
import {
  wireLimits,
  type RoomEvent,
  type RoomMessage,
  type RoomState as RoomSnapshot,
  type RoomSummary,
} from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { room } from "../../../actors/index.ts";
import type { Room, RoomState } from "../../../actors/room/shape.ts";
import type { Fixture } from "./fixture.ts";
import { lobby, inLobby, post, view, joined } from "./lobby.ts";

describe("a room's read markers", () => {
  const summary = (fixture: Fixture, who: string): RoomSummary => fixture.ok(`user/${who}`, lobby, { type: "summary" });

  it("count what others wrote after them, and whether it mentions the asker", () => {
    const fixture = inLobby();
    post(fixture, "ada", "one");
    post(fixture, "bob", "two @ada");
    post(fixture, "ada", "three");
    post(fixture, "bob", "four");
    expect(summary(fixture, "ada")).to.deep.equal({
      room: "lobby",
      title: "Lobby",
      visibility: "public",
      memberCount: 3,
      messageSeq: 4,
      readSeq: 0,
      unread: 2,
      mentioned: true,
      last: { author: "user/bob", text: "four", atMs: fixture.nowMs },
    });
    const unread = { messageSeq: 4, readSeq: 2, unread: 1, mentioned: false };
    expect(fixture.ok("user/ada", lobby, { type: "markRead", seq: 2 })).to.deep.equal(unread);
    expect(summary(fixture, "ada")).to.deep.include({ unread: 1, mentioned: false });
    expect(fixture.ok("user/ada", lobby, { type: "markRead", seq: 1 })).to.deep.equal(unread);
    expect(fixture.code("user/ada", lobby, { type: "markRead", seq: 5 })).to.equal("BAD_REQUEST");
    expect(view(fixture).members["user/ada"]?.readSeq).to.equal(2);
    expect(fixture.signals("user/ada")).to.deep.equal([{ type: "roomRead", room: "lobby", seq: 2, unread }]);
    fixture.ok("user/dan", lobby, { type: "join" });
    expect(summary(fixture, "dan")).to.deep.include({ unread: 0, readSeq: 4 });
  });

  it("are durable, but no event of the room: nobody else reads them", () => {
    const fixture = inLobby();
    const { at } = post(fixture, "ada", "one");
    const [published, events] = [fixture.published.length, fixture.records(lobby, "event/").length];
    fixture.ok("user/bob", lobby, { type: "markRead", seq: 1 });
    expect(fixture.stateOf<Room>(lobby).head).to.equal(at);
    expect(fixture.published.slice(published).map(({ topic }) => topic)).to.deep.equal(["user/bob"]);
    expect(fixture.records(lobby, "event/")).to.have.length(events);
    fixture.crash(lobby);
    expect(summary(fixture, "bob")).to.include({ readSeq: 1, unread: 0 });
    expect(post(fixture, "ada", "two").at).to.equal(at + 1);
    expect(fixture.ok("user/bob", lobby, { type: "resume", after: at })).to.have.nested.property("events.length", 1);
  });

  it("show exactly what is unread, however far back they stand, and back again", () => {
    const fixture = inLobby();
    for (let index = 0; index < 80; index += 1) {
      post(fixture, "ada", "mine");
      post(fixture, "bob", "yours");
    }
    expect(summary(fixture, "ada").unread).to.equal(80);
    fixture.ok("user/ada", lobby, { type: "markRead", seq: 2 });
    expect(summary(fixture, "ada").unread).to.equal(79);
    fixture.ok("user/ada", lobby, { type: "markRead", seq: 41 });
    expect(summary(fixture, "ada").unread).to.equal(60);
    fixture.ok("user/ada", lobby, { type: "markRead", seq: 100 });
    expect(summary(fixture, "ada").unread).to.equal(30);
    expect(fixture.ok("user/ada", lobby, { type: "markUnread", seq: 12 })).to.deep.include({ readSeq: 11, unread: 75 });
    expect(summary(fixture, "ada")).to.deep.include({ readSeq: 11, unread: 75 });
    // It stands further back already.
    expect(fixture.ok("user/ada", lobby, { type: "markUnread", seq: 50 })).to.deep.include({ readSeq: 11, unread: 75 });
    expect(fixture.code("user/ada", lobby, { type: "markUnread", seq: 161 })).to.equal("NOT_FOUND");
  });

  it("come with a last line that shows no deleted text", () => {
    const fixture = inLobby();
    post(fixture, "ada", "x".repeat(500));
    post(fixture, "ada", "secret");
    fixture.ok("user/ada", lobby, { type: "delete", seq: 2 });
    expect(summary(fixture, "bob").last?.text).to.equal("x".repeat(wireLimits.summaryTextChars));
  });
});

describe("a room's stream", () => {
  it("gives a page its state at the head", () => {
    const fixture = inLobby();
    post(fixture, "bob", "hi");
    const { head, state } = fixture.ok<{ head: number; state: RoomSnapshot }>("user/ada", lobby, { type: "resume" });
    expect(head).to.equal(4);
    expect(state.messages.map(({ text }) => text)).to.deep.equal(["hi"]);
    expect(state.members).to.have.keys("user/ada", "user/bob", "user/cleo");
  });

  it("gives exactly what came after a cursor, in pages", () => {
    const fixture = inLobby();
    const count = wireLimits.pageEntriesMax + 5;
    for (let index = 0; index < count; index += 1) post(fixture, "bob", `m${index}`);
    const events: unknown[] = [];
    for (let after = 3, more = true; more; after = events.length + 3) {
      const page = fixture.ok<{ head: number; events: { at: number }[]; more: boolean }>("user/ada", lobby, {
        type: "resume",
        after,
      });
      expect(page.head).to.equal(3 + count);
      events.push(...page.events);
      more = page.more;
    }
    expect(events).to.deep.equal(
      fixture
        .stream(lobby)
        .slice(3)
        .map(({ at, event }) => ({ at, event })),
    );
    const atHead = fixture.ok("user/ada", lobby, { type: "resume", after: 3 + count });
    expect(atHead).to.deep.equal({ head: 3 + count, events: [], more: false });
    expect(fixture.code("user/ada", lobby, { type: "resume", after: 4 + count })).to.equal("CURSOR_INVALID");
  });

  it("does not give out again what was deleted since", () => {
    const fixture = inLobby();
    post(fixture, "bob", "root");
    post(fixture, "bob", "secret @ada", { replyTo: 1 });
    post(fixture, "bob", "secret root");
    post(fixture, "cleo", "about it", { replyTo: 3 });
    fixture.ok("user/bob", lobby, { type: "edit", seq: 2, text: "still secret" });
    for (const seq of [2, 3]) fixture.ok("user/bob", lobby, { type: "delete", seq });
    const page = fixture.ok<{ events: { event: RoomEvent }[] }>("user/ada", lobby, { type: "resume", after: 3 });
    expect(page.events).to.have.length(7);
    expect(JSON.stringify(page)).to.not.include("secret");
    expect(JSON.stringify(page)).to.include("about it").and.include('"root"');
  });

  it("forgets deletions with the events that held the text", () => {
    const fixture = inLobby();
    post(fixture, "bob", "one");
    post(fixture, "bob", "two");
    const state = fixture.stateOf<Room>(lobby);
    const deleted = (seq: number, at: number) =>
      ({
        type: "happened",
        at,
        event: { type: "deleted", message: { ...(state.recent[seq - 1] as RoomMessage), text: "" }, by: "user/bob" },
      }) as const;
    const later = [deleted(1, 10), deleted(2, 10 + wireLimits.eventWindow)].reduce<RoomState>(
      (now, change) => room.evolve(now, change),
      state,
    );
    expect(later?.deletions.map(({ seq }) => seq)).to.deep.equal([2]);
  });

  it("shows typing and needs no disk for it", () => {
    const fixture = inLobby();
    const entries = fixture.journalOf(lobby).length;
    fixture.ok("user/bob", lobby, { type: "typing" });
    expect(fixture.signals(lobby)).to.deep.equal([
      { type: "typing", member: "user/bob", untilMs: fixture.nowMs + actorLimits.typingMs },
    ]);
    expect(fixture.journalOf(lobby)).to.have.length(entries);
  });

  it("ignores signals that mean nothing to it, and refuses commands it does not know", () => {
    const fixture = inLobby();
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "node", notes: { progress: {} } } as const;
    const state = fixture.stateOf<Room>(lobby);
    expect(
      room.decide(state, { type: "answered", tag: { type: "other" }, result: { ok: true, value: 1 } }, turn),
    ).to.deep.equal([]);
    expect(room.decide(state, { type: "records", tag: { type: "other" }, records: [] }, turn)).to.deep.equal([]);
    expect(
      room.decide(state, { type: "part", engine: "generate", tag: "x", part: { text: "", tokens: 0 } }, turn),
    ).to.deep.equal([]);
    expect(room.decide(state, { type: "reminded", id: "x", dueMs: 0 }, turn)).to.deep.equal([
      { type: "forget", id: "x" },
    ]);
    expect(room.decide(null, { type: "reminded", id: "x", dueMs: 0 }, turn)).to.deep.equal([
      { type: "forget", id: "x" },
    ]);
    expect(fixture.code("user/ada", lobby, { type: "dance" })).to.equal("BAD_REQUEST");
    expect(room.evolve(null, { type: "delivered", id: 1 })).to.equal(null);
    expect(room.evolve(null, { type: "happened", at: 1, event: joined("user/x") })).to.equal(null);
  });
});
