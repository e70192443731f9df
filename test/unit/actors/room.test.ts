import { expect } from "chai";
import {
  errorTable,
  wireLimits,
  type RoomBan,
  type RoomEvent,
  type RoomMessage,
  type RoomState as RoomSnapshot,
  type RoomSummary,
  type RoomView,
} from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { room } from "../../../actors/index.ts";
import type { OutboxEntry } from "../../../actors/outbox.ts";
import type { Room, RoomState } from "../../../actors/room/state.ts";
import { Stage, stageWith } from "./stage.ts";
import { ended, text } from "../../said.ts";

const lobby = "room/lobby";

interface Page {
  readonly messages: readonly RoomMessage[];
  readonly more: boolean;
}

/** A public room of ada (owner), bob and cleo. */
function inLobby(): Stage {
  const stage = stageWith("ada", "bob", "cleo", "dan");
  stage.ok("user/ada", lobby, { type: "create", title: "Lobby" });
  stage.ok("user/bob", lobby, { type: "join" });
  stage.ok("user/cleo", lobby, { type: "join" });
  return stage;
}

const post = (stage: Stage, from: string, text: string, more: object = {}): { seq: number; at: number } =>
  stage.ok(`user/${from}`, lobby, { type: "post", text, ...more });

const view = (stage: Stage): RoomView => stage.ok("user/ada", lobby, { type: "describe" });
const texts = ({ messages }: Page): readonly string[] => messages.map(({ text }) => text);

describe("a room's creation", () => {
  it("makes the creator owner, is public unless said otherwise, and is listed", () => {
    const stage = stageWith("ada");
    const made = stage.ok<RoomView>("user/ada", lobby, { type: "create", topic: "all" });
    expect(made).to.deep.include({ room: "lobby", title: "lobby", topic: "all", visibility: "public", messageSeq: 0 });
    expect(made.members["user/ada"]).to.deep.equal({ role: "owner", joinedAtMs: stage.nowMs, readSeq: 0 });
    expect(stage.ok("user/ada", "catalog/rooms", { type: "find" })).to.deep.equal({
      rows: [{ key: "lobby", title: "lobby", detail: "all", atMs: stage.nowMs }],
      more: false,
    });
    expect(stage.ok<{ rooms: string[] }>("user/ada", "user/ada", { type: "describe" }).rooms).to.deep.equal(["lobby"]);
  });

  it("is refused when the creator's list is full, and leaves nothing behind", () => {
    const stage = stageWith("ada", "bob");
    const rows = () => stage.ok<{ rows: unknown[] }>("user/bob", "catalog/rooms", { type: "find" }).rows;
    const join = (room: string) => stage.ok(`room/${room}`, "user/ada", { type: "roomJoined", room });
    for (let index = 1; index < wireLimits.roomsPerUserMax; index += 1) join(`r${index}`);
    const answer = stage.begin("user/ada", lobby, { type: "create" });
    while (!stage.sent.some(({ message }) => message.type === "roomWanted")) stage.step();
    stage.step();
    // The last place goes between the question and the room.
    stage.begin("room/last", "user/ada", { type: "roomJoined", room: "last" });
    stage.settle();
    expect(answer()).to.have.property("ok", true);
    expect(rows()).to.deep.equal([]);
    expect(stage.code("user/ada", "room/other", { type: "create" })).to.equal("LIMIT_REACHED");
    expect(stage.code("user/bob", "room/other", { type: "describe" })).to.equal("NOT_FOUND");
    expect(rows()).to.deep.equal([]);
    const { members } = stage.ok<RoomView>("user/bob", lobby, { type: "join" });
    expect(members).to.have.keys("user/bob").and.to.have.nested.property("user/bob.role", "owner");
    expect(rows()).to.have.length(1);
  });

  it("goes to the first of two who want the name, and waits for no list that cannot be asked", () => {
    const stage = stageWith("ada", "bob");
    const [first, second] = (["ada", "bob"] as const).map((name) =>
      stage.begin(`user/${name}`, lobby, { type: "create" }),
    );
    stage.settle();
    expect(first?.()).to.have.nested.property("ok", true);
    expect(second?.()).to.have.nested.property("error.code", "NAME_TAKEN");
    expect(stage.ok<{ rooms: string[] }>("user/bob", "user/bob", { type: "describe" }).rooms).to.deep.equal([]);
    stage.cutOff("user/bob");
    expect(stage.code("user/bob", "room/other", { type: "create" })).to.equal("accepted");
  });

  it("is refused for a taken name, for agents, and for names of direct rooms", () => {
    const stage = inLobby();
    expect(stage.code("user/bob", lobby, { type: "create" })).to.equal("NAME_TAKEN");
    expect(stage.code("agent/ada.helper", "room/new", { type: "create" })).to.equal("FORBIDDEN");
    expect(stage.code("gateway", "room/new", { type: "create" })).to.equal("FORBIDDEN");
    expect(stage.code("user/ada", "room/dm.ada.bob", { type: "create" })).to.equal("BAD_REQUEST");
    expect(stage.code("user/ada", "room/new", { type: "create", with: "user/bob" })).to.equal("BAD_REQUEST");
  });

  it("does not list a private room", () => {
    const stage = stageWith("ada", "bob");
    stage.ok("user/ada", "room/den", { type: "create", visibility: "private" });
    expect(stage.ok<{ rows: unknown[] }>("user/ada", "catalog/rooms", { type: "find" }).rows).to.deep.equal([]);
    expect(stage.code("user/bob", "room/den", { type: "join" })).to.equal("FORBIDDEN");
    expect(stage.code("user/bob", "room/den", { type: "describe" })).to.equal("NOT_A_MEMBER");
  });

  it("is required before anything else", () => {
    const stage = stageWith("ada");
    for (const type of ["join", "post", "describe", "resume", "history", "summary", "leave"])
      expect(stage.code("user/ada", "room/nowhere", { type, text: "hi" }), type).to.equal("NOT_FOUND");
  });
});

