import { expect } from "chai";
import type { AgentState } from "../../../actors/agent/shape.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import { failure, type ConversationTurn } from "../../../protocols/index.ts";
import { failed } from "../../fixtures/engine-answers.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";
const hash = (index: number): string => index.toString(16).padStart(64, "0");
const picture = (index: number) => ({ hash: hash(index), size: 100, format: "png", width: 3, height: 5 }) as const;

function withHelper(): Fixture {
  const fixture = fixtureWith("ada", "bob");
  fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
  return fixture;
}
const attach = (fixture: Fixture, index: number): void =>
  void fixture.ok("gateway", helper, { type: "attach", ...picture(index) });
const show = (
  fixture: Fixture,
  words: string,
  ...pictures: readonly (readonly [index: number, text?: string])[]
): void =>
  void fixture.ok(ada, helper, {
    type: "say",
    text: words,
    pictures: pictures.map(([index, text]) => ({ hash: hash(index), ...(text !== undefined && { text }) })),
  });
const turns = (fixture: Fixture): readonly ConversationTurn[] =>
  fixture.ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history" }).turns;
const kept = (fixture: Fixture): readonly string[] =>
  fixture.ok<{ hashes: readonly string[] }>("node", helper, { type: "pictures" }).hashes;
const named = (index: number) => ({ of: helper, hash: hash(index), mediaType: "image/png" });

