import { everyEngine, type Engine } from "../../../../runtimes/engine.ts";
import { expect } from "chai";
import { callLimits, createCalls } from "../../../../node/inference/calls/index.ts";
import type { MemberRecord, NodeId } from "../../../../node/ports/index.ts";
import {
  ok,
  signOfLife,
  wireLimits,
  type GenerationRequest,
  type ModelInfo,
  type Offer,
} from "../../../../protocols/index.ts";
import { memberRecord } from "../../../fixtures/members.ts";
import { ended, endOf, text, type Spoken } from "../../../fixtures/engine-answers.ts";
import { World } from "../../../world/index.ts";
import { quietMeter } from "../../../fixtures/quiet.ts";
import { Net } from "../../routing/net.ts";

const nodes = ["n1", "n2", "n3"];

const plain = (model: string): ModelInfo => ({
  model,
  runtime: "played",
  capabilities: ["chat"],
  contextTokens: 8,
  sizeBytes: 1,
  demonstration: false,
  state: "ready",
});
/** What a row says of models. */
const offers = (names: readonly string[], more: Partial<Offer> = {}): readonly Offer[] =>
  names.map((model) => ({ engine: "generate", ...plain(model), ...more }));

/** An engine whose models the test plays. */
class Played implements Engine<"generate"> {
  readonly runs: { request: GenerationRequest; say: (said: Spoken) => void; cancelled: boolean }[] = [];
  readonly names: string[];
  more: Partial<ModelInfo> = {};

  constructor(models: readonly string[]) {
    this.names = [...models];
  }
  models(): readonly ModelInfo[] {
    return this.names.map((model) => ({ ...plain(model), ...this.more }));
  }
  watch(): () => void {
    return () => undefined;
  }
  call(request: GenerationRequest, say: (said: Spoken) => void) {
    const run = { request, say, cancelled: false };
    this.runs.push(run);
    return { cancel: () => void (run.cancelled = true) };
  }
}

/** Three nodes with the role `ai`, unless `rows` says otherwise, and these models. */
function createCluster(
  models: Readonly<Record<string, readonly string[]>>,
  rows: Readonly<Record<string, Partial<MemberRecord>>> = {},
) {
  const world = new World(1);
  const net = new Net(world, nodes);
  net.rows = nodes.map((node) =>
    memberRecord(node, { name: node, roles: ["ai"], offers: offers(models[node] ?? []), ...rows[node] }),
  );
  const own = nodes.map((node) => new Played(models[node] ?? []));
  const busy = new Map<NodeId, { readonly calls: number; readonly agoMs: number }>();
  const parts = nodes.map((node, index) =>
    createCalls({
      node,
      exchange: net.exchange(node),
      membership: net.membership(node),
      engines: everyEngine({ generate: own[index] as Played }),
      callsAt: (other) => busy.get(other),
      clock: net.clock(),
      meter: quietMeter,
    }),
  );
  const pass = (ms: number) => world.run(() => false, world.nowMs + ms);
  const [one, two] = parts.map(({ engines }) => engines.generate) as [Engine<"generate">, Engine<"generate">];
  /** What a generation on the first node came to, once somebody has said something. */
  const end = async (model: string): Promise<Spoken | undefined> => {
    const said: Spoken[] = [];
    one.call(request(model), (more) => said.push(more));
    await pass(50);
    return said.at(-1);
  };
  const explain = () => parts[0]!.explain().map(({ model, node, rank, because }) => [model, node, rank, because]);
  return { net, own, one, two, pass, end, busy, explain };
}

const request = (model: string, timeoutMs = 10_000): GenerationRequest => ({
  id: "g",
  model,
  messages: [{ role: "user", content: "hello" }],
  sampling: {},
  timeoutMs,
});
const done = ended("complete", 1, 2);
/** As it is heard: with what is advertised of the model. */
const heard: Spoken = {
  type: "answered",
  result: ok({ end: "complete", promptTokens: 1, completionTokens: 2, contextTokens: 8 }),
};