describe("a direct room", () => {
  const dm = "room/dm.ada.bob";
  const open = { type: "create", visibility: "direct", with: "user/bob" };

  it("has exactly its two people from the start", () => {
    const stage = stageWith("ada", "bob", "cleo");
    const made = stage.ok<RoomView>("user/ada", dm, open);
    expect(Object.keys(made.members).toSorted()).to.deep.equal(["user/ada", "user/bob"]);
    expect(made.title).to.equal("ada, bob");
    expect(stage.ok<{ rooms: string[] }>("user/bob", "user/bob", { type: "describe" }).rooms).to.deep.equal([
      "dm.ada.bob",
    ]);
    for (const command of [
      { type: "leave" },
      { type: "invite", member: "user/cleo" },
      { type: "remove", member: "user/bob" },
      { type: "setRole", member: "user/bob", role: "owner" },
      { type: "setTitle", title: "us" },
      { type: "setTopic", topic: "us" },
    ])
      expect(stage.code("user/ada", dm, command), command.type).to.equal("FORBIDDEN");
    expect(stage.code("user/cleo", dm, { type: "join" })).to.equal("FORBIDDEN");
  });

  it("is the same room for both, whoever opens it", () => {
    const stage = stageWith("ada", "bob");
    stage.ok("user/ada", dm, open);
    stage.ok("user/ada", dm, { type: "post", text: "hello" });
    expect(stage.ok<RoomView>("user/bob", dm, { ...open, with: "user/ada" }).messageSeq).to.equal(1);
  });

  it("is refused under another name, with oneself, with an agent, or between others", () => {
    const stage = stageWith("ada", "bob");
    expect(stage.code("user/ada", "room/dm.bob.ada", open)).to.equal("BAD_REQUEST");
    expect(stage.code("user/ada", "room/dm.ada.ada", { ...open, with: "user/ada" })).to.equal("BAD_REQUEST");
    expect(stage.code("user/ada", "room/dm.ada.ada", { ...open, with: "agent/bob.x" })).to.equal("BAD_REQUEST");
    expect(stage.code("user/cleo", dm, open)).to.equal("BAD_REQUEST");
    expect(stage.code("user/ada", dm, { type: "create", visibility: "direct" })).to.equal("BAD_REQUEST");
  });

  it("lets both pin, and neither delete what the other said", () => {
    const stage = stageWith("ada", "bob");
    stage.ok("user/ada", dm, open);
    stage.ok("user/ada", dm, { type: "post", text: "hello" });
    expect(stage.ok("user/bob", dm, { type: "pin", seq: 1, on: true })).to.deep.include({ pinned: true });
    expect(stage.code("user/bob", dm, { type: "delete", seq: 1 })).to.equal("FORBIDDEN");
  });

  it("is not made with somebody who does not exist, and nothing of it is kept", () => {
    const stage = stageWith("ada");
    expect(stage.code("user/ada", dm, open)).to.equal("NOT_FOUND");
    expect(stage.stateOf(dm)).to.equal(null);
    stage.ok("gateway", "user/bob", { type: "create", passwordHash: "x" });
    stage.ok("user/ada", dm, open);
  });

  it("loses somebody who turns out not to exist, and takes them back when they do", () => {
    const stage = stageWith("ada");
    // Nobody can say whether there is such a person: the room is made.
    stage.cutOff("user/bob");
    stage.ok("user/ada", dm, open);
    stage.reach("user/bob");
    stage.pass(10 * actorLimits.outboxRetryMs);
    expect(Object.keys(stage.ok<RoomView>("user/ada", dm, { type: "describe" }).members)).to.deep.equal(["user/ada"]);
    stage.ok("gateway", "user/bob", { type: "create", passwordHash: "x" });
    stage.ok("user/ada", dm, open);
    expect(Object.keys(stage.ok<RoomView>("user/ada", dm, { type: "describe" }).members)).to.have.length(2);
  });
});

