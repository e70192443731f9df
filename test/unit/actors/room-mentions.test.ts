import { expect } from "chai";
import { wireLimits, type RoomMessage, type RoomView } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { room } from "../../../actors/index.ts";
import type { OutboxEntry } from "../../../actors/outbox.ts";
import type { Room } from "../../../actors/room/state.ts";
import type { Stage } from "./fixture.ts";
import { ended, text } from "../../fixtures/said.ts";
import { threadMsOf } from "../../runner/processor-time.ts";
import { lobby, type Page, inLobby, post, view } from "./lobby.ts";

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
    expect(threadMsOf(() => mentionsOf(stage, text))).to.be.below(2_000);
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
