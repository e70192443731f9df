import { expect } from "chai";
import { assert as property, constantFrom, property as forAll, record } from "fast-check";
import { changedSince } from "../../../actors/seen.ts";
import { meanwhileOf } from "../../../web/src/model/index.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";
import { inLobby, lobby, view } from "./lobby.ts";

describe("a write that rests on an older state", () => {
  const details = (fixture: Fixture, from: string, to: string, command: Readonly<Record<string, unknown>>) => {
    const answer = fixture.do(from as "user/ada", to as "user/ada", command as { type: string });
    return answer.ok ? "accepted" : [answer.error.code, answer.error.details?.["now"]];
  };

  it("leaves a room's title and topic as they are, and says what they are", () => {
    const fixture = inLobby();
    const { title } = view(fixture);
    fixture.ok("user/ada", lobby, { type: "setTitle", title: "Hall", seen: title });
    const late = { type: "setTitle", title: "Den", seen: title };
    expect(details(fixture, "user/ada", lobby, late)).to.deep.equal(["CHANGED_MEANWHILE", "Hall"]);
    expect(view(fixture).title).to.equal("Hall");
    // Who wants what is there has lost nothing; who has looked goes on, and so does a client that says nothing of it.
    fixture.ok("user/ada", lobby, { type: "setTitle", title: "Hall", seen: title });
    fixture.ok("user/ada", lobby, { type: "setTitle", title: "Den", seen: "Hall" });
    fixture.ok("user/ada", lobby, { type: "setTitle", title: "Attic" });
    fixture.ok("user/ada", lobby, { type: "setTopic", topic: "news", seen: "" });
    const topic = { type: "setTopic", topic: "weather", seen: "" };
    expect(details(fixture, "user/ada", lobby, topic)).to.deep.equal(["CHANGED_MEANWHILE", "news"]);
    fixture.ok("user/ada", lobby, { ...topic, seen: "news" });
    expect(view(fixture)).to.include({ title: "Attic", topic: "weather" });
  });

  it("leaves a person's display name as it is; the theme goes on", () => {
    const fixture = fixtureWith("ada");
    const ada = "user/ada";
    const set = (displayName: string, seen?: string) => ({
      type: "setProfile",
      displayName,
      ...(seen !== undefined && { seen: { displayName: seen } }),
    });
    const { displayName } = fixture.ok<{ displayName: string }>(ada, ada, { type: "describe" });
    fixture.ok(ada, ada, set("Countess", displayName));
    expect(details(fixture, ada, ada, set("Ada L.", displayName))).to.deep.equal([
      "CHANGED_MEANWHILE",
      { displayName: "Countess" },
    ]);
    fixture.ok(ada, ada, { type: "setProfile", theme: "dark", seen: { displayName } });
    expect(fixture.ok(ada, ada, { type: "describe" })).to.deep.include({ displayName: "Countess", theme: "dark" });
    fixture.ok(ada, ada, set("Ada L.", "Countess"));
  });

  it("leaves each setting that it changes and that is another by now, and no other stands in its way", () => {
    const now = { persona: "b", model: "m", tools: ["clock"] };
    const seen = { persona: "a", model: "m", tools: ["clock"] };
    expect(changedSince(seen, now, { persona: "c" })).to.deep.equal({ persona: "b" });
    expect(changedSince(seen, now, { model: "n", tools: [] }), "the persona is not changed").to.equal(undefined);
    expect(changedSince(seen, now, { persona: "b" }), "it is what is wanted").to.equal(undefined);
    expect(changedSince(undefined, now, { persona: "c" }), "an older client").to.equal(undefined);
  });

  it("loses no text in a form: it is the one that is saved, or both are shown", () => {
    const text = constantFrom("", "a", "b", "c");
    property(
      forAll(record({ seen: text, mine: text, now: text }), (texts) => {
        const verdict = meanwhileOf(texts);
        const isChanged = texts.now !== texts.seen;
        const isTyped = texts.mine !== texts.seen && texts.mine !== texts.now;
        expect(verdict).to.equal(!isChanged ? "same" : isTyped ? "both" : "theirs");
      }),
    );
    expect(meanwhileOf({ seen: "a", mine: "b ", now: "b" }), "spaces at the end are not sent").to.equal("theirs");
  });
});