describe("a room's members", () => {
  it("join public rooms; joining again changes nothing", () => {
    const stage = inLobby();
    const head = stage.stream(lobby).length;
    expect(stage.ok<RoomView>("user/bob", lobby, { type: "join" }).members).to.have.property("user/bob");
    expect(stage.stream(lobby)).to.have.length(head);
    expect(stage.code("agent/ada.helper", lobby, { type: "join" })).to.equal("FORBIDDEN");
  });

  it("are the only ones who read and write; others may look at a public room's description", () => {
    const stage = inLobby();
    for (const command of [
      { type: "post", text: "hi" },
      { type: "history" },
      { type: "resume" },
      { type: "summary" },
      { type: "typing" },
      { type: "markRead", seq: 0 },
      { type: "leave" },
    ])
      expect(stage.code("user/dan", lobby, command), command.type).to.equal("NOT_A_MEMBER");
    expect(stage.code("user/dan", lobby, { type: "describe" })).to.equal("accepted");
  });

  it("are invited by moderators and owners only", () => {
    const stage = inLobby();
    expect(stage.code("user/bob", lobby, { type: "invite", member: "user/dan" })).to.equal("FORBIDDEN");
    stage.ok("user/ada", lobby, { type: "setRole", member: "user/bob", role: "moderator" });
    expect(stage.ok<RoomView>("user/bob", lobby, { type: "invite", member: "user/dan" }).members).to.have.property(
      "user/dan",
    );
    expect(stage.ok<{ rooms: string[] }>("user/dan", "user/dan", { type: "describe" }).rooms).to.deep.equal(["lobby"]);
    expect(stage.code("user/bob", lobby, { type: "invite", member: "user/dan" })).to.equal("accepted");
  });

  it("go again when they were invited but do not exist, or have too many rooms", () => {
    const stage = inLobby();
    stage.ok("user/ada", lobby, { type: "invite", member: "user/nobody" });
    expect(view(stage).members).to.not.have.property("user/nobody");
    for (let index = 0; index < wireLimits.roomsPerUserMax; index += 1)
      stage.ok(`room/r${index}`, "user/dan", { type: "roomJoined", room: `r${index}` });
    stage.ok("user/dan", lobby, { type: "join" });
    expect(view(stage).members).to.not.have.property("user/dan");
  });

  it("stay when they came by themselves, even if their user is not known", () => {
    const stage = inLobby();
    stage.ok("user/stranger", lobby, { type: "join" });
    expect(view(stage).members).to.have.property("user/stranger");
  });

  it("are removed by those above them", () => {
    const stage = inLobby();
    stage.ok("user/ada", lobby, { type: "setRole", member: "user/bob", role: "moderator" });
    expect(stage.code("user/cleo", lobby, { type: "remove", member: "user/bob" })).to.equal("FORBIDDEN");
    expect(stage.code("user/bob", lobby, { type: "remove", member: "user/ada" })).to.equal("FORBIDDEN");
    expect(stage.code("user/bob", lobby, { type: "remove", member: "user/zoe" })).to.equal("NOT_FOUND");
    stage.ok("user/bob", lobby, { type: "remove", member: "user/cleo" });
    expect(stage.ok<{ rooms: string[] }>("user/cleo", "user/cleo", { type: "describe" }).rooms).to.deep.equal([]);
    expect(stage.code("user/cleo", lobby, { type: "history" })).to.equal("NOT_A_MEMBER");
    expect(stage.code("user/bob", lobby, { type: "remove", member: "user/bob" })).to.equal("accepted");
  });

  it("get their rank from owners, and one owner stays", () => {
    const stage = inLobby();
    const setRole = (member: string, role: string) => ({ type: "setRole", member: `user/${member}`, role });
    expect(stage.code("user/bob", lobby, setRole("bob", "owner"))).to.equal("FORBIDDEN");
    expect(stage.code("user/ada", lobby, setRole("ada", "member"))).to.equal("LAST_OWNER");
    expect(stage.code("user/ada", lobby, setRole("zoe", "member"))).to.equal("NOT_FOUND");
    expect(stage.code("user/ada", lobby, setRole("bob", "member"))).to.equal("accepted");
    stage.ok("user/ada", lobby, setRole("bob", "owner"));
    stage.ok("user/bob", lobby, setRole("ada", "member"));
    expect(view(stage).members["user/ada"]?.role).to.equal("member");
  });

  it("hand the room over when its last owner leaves, to whom that owner names", () => {
    const stage = inLobby();
    stage.nowMs += 1;
    stage.ok("user/dan", lobby, { type: "join" });
    stage.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
    stage.ok("user/ada", lobby, { type: "invite", member: "agent/ada.helper" });
    const leave = (successor?: string) => ({ type: "leave", ...(successor && { successor }) });
    const refused = stage.do("user/ada", lobby, leave());
    expect(refused).to.have.nested.property("error.code", "LAST_OWNER");
    expect(refused).to.have.nested.property("error.details.suggested", "user/bob");
    expect(stage.code("user/ada", lobby, { type: "remove", member: "user/ada" })).to.equal("LAST_OWNER");
    expect(stage.code("user/ada", lobby, leave("user/zoe"))).to.equal("NOT_FOUND");
    expect(stage.code("user/ada", lobby, leave("user/ada"))).to.equal("BAD_REQUEST");
    expect(stage.code("user/ada", lobby, leave("agent/ada.helper"))).to.equal("BAD_REQUEST");
    expect(stage.code("user/cleo", lobby, leave("user/cleo"))).to.equal("FORBIDDEN");
    expect(view(stage).members["user/ada"]?.role).to.equal("owner");
    const from = stage.stream(lobby).length;
    const gone = stage.ok<RoomView & { left: string[] }>("user/ada", lobby, leave("user/cleo"));
    expect(gone.left).to.deep.equal(["user/ada", "agent/ada.helper"]);
    expect(gone.members["user/cleo"]?.role).to.equal("owner");
    const atMs = stage.nowMs;
    expect(stage.stream(lobby).slice(from).map(({ event }) => event)).to.deep.equal([
      { type: "roleSet", member: "user/cleo", role: "owner", by: "user/ada" },
      { type: "left", member: "user/ada", atMs, by: "user/ada" },
      { type: "left", member: "agent/ada.helper", atMs, by: "user/ada", with: "user/ada" },
    ]);
  }); // prettier-ignore

  it("leave without more when another owner stays, or nobody does", () => {
    const stage = inLobby();
    stage.ok("user/ada", lobby, { type: "setRole", member: "user/bob", role: "owner" });
    stage.ok("user/ada", lobby, { type: "leave" });
    expect(stage.code("user/bob", lobby, { type: "leave" })).to.equal("LAST_OWNER");
    stage.ok("user/cleo", lobby, { type: "leave" });
    stage.ok("user/bob", lobby, { type: "leave" });
    expect(stage.ok<RoomView>("user/ada", lobby, { type: "join" }).members["user/ada"]?.role).to.equal("owner");
  });

  it("never stand without an owner: when the last one is lost, the longest-standing moderator takes over", () => {
    const stage = inLobby();
    stage.nowMs += 1;
    stage.ok("user/dan", lobby, { type: "join" });
    stage.ok("user/ada", lobby, { type: "setRole", member: "user/dan", role: "moderator" });
    stage.ok("user/ada", lobby, { type: "invite", member: "user/nobody" });
    stage.cutOff("user/late");
    stage.ok("user/ada", lobby, { type: "invite", member: "user/late" });
    stage.ok("user/ada", lobby, { type: "setRole", member: "user/late", role: "owner" });
    stage.ok("user/ada", lobby, { type: "leave" });
    // Whom they invited turns out not to exist.
    stage.reach("user/late");
    stage.pass(60_000);
    const { members } = stage.ok<RoomView>("user/bob", lobby, { type: "describe" });
    expect(members).to.not.have.property("user/late");
    expect(members["user/dan"]?.role).to.equal("owner");
  });

  it("are at most roomMembersMax, agents roomAgentsMax", () => {
    const stage = new Stage();
    stage.ok("user/ada", lobby, { type: "create" });
    for (let index = 0; index < actorLimits.roomAgentsMax; index += 1)
      stage.ok("user/ada", lobby, { type: "invite", member: `agent/ada.a${index}` });
    expect(stage.code("user/ada", lobby, { type: "invite", member: "agent/ada.late" })).to.equal("LIMIT_REACHED");
    let full = stage.stateOf<Room>(lobby) as RoomState;
    for (let at = 1_000; (full?.members.size ?? 0) < wireLimits.roomMembersMax; at += 1)
      full = room.evolve(full, { type: "happened", at, event: joined(`user/u${at}`) });
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "user/late", notes: undefined } as const;
    expect(room.decide(full, { type: "join" }, turn)).to.deep.equal([
      { type: "refuse", code: "LIMIT_REACHED", details: { limit: "roomMembersMax" } },
    ]);
  });
});

