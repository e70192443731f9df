import { expect } from "chai";
import { wireLimits, type RoomView } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { fixtureWith } from "./fixture.ts";
import { lobby, inLobby } from "./lobby.ts";

describe("a room's creation", () => {
  it("makes the creator owner, is public unless said otherwise, and is listed", () => {
    const fixture = fixtureWith("ada");
    const made = fixture.ok<RoomView>("user/ada", lobby, { type: "create", topic: "all" });
    expect(made).to.deep.include({ room: "lobby", title: "lobby", topic: "all", visibility: "public", messageSeq: 0 });
    expect(made.members["user/ada"]).to.deep.equal({ role: "owner", joinedAtMs: fixture.nowMs, readSeq: 0 });
    expect(fixture.ok("user/ada", "catalog/rooms", { type: "find" })).to.deep.equal({
      rows: [{ key: "lobby", title: "lobby", detail: "all", atMs: fixture.nowMs }],
      more: false,
    });
    expect(fixture.ok<{ rooms: string[] }>("user/ada", "user/ada", { type: "describe" }).rooms).to.deep.equal([
      "lobby",
    ]);
  });

  it("is refused when the creator's list is full, and leaves nothing behind", () => {
    const fixture = fixtureWith("ada", "bob");
    const rows = () => fixture.ok<{ rows: unknown[] }>("user/bob", "catalog/rooms", { type: "find" }).rows;
    const join = (room: string) => fixture.ok(`room/${room}`, "user/ada", { type: "roomJoined", room });
    for (let index = 1; index < wireLimits.roomsPerUserMax; index += 1) join(`r${index}`);
    const answer = fixture.begin("user/ada", lobby, { type: "create" });
    while (!fixture.sent.some(({ message }) => message.type === "roomWanted")) fixture.step();
    fixture.step();
    // The last place goes between the question and the room.
    fixture.begin("room/last", "user/ada", { type: "roomJoined", room: "last" });
    fixture.settle();
    expect(answer()).to.have.property("ok", true);
    expect(rows()).to.deep.equal([]);
    expect(fixture.code("user/ada", "room/other", { type: "create" })).to.equal("LIMIT_REACHED");
    expect(fixture.code("user/bob", "room/other", { type: "describe" })).to.equal("NOT_FOUND");
    expect(rows()).to.deep.equal([]);
    const { members } = fixture.ok<RoomView>("user/bob", lobby, { type: "join" });
    expect(members).to.have.keys("user/bob").and.to.have.nested.property("user/bob.role", "owner");
    expect(rows()).to.have.length(1);
  });

  it("goes to the first of two who want the name, and waits for no list that cannot be asked", () => {
    const fixture = fixtureWith("ada", "bob");
    const [first, second] = (["ada", "bob"] as const).map((name) =>
      fixture.begin(`user/${name}`, lobby, { type: "create" }),
    );
    fixture.settle();
    expect(first?.()).to.have.nested.property("ok", true);
    expect(second?.()).to.have.nested.property("error.code", "NAME_TAKEN");
    expect(fixture.ok<{ rooms: string[] }>("user/bob", "user/bob", { type: "describe" }).rooms).to.deep.equal([]);
    fixture.cutOff("user/bob");
    expect(fixture.code("user/bob", "room/other", { type: "create" })).to.equal("accepted");
  });

  it("is refused for a taken name, for agents, and for names of direct rooms", () => {
    const fixture = inLobby();
    expect(fixture.code("user/bob", lobby, { type: "create" })).to.equal("NAME_TAKEN");
    expect(fixture.code("agent/ada.helper", "room/new", { type: "create" })).to.equal("FORBIDDEN");
    expect(fixture.code("gateway", "room/new", { type: "create" })).to.equal("FORBIDDEN");
    expect(fixture.code("user/ada", "room/dm.ada.bob", { type: "create" })).to.equal("BAD_REQUEST");
    expect(fixture.code("user/ada", "room/new", { type: "create", with: "user/bob" })).to.equal("BAD_REQUEST");
  });

  it("does not list a private room", () => {
    const fixture = fixtureWith("ada", "bob");
    fixture.ok("user/ada", "room/den", { type: "create", visibility: "private" });
    expect(fixture.ok<{ rows: unknown[] }>("user/ada", "catalog/rooms", { type: "find" }).rows).to.deep.equal([]);
    expect(fixture.code("user/bob", "room/den", { type: "join" })).to.equal("NOT_FOUND");
    expect(fixture.code("user/bob", "room/den", { type: "describe" })).to.equal("NOT_FOUND");
  });

  it("is required before anything else", () => {
    const fixture = fixtureWith("ada");
    for (const type of ["join", "post", "describe", "resume", "history", "summary", "leave"])
      expect(fixture.code("user/ada", "room/nowhere", { type, text: "hi" }), type).to.equal("NOT_FOUND");
  });
});