describe("routing: calls of engines", () => {
  it("run here when the model is here, else on a member that has it; texts arrive joined, in order, with one end", async () => {
    const { own, one, pass } = createCluster({ n1: ["small"], n2: ["large"] });
    one.call(request("small"), () => undefined);
    expect(own[0]?.runs).to.have.length(1);
    const parts: Spoken[] = [];
    one.call(request("large"), (part) => parts.push(part));
    await pass(50);
    const run = own[1]?.runs[0];
    expect(run?.request.messages).to.deep.equal(request("large").messages);
    for (const word of ["a", "b", "c"]) run?.say(text(word));
    await pass(50);
    run?.say(text("d"));
    run?.say(done);
    run?.say(text("too late"));
    await pass(50);
    const words = parts.flatMap((part) => (part.type === "part" ? [part.part.text] : []));
    expect(words.join("")).to.equal("abcd");
    expect(words.length).to.be.below(4);
    expect(parts.at(-1)).to.deep.equal(heard);
    expect(parts.filter(({ type }) => type === "answered")).to.have.length(1);
  });

  it("tell where they wait, also from another node, in order and before what is said", async () => {
    const { own, one, pass } = createCluster({ n1: ["small"], n2: ["large"] });
    const heardOf: unknown[] = [];
    for (const model of ["small", "large"])
      one.call({ ...request(model), onPlace: (place) => heardOf.push([model, place]) }, ({ type }) =>
        heardOf.push([model, type]),
      );
    await pass(50);
    for (const { runs } of own.slice(0, 2)) {
      runs[0]?.request.onPlace?.({ stage: "queued", ahead: 2 });
      await pass(50);
      runs[0]?.request.onPlace?.({ stage: "reading" });
      await pass(50);
      runs[0]?.say(text("a"));
      // Too late: the answer has begun.
      await pass(50);
      runs[0]?.say(done);
      await pass(50);
    }
    const each = [{ stage: "queued", ahead: 2 }, { stage: "reading" }, "part", "answered"];
    expect(heardOf).to.deep.equal(["small", "large"].flatMap((model) => each.map((one) => [model, one])));
  });

  it("say whose they are where they run, and those that say it not take turns as one person of their node", async () => {
    const { own, one, net, pass } = createCluster({ n2: ["large"] });
    one.call({ ...request("large"), person: "user/ada", key: "key/k1" }, () => undefined);
    net.exchange("n3").send("n2", "engine.generate", { run: 1, request: request("large") });
    await pass(50);
    expect(own[1]?.runs.map(({ request: { person, key } }) => [person, key])).to.have.deep.members([
      ["user/ada", "key/k1"],
      ["node/n3", undefined],
    ]);
  });

  it("of one person are bounded, so that others find a place", async () => {
    const { own, one, pass } = createCluster({ n2: ["large"] });
    const refused: unknown[] = [];
    const ask = (person: string) =>
      one.call(
        { ...request("large"), person },
        (said) => void (said.type === "answered" && !said.result.ok && refused.push(said.result.error.details)),
      );
    for (let each = 0; each <= callLimits.callsBetweenNodesPerPersonMax; each += 1) ask("user/mallory");
    ask("user/ada");
    await pass(50);
    expect(refused).to.deep.equal([{ callsBetweenNodesPerPersonMax: callLimits.callsBetweenNodesPerPersonMax }]);
    expect(own[1]?.runs.at(-1)?.request.person).to.equal("user/ada");
  });

  it("that no member would take as a message are refused here, and cost no connection", async () => {
    const able = offers(["large"], { capabilities: ["chat", "vision", "tools"] });
    const { own, one, net, pass } = createCluster({ n2: ["large"] }, { n2: { offers: able } });
    const said: Spoken[] = [];
    const ask = (more: Partial<GenerationRequest>) =>
      one.call({ ...request("large"), ...more }, (part) => said.push(part));
    one.call(request("large"), (part) => said.push(part));
    const call = { id: "c", name: "f", arguments: "{}" };
    const image = { type: "image", mediaType: "image/png", bytes: new Uint8Array(1) } as const;
    ask({ messages: [{ role: "user", content: "", media: Array.from({ length: 65 }, () => image) }] });
    ask({ messages: [{ role: "assistant", content: "", calls: Array.from({ length: 257 }, () => call) }] });
    ask({ messages: Array.from({ length: 4_097 }, () => ({ role: "tool", content: "", callId: "c" })) });
    // One whose time is over is late, and not wrong.
    ask({ timeoutMs: -1 });
    await pass(50);
    expect(said.map(endOf)).to.deep.equal(["BAD_REQUEST", "BAD_REQUEST", "BAD_REQUEST"]);
    expect(net.cutOff).to.deep.equal([]);
    expect(own[1]?.runs.map((run) => [run.request.timeoutMs, run.cancelled])).to.deep.equal([
      [10_000, false],
      [0, false],
    ]);
  });

  it("of an unnamed model go to a member when this node has none", async () => {
    const { own, two, pass } = createCluster({ n3: ["only"] });
    two.call(request(""), () => undefined);
    await pass(50);
    expect(own[2]?.runs).to.have.length(1);
  });

  it("are cancelled where they run", async () => {
    const { own, one, pass } = createCluster({ n2: ["large"] });
    const generation = one.call(request("large"), () => undefined);
    await pass(50);
    generation.cancel();
    await pass(50);
    expect(own[1]?.runs[0]?.cancelled).to.equal(true);
  });

  it("are cancelled, and refused, where they run, however long nothing can be sent meanwhile", async () => {
    const { net, own, one, pass } = createCluster({ n2: ["large"] });
    const said: Spoken[] = [];
    const running = one.call(request("large"), (more) => said.push(more));
    await pass(50);
    net.full = 1;
    running.cancel();
    running.cancel();
    await pass(1_000);
    expect(own[1]?.runs[0]?.cancelled).to.equal(false);
    let cancels = 0;
    net.onSend = (_from, _to, message) => void ((message as [string])[0] === "engine.cancel" && (cancels += 1));
    net.full = 0;
    await pass(1_000);
    expect([own[1]?.runs[0]?.cancelled, cancels]).to.deep.equal([true, 1]);
    own[1]?.runs[0]?.say(ended("stopped", 1, 2));
    await pass(50);
    expect(said).to.have.length(1);

    const refused: Spoken[] = [];
    one.call(request("large"), (more) => refused.push(more));
    net.edit("n2", { roles: ["chat"] });
    net.full = 1;
    await pass(1_000);
    expect(refused).to.have.length(0);
    net.full = 0;
    await pass(1_000);
    expect(refused.map(endOf)).to.deep.equal(["MODEL_UNAVAILABLE"]);
  });

  it("end with one failure when the peer is lost, and are cancelled there", async () => {
    const { net, own, one, pass } = createCluster({ n2: ["large"] });
    const parts: Spoken[] = [];
    one.call(request("large"), (part) => parts.push(part));
    await pass(50);
    net.cut("n1", "n2");
    await pass(50);
    expect(parts).to.have.length(1);
    const [part] = parts;
    expect(part).to.have.nested.property("result.error.code", "RUNTIME_FAULT");
    expect(own[1]?.runs[0]?.cancelled).to.equal(true);
    own[1]?.runs[0]?.say(done);
    net.join("n1", "n2");
    await pass(50);
    expect(parts).to.have.length(1);
  });

  it("hear nothing of one that an earlier life of their node asked for under the same number", async () => {
    const { net, own, pass } = createCluster({ n2: ["large"] });
    const heard: [NodeId, unknown][] = [];
    net.onSend = (_from, to, message) => {
      const [name, , body] = message as [string, number, unknown];
      if (name === "engine.generate.said") heard.push([to, body]);
    };
    const start = ["engine.generate", 0, { run: 1, request: request("large") }];
    net.forge("n1", "n2", start);
    net.cut("n1", "n2");
    net.join("n1", "n2");
    net.forge("n1", "n2", start);
    expect(own[1]?.runs.map(({ cancelled }) => cancelled)).to.deep.equal([true, false]);
    own[1]?.runs[0]?.say(text("of the earlier life"));
    own[1]?.runs[0]?.say(ended("stopped"));
    await pass(50);
    own[1]?.runs[1]?.say(text("mine"));
    own[1]?.runs[1]?.say(done);
    await pass(50);
    expect(heard).to.deep.equal([
      [
        "n1",
        {
          run: 1,
          parts: [{ text: "mine", tokens: 1 }],
          result: ok({ end: "complete", promptTokens: 1, completionTokens: 2 }),
        },
      ],
    ]);
  });

  it("are kept alive by signs of life of where they run, which nobody hears who asked", async () => {
    const { own, one, pass } = createCluster({ n1: ["small"], n2: ["large"] });
    for (const [index, model] of ["small", "large"].entries()) {
      const parts: Spoken[] = [];
      one.call({ ...request(model, 1_000_000), silenceMs: 10_000 }, (part) => parts.push(part));
      await pass(50);
      // A long prompt is read.
      for (let slice = 0; slice < 5; slice += 1) {
        await pass(9_000);
        own[index]?.runs[0]?.say({ type: "part", part: signOfLife });
      }
      await pass(9_000);
      expect(parts).to.deep.equal([]);
      own[index]?.runs[0]?.say(text("a"));
      await pass(50);
      expect(parts.map((said) => said.type === "part" && said.part)).to.deep.equal([{ text: "a", tokens: 1 }]);
    }
  });

  it("end in time when a peer falls silent", async () => {
    const { own, one, pass } = createCluster({ n2: ["large"] });
    const parts: Spoken[] = [];
    one.call(request("large", 1_000), (part) => parts.push(part));
    await pass(10_000);
    expect(parts).to.have.length(1);
    expect(own[1]?.runs[0]?.cancelled).to.equal(true);
  });

  it("wait for a peer that takes nothing, and lose nothing", async () => {
    const { net, own, one, pass } = createCluster({ n2: ["large"] });
    const parts: Spoken[] = [];
    one.call(request("large"), (part) => parts.push(part));
    await pass(50);
    net.full = 1;
    for (const word of ["a", "b"]) own[1]?.runs[0]?.say(text(word));
    await pass(500);
    own[1]?.runs[0]?.say(done);
    net.full = 0;
    await pass(500);
    expect(parts).to.deep.equal([{ type: "part", part: { text: "ab", tokens: 2 } }, heard]);
  });

  it("end with a refusal when what is said of them can never arrive, and cost no connection", async () => {
    const { net, own, one, pass } = createCluster({ n2: ["large"] });
    const said: Spoken[] = [];
    const ask = () => one.call(request("large"), (part) => said.push(part));
    for (const _ of [1, 2, 3]) ask();
    await pass(50);
    net.frameBytesMax = wireLimits.peerMessageBytesMax;
    const [first, second, third] = own[1]?.runs ?? [];
    const call = { id: "c", name: "f".repeat(257), arguments: "{}" };
    first?.say({ type: "part", part: { text: "", tokens: 1, calls: [call] } });
    second?.say(text("x".repeat(wireLimits.peerMessageBytesMax)));
    await pass(500);
    expect(said.map(endOf)).to.have.members(["OUTPUT_UNFIT", "TOO_LARGE"]);
    expect([first?.cancelled, second?.cancelled, third?.cancelled]).to.deep.equal([true, true, false]);
    // What is cancelled says its end, too.
    first?.say(done);
    third?.say(done);
    await pass(500);
    expect(said.slice(2)).to.deep.equal([heard]);
    expect(net.cutOff).to.deep.equal([]);
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

  it("run on no node without the role, whatever models it has", async () => {
    const all = { n1: ["small"], n2: ["small"], n3: ["small"] };
    const { own, one, two, pass } = createCluster(all, { n1: { roles: ["chat"] }, n2: { roles: ["chat", "gateway"] } });
    for (const runtime of [one, two]) for (const model of ["small", ""]) runtime.call(request(model), () => undefined);
    await pass(50);
    expect(own.map(({ runs }) => runs.length)).to.deep.equal([0, 0, 4]);
    expect(one.models().map(({ node }) => node)).to.deep.equal(["n3"]);
  });

  it("follow the role when it moves, and what was on its way to the node that had it may be sent again", async () => {
    const all = { n2: ["small"], n3: ["small"] };
    const { net, own, one, end, pass } = createCluster(all, { n1: { roles: ["chat"] }, n3: { roles: ["chat"] } });
    await pass(50);
    const cutOff: Spoken[] = [];
    one.call(request("small"), (said) => cutOff.push(said));
    net.edit("n3", { roles: ["ai"] });
    net.edit("n2", { roles: ["chat"] });
    await pass(50);
    expect(cutOff[0]).to.have.nested.property("result.error.code", "MODEL_UNAVAILABLE");
    expect(cutOff[0]).to.have.nested.property("result.error.outcome", "not_started");
    await end("small");
    expect(own.map(({ runs }) => runs.length)).to.deep.equal([0, 0, 1]);
  });

  it("know of a model as soon as its member's row does", async () => {
    const { net, own, one, end, pass } = createCluster({}, { n1: { roles: ["chat"] } });
    expect(one.models()).to.deep.equal([]);
    await pass(50);
    own[1]?.names.push("late");
    net.edit("n2", { offers: offers(["late"]) });
    await pass(50);
    expect(one.models()).to.have.length(1);
    await end("late");
    expect(own[1]?.runs).to.have.length(1);
  });

  it("go to a graphics card when it is not used more, also from a node that has the model itself", async () => {
    const all = { n1: ["small"], n2: ["small"], n3: ["small"] };
    const { own, one, pass } = createCluster(all, { n3: { offers: offers(["small"], { device: "cuda" }) } });
    await pass(50);
    for (let count = 0; count < 3; count += 1) one.call(request("small"), () => undefined);
    await pass(50);
    expect(own.map(({ runs }) => runs.length)).to.deep.equal([2, 0, 1]);
  });

  it("of a model nobody has are refused, and who could have it is named", async () => {
    const { own, one, end, pass } = createCluster({ n2: ["large"] }, { n1: { roles: ["chat"] } });
    one.models();
    await pass(50);
    const refused = await end("none");
    expect(refused).to.have.nested.property("result.error.code", "MODEL_NOT_FOUND");
    expect(refused)
      .to.have.nested.property("result.error.details")
      .that.deep.equals({ model: "none", ai: ["n2", "n3"] });
    expect(own.flatMap(({ runs }) => runs)).to.deep.equal([]);
  });

  it("of a model that failed to load are refused with the reason and the node", async () => {
    const { net, end } = createCluster({ n2: ["broken"] });
    net.edit("n2", { offers: offers(["broken"], { state: "failed", reason: "cut off" }) });
    const refused = await end("broken");
    expect(refused).to.have.nested.property("result.error.code", "MODEL_LOAD_FAILED");
    expect(refused).to.have.nested.property("result.error.details").that.includes({ node: "n2", reason: "cut off" });
  });

  it("may be sent again when those that have the model are away or drain", async () => {
    const { net, own, end, pass } = createCluster({ n2: ["large"], n3: ["other"] });
    await pass(50);
    net.cut("n1", "n2");
    expect(await end("large")).to.have.nested.property("result.error.code", "MODEL_UNAVAILABLE");
    expect(await end("unknown")).to.have.nested.property("result.error.code", "MODEL_NOT_FOUND");
    net.edit("n3", { state: "draining" });
    expect(await end("other")).to.have.nested.property("result.error.code", "MODEL_UNAVAILABLE");
    expect(own.flatMap(({ runs }) => runs)).to.deep.equal([]);
  });

  it("of a node that drains run on it only when nobody else has the model", async () => {
    const { own, end, pass } = createCluster({ n1: ["small", "mine"], n2: ["small"] }, { n1: { state: "draining" } });
    await pass(50);
    await end("small");
    await end("mine");
    expect(own.map(({ runs }) => runs.map(({ request: { model } }) => model))).to.deep.equal([["mine"], ["small"], []]);
  });

  it("go to the member with the fewest calls: those of which it has told, and what was sent there since", async () => {
    const { own, busy, one, pass } = createCluster({ n2: ["large"], n3: ["large"] });
    busy.set("n2", { calls: 2, agoMs: 1_000 });
    busy.set("n3", { calls: 0, agoMs: 1_000 });
    await pass(10);
    for (let count = 0; count < 4; count += 1) one.call(request("large"), () => undefined);
    await pass(50);
    expect(own.map(({ runs }) => runs.length)).to.deep.equal([0, 1, 3]);
  });

  it("leave this node when its own places are taken and others have some", async () => {
    const { own, net, one, pass } = createCluster({ n1: ["small"], n2: ["small"] });
    Object.assign(own[0] as Played, { more: { places: 1 } });
    net.edit("n2", { offers: offers(["small"], { places: 1 }) });
    for (let count = 0; count < 4; count += 1) one.call(request("small"), () => undefined);
    await pass(50);
    expect(own.map(({ runs }) => runs.length)).to.deep.equal([2, 2, 0]);
    for (const run of own[0]?.runs ?? []) run.say(done);
    one.call(request("small"), () => undefined);
    expect(own[0]?.runs).to.have.length(3);
  });

  it("are sent to nobody whose row does not say what it offers, however it names its models", async () => {
    const { own, net, end, explain } = createCluster({}, { n3: { roles: ["chat"] } });
    const { offers: _, ...silent } = memberRecord("n2", { name: "n2", roles: ["ai"], models: ["large"], gpu: true });
    net.rows = net.rows.map((row) => (row.node === "n2" ? silent : row));
    expect(await end("large")).to.have.nested.property("result.error.code", "MODEL_UNAVAILABLE");
    expect(own.flatMap(({ runs }) => runs)).to.deep.equal([]);
    expect(explain()).to.deep.equal([["", "n2", undefined, "it has not said what it offers"]]);
  });
});

describe("routing: scans of files", () => {
  const scanOffer = (state: "ready" | "failed"): Offer => ({
    engine: "scan",
    ...plain("clamd"),
    capabilities: [],
    state,
  });
  const file = { id: "0123456789abcdef.lobby", name: "a", bytes: 1, key: "k", parts: ["p"] };

  it("go to a node that has a scanner that answers, whatever its roles, and to no other", async () => {
    const world = new World(1);
    const net = new Net(world, nodes);
    const rows = (states: Readonly<Record<string, "ready" | "failed">>) =>
      nodes.map((node) =>
        memberRecord(node, {
          name: node,
          roles: node === "n1" ? ["ai"] : ["storage"],
          offers: states[node] === undefined ? [] : [scanOffer(states[node])],
        }),
      );
    net.rows = rows({ n2: "failed", n3: "ready" });
    const asked: string[] = [];
    const parts = nodes.map((node) => {
      const scan: Engine<"scan"> = {
        models: () => [],
        watch: () => () => undefined,
        call(asking, hear) {
          asked.push(`${node} ${asking.file.id} ${asking.file.parts.join()} for ${asking.person}`);
          world.clock().soon(() => hear({ type: "answered", result: ok({ signature: "Eicar" }) }));
          return { cancel: () => undefined };
        },
      };
      return createCalls({
        node,
        exchange: net.exchange(node),
        membership: net.membership(node),
        engines: everyEngine({ scan }),
        clock: net.clock(),
        meter: quietMeter,
      });
    });
    const scans = parts[0]?.engines.scan as Engine<"scan">;
    const answers: unknown[] = [];
    const ask = async (): Promise<void> => {
      const asking = { id: "1", model: "", person: "user/ada", timeoutMs: 1_000, file };
      scans.call(asking, (said) => answers.push(said.type === "answered" && said.result));
      await world.run(() => false, world.nowMs + 50);
    };
    await ask();
    expect(asked).to.deep.equal([`n3 ${file.id} p for user/ada`]);
    expect(answers).to.deep.equal([ok({ signature: "Eicar" })]);
    expect(parts[0]?.explain()).to.deep.equal([]);
    expect(parts[0]?.explain(["scan"]).map(({ node, rank, because }) => [node, rank, because])).to.deep.equal([
      ["n3", 1, "the last in the order"],
      ["n2", undefined, "the model failed to load"],
    ]);
    net.rows = rows({});
    await ask();
    expect(answers.at(-1)).to.have.property("ok", false);
    expect(asked).to.have.length(1);
  });
});
