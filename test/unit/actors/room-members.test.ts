import { expect } from "chai";
import { errorTable, wireLimits, type RoomBan, type RoomView } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { room } from "../../../actors/index.ts";
import type { Room, RoomState } from "../../../actors/room/shape.ts";
import { Fixture } from "./fixture.ts";
import { lobby, inLobby, view, joined } from "./lobby.ts";

describe("a room's members", () => {
  it("join public rooms; joining again changes nothing", () => {
    const fixture = inLobby();
    const head = fixture.stream(lobby).length;
    expect(fixture.ok<RoomView>("user/bob", lobby, { type: "join" }).members).to.have.property("user/bob");
    expect(fixture.stream(lobby)).to.have.length(head);
    expect(fixture.code("agent/ada.helper", lobby, { type: "join" })).to.equal("FORBIDDEN");
  });

  it("are the only ones who read and write; others may look at a public room's description", () => {
    const fixture = inLobby();
    for (const command of [
      { type: "post", text: "hi" },
      { type: "history" },
      { type: "resume" },
      { type: "summary" },
      { type: "typing" },
      { type: "markRead", seq: 0 },
      { type: "leave" },
    ])
      expect(fixture.code("user/dan", lobby, command), command.type).to.equal("NOT_A_MEMBER");
    expect(fixture.code("user/dan", lobby, { type: "describe" })).to.equal("accepted");
  });

  it("are invited by moderators and owners only", () => {
    const fixture = inLobby();
    expect(fixture.code("user/bob", lobby, { type: "invite", member: "user/dan" })).to.equal("FORBIDDEN");
    fixture.ok("user/ada", lobby, { type: "setRole", member: "user/bob", role: "moderator" });
    expect(fixture.ok<RoomView>("user/bob", lobby, { type: "invite", member: "user/dan" }).members).to.have.property(
      "user/dan",
    );
    expect(fixture.ok<{ rooms: string[] }>("user/dan", "user/dan", { type: "describe" }).rooms).to.deep.equal([
      "lobby",
    ]);
    expect(fixture.code("user/bob", lobby, { type: "invite", member: "user/dan" })).to.equal("accepted");
  });

  it("go again when they were invited but do not exist, or have too many rooms", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", lobby, { type: "invite", member: "user/nobody" });
    expect(view(fixture).members).to.not.have.property("user/nobody");
    for (let index = 0; index < wireLimits.roomsPerUserMax; index += 1)
      fixture.ok(`room/r${index}`, "user/dan", { type: "roomJoined", room: `r${index}` });
    fixture.ok("user/dan", lobby, { type: "join" });
    expect(view(fixture).members).to.not.have.property("user/dan");
  });

  it("stay when they came by themselves, even if their user is not known", () => {
    const fixture = inLobby();
    fixture.ok("user/stranger", lobby, { type: "join" });
    expect(view(fixture).members).to.have.property("user/stranger");
  });

  it("are removed by those above them", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", lobby, { type: "setRole", member: "user/bob", role: "moderator" });
    expect(fixture.code("user/cleo", lobby, { type: "remove", member: "user/bob" })).to.equal("FORBIDDEN");
    expect(fixture.code("user/bob", lobby, { type: "remove", member: "user/ada" })).to.equal("FORBIDDEN");
    expect(fixture.code("user/bob", lobby, { type: "remove", member: "user/zoe" })).to.equal("NOT_FOUND");
    fixture.ok("user/bob", lobby, { type: "remove", member: "user/cleo" });
    expect(fixture.ok<{ rooms: string[] }>("user/cleo", "user/cleo", { type: "describe" }).rooms).to.deep.equal([]);
    expect(fixture.code("user/cleo", lobby, { type: "history" })).to.equal("NOT_A_MEMBER");
    expect(fixture.code("user/bob", lobby, { type: "remove", member: "user/bob" })).to.equal("accepted");
  });

  it("get their rank from owners, and one owner stays", () => {
    const fixture = inLobby();
    const setRole = (member: string, role: string) => ({ type: "setRole", member: `user/${member}`, role });
    expect(fixture.code("user/bob", lobby, setRole("bob", "owner"))).to.equal("FORBIDDEN");
    expect(fixture.code("user/ada", lobby, setRole("ada", "member"))).to.equal("LAST_OWNER");
    expect(fixture.code("user/ada", lobby, setRole("zoe", "member"))).to.equal("NOT_FOUND");
    expect(fixture.code("user/ada", lobby, setRole("bob", "member"))).to.equal("accepted");
    fixture.ok("user/ada", lobby, setRole("bob", "owner"));
    fixture.ok("user/bob", lobby, setRole("ada", "member"));
    expect(view(fixture).members["user/ada"]?.role).to.equal("member");
  });

  it("hand the room over when its last owner leaves, to whom that owner names", () => {
    const fixture = inLobby();
    fixture.nowMs += 1;
    fixture.ok("user/dan", lobby, { type: "join" });
    fixture.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
    fixture.ok("user/ada", lobby, { type: "invite", member: "agent/ada.helper" });
    const leave = (successor?: string) => ({ type: "leave", ...(successor && { successor }) });
    const refused = fixture.do("user/ada", lobby, leave());
    expect(refused).to.have.nested.property("error.code", "LAST_OWNER");
    expect(refused).to.have.nested.property("error.details.suggested", "user/bob");
    expect(fixture.code("user/ada", lobby, { type: "remove", member: "user/ada" })).to.equal("LAST_OWNER");
    expect(fixture.code("user/ada", lobby, leave("user/zoe"))).to.equal("NOT_FOUND");
    expect(fixture.code("user/ada", lobby, leave("user/ada"))).to.equal("BAD_REQUEST");
    expect(fixture.code("user/ada", lobby, leave("agent/ada.helper"))).to.equal("BAD_REQUEST");
    expect(fixture.code("user/cleo", lobby, leave("user/cleo"))).to.equal("FORBIDDEN");
    expect(view(fixture).members["user/ada"]?.role).to.equal("owner");
    const from = fixture.stream(lobby).length;
    const gone = fixture.ok<RoomView & { left: string[] }>("user/ada", lobby, leave("user/cleo"));
    expect(gone.left).to.deep.equal(["user/ada", "agent/ada.helper"]);
    expect(gone.members["user/cleo"]?.role).to.equal("owner");
    const atMs = fixture.nowMs;
    expect(fixture.stream(lobby).slice(from).map(({ event }) => event)).to.deep.equal([
      { type: "roleSet", member: "user/cleo", role: "owner", by: "user/ada" },
      { type: "left", member: "user/ada", atMs, by: "user/ada" },
      { type: "left", member: "agent/ada.helper", atMs, by: "user/ada", with: "user/ada" },
    ]);
  }); // prettier-ignore

  it("leave without more when another owner stays, or nobody does", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", lobby, { type: "setRole", member: "user/bob", role: "owner" });
    fixture.ok("user/ada", lobby, { type: "leave" });
    expect(fixture.code("user/bob", lobby, { type: "leave" })).to.equal("LAST_OWNER");
    fixture.ok("user/cleo", lobby, { type: "leave" });
    fixture.ok("user/bob", lobby, { type: "leave" });
    expect(fixture.ok<RoomView>("user/ada", lobby, { type: "join" }).members["user/ada"]?.role).to.equal("owner");
  });

  it("never stand without an owner: when the last one is lost, the longest-standing moderator takes over", () => {
    const fixture = inLobby();
    fixture.nowMs += 1;
    fixture.ok("user/dan", lobby, { type: "join" });
    fixture.ok("user/ada", lobby, { type: "setRole", member: "user/dan", role: "moderator" });
    fixture.ok("user/ada", lobby, { type: "invite", member: "user/nobody" });
    fixture.cutOff("user/late");
    fixture.ok("user/ada", lobby, { type: "invite", member: "user/late" });
    fixture.ok("user/ada", lobby, { type: "setRole", member: "user/late", role: "owner" });
    fixture.ok("user/ada", lobby, { type: "leave" });
    // Whom they invited turns out not to exist.
    fixture.reach("user/late");
    fixture.pass(60_000);
    const { members } = fixture.ok<RoomView>("user/bob", lobby, { type: "describe" });
    expect(members).to.not.have.property("user/late");
    expect(members["user/dan"]?.role).to.equal("owner");
  });

  it("are at most roomMembersMax, agents roomAgentsMax", () => {
    const fixture = new Fixture();
    fixture.ok("user/ada", lobby, { type: "create" });
    for (let index = 0; index < actorLimits.roomAgentsMax; index += 1)
      fixture.ok("user/ada", lobby, { type: "invite", member: `agent/ada.a${index}` });
    expect(fixture.code("user/ada", lobby, { type: "invite", member: "agent/ada.late" })).to.equal("LIMIT_REACHED");
    let full = fixture.stateOf<Room>(lobby) as RoomState;
    for (let at = 1_000; (full?.members.size ?? 0) < wireLimits.roomMembersMax; at += 1)
      full = room.evolve(full, { type: "happened", at, event: joined(`user/u${at}`) });
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "user/late", notes: { progress: {} } } as const;
    expect(room.decide(full, { type: "join" }, turn)).to.deep.equal([
      { type: "refuse", code: "LIMIT_REACHED", details: { limit: "roomMembersMax" } },
    ]);
  });
});