describe("a ban", () => {
  const ban = (member: string, more: object = {}) => ({ type: "remove", member, ban: true, ...more });
  const bans = (stage: Stage) => stage.ok<{ bans: RoomBan[] }>("user/ada", lobby, { type: "bans" }).bans;

  it("keeps out who was removed, and says who did it, why and until when; it ends by itself", () => {
    const stage = inLobby();
    const atMs = stage.nowMs;
    stage.ok("user/ada", lobby, ban("user/bob", { banForMs: 3_600_000, reason: "spam" }));
    expect(view(stage).members).to.not.have.property("user/bob");
    expect(stage.do("user/bob", lobby, { type: "join" })).to.deep.include({
      error: {
        code: "BANNED",
        outcome: "failed",
        message: errorTable.BANNED.help,
        details: { by: "user/ada", atMs, untilMs: atMs + 3_600_000, reason: "spam" },
      },
    });
    expect(stage.code("user/ada", lobby, { type: "invite", member: "user/bob" })).to.equal("BANNED");
    // So does whoever only looks: the page that was open learns it without a question of its own.
    expect(stage.code("user/bob", lobby, { type: "history" })).to.equal("BANNED");
    expect(stage.code("user/zoe", lobby, { type: "history" })).to.equal("NOT_A_MEMBER");
    stage.crash(lobby);
    expect(stage.code("user/bob", lobby, { type: "join" })).to.equal("BANNED");
    expect(stage.code("user/bob", lobby, { type: "post", text: "let me in" })).to.equal("BANNED");
    expect(bans(stage)).to.deep.equal([
      { member: "user/bob", by: "user/ada", atMs, untilMs: atMs + 3_600_000, reason: "spam" },
    ]);
    stage.pass(3_600_000);
    expect(bans(stage)).to.deep.equal([]);
    expect(stage.code("user/bob", lobby, { type: "join" })).to.equal("accepted");
  });

  it("holds without an end until it is lifted, and can come before its member does", () => {
    const stage = inLobby();
    stage.ok("user/ada", lobby, ban("user/dan"));
    stage.ok("user/ada", lobby, ban("user/dan", { reason: "again" }));
    stage.pass(wireLimits.banMsMax);
    expect(stage.code("user/dan", lobby, { type: "join" })).to.equal("BANNED");
    expect(bans(stage).map(({ reason }) => reason)).to.deep.equal(["again"]);
    stage.ok("user/ada", lobby, { type: "unban", member: "user/dan" });
    expect(stage.code("user/ada", lobby, { type: "unban", member: "user/dan" })).to.equal("NOT_FOUND");
    expect(stage.code("user/dan", lobby, { type: "join" })).to.equal("accepted");
  });

  it("is a choice: who is only removed may come back, and a reason or an end needs a ban", () => {
    const stage = inLobby();
    expect(stage.code("user/ada", lobby, { type: "remove", member: "user/bob", reason: "x" })).to.equal("BAD_REQUEST");
    expect(stage.code("user/ada", lobby, { type: "remove", member: "user/bob", banForMs: 1 })).to.equal("BAD_REQUEST");
    stage.ok("user/ada", lobby, { type: "remove", member: "user/bob", ban: false });
    expect(stage.code("user/bob", lobby, { type: "join" })).to.equal("accepted");
  });

  it("is for moderators, against those below them", () => {
    const stage = inLobby();
    expect(stage.code("user/bob", lobby, ban("user/cleo"))).to.equal("FORBIDDEN");
    expect(stage.code("user/bob", lobby, ban("user/dan"))).to.equal("FORBIDDEN");
    for (const command of [{ type: "bans" }, { type: "unban", member: "user/dan" }])
      expect(stage.code("user/bob", lobby, command), command.type).to.equal("FORBIDDEN");
    stage.ok("user/ada", lobby, { type: "setRole", member: "user/bob", role: "moderator" });
    expect(stage.code("user/bob", lobby, ban("user/ada"))).to.equal("FORBIDDEN");
    expect(stage.code("user/bob", lobby, ban("user/bob"))).to.equal("BAD_REQUEST");
    expect(stage.code("user/bob", lobby, ban("user/cleo"))).to.equal("accepted");
    expect(stage.code("user/dan", lobby, ban("user/cleo"))).to.equal("NOT_A_MEMBER");
  });

  it("keeps an agent out, too: its owner cannot bring it back", () => {
    const stage = inLobby();
    stage.ok("user/bob", "user/bob", { type: "createAgent", name: "poet" });
    stage.ok("user/bob", lobby, { type: "invite", member: "agent/bob.poet" });
    stage.ok("user/ada", lobby, ban("agent/bob.poet"));
    expect(stage.code("user/bob", lobby, { type: "invite", member: "agent/bob.poet" })).to.equal("BANNED");
    expect(stage.code("user/bob", lobby, ban("agent/bob.poet"))).to.equal("FORBIDDEN");
  });

  it("is one of at most bansPerRoomMax that hold; those that have ended do not count", () => {
    const stage = inLobby();
    stage.ok("user/ada", lobby, ban("user/short", { banForMs: wireLimits.banMsMin }));
    for (let index = 1; index < wireLimits.bansPerRoomMax; index += 1) stage.ok("user/ada", lobby, ban(`user/u${index}`));
    expect(stage.code("user/ada", lobby, ban("user/bob"))).to.equal("LIMIT_REACHED");
    expect(view(stage).members).to.have.property("user/bob");
    expect(stage.code("user/ada", lobby, ban("user/u1", { reason: "still" }))).to.equal("accepted");
    stage.pass(wireLimits.banMsMin);
    expect(stage.code("user/ada", lobby, ban("user/bob"))).to.equal("accepted");
    expect(stage.stateOf<Room>(lobby).bans).to.have.length(wireLimits.bansPerRoomMax);
    const listed = Buffer.byteLength(JSON.stringify(bans(stage)));
    expect(listed).to.be.below(wireLimits.pageBytesMax);
  }); // prettier-ignore
});

