import { expect } from "chai";
import fc from "fast-check";
import { failure, isSignOfLife, ok, signOfLife, type GenerationRequest } from "../../../protocols/index.ts";
import { Admission } from "../../../runtimes/admission.ts";
import type { RuntimeEvent } from "../../../runtimes/environment.ts";
import type { Running } from "../../../runtimes/engine.ts";
import { runtimeLimits } from "../../../runtimes/index.ts";
import { createEchoRuntime } from "../../../runtimes/echo/echo.ts";
import { ended as endSaid, endOf, type Spoken } from "../../fixtures/engine-answers.ts";
import { World } from "../../world/index.ts";
import { stepsOf } from "../../fixtures/steps.ts";

const request = (fields: Partial<GenerationRequest> = {}): GenerationRequest => ({
  id: "test",
  model: "",
  messages: [{ role: "user", content: "one two three" }],
  sampling: {},
  timeoutMs: 1_000,
  ...fields,
});

const done = ok({ end: "complete", promptTokens: 1, completionTokens: 2 } as const);

function setUp(slots = 1, queuedPerModelMax = 2, queuedPerPersonMax = queuedPerModelMax) {
  const world = new World(1);
  const begun: number[] = [];
  const cancelled: number[] = [];
  const stuck: number[] = [];
  const events: RuntimeEvent[] = [];
  const admission = new Admission(
    {
      models: ["m"],
      clock: world.clock(),
      queuedPerModelMax,
      queuedPerPersonMax,
      onEvent: (event) => events.push(event),
      onStuck: (run) => stuck.push(run),
    },
    { begin: (run) => begun.push(run), cancel: (run) => cancelled.push(run) },
  );
  admission.setDoor("m", { type: "open", slots });
  const ask = (fields: Partial<GenerationRequest> = {}): { parts: Spoken[]; generation: Running } => {
    const parts: Spoken[] = [];
    return { parts, generation: admission.submit("generate", request(fields), (part) => parts.push(part as Spoken)) };
  };
  return { world, begun, cancelled, stuck, events, admission, ask };
}

/** Many that wait for one slot, of a hundred people. */
function crowd(count: number) {
  const queue = setUp(1, count);
  const people = Array.from({ length: 100 }, (_person, index) => `user/p${index}`);
  const all = Array.from({ length: count }, (_call, index) =>
    queue.ask({ person: people[index % 100]!, timeoutMs: 60_000 }),
  );
  queue.world.elapse(0);
  return { ...queue, all };
}

function cancelAll({ world, all }: Pick<ReturnType<typeof crowd>, "world" | "all">): void {
  for (const { generation } of all.toReversed()) generation.cancel();
  world.elapse(0);
}

const stepsOfCancelling = stepsOf(import.meta.url, (count) => cancelAll(crowd(count)));

