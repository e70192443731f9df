import { expect } from "chai";
import { wireLimits, type RoomView } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { stageWith } from "./fixture.ts";
import { lobby, inLobby } from "./lobby.ts";

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