const joined = (member: string): RoomEvent => ({ type: "joined", member, role: "member", atMs: 0, by: member });

describe("a room's settings", () => {
  it("are changed by moderators, and the catalog follows", () => {
    const stage = inLobby();
    expect(stage.code("user/bob", lobby, { type: "setTitle", title: "Mine" })).to.equal("FORBIDDEN");
    expect(stage.ok("user/ada", lobby, { type: "setTitle", title: "Hall" })).to.deep.include({ title: "Hall" });
    expect(stage.ok("user/ada", lobby, { type: "setTopic", topic: "news" })).to.deep.include({ topic: "news" });
    const { rows } = stage.ok<{ rows: object[] }>("user/dan", "catalog/rooms", { type: "find", text: "hal" });
    expect(rows).to.have.length(1);
    expect(rows[0]).to.deep.include({ title: "Hall", detail: "news" });
    const head = stage.stream(lobby).length;
    stage.ok("user/ada", lobby, { type: "setTitle", title: "Hall" });
    expect(stage.stream(lobby)).to.have.length(head);
  });
});

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

describe("a room's mentions", () => {
  function withAgents(): Stage {
    const stage = inLobby();
    for (const [owner, name] of [
      ["ada", "helper"],
      ["ada", "poet"],
      ["bob", "poet"],
    ] as const) {
      stage.ok(`user/${owner}`, `user/${owner}`, { type: "createAgent", name });
      stage.ok(`user/${owner}`, lobby, { type: "invite", member: `agent/${owner}.${name}` });
    }
    return stage;
  }

  const mentionsOf = (stage: Stage, text: string): readonly string[] => {
    const { seq } = post(stage, "cleo", text);
    const [message] = stage.ok<Page>("user/ada", lobby, { type: "history", after: seq - 1 }).messages;
    return message?.mentions ?? [];
  };

  it("find people and agents by name, in any case, at the end of a sentence, each once", () => {
    const stage = withAgents();
    expect(mentionsOf(stage, "@ada, @BOB. and @ada again; @nobody")).to.deep.equal(["user/ada", "user/bob"]);
    expect(mentionsOf(stage, "(@ada.poet) @helper! @bob.poet...")).to.deep.equal([
      "agent/ada.poet",
      "agent/ada.helper",
      "agent/bob.poet",
    ]);
    expect(mentionsOf(stage, "@poet is whose?")).to.deep.equal([]);
    expect(mentionsOf(stage, "mail ada@bob.example or _@bob")).to.deep.equal([]);
    expect(mentionsOf(stage, "@bob-. @bob_x @helper.")).to.deep.equal(["user/bob", "agent/ada.helper"]);
  });

  it("are not looked for in code", () => {
    const stage = withAgents();
    expect(mentionsOf(stage, "`@ada` and ``@bob ` @bob`` and @cleo")).to.deep.equal(["user/cleo"]);
    expect(mentionsOf(stage, "```\n@ada\n``\n````\n@bob\n~~~ ts\n@ada")).to.deep.equal(["user/bob"]);
    expect(mentionsOf(stage, "a lone ` before @ada")).to.deep.equal(["user/ada"]);
  });

  it("take time in proportion to the text, however it is built", () => {
    const stage = inLobby();
    const text = "`a``b```c@".repeat(1_000);
    const before = performance.now();
    mentionsOf(stage, text);
    expect(performance.now() - before).to.be.below(500);
  });

  it("summon an agent with the recent conversation, the mention last", () => {
    const stage = withAgents();
    for (let index = 1; index <= 30; index += 1) post(stage, "bob", `line ${index}`);
    stage.ok("user/bob", lobby, { type: "delete", seq: 29 });
    post(stage, "bob", "@helper what now?");
    const { message } = stage.sent.filter(({ to }) => to === "agent/ada.helper").at(-1) ?? {};
    expect(message).to.deep.include({ type: "mentioned", room: "lobby", seq: 31 });
    const context = message?.["context"] as { author: string; text: string; seq: number }[];
    expect(context.at(-1)).to.deep.equal({ author: "bob", text: "@helper what now?", seq: 31 });
    expect(context.map(({ text }) => text)).to.not.include("");
  });

  it("tell it a conversation that begins at the same message for a while, bounded all the same", () => {
    const { mentionContextMessages: count, mentionContextChars, mentionContextStep: step } = actorLimits;
    const beginnings = (words: string): readonly number[] => {
      const stage = withAgents();
      return Array.from({ length: 5 * count }, () => {
        post(stage, "bob", `@helper ${words}`);
        const { message } = stage.sent.filter(({ to }) => to === "agent/ada.helper").at(-1) ?? {};
        // Whoever has too many that wait is refused, which the room shows.
        stage.answer("yes");
        const context = message?.["context"] as { text: string; seq: number }[];
        expect(context).to.have.length.at.most(2 * count);
        expect(context.reduce((sum, { text }) => sum + text.length, 0)).to.be.at.most(mentionContextChars);
        return context[0]?.seq ?? 0;
      });
    };
    const short = beginnings("?");
    expect([short[0], short.at(-1)]).to.deep.equal([1, 9 * count]);
    expect(new Set(short).size).to.equal(10);
    const long = beginnings("x".repeat(900));
    expect(new Set(long.slice(20)).size).to.be.at.most(Math.ceil((2 * 80) / step) + 1);
  });

  it("summon with the thread they are in, and with bounded text", () => {
    const stage = withAgents();
    post(stage, "ada", "root");
    post(stage, "bob", "elsewhere");
    post(stage, "bob", "x".repeat(8_000), { replyTo: 1 });
    post(stage, "bob", "@helper?", { replyTo: 1 });
    const context = (): { text: string }[] => {
      const { message } = stage.sent.filter(({ to }) => to === "agent/ada.helper").at(-1) ?? {};
      return message?.["context"] as { text: string }[];
    };
    expect(context().map(({ text }) => text.length)).to.deep.equal([4, 8_000, 8]);
    post(stage, "bob", "y".repeat(8_000), { replyTo: 1 });
    post(stage, "bob", "@helper!", { replyTo: 1 });
    expect(context().map(({ text }) => text.length)).to.deep.equal([8, 8_000, 8]);
  });

  const refusals = (stage: Stage): readonly RoomMessage[] =>
    stage
      .ok<Page>("user/cleo", lobby, { type: "history", limit: wireLimits.pageEntriesMax })
      .messages.filter(({ refused }) => refused !== undefined);
  const waiting = (stage: Stage): readonly OutboxEntry[] => stage.stateOf<Room>(lobby).outbox.entries;

  it("wait for an agent that cannot be reached, a bounded number of them, each with the post it is about", () => {
    const stage = withAgents();
    stage.cutOff("agent/ada.helper");
    const last = actorLimits.roomMentionsPerAgentMax + 1;
    for (let index = 1; index <= last; index += 1) post(stage, "cleo", `@helper question ${index}`);
    expect(waiting(stage)).to.have.length(actorLimits.roomMentionsPerAgentMax);
    for (const [index, { message }] of waiting(stage).entries())
      expect((message["context"] as { text: string }[]).at(-1)?.text).to.equal(`@helper question ${index + 1}`);
    const [refused, ...others] = refusals(stage);
    expect(others).to.deep.equal([]);
    expect(refused).to.deep.include({
      author: "agent/ada.helper",
      text: `Sorry, I am busy: ${actorLimits.roomMentionsPerAgentMax} waiting already. Mention me again in a moment.`,
      replyTo: last,
      answers: last,
      refused: "QUEUE_FULL",
    });
    stage.crash(lobby);
    stage.reach("agent/ada.helper");
    for (let left = 10; left > 0; left -= 1) {
      stage.pass(60_000);
      while (stage.running.length > 0) stage.answer("Here.");
    }
    const { messages } = stage.ok<Page>("user/cleo", lobby, { type: "history" });
    expect(messages.flatMap(({ answers }) => answers ?? []).toSorted((a, b) => a - b)).to.deep.equal(
      Array.from({ length: last }, (_, index) => index + 1),
    );
  }); // prettier-ignore

  it("are refused in the agent's name when it is busy, with how many wait", () => {
    const stage = withAgents();
    const first = post(stage, "cleo", "@helper first").seq;
    for (let index = 0; index < actorLimits.agentQueueMentionsMax; index += 1) post(stage, "cleo", `@helper ${index}`);
    expect(refusals(stage)).to.deep.equal([]);
    const { seq } = post(stage, "bob", "in the thread, @helper", { replyTo: first });
    expect(refusals(stage).map(({ text, replyTo, answers }) => ({ text, replyTo, answers }))).to.deep.equal([
      { text: "Sorry, I am busy: 4 waiting already. Mention me again in a moment.", replyTo: first, answers: seq },
    ]);
    const thread = stage.ok<Page>("user/cleo", lobby, { type: "history", thread: first });
    expect(thread.messages[0]?.replies?.count).to.equal(2);
  });

  it("are refused when the agent is out of reach for too long, or was deleted, and answered when it comes back before", () => {
    const stage = withAgents();
    stage.cutOff("agent/ada.helper", "ACTOR_QUARANTINED");
    const first = post(stage, "cleo", "@helper one").seq;
    stage.pass(actorLimits.mentionWaitMs - 60_000);
    const second = post(stage, "cleo", "@helper two").seq;
    stage.pass(120_000);
    expect(refusals(stage).map(({ answers, refused }) => [answers, refused])).to.deep.equal([
      [first, "ACTOR_QUARANTINED"],
    ]);
    stage.reach("agent/ada.helper");
    stage.pass(600_000);
    stage.answer("Back.");
    expect(stage.ok<Page>("user/cleo", lobby, { type: "history" }).messages.at(-1)).to.deep.include({
      text: "Back.",
      answers: second,
    });
    expect(refusals(stage)).to.have.length(1);
  }); // prettier-ignore

  it("are refused by an agent that is deleted, or was removed, before it could answer", () => {
    const stage = withAgents();
    const [first, second] = ["@helper one", "@helper two"].map((text) => post(stage, "cleo", text).seq);
    stage.ok("user/ada", "user/ada", { type: "deleteAgent", agent: "ada.helper" });
    expect(refusals(stage).map(({ answers, refused }) => [answers, refused])).to.deep.equal([
      [first, "NOT_FOUND"],
      [second, "NOT_FOUND"],
    ]);
    const third = post(stage, "cleo", "@bob.poet three").seq;
    stage.ok("user/ada", lobby, { type: "remove", member: "agent/bob.poet" });
    const { id = "" } = stage.running.at(-1) ?? {};
    stage.part(id, ended("complete", 1, 0));
    expect(refusals(stage).at(-1)).to.deep.include({ answers: third, refused: "NOT_A_MEMBER" });
    const answer = { type: "post", text: "again", replyTo: third, generation: "agent/bob.poet#1" };
    expect(stage.code("agent/bob.poet", lobby, answer)).to.equal("NOT_A_MEMBER");
    expect(stage.code("agent/bob.poet", lobby, { ...answer, replyTo: 1, generation: "x" })).to.equal("NOT_A_MEMBER");
    expect(refusals(stage)).to.have.length(3);
  });

  it("are bounded for all agents together, and refused outside the thread when that is long ago", () => {
    const stage = withAgents();
    stage.cutOff("agent/ada.helper");
    const { seq } = post(stage, "cleo", "@helper hello?");
    const entry = waiting(stage)[0] as OutboxEntry;
    for (let index = 0; index <= actorLimits.roomRecentMessages; index += 1) post(stage, "bob", "chatter");
    stage.pass(actorLimits.mentionWaitMs);
    stage.pass(600_000);
    expect(refusals(stage)).to.have.length(1);
    expect(refusals(stage)[0]).to.deep.include({ answers: seq, refused: "SLOT_UNAVAILABLE" });
    expect(refusals(stage)[0]).to.not.have.property("replyTo");
    const others = Array.from({ length: actorLimits.roomMentionsMax }, (_, id) => ({ ...entry, id, to: "agent/x.y" as const }));
    const full = { ...stage.stateOf<Room>(lobby), outbox: { next: others.length, entries: others } };
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "user/ada", notes: undefined } as const;
    const effects = room.decide(full, { type: "post", text: "@helper" }, turn);
    expect(effects.filter(({ type }) => type === "persist")).to.have.length(2);
    expect(effects.filter(({ type }) => type === "ask")).to.have.length(0);
  }); // prettier-ignore

  it("are looked for among a bounded number of names", () => {
    const stage = withAgents();
    const names = "@nobody ".repeat(actorLimits.mentionNamesMax - 1);
    expect(mentionsOf(stage, `${names} @ada @bob`)).to.deep.equal(["user/ada"]);
  });

  it("by agents, and in edits, summon nobody", () => {
    const stage = withAgents();
    const summoned = (): number => stage.sent.filter(({ message }) => message.type === "mentioned").length;
    stage.ok("agent/ada.helper", lobby, { type: "post", text: "@bob.poet your turn" });
    post(stage, "cleo", "hello");
    stage.ok("user/cleo", lobby, { type: "edit", seq: 2, text: "hello @helper" });
    expect(summoned()).to.equal(0);
  });

  it("of a deleted agent show it the door", () => {
    const stage = withAgents();
    stage.ok("user/ada", "user/ada", { type: "deleteAgent", agent: "ada.helper" });
    post(stage, "cleo", "@helper are you there?");
    expect(view(stage).members).to.not.have.property("agent/ada.helper");
  });

  it("go with the post or not at all when too much waits already", () => {
    const stage = withAgents();
    const state = stage.stateOf<Room>(lobby);
    const entries = Array.from({ length: actorLimits.outboxEntriesMax }, (_, id) => ({
      id,
      to: "user/x" as const,
      message: { type: "x" },
    }));
    const full = { ...state, outbox: { next: entries.length, entries } };
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "user/ada", notes: undefined } as const;
    const code = (message: object) => (room.decide(full, message as never, turn)[0] as { code?: string }).code;
    expect(code({ type: "post", text: "@helper" })).to.equal("OVERLOADED");
    expect(code({ type: "setTitle", title: "new" })).to.equal("OVERLOADED");
    expect(code({ type: "post", text: "hi" })).to.equal(undefined);
  });

  it("take the agent's answer to the thread of the question, once, and its draft to everybody", () => {
    const stage = withAgents();
    post(stage, "bob", "@helper hi");
    stage.part(stage.generation.id, text("Hel"));
    const generation = "agent/ada.helper#1";
    expect(stage.signals(lobby).at(-1)).to.deep.equal({
      type: "draft",
      agent: "agent/ada.helper",
      generation,
      replyTo: 1,
      offset: 0,
      text: "Hel",
    });
    stage.answer("lo");
    const { event } = stage.stream(lobby).at(-1) ?? {};
    expect(event).to.have.deep.nested.property("message.generation", generation);
    expect(event).to.have.nested.property("message.text", "Hello");
    const again = stage.ok("agent/ada.helper", lobby, { type: "post", text: "Hello", replyTo: 1, generation });
    expect(again).to.deep.include({ seq: 2 });
    expect(view(stage).messageSeq).to.equal(2);
    expect(stage.code("user/bob", lobby, { type: "draft", generation, offset: 0, text: "" })).to.equal("FORBIDDEN");
  });

  it("bring in agents by their owner only, who may send them away; they go when the owner goes", () => {
    const stage = withAgents();
    expect(stage.code("user/ada", lobby, { type: "invite", member: "agent/cleo.x" })).to.equal("FORBIDDEN");
    expect(stage.code("user/cleo", lobby, { type: "remove", member: "agent/bob.poet" })).to.equal("FORBIDDEN");
    expect(stage.code("user/bob", lobby, { type: "remove", member: "agent/bob.poet" })).to.equal("accepted");
    expect(stage.code("user/ada", lobby, { type: "setRole", member: "agent/ada.poet", role: "owner" })).to.equal(
      "FORBIDDEN",
    );
    expect(stage.code("agent/ada.helper", lobby, { type: "leave" })).to.equal("accepted");
    stage.ok("user/ada", lobby, { type: "leave", successor: "user/bob" });
    const { members } = stage.ok<RoomView>("user/bob", lobby, { type: "describe" });
    expect(Object.keys(members).toSorted()).to.deep.equal(["user/bob", "user/cleo"]);
  });
});

