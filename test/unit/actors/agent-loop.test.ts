/** The loop of tools where it is the same for a conversation and a room, and what a room adds. */
import { expect } from "chai";
import fc from "fast-check";
import { mayCall } from "../../../actors/agent/loop.ts";
import { roundChars } from "../../../actors/agent/rounds.ts";
import type { Run } from "../../../actors/agent/effects.ts";
import { declared, runCalls } from "../../../actors/agent/tools.ts";
import { evolve, initial } from "../../../actors/agent/state.ts";
import type { AgentChange, AgentState, Job } from "../../../actors/agent/shape.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import {
  agentTools,
  wireLimits,
  type AgentEvent,
  type AgentHistory,
  type ConversationTurn,
  type RoomHistory,
  type RoomMessage,
  type ToolRound,
} from "../../../protocols/index.ts";
import { ended, text } from "../../fixtures/engine-answers.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const [ada, bob] = ["user/ada", "user/bob"] as const;
const helper = "agent/ada.helper";
const den = "room/den";

/** Ada's agent in a room where Bob is, too. */
function inRoom(): Fixture {
  const fixture = fixtureWith("ada", "bob");
  fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
  fixture.ok(ada, den, { type: "create" });
  fixture.ok(ada, den, { type: "invite", member: bob });
  fixture.ok(ada, den, { type: "invite", member: helper });
  return fixture;
}

/** Where an answer stands: asked for, and read. */
interface Place {
  readonly name: string;
  ask(fixture: Fixture, words: string): void;
  read(fixture: Fixture): { readonly text: string; readonly rounds?: readonly ToolRound[] } | undefined;
}

const message = (fixture: Fixture): RoomMessage | undefined =>
  fixture.ok<RoomHistory>(bob, den, { type: "history" }).messages.findLast(({ author }) => author === helper);
const turn = (fixture: Fixture): ConversationTurn | undefined =>
  fixture.ok<AgentHistory>(ada, helper, { type: "history" }).turns.findLast(({ role }) => role === "assistant");
const room: Place = {
  name: "a room",
  ask: (fixture, words) => void fixture.ok(bob, den, { type: "post", text: `@helper ${words}` }),
  read: message,
};
const conversation: Place = {
  name: "a conversation",
  ask: (fixture, words) => void fixture.ok(ada, helper, { type: "say", text: words }),
  read: turn,
};
const places = [conversation, room];

/** Plays a model that calls. */
function call(fixture: Fixture, given: object, words = "", name = "calculator", tokens = 1): void {
  const { id } = fixture.generation;
  if (words !== "") fixture.part(id, text(words));
  const calls = [{ id: "theirs", name, arguments: JSON.stringify(given) }];
  fixture.part(id, { type: "part", part: { text: "", tokens: 1, calls } });
  fixture.part(id, ended("calls", tokens, tokens));
}
const sum = (value: number) => ({ expression: `${value} + ${value}` });
const told = (value: number, before = ""): ToolRound => ({
  text: before,
  calls: [{ name: "calculator", arguments: JSON.stringify(sum(value)), result: String(2 * value) }],
});

