import { expect } from "chai";
import { failure } from "../../../protocols/index.ts";
import { agent } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { ada, helper, withHelper, say, turns, lines, busy } from "./adas-agent.ts";
import { ended, failed, text } from "../../fixtures/engine-answers.ts";

describe("an agent's context", () => {
  it("is halved when the model finds it too long, down to the last message, without its persona", () => {
    const fixture = withHelper({ persona: "p".repeat(3_000) });
    for (let index = 0; index < 2; index += 1) {
      say(fixture, `${index}${"q".repeat(2_000)}`);
      fixture.answer(`${index}${"a".repeat(2_000)}`);
    }
    say(fixture, "last");
    const lengths: number[] = [];
    while (fixture.running.length > 0) {
      lengths.push(fixture.generation.messages.length);
      fixture.fail("CONTEXT_TOO_LONG");
    }
    // At last without tools, whose declarations take room, too.
    expect(lengths).to.deep.equal([6, 4, 2, 1, 1]);
    const tools = fixture.generations.slice(-5).map(({ request }) => request.tools?.length);
    expect(tools).to.deep.equal([2, 2, 2, 2, undefined]);
    expect(turns(fixture).at(-1)).to.deep.include({ end: "failed", text: "" });
    expect(turns(fixture).at(-1)?.error).to.include("does not fit");
  });

  it("leaves out answers that failed", () => {
    const fixture = withHelper();
    say(fixture, "one");
    fixture.fail("MODEL_NOT_FOUND");
    say(fixture, "two");
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["one", "two"]);
  });

  it("is bounded for an answer that does not end", () => {
    const fixture = withHelper();
    say(fixture, "one");
    const { id } = fixture.generation;
    for (let index = 0; index < 5; index += 1) fixture.part(id, text("x".repeat(10_000)));
    expect(fixture.cancelled).to.include(id);
    fixture.part(id, ended("stopped", 1, 9));
    expect(turns(fixture).at(-1)?.text).to.have.length(actorLimits.answerCharsMax);
  });
});

describe("an agent's failures", () => {
  it("are tried again after a pause, a bounded number of times", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    const ids = new Set<string>();
    for (let attempt = 1; attempt <= actorLimits.generationAttemptsMax; attempt += 1) {
      ids.add(fixture.generation.id);
      fixture.part(fixture.generation.id, text("half"));
      fixture.fail("RUNTIME_FAULT");
      fixture.pass(30_000);
    }
    expect(ids.size).to.equal(actorLimits.generationAttemptsMax);
    // Each goes on where the one before it was.
    expect(turns(fixture).at(-1)).to.deep.include({ end: "failed", text: "halfhalfhalf" });
    const attempts = fixture.stream(helper).filter(({ event }) => event.type === "generationStarted");
    expect(attempts.map(({ event }) => event["attempt"])).to.deep.equal([1, 2, 3]);
    fixture.pass(600_000);
    expect(fixture.reminders(helper)).to.deep.equal([]);
  });

  it("make nobody wait for years because a server says so by a clock of its own", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    fixture.part(fixture.generation.id, failed(failure("MODEL_BUSY", { retryAfterMs: 10 * 365 * 24 * 3_600_000 })));
    expect(fixture.running).to.have.length(0);
    fixture.pass(actorLimits.generationRetryMsMax);
    expect(fixture.running).to.have.length(1);
  });

  it("are told in words for people, who run no nodes", () => {
    const fixture = withHelper();
    for (const code of ["MODEL_UNAVAILABLE", "MODEL_LOAD_FAILED", "RUNTIME_FAULT", "INTERNAL"] as const) {
      say(fixture, "hello");
      for (let attempt = 1; fixture.running.length > 0 && attempt <= actorLimits.generationAttemptsMax; attempt += 1) {
        fixture.fail(code);
        fixture.pass(30_000);
      }
      expect(turns(fixture).at(-1)?.error, code).to.match(/Try again later, or ask your admin\.$/);
    }
    say(fixture, "hello");
    fixture.fail("GENERATION_TIMEOUT");
    expect(turns(fixture).at(-1)?.error).to.include("did not finish in time");
  });

  it("that are final are told at once", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    fixture.fail("GENERATION_TIMEOUT");
    expect(turns(fixture).at(-1)).to.deep.include({ end: "failed" });
    expect(busy(fixture)).to.equal(false);
  });

  it("of a node that stops do not count", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    for (let round = 0; round < 5; round += 1) {
      fixture.fail("STOPPING");
      fixture.pass(3_000_000);
    }
    fixture.answer("at last");
    // Nothing of it was written before.
    expect(turns(fixture)[1]).to.not.have.property("again");
    expect(lines(fixture)).to.deep.equal(["user: hello", "assistant: at last"]);
  });

  it("can be stopped while nothing runs", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    fixture.fail("QUEUE_FULL");
    fixture.ok(ada, helper, { type: "stop" });
    expect(turns(fixture).at(-1)).to.deep.include({ end: "stopped", text: "" });
    fixture.pass(60_000);
    expect([fixture.running, fixture.reminders(helper)]).to.deep.equal([[], []]);
  });
});

describe("an agent after a crash", () => {
  it("writes the answer anew and ignores parts of the old one", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    const before = fixture.generation.id;
    fixture.part(before, text("lost"));
    expect(fixture.isPending(helper)).to.equal(true);
    fixture.nowMs += 1;
    fixture.crash(helper);
    fixture.settle();
    expect(fixture.generation.id).to.not.equal(before);
    fixture.answer("whole");
    expect(lines(fixture)).to.deep.equal(["user: hello", "assistant: whole"]);
    expect(turns(fixture)[1]).to.have.property("again", true);
    expect(
      agent.decide(
        fixture.stateOf(helper),
        { type: "part", engine: "generate", tag: before, part: { text: "x", tokens: 1 } },
        {
          self: helper,
          key: "ada.helper",
          nowMs: 0,
          from: "node",
          notes: { run: null },
        },
      ),
    ).to.deep.equal([]);
  });

  it("in the pause between attempts starts once", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    fixture.fail("RUNTIME_FAULT");
    fixture.crash(helper);
    fixture.pass(60_000);
    expect(fixture.running).to.have.length(1);
    expect(fixture.reminders(helper)).to.deep.equal([]);
  });
});