describe("a ban", () => {
  const ban = (member: string, more: object = {}) => ({ type: "remove", member, ban: true, ...more });
  const bans = (fixture: Fixture) => fixture.ok<{ bans: RoomBan[] }>("user/ada", lobby, { type: "bans" }).bans;

  it("keeps out who was removed, and says who did it, why and until when; it ends by itself", () => {
    const fixture = inLobby();
    const atMs = fixture.nowMs;
    fixture.ok("user/ada", lobby, ban("user/bob", { banForMs: 3_600_000, reason: "spam" }));
    expect(view(fixture).members).to.not.have.property("user/bob");
    expect(fixture.do("user/bob", lobby, { type: "join" })).to.deep.include({
      error: {
        code: "BANNED",
        outcome: "failed",
        message: errorTable.BANNED.help,
        details: { by: "user/ada", atMs, untilMs: atMs + 3_600_000, reason: "spam" },
      },
    });
    expect(fixture.code("user/ada", lobby, { type: "invite", member: "user/bob" })).to.equal("BANNED");
    // So does whoever only looks: the page that was open learns it without a question of its own.
    expect(fixture.code("user/bob", lobby, { type: "history" })).to.equal("BANNED");
    expect(fixture.code("user/zoe", lobby, { type: "history" })).to.equal("NOT_A_MEMBER");
    fixture.crash(lobby);
    expect(fixture.code("user/bob", lobby, { type: "join" })).to.equal("BANNED");
    expect(fixture.code("user/bob", lobby, { type: "post", text: "let me in" })).to.equal("BANNED");
    expect(bans(fixture)).to.deep.equal([
      { member: "user/bob", by: "user/ada", atMs, untilMs: atMs + 3_600_000, reason: "spam" },
    ]);
    fixture.pass(3_600_000);
    expect(bans(fixture)).to.deep.equal([]);
    expect(fixture.code("user/bob", lobby, { type: "join" })).to.equal("accepted");
  });

  it("holds without an end until it is lifted, and can come before its member does", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", lobby, ban("user/dan"));
    fixture.ok("user/ada", lobby, ban("user/dan", { reason: "again" }));
    fixture.pass(wireLimits.banMsMax);
    expect(fixture.code("user/dan", lobby, { type: "join" })).to.equal("BANNED");
    expect(bans(fixture).map(({ reason }) => reason)).to.deep.equal(["again"]);
    fixture.ok("user/ada", lobby, { type: "unban", member: "user/dan" });
    expect(fixture.code("user/ada", lobby, { type: "unban", member: "user/dan" })).to.equal("NOT_FOUND");
    expect(fixture.code("user/dan", lobby, { type: "join" })).to.equal("accepted");
  });

  it("is a choice: who is only removed may come back, and a reason or an end needs a ban", () => {
    const fixture = inLobby();
    expect(fixture.code("user/ada", lobby, { type: "remove", member: "user/bob", reason: "x" })).to.equal(
      "BAD_REQUEST",
    );
    expect(fixture.code("user/ada", lobby, { type: "remove", member: "user/bob", banForMs: 1 })).to.equal(
      "BAD_REQUEST",
    );
    fixture.ok("user/ada", lobby, { type: "remove", member: "user/bob", ban: false });
    expect(fixture.code("user/bob", lobby, { type: "join" })).to.equal("accepted");
  });

  it("is for moderators, against those below them", () => {
    const fixture = inLobby();
    expect(fixture.code("user/bob", lobby, ban("user/cleo"))).to.equal("FORBIDDEN");
    expect(fixture.code("user/bob", lobby, ban("user/dan"))).to.equal("FORBIDDEN");
    for (const command of [{ type: "bans" }, { type: "unban", member: "user/dan" }])
      expect(fixture.code("user/bob", lobby, command), command.type).to.equal("FORBIDDEN");
    fixture.ok("user/ada", lobby, { type: "setRole", member: "user/bob", role: "moderator" });
    expect(fixture.code("user/bob", lobby, ban("user/ada"))).to.equal("FORBIDDEN");
    expect(fixture.code("user/bob", lobby, ban("user/bob"))).to.equal("BAD_REQUEST");
    expect(fixture.code("user/bob", lobby, ban("user/cleo"))).to.equal("accepted");
    expect(fixture.code("user/dan", lobby, ban("user/cleo"))).to.equal("NOT_A_MEMBER");
  });

  it("keeps an agent out, too: its owner cannot bring it back", () => {
    const fixture = inLobby();
    fixture.ok("user/bob", "user/bob", { type: "createAgent", name: "poet" });
    fixture.ok("user/bob", lobby, { type: "invite", member: "agent/bob.poet" });
    fixture.ok("user/ada", lobby, ban("agent/bob.poet"));
    expect(fixture.code("user/bob", lobby, { type: "invite", member: "agent/bob.poet" })).to.equal("BANNED");
    expect(fixture.code("user/bob", lobby, ban("agent/bob.poet"))).to.equal("FORBIDDEN");
  });

  it("is one of at most bansPerRoomMax that hold; those that have ended do not count", () => {
    const fixture = inLobby();
    fixture.ok("user/ada", lobby, ban("user/short", { banForMs: wireLimits.banMsMin }));
    for (let index = 1; index < wireLimits.bansPerRoomMax; index += 1)
      fixture.ok("user/ada", lobby, ban(`user/u${index}`));
    expect(fixture.code("user/ada", lobby, ban("user/bob"))).to.equal("LIMIT_REACHED");
    expect(view(fixture).members).to.have.property("user/bob");
    expect(fixture.code("user/ada", lobby, ban("user/u1", { reason: "still" }))).to.equal("accepted");
    fixture.pass(wireLimits.banMsMin);
    expect(fixture.code("user/ada", lobby, ban("user/bob"))).to.equal("accepted");
    expect(fixture.stateOf<Room>(lobby).bans).to.have.length(wireLimits.bansPerRoomMax);
    const listed = Buffer.byteLength(JSON.stringify(bans(fixture)));
    expect(listed).to.be.below(wireLimits.pageBytesMax);
  });
});

describe("a room's settings", () => {
  it("are changed by moderators, and the catalog follows", () => {
    const fixture = inLobby();
    expect(fixture.code("user/bob", lobby, { type: "setTitle", title: "Mine" })).to.equal("FORBIDDEN");
    expect(fixture.ok("user/ada", lobby, { type: "setTitle", title: "Hall" })).to.deep.include({ title: "Hall" });
    expect(fixture.ok("user/ada", lobby, { type: "setTopic", topic: "news" })).to.deep.include({ topic: "news" });
    const { rows } = fixture.ok<{ rows: object[] }>("user/dan", "catalog/rooms", { type: "find", text: "hal" });
    expect(rows).to.have.length(1);
    expect(rows[0]).to.deep.include({ title: "Hall", detail: "news" });
    const head = fixture.stream(lobby).length;
    fixture.ok("user/ada", lobby, { type: "setTitle", title: "Hall" });
    expect(fixture.stream(lobby)).to.have.length(head);
  });
});
