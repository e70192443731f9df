import { type ModelSpec } from "../../../runtimes/index.ts";
import { everyEngine } from "../../../runtimes/engine.ts";
import { expect } from "chai";
import { createInference, createSuggestions } from "../../../node/inference/local/host.ts";
import { isRow } from "../../../node/cluster/facts/records.ts";
import type { MemberRecord } from "../../../node/ports/index.ts";
import { advertise, callLimits } from "../../../node/inference/calls/index.ts";
import {
  decode,
  encode,
  failure,
  ok,
  refused,
  type ModelInfo,
  type Result,
  type Said,
} from "../../../protocols/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { ended, endOf, text, type Spoken } from "../../fixtures/engine-answers.ts";
import { settled, simulatedClock, World } from "../../world/index.ts";

const info = (model: string, state: ModelInfo["state"] = "ready"): ModelInfo => ({
  model,
  runtime: "echo",
  capabilities: ["chat"],
  contextTokens: 8,
  sizeBytes: 0,
  demonstration: false,
  state,
});
const request = { id: "g", model: "echo", messages: [], sampling: {}, timeoutMs: 1_000 };

function openFixture() {
  const world = new World(1);
  const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
  const pass = (ms: number) => world.run(() => false, world.nowMs + ms);
  return { clock, pass };
}

/** Hosts that live as long as the test says. */
function createHosts() {
  const hosts: {
    say: (said: Said) => void;
    ended: () => void;
    stopping: boolean;
    specs: readonly ModelSpec[];
    told: string[];
  }[] = [];
  const start = (specs: readonly ModelSpec[]) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const told: string[] = [];
    const host = { say: (_said: Said): void => undefined, ended: resolve, stopping: false, specs, told };
    let known = [...specs];
    const leaving = new Set<string>();
    hosts.push(host);
    return {
      models: () => [info("echo")],
      watch: () => () => undefined,
      call(_engine: unknown, _request: unknown, hear: (said: Said) => void) {
        host.say = hear;
        return { cancel: () => undefined };
      },
      residents: () => known.map((spec) => ({ spec, state: "ready" as const, pinned: false, memoryBytes: 0, keepAliveMs: undefined, leavesInMs: undefined, running: 0, waiting: 0, place: "ready" as const, because: "" })), // prettier-ignore
      shares: () => ({
        threads: { now: 1, most: 1, because: "" },
        memory: { budgetBytes: 0, mostBytes: 0, because: "" },
      }),
      memory: () => ({ usedBytes: 0, budgetBytes: 0 }),
      add(spec: ModelSpec) {
        if (leaving.has(spec.name)) return refused(failure("NAME_TAKEN"));
        told.push(`add ${spec.name} ${spec.path}`.trim());
        known.push(spec);
        return ok(undefined);
      },
      async remove(name: string) {
        told.push(`remove ${name}`);
        known = known.filter((spec) => spec.name !== name);
        leaving.add(name);
        await Promise.resolve();
        leaving.delete(name);
        return ok(undefined);
      },
      load: () => Promise.resolve(ok(undefined)),
      unload: () => Promise.resolve(ok(undefined)),
      stopLoad: () => ok(undefined),
      pin(name: string, pinned: boolean) {
        told.push(`${pinned ? "pin" : "unpin"} ${name}`);
        return ok(undefined);
      },
      settled: () => Promise.resolve(),
      stop() {
        host.stopping = true;
        return promise;
      },
    };
  };
  return { hosts, start };
}

