import { expect } from "chai";
import { actorLimits as limits } from "../../../actors/limits.ts";
import type { DraftList, UnsentText } from "../../../protocols/index.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby } from "./lobby.ts";

const bob = "user/bob" as const;
const list = (fixture: Fixture) => fixture.ok<DraftList>(bob, bob, { type: "drafts" }).drafts;
const set = (fixture: Fixture, place: string, text: string, revision = 0) =>
  fixture.ok<UnsentText>(bob, bob, { type: "setDraft", place, text, revision });
const code = (fixture: Fixture, place: string, text: string, revision = 0) =>
  fixture.code(bob, bob, { type: "setDraft", place, text, revision });

describe("drafts of a person on all their devices", () => {
  it("are kept over crashes, said to other devices without their text, and taken away when they are sent", () => {
    const fixture = inLobby();
    const one = set(fixture, "room/lobby", "about the kettle");
    expect(fixture.stream(bob).at(-1)?.event).to.deep.equal({
      type: "draftSet",
      place: "room/lobby",
      revision: one.revision,
    });
    expect(JSON.stringify(fixture.stream(bob))).to.not.include("kettle");
    fixture.crash(bob);
    expect(list(fixture)).to.deep.equal([one]);
    set(fixture, "room/lobby", "", one.revision);
    expect(list(fixture)).to.deep.equal([]);
    expect(fixture.code("user/ada", bob, { type: "drafts" })).to.equal("FORBIDDEN");
  });

  it("are written over by nobody who has not seen them, and repeated writes change nothing", () => {
    const fixture = inLobby();
    const first = set(fixture, "room/lobby", "on the phone");
    expect(code(fixture, "room/lobby", "at the desk")).to.equal("CHANGED_MEANWHILE");
    expect(code(fixture, "room/lobby", "")).to.equal("CHANGED_MEANWHILE");
    expect(set(fixture, "room/lobby", "on the phone")).to.deep.equal(first);
    const next = set(fixture, "room/lobby", "at the desk", first.revision);
    expect(next.revision).to.be.greaterThan(first.revision);
    expect(code(fixture, "room/lobby", "late", first.revision)).to.equal("CHANGED_MEANWHILE");
    expect(list(fixture)).to.deep.equal([next]);
  });

  it("have revisions that rise, also over one that was emptied, and each change writes one of them alone", () => {
    const fixture = inLobby();
    const first = set(fixture, "room/lobby", "one");
    set(fixture, "room/lobby", "", first.revision);
    const second = set(fixture, "room/lobby", "two");
    expect(second.revision).to.be.greaterThan(first.revision + 1);
    set(fixture, "room/lobby/thread/1", "beside it");
    set(fixture, "room/lobby", "", second.revision);
    fixture.crash(bob);
    const { drafts, revision } = fixture.ok<DraftList>(bob, bob, { type: "drafts" });
    expect(drafts.map(({ text }) => text)).to.deep.equal(["beside it"]);
    expect(revision).to.be.greaterThan(second.revision + 1);
  });

  it("go with the room that is left, and with the agent that is deleted", () => {
    const fixture = inLobby();
    fixture.ok(bob, bob, { type: "createAgent", name: "helper" });
    for (const place of ["room/lobby", "room/lobby/thread/3", "agent/bob.helper", "agent/bob.helper.2"])
      set(fixture, place, "begun");
    expect(code(fixture, "room/elsewhere", "begun")).to.equal("NOT_A_MEMBER");
    expect(code(fixture, "agent/bob.nobody", "begun")).to.equal("NOT_FOUND");
    fixture.ok(bob, lobby, { type: "leave" });
    expect(list(fixture).map(({ place }) => place)).to.deep.equal(["agent/bob.helper.2", "agent/bob.helper"]);
    fixture.ok(bob, bob, { type: "deleteAgent", agent: "bob.helper" });
    expect(list(fixture)).to.deep.equal([]);
  });

  it("are bounded in number, characters and age: none gives way before it is old", () => {
    const fixture = inLobby();
    const thread = (of: number) => `room/lobby/thread/${of}`;
    for (let of = 1; of <= limits.draftsMax; of += 1) set(fixture, thread(of), "x");
    expect(code(fixture, thread(1_000), "x")).to.equal("LIMIT_REACHED");
    expect(list(fixture)).to.have.length(limits.draftsMax);
    const long = "x".repeat(8_000);
    const fit = list(fixture).filter(({ place, revision }) => code(fixture, place, long, revision) === "accepted");
    expect(fit).to.have.length(Math.floor((limits.draftsCharsMax - limits.draftsMax) / long.length));
    fixture.pass(limits.draftKeptMs + 1_000);
    expect(list(fixture)).to.deep.equal([]);
    set(fixture, thread(1), "anew");
    expect(list(fixture)).to.have.length(1);
  });

  it("are written so often in a minute; what is emptied is taken all the same", () => {
    const fixture = inLobby();
    let { revision } = set(fixture, "room/lobby", "0");
    for (let write = 1; write < limits.draftWritesMax; write += 1)
      ({ revision } = set(fixture, "room/lobby", String(write), revision));
    expect(code(fixture, "room/lobby", "more", revision)).to.equal("RATE_LIMITED");
    set(fixture, "room/lobby", "", revision);
    expect(code(fixture, "room/lobby", "more")).to.equal("RATE_LIMITED");
    fixture.pass(60_000);
    set(fixture, "room/lobby", "more");
    expect(list(fixture).map(({ text }) => text)).to.deep.equal(["more"]);
  });

  it("leave the writes of a minute to typing, however often they are sent", () => {
    const fixture = inLobby();
    for (let sent = 0; sent < limits.draftWritesMax / 2; sent += 1) {
      const { revision } = set(fixture, "room/lobby", String(sent));
      set(fixture, "room/lobby", "", revision);
    }
    let { revision } = set(fixture, "room/lobby", "typed");
    for (let write = limits.draftWritesMax / 2 + 1; write < limits.draftWritesMax; write += 1)
      ({ revision } = set(fixture, "room/lobby", `typed ${write}`, revision));
    expect(code(fixture, "room/lobby", "more", revision)).to.equal("RATE_LIMITED");
  });

  it("go with the conversation that is deleted, and with it alone; nobody else says that it is", () => {
    const fixture = inLobby();
    fixture.ok(bob, bob, { type: "createAgent", name: "helper" });
    fixture.ok(bob, "agent/bob.helper", { type: "open" });
    set(fixture, "agent/bob.helper.1", "begun");
    set(fixture, "agent/bob.helper", "stays");
    const dropped = { type: "conversationDropped", conversation: "bob.helper.1" };
    for (const other of ["agent/bob.other", "agent/bob.helper.1", "room/lobby"] as const)
      expect(fixture.code(other, bob, dropped)).to.equal("FORBIDDEN");
    fixture.ok(bob, "agent/bob.helper", { type: "drop", number: 1 });
    fixture.settle();
    expect(list(fixture).map(({ text }) => text)).to.deep.equal(["stays"]);
    const event = { type: "draftSet", place: "agent/bob.helper.1", revision: 0 };
    expect(fixture.stream(bob).at(-1)?.event).to.deep.equal(event);
  });
});
