import { expect } from "chai";
import { createInferenceControl } from "../../../../node/inference/models/index.ts";
import type { ActHold, InferenceControl, Membership, TaskControl } from "../../../../node/ports/index.ts";
import { failure, ok, refused, type ActWish, type Result } from "../../../../protocols/index.ts";
import type { LocalModels } from "../../../../runtimes/engine.ts";
import { memberRecord } from "../../../fixtures/members.ts";
import { Links, World } from "../../../world/index.ts";

type Resident = ReturnType<LocalModels["residents"]>[number];
const mebibyte = 1024 ** 2;
const resident = (name: string, fields: Partial<Resident> = {}): Resident => ({
  spec: { name, adapter: "llama", path: "/models/secret.gguf" },
  state: "ready",
  place: "ready",
  because: "it stays until its memory is needed",
  pinned: false,
  memoryBytes: 100 * mebibyte,
  keepAliveMs: undefined,
  leavesInMs: undefined,
  running: 0,
  waiting: 0,
  ...fields,
});

/** Three nodes on real exchanges: each has models as the test says, and notes what it is told. `away` has no
 *  connection. */
function openFixture(
  models: Readonly<Record<string, readonly Resident[]>>,
  load: Promise<Result<void>> = Promise.resolve(ok(undefined)),
) {
  const told: string[] = [];
  const acts: { readonly at: string; readonly act: ActWish; readonly hold: ActHold; readonly end: Promise<unknown> }[] = []; // prettier-ignore
  const world = new World(1);
  const links = new Links(world.clock());
  const members = ["a", "b", "away"].map((name) => memberRecord(`id-${name}`, { name, roles: ["ai"] }));
  const membership = { self: "id-a", members: () => ({ view: 1, members }) } as unknown as Membership;
  const controls = ["a", "b"].map((name) => {
    const order = (what: string) => (model: string): Promise<Result<void>> => (told.push(`${name}: ${what} ${model}`), Promise.resolve(ok(undefined))); // prettier-ignore
    const own = {
      residents: () => models[name] ?? [],
      memory: () => ({ usedBytes: 100 * mebibyte, budgetBytes: 1_000 * mebibyte }),
      shares: () => ({
        threads: { now: 3, most: 7, because: "the node is busy" },
        memory: { budgetBytes: 1, mostBytes: 1, because: "80 %" },
      }),
      suggest: (measure: boolean) => Promise.resolve({ models: [], measured: measure && name === "b" }),
      load: (model: string) => (void order("load")(model), load),
      stopLoad: (model: string) => (void order("stop")(model), ok(undefined)),
      unload: order("unload"),
      pin: (model: string, pinned: boolean) => (void order(pinned ? "pin" : "unpin")(model), ok(undefined)),
    };
    const exchange = links.exchange(`id-${name}`);
    const follow: NonNullable<TaskControl["follow"]> = (act, end, hold = {}) => {
      acts.push({ at: name, act, hold, end });
      return end;
    };
    return createInferenceControl({ node: `id-${name}`, name, own, exchange, membership, follow });
  });
  links.link("id-a", "id-b");
  const asked: InferenceControl = controls[0]!;
  const control: InferenceControl = {
    view: (node) => world.settle(asked.view(node)),
    order: (wish) => world.settle(asked.order(wish)),
    suggest: (wish) => world.settle(asked.suggest(wish)),
  };
  return { control, told, acts, links };
}

