import { expect } from "chai";
import { array, assert, constantFrom, property, record } from "fast-check";
import { wireLimits, type EmojiView, type RoomMessage } from "../../../protocols/index.ts";
import { normalEmoji } from "../../../protocols/text/emoji.ts";
import { isOwnEmoji, reactionForm } from "../../../protocols/text/own-emoji.ts";
import { emoji } from "../../../actors/emoji/index.ts";
import { Fixture } from "./fixture.ts";
import { inLobby, lobby, post } from "./lobby.ts";

const all = "emoji/cluster";
const hash = (digit: string) => digit.repeat(64);
const add = (name: string, more: object = {}) => ({
  type: "add",
  name,
  hash: hash("a"),
  size: 900,
  by: "ada",
  ...more,
});
const listed = (fixture: Fixture) => fixture.ok<EmojiView>("user/ada", all, { type: "list" }).emoji;

describe("emoji of the cluster", () => {
  it("are added by the gateway alone, each name once, and listed by name, also after a crash", () => {
    const fixture = new Fixture();
    expect(fixture.code("user/ada", all, add("parrot"))).to.equal("FORBIDDEN");
    fixture.ok("gateway", all, add("party-parrot"));
    fixture.ok("gateway", all, add("a2", { hash: hash("b") }));
    expect(fixture.code("gateway", all, add("a2", { hash: hash("b") })), "asked again").to.equal("accepted");
    expect(fixture.code("gateway", all, add("a2"))).to.equal("NAME_TAKEN");
    fixture.crash(all);
    expect(listed(fixture).map(({ name }) => name)).to.deep.equal(["a2", "party-parrot"]);
    expect(fixture.ok("gateway", all, { type: "remove", name: "a2" })).to.deep.include({ hash: hash("b") });
    expect(fixture.code("gateway", all, { type: "remove", name: "a2" })).to.equal("NOT_FOUND");
  });

  it("are so many", () => {
    const fixture = new Fixture();
    for (let index = 0; index < wireLimits.ownEmojiMax; index += 1) fixture.ok("gateway", all, add(`e${index}`));
    expect(fixture.code("gateway", all, add("one-more"))).to.equal("LIMIT_REACHED");
  });

  it("have names that can stand in a reaction, and in no time or address", () => {
    for (const name of ["Parrot", "1a", "a", "a b", "é2", "a".repeat(31), "a:b", "-a", "a/b", ""])
      expect(emoji.accepts?.(add(name)), name).to.equal(false);
    for (const name of ["ok", "a+1", "party_parrot", "a".repeat(30)]) {
      expect(emoji.accepts?.(add(name)), name).to.equal(true);
      expect(`:${name}:`.length).to.be.at.most(32);
      expect(isOwnEmoji(`:${name}:`) && normalEmoji(`:${name}:`) === undefined, name).to.equal(true);
    }
  });

  it("keep exactly the pictures of those that are there: one name once, sorted, each blob as long as one has it", () => {
    const step = record({
      does: constantFrom("add", "remove"),
      name: constantFrom("aa", "bb", "cc"),
      digit: constantFrom("1", "2"),
    });
    assert(
      property(array(step, { maxLength: 30 }), (steps) => {
        const fixture = new Fixture();
        const wanted = new Map<string, string>();
        for (const { does, name, digit } of steps) {
          const message = does === "add" ? add(name, { hash: hash(digit) }) : { type: "remove", name };
          const code = fixture.code("gateway", all, message);
          if (does === "remove") {
            expect(code).to.equal(wanted.delete(name) ? "accepted" : "NOT_FOUND");
          } else if ((wanted.get(name) ?? digit) !== digit) {
            expect(code).to.equal("NAME_TAKEN");
          } else {
            expect(code).to.equal("accepted");
            wanted.set(name, digit);
          }
        }
        expect(listed(fixture).map((one) => [one.name, one.hash])).to.deep.equal(
          [...wanted].map(([name, digit]) => [name, hash(digit)]).toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
        );
        const kept = emoji.blobs?.({ emoji: listed(fixture) }) ?? [];
        expect(new Set(kept)).to.deep.equal(new Set([...wanted.values()].map(hash)));
      }),
      { numRuns: 60 },
    );
  });
});

describe("a reaction with an emoji of the cluster", () => {
  const react = (fixture: Fixture, who: "user/ada" | "user/bob", emoji: string, on = true) =>
    fixture.ok<RoomMessage>(who, lobby, { type: "react", seq: 1, emoji, on }).reactions;

  it("is counted by its name, beside the standard ones, and taken back", () => {
    const fixture = inLobby();
    post(fixture, "ada", "hi");
    react(fixture, "user/ada", ":party-parrot:");
    react(fixture, "user/ada", "🎉");
    expect(react(fixture, "user/bob", ":party-parrot:")).to.deep.equal({
      ":party-parrot:": ["user/ada", "user/bob"],
      "🎉": ["user/ada"],
    });
    fixture.crash(lobby);
    react(fixture, "user/ada", ":party-parrot:", false);
    expect(react(fixture, "user/bob", ":party-parrot:", false)).to.deep.equal({ "🎉": ["user/ada"] });
  });

  it("has that form and no other", () => {
    const fixture = inLobby();
    post(fixture, "ada", "hi");
    for (const emoji of [":x", "x:", ":Party:", "::", ":1a:", "hello", ":aa::bb:", "🎉🎉"]) {
      expect(reactionForm(emoji), emoji).to.equal(undefined);
      const code = fixture.code("user/ada", lobby, { type: "react", seq: 1, emoji, on: true });
      expect(code, emoji).to.equal("BAD_REQUEST");
    }
  });
});
