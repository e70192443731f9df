import { expect } from "chai";
import { wireLimits, type RoomMessage, type RoomVersions, type RoomView } from "../../../protocols/index.ts";
import { remaking } from "../../../actors/room/index.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post, view, type Page } from "./lobby.ts";

const [ada, bob, cleo, dan] = ["user/ada", "user/bob", "user/cleo", "user/dan"] as const;

const edit = (fixture: Fixture, from: string, seq: number, text: string): RoomMessage => {
  fixture.pass(1);
  return fixture.ok(`user/${from}`, lobby, { type: "edit", seq, text });
};
const said = (fixture: Fixture, seq: number, by: `user/${string}` = cleo) =>
  fixture.ok<RoomVersions>(by, lobby, { type: "versions", seq }).versions.map(({ text }) => text);
/** Keys of earlier texts on the disk. */
const kept = (fixture: Fixture) => fixture.records(lobby, "version/");

describe("what a message said before it was edited", () => {
  it("is read by all who read the message, each text with its time, and by nobody else", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "bob", "frist");
    const atMs = fixture.nowMs;
    expect(said(fixture, seq)).to.deep.equal([]);
    expect(edit(fixture, "bob", seq, "first").versions).to.equal(1);
    const editedAtMs = fixture.nowMs;
    expect(edit(fixture, "bob", seq, "the first").versions).to.equal(2);
    expect(fixture.ok<RoomVersions>(cleo, lobby, { type: "versions", seq }).versions).to.deep.equal([
      { text: "frist", atMs },
      { text: "first", atMs: editedAtMs },
    ]);
    expect(fixture.code(dan, lobby, { type: "versions", seq })).to.equal("NOT_A_MEMBER");
    expect(fixture.code(cleo, lobby, { type: "versions", seq: 99 })).to.equal("NOT_FOUND");
    const heard = JSON.stringify(fixture.stream(lobby).filter(({ event }) => event.type === "edited"));
    expect(heard, "the stream tells what is there now").not.to.include("frist");
  });

  it("is so much of one message: the oldest goes", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "bob", "text 0");
    const max = wireLimits.messageVersionsMax;
    for (let number = 1; number <= max + 3; number += 1) edit(fixture, "bob", seq, `text ${number}`);
    expect(said(fixture, seq)).to.deep.equal(Array.from({ length: max }, (_, index) => `text ${index + 3}`));
    expect(kept(fixture)).to.have.length(max);
  });

  it("goes with the message, also of an old one", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "bob", "frist");
    const other = post(fixture, "bob", "othr");
    for (const one of [seq, other.seq]) edit(fixture, "bob", one, "mended");
    for (let index = 0; index < 250; index += 1) post(fixture, "cleo", "more");
    expect(said(fixture, seq)).to.deep.equal(["frist"]);
    const gone = fixture.ok<RoomMessage>(bob, lobby, { type: "delete", seq });
    expect(gone).not.to.have.property("versions");
    expect(fixture.code(cleo, lobby, { type: "versions", seq })).to.equal("NOT_FOUND");
    expect(kept(fixture)).to.have.length(1);
    expect(said(fixture, other.seq)).to.deep.equal(["othr"]);
  });

  it("goes with the account of its author, and what others said stays", () => {
    const fixture = inLobby();
    const first = post(fixture, "bob", "of bob");
    const second = post(fixture, "cleo", "of cleo");
    edit(fixture, "bob", first.seq, "of Bob");
    edit(fixture, "cleo", second.seq, "of Cleo");
    fixture.ok(bob, lobby, { type: "depart" });
    expect(said(fixture, first.seq)).to.deep.equal([]);
    expect(said(fixture, second.seq)).to.deep.equal(["of cleo"]);
    expect(fixture.ok<Page>(cleo, lobby, { type: "history" }).messages[0]?.text, "the message stays").to.equal(
      "of Bob",
    );
    // Somebody who had left the room before their account went is forgotten, too.
    fixture.ok(cleo, lobby, { type: "leave" });
    fixture.ok(cleo, lobby, { type: "depart" });
    expect(kept(fixture)).to.deep.equal([]);
  });

  it("is kept by nobody where the room's moderators say so, and what was kept is forgotten", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "bob", "frist");
    edit(fixture, "bob", seq, "first");
    const rules = (by: `user/${string}`, keepsVersions: boolean) =>
      fixture.do(by, lobby, { type: "setRules", keepsVersions });
    expect(rules(bob, false)).to.deep.include({ ok: false });
    expect(said(fixture, seq)).to.deep.equal(["frist"]);
    expect((rules(ada, false) as { value?: RoomView }).value).to.include({ keepsVersions: false });
    expect(view(fixture).keepsVersions).to.equal(false);
    expect(kept(fixture)).to.deep.equal([]);
    expect(edit(fixture, "bob", seq, "the first").versions, "not counted").to.equal(1);
    expect(said(fixture, seq)).to.deep.equal([]);
    expect(remaking(fixture.stateOf(lobby))).to.include({ keepsVersions: false });
    rules(ada, true);
    edit(fixture, "bob", seq, "the very first");
    expect(said(fixture, seq)).to.deep.equal(["the first"]);
  });
});
