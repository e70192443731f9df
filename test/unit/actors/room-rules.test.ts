import { expect } from "chai";
import fc from "fast-check";
import { depth } from "../../depth.ts";
import {
  errorTable,
  type CatalogPage,
  type RoomSummary,
  type RoomView,
  type UserRooms,
} from "../../../protocols/index.ts";
import { inLobby, lobby, post, view } from "./lobby.ts";
import type { Fixture } from "./fixture.ts";

const [ada, bob] = ["user/ada", "user/bob"] as const;
const archive = (fixture: Fixture, archived = true) =>
  fixture.ok<RoomView>(ada, lobby, { type: "setArchived", archived });
const rules = (
  fixture: Fixture,
  set: { readonly posting?: string; readonly slowMs?: number; readonly seen?: object },
) => fixture.do(ada, lobby, { type: "setRules", ...set });
const listed = (fixture: Fixture) =>
  fixture.ok<CatalogPage>(ada, "catalog/rooms", { type: "find", text: "" }).rows.map(({ key }) => key);

describe("a room that is made public or private", () => {
  const set = (fixture: Fixture, visibility: string) => fixture.do(ada, lobby, { type: "setVisibility", visibility });

  it("is found and joined only while it is public; its members stay", () => {
    const fixture = inLobby();
    expect(listed(fixture)).to.deep.equal(["lobby"]);
    expect(set(fixture, "private")).to.deep.include({ ok: true });
    expect(listed(fixture)).to.deep.equal([]);
    expect(fixture.code("user/dan", lobby, { type: "join" })).to.equal("NOT_FOUND");
    expect(fixture.code("user/dan", lobby, { type: "describe" })).to.equal("NOT_FOUND");
    expect(post(fixture, "bob", "still here").seq).to.equal(1);
    expect(view(fixture).visibility).to.equal("private");
    expect(set(fixture, "public")).to.deep.include({ ok: true });
    expect(listed(fixture)).to.deep.equal(["lobby"]);
    expect(fixture.code("user/dan", lobby, { type: "join" })).to.equal("accepted");
  });

  it("stays closed to a node of the version before, which passes over what opens the room and nothing that closes it", () => {
    const fixture = inLobby();
    const written = () =>
      fixture
        .journalOf(lobby)
        .map((change) => (change as { event?: { type: string; as?: { type: string } } }).event)
        .filter((event) => event?.type === "visibilitySet" || event?.as?.type === "visibilitySet")
        .map((event) => event?.type);
    set(fixture, "private");
    set(fixture, "public");
    expect(written()).to.deep.equal(["visibilitySet", "topicSet"]);
  });

  it("is so by its owner, and not where it is archived or of two people", () => {
    const fixture = inLobby();
    fixture.ok(ada, lobby, { type: "setRole", member: bob, role: "moderator" });
    expect(fixture.code(bob, lobby, { type: "setVisibility", visibility: "private" })).to.equal("FORBIDDEN");
    const { length } = fixture.stream(lobby);
    expect(set(fixture, "public")).to.deep.include({ ok: true });
    expect(fixture.stream(lobby), "nothing happened").to.have.length(length);
    set(fixture, "private");
    archive(fixture);
    expect(fixture.code(ada, lobby, { type: "setVisibility", visibility: "public" })).to.equal("ROOM_ARCHIVED");
    fixture.ok(ada, "room/dm.ada.bob", { type: "create", visibility: "direct", with: bob });
    expect(fixture.code(ada, "room/dm.ada.bob", { type: "setVisibility", visibility: "public" })).to.equal("FORBIDDEN");
  });
});

