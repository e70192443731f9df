import { expect } from "chai";
import { wireLimits, type RoomMessage, type RoomSummary, type RoomView } from "../../../protocols/index.ts";
import { readingLimits } from "../../../protocols/reading/limits.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { room } from "../../../actors/index.ts";
import type { OutboxEntry } from "../../../actors/outbox.ts";
import type { Room } from "../../../actors/room/shape.ts";
import type { Fixture } from "./fixture.ts";
import { ended, text } from "../../fixtures/engine-answers.ts";
import { lobby, type Page, inLobby, post, view } from "./lobby.ts";

const mentionsOf = (fixture: Fixture, text: string): readonly string[] => {
  const { seq } = post(fixture, "cleo", text);
  const [message] = fixture.ok<Page>("user/ada", lobby, { type: "history", after: seq - 1 }).messages;
  return message?.mentions ?? [];
};

describe("a room's mentions", () => {
  function withAgents(): Fixture {
    const fixture = inLobby();
    for (const [owner, name] of [
      ["ada", "helper"],
      ["ada", "poet"],
      ["bob", "poet"],
    ] as const) {
      fixture.ok(`user/${owner}`, `user/${owner}`, { type: "createAgent", name });
      fixture.ok(`user/${owner}`, lobby, { type: "invite", member: `agent/${owner}.${name}` });
    }
    return fixture;
  }

  it("find people and agents by name, in any case, at the end of a sentence, each once", () => {
    const fixture = withAgents();
    expect(mentionsOf(fixture, "@ada, @BOB. and @ada again; @nobody")).to.deep.equal(["user/ada", "user/bob"]);
    expect(mentionsOf(fixture, "(@ada.poet) @helper! @bob.poet...")).to.deep.equal([
      "agent/ada.poet",
      "agent/ada.helper",
      "agent/bob.poet",
    ]);
    expect(mentionsOf(fixture, "@poet is whose?")).to.deep.equal([]);
    expect(mentionsOf(fixture, "mail ada@bob.example or _@bob")).to.deep.equal([]);
    expect(mentionsOf(fixture, "@bob-. @bob_x @helper.")).to.deep.equal(["user/bob", "agent/ada.helper"]);
  });

  it("are not looked for in code", () => {
    const fixture = withAgents();
    expect(mentionsOf(fixture, "`@ada` and ``@bob ` @bob`` and @cleo")).to.deep.equal(["user/cleo"]);
    expect(mentionsOf(fixture, "```\n@ada\n``\n````\n@bob\n~~~ ts\n@ada")).to.deep.equal(["user/bob"]);
    expect(mentionsOf(fixture, "a lone ` before @ada")).to.deep.equal(["user/ada"]);
  });

  it("summon an agent with the recent conversation, the mention last", () => {
    const fixture = withAgents();
    for (let index = 1; index <= 30; index += 1) post(fixture, "bob", `line ${index}`);
    fixture.ok("user/bob", lobby, { type: "delete", seq: 29 });
    post(fixture, "bob", "@helper what now?");
    const { message } = fixture.sent.filter(({ to }) => to === "agent/ada.helper").at(-1) ?? {};
    expect(message).to.deep.include({ type: "mentioned", room: "lobby", seq: 31 });
    const context = message?.["context"] as { author: string; text: string; seq: number }[];
    expect(context.at(-1)).to.deep.equal({ author: "bob", text: "@helper what now?", seq: 31 });
    expect(context.map(({ text }) => text)).to.not.include("");
  });

  it("tell it a conversation that begins at the same message for a while, bounded all the same", () => {
    const { mentionContextMessages: count, mentionContextChars, mentionContextStep: step } = actorLimits;
    const beginnings = (words: string): readonly number[] => {
      const fixture = withAgents();
      return Array.from({ length: 5 * count }, () => {
        post(fixture, "bob", `@helper ${words}`);
        const { message } = fixture.sent.filter(({ to }) => to === "agent/ada.helper").at(-1) ?? {};
        // Whoever has too many that wait is refused, which the room shows.
        fixture.answer("yes");
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
    const fixture = withAgents();
    post(fixture, "ada", "root");
    post(fixture, "bob", "elsewhere");
    post(fixture, "bob", "x".repeat(8_000), { replyTo: 1 });
    post(fixture, "bob", "@helper?", { replyTo: 1 });
    const context = (): { text: string }[] => {
      const { message } = fixture.sent.filter(({ to }) => to === "agent/ada.helper").at(-1) ?? {};
      return message?.["context"] as { text: string }[];
    };
    expect(context().map(({ text }) => text.length)).to.deep.equal([4, 8_000, 8]);
    post(fixture, "bob", "y".repeat(8_000), { replyTo: 1 });
    post(fixture, "bob", "@helper!", { replyTo: 1 });
    expect(context().map(({ text }) => text.length)).to.deep.equal([8, 8_000, 8]);
  });

  const refusals = (fixture: Fixture): readonly RoomMessage[] =>
    fixture
      .ok<Page>("user/cleo", lobby, { type: "history", limit: wireLimits.pageEntriesMax })
      .messages.filter(({ refused }) => refused !== undefined);
  const waiting = (fixture: Fixture): readonly OutboxEntry[] => fixture.stateOf<Room>(lobby).outbox.entries;

  it("wait for an agent that cannot be reached, a bounded number of them, each with the post it is about", () => {
    const fixture = withAgents();
    fixture.cutOff("agent/ada.helper");
    const last = actorLimits.roomMentionsPerAgentMax + 1;
    for (let index = 1; index <= last; index += 1) post(fixture, "cleo", `@helper question ${index}`);
    expect(waiting(fixture)).to.have.length(actorLimits.roomMentionsPerAgentMax);
    for (const [index, { message }] of waiting(fixture).entries())
      expect((message["context"] as { text: string }[]).at(-1)?.text).to.equal(`@helper question ${index + 1}`);
    const [refused, ...others] = refusals(fixture);
    expect(others).to.deep.equal([]);
    expect(refused).to.deep.include({
      author: "agent/ada.helper",
      text: `Sorry, I am busy: ${actorLimits.roomMentionsPerAgentMax} waiting already. Mention me again in a moment.`,
      replyTo: last,
      answers: last,
      refused: "QUEUE_FULL",
    });
    fixture.crash(lobby);
    fixture.reach("agent/ada.helper");
    for (let left = 10; left > 0; left -= 1) {
      fixture.pass(60_000);
      while (fixture.running.length > 0) fixture.answer("Here.");
    }
    const { messages } = fixture.ok<Page>("user/cleo", lobby, { type: "history" });
    expect(messages.flatMap(({ answers }) => answers ?? []).toSorted((a, b) => a - b)).to.deep.equal(
      Array.from({ length: last }, (_, index) => index + 1),
    );
  });

  it("are refused in the agent's name when it is busy, with how many wait", () => {
    const fixture = withAgents();
    const first = post(fixture, "cleo", "@helper first").seq;
    for (let index = 0; index < actorLimits.agentQueueMentionsMax; index += 1)
      post(fixture, index % 2 === 0 ? "cleo" : "bob", `@helper ${index}`);
    expect(refusals(fixture)).to.deep.equal([]);
    const { seq } = post(fixture, "bob", "in the thread, @helper", { replyTo: first });
    expect(refusals(fixture).map(({ text, replyTo, answers }) => ({ text, replyTo, answers }))).to.deep.equal([
      { text: "Sorry, I am busy: 4 waiting already. Mention me again in a moment.", replyTo: first, answers: seq },
    ]);
    const thread = fixture.ok<Page>("user/cleo", lobby, { type: "history", thread: first });
    expect(thread.messages[0]?.replies?.count).to.equal(2);
  });

  it("are refused when the agent is out of reach for too long, or was deleted, and answered when it comes back before", () => {
    const fixture = withAgents();
    fixture.cutOff("agent/ada.helper", "ACTOR_QUARANTINED");
    const first = post(fixture, "cleo", "@helper one").seq;
    fixture.pass(actorLimits.mentionWaitMs - 60_000);
    const second = post(fixture, "cleo", "@helper two").seq;
    fixture.pass(120_000);
    expect(refusals(fixture).map(({ answers, refused }) => [answers, refused])).to.deep.equal([
      [first, "ACTOR_QUARANTINED"],
    ]);
    fixture.reach("agent/ada.helper");
    fixture.pass(600_000);
    fixture.answer("Back.");
    expect(fixture.ok<Page>("user/cleo", lobby, { type: "history" }).messages.at(-1)).to.deep.include({
      text: "Back.",
      answers: second,
    });
    expect(refusals(fixture)).to.have.length(1);
  });

  it("are refused by an agent that is deleted, or was removed, before it could answer", () => {
    const fixture = withAgents();
    const [first, second] = ["@helper one", "@helper two"].map((text) => post(fixture, "cleo", text).seq);
    fixture.ok("user/ada", "user/ada", { type: "deleteAgent", agent: "ada.helper" });
    expect(refusals(fixture).map(({ answers, refused }) => [answers, refused])).to.deep.equal([
      [first, "NOT_FOUND"],
      [second, "NOT_FOUND"],
    ]);
    const third = post(fixture, "cleo", "@bob.poet three").seq;
    fixture.ok("user/ada", lobby, { type: "remove", member: "agent/bob.poet" });
    const { id = "" } = fixture.running.at(-1) ?? {};
    fixture.part(id, ended("complete", 1, 0));
    expect(refusals(fixture).at(-1)).to.deep.include({ answers: third, refused: "NOT_A_MEMBER" });
    const answer = { type: "post", text: "again", replyTo: third, generation: "agent/bob.poet#1" };
    expect(fixture.code("agent/bob.poet", lobby, answer)).to.equal("NOT_A_MEMBER");
    expect(fixture.code("agent/bob.poet", lobby, { ...answer, replyTo: 1, generation: "x" })).to.equal("NOT_A_MEMBER");
    expect(refusals(fixture)).to.have.length(3);
  });

  it("are bounded for all agents together, and refused outside the thread when that is long ago", () => {
    const fixture = withAgents();
    fixture.cutOff("agent/ada.helper");
    const { seq } = post(fixture, "cleo", "@helper hello?");
    const entry = waiting(fixture)[0] as OutboxEntry;
    for (let index = 0; index <= actorLimits.roomRecentMessages; index += 1) post(fixture, "bob", "chatter");
    fixture.pass(actorLimits.mentionWaitMs);
    fixture.pass(600_000);
    expect(refusals(fixture)).to.have.length(1);
    expect(refusals(fixture)[0]).to.deep.include({ answers: seq, refused: "SLOT_UNAVAILABLE" });
    expect(refusals(fixture)[0]).to.not.have.property("replyTo");
    const others = Array.from({ length: actorLimits.roomMentionsMax }, (_, id) => ({
      ...entry,
      id,
      to: "agent/x.y" as const,
    }));
    const full = { ...fixture.stateOf<Room>(lobby), outbox: { next: others.length, entries: others } };
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "user/ada", notes: { progress: {} } } as const;
    const effects = room.decide(full, { type: "post", text: "@helper" }, turn);
    expect(effects.filter(({ type }) => type === "persist")).to.have.length(2);
    expect(effects.filter(({ type }) => type === "ask")).to.have.length(0);
  });

  it("are looked for behind a bounded number of signs", () => {
    const fixture = withAgents();
    const names = "@nobody ".repeat(readingLimits.signsMax - 1);
    expect(mentionsOf(fixture, `${names} @ada @bob`)).to.deep.equal(["user/ada"]);
  });

  const summoned = (fixture: Fixture): readonly string[] =>
    fixture.sent.flatMap(({ to, message }) => (message.type === "mentioned" ? [to] : []));

  it("by agents summon nobody, by post or edit", () => {
    const fixture = withAgents();
    fixture.ok("agent/ada.helper", lobby, { type: "post", text: "@bob.poet your turn" });
    fixture.ok("agent/ada.helper", lobby, { type: "edit", seq: 1, text: "@ada.poet your turn" });
    expect(summoned(fixture)).to.deep.equal([]);
  });

  it("that an edit brings are told once: an agent is woken once, with what the message says now", () => {
    const fixture = withAgents();
    post(fixture, "bob", "before");
    post(fixture, "cleo", "@ada.poet hello");
    const edit = (text: string) => fixture.ok("user/cleo", lobby, { type: "edit", seq: 2, text });
    expect(summoned(fixture)).to.deep.equal(["agent/ada.poet"]);
    edit("@ada.poet hello @helper");
    expect(summoned(fixture)).to.deep.equal(["agent/ada.poet", "agent/ada.helper"]);
    const context = fixture.sent.findLast(({ to }) => to === "agent/ada.helper")?.message["context"];
    expect(context).to.deep.equal([
      { author: "bob", text: "before", seq: 1 },
      { author: "cleo", text: "@ada.poet hello @helper", seq: 2 },
    ]);
    // Taken out and put in again: who was told is not told again.
    expect(edit("hello")).to.deep.include({ mentionedBefore: ["agent/ada.poet", "agent/ada.helper"] });
    edit("@helper @ada.poet and @bob.poet");
    edit("`@bob.poet`");
    edit("@bob.poet");
    expect(summoned(fixture)).to.deep.equal(["agent/ada.poet", "agent/ada.helper", "agent/bob.poet"]);
  });

  it("that an edit brings to people who have read the message are told until they look, and go with the mention", () => {
    const fixture = withAgents();
    const isTold = (name: string) => {
      const { mentioned, unread } = fixture.ok<RoomSummary>(`user/${name}`, lobby, { type: "summary" });
      return { mentioned, unread };
    };
    post(fixture, "cleo", "hello");
    const edit = (text: string) => fixture.ok("user/cleo", lobby, { type: "edit", seq: 1, text });
    for (const name of ["ada", "bob"]) fixture.ok(`user/${name}`, lobby, { type: "markRead", seq: 1 });
    edit("hello @ada and @bob");
    expect([isTold("ada"), isTold("bob")]).to.deep.equal([
      { mentioned: true, unread: 0 },
      { mentioned: true, unread: 0 },
    ]);
    fixture.crash(lobby);
    // Who has read all looks again, and is not told twice.
    fixture.ok("user/ada", lobby, { type: "markRead", seq: 1 });
    edit("hello @bob, @ada");
    expect(isTold("ada")).to.deep.equal({ mentioned: false, unread: 0 });
    expect(isTold("bob")).to.deep.equal({ mentioned: true, unread: 0 });
    edit("hello");
    expect(isTold("bob")).to.deep.equal({ mentioned: false, unread: 0 });
    edit("hello @bob");
    expect(isTold("bob")).to.deep.equal({ mentioned: false, unread: 0 });
  });

  it("that an edit brings are refused in the thread when too many wait, and bounded for each message", () => {
    const fixture = withAgents();
    fixture.cutOff("agent/ada.helper");
    for (let index = 0; index < actorLimits.roomMentionsPerAgentMax; index += 1) post(fixture, "cleo", "@helper");
    const { seq } = post(fixture, "cleo", "hello");
    fixture.ok("user/cleo", lobby, { type: "edit", seq, text: "hello @helper" });
    expect(refusals(fixture)[0]).to.deep.include({ replyTo: seq, answers: seq, refused: "QUEUE_FULL" });
    const root = fixture.ok<Page>("user/ada", lobby, { type: "history", after: seq - 1 }).messages[0];
    expect(root).to.deep.include({ text: "hello @helper", replies: { count: 1, lastAtMs: root?.replies?.lastAtMs } });
  });

  it("of a deleted agent show it the door", () => {
    const fixture = withAgents();
    fixture.ok("user/ada", "user/ada", { type: "deleteAgent", agent: "ada.helper" });
    post(fixture, "cleo", "@helper are you there?");
    expect(view(fixture).members).to.not.have.property("agent/ada.helper");
  });

  it("go with the post or not at all when too much waits already", () => {
    const fixture = withAgents();
    const state = fixture.stateOf<Room>(lobby);
    const entries = Array.from({ length: actorLimits.outboxEntriesMax }, (_, id) => ({
      id,
      to: "user/x" as const,
      message: { type: "x" },
    }));
    const full = { ...state, outbox: { next: entries.length, entries } };
    const turn = { self: lobby, key: "lobby", nowMs: 0, from: "user/ada", notes: { progress: {} } } as const;
    const code = (message: object) => (room.decide(full, message as never, turn)[0] as { code?: string }).code;
    expect(code({ type: "post", text: "@helper" })).to.equal("OVERLOADED");
    expect(code({ type: "setTitle", title: "new" })).to.equal("OVERLOADED");
    expect(code({ type: "post", text: "hi" })).to.equal(undefined);
  });

  it("take the agent's answer to the thread of the question, once, and its draft to everybody", () => {
    const fixture = withAgents();
    post(fixture, "bob", "@helper hi");
    fixture.part(fixture.generation.id, text("Hel"));
    const generation = "agent/ada.helper#1";
    expect(fixture.signals(lobby).at(-1)).to.deep.equal({
      type: "draft",
      agent: "agent/ada.helper",
      generation,
      replyTo: 1,
      offset: 0,
      text: "Hel",
      stage: "writing",
    });
    fixture.answer("lo");
    const { event } = fixture.stream(lobby).at(-1) ?? {};
    expect(event).to.have.deep.nested.property("message.generation", generation);
    expect(event).to.have.nested.property("message.text", "Hello");
    const again = fixture.ok("agent/ada.helper", lobby, { type: "post", text: "Hello", replyTo: 1, generation });
    expect(again).to.deep.include({ seq: 2 });
    expect(view(fixture).messageSeq).to.equal(2);
    expect(fixture.code("user/bob", lobby, { type: "draft", generation, offset: 0, text: "" })).to.equal("FORBIDDEN");
  });

  it("bring in agents by their owner only, who may send them away; they go when the owner goes", () => {
    const fixture = withAgents();
    expect(fixture.code("user/ada", lobby, { type: "invite", member: "agent/cleo.x" })).to.equal("FORBIDDEN");
    expect(fixture.code("user/cleo", lobby, { type: "remove", member: "agent/bob.poet" })).to.equal("FORBIDDEN");
    expect(fixture.code("user/bob", lobby, { type: "remove", member: "agent/bob.poet" })).to.equal("accepted");
    expect(fixture.code("user/ada", lobby, { type: "setRole", member: "agent/ada.poet", role: "owner" })).to.equal(
      "FORBIDDEN",
    );
    expect(fixture.code("agent/ada.helper", lobby, { type: "leave" })).to.equal("accepted");
    fixture.ok("user/ada", lobby, { type: "leave", successor: "user/bob" });
    const { members } = fixture.ok<RoomView>("user/bob", lobby, { type: "describe" });
    expect(Object.keys(members).toSorted()).to.deep.equal(["user/bob", "user/cleo"]);
  });
});