describe("the loop of an agent's tools", () => {
  for (const place of places) {
    it(`runs in ${place.name}, and what was called and answered is kept with the answer`, () => {
      const fixture = inRoom();
      place.ask(fixture, "what is 2 + 2?");
      expect(fixture.generation.tools?.map(({ name }) => name)).to.deep.equal([...agentTools]);
      call(fixture, sum(2), "Let me see.");
      expect(fixture.generation.messages.slice(-2)).to.deep.equal([
        {
          role: "assistant",
          content: "Let me see.",
          calls: [{ id: "call00000", name: "calculator", arguments: JSON.stringify(sum(2)) }],
        },
        { role: "tool", content: "4", callId: "call00000" },
      ]);
      call(fixture, sum(4));
      fixture.answer("It is 8.");
      expect(place.read(fixture)).to.deep.include({ text: "It is 8.", rounds: [told(2, "Let me see."), told(4)] });
      for (const actor of [helper, den] as const) expect(fixture.refold(actor)).to.deep.equal(fixture.stateOf(actor));
    });

    it(`says in ${place.name} that it ends by its limit, with and without a word of the model`, () => {
      for (const words of ["", "So far:"]) {
        const fixture = inRoom();
        place.ask(fixture, "for ever");
        for (let round = 0; round < limits.toolRoundsMax; round += 1) {
          expect(fixture.generation.toolChoice).to.equal(undefined);
          call(fixture, sum(round));
        }
        expect(fixture.generation.toolChoice).to.equal("none");
        call(fixture, sum(9), words);
        expect(fixture.running).to.deep.equal([]);
        const why = "I stopped here: I have used tools 4 times for this answer, and may not use more.";
        const read = place.read(fixture);
        expect(read?.text).to.equal(words === "" ? why : `${words}\n\n${why}`);
        expect(read?.rounds).to.have.length(limits.toolRoundsMax);
      }
    });

    it(`goes on behind its rounds in ${place.name} after its node is lost, wherever that happens`, () => {
      // Before the first call, between two, and behind the last.
      for (let lost = 0; lost <= 2; lost += 1) {
        const fixture = inRoom();
        place.ask(fixture, "what is 1 + 1, and what 2 + 2?");
        for (let round = 0; round < 3; round += 1) {
          if (round === lost) {
            fixture.nowMs += 1;
            const before = fixture.generation.messages;
            fixture.crash(helper);
            fixture.settle();
            expect(fixture.generation.messages).to.deep.equal(before);
          }
          if (round < 2) call(fixture, sum(round));
        }
        fixture.answer("Done.");
        expect(place.read(fixture)).to.deep.include({ text: "Done.", rounds: [told(0), told(1)] });
      }
    });

    it(`takes no more text in ${place.name} than its bound, and no more work of the model`, () => {
      const wide = inRoom();
      place.ask(wide, "at length");
      for (let round = 0; round < limits.toolRoundsMax; round += 1)
        call(wide, sum(1), "x".repeat(limits.toolTextCharsMax));
      expect(roundChars((wide.stateOf<AgentState>(helper).life?.jobs[0]?.rounds ?? []) as ToolRound[])).to.be.below(
        limits.toolRoundsCharsMax + limits.toolTextCharsMax,
      );
      const dear = inRoom();
      place.ask(dear, "at great cost");
      call(dear, sum(1), "", "calculator", limits.toolTokensMax / 2);
      expect(dear.generation.toolChoice).to.equal("none");
      call(dear, sum(1));
      expect(place.read(dear)?.text).to.contain("I have used tools once for this answer, and may not use more.");
    });
  }

  it("says to the model and to whoever reads that calls were too many at a time, each under an id of its own", () => {
    const fixture = inRoom();
    room.ask(fixture, "all at once");
    for (let round = 0; round < 2; round += 1) {
      const { id } = fixture.generation;
      const calls = Array.from({ length: 9 }, (_, index) => ({
        id: "x",
        name: "calculator",
        arguments: JSON.stringify(sum(index)),
      }));
      for (const one of calls) fixture.part(id, { type: "part", part: { text: "", tokens: 1, calls: [one] } });
      fixture.part(id, ended("calls"));
    }
    const ids = fixture.generation.messages.flatMap(({ callId = [] }) => callId);
    expect(ids).to.have.length(2 * (limits.toolCallsMax + 1));
    expect(new Set(ids).size).to.equal(ids.length);
    fixture.answer("Done.");
    const results = message(fixture)?.rounds?.[0]?.calls.map(({ result }) => result);
    expect(results).to.deep.equal(["0", "2", "4", "6", "Error: only 4 calls at a time are run"]);
  });

  it("ends by each of its bounds", () => {
    const run = { hasTools: true, calls: [{ id: "x", name: "clock", arguments: "{}" }] } as unknown as Run;
    const may = (job: Partial<Job>): boolean => mayCall(job as Job, run);
    const long = { text: "x".repeat(limits.toolRoundsCharsMax), calls: [] };
    expect(may({})).to.equal(true);
    expect(may({ rounds: Array.from({ length: limits.toolRoundsMax - 1 }, () => told(1)) })).to.equal(true);
    expect(may({ rounds: Array.from({ length: limits.toolRoundsMax }, () => told(1)) })).to.equal(false);
    expect(may({ rounds: [long] })).to.equal(false);
    expect(may({ toolTokens: limits.toolTokensMax - 1 })).to.equal(true);
    expect(may({ toolTokens: limits.toolTokensMax })).to.equal(false);
  });

  it("is for whoever asked: each of its runs takes that person's turn at the model", () => {
    const fixture = inRoom();
    room.ask(fixture, "what is 1 + 1?");
    call(fixture, sum(1));
    fixture.answer("2");
    expect(fixture.generations.map(({ request }) => request.person)).to.deep.equal([bob, bob]);
  });

  it("gives a tool what the model wrote and the time, and nothing else: the same call is answered the same everywhere", () => {
    expect(declared().map(({ name }) => name)).to.deep.equal([...agentTools]);
    fc.assert(
      fc.property(fc.constantFrom(...agentTools), fc.jsonValue(), fc.nat(), (name, given, nowMs) => {
        const calls = [{ id: "x", name, arguments: JSON.stringify(given) }];
        expect(runCalls(calls, agentTools, nowMs)).to.deep.equal(runCalls(calls, agentTools, nowMs));
      }),
    );
  });
});

