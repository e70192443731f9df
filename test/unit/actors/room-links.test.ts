import { expect } from "chai";
import { errorTable, wireLimits, type RoomLink, type RoomView } from "../../../protocols/index.ts";
import { room } from "../../../actors/index.ts";
import type { Room } from "../../../actors/room/shape.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, view } from "./lobby.ts";

const [ada, bob, dan] = ["user/ada", "user/bob", "user/dan"] as const;
const hash = "a".repeat(64);
const day = 24 * 60 * 60_000;
const terms = { uses: 2, lifeMs: day };

/** A private room of ada, bob and cleo. */
function inPrivate(): Fixture {
  const fixture = inLobby();
  fixture.ok(ada, lobby, { type: "setVisibility", visibility: "private" });
  return fixture;
}

const make = (fixture: Fixture, more: object = {}) =>
  fixture.ok<RoomLink>("gateway", lobby, { type: "addLink", by: ada, id: "one", hash, ...terms, ...more });
const come = (fixture: Fixture, member: string, by = hash) =>
  fixture.code("gateway", lobby, { type: "joinByLink", member, hash: by });
const listed = (fixture: Fixture) => fixture.ok<{ links: RoomLink[] }>(ada, lobby, { type: "links" }).links;
const memberOf = (fixture: Fixture, member: string) => view(fixture).members[member];

