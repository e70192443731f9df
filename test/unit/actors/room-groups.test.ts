import { expect } from "chai";
import { array, assert as assertProperty, constantFrom, property, uniqueArray } from "fast-check";
import type { Sender, Turn } from "../../../actors/behavior.ts";
import { create, membershipHandlers } from "../../../actors/room/membership.ts";
import { ruleHandlers } from "../../../actors/room/rules.ts";
import type { Room, RoomNotes, RoomState } from "../../../actors/room/shape.ts";
import { evolve } from "../../../actors/room/state.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { groupKey, groupsOfPeopleMax, nthOfGroup } from "../../../protocols/kinds/room-group.ts";
import { wireLimits, type RoomView } from "../../../protocols/index.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const people = ["user/ada", "user/bob", "user/cleo"];
const to = (nth = 1, of = people) => `room/${groupKey(of, nth)}` as const;
const begin = (fixture: Fixture, by: string, of = people, room: `room/${string}` = to(1, of)) =>
  fixture.do(`user/${by}`, room, {
    type: "create",
    visibility: "direct",
    people: of.filter((one) => one !== `user/${by}`),
  });
const view = (fixture: Fixture, room = to()): RoomView => fixture.ok("user/bob", room, { type: "describe" });

const letters = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

describe("a direct conversation of several people", () => {
  it("is found again by the same people, whoever begins it, and by no others", () => {
    const fixture = fixtureWith("ada", "bob", "cleo", "dan");
    expect(begin(fixture, "ada").ok).to.equal(true);
    fixture.ok("user/cleo", to(), { type: "post", text: "hello" });
    expect(begin(fixture, "bob").ok).to.equal(true);
    expect(view(fixture)).to.deep.include({ visibility: "direct", people, messageSeq: 1, title: "ada, bob, cleo" });
    const wrong = { type: "create", visibility: "direct", people: ["user/ada", "user/bob"] };
    expect(fixture.code("user/dan", to(), wrong)).to.equal("BAD_REQUEST");
    expect(fixture.code("user/dan", to(), { type: "join" })).to.equal("NOT_FOUND");
    expect(fixture.code("user/dan", to(), { type: "history" })).not.to.equal("accepted");
    expect(fixture.code("user/ada", to(), { type: "invite", member: "user/dan" })).to.equal("FORBIDDEN");
    expect(fixture.ok<{ rows: unknown[] }>("user/dan", "catalog/rooms", { type: "find", text: "" }).rows).to.deep.equal(
      [],
    );
  });

  it("is of three to twenty people who are there", () => {
    const fixture = fixtureWith("ada", "bob");
    expect(begin(fixture, "ada", ["user/ada", "user/bob", "user/nobody"])).to.deep.include({ ok: false });
    const two = ["user/ada", "user/bob"];
    const asked = { type: "create", visibility: "direct", people: ["user/bob"] };
    expect(fixture.code("user/ada", to(1, two), asked)).to.equal("BAD_REQUEST");
    const many = Array.from({ length: wireLimits.groupPeopleMax + 1 }, (_, of) => `user/p${of}`).concat("user/ada");
    expect(fixture.code("user/ada", to(1, many), { ...asked, people: many.slice(0, -1) })).to.equal("BAD_REQUEST");
  });

  it("is left, and those who left come back when it is begun again", () => {
    const fixture = fixtureWith("ada", "bob", "cleo");
    begin(fixture, "ada");
    fixture.ok("user/cleo", to(), { type: "leave" });
    expect(Object.keys(view(fixture).members)).to.have.members(["user/ada", "user/bob"]);
    expect(fixture.code("user/cleo", to(), { type: "history" })).not.to.equal("accepted");
    expect(begin(fixture, "bob").ok).to.equal(true);
    expect(Object.keys(view(fixture).members)).to.have.members(people);
  });

  it("becomes a private room of the person who says so; the same people begin another one", () => {
    const fixture = fixtureWith("ada", "bob", "cleo", "dan");
    begin(fixture, "ada");
    fixture.ok("user/ada", to(), { type: "post", text: "before" });
    expect(fixture.code("user/bob", to(), { type: "setVisibility", visibility: "public" })).to.equal("FORBIDDEN");
    fixture.ok("user/bob", to(), { type: "setVisibility", visibility: "private" });
    expect(view(fixture)).to.deep.include({ visibility: "private", messageSeq: 1 });
    expect(view(fixture).members["user/bob"]?.role).to.equal("owner");
    expect(fixture.code("user/ada", to(), { type: "setTitle", title: "Plans" })).to.equal("FORBIDDEN");
    fixture.ok("user/bob", to(), { type: "setTitle", title: "Plans" });
    const [invite, open] = [
      { type: "invite", member: "user/dan" },
      { type: "setVisibility", visibility: "public" },
    ];
    expect([fixture.code("user/bob", to(), invite), fixture.code("user/bob", to(), open)]).to.deep.equal([
      "FORBIDDEN",
      "FORBIDDEN",
    ]);
    const link = { type: "addLink", by: "user/bob", id: "a", hash: "b".repeat(64), uses: 1, lifeMs: 60_000 };
    expect(fixture.code("gateway", to(), link)).to.equal("FORBIDDEN");
    fixture.ok("user/cleo", to(), { type: "leave" });
    fixture.ok("user/bob", to(), { type: "invite", member: "user/cleo" });
    const again = begin(fixture, "ada");
    expect(again.ok ? "" : again.error.code).to.equal("NAME_TAKEN");
    expect(begin(fixture, "ada", people, to(2)).ok).to.equal(true);
    expect(view(fixture, to(2))).to.deep.include({ visibility: "direct", messageSeq: 0 });
  });

  it("becomes a room again only where somebody else has written, and the last of its numbers never", () => {
    const fixture = fixtureWith("ada", "bob", "cleo");
    const made = { type: "setVisibility", visibility: "private" };
    begin(fixture, "ada");
    fixture.ok("user/ada", to(), made);
    begin(fixture, "ada", people, to(2));
    fixture.ok("user/ada", to(2), { type: "post", text: "mine" });
    expect(fixture.code("user/ada", to(2), made), "nobody uses the numbers up alone").to.equal("FORBIDDEN");
    fixture.ok("user/bob", to(2), { type: "post", text: "of bob" });
    fixture.ok("user/ada", to(2), made);
    begin(fixture, "ada", people, to(3));
    fixture.ok("user/bob", to(3), { type: "post", text: "long ago" });
    const more = Array.from({ length: actorLimits.roomRecentMessages + 1 }, (_, count) => `${count}`);
    for (const text of more) fixture.ok("user/ada", to(3), { type: "post", text });
    fixture.ok("user/ada", to(3), made);
    begin(fixture, "ada", people, to(groupsOfPeopleMax));
    fixture.ok("user/bob", to(groupsOfPeopleMax), { type: "post", text: "of bob" });
    expect(fixture.code("user/ada", to(groupsOfPeopleMax), made)).to.equal("FORBIDDEN");
    expect(view(fixture, to(groupsOfPeopleMax))).to.deep.include({ visibility: "direct" });
  });

  it("is not found again alone by somebody who has left it, and begins anew when nobody is left", () => {
    const fixture = fixtureWith("ada", "bob", "cleo");
    begin(fixture, "ada");
    fixture.ok("user/cleo", to(), { type: "leave" });
    fixture.ok("user/ada", to(), { type: "post", text: "now that cleo is gone" });
    const alone = begin(fixture, "cleo");
    expect(alone.ok ? "" : alone.error.code).to.equal("FORBIDDEN");
    expect(fixture.code("user/cleo", to(), { type: "history" })).not.to.equal("accepted");
    for (const who of ["ada", "bob"]) fixture.ok(`user/${who}`, to(), { type: "leave" });
    const again = begin(fixture, "cleo");
    expect(again.ok ? "" : again.error.code).to.equal("NAME_TAKEN");
    expect(begin(fixture, "cleo", people, to(2)).ok).to.equal(true);
  });

  it("does not bring back accounts that are gone", () => {
    const fixture = fixtureWith("ada", "bob", "cleo", "dan");
    const all = [...people, "user/dan"];
    begin(fixture, "ada", all);
    fixture.ok("gateway", "user/cleo", { type: "beginDeletion", byAdmin: true, waitMs: 0 });
    fixture.pass(60_000);
    fixture.ok("user/dan", to(1, all), { type: "leave" });
    expect(begin(fixture, "bob", all).ok).to.equal(true);
    fixture.pass(60_000);
    const here = ["user/ada", "user/bob", "user/dan"];
    expect(Object.keys(view(fixture, to(1, all)).members)).to.have.members(here);
    const joined = fixture.stream(to(1, all)).filter(({ event }) => event.type === "joined");
    expect(joined.map(({ event }) => (event as unknown as { member: string }).member)).to.deep.equal(["user/dan"]);
  });

  it("is one whose people a node of the version before has lost", () => {
    const fixture = fixtureWith("ada", "bob", "cleo");
    begin(fixture, "ada");
    const { people: _lost, ...room } = fixture.stateOf<Room>(to());
    const turn = (from: Sender): Turn<RoomNotes> => ({
      self: to(),
      key: groupKey(people),
      nowMs: 5,
      from,

      notes: { progress: {} },
    });
    const types = (effects: readonly { readonly type: string }[]) => effects.map(({ type }) => type);
    expect(types(membershipHandlers.leave(room, { type: "leave" }, turn("user/bob")))).not.to.include("refuse");
    const private_ = { type: "setVisibility", visibility: "private" } as const;
    expect(types(ruleHandlers.setVisibility(room, private_, turn("user/bob")))).not.to.include("refuse");
    const again = { type: "create", visibility: "direct", people: people.slice(1) } as const;
    const effects = create(room, { ...again, people: [...again.people] }, turn("user/ada"));
    const mended = effects.reduce<RoomState>(
      (state, effect) => (effect.type === "persist" ? evolve(state, effect.event) : state),
      room,
    );
    expect(mended?.people).to.deep.equal(people);
  });

  it("has one key for its people, in any order, and another for any other set", () => {
    const some = uniqueArray(constantFrom(...letters), { minLength: 3, maxLength: 8 });
    assertProperty(
      property(some, array(constantFrom(...letters)), (set, other) => {
        const key = groupKey(set);
        expect(groupKey([...set].reverse().concat(set.slice(0, 1)))).to.equal(key);
        const isSame = [...new Set(other)].toSorted().join() === set.toSorted().join();
        expect(groupKey(other) === key).to.equal(isSame);
        expect(nthOfGroup(groupKey(set, 4))).to.equal(4);
        expect(key.length).to.be.at.most(96);
      }),
    );
  });
});
