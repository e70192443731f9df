import { expect } from "chai";
import { createEnding } from "../../../node/cluster/membership/ending.ts";
import { createMeshPort } from "../../../node/cluster/mesh/port.ts";
import { Stops } from "../../../node/stops.ts";
import { keepHome, readHome, type Home } from "../../../node/data-folder/home.ts";
import type { Mesh } from "../../../node/cluster/mesh/index.ts";
import type { Clock, Log, Store, TransportListener } from "../../../node/ports/index.ts";
import { failureOf } from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";

const home: Home = { cluster: "c1", directory: { kind: "embedded", host: "a" }, members: [], starts: 1 };

/** A store of one row, which can refuse. */
function storeOf(): { readonly store: Store; refuses: boolean } {
  const rows = new Map<string, Uint8Array>();
  const part = { store: undefined as unknown as Store, refuses: false };
  const store: Pick<Store, "batch" | "get" | "location"> = {
    location: "here",
    get: (key) => Promise.resolve(rows.get(key)),
    batch(ops) {
      if (part.refuses) return Promise.reject(new Error("full"));
      for (const op of ops) if (op.type === "put") rows.set(op.key, op.value);
      return Promise.resolve();
    },
  };
  return Object.assign(part, { store: store as Store });
}

describe("the stops of a node", () => {
  it("run in reverse, once, each told what is left of the time, whatever one of them does", async () => {
    let nowMs = 0;
    const clock = { monotonicMs: () => nowMs } as Clock;
    const failed: unknown[] = [];
    const log: Log = { ...quietLog, error: (event) => void failed.push(event) };
    const stops = new Stops({ clock, log });
    const stopped: [string, number][] = [];
    const part = (name: string, tookMs: number) => (leftMs: number) => {
      stopped.push([name, leftMs]);
      nowMs += tookMs;
    };
    stops.add(part("store", 0));
    stops.add(() => Promise.reject(new Error("stuck")));
    stops.add(part("peer", 30));
    stops.add(part("gateway", 80));
    await stops.run(100);
    await stops.run(100);
    expect(stopped).to.deep.equal([
      ["gateway", 100],
      ["peer", 20],
      ["store", 0],
    ]);
    expect(failed).to.deep.equal(["node.stop.part.failed"]);
  });
});

describe("a mesh's place", () => {
  const meshOf = (sent: unknown[], heard: TransportListener[], stopped: number[]): Mesh =>
    ({
      peer: "p",
      addresses: () => [],
      status: () => [],
      refusals: () => new Map([["b", { code: "VERSION_UNSUPPORTED" }]]),
      located: (...said: unknown[]) => void sent.push(said),
      stop: (deadlineMs: number) => Promise.resolve(void stopped.push(deadlineMs)),
      transport: {
        node: "a",
        send: (...message: unknown[]) => sent.push(message) > 0,
        flush: () => undefined,
        peers: () => ["b"],
        disconnect: () => undefined,
        listen: (listener: TransportListener) => void heard.push(listener),
      },
    }) as unknown as Mesh;

  it("sends nothing before there is a mesh, and is the mesh from then on, with the listener that it had", async () => {
    const port = createMeshPort("a");
    const listener = {} as TransportListener;
    port.transport.listen(listener);
    expect([port.transport.send("b", "control", 1), port.transport.peers(), port.refusals().size]).to.deep.equal([
      false,
      [],
      0,
    ]);
    port.located("b", []);
    const [sent, heard]: [unknown[], TransportListener[]] = [[], []];
    const mesh = await port.open(() => Promise.resolve(meshOf(sent, heard, [])));
    expect(await port.opened).to.equal(mesh);
    expect(port.transport.send("b", "control", 1)).to.equal(true);
    port.located("b", ["x"]);
    expect(sent).to.deep.equal([
      ["b", "control", 1],
      ["b", ["x"]],
    ]);
    expect([heard, port.transport.peers(), port.refusals().size]).to.deep.equal([[listener], ["b"], 1]);
  });

  it("stops a mesh that is still being opened, and nothing where none was or none opened", async () => {
    const stopped: number[] = [];
    await createMeshPort("a").stop(5);
    const slow = createMeshPort("a");
    const opening = Promise.withResolvers<Mesh>();
    void slow.open(() => opening.promise);
    const stopping = slow.stop(7);
    opening.resolve(meshOf([], [], stopped));
    await stopping;
    const broken = createMeshPort("a");
    await broken.open(() => Promise.reject(new Error("port taken"))).catch(() => undefined);
    await broken.stop(9);
    expect(stopped).to.deep.equal([7]);
  });
});

describe("the end of a membership", () => {
  const outcome = (ended: Promise<never>): Promise<string> => ended.catch((error: unknown) => failureOf(error).code);

  it("is told at once, and ends the start when the folder knows of the eviction", async () => {
    const { store } = storeOf();
    const ending = createEnding({ node: "a", cluster: "c1", home: keepHome(home, { store, log: quietLog }), log: quietLog }); // prettier-ignore
    const told: string[] = [];
    ending.onBegin(() => told.push("begun"));
    ending.begin("evicted");
    ending.begin("duplicate");
    expect([ending.why, told]).to.deep.equal(["evicted", ["begun"]]);
    expect(await outcome(ending.ended)).to.equal("NOT_A_PEER");
    expect(await readHome(store)).to.have.property("selfEvicted", true);
  });

  it("is not in the folder where another process runs as this node, nor held up by a disk that takes nothing", async () => {
    const part = storeOf();
    const make = () => createEnding({ node: "a", cluster: "c1", home: keepHome(home, { store: part.store, log: quietLog }), log: quietLog }); // prettier-ignore
    const duplicate = make();
    duplicate.begin("duplicate");
    expect(await outcome(duplicate.ended)).to.equal("DATA_FOLDER_IN_USE");
    expect(await readHome(part.store)).to.equal(undefined);
    part.refuses = true;
    const evicted = make();
    evicted.begin("evicted");
    expect(await outcome(evicted.ended)).to.equal("NOT_A_PEER");
  });
});