describe("a room's read markers", () => {
  const summary = (stage: Stage, who: string): RoomSummary => stage.ok(`user/${who}`, lobby, { type: "summary" });

  it("count what others wrote after them, and whether it mentions the asker", () => {
    const stage = inLobby();
    post(stage, "ada", "one");
    post(stage, "bob", "two @ada");
    post(stage, "ada", "three");
    post(stage, "bob", "four");
    expect(summary(stage, "ada")).to.deep.equal({
      room: "lobby",
      title: "Lobby",
      visibility: "public",
      memberCount: 3,
      messageSeq: 4,
      readSeq: 0,
      unread: 2,
      mentioned: true,
      last: { author: "user/bob", text: "four", atMs: stage.nowMs },
    });
    expect(stage.ok("user/ada", lobby, { type: "markRead", seq: 2 })).to.deep.equal({ readSeq: 2 });
    expect(summary(stage, "ada")).to.deep.include({ unread: 1, mentioned: false });
    expect(stage.ok("user/ada", lobby, { type: "markRead", seq: 1 })).to.deep.equal({ readSeq: 2 });
    expect(stage.code("user/ada", lobby, { type: "markRead", seq: 5 })).to.equal("BAD_REQUEST");
    expect(view(stage).members["user/ada"]?.readSeq).to.equal(2);
    expect(stage.signals("user/ada")).to.deep.equal([{ type: "roomRead", room: "lobby", seq: 2 }]);
    stage.ok("user/dan", lobby, { type: "join" });
    expect(summary(stage, "dan")).to.deep.include({ unread: 0, readSeq: 4 });
  });

  it("are durable, but no event of the room: nobody else reads them", () => {
    const stage = inLobby();
    const { at } = post(stage, "ada", "one");
    const [published, events] = [stage.published.length, stage.records(lobby, "event/").length];
    stage.ok("user/bob", lobby, { type: "markRead", seq: 1 });
    expect(stage.stateOf<Room>(lobby).head).to.equal(at);
    expect(stage.published.slice(published).map(({ topic }) => topic)).to.deep.equal(["user/bob"]);
    expect(stage.records(lobby, "event/")).to.have.length(events);
    stage.crash(lobby);
    expect(summary(stage, "bob")).to.include({ readSeq: 1, unread: 0 });
    expect(post(stage, "ada", "two").at).to.equal(at + 1);
    expect(stage.ok("user/bob", lobby, { type: "resume", after: at })).to.have.nested.property("events.length", 1);
  });

  it("never show more unread than there is, however far back they stand", () => {
    const stage = inLobby();
    for (let index = 0; index < 80; index += 1) {
      post(stage, "ada", "mine");
      post(stage, "bob", "yours");
    }
    expect(summary(stage, "ada").unread).to.equal(80);
    stage.ok("user/ada", lobby, { type: "markRead", seq: 2 });
    expect(summary(stage, "ada").unread).to.be.within(60, 79);
    stage.ok("user/ada", lobby, { type: "markRead", seq: 100 });
    expect(summary(stage, "ada").unread).to.equal(30);
  });

  it("come with a last line that shows no deleted text", () => {
    const stage = inLobby();
    post(stage, "ada", "x".repeat(500));
    post(stage, "ada", "secret");
    stage.ok("user/ada", lobby, { type: "delete", seq: 2 });
    expect(summary(stage, "bob").last?.text).to.equal("x".repeat(actorLimits.summaryTextChars));
  });
});