describe("pictures in an agent's conversation", () => {
  it("are uploaded, named by a message, shown to the model and to the owner, and to nobody else", () => {
    const fixture = withHelper();
    attach(fixture, 1);
    expect(fixture.ok(ada, helper, { type: "picture", hash: hash(1) })).to.deep.equal(picture(1));
    show(fixture, "what is it?", [1, "a cat"]);
    expect(turns(fixture)[0]).to.deep.include({ text: "what is it?", pictures: [{ ...picture(1), text: "a cat" }] });
    expect(fixture.generation.messages).to.deep.equal([
      { role: "user", content: "[Picture: a cat]\nwhat is it?", attached: [named(1)] },
    ]);
    fixture.answer("a cat");
    expect(kept(fixture)).to.deep.equal([hash(1)]);
    expect(fixture.code("user/bob", helper, { type: "picture", hash: hash(1) })).to.equal("FORBIDDEN");
    for (const from of [ada, "user/bob", "agent/ada.other", "node"] as const)
      expect(fixture.code(from, helper, { type: "attach", ...picture(2) }), from).to.equal("FORBIDDEN");
    expect(fixture.code(ada, helper, { type: "pictures" })).to.equal("FORBIDDEN");
    // It may be shown once more; what was never uploaded may not.
    show(fixture, "and now?", [1], [1]);
    expect(turns(fixture)[2]?.pictures).to.have.length(1);
    const unknown = { type: "say", text: "x", pictures: [{ hash: hash(9) }] };
    expect(fixture.code(ada, helper, unknown)).to.equal("NOT_FOUND");
  });

  it("are bounded: the newest are shown and kept, the others told in words", () => {
    const fixture = withHelper();
    for (let index = 1; index <= limits.agentUploadsMax + 1; index += 1) attach(fixture, index);
    expect(kept(fixture)).to.have.length(limits.agentUploadsMax).and.not.include(hash(1));
    for (let index = 1; index <= limits.agentPicturesMax + 3; index += 1) {
      attach(fixture, index);
      show(fixture, `q${index}`, [index]);
      if (index === limits.contextPicturesMax + 1) {
        const shown = fixture.generation.messages.filter(({ attached }) => attached !== undefined);
        expect(shown).to.have.length(limits.contextPicturesMax);
        expect(fixture.generation.messages[0]).to.deep.equal({ role: "user", content: "[Picture]\nq1" });
      }
      fixture.answer("a");
      if (fixture.besides) fixture.part(fixture.besides.id, failed(failure("MODEL_BUSY")));
    }
    const { life } = fixture.stateOf<AgentState>(helper);
    expect(life?.pictures).to.have.length(limits.agentPicturesMax);
    expect(kept(fixture)).to.not.include(hash(3));
    expect(fixture.code(ada, helper, { type: "picture", hash: hash(3) })).to.equal("NOT_FOUND");
  });

  it("are refused in plain words by a model that sees none, and only where they are asked about", () => {
    const fixture = withHelper();
    const blind = (): void =>
      fixture.part(fixture.generation.id, failed(failure("MODEL_UNSUPPORTED", { capability: "vision" })));
    attach(fixture, 1);
    show(fixture, "what is it?", [1, "a cat"]);
    blind();
    expect(turns(fixture)[1]).to.deep.include({ end: "failed", text: "" });
    expect(turns(fixture)[1]?.error).to.include("cannot see pictures");
    // The conversation goes on without it.
    show(fixture, "hello");
    expect(fixture.generation.messages[0]?.attached).to.have.length(1);
    blind();
    expect(fixture.generation.messages.map(({ content, attached }) => [content, attached])).to.deep.equal([
      ["[Picture: a cat]\nwhat is it?", undefined],
      ["hello", undefined],
    ]);
    expect(fixture.generation.tools).to.have.length(2);
    fixture.answer("hi");
    expect(turns(fixture).at(-1)).to.deep.include({ text: "hi", end: "complete" });
  });

  describe("beside sounds", () => {
    const sound = (index: number) => ({ hash: hash(index), size: 100, format: "wav", ms: 900 }) as const;
    const say = (fixture: Fixture, words: string, ...sounds: readonly { hash: string; text?: string }[]): void =>
      void fixture.ok(ada, helper, { type: "say", text: words, sounds });
    const deaf = (fixture: Fixture): void =>
      fixture.part(fixture.generation.id, failed(failure("MODEL_UNSUPPORTED", { capability: "hearing" })));
    const withSound = (): Fixture => {
      const fixture = withHelper();
      fixture.ok("gateway", helper, { type: "attachSound", ...sound(1) });
      return fixture;
    };

    it("that models are given, with what is said in them, and that say enough by themselves", () => {
      const fixture = withSound();
      attach(fixture, 2);
      expect(fixture.ok(ada, helper, { type: "sound", hash: hash(1) })).to.deep.equal(sound(1));
      expect(fixture.code(ada, helper, { type: "picture", hash: hash(1) })).to.equal("NOT_FOUND");
      expect(fixture.code(ada, helper, { type: "sound", hash: hash(2) })).to.equal("NOT_FOUND");
      expect(fixture.code("user/bob", helper, { type: "sound", hash: hash(1) })).to.equal("FORBIDDEN");
      expect(fixture.code(ada, helper, { type: "attachSound", ...sound(3) })).to.equal("FORBIDDEN");
      expect(fixture.code(ada, helper, { type: "say", text: "" })).to.equal("BAD_REQUEST");
      say(fixture, "", { hash: hash(1), text: "what time is it?" });
      expect(turns(fixture)[0]).to.deep.include({ text: "", sounds: [{ ...sound(1), text: "what time is it?" }] });
      const heard = { of: helper, hash: hash(1), mediaType: "audio/wav" };
      expect(fixture.generation.messages).to.deep.equal([
        { role: "user", content: "[Sound: what time is it?]", attached: [heard] },
      ]);
      expect(kept(fixture)).to.have.members([hash(1), hash(2)]);
    });

    it("whose words a model reads that does not hear", () => {
      const fixture = withSound();
      say(fixture, "answer it", { hash: hash(1), text: "what time is it?" });
      deaf(fixture);
      expect(fixture.generation.messages).to.deep.equal([
        { role: "user", content: "[Sound: what time is it?]\nanswer it" },
      ]);
      expect(fixture.generation.tools).to.have.length(2);
      fixture.answer("noon");
      expect(turns(fixture).at(-1)).to.deep.include({ text: "noon", end: "complete" });
    });

    it("that are refused in plain words where nobody hears them, once, and not where they were asked about before", () => {
      const fixture = withSound();
      say(fixture, "answer it", { hash: hash(1) });
      deaf(fixture);
      expect(turns(fixture)[1]).to.deep.include({ end: "failed", text: "" });
      expect(turns(fixture)[1]?.error).to.include("cannot hear");
      show(fixture, "hello");
      deaf(fixture);
      expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["[Sound]\nanswer it", "hello"]);
      fixture.answer("hi");
      expect(turns(fixture).at(-1)).to.deep.include({ text: "hi" });
    });

    it("of which a request has as many bytes as it may travel with", () => {
      const fixture = withHelper();
      const size = limits.contextMediaBytesMax / 2;
      for (const index of [1, 2, 3]) {
        fixture.ok("gateway", helper, { type: "attachSound", ...sound(index), size });
        say(fixture, `q${index}`, { hash: hash(index) });
        if (index < 3) fixture.answer("a");
      }
      const given = fixture.generation.messages.flatMap(({ attached = [] }) => attached.map((one) => one.hash));
      expect(given).to.deep.equal([hash(2), hash(3)]);
    });
  });

  it("go with the conversation and with the agent", () => {
    const fixture = withHelper();
    attach(fixture, 1);
    show(fixture, "what is it?", [1]);
    fixture.answer("a cat");
    attach(fixture, 2);
    fixture.crash(helper);
    expect(kept(fixture)).to.deep.equal([hash(1), hash(2)]);
    fixture.ok(ada, helper, { type: "clear" });
    expect(kept(fixture)).to.deep.equal([]);
    fixture.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
    expect(fixture.code("node", helper, { type: "pictures" })).to.equal("NOT_FOUND");
    expect(fixture.code("gateway", helper, { type: "attach", ...picture(3) })).to.equal("NOT_FOUND");
  });
});
