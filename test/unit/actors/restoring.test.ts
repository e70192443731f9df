import { expect } from "chai";
import { wireLimits, type CatalogPage, type RoomEvent, type RoomMessage, type RoomRestored, type RoomState as RoomSnapshot, type RoomView, type UserView } from "../../../protocols/index.ts"; // prettier-ignore
import { remaking } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { Fixture } from "./fixture.ts";
import { fixtureWith } from "./fixture.ts";

const lobby = "room/lobby";
const was = (seq: number, more: Partial<RoomMessage> = {}) => ({ seq, author: "user/bob", text: `old ${seq}`, atMs: seq * 1_000, ...more }); // prettier-ignore
const bring = (messages: readonly object[], more: object = {}) => ({ type: "restore", recall: "recall0001", snapshot: 7, backupAtMs: 9_000, from: 1, messages, ...more }); // prettier-ignore

/** A room of ada and bob with one message. */
function inLobby(): Fixture {
  const fixture = fixtureWith("ada", "bob", "cleo");
  fixture.ok("user/ada", lobby, { type: "create" });
  fixture.ok("user/bob", lobby, { type: "join" });
  fixture.ok("user/ada", lobby, { type: "post", text: "now" });
  return fixture;
}

const messages = (fixture: Fixture): readonly RoomMessage[] =>
  fixture.records(lobby, "message/").map(({ value }) => value as RoomMessage);
const at = (fixture: Fixture, seq: number): RoomMessage => messages(fixture)[seq - 1] as RoomMessage;