describe("a room's stream", () => {
  it("gives a page its state at the head", () => {
    const stage = inLobby();
    post(stage, "bob", "hi");
    const { head, state } = stage.ok<{ head: number; state: RoomSnapshot }>("user/ada", lobby, { type: "resume" });
    expect(head).to.equal(4);
    expect(state.messages.map(({ text }) => text)).to.deep.equal(["hi"]);
    expect(state.members).to.have.keys("user/ada", "user/bob", "user/cleo");
  });

  it("gives exactly what came after a cursor, in pages", () => {
    const stage = inLobby();
    const count = wireLimits.pageEntriesMax + 5;
    for (let index = 0; index < count; index += 1) post(stage, "bob", `m${index}`);
    const events: unknown[] = [];
    for (let after = 3, more = true; more; after = events.length + 3) {
      const page = stage.ok<{ head: number; events: { at: number }[]; more: boolean }>("user/ada", lobby, {
        type: "resume",
        after,
      });
      expect(page.head).to.equal(3 + count);
      events.push(...page.events);
      more = page.more;
    }
    expect(events).to.deep.equal(
      stage
        .stream(lobby)
        .slice(3)
        .map(({ at, event }) => ({ at, event })),
    );
    const atHead = stage.ok("user/ada", lobby, { type: "resume", after: 3 + count });
    expect(atHead).to.deep.equal({ head: 3 + count, events: [], more: false });
    expect(stage.code("user/ada", lobby, { type: "resume", after: 4 + count })).to.equal("CURSOR_INVALID");
  });

  it("does not give out again what was deleted since", () => {
    const stage = inLobby();
    post(stage, "bob", "root");
    post(stage, "bob", "secret @ada", { replyTo: 1 });
    post(stage, "bob", "secret root");
    post(stage, "cleo", "about it", { replyTo: 3 });
    stage.ok("user/bob", lobby, { type: "edit", seq: 2, text: "still secret" });
    for (const seq of [2, 3]) stage.ok("user/bob", lobby, { type: "delete", seq });
    const page = stage.ok<{ events: { event: RoomEvent }[] }>("user/ada", lobby, { type: "resume", after: 3 });
    expect(page.events).to.have.length(7);
    expect(JSON.stringify(page)).to.not.include("secret");
    expect(JSON.stringify(page)).to.include("about it").and.include('"root"');
  });

  it("forgets deletions with the events that held the text", () => {
    const stage = inLobby();
    post(stage, "bob", "one");
    post(stage, "bob", "two");
    const state = stage.stateOf<Room>(lobby);
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
    const stage = inLobby();
    const entries = stage.journalOf(lobby).length;
    stage.ok("user/bob", lobby, { type: "typing" });
    expect(stage.signals(lobby)).to.deep.equal([
      { type: "typing", member: "user/bob", untilMs: stage.nowMs + actorLimits.typingMs },
    ]);
    expect(stage.journalOf(lobby)).to.have.length(entries);
  });

  it("ignores signals that mean nothing to it, and refuses commands it does not know", () => {
    const stage = inLobby();
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "node", notes: undefined } as const;
    const state = stage.stateOf<Room>(lobby);
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
    expect(stage.code("user/ada", lobby, { type: "dance" })).to.equal("BAD_REQUEST");
    expect(room.evolve(null, { type: "delivered", id: 1 })).to.equal(null);
    expect(room.evolve(null, { type: "happened", at: 1, event: joined("user/x") })).to.equal(null);
  });
});