describe("the inference of a node", () => {
  it("runs no host and has no models without the role", async () => {
    const { clock, pass } = openFixture();
    const { hosts, start } = createHosts();
    const inference = createInference({ models: () => [], start, clock, log: quietLog, endTimeoutMs: 1_000 });
    const parts: Spoken[] = [];
    inference.call("generate", request, (said) => parts.push(said as Spoken));
    expect(parts).to.deep.equal([]);
    await pass(10);
    expect(endOf(parts[0])).to.equal("MODEL_UNAVAILABLE");
    expect([hosts.length, inference.models()]).to.deep.equal([0, []]);
    await inference.settled();
  });

  it("ends each generation once when the role goes, as one that may be asked again elsewhere", async () => {
    const { clock } = openFixture();
    const { hosts, start } = createHosts();
    const inference = createInference({ models: () => [], start, clock, log: quietLog, endTimeoutMs: 1_000 });
    inference.serve(true);
    const parts: Spoken[] = [];
    inference.call("generate", request, (said) => parts.push(said as Spoken));
    hosts[0]?.say(text("a"));
    inference.serve(false);
    hosts[0]?.say(text("b"));
    hosts[0]?.say(ended("stopped"));
    expect(parts).to.have.length(2);
    expect(parts[1]).to.have.nested.property("result.error.code", "MODEL_UNAVAILABLE");
    expect(parts[1]).to.have.nested.property("result.error.outcome", "not_started");
    expect([hosts[0]?.stopping, inference.models()]).to.deep.equal([true, []]);
  });

  it("starts the next host when the last has ended, if the role is there by then", async () => {
    const { clock, pass } = openFixture();
    const { hosts, start } = createHosts();
    const inference = createInference({ models: () => [], start, clock, log: quietLog, endTimeoutMs: 1_000 });
    for (const wanted of [true, false, true, false, true]) inference.serve(wanted);
    expect(hosts).to.have.length(1);
    hosts[0]?.ended();
    await pass(10);
    expect([hosts.length, inference.models().length]).to.deep.equal([2, 1]);
    inference.serve(false);
    hosts[1]?.ended();
    await pass(10);
    expect(hosts).to.have.length(2);
  });

  it("tells its host of new models and of those that are gone, and of one that is another when the old one has left", async () => {
    const { clock } = openFixture();
    const { hosts, start } = createHosts();
    const spec = (name: string, path = ""): ModelSpec => ({ name, adapter: "echo", path });
    let models = [spec("kept"), spec("gone"), spec("other", "old")];
    const inference = createInference({ models: () => models, start, clock, log: quietLog, endTimeoutMs: 1_000 });
    inference.serve(true);
    models = [spec("kept"), spec("other", "new"), spec("new")];
    inference.pin("kept", true);
    inference.reload();
    await settled();
    expect(hosts[0]?.told).to.deep.equal(["pin kept", "remove gone", "remove other", "add new", "add other new"]);
    inference.reload();
    await settled();
    expect(hosts[0]?.told).to.have.length(5);
    inference.serve(false);
    hosts[0]?.ended();
    await settled();
    inference.serve(true);
    expect(hosts[1]?.specs).to.deep.equal([{ ...spec("kept"), pinned: true }, spec("other", "new"), spec("new")]);
  });

  it("measures its machine once for all who ask, and again only if that did not work", async () => {
    let runs = 0;
    const speeds = [undefined, { bytesPerSecond: 1e9, tokenOverheadMs: 1 }];
    const measure = async () => speeds[(runs += 1) - 1];
    const { clock } = openFixture();
    const suggest = createSuggestions({ cores: 8, memoryBytes: 16 * 1024 ** 3 }, clock, measure);
    expect(await suggest(false)).to.include({ measured: false });
    expect([(await suggest(true)).measured, runs]).to.deep.equal([false, 1]);
    const both = await Promise.all([suggest(true), suggest(true)]);
    expect([both.every(({ measured }) => measured), runs]).to.deep.equal([true, 2]);
    const { models, measured } = await suggest(false);
    expect([measured, runs]).to.deep.equal([true, 2]);
    expect(models.find(({ fits }) => fits)?.tokensPerSecond).to.be.greaterThan(0);
  });

  it("stops for good: the host ends, and nothing starts any more", async () => {
    const { clock, pass } = openFixture();
    const { hosts, start } = createHosts();
    const inference = createInference({ models: () => [], start, clock, log: quietLog, endTimeoutMs: 1_000 });
    inference.serve(true);
    hosts[0]?.ended();
    await inference.stop(1_000);
    inference.serve(false);
    inference.serve(true);
    await pass(10);
    expect([hosts.length, hosts[0]?.stopping]).to.deep.equal([1, true]);
  });
});

