import { expect } from "chai";
import type { AgentState } from "../../../actors/agent/state.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import { failure, type ConversationTurn } from "../../../protocols/index.ts";
import { failed } from "../../fixtures/said.ts";
import { stageWith, type Stage } from "./fixture.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";
const hash = (index: number): string => index.toString(16).padStart(64, "0");
const picture = (index: number) => ({ hash: hash(index), size: 100, format: "png", width: 3, height: 5 }) as const;

function withHelper(): Stage {
  const stage = stageWith("ada", "bob");
  stage.ok(ada, ada, { type: "createAgent", name: "helper" });
  return stage;
}
const attach = (stage: Stage, index: number): void =>
  void stage.ok("gateway", helper, { type: "attach", ...picture(index) });
const show = (stage: Stage, words: string, ...pictures: readonly (readonly [index: number, text?: string])[]): void =>
  void stage.ok(ada, helper, {
    type: "say",
    text: words,
    pictures: pictures.map(([index, text]) => ({ hash: hash(index), ...(text !== undefined && { text }) })),
  });
const turns = (stage: Stage): readonly ConversationTurn[] =>
  stage.ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history" }).turns;
const kept = (stage: Stage): readonly string[] =>
  stage.ok<{ hashes: readonly string[] }>("node", helper, { type: "pictures" }).hashes;
const named = (index: number) => ({ of: helper, hash: hash(index), mediaType: "image/png" });