describe("an archived room", () => {
  it("takes nothing, and still shows what was said in it", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "ada", "hi");
    const poll = fixture.ok<{ seq: number }>(ada, lobby, { type: "poll", question: "Which?", options: ["a", "b"] });
    expect(archive(fixture)).to.include({ archived: true });
    const { length } = fixture.stream(lobby);
    for (const command of [
      { type: "post", text: "hi" },
      { type: "post", text: "hi", replyTo: seq },
      { type: "poll", question: "Which?", options: ["a", "b"] },
      { type: "edit", seq, text: "other" },
      { type: "react", seq, emoji: "👍", on: true },
      { type: "pin", seq, on: true },
      { type: "vote", seq: poll.seq, choices: [0] },
      { type: "closePoll", seq: poll.seq },
      { type: "setTitle", title: "Other" },
      { type: "setTopic", topic: "other" },
      { type: "setRules", posting: "moderators" },
    ])
      expect(fixture.code(ada, lobby, command), command.type).to.equal("ROOM_ARCHIVED");
    expect(fixture.stream(lobby)).to.have.length(length);
    expect(fixture.ok<{ messages: object[] }>(bob, lobby, { type: "history" }).messages).to.have.length(2);
    // What is written there can still be taken away.
    expect(fixture.code(ada, lobby, { type: "delete", seq })).to.equal("accepted");
  });

  it("is out of the list of rooms, said to be archived in one's own, and comes back by the same right", () => {
    const fixture = inLobby();
    const own = () =>
      fixture.ok<UserRooms>(bob, bob, { type: "rooms" }).rooms.map(({ archived }: RoomSummary) => archived);
    expect(listed(fixture)).to.deep.equal(["lobby"]);
    archive(fixture);
    expect(listed(fixture)).to.deep.equal([]);
    expect(own()).to.deep.equal([true]);
    expect(fixture.code("user/dan", lobby, { type: "join" })).to.equal("accepted");
    fixture.ok(ada, lobby, { type: "setRole", member: bob, role: "moderator" });
    expect(fixture.code(bob, lobby, { type: "setArchived", archived: false })).to.equal("FORBIDDEN");
    expect(archive(fixture, false)).to.include({ archived: false });
    expect(listed(fixture)).to.deep.equal(["lobby"]);
    expect(own()).to.deep.equal([undefined]);
    expect(fixture.code(bob, lobby, { type: "post", text: "hi" })).to.equal("accepted");
  });

  it("gets the answers that its agents owe", () => {
    const fixture = inLobby();
    fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
    fixture.ok(ada, lobby, { type: "invite", member: "agent/ada.helper" });
    post(fixture, "ada", "@helper hi");
    archive(fixture);
    fixture.answer("Hello.");
    const { messages } = fixture.ok<{ messages: { author: string; text: string }[] }>(ada, lobby, { type: "history" });
    expect(messages.at(-1)).to.include({ author: "agent/ada.helper", text: "Hello." });
  });
});

describe("a room for announcements", () => {
  it("takes lines of moderators; members react, and answer in threads where that is set", () => {
    const fixture = inLobby();
    rules(fixture, { posting: "threads" });
    const { seq } = post(fixture, "ada", "News");
    const reply = { type: "post", text: "hi", replyTo: seq };
    const asBob = (command: { readonly type: string }) => fixture.do(bob, lobby, command);
    const poll = { type: "poll", question: "Which?", options: ["a", "b"] };
    for (const command of [{ type: "post", text: "hi" }, { ...reply, alsoInRoom: true }, poll])
      expect(asBob(command)).to.have.nested.property("error.details.reason").that.includes("only moderators post");
    for (const command of [reply, { type: "react", seq, emoji: "👍", on: true }])
      expect(asBob(command).ok, command.type).to.equal(true);
    rules(fixture, { posting: "moderators" });
    expect(asBob(reply).ok).to.equal(false);
    fixture.ok(ada, lobby, { type: "setRole", member: bob, role: "moderator" });
    expect(asBob(reply).ok).to.equal(true);
  });

  it("has no agent that answers what a member has put into an old message", () => {
    const fixture = inLobby();
    fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
    fixture.ok(ada, lobby, { type: "invite", member: "agent/ada.helper" });
    const { seq } = post(fixture, "bob", "hi");
    const own = post(fixture, "ada", "hi");
    rules(fixture, { posting: "moderators" });
    fixture.ok(bob, lobby, { type: "edit", seq, text: "@helper hi" });
    expect(fixture.running).to.deep.equal([]);
    fixture.ok(ada, lobby, { type: "edit", seq: own.seq, text: "@helper hi" });
    expect(fixture.running).to.have.length(1);
  });

  it("is one by the word of a moderator, who overwrites nothing that was not seen", () => {
    const fixture = inLobby();
    expect(fixture.code(bob, lobby, { type: "setRules", posting: "moderators" })).to.equal("FORBIDDEN");
    expect(rules(fixture, { slowMs: 5_000, seen: { slowMs: 0 } }).ok).to.equal(true);
    expect(view(fixture)).to.include({ posting: "members", slowMs: 5_000 });
    expect(rules(fixture, { slowMs: 9_000, seen: { slowMs: 0 } })).to.deep.nested.include({
      "error.code": "CHANGED_MEANWHILE",
      "error.details.now": { slowMs: 5_000 },
    });
    const { length } = fixture.stream(lobby);
    expect(rules(fixture, { slowMs: 5_000 }).ok).to.equal(true);
    expect(fixture.stream(lobby)).to.have.length(length);
  });

  it("has no threads of their own for two people who talk to each other", () => {
    const fixture = inLobby();
    fixture.ok(ada, "room/dm.ada.bob", { type: "create", visibility: "direct", with: bob });
    for (const command of [
      { type: "setRules", posting: "moderators" },
      { type: "setArchived", archived: true },
    ])
      expect(fixture.code(ada, "room/dm.ada.bob", command)).to.equal("FORBIDDEN");
  });
});