describe("what a node's row says of its engines", () => {
  /** A row that the directory writes, and tells of later. */
  function advertised(first: readonly ModelInfo[] = [], answer?: Result<MemberRecord>) {
    const { clock, pass } = openFixture();
    const listeners = new Set<() => void>();
    const watchers = new Set<() => void>();
    const writes: unknown[] = [];
    let models = first;
    let row = memberRecord("n1");
    const stop = advertise({
      engines: everyEngine({
        generate: {
          models: () => models,
          watch(listener) {
            watchers.add(listener);
            return () => watchers.delete(listener);
          },
          call: () => ({ cancel: () => undefined }),
        },
      }),
      membership: {
        self: "n1",
        members: () => ({ view: 1, members: [row] }),
        onChange(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        update(change) {
          writes.push(change);
          if (answer !== undefined) return Promise.resolve(answer);
          clock.after(5, () => {
            // As the directory gives it back.
            row = decode(encode({ ...row, ...change })) as MemberRecord;
            for (const listener of listeners) listener();
          });
          return Promise.resolve(ok(row));
        },
      },
      clock,
      log: quietLog,
    });
    return {
      stop,
      writes,
      pass,
      row: () => row,
      serve: (next: readonly ModelInfo[]) => {
        models = next;
        for (const listener of watchers) listener();
      },
      quietly: (next: readonly ModelInfo[]) => (models = next),
      answer: (code: "DIRECTORY_UNAVAILABLE" | undefined) => (answer = code && refused(failure(code))),
    };
  }

  it("is what they offer, in every state; by name those that serve, for versions before", async () => {
    const { serve, writes, pass, row } = advertised([info("small", "loading"), info("broken", "loading")]);
    await pass(10);
    serve([
      { ...info("small"), device: "cuda", places: 4 },
      { ...info("broken", "failed"), reason: "x".repeat(9_000) },
    ]);
    await pass(10);
    expect(row()).to.deep.include({ models: ["small"], gpu: true });
    expect(row().offers?.map(({ engine, model, state }) => [engine, model, state])).to.deep.equal([
      ["generate", "small", "ready"],
      ["generate", "broken", "failed"],
    ]);
    expect(isRow("member/n1", row())).to.equal(true);
    serve([info("small", "loading"), info("broken", "failed")]);
    await pass(10);
    expect(row()).to.deep.include({ models: [], gpu: false });
    expect(writes).to.have.length(3);
  });

  it("is told anew when a model has become faster or slower, though nothing else changed", async () => {
    const at = advertised();
    at.serve([info("small")]);
    await at.pass(100);
    at.quietly([{ ...info("small"), tokensPerSecond: 33 }]);
    await at.pass(callLimits.offersLookMs / 2);
    expect(at.row().offers?.[0]?.tokensPerSecond).to.equal(undefined);
    await at.pass(callLimits.offersLookMs);
    expect([at.row().offers?.[0]?.tokensPerSecond, isRow("member/n1", at.row())]).to.deep.equal([33, true]);
    const { length } = at.writes;
    await at.pass(3 * callLimits.offersLookMs);
    expect(at.writes).to.have.length(length);
  });

  it("is said also when there is nothing, once: whoever has not said so may still have it", async () => {
    const { writes, pass, row } = advertised();
    await pass(100);
    expect([row().offers, writes.length]).to.deep.equal([[], 1]);
  });

  it("is written in the end, whatever changes meanwhile, and while the directory is away", async () => {
    const { serve, pass, row, answer } = advertised([], refused(failure("DIRECTORY_UNAVAILABLE")));
    serve([info("small")]);
    await pass(2_000);
    expect(row().models).to.deep.equal([]);
    answer(undefined);
    await pass(10_000);
    expect(row().models).to.deep.equal(["small"]);
    serve([]);
    serve([info("other")]);
    await pass(100);
    expect(row().models).to.deep.equal(["other"]);
  });

  it("is not written any more after the stop", async () => {
    const { serve, stop, writes, pass } = advertised([], refused(failure("DIRECTORY_UNAVAILABLE")));
    await pass(100);
    stop();
    serve([info("small")]);
    await pass(20_000);
    expect(writes).to.have.length(1);
  });
});