describe("pictures in an agent's conversation", () => {
  it("are uploaded, named by a message, shown to the model and to the owner, and to nobody else", () => {
    const stage = withHelper();
    attach(stage, 1);
    expect(stage.ok(ada, helper, { type: "picture", hash: hash(1) })).to.deep.equal(picture(1));
    show(stage, "what is it?", [1, "a cat"]);
    expect(turns(stage)[0]).to.deep.include({ text: "what is it?", pictures: [{ ...picture(1), text: "a cat" }] });
    expect(stage.generation.messages).to.deep.equal([
      { role: "user", content: "[Picture: a cat]\nwhat is it?", attached: [named(1)] },
    ]);
    stage.answer("a cat");
    expect(kept(stage)).to.deep.equal([hash(1)]);
    expect(stage.code("user/bob", helper, { type: "picture", hash: hash(1) })).to.equal("FORBIDDEN");
    for (const from of [ada, "user/bob", "agent/ada.other", "node"] as const)
      expect(stage.code(from, helper, { type: "attach", ...picture(2) }), from).to.equal("FORBIDDEN");
    expect(stage.code(ada, helper, { type: "pictures" })).to.equal("FORBIDDEN");
    // It may be shown once more; what was never uploaded may not.
    show(stage, "and now?", [1], [1]);
    expect(turns(stage)[2]?.pictures).to.have.length(1);
    const unknown = { type: "say", text: "x", pictures: [{ hash: hash(9) }] };
    expect(stage.code(ada, helper, unknown)).to.equal("NOT_FOUND");
  });

  it("are bounded: the newest are shown and kept, the others told in words", () => {
    const stage = withHelper();
    for (let index = 1; index <= limits.agentUploadsMax + 1; index += 1) attach(stage, index);
    expect(kept(stage)).to.have.length(limits.agentUploadsMax).and.not.include(hash(1));
    for (let index = 1; index <= limits.agentPicturesMax + 3; index += 1) {
      attach(stage, index);
      show(stage, `q${index}`, [index]);
      if (index === limits.contextPicturesMax + 1) {
        const shown = stage.generation.messages.filter(({ attached }) => attached !== undefined);
        expect(shown).to.have.length(limits.contextPicturesMax);
        expect(stage.generation.messages[0]).to.deep.equal({ role: "user", content: "[Picture]\nq1" });
      }
      stage.answer("a");
      if (stage.besides) stage.part(stage.besides.id, failed(failure("MODEL_BUSY")));
    }
    const { life } = stage.stateOf<AgentState>(helper);
    expect(life?.pictures).to.have.length(limits.agentPicturesMax);
    expect(kept(stage)).to.not.include(hash(3));
    expect(stage.code(ada, helper, { type: "picture", hash: hash(3) })).to.equal("NOT_FOUND");
  });

  it("are refused in plain words by a model that sees none, and only where they are asked about", () => {
    const stage = withHelper();
    const blind = (): void =>
      stage.part(stage.generation.id, failed(failure("MODEL_UNSUPPORTED", { capability: "vision" })));
    attach(stage, 1);
    show(stage, "what is it?", [1, "a cat"]);
    blind();
    expect(turns(stage)[1]).to.deep.include({ end: "failed", text: "" });
    expect(turns(stage)[1]?.error).to.include("cannot see pictures");
    // The conversation goes on without it.
    show(stage, "hello");
    expect(stage.generation.messages[0]?.attached).to.have.length(1);
    blind();
    expect(stage.generation.messages.map(({ content, attached }) => [content, attached])).to.deep.equal([
      ["[Picture: a cat]\nwhat is it?", undefined],
      ["hello", undefined],
    ]);
    expect(stage.generation.tools).to.have.length(2);
    stage.answer("hi");
    expect(turns(stage).at(-1)).to.deep.include({ text: "hi", end: "complete" });
  });

  describe("beside sounds", () => {
    const sound = (index: number) => ({ hash: hash(index), size: 100, format: "wav", ms: 900 }) as const;
    const say = (stage: Stage, words: string, ...sounds: readonly { hash: string; text?: string }[]): void =>
      void stage.ok(ada, helper, { type: "say", text: words, sounds });
    const deaf = (stage: Stage): void =>
      stage.part(stage.generation.id, failed(failure("MODEL_UNSUPPORTED", { capability: "hearing" })));
    const withSound = (): Stage => {
      const stage = withHelper();
      stage.ok("gateway", helper, { type: "attachSound", ...sound(1) });
      return stage;
    };

    it("that models are given, with what is said in them, and that say enough by themselves", () => {
      const stage = withSound();
      attach(stage, 2);
      expect(stage.ok(ada, helper, { type: "sound", hash: hash(1) })).to.deep.equal(sound(1));
      expect(stage.code(ada, helper, { type: "picture", hash: hash(1) })).to.equal("NOT_FOUND");
      expect(stage.code(ada, helper, { type: "sound", hash: hash(2) })).to.equal("NOT_FOUND");
      expect(stage.code("user/bob", helper, { type: "sound", hash: hash(1) })).to.equal("FORBIDDEN");
      expect(stage.code(ada, helper, { type: "attachSound", ...sound(3) })).to.equal("FORBIDDEN");
      expect(stage.code(ada, helper, { type: "say", text: "" })).to.equal("BAD_REQUEST");
      say(stage, "", { hash: hash(1), text: "what time is it?" });
      expect(turns(stage)[0]).to.deep.include({ text: "", sounds: [{ ...sound(1), text: "what time is it?" }] });
      const heard = { of: helper, hash: hash(1), mediaType: "audio/wav" };
      expect(stage.generation.messages).to.deep.equal([{ role: "user", content: "[Sound: what time is it?]", attached: [heard] }]); // prettier-ignore
      expect(kept(stage)).to.have.members([hash(1), hash(2)]);
    });

    it("whose words a model reads that does not hear", () => {
      const stage = withSound();
      say(stage, "answer it", { hash: hash(1), text: "what time is it?" });
      deaf(stage);
      expect(stage.generation.messages).to.deep.equal([{ role: "user", content: "[Sound: what time is it?]\nanswer it" }]); // prettier-ignore
      expect(stage.generation.tools).to.have.length(2);
      stage.answer("noon");
      expect(turns(stage).at(-1)).to.deep.include({ text: "noon", end: "complete" });
    });

    it("that are refused in plain words where nobody hears them, once, and not where they were asked about before", () => {
      const stage = withSound();
      say(stage, "answer it", { hash: hash(1) });
      deaf(stage);
      expect(turns(stage)[1]).to.deep.include({ end: "failed", text: "" });
      expect(turns(stage)[1]?.error).to.include("cannot hear");
      show(stage, "hello");
      deaf(stage);
      expect(stage.generation.messages.map(({ content }) => content)).to.deep.equal(["[Sound]\nanswer it", "hello"]);
      stage.answer("hi");
      expect(turns(stage).at(-1)).to.deep.include({ text: "hi" });
    });

    it("of which a request has as many bytes as it may travel with", () => {
      const stage = withHelper();
      const size = limits.contextMediaBytesMax / 2;
      for (const index of [1, 2, 3]) {
        stage.ok("gateway", helper, { type: "attachSound", ...sound(index), size });
        say(stage, `q${index}`, { hash: hash(index) });
        if (index < 3) stage.answer("a");
      }
      const given = stage.generation.messages.flatMap(({ attached = [] }) => attached.map((one) => one.hash));
      expect(given).to.deep.equal([hash(2), hash(3)]);
    });
  });

  it("go with the conversation and with the agent", () => {
    const stage = withHelper();
    attach(stage, 1);
    show(stage, "what is it?", [1]);
    stage.answer("a cat");
    attach(stage, 2);
    stage.crash(helper);
    expect(kept(stage)).to.deep.equal([hash(1), hash(2)]);
    stage.ok(ada, helper, { type: "clear" });
    expect(kept(stage)).to.deep.equal([]);
    stage.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
    expect(stage.code("node", helper, { type: "pictures" })).to.equal("NOT_FOUND");
    expect(stage.code("gateway", helper, { type: "attach", ...picture(3) })).to.equal("NOT_FOUND");
  });
});