describe("a link into a room", () => {
  it("brings in so many people for so long, and then nobody", () => {
    const fixture = inPrivate();
    expect(come(fixture, dan)).to.equal("JOIN_LINK_ENDED");
    expect(make(fixture)).to.deep.equal({
      id: "one",
      by: ada,
      atMs: fixture.nowMs,
      untilMs: fixture.nowMs + day,
      usesLeft: 2,
    });
    expect(come(fixture, dan)).to.equal("accepted");
    expect(memberOf(fixture, dan)).to.include({ role: "member" });
    expect(fixture.stream(lobby).at(-1)?.event).to.deep.include({
      type: "joined",
      member: dan,
      by: dan,
      link: { id: "one", by: ada },
    });
    expect(listed(fixture)).to.have.length(1);
    expect(listed(fixture)[0]).to.include({ usesLeft: 1 });
    // Somebody who is here already uses nothing up.
    for (const member of [dan, bob]) expect(come(fixture, member)).to.equal("accepted");
    expect(listed(fixture)[0]).to.include({ usesLeft: 1 });
    expect(come(fixture, "user/eve")).to.equal("accepted");
    expect(listed(fixture)).to.deep.equal([]);
    expect(come(fixture, "user/finn")).to.equal("JOIN_LINK_ENDED");
    make(fixture, { id: "two" });
    fixture.pass(day);
    expect(come(fixture, "user/finn")).to.equal("JOIN_LINK_ENDED");
    expect(listed(fixture)).to.deep.equal([]);
  });

  it("says which room it leads to, to those who have it alone", () => {
    const fixture = inPrivate();
    make(fixture);
    const look = (member: string, by: string) =>
      fixture.do("gateway", lobby, { type: "lookThrough", member, hash: by }) as { ok: boolean; value?: unknown };
    expect(look(dan, hash).value).to.deep.equal({ room: "lobby", title: "Lobby", memberCount: 3, by: ada });
    expect(look(dan, "b".repeat(64))).to.include({ ok: false });
    expect(JSON.stringify(fixture.published), "no member hears of it").not.to.include(hash);
    // Only the gateway, which has seen the secret, brings a hash.
    for (const type of ["joinByLink", "lookThrough"])
      expect(fixture.code(dan, lobby, { type, member: dan, hash }), type).to.equal("FORBIDDEN");
  });

  it("is made, listed and taken back by owners, and never of a direct room", () => {
    const fixture = inPrivate();
    fixture.ok(ada, lobby, { type: "setRole", member: bob, role: "moderator" });
    const add = (by: string) => fixture.code("gateway", lobby, { type: "addLink", by, id: "two", hash, ...terms });
    expect(add(bob)).to.equal("FORBIDDEN");
    expect(add(dan)).to.equal("NOT_FOUND");
    make(fixture);
    expect(fixture.code(bob, lobby, { type: "links" })).to.equal("FORBIDDEN");
    const remove = (by: string) => fixture.code("gateway", lobby, { type: "removeLink", by, id: "one" });
    expect(remove(bob)).to.equal("FORBIDDEN");
    expect(remove(dan)).to.equal("NOT_FOUND");
    expect(remove(ada)).to.equal("accepted");
    expect(remove(ada)).to.equal("NOT_FOUND");
    expect(come(fixture, dan)).to.equal("JOIN_LINK_ENDED");
    fixture.ok(ada, "room/dm.ada.bob", { type: "create", visibility: "direct", with: bob });
    expect(fixture.code("gateway", "room/dm.ada.bob", { type: "addLink", by: ada, id: "x", hash, ...terms })).to.equal(
      "FORBIDDEN",
    );
  });

  it("lets in nobody who is banned, and ends with the ownership of its maker", () => {
    const fixture = inPrivate();
    fixture.ok(ada, lobby, { type: "remove", member: dan, ban: true });
    make(fixture);
    expect(come(fixture, dan)).to.equal("BANNED");
    expect(fixture.code("gateway", lobby, { type: "lookThrough", member: dan, hash })).to.equal("BANNED");
    expect(listed(fixture)[0]).to.include({ usesLeft: 2 });
    fixture.ok(ada, lobby, { type: "setRole", member: bob, role: "owner" });
    make(fixture, { id: "bobs", by: bob, hash: "b".repeat(64) });
    fixture.ok(ada, lobby, { type: "setRole", member: bob, role: "member" });
    expect(come(fixture, "user/eve", "b".repeat(64))).to.equal("JOIN_LINK_ENDED");
    fixture.ok(ada, lobby, { type: "setRole", member: bob, role: "owner" });
    expect(come(fixture, "user/eve", "b".repeat(64)), "it does not come back").to.equal("JOIN_LINK_ENDED");
    fixture.ok(ada, lobby, { type: "leave" });
    expect(come(fixture, "user/eve")).to.equal("JOIN_LINK_ENDED");
  });

  it("is one of a bounded number; those that have ended make room", () => {
    const fixture = inPrivate();
    for (let index = 0; index < wireLimits.joinLinksPerRoomMax; index += 1) make(fixture, { id: `l${index}` });
    const more = { type: "addLink", by: ada, id: "more", hash, ...terms };
    expect(fixture.code("gateway", lobby, more)).to.equal("LIMIT_REACHED");
    fixture.pass(day);
    expect(fixture.code("gateway", lobby, more)).to.equal("accepted");
    expect(fixture.stateOf<Room>(lobby).links).to.have.length(1);
  });

  it("holds after a crash, passes over nodes of the version before, and is in no backup that comes back", () => {
    const fixture = inPrivate();
    make(fixture);
    fixture.crash(lobby);
    expect(come(fixture, dan)).to.equal("accepted");
    const changes = fixture.journalOf(lobby) as { type: string; member?: string; seq?: number; link?: object }[];
    expect(changes.filter(({ link }) => link !== undefined)).to.have.length(1);
    expect(changes.find(({ link }) => link !== undefined)).to.include({ type: "readMarked", member: "", seq: 0 });
    const state = fixture.stateOf<Room>(lobby);
    expect(state.links).to.have.length(1);
    expect(room.restored?.(state)).not.to.have.property("links");
    expect(errorTable.JOIN_LINK_ENDED.help).to.include("Ask the person who gave it to you");
    expect(fixture.ok<RoomView>(ada, lobby, { type: "describe" })).not.to.have.property("links");
  });
});
