import { expect } from "chai";
import { wireLimits, type SavedList } from "../../../protocols/index.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post } from "./lobby.ts";

const bob = "user/bob" as const;
const list = (fixture: Fixture) => fixture.ok<SavedList>(bob, bob, { type: "saved" }).saved;
const save = (fixture: Fixture, seq: number) => fixture.code(bob, bob, { type: "saveMessage", room: "lobby", seq });

describe("messages that somebody has saved for later", () => {
  it("are listed with the newest first, on every device, and say nothing of what they say", () => {
    const fixture = inLobby();
    const one = post(fixture, "ada", "the secret of the kettle");
    const two = post(fixture, "ada", "another");
    expect([save(fixture, one.seq), save(fixture, two.seq), save(fixture, one.seq)]).to.deep.equal(
      Array.from({ length: 3 }, () => "accepted"),
    );
    expect(list(fixture).map(({ room, seq }) => `${room} ${seq}`)).to.deep.equal([
      `lobby ${two.seq}`,
      `lobby ${one.seq}`,
    ]);
    expect(fixture.stream(bob).at(-1)?.event).to.deep.equal({
      type: "savedSet",
      room: "lobby",
      seq: two.seq,
      saved: true,
    });
    expect(JSON.stringify(fixture.journalOf(bob))).to.not.include("kettle");
    fixture.crash(bob);
    expect(list(fixture)).to.have.length(2);
  });

  it("are taken off once, and stay where a room was left", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "ada", "hi");
    save(fixture, seq);
    fixture.ok(bob, lobby, { type: "leave" });
    expect(list(fixture)).to.have.length(1);
    expect(save(fixture, seq + 1)).to.equal("NOT_A_MEMBER");
    const unsave = () => fixture.code(bob, bob, { type: "unsaveMessage", room: "lobby", seq });
    expect([unsave(), unsave()]).to.deep.equal(["accepted", "NOT_FOUND"]);
    expect(list(fixture)).to.deep.equal([]);
  });

  it("are a bounded number, and nobody else's to see", () => {
    const fixture = inLobby();
    for (let seq = 1; seq <= wireLimits.savedMax; seq += 1) expect(save(fixture, seq)).to.equal("accepted");
    expect(save(fixture, wireLimits.savedMax + 1)).to.equal("LIMIT_REACHED");
    expect(fixture.code("user/ada", bob, { type: "saved" })).to.equal("FORBIDDEN");
  });
});
