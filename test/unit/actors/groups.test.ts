import { expect } from "chai";
import { wireLimits, type GroupsView, type RoomMessage, type RoomSummary } from "../../../protocols/index.ts";
import { room } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { Room } from "../../../actors/room/shape.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post, type Page } from "./lobby.ts";

const [ada, bob, cleo] = ["user/ada", "user/bob", "user/cleo"] as const;
const all = "groups/cluster";
const set = (group: string, members: readonly string[], more: object = {}) => ({
  type: "set",
  group,
  title: `The ${group}`,
  members,
  ...more,
});

/** A room of ada, bob and cleo, and groups: dan is in one and not in the room. */
function withGroups(): Fixture {
  const fixture = inLobby();
  fixture.ok("gateway", all, set("ops", ["cleo", "bob", "dan"]));
  fixture.ok("gateway", all, set("night-shift", ["cleo"]));
  return fixture;
}

const message = (fixture: Fixture, seq: number): RoomMessage => {
  const { messages } = fixture.ok<Page>(ada, lobby, { type: "history", around: seq });
  return messages.find((one) => one.seq === seq) ?? expect.fail("it is there");
};
const isCalled = (fixture: Fixture, who: `user/${string}`) =>
  fixture.ok<RoomSummary>(who, lobby, { type: "summary" }).mentioned;
const edits = (fixture: Fixture) => fixture.stream(lobby).filter(({ event }) => event.type === "edited");

describe("groups", () => {
  it("are listed by name, changed by a gateway that has seen them, and removed", () => {
    const fixture = withGroups();
    const list = () => fixture.ok<GroupsView>(ada, all, { type: "list" }).groups.map(({ group }) => group);
    expect(list()).to.deep.equal(["night-shift", "ops"]);
    expect(fixture.code(ada, all, set("mine", []))).to.equal("FORBIDDEN");
    const seen = { title: "The ops", members: ["bob", "cleo", "dan"] };
    expect(fixture.code("gateway", all, set("ops", ["bob"], { seen: null }))).to.equal("CHANGED_MEANWHILE");
    expect(fixture.code("gateway", all, set("ops", ["bob"], { seen }))).to.equal("accepted");
    expect(fixture.code("gateway", all, set("ops", ["cleo"], { seen }))).to.equal("CHANGED_MEANWHILE");
    fixture.crash(all);
    expect(fixture.ok("gateway", all, { type: "remove", group: "ops" })).to.deep.include({ members: ["bob"] });
    expect(fixture.code("gateway", all, { type: "remove", group: "ops" })).to.equal("NOT_FOUND");
    expect(list()).to.deep.equal(["night-shift"]);
  });

  it("are so many", () => {
    const fixture = inLobby();
    for (let index = 0; index < wireLimits.groupsMax; index += 1) fixture.ok("gateway", all, set(`g${index}`, []));
    expect(fixture.code("gateway", all, set("more", []))).to.equal("LIMIT_REACHED");
    expect(fixture.code("gateway", all, set("g1", ["ada"]))).to.equal("accepted");
  });
});

