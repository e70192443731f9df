import { expect } from "chai";
import { createInference, publishModels } from "../../../node/composition/inference.ts";
import type { MemberRecord } from "../../../node/ports.ts";
import { failure, ok, refused, type GenerationPart, type ModelInfo, type Result } from "../../../protocols/index.ts";
import { memberRecord } from "../../members.ts";
import { quietLog } from "../../quiet.ts";
import { simulatedClock, World } from "../../world/index.ts";

const info = (model: string, state: ModelInfo["state"] = "ready"): ModelInfo => ({
  model,
  runtime: "echo",
  contextTokens: 8,
  sizeBytes: 0,
  demonstration: false,
  state,
});
const request = { id: "g", model: "echo", messages: [], sampling: {}, timeoutMs: 1_000 };
const text = (words: string) => ({ type: "text", text: words, tokens: 1 }) as const;

function stage() {
  const world = new World(1);
  const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
  const pass = (ms: number) => world.run(() => false, world.nowMs + ms);
  return { clock, pass };
}

/** Hosts that live as long as the test says. */
function createHosts() {
  const hosts: { say: (part: GenerationPart) => void; ended: () => void; stopping: boolean }[] = [];
  const start = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const host = { say: (_part: GenerationPart): void => undefined, ended: resolve, stopping: false };
    hosts.push(host);
    return {
      gpu: false,
      models: () => [info("echo")],
      generate(_request: unknown, onPart: (part: GenerationPart) => void) {
        host.say = onPart;
        return { cancel: () => undefined };
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
    const { clock, pass } = stage();
    const { hosts, start } = createHosts();
    const inference = createInference({ start, clock, log: quietLog, endTimeoutMs: 1_000 });
    const parts: GenerationPart[] = [];
    inference.generate(request, (part) => parts.push(part));
    expect(parts).to.deep.equal([]);
    await pass(10);
    expect(parts).to.have.nested.property("[0].error.code", "MODEL_UNAVAILABLE");
    expect([hosts.length, inference.models(), inference.gpu]).to.deep.equal([0, [], false]);
    await inference.settled();
  });

  it("ends each generation once when the role goes, as one that may be asked again elsewhere", async () => {
    const { clock } = stage();
    const { hosts, start } = createHosts();
    const inference = createInference({ start, clock, log: quietLog, endTimeoutMs: 1_000 });
    inference.serve(true);
    const parts: GenerationPart[] = [];
    inference.generate(request, (part) => parts.push(part));
    hosts[0]?.say(text("a"));
    inference.serve(false);
    hosts[0]?.say(text("b"));
    hosts[0]?.say({ type: "done", end: "stopped", promptTokens: 1, completionTokens: 1 });
    expect(parts).to.have.length(2);
    expect(parts[1]).to.have.nested.property("error.code", "MODEL_UNAVAILABLE");
    expect(parts[1]).to.have.nested.property("error.outcome", "not_started");
    expect([hosts[0]?.stopping, inference.models()]).to.deep.equal([true, []]);
  });

  it("starts the next host when the last has ended, if the role is there by then", async () => {
    const { clock, pass } = stage();
    const { hosts, start } = createHosts();
    const inference = createInference({ start, clock, log: quietLog, endTimeoutMs: 1_000 });
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

  it("stops for good: the host ends, and nothing starts any more", async () => {
    const { clock, pass } = stage();
    const { hosts, start } = createHosts();
    const inference = createInference({ start, clock, log: quietLog, endTimeoutMs: 1_000 });
    inference.serve(true);
    hosts[0]?.ended();
    await inference.stop(1_000);
    inference.serve(false);
    inference.serve(true);
    await pass(10);
    expect([hosts.length, hosts[0]?.stopping]).to.deep.equal([1, true]);
  });
});

describe("what a node's row says of its models", () => {
  /** A row that the directory writes, and tells of later. */
  function published() {
    const { clock, pass } = stage();
    const listeners = new Set<() => void>();
    const served = { gpu: false, list: [info("small", "loading"), info("broken", "loading")] };
    const writes: unknown[] = [];
    let row = memberRecord("n1");
    let answer: Result<MemberRecord> | undefined;
    const publisher = publishModels({
      inference: { models: () => served.list, get gpu() { return served.gpu; } },
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
            row = { ...row, ...change };
            for (const listener of listeners) listener();
          });
          return Promise.resolve(ok(row));
        },
      },
      clock,
      log: quietLog,
    }); // prettier-ignore
    return {
      publisher,
      served,
      writes,
      pass,
      row: () => row,
      refuse: (code: "DIRECTORY_UNAVAILABLE" | undefined) => (answer = code && refused(failure(code))),
    };
  }

  it("are those that serve: not one that loads, and not one that failed", async () => {
    const { publisher, served, writes, pass, row } = published();
    publisher.look();
    expect(writes).to.deep.equal([]);
    served.list = [info("small"), info("broken", "failed")];
    served.gpu = true;
    publisher.look();
    await pass(10);
    expect(row()).to.deep.include({ models: ["small"], gpu: true });
    served.list = [info("small", "loading"), info("broken", "failed")];
    served.gpu = false;
    publisher.look();
    await pass(10);
    expect(row()).to.deep.include({ models: [], gpu: false });
    expect(writes).to.have.length(2);
  });

  it("are written in the end, whatever changes meanwhile, and while the directory is away", async () => {
    const { publisher, served, pass, row, refuse } = published();
    refuse("DIRECTORY_UNAVAILABLE");
    served.list = [info("small")];
    publisher.look();
    await pass(2_000);
    expect(row().models).to.deep.equal([]);
    refuse(undefined);
    await pass(10_000);
    expect(row().models).to.deep.equal(["small"]);
    served.list = [];
    publisher.look();
    served.list = [info("other")];
    await pass(100);
    expect(row().models).to.deep.equal(["other"]);
  });

  it("is not written any more after the stop", async () => {
    const { publisher, served, writes, pass, refuse } = published();
    refuse("DIRECTORY_UNAVAILABLE");
    served.list = [info("small")];
    publisher.look();
    await pass(100);
    publisher.stop();
    await pass(20_000);
    expect(writes).to.have.length(1);
  });
});