describe("admission", () => {
  it("tells each call where it waits: loading, its place as it changes, and when its model reads it", () => {
    const { world, begun, admission, ask } = setUp(1, 4);
    const told: string[] = [];
    admission.setDoor("m", { type: "held" });
    const all = ["ada", "ada", "bob"].map((person, index) =>
      ask({
        person,
        timeoutMs: 60_000,
        onPlace: ({ stage, ahead }) => told.push(`${index} ${stage} ${ahead ?? ""}`.trim()),
      }),
    );
    const since = (): string[] => {
      world.elapse(0);
      return told.splice(0);
    };
    expect(since()).to.have.members(["0 loading", "1 loading", "2 loading"]);
    admission.setDoor("m", { type: "open", slots: 1 });
    // People take turns: bob's one goes before ada's second.
    expect(since()).to.have.members(["0 reading", "2 queued 0", "1 queued 1"]);
    admission.end(begun[0]!, done);
    expect(since()).to.have.members(["2 reading", "1 queued 0"]);
    all[2]?.generation.cancel();
    admission.end(begun[1]!, done);
    expect(since()).to.deep.equal(["1 reading"]);
    admission.end(begun[2]!, done);
    expect(since()).to.deep.equal([]);
  });

  it("keeps the slot of a generation that timed out until its engine lets go", () => {
    const { world, begun, cancelled, admission, ask } = setUp();
    const slow = ask({ timeoutMs: 100 });
    const next = ask();
    world.elapse(100);
    expect(slow.parts).to.have.length(1);
    expect(slow.parts[0]).to.have.nested.property("result.error.code", "GENERATION_TIMEOUT");
    expect(cancelled).to.deep.equal(begun);
    admission.part(begun[0]!, { text: "late", tokens: 1 });
    admission.end(begun[0]!, done);
    expect(slow.parts).to.have.length(1);
    expect(begun).to.have.length(2);
    admission.end(begun[1]!, done);
    expect(next.parts).to.deep.equal([{ type: "answered", result: done }]);
  });

  it("limits silence, and not what goes on: each part begins it anew, and the whole has its end", () => {
    const { world, begun, cancelled, admission, ask } = setUp();
    const { parts } = ask({ timeoutMs: 1_000, silenceMs: 100 });
    world.elapse(0);
    for (let said = 0; said < 9; said += 1) {
      world.elapse(99);
      admission.part(begun[0]!, { text: "a", tokens: 1 });
    }
    expect([parts.length, cancelled.length]).to.deep.equal([9, 0]);
    world.elapse(99);
    expect(cancelled).to.deep.equal([]);
    world.elapse(1);
    expect(parts.at(-1)).to.have.nested.property("result.error.code", "GENERATION_TIMEOUT");
    expect(parts.at(-1)).to.have.nested.property("result.error.details.timeoutMs", 100);
    admission.end(begun[0]!, done);
    const whole = ask({ timeoutMs: 150, silenceMs: 100 });
    world.elapse(0);
    world.elapse(90);
    admission.part(begun[1]!, { text: "a", tokens: 1 });
    world.elapse(59);
    expect(whole.parts).to.have.length(1);
    world.elapse(1);
    expect(whole.parts.at(-1)).to.have.nested.property("result.error.details.timeoutMs", 150);
  });

  it("takes a sign of life for no silence, and for no text", () => {
    const { world, begun, events, admission, ask } = setUp();
    const { parts } = ask({ timeoutMs: 1_000, silenceMs: 100 });
    world.elapse(0);
    // The model reads a long prompt.
    for (let slice = 0; slice < 5; slice += 1) {
      world.elapse(99);
      admission.part(begun[0]!, signOfLife);
    }
    expect(parts.every((one) => one.type === "part" && isSignOfLife(one.part))).to.equal(true);
    expect(events.some(({ type }) => type === "firstText")).to.equal(false);
    admission.part(begun[0]!, { text: "a", tokens: 1 });
    expect(events.find(({ type }) => type === "firstText")).to.include({ afterMs: 495 });
    world.elapse(100);
    expect(parts.at(-1)).to.have.nested.property("result.error.code", "GENERATION_TIMEOUT");
  });

  it("begins nothing that has no time at all, also when another call makes room in between", () => {
    const { world, begun, admission, ask } = setUp();
    ask();
    world.elapse(0);
    const [late, later] = [ask({ timeoutMs: 0 }), ask({ timeoutMs: -5 })];
    admission.end(begun[0]!, done);
    world.elapse(0);
    for (const { parts } of [late, later])
      expect(parts[0]).to.have.nested.property("result.error.code", "GENERATION_TIMEOUT");
    expect(begun).to.have.length(1);
  });

  it("reports an engine that does not end what was cancelled", () => {
    const { world, begun, stuck, ask } = setUp();
    const { generation } = ask({ timeoutMs: 10 * runtimeLimits.cancelGraceMs });
    world.elapse(0);
    generation.cancel();
    world.elapse(runtimeLimits.cancelGraceMs - 1);
    expect(stuck).to.deep.equal([]);
    world.elapse(1);
    expect(stuck).to.deep.equal(begun);
  });

  it("keeps those who wait through a fault, and starts them when the door opens again", () => {
    const { world, begun, admission, ask } = setUp();
    const [running, waiting] = [ask(), ask()];
    world.elapse(0);
    admission.setDoor("m", { type: "held" });
    admission.fault({ reason: "test" });
    expect(running.parts[0]).to.have.nested.property("result.error.code", "RUNTIME_FAULT");
    world.elapse(10);
    expect(begun).to.have.length(1);
    admission.setDoor("m", { type: "open", slots: 1 });
    expect(begun).to.have.length(2);
    expect(waiting.parts).to.deep.equal([]);
  });

  it("refuses those who wait when the door closes", () => {
    const { world, admission, ask } = setUp();
    const all = [ask(), ask()];
    world.elapse(0);
    admission.setDoor("m", { type: "closed", error: failure("MODEL_LOAD_FAILED") });
    expect(all[1]?.parts[0]).to.have.nested.property("result.error.code", "MODEL_LOAD_FAILED");
    const late = ask();
    expect(late.parts).to.deep.equal([]);
    world.elapse(0);
    expect(late.parts[0]).to.have.nested.property("result.error.code", "MODEL_LOAD_FAILED");
  });

  it("lets people take turns, and one's keys within them, however much somebody else has waiting", () => {
    const { world, begun, admission, ask } = setUp(1, 64, 16);
    const order: string[] = [];
    const names = new Map<ReturnType<typeof ask>, string>();
    const add = (name: string, person: string, key: string) => names.set(ask({ person, key }), name);
    for (let each = 0; each < 16; each += 1) add(`mallory-${each}`, "user/mallory", "session");
    for (let each = 0; each < 16; each += 1) add(`oscar-${each}`, "user/oscar", "session");
    add("ada-1", "user/ada", "session");
    add("ada-2", "user/ada", "session");
    add("ada-agent", "user/ada", "agent/ada.helper");
    world.elapse(0);
    for (let ended = 0; ended < 12; ended += 1) {
      admission.end(begun[ended]!, done);
      for (const [one, name] of names) if (one.parts.length > 0 && names.delete(one)) order.push(name);
    }
    const rounds = ["mallory-0 oscar-0 ada-1", "mallory-1 oscar-1 ada-agent", "mallory-2 oscar-2 ada-2", "mallory-3 oscar-3 mallory-4"]; // prettier-ignore
    expect(order.join(" ")).to.equal(rounds.join(" "));
  });

  it("takes a place from whoever has most when none is left, and tells that one", () => {
    const { world, admission, ask } = setUp(1, 8, 6);
    admission.setDoor("m", { type: "held" });
    const greedy = Array.from({ length: 7 }, () => ask({ person: "user/mallory" }));
    const others = Array.from({ length: 2 }, () => ask({ person: "user/oscar" }));
    const late = ask({ person: "user/ada" });
    world.elapse(0);
    expect(greedy[6]?.parts[0]).to.deep.nested.include({
      "result.error.code": "MODEL_BUSY",
      "result.error.details.queuedPerPersonMax": 6,
    });
    expect(greedy[5]?.parts[0]).to.deep.nested.include({
      "result.error.code": "MODEL_BUSY",
      "result.error.details.queuedPerModelMax": 8,
    });
    for (const one of [...greedy.slice(0, 5), ...others, late]) expect(one.parts).to.deep.equal([]);
    expect(admission.stats(0)).to.include({ queued: 8, failed: 2 });
  });

  it("refuses a prompt that cannot fit before anything is done with it", () => {
    const { world, begun, admission, ask } = setUp();
    admission.setDoor("m", { type: "open", slots: 1, contextTokens: 100 });
    const max = 100 * runtimeLimits.promptCharsPerTokenMax;
    const words = (chars: number) => ({ messages: [{ role: "user", content: "x".repeat(chars) }] }) as const;
    const long = ask({ messages: [...words(max).messages, ...words(1).messages] });
    const fits = ask(words(max));
    world.elapse(0);
    expect(long.parts[0]).to.deep.nested.include({
      "result.error.code": "CONTEXT_TOO_LONG",
      "result.error.details": { contextTokens: 100, promptChars: max + 1, max },
    });
    expect(begun).to.have.length(1);
    expect(fits.parts).to.deep.equal([]);
  });

  it("counts and reports what happened", () => {
    const { world, begun, admission, events, ask } = setUp();
    ask();
    world.elapse(5);
    admission.part(begun[0]!, { text: "hi", tokens: 1 });
    world.elapse(5);
    admission.end(begun[0]!, done);
    ask({ model: "unknown" });
    expect(events.map((event) => event.type)).to.deep.equal(["started", "firstText", "ended", "ended"]);
    expect(events[2]).to.include({ end: "complete", totalMs: 10, promptTokens: 1, completionTokens: 2 });
    expect(events[3]).to.include({ end: "MODEL_NOT_FOUND", model: "unknown" });
    expect(admission.stats(3)).to.deep.equal({
      started: 1,
      finished: 1,
      failed: 1,
      queued: 0,
      running: 0,
      promptTokens: 1,
      completionTokens: 2,
      hostRestarts: 3,
    });
  });

  it("says when there will be a place, from what calls took", () => {
    const { world, begun, admission, ask } = setUp(1, 2);
    for (let index = 0; index < 4; index += 1) {
      ask();
      world.elapse(0);
      world.elapse(600);
      admission.end(begun[index]!, done);
    }
    for (const person of ["user/a", "user/b", "user/c"]) ask({ person, timeoutMs: 60_000 });
    world.elapse(0);
    const late = ask({ person: "user/d", timeoutMs: 60_000 });
    world.elapse(0);
    expect(late.parts[0]).to.have.nested.property("result.error.code", "MODEL_BUSY");
    // Two people wait for one place, 600 ms each.
    expect(late.parts[0]).to.have.nested.property("result.error.details.retryAfterMs", 1_200);
  });

  it("refuses at once what surely cannot begin in its time, and nothing before it knows how long calls take", () => {
    const { world, begun, admission, ask } = setUp(1, 100);
    const { durationsKept } = runtimeLimits;
    for (let index = 0; index < durationsKept; index += 1) {
      ask();
      world.elapse(100);
      admission.end(begun[index]!, done);
    }
    for (let index = 0; index < 10; index += 1) ask({ timeoutMs: 60_000 });
    world.elapse(0);
    const late = ask({ timeoutMs: 500 });
    const inTime = ask({ timeoutMs: 2_000 });
    const another = ask({ timeoutMs: 500, person: "user/bob" });
    world.elapse(0);
    expect(late.parts[0]).to.deep.nested.include({
      "result.error.code": "MODEL_BUSY",
      "result.error.details.waitMs": 900,
    });
    expect([inTime.parts, another.parts]).to.deep.equal([[], []]);
  });

  it("lets work that nobody waits for go last", () => {
    const { world, begun, admission, ask } = setUp(1, 64);
    const [running, later, now] = [ask(), ask({ priority: 2 }), ask()];
    world.elapse(0);
    admission.end(begun[0]!, done);
    admission.end(begun[1]!, done);
    expect([running.parts.length, now.parts.length, later.parts.length]).to.deep.equal([1, 1, 0]);
  });

  it("forgets ten thousand that are cancelled at once, and serves the next", () => {
    const count = 10_000;
    const { world, begun, admission, ask, all } = crowd(count);
    cancelAll({ world, all });
    expect(begun).to.have.length(1);
    admission.end(begun[0]!, ok({ end: "stopped", promptTokens: 0, completionTokens: 0 } as const));
    for (const { parts } of all) expect(parts).to.have.length(1);
    expect(admission.stats(0)).to.include({ queued: 0, running: 0, finished: count });
    world.elapse(runtimeLimits.cancelGraceMs);
    expect(world.pending).to.equal(0);
    const next = ask();
    world.elapse(0);
    admission.end(begun[1]!, done);
    expect(next.parts).to.deep.equal([{ type: "answered", result: done }]);
  });

  it("takes steps for each that is cancelled, however many wait", async () => {
    const [few = 0, many = 0] = await stepsOfCancelling(500, 5_000);
    expect(many / few).to.be.below(15);
  });

  it("ends every generation exactly once and never overfills, whatever happens in whatever order", () => {
    const action = fc.oneof(
      fc.record({ type: fc.constant("ask" as const), timeoutMs: fc.nat({ max: 50 }) }),
      fc.record({ type: fc.constantFrom("cancel" as const, "end" as const, "text" as const), index: fc.nat() }),
      fc.record({ type: fc.constant("wait" as const), ms: fc.nat({ max: 30 }) }),
      fc.record({ type: fc.constantFrom("fault" as const, "hold" as const, "open" as const) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (actions, slots) => {
        const { world, begun, admission, ask } = setUp(slots, 2);
        const all: ReturnType<typeof ask>[] = [];
        for (const step of actions) {
          if (step.type === "ask") all.push(ask({ timeoutMs: step.timeoutMs }));
          else if (step.type === "cancel") all[step.index % Math.max(1, all.length)]?.generation.cancel();
          else if (step.type === "end") admission.end(begun[step.index % Math.max(1, begun.length)] ?? 0, done);
          else if (step.type === "text")
            admission.part(begun[step.index % Math.max(1, begun.length)] ?? 0, { text: "x", tokens: 1 });
          else if (step.type === "wait") world.elapse(step.ms);
          else if (step.type === "fault") admission.fault({});
          else admission.setDoor("m", step.type === "hold" ? { type: "held" } : { type: "open", slots });
          const { queued, running } = admission.stats(0);
          expect(running).to.be.at.most(slots);
          expect(queued).to.be.at.most(2 + slots);
        }
        void admission.close();
        admission.fault({});
        world.elapse(1_000);
        for (const { parts } of all) {
          expect(parts.filter((part) => part.type === "answered")).to.have.length(1);
          expect(parts.at(-1)?.type).to.equal("answered");
        }
        const { finished, failed } = admission.stats(0);
        expect(finished + failed).to.equal(all.length);
      }),
    );
  });
});

describe("the echo on a simulated clock", () => {
  it("speaks one part of the given size per delay and nothing in between", () => {
    const world = new World(1);
    const echo = createEchoRuntime({ clock: world.clock(), tokenDelayMs: 10, tokensPerPart: 2 });
    const parts: Spoken[] = [];
    echo.call(request(), (part) => parts.push(part));
    world.elapse(0);
    expect(parts).to.have.length(0);
    world.elapse(20);
    expect(parts).to.deep.equal([{ type: "part", part: { text: "You said:", tokens: 2 } }]);
    world.elapse(19);
    expect(parts).to.have.length(1);
    world.elapse(1_000);
    expect(parts.at(-1)).to.deep.equal(endSaid("complete", 3, 13));
  });

  it("ends what runs with RUNTIME_FAULT in a crash, and goes on", () => {
    const world = new World(1);
    const echo = createEchoRuntime({ clock: world.clock(), tokenDelayMs: 10 });
    const ends: Spoken[] = [];
    const listener = (part: Spoken): void => {
      if (part.type === "answered") ends.push(part);
    };
    echo.call(request(), listener);
    world.elapse(35);
    echo.crash();
    world.elapse(1_000);
    expect(ends).to.have.length(1);
    expect(ends[0]).to.have.nested.property("result.error.code", "RUNTIME_FAULT");
    echo.call(request(), listener);
    world.elapse(500);
    expect(endOf(ends[1])).to.equal("complete");
    expect(echo.stats()).to.include({ started: 2, hostRestarts: 1 });
  });

  it("gives up at the deadline of a stop", async () => {
    const world = new World(1);
    const echo = createEchoRuntime({ clock: world.clock(), tokenDelayMs: 10 });
    const parts: Spoken[] = [];
    echo.call(request(), (part) => parts.push(part));
    world.elapse(15);
    const stopped = echo.stop(100);
    world.elapse(100);
    await stopped;
    expect(endOf(parts.at(-1))).to.equal("stopped");
  });
});
