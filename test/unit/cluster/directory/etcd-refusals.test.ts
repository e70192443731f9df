import { loadSync } from "@grpc/proto-loader";
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type GrpcObject,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { expect } from "chai";
import { createEtcdDirectory, directoryLimits } from "../../../../node/cluster/directory/index.ts";
import { describeNodes } from "../../../../cli/cluster/cluster-view.ts";
import { attempt } from "../../../../node/cluster/placement/attempt.ts";
import { failureOf, ok, type ClusterSummary } from "../../../../protocols/index.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { nodeRow, summaryOf } from "../../gateway/cluster-fixture.ts";
import { flowingWorld } from "../../../fixtures/flowing.ts";

interface Txn {
  readonly compare: readonly {
    readonly target: string;
    readonly result: string;
    readonly key: Buffer;
    readonly create_revision?: string;
    readonly mod_revision?: string;
  }[];
  readonly success: readonly Op[];
  readonly failure: readonly Op[];
}
interface Op {
  readonly request_range?: { readonly key: Buffer; readonly range_end: Buffer };
  readonly request_put?: { readonly key: Buffer; readonly value: Buffer };
}
type Reply = (error: object | null, answer?: object) => void;

/** A member of etcd by its own gRPC, which keeps rows, and takes none while its space is used up: in the words of etcd
 *  3.5. */
class FullEtcd {
  full = false;
  endpoint = "";
  #revision = 41;
  readonly #rows = new Map<string, { readonly key: Buffer; readonly value: Buffer; readonly mod_revision: number }>();
  readonly #server = new Server();