describe("slow mode", () => {
  const slowMs = 30_000;

  it("says how long a member still waits, in the room and in its threads, and lets moderators through", () => {
    const fixture = inLobby();
    rules(fixture, { slowMs });
    const { seq } = post(fixture, "bob", "one");
    fixture.pass(10_000);
    for (const replyTo of [undefined, seq])
      expect(fixture.do(bob, lobby, { type: "post", text: "two", ...(replyTo && { replyTo }) })).to.deep.nested.include(
        {
          "error.code": "SLOW_MODE",
          "error.details": { retryAfterMs: 20_000 },
        },
      );
    post(fixture, "cleo", "of another");
    post(fixture, "ada", "of");
    post(fixture, "ada", "an owner");
    fixture.crash(lobby);
    fixture.pass(19_999);
    expect(fixture.code(bob, lobby, { type: "post", text: "two" })).to.equal("SLOW_MODE");
    fixture.pass(1);
    post(fixture, "bob", "two");
    rules(fixture, { slowMs: 0 });
    post(fixture, "bob", "three");
    expect(errorTable.SLOW_MODE.outcome).to.equal("failed");
  });

  it("goes on for who leaves and comes back, until it is over", () => {
    const fixture = inLobby();
    rules(fixture, { slowMs });
    post(fixture, "bob", "one");
    fixture.pass(10_000);
    for (let times = 0; times < 2; times += 1) {
      fixture.ok(bob, lobby, { type: "leave" });
      fixture.ok(bob, lobby, { type: "join" });
    }
    fixture.crash(lobby);
    const two = { type: "post", text: "two" };
    expect(fixture.do(bob, lobby, two)).to.deep.nested.include({ "error.details": { retryAfterMs: 20_000 } });
    fixture.ok(bob, lobby, { type: "leave" });
    fixture.pass(20_000);
    fixture.ok(bob, lobby, { type: "join" });
    post(fixture, "bob", "two");
  });

  it("never makes a member wait for longer than it says, wherever the room's clock goes", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -90_000, max: 90_000 }), { maxLength: 12 }), (steps) => {
        const fixture = inLobby();
        rules(fixture, { slowMs });
        let postedAtMs: number | undefined;
        for (const step of steps) {
          fixture.nowMs += step;
          const result = fixture.do(bob, lobby, { type: "post", text: "hi" });
          const waitMs = postedAtMs === undefined ? 0 : postedAtMs + slowMs - fixture.nowMs;
          const leftMs = waitMs > slowMs ? 0 : waitMs;
          expect(result.ok).to.equal(leftMs <= 0);
          if (result.ok) postedAtMs = fixture.nowMs;
          else expect(result.error.details?.["retryAfterMs"]).to.equal(leftMs);
        }
      }),
      { numRuns: depth(50, 1_000) },
    );
  });
});
