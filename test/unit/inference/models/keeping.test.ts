import { expect } from "chai";
import { createModelPeers, keepWanted, serveModels } from "../../../../node/inference/models/index.ts";
import type { MemberRecord, Membership } from "../../../../node/ports/index.ts";
import type { WantedModels } from "../../../../node/cluster/facts/wanted-models.ts";
import { contentTree } from "../../../../node/bulk/blobs/index.ts";
import { failure, ok, refused, type PullModel, type PullView, type StoredModel, type WantedModel } from "../../../../protocols/index.ts"; // prettier-ignore
import type { ModelStore } from "../../../../runtimes/store/port.ts";
import { memberRecord } from "../../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { simulatedClock, World } from "../../../world/index.ts";

const want: WantedModel = { name: "m", source: "hf:a/b", nodes: 1 };

/** One node, a store that pulls as the test says, and members that the test changes. */
function openFixture(
  options: { readonly others?: readonly MemberRecord[]; readonly outcome?: () => PullView["state"] } = {},
) {
  const world = new World(1);
  const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
  const members = [memberRecord("self", { roles: ["ai"] }), ...(options.others ?? [])];
  const asked: PullModel[] = [];
  const listeners = new Set<() => void>();
  let models: readonly WantedModel[] = [want];
  const down = new Set<string>();
  const has: StoredModel[] = [];
  const view = (state: PullView["state"]): PullView => ({ id: "1", source: "", state, doneBytes: 0, startedAtMs: 0 });
  const wanted: WantedModels = {
    current: () => models,
    onChange: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
    read: async () => models,
    set: () => Promise.resolve(),
    stop: () => undefined,
  };
  const membership: Membership = {
    self: "self",
    members: () => ({ view: 1, members }),
    isUp: (node) => !down.has(node),
    isSlow: () => false,
    isStaying: () => true,
    onChange: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
  };
  const store = {
    pull: (request: PullModel) => (asked.push(request), ok(view("waiting"))),
    ended: async () => ok(view(options.outcome?.() ?? "failed")),
    get: () => undefined,
    damaged: () => [],
    list: () => has,
    watch: () => () => undefined,
  } satisfies Partial<ModelStore>;
  const stop = keepWanted({ node: "self", store, wanted, membership, clock, log: quietLog, meter: quietMeter });
  return {
    asked,
    down,
    members,
    stop,
    pass: (ms: number) => world.run(() => false, world.nowMs + ms),
    set: (next: readonly WantedModel[]): void => {
      models = next;
      for (const listener of listeners) listener();
    },
  };
}

describe("a node's share of the wanted models", () => {
  it("is pulled, and after failures again, later each time", async () => {
    const { asked, pass, stop } = openFixture();
    await pass(1_000);
    expect(asked).to.deep.equal([{ source: "hf:a/b", name: "m" }]);
    await pass(30_000);
    expect(asked).to.have.length(1);
    await pass(90_000);
    expect(asked).to.have.length(2);
    await pass(24 * 3_600_000);
    expect(asked.length).to.be.within(20, 40);
    stop();
    await pass(24 * 3_600_000);
    expect(asked.length).to.be.within(20, 40);
  });

  it("is pulled from another node that has it, and from the source where that fails", async () => {
    const offer = { engine: "generate", model: "m", runtime: "llama", capabilities: ["chat"], contextTokens: 1, sizeBytes: 1, demonstration: false, state: "ready" } as const; // prettier-ignore
    const other = memberRecord("other", { roles: ["ai"], offers: [offer] });
    const { asked, pass, set, stop } = openFixture({ others: [other] });
    await pass(1_000);
    // One node is enough, and one has it.
    expect(asked).to.deep.equal([]);
    set([{ ...want, nodes: 2 }]);
    await pass(1_000);
    await pass(120_000);
    expect(asked.slice(0, 2).map(({ source }) => source)).to.deep.equal(["cluster:m", "hf:a/b"]);
    stop();
  });

  it("is not taken over from a node that is down for a moment", async () => {
    const offer = { engine: "generate", model: "m", runtime: "llama", capabilities: ["chat"], contextTokens: 1, sizeBytes: 1, demonstration: false, state: "ready" } as const; // prettier-ignore
    const { asked, down, pass, stop } = openFixture({
      others: [memberRecord("other", { roles: ["ai"], offers: [offer] })],
    });
    down.add("other");
    await pass(5 * 60_000);
    expect(asked).to.deep.equal([]);
    await pass(10 * 60_000);
    expect(asked.length).to.be.above(0);
    stop();
  });
});