describe("a group that is mentioned", () => {
  it("tells those of it who are in the room, once, and nobody outside", () => {
    const fixture = withGroups();
    const { seq } = post(fixture, "ada", "@ops please look, and @nobody");
    expect(message(fixture, seq)).to.deep.include({ groups: ["ops"], mentions: [bob, cleo] });
    expect(message(fixture, seq)).not.to.have.property("editedAtMs");
    expect(edits(fixture).map(({ event }) => [event["groups"], event["told"]])).to.deep.equal([[["ops"], [bob, cleo]]]);
    expect([isCalled(fixture, bob), isCalled(fixture, cleo), isCalled(fixture, ada)]).to.deep.equal([
      true,
      true,
      false,
    ]);
    expect(JSON.stringify(fixture.stream(lobby))).not.to.include("user/dan");
    fixture.ok(bob, lobby, { type: "markRead", seq });
    expect([isCalled(fixture, bob), isCalled(fixture, cleo)]).to.deep.equal([false, true]);
  });

  it("does not tell its author, nor those whom the message mentions by name anyway", () => {
    const fixture = withGroups();
    const { seq } = post(fixture, "cleo", "@ops and @bob");
    expect(message(fixture, seq).mentions).to.deep.equal([bob]);
    expect(edits(fixture)[0]?.event).not.to.have.property("told");
  });

  it("stays mentioned by an edit, tells those who are new, and is no more where the edit takes it out", () => {
    const fixture = withGroups();
    const { seq } = post(fixture, "ada", "@night-shift look");
    const edit = (text: string) => fixture.ok(ada, lobby, { type: "edit", seq, text });
    expect(message(fixture, seq).mentions).to.deep.equal([cleo]);
    edit("@night-shift please look");
    expect(message(fixture, seq)).to.deep.include({ groups: ["night-shift"], mentions: [cleo] });
    expect(isCalled(fixture, cleo), "still called").to.equal(true);
    edit("@night-shift and @ops look");
    expect(message(fixture, seq).groups).to.deep.equal(["night-shift", "ops"]);
    expect(edits(fixture).at(-1)?.event["told"]).to.deep.equal([bob]);
    edit("nothing");
    expect(message(fixture, seq)).not.to.have.any.keys("groups", "mentions");
    expect([isCalled(fixture, bob), isCalled(fixture, cleo)]).to.deep.equal([false, false]);
  });

  it("is told late where groups cannot be asked, unless the message was deleted meanwhile", () => {
    const fixture = withGroups();
    fixture.cutOff(all);
    const first = post(fixture, "ada", "@ops one");
    const second = post(fixture, "ada", "@ops two");
    fixture.ok(ada, lobby, { type: "delete", seq: second.seq });
    expect(isCalled(fixture, bob)).to.equal(false);
    fixture.reach(all);
    fixture.pass(60_000);
    expect(message(fixture, first.seq).mentions).to.deep.equal([bob, cleo]);
    expect(message(fixture, second.seq)).not.to.have.any.keys("groups", "mentions");
  });

  for (const [what, from, command] of [
    ["whose author was banned meanwhile", ada, { type: "remove", member: bob, ban: true }],
    ["whose author has left meanwhile", bob, { type: "leave" }],
    ["in a room that was archived meanwhile", ada, { type: "setArchived", archived: true }],
  ] as const)
    it(`calls nobody for a message ${what}`, () => {
      const fixture = withGroups();
      fixture.cutOff(all);
      const { seq } = post(fixture, "bob", "@ops one");
      fixture.ok(from, lobby, command);
      fixture.reach(all);
      fixture.pass(60_000);
      expect(message(fixture, seq)).not.to.have.any.keys("groups", "mentions");
      expect(edits(fixture)).to.deep.equal([]);
      expect(isCalled(fixture, cleo)).to.equal(false);
    });

  it("is told by edits of one message to so many people in all, and the message keeps so many", () => {
    const fixture = inLobby();
    const max = wireLimits.groupMembersMax;
    const names = Array.from({ length: 5 * max }, (_, index) => `u${index}`);
    for (const name of names) fixture.ok(`user/${name}`, lobby, { type: "join" });
    for (let group = 0; group < 4; group += 1)
      fixture.ok("gateway", all, set(`g${group}`, names.slice(group * max, (group + 1) * max)));
    const { seq } = post(fixture, "ada", "@g0");
    for (const group of ["@g1", "@g2", "@g3", "@g0"]) fixture.ok(ada, lobby, { type: "edit", seq, text: group });
    const told = edits(fixture).flatMap(({ event }) => (event["told"] as readonly string[] | undefined) ?? []);
    expect(told, "the post told its group").to.have.length(wireLimits.mentionsOfEditsMax);
    expect(message(fixture, seq).mentions, "they are mentioned again").to.have.members(told);
    // By name it is the same: the message does not grow with its edits.
    for (let from = 0; from < names.length; from += wireLimits.mentionsPerMessageMax) {
      const called = names.slice(from, from + wireLimits.mentionsPerMessageMax).map((name) => `@${name}`);
      fixture.ok(ada, lobby, { type: "edit", seq, text: called.join(" ") });
    }
    const keptMax = wireLimits.groupsPerMessageMax * max + wireLimits.mentionsOfEditsMax;
    expect(message(fixture, seq).mentionedBefore).to.have.length(keptMax);
  });

  it("keeps nobody mentioned whom an edit names no more, unless a group calls them", () => {
    const fixture = withGroups();
    const { seq } = post(fixture, "ada", "@night-shift, @cleo and @bob look");
    expect(message(fixture, seq).mentions).to.deep.equal([cleo, bob]);
    fixture.ok(ada, lobby, { type: "edit", seq, text: "@night-shift look" });
    expect(message(fixture, seq)).to.deep.include({
      groups: ["night-shift"],
      mentions: [cleo],
      mentionedBefore: [bob],
    });
    expect([isCalled(fixture, bob), isCalled(fixture, cleo)]).to.deep.equal([false, true]);
    expect(
      edits(fixture).flatMap(({ event }) => event["told"] ?? []),
      "nobody is told twice",
    ).to.deep.equal([]);
    // Who came into the group since then is not called by an edit that keeps it.
    fixture.ok("gateway", all, set("night-shift", ["cleo", "dan"]));
    fixture.ok("user/dan", lobby, { type: "join" });
    fixture.ok(ada, lobby, { type: "edit", seq, text: "@night-shift please look" });
    expect(message(fixture, seq).mentions).to.deep.equal([cleo]);
  });

  it("keeps no message waiting: where groups cannot be asked, few wait for them, and all else goes on", () => {
    const fixture = withGroups();
    fixture.cutOff(all);
    const max = actorLimits.roomGroupCallsMax;
    for (let number = 0; number < max + 2; number += 1) post(fixture, "bob", `see @ops and ${number}`);
    expect(fixture.stateOf<Room>(lobby).outbox.entries).to.have.length(max);
    fixture.reach(all);
    fixture.pass(60_000);
    expect(message(fixture, max)).to.deep.include({ mentions: [cleo] });
    expect(message(fixture, max + 1)).not.to.have.any.keys("groups", "mentions");
    // Of a full outbox it takes no place, and refuses no message.
    const state = fixture.stateOf<Room>(lobby);
    const { outboxEntriesMax } = actorLimits;
    const entry = (id: number) => ({ id, to: "user/x" as const, message: { type: "x" } });
    const full = {
      ...state,
      outbox: { next: 1, entries: Array.from({ length: outboxEntriesMax }, (_, id) => entry(id)) },
    };
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: ada, notes: { progress: {} } } as const;
    const effects = room.decide(full, { type: "post", text: "@ops one more" }, turn);
    expect(effects.map(({ type }) => type))
      .to.include("persist")
      .and.not.include("refuse");
  });
});
