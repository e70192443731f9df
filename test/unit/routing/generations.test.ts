import { expect } from "chai";
import { createRouting } from "../../../node/routing/index.ts";
import type { GenerationPart, GenerationRequest, ModelInfo } from "../../../protocols/index.ts";
import type { Runtime } from "../../../runtimes/runtime.ts";
import { World } from "../../simulation/world.ts";
import { quietLog, quietMeter } from "../../quiet.ts";
import { Net } from "./net.ts";

const nodes = ["n1", "n2", "n3"];

/** A runtime whose model the test plays. */
class Played implements Runtime {
  readonly runs: { request: GenerationRequest; say: (part: GenerationPart) => void; cancelled: boolean }[] = [];
  readonly #models: readonly string[];

  constructor(models: readonly string[]) {
    this.#models = models;
  }
  models(): readonly ModelInfo[] {
    const rest = { runtime: "echo", contextTokens: 8, sizeBytes: 1, demonstration: false, state: "ready" } as const;
    return this.#models.map((model) => ({ model, ...rest }));
  }
  generate(request: GenerationRequest, say: (part: GenerationPart) => void) {
    const run = { request, say, cancelled: false };
    this.runs.push(run);
    return { cancel: () => void (run.cancelled = true) };
  }
  stop(): Promise<void> {
    return Promise.resolve();
  }
}

function createCluster(models: Readonly<Record<string, readonly string[]>>) {
  const world = new World(1);
  const net = new Net(world, nodes);
  const own = nodes.map((node) => new Played(models[node] ?? []));
  const runtimes = nodes.map(
    (node, index) =>
      createRouting({
        node,
        exchange: net.exchange(node),
        table: net.table(node),
        membership: net.membership(node, "ai", models),
        runtime: own[index] as Played,
        clock: net.clock(),
        random: world.dice,
        log: quietLog,
        meter: quietMeter,
        kernel: () => ({ receive: () => undefined, slotOf: () => undefined }),
      }).runtime,
  );
  const pass = (ms: number) => world.run(() => false, world.nowMs + ms);
  const [one, two] = runtimes as [Runtime, Runtime];
  return { net, own, one, two, pass };
}

const request = (model: string, timeoutMs = 10_000): GenerationRequest => ({
  id: "g",
  model,
  messages: [{ role: "user", content: "hello" }],
  sampling: {},
  timeoutMs,
});
const done = { type: "done", end: "complete", promptTokens: 1, completionTokens: 2 } as const;
const text = (words: string) => ({ type: "text", text: words, tokens: 1 }) as const;

describe("routing: generations", () => {
  it("run here when the model is here, else on a member that has it; texts arrive joined, in order, with one end", async () => {
    const { own, one, pass } = createCluster({ n1: ["small"], n2: ["large"] });
    one.generate(request("small"), () => undefined);
    expect(own[0]?.runs).to.have.length(1);
    const parts: GenerationPart[] = [];
    one.generate(request("large"), (part) => parts.push(part));
    await pass(50);
    const run = own[1]?.runs[0];
    expect(run?.request.messages).to.deep.equal(request("large").messages);
    for (const word of ["a", "b", "c"]) run?.say(text(word));
    await pass(50);
    run?.say(text("d"));
    run?.say(done);
    run?.say(text("too late"));
    await pass(50);
    const words = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
    expect(words.join("")).to.equal("abcd");
    expect(words.length).to.be.below(4);
    expect(parts.at(-1)).to.deep.equal(done);
    expect(parts.filter(({ type }) => type !== "text")).to.have.length(1);
  });

  it("of an unnamed model go to a member when this node has none", async () => {
    const { own, two, pass } = createCluster({ n3: ["only"] });
    two.generate(request(""), () => undefined);
    await pass(50);
    expect(own[2]?.runs).to.have.length(1);
  });

  it("are cancelled where they run", async () => {
    const { own, one, pass } = createCluster({ n2: ["large"] });
    const generation = one.generate(request("large"), () => undefined);
    await pass(50);
    generation.cancel();
    await pass(50);
    expect(own[1]?.runs[0]?.cancelled).to.equal(true);
  });

  it("end with one failure when the peer is lost, and are cancelled there", async () => {
    const { net, own, one, pass } = createCluster({ n2: ["large"] });
    const parts: GenerationPart[] = [];
    one.generate(request("large"), (part) => parts.push(part));
    await pass(50);
    net.cut("n1", "n2");
    await pass(50);
    expect(parts).to.have.length(1);
    const [part] = parts;
    expect(part?.type === "failed" && part.error.code).to.equal("RUNTIME_FAULT");
    expect(own[1]?.runs[0]?.cancelled).to.equal(true);
    own[1]?.runs[0]?.say(done);
    net.join("n1", "n2");
    await pass(50);
    expect(parts).to.have.length(1);
  });

  it("end in time when a peer falls silent", async () => {
    const { own, one, pass } = createCluster({ n2: ["large"] });
    const parts: GenerationPart[] = [];
    one.generate(request("large", 1_000), (part) => parts.push(part));
    await pass(10_000);
    expect(parts).to.have.length(1);
    expect(own[1]?.runs[0]?.cancelled).to.equal(true);
  });

  it("wait for a peer that takes nothing, and lose nothing", async () => {
    const { net, own, one, pass } = createCluster({ n2: ["large"] });
    const parts: GenerationPart[] = [];
    one.generate(request("large"), (part) => parts.push(part));
    await pass(50);
    net.full = 1;
    for (const word of ["a", "b"]) own[1]?.runs[0]?.say(text(word));
    await pass(500);
    own[1]?.runs[0]?.say(done);
    net.full = 0;
    await pass(500);
    expect(parts).to.deep.equal([{ type: "text", text: "ab", tokens: 2 }, done]);
  });

  it("offer the models of all members, each once, with the node that serves them", async () => {
    const { one, pass } = createCluster({ n1: ["small"], n2: ["large", "small"], n3: ["large"] });
    one.models();
    await pass(50);
    const models = one.models().map(({ model, node, contextTokens }) => ({ model, node, contextTokens }));
    expect(models).to.deep.equal([
      { model: "small", node: undefined, contextTokens: 8 },
      { model: "large", node: "n2", contextTokens: 8 },
    ]);
  });

  it("of a model nobody has are refused by the own runtime", () => {
    const { own, one } = createCluster({ n2: ["large"] });
    one.generate(request("none"), () => undefined);
    expect(own[0]?.runs).to.have.length(1);
  });
});