describe("a direct room", () => {
  const dm = "room/dm.ada.bob";
  const open = { type: "create", visibility: "direct", with: "user/bob" };

  it("has exactly its two people from the start", () => {
    const fixture = fixtureWith("ada", "bob", "cleo");
    const made = fixture.ok<RoomView>("user/ada", dm, open);
    expect(Object.keys(made.members).toSorted()).to.deep.equal(["user/ada", "user/bob"]);
    expect(made.title).to.equal("ada, bob");
    expect(fixture.ok<{ rooms: string[] }>("user/bob", "user/bob", { type: "describe" }).rooms).to.deep.equal([
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
      expect(fixture.code("user/ada", dm, command), command.type).to.equal("FORBIDDEN");
    expect(fixture.code("user/cleo", dm, { type: "join" })).to.equal("NOT_FOUND");
  });

  it("is the same room for both, whoever opens it", () => {
    const fixture = fixtureWith("ada", "bob");
    fixture.ok("user/ada", dm, open);
    fixture.ok("user/ada", dm, { type: "post", text: "hello" });
    expect(fixture.ok<RoomView>("user/bob", dm, { ...open, with: "user/ada" }).messageSeq).to.equal(1);
  });

  it("is refused under another name, with an agent, or between others", () => {
    const fixture = fixtureWith("ada", "bob");
    expect(fixture.code("user/ada", "room/dm.bob.ada", open)).to.equal("BAD_REQUEST");
    expect(fixture.code("user/bob", "room/dm.ada.ada", { ...open, with: "user/ada" })).to.equal("BAD_REQUEST");
    expect(fixture.code("user/bob", "room/dm.ada.ada", { ...open, with: "user/bob" })).to.equal("BAD_REQUEST");
    expect(fixture.code("user/ada", "room/dm.ada.ada", { ...open, with: "agent/bob.x" })).to.equal("BAD_REQUEST");
    expect(fixture.code("user/cleo", dm, open)).to.equal("BAD_REQUEST");
    expect(fixture.code("user/ada", dm, { type: "create", visibility: "direct" })).to.equal("BAD_REQUEST");
  });

  it("lets both pin, and neither delete what the other said", () => {
    const fixture = fixtureWith("ada", "bob");
    fixture.ok("user/ada", dm, open);
    fixture.ok("user/ada", dm, { type: "post", text: "hello" });
    expect(fixture.ok("user/bob", dm, { type: "pin", seq: 1, on: true })).to.deep.include({ pinned: true });
    expect(fixture.code("user/bob", dm, { type: "delete", seq: 1 })).to.equal("FORBIDDEN");
  });

  it("is not made with somebody who does not exist, and nothing of it is kept", () => {
    const fixture = fixtureWith("ada");
    expect(fixture.code("user/ada", dm, open)).to.equal("NOT_FOUND");
    expect(fixture.stateOf(dm)).to.equal(null);
    fixture.ok("gateway", "user/bob", { type: "create", passwordHash: "x" });
    fixture.ok("user/ada", dm, open);
  });

  it("loses somebody who turns out not to exist, and takes them back when they do", () => {
    const fixture = fixtureWith("ada");
    // Nobody can say whether there is such a person: the room is made.
    fixture.cutOff("user/bob");
    fixture.ok("user/ada", dm, open);
    fixture.reach("user/bob");
    fixture.pass(10 * actorLimits.outboxRetryMs);
    expect(Object.keys(fixture.ok<RoomView>("user/ada", dm, { type: "describe" }).members)).to.deep.equal(["user/ada"]);
    fixture.ok("gateway", "user/bob", { type: "create", passwordHash: "x" });
    fixture.ok("user/ada", dm, open);
    expect(Object.keys(fixture.ok<RoomView>("user/ada", dm, { type: "describe" }).members)).to.have.length(2);
  });
});