describe("models between nodes", () => {
  const digest = "a".repeat(64);
  const model: StoredModel = { name: "m", digest, size: 3, files: [{ path: "m.gguf", size: 3, digest, tree: contentTree.hashOfLeaves(3, [contentTree.hashLeaf(Buffer.from("abc"))]) }], main: "m.gguf", card: { format: "gguf", kind: "model", family: "x", capabilities: [] }, source: "x", addedAtMs: 0 }; // prettier-ignore
  type Handler = (body: never, from: string) => unknown;

  function exchangeOf(store: Partial<ModelStore>) {
    const handlers = new Map<string, Handler>();
    const exchange = {
      on: (name: string, handler: Handler) => void handlers.set(name, handler),
      call: async (to: string, name: string, body: never) =>
        to === "gone" ? refused(failure("UNREACHABLE")) : handlers.get(name)?.(body, "self"),
    };
    serveModels({ exchange: exchange as never, store: store as ModelStore });
    return exchange;
  }
  const peersOf = (store: Partial<ModelStore>, nodes = ["self", "other", "gone"]) =>
    createModelPeers({
      node: "self",
      exchange: exchangeOf(store) as never,
      membership: {
        members: () => ({ view: 1, members: nodes.map((node) => memberRecord(node)) }),
        isUp: () => true,
      } as never,
      tree: contentTree,
    });
  const { signal } = new AbortController();

  it("are found where they are, and not where they are damaged", async () => {
    const store = { damaged: () => [], get: (name: string) => (name === "m" ? model : undefined) };
    const found = await peersOf(store).find("m");
    expect(found).to.deep.equal(ok({ model, nodes: ["other"] }));
    expect(await peersOf(store).find("x")).to.have.nested.property("error.code", "NOT_FOUND");
    expect(await peersOf({ ...store, damaged: () => ["m"] }).find("m")).to.have.nested.property(
      "error.code",
      "NOT_FOUND",
    );
  });

  it("give hashes that are compared with the name, and parts of bounded size", async () => {
    const [file] = model.files as readonly [StoredModel["files"][number]];
    const store = {
      leavesOf: async () => contentTree.hashLeaf(Buffer.from("abc")),
      chunkOf: async () => Buffer.from("abc"),
    };
    const peers = peersOf(store);
    expect(await peers.leaves("other", file, signal)).to.have.property("ok", true);
    expect(await peers.leaves("other", { ...file, tree: digest }, signal)).to.have.nested.property(
      "error.code",
      "SOURCE_FAILED",
    );
    expect(
      await peersOf({ leavesOf: async () => Buffer.alloc(5) }).leaves("other", file, signal),
    ).to.have.nested.property("error.code", "SOURCE_FAILED");
    expect(await peers.chunk("other", { digest, start: 0, end: 3 })).to.deep.equal(ok(Buffer.from("abc")));
    expect(await peers.chunk("other", { digest, start: 0, end: 2 ** 30 })).to.have.nested.property(
      "error.code",
      "BAD_REQUEST",
    );
    expect(await peers.chunk("gone", { digest, start: 0, end: 3 })).to.have.nested.property(
      "error.code",
      "UNREACHABLE",
    );
  });
});