describe("an agent's tools in a room", () => {
  it("read nothing of the owner's conversation, and the owner's events say nothing of what was called there", () => {
    const fixture = inRoom();
    conversation.ask(fixture, "the code is 4711");
    call(fixture, { expression: "4711 + 0" });
    fixture.answer("I keep 4711.");
    room.ask(fixture, "what is the code?");
    call(fixture, sum(3), "Thinking.");
    expect(JSON.stringify(fixture.generation)).to.not.contain("4711");
    fixture.answer("I do not know.");
    expect(JSON.stringify(message(fixture))).to.not.contain("4711");
    const events = fixture.stream(helper).map(({ event }) => event as unknown as AgentEvent);
    const rounds = events.flatMap((event) => (event.type === "generationStarted" && event.round ? [event] : []));
    expect(rounds.map(({ turn: at }) => at)).to.deep.equal([2]);
    expect(JSON.stringify(events)).to.not.contain("3 + 3");
  });

  it("are shown while the answer is written, also to who follows after a failover", () => {
    const fixture = inRoom();
    room.ask(fixture, "what is 1 + 1?");
    call(fixture, sum(1));
    const drafts = () => fixture.signals(den).filter(({ type }) => type === "draft");
    const shown = { type: "draft", agent: helper, generation: `${helper}#1`, replyTo: 1, offset: 0, text: "", rounds: [told(1)] }; // prettier-ignore
    expect(drafts().at(-1)).to.deep.equal({ ...shown, stage: "queued" });
    fixture.part(fixture.generation.id, text("It"));
    expect(drafts().at(-1)).to.deep.include({ offset: 0, text: "It" });
    fixture.crash(helper);
    fixture.settle();
    expect(drafts().at(-1)).to.deep.equal({ ...shown, stage: "queued" });
  });

  it("stand with an answer that failed, and with the word of an agent that is deleted", () => {
    for (const end of ["failed", "deleted"] as const) {
      const fixture = inRoom();
      room.ask(fixture, "what is 1 + 1?");
      call(fixture, sum(1));
      if (end === "deleted") fixture.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
      else fixture.fail("GENERATION_TIMEOUT");
      expect(message(fixture)?.refused, end).to.equal(end === "deleted" ? "NOT_FOUND" : "GENERATION_TIMEOUT");
      expect(message(fixture)?.rounds, end).to.deep.equal([told(1)]);
    }
  });

  it("go with a message that is deleted, in the room and in what is read of its past", () => {
    const fixture = inRoom();
    room.ask(fixture, "what is 1 + 1?");
    call(fixture, sum(1), "secret words");
    fixture.answer("2");
    const { seq = 0 } = message(fixture) ?? {};
    const { head } = fixture.stateOf<{ head: number }>(den);
    fixture.ok(ada, den, { type: "delete", seq });
    expect(message(fixture)).to.not.have.property("rounds");
    const past = fixture.ok(bob, den, { type: "resume", after: head - 1 });
    expect(JSON.stringify(past)).to.contain("deletedAtMs").and.not.contain("secret words");
  });

  it("are what agents say alone: a person names none", () => {
    const fixture = inRoom();
    expect(fixture.code(bob, den, { type: "post", text: "2", rounds: [told(1)] })).to.equal("BAD_REQUEST");
  });

  it("say so with a code where the model had no word, and keep their last words within a message", () => {
    for (const words of ["", "x".repeat(2 * wireLimits.messageCharsMax)]) {
      const fixture = inRoom();
      room.ask(fixture, "for ever");
      for (let round = 0; round < limits.toolRoundsMax; round += 1) call(fixture, sum(round));
      call(fixture, sum(9), words);
      expect(message(fixture)?.refused).to.equal(words === "" ? "LIMIT_REACHED" : undefined);
      expect(message(fixture)?.text).to.match(/ and may not use more\.$/);
    }
  });

  it("come back from a backup with their message", () => {
    const fixture = inRoom();
    const messages = [{ seq: 7, author: helper, text: "2", atMs: 5, rounds: [told(1)] }];
    fixture.ok("node", den, { type: "restore", recall: "recalled1", snapshot: 1, backupAtMs: 9, from: 7, messages });
    expect(message(fixture)).to.deep.include({ text: "2", rounds: [told(1)] });
  });

  it("are passed over by a node of the version before, which takes the agent over in an update", () => {
    const fixture = inRoom();
    room.ask(fixture, "what is 1 + 1?");
    call(fixture, sum(1));
    const changes = fixture.journalOf(helper) as readonly AgentChange[];
    const known = changes.map((change): AgentChange => {
      if (change.type !== "happened") return change;
      const { round: _round, ...rest } = change;
      return rest;
    });
    const state = known.reduce(evolve, initial);
    const [job] = state.life?.jobs ?? [];
    expect(job)
      .to.include({ generation: `${helper}#1`, attempt: 1 })
      .and.not.have.property("rounds");
    expect(state.head).to.equal(fixture.stateOf<AgentState>(helper).head);
  });
});