describe("what comes back into a room", () => {
  it("is a new entry that says what it was, in one event, and says nothing else", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
    fixture.ok("user/ada", lobby, { type: "invite", member: "agent/ada.helper" });
    const before = fixture.stream(lobby).length;
    const mails = fixture.sent.length;
    const poll = { options: [{ text: "a", votes: 2 }, { text: "b", votes: 0 }], voters: 2 }; // prettier-ignore
    const old = [was(3, { text: "@helper and @ada, look" }), was(4, { editedAtMs: 5_000 }), was(9, { poll })];
    const answer = fixture.ok<RoomRestored>("node", lobby, bring(old));
    expect(answer.restored).to.deep.equal([
      [3, 2],
      [4, 3],
      [9, 4],
    ]);
    const origin = { recall: "recall0001", snapshot: 7, backupAtMs: 9_000 };
    const made = { author: "user/bob", atMs: fixture.nowMs };
    expect(messages(fixture).slice(1)).to.deep.equal([
      { seq: 2, ...made, text: "@helper and @ada, look", restored: { ...origin, seq: 3, atMs: 3_000 } },
      { seq: 3, ...made, text: "old 4", restored: { ...origin, seq: 4, atMs: 4_000, editedAtMs: 5_000 } },
      { seq: 4, ...made, text: "old 9", poll: { ...poll, closedAtMs: fixture.nowMs }, restored: { ...origin, seq: 9, atMs: 9_000 } },
    ]); // prettier-ignore
    expect(fixture.stream(lobby).slice(before).map(({ event }) => event.type)).to.deep.equal(["restored"]); // prettier-ignore
    expect(fixture.sent.slice(mails).filter(({ from }) => from === lobby)).to.deep.equal([]);
    expect(fixture.code("user/ada", lobby, { type: "vote", seq: 4, choices: [0] })).to.not.equal("accepted");
    // The same once more, as from a process that did not hear the answer.
    expect(fixture.ok<RoomRestored>("node", lobby, bring(old)).restored).to.deep.equal([]);
    expect(fixture.ok<RoomRestored>("node", lobby, bring([was(9), was(12)], { from: 10 })).restored).to.deep.equal([
      [12, 5],
    ]);
    expect(fixture.ok<RoomRestored>("node", lobby, bring([was(5)], { from: 10 })).restored).to.deep.equal([]);
    expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
  });

  it("is a message like any other from then on: its author edits it, moderators delete it, and so on", () => {
    const fixture = inLobby();
    fixture.ok("node", lobby, bring([was(3), was(4), was(5)]));
    expect(fixture.code("user/ada", lobby, { type: "edit", seq: 2, text: "mine" })).to.equal("FORBIDDEN");
    fixture.ok("user/bob", lobby, { type: "edit", seq: 2, text: "mine" });
    fixture.ok("user/ada", lobby, { type: "delete", seq: 3 });
    fixture.ok("user/ada", lobby, { type: "react", seq: 4, emoji: "👍", on: true });
    fixture.ok("user/ada", lobby, { type: "post", text: "an answer", replyTo: 4 });
    expect(at(fixture, 2)).to.include({ text: "mine" }).and.have.nested.property("restored.seq", 3);
    expect(at(fixture, 4).replies?.count).to.equal(1);
    // What came back of a position is found by it, in its form of now.
    const entries = (of: string, from: number, to: number) =>
      fixture.ok<{ messages: RoomMessage[] }>("node", lobby, { type: "entries", of, from, to, limit: 50 }).messages;
    expect(entries("restored", 3, 4)).to.deep.equal([at(fixture, 2)]);
    expect(entries("restored", 3, 6).map(({ deletedAtMs }) => deletedAtMs !== undefined)).to.deep.equal([
      false,
      true,
      false,
    ]);
    expect(entries("message", 2, 4)).to.deep.equal([at(fixture, 2), at(fixture, 3)]);
    // Taken back, what lives of it goes; a text that went stands in no event either.
    expect(fixture.ok("node", lobby, { type: "withdraw", recall: "recall0001" })).to.deep.equal({
      removed: 2,
      more: false,
    });
    const { events } = fixture.ok<{ events: { event: RoomEvent }[] }>("user/ada", lobby, { type: "resume", after: 1 });
    expect(JSON.stringify(events)).to.not.match(/old \d|mine/);
    expect(JSON.stringify(events)).to.contain("an answer");
  });

  it("stands in the thread of a message, however old that is", () => {
    const fixture = inLobby();
    for (let n = 0; n < actorLimits.roomRecentMessages + 5; n += 1)
      fixture.ok("user/ada", lobby, { type: "post", text: `${n}` });
    fixture.ok("user/bob", lobby, { type: "post", text: "in a thread", replyTo: 1 });
    const { restored } = fixture.ok<RoomRestored>("node", lobby, bring([was(3), was(4)], { root: 1 }));
    for (const [, seq] of restored) expect(at(fixture, seq).replyTo).to.equal(1);
    expect(at(fixture, 1).replies?.count).to.equal(3);
    const thread = fixture.ok<{ messages: RoomMessage[] }>("user/ada", lobby, { type: "history", thread: 1 });
    expect(thread.messages).to.have.length(4);
    expect(fixture.code("node", lobby, bring([was(7)], { root: 999 }))).to.equal("NOT_FOUND");
  });

  it("is brought by the node alone, and bounded", () => {
    const fixture = inLobby();
    for (const from of ["user/ada", "agent/ada.helper", "gateway", "room/other"] as const)
      for (const message of [
        bring([was(3)]),
        { type: "withdraw", recall: "recall0001" },
        { type: "entries", of: "message", from: 1, to: 2, limit: 1 },
      ])
        expect(fixture.code(from, lobby, message)).to.equal("FORBIDDEN");
    expect(fixture.code("node", lobby, { type: "withdraw", recall: "recall0001" })).to.equal("NOT_FOUND");
    let seq = 1;
    const next = () => bring(Array.from({ length: wireLimits.restoredPerEventMax }, () => was((seq += 1))));
    for (let n = 0; n < actorLimits.roomRecallOpenMax; n += wireLimits.restoredPerEventMax)
      fixture.ok("node", lobby, next());
    expect(fixture.code("node", lobby, next())).to.equal("LIMIT_REACHED");
    for (let more = true, rounds = 0; more; rounds += 1) {
      ({ more } = fixture.ok<{ more: boolean }>("node", lobby, { type: "withdraw", recall: "recall0001" }));
      expect(rounds).to.be.below(100);
    }
    expect(messages(fixture).filter(({ deletedAtMs }) => deletedAtMs === undefined)).to.have.length(1);
  });

  it("makes a room that is gone anew, with the members of then who are still there", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
    fixture.ok("user/ada", lobby, { type: "invite", member: "agent/ada.helper" });
    fixture.ok("user/ada", lobby, { type: "setRules", posting: "threads", slowMs: 5_000 });
    const command = remaking(fixture.stateOf(lobby));
    expect(remaking(null)).to.equal(undefined);
    if (command === undefined) return;
    expect(fixture.code("node", lobby, command)).to.equal("NAME_TAKEN");
    const other = fixtureWith("ada");
    other.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
    expect(other.code("user/ada", lobby, command)).to.equal("FORBIDDEN");
    other.ok("node", lobby, command);
    const { rooms } = other.ok<UserView>("user/ada", "user/ada", { type: "describe" });
    expect(rooms).to.deep.equal(["lobby"]);
    const view = other.ok<RoomView>("user/ada", lobby, { type: "describe" });
    expect(view).to.include({ posting: "threads", slowMs: 5_000 });
    // Bob has no account here.
    expect(Object.keys(view.members).toSorted()).to.deep.equal(["agent/ada.helper", "user/ada"]);
    expect(view.members["user/ada"]?.role).to.equal("owner");
    const { mentions } = (other.ok("user/ada", lobby, { type: "post", text: "@helper" }), at(other, 1));
    expect(mentions).to.deep.equal(["agent/ada.helper"]);
    const state = other.ok<{ state: RoomSnapshot }>("user/ada", lobby, { type: "resume" }).state;
    expect(state.title).to.equal("lobby");
    const closed = fixtureWith("ada");
    expect(closed.ok("node", lobby, { ...command, archived: true })).to.include({ archived: true });
    expect(closed.code("user/ada", lobby, { type: "post", text: "hi" })).to.equal("ROOM_ARCHIVED");
    const { rows } = closed.ok<CatalogPage>("user/ada", "catalog/rooms", { type: "find", text: "" });
    expect(rows).to.deep.equal([]);
  });
});