  async start(): Promise<void> {
    const definition = loadSync(`${import.meta.dirname}/../../../../node/cluster/directory/etcd.proto`, {
      keepCase: true,
      longs: String,
      enums: String,
      defaults: true,
      oneofs: true,
    });
    const { etcdserverpb } = loadPackageDefinition(definition) as { readonly etcdserverpb: GrpcObject };
    const service = (name: string) => (etcdserverpb[name] as ServiceClientConstructor).service;
    this.#server.addService(service("KV"), {
      Txn: (call: { request: Txn }, reply: Reply) => this.#txn(call.request, reply),
    });
    this.#server.addService(service("Maintenance"), {
      Status: (_call: unknown, reply: Reply) =>
        reply(null, {
          header: this.#header(),
          version: "3.5.16",
          errors: this.full ? ["memberID:10276657743932975437 alarm:NOSPACE "] : [],
        }),
    });
    this.#server.addService(service("Watch"), {
      Watch: (call: { on: (name: string, heard: () => void) => void; write: (answer: object) => void }) => {
        call.on("data", () => call.write({ header: this.#header(), events: [] }));
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    this.endpoint = `http://127.0.0.1:${port}`;
  }
  stop(): void {
    this.#server.forceShutdown();
  }

  #header = () => ({ cluster_id: "7", revision: String(this.#revision) });
  #txn({ compare, success, failure }: Txn, reply: Reply): void {
    const puts = [...success, ...failure].some((op) => op.request_put !== undefined);
    if (this.full && puts) return reply({ code: 8, details: "etcdserver: mvcc: database space exceeded" });
    const succeeded = compare.every(({ key, target, result, create_revision = "0", mod_revision = "0" }) => {
      const now = this.#rows.get(String(key))?.mod_revision ?? 0;
      const other = Number(target === "MOD" ? mod_revision : create_revision);
      return result === "GREATER" ? now > other : now === other;
    });
    const responses = (succeeded ? success : failure).map(({ request_range: range, request_put: put }) => {
      if (put !== undefined) this.#rows.set(String(put.key), { ...put, mod_revision: (this.#revision += 1) });
      const end = String(range?.range_end ?? "");
      const isIn = (key: string): boolean =>
        range !== undefined && (end === "" ? key === String(range.key) : key >= String(range.key) && key < end);
      const kvs = [...this.#rows].flatMap(([key, row]) => (isIn(key) ? [row] : []));
      return range === undefined ? {} : { response_range: { kvs, count: String(kvs.length) } };
    });
    reply(null, { header: this.#header(), succeeded, responses });
  }
}

describe("an etcd that has used up its space", () => {
  const clock = flowingWorld().clock();
  const etcd = new FullEtcd();
  before(() => etcd.start());
  after(() => etcd.stop());

  it("is told with its cause and three commands, though reads and watches go on, and no more once it takes changes again", async () => {
    const heard = new Map<string, () => void>();
    const said = (name: string) => new Promise<void>((resolve) => heard.set(name, resolve));
    const [refuses, accepts] = [said("directory.refuses"), said("directory.accepts")];
    const tell = (name: string): void => heard.get(name)?.();
    const directory = createEtcdDirectory({
      endpoints: [etcd.endpoint],
      prefix: "plexus/c1/",
      founding: true,
      clock,
      log: { ...quietLog, error: tell, info: tell },
      limits: { ...directoryLimits, checkMs: 1 },
    });
    try {
      await directory.opened();
      directory.watch("", { reset() {}, changed() {}, removed() {}, stale() {} });
      const { row } = await directory.compareAndSet("slot/1", { owner: "a" }, 0);
      expect(directory.refusal()).to.equal(undefined);

      etcd.full = true;
      // Nobody has to try a change for it: etcd itself is asked.
      await refuses;
      const { endpoint } = etcd;
      const because = `etcd has used up its space (alarm NOSPACE) and takes no change until you type: etcdctl --endpoints=${endpoint} compact --physical 43; etcdctl --endpoints=${endpoint} defrag && etcdctl --endpoints=${endpoint} alarm disarm`;
      expect(directory.refusal()).to.equal(because);
      expect(await directory.read("slot/1")).to.deep.equal(row);
      const refusal = await directory
        .compareAndSet("slot/1", { owner: "b" }, row?.revision ?? 0)
        .then(String, failureOf);
      expect(refusal).to.deep.include({
        code: "DIRECTORY_UNAVAILABLE",
        details: { because, asked: false, refuses: true },
      });
      const command = await attempt(directory, async (at) =>
        ok(await at.directory.compareAndSet("slot/1", {}, row?.revision ?? 0)),
      );
      expect(command)
        .to.have.property("error")
        .that.deep.includes({ code: "DIRECTORY_REFUSES", outcome: "not_started", details: { because } });

      etcd.full = false;
      await accepts;
      expect(directory.refusal()).to.equal(undefined);
      expect(await directory.compareAndSet("slot/1", { owner: "b" }, row?.revision ?? 0)).to.have.property(
        "applied",
        true,
      );
    } finally {
      directory.close();
    }
  });
});

describe("a directory that takes no change, in words", () => {
  it("is in the list of nodes with its cause", () => {
    const summary: ClusterSummary = summaryOf([nodeRow("a", { self: true })], {
      directory: { kind: "etcd", endpoints: ["http://e"] },
      directoryRefuses: { because: "etcd has used up its space" },
    });
    const text = describeNodes(summary, false);
    expect(text).to.include("Directory: etcd at http://e, which takes no change\n");
    expect(text).to.include("nothing fails over, joins or moves until it does. Why: etcd has used up its space");
  });

  for (const [state, what] of [
    ["takes no change", { directoryRefuses: { because: "it is full" } }],
    ["does not answer", { directoryAway: { because: "no answer" } }],
    ["is older than what it told", { directoryOlder: { slot: "chat/1" } }],
  ] as const)
    it(`advises no eviction and no roles while it ${state}, since both would be refused`, () => {
      const nodes = [nodeRow("a", { self: true, roles: ["manager"] }), nodeRow("b", { up: false, roles: ["chat"] })];
      const directory = { kind: "etcd", endpoints: ["http://e"] } as const;
      expect(describeNodes(summaryOf(nodes, { directory }), false))
        .to.include("plexus nodes evict")
        .and.include("plexus nodes roles");
      expect(describeNodes(summaryOf(nodes, { directory, ...what }), false))
        .to.include("Down: b. Start it again: until the directory takes changes, nobody takes over what it had")
        .and.not.match(/plexus nodes (?:evict|roles)/);
    });
});