describe("models in the memory of a cluster's nodes", () => {
  it("are shown for every node, and a node that does not answer with the reason", async () => {
    const facts = { contextTokens: 4_096, sequences: 4, sizeBytes: 1, threads: 7, device: "cuda", capabilities: [], onCard: { layers: { offloaded: 20, total: 28 }, bytes: mebibyte }, batchTokens: 512, grewByBytes: 7 } as const; // prettier-ignore
    const one = resident("x", { facts, tokensPerSecond: 12.3456, leavesInMs: 99.6 });
    const { control } = openFixture({ a: [one], b: [one] });
    const view = await control.view();
    if (!view.ok) throw new Error(view.error.code);
    expect(view.value.map(({ node, error }) => [node, error?.code])).to.deep.equal([
      ["a", undefined],
      ["b", undefined],
      ["away", "UNREACHABLE"],
    ]);
    // What another node says arrives whole.
    expect(view.value[1]?.models).to.deep.equal(view.value[0]?.models);
    expect(view.value[0]?.models[0]).to.deep.include({ device: "cuda", layers: facts.onCard.layers, gpuBytes: mebibyte, batchTokens: 512, places: 4, contextTokens: 4_096, tokensPerSecond: 12.3, leavesInMs: 100 }); // prettier-ignore
    expect(view.value[1]?.threads).to.deep.equal({ now: 3, most: 7, because: "the node is busy" });
    expect(JSON.stringify(view)).to.not.include("secret.gguf");
    expect((await control.view("b")).ok).to.equal(true);
    expect(await control.view("nobody")).to.have.nested.property("error.code", "NOT_FOUND");
  });

  it("are told with what their calls have ended so far, whichever node has them", async () => {
    const { control } = openFixture({ b: [resident("x", { strikes: "its calls ended the process once" })] });
    const view = await control.view("b");
    if (!view.ok) throw new Error(view.error.code);
    expect(view.value[0]?.models[0]?.because).to.equal(
      "its calls ended the process once; it stays until its memory is needed",
    );
  });

  it("are suggested for the machine of the node that is named", async () => {
    const { control } = openFixture({});
    expect(await control.suggest({ measure: true })).to.deep.equal(ok({ node: "a", models: [], measured: false }));
    expect(await control.suggest({ node: "b", measure: true })).to.deep.equal(
      ok({ node: "b", models: [], measured: true }),
    );
    expect(await control.suggest({ node: "away", measure: false })).to.have.nested.property(
      "error.code",
      "UNREACHABLE",
    );
  });

  it("take orders at the node that is named, by its name or its id", async () => {
    const { control, told } = openFixture({ a: [resident("x")], b: [resident("x")] });
    expect((await control.order({ model: "x", order: "load" })).ok).to.equal(true);
    expect((await control.order({ model: "x", order: "pin", node: "b" })).ok).to.equal(true);
    expect((await control.order({ model: "x", order: "unload", node: "id-b" })).ok).to.equal(true);
    expect(told).to.deep.equal(["a: load x", "b: pin x", "b: unload x"]);
    const unknown = await control.order({ model: "y", order: "load", node: "b" });
    expect(unknown).to.have.nested.property("error.code", "MODEL_NOT_FOUND");
    expect(unknown).to.have.deep.nested.property("error.details.models", ["x"]);
    expect(unknown).to.have.nested.property("error.details.node", "b");
    expect(await control.order({ model: "x", order: "load", node: "away" })).to.have.nested.property(
      "error.code",
      "UNREACHABLE",
    );
  });

  it("are not unloaded while they are called or pinned, and the refusal says what to do", async () => {
    const { control, told } = openFixture({
      a: [resident("busy", { running: 2, waiting: 3 }), resident("pinned", { pinned: true })],
    });
    const busy = await control.order({ model: "busy", order: "unload" });
    expect(busy).to.have.nested.property("error.code", "MODEL_BUSY");
    expect(busy).to.have.nested.property("error.details.running", 2);
    expect(JSON.stringify(busy)).to.match(/drain/);
    const pinned = await control.order({ model: "pinned", order: "unload", drain: true });
    expect(pinned).to.have.nested.property("error.code", "FORBIDDEN");
    expect(JSON.stringify(pinned)).to.match(/unpin/);
    expect(told).to.deep.equal([]);
    expect((await control.order({ model: "busy", order: "unload", drain: true })).ok).to.equal(true);
    expect(told).to.deep.equal(["a: unload busy"]);
  });

  it("have a task at the node that loads them, of the person who asked, that says how far it is and stops the load", async () => {
    const [plan, share] = [{ sizeBytes: 1_000 } as NonNullable<Resident["plan"]>, 0.25];
    const reads = resident("x", { state: "loading", place: "loading", plan, share });
    const waits = resident("y", { state: "loading", place: "waiting", because: "it needs 3 MiB" });
    const broken = Promise.resolve(refused(failure("MODEL_LOAD_FAILED", { reason: "bad magic" })));
    const { control, told, acts } = openFixture({ b: [reads, waits] }, broken);
    for (const [model, order] of [
      ["x", "load"],
      ["y", "pin"],
    ] as const)
      expect((await control.order({ model, order, node: "b", by: "ada" })).ok).to.equal(true);
    const [load, pin] = acts;
    expect([load?.at, load?.act]).to.deep.equal([
      "b",
      {
        what: "Load of x",
        by: "ada",
        again: { method: "POST", path: "/api/v1/admin/inference/x/load", body: { node: "b" } },
      },
    ]);
    expect(load?.hold.look?.()).to.deep.equal({ share, progress: { readBytes: 250, totalBytes: 1_000 } });
    expect(pin?.hold.look?.()).to.deep.equal({ advice: "It needs 3 MiB." });
    expect(await load?.end)
      .to.have.nested.property("error.details.hint")
      .that.includes("plexus models verify x");
    told.splice(0);
    load?.hold.cancel?.();
    pin?.hold.cancel?.();
    expect(told).to.deep.equal(["b: stop x", "b: unpin y", "b: stop y"]);
    // To unload what is on its way in is to stop that, and no task.
    expect((await control.order({ model: "x", order: "unload", node: "b", by: "ada" })).ok).to.equal(true);
    expect(told.at(-1)).to.equal("b: stop x");
    expect(acts).to.have.length(2);
  });
});
