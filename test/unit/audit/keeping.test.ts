import { expect } from "chai";
import { keepersOf, type Audit } from "../../../node/audit/index.ts";
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import type { MemberRecord, Membership } from "../../../node/ports/index.ts";
import { failure, ok, refused, type AuditRecord, type AuditSink, type Result } from "../../../protocols/index.ts";
import { RowStore } from "../storage/fixture.ts";
import { event, idOf, openAudit, TestClock } from "./fixture.ts";

const member = (name: string, roles: MemberRecord["roles"] = ["manager"]): MemberRecord => ({
  node: idOf(name),
  name,
  peer: `peer-${name}`,
  addresses: [],
  roles,
  labels: {},
  models: [],
  gpu: false,
  weight: 1,
  version: "1",
  url: "",
  incarnation: 1,
  state: "active",
});

/** Nodes whose audits hear each other, each call a turn of the event loop. */
class Nodes {
  readonly clock = new TestClock();
  readonly names = ["a", "b", "c"];
  readonly down = new Set<string>();
  readonly stores = new Map(this.names.map((name) => [name, new RowStore()]));
  readonly audits = new Map<string, Audit>();
  readonly alarms: string[] = [];
  /** Where all of them send their audit, and what came: the node that sent it, and the entry. */
  sinks: readonly AuditSink[] = [];
  readonly sent: string[] = [];
  isReceiving = true;
  readonly #handlers = new Map<string, Map<string, (body: unknown, from: string) => unknown>>();
  #seed = 0;

  async start(name: string): Promise<Audit> {
    const store = this.stores.get(name) as RowStore;
    this.down.delete(name);
    const audit = await openAudit({ store, clock: this.clock }, name, (this.#seed += 31));
    const handlers = new Map<string, (body: unknown, from: string) => unknown>();
    this.#handlers.set(idOf(name), handlers);
    const reach = (to: string, message: string) =>
      this.names.some((one) => idOf(one) === to && !this.down.has(one))
        ? this.#handlers.get(to)?.get(message)
        : undefined;
    const exchange = {
      node: idOf(name),
      on: (message: string, handler: (body: unknown, from: string) => unknown) => void handlers.set(message, handler),
      send: (to: string, message: string, body: unknown) => {
        reach(to, message)?.(structuredClone(body), idOf(name));
        return true;
      },
      call: async (to: string, message: string, body: unknown): Promise<Result<unknown>> => {
        const handler = reach(to, message);
        if (handler === undefined) return refused(failure("UNREACHABLE", { node: to }));
        const answer = (await handler(structuredClone(body), idOf(name))) as Result<unknown>;
        return answer.ok ? ok(structuredClone(answer.value)) : answer;
      },
    } as unknown as Exchange;
    const membership: Membership = {
      self: idOf(name),
      members: () => ({ view: 1, members: this.names.map((one) => member(one)) }),
      isUp: (node) => this.names.some((one) => idOf(one) === node && !this.down.has(one)),
      isSlow: () => false,
      isStaying: () => true,
      onChange: () => () => undefined,
    };
    audit.join({
      exchange,
      membership,
      forked: (facts) => void this.alarms.push(`${name}: ${facts["reason"] ?? ""}`),
      push: {
        sinks: () => this.sinks,
        onChange: () => () => undefined,
        deliver: ({ body }) => {
          const lines = Buffer.from(body).toString().trimEnd().split("\n");
          for (const line of lines) this.sent.push(`${name} sends ${(JSON.parse(line) as AuditRecord).target ?? ""}`);
          return this.isReceiving ? Promise.resolve() : Promise.reject(new Error("away"));
        },
        secret: () => Promise.resolve(undefined),
        version: "1",
      },
    });
    this.audits.set(name, audit);
    return audit;
  }

  of(name: string): Audit {
    return this.audits.get(name) as Audit;
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 3; round += 1) {
      for (let at = 0; at < 400; at += 1) await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(30_000);
      for (let at = 0; at < 50; at += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async seen(name: string): Promise<readonly string[]> {
    const { entries } = await this.of(name).search({ action: "setRole", limit: 1_000 });
    return entries.map(({ by }) => by);
  }
}

describe("audit: copies at other nodes", () => {
  let nodes: Nodes;
  beforeEach(async () => {
    nodes = new Nodes();
    for (const name of nodes.names) await nodes.start(name);
  });

  it("are kept by the managers, and by others where managers are few", () => {
    const members = [member("d", ["chat"]), member("c"), member("b", ["chat"]), member("a", ["chat"])];
    expect(keepersOf(members, { few: 3, most: 7 })).to.deep.equal(["c", "a", "b"].map(idOf));
    const managers = Array.from({ length: 9 }, (_, at) => member(`m${at}`));
    expect(keepersOf([...members, ...managers], { few: 3, most: 7 }).length).to.equal(7);
    expect(keepersOf([{ ...member("a"), leaving: true }, member("b")], { few: 3, most: 7 })).to.deep.equal([idOf("b")]);
  });

  it("send what a node could not send before it was gone, from where its writer was, one keeper alone", async () => {
    nodes.sinks = [{ name: "siem", id: "00000000000000a1", url: "http://127.0.0.1:1/", format: "jsonl", sinceMs: 0 }];
    const write = (target: string) => nodes.of("a").write(event({ action: "setRole", target }));
    await write("role/early");
    await nodes.settle();
    expect(nodes.sent).to.include("a sends role/early");
    nodes.isReceiving = false;
    await write("role/late");
    await nodes.settle();
    nodes.down.add("a");
    await nodes.of("a").stop();
    nodes.isReceiving = true;
    nodes.sent.length = 0;
    for (let minutes = 0; minutes < 9; minutes += 1) await nodes.settle();
    for (let round = 0; round < 4; round += 1) {
      nodes.clock.advance(5 * 60_000);
      await nodes.settle();
    }
    expect(nodes.sent.filter((one) => one.includes("role/"))).to.deep.equal(["b sends role/late"]);
  });

  it("have every entry of every node, and outlive the node that wrote it", async () => {
    for (const name of nodes.names) await nodes.of(name).write(event({ action: "setRole", by: `user/at-${name}` }));
    await nodes.settle();
    for (const name of nodes.names)
      expect([...(await nodes.seen(name))].toSorted()).to.deep.equal(["user/at-a", "user/at-b", "user/at-c"]);
    nodes.down.add("a");
    await nodes.of("a").stop();
    expect(await nodes.seen("b")).to.include("user/at-a");
    expect((await nodes.of("b").search({})).unanswered).to.deep.equal(["a"]);
    expect(nodes.alarms).to.deep.equal([]);
  });

  it("find a node whose disk was set back; it begins another log, and nothing that others have is lost", async () => {
    const a = nodes.of("a");
    await a.write(event({ action: "setRole", by: "user/early" }));
    const old = new Map((nodes.stores.get("a") as RowStore).rows);
    await a.write(event({ action: "setRole", by: "user/late" }));
    await nodes.settle();
    await a.stop();
    nodes.stores.set("a", new RowStore(old));
    await nodes.start("a");
    await nodes.settle();
    await nodes.of("a").write(event({ action: "setRole", by: "user/again" }));
    await nodes.settle();
    expect(nodes.alarms.length, "both keepers say so, once").to.equal(2);
    for (const name of ["b", "c"]) {
      expect([...(await nodes.seen(name))].toSorted()).to.deep.equal(["user/again", "user/early", "user/late"]);
      expect((await nodes.of(name).search({ action: "auditForked", by: `node/${name}` })).entries.length).to.equal(1);
    }
  });

  it("are not shortened or changed by what a node says of its log", async () => {
    await nodes.of("a").write(event({ action: "setRole", by: "user/told" }));
    await nodes.settle();
    const store = nodes.stores.get("a") as RowStore;
    await nodes.of("a").stop();
    for (const key of store.rows.keys()) if (key.startsWith("audit/")) store.rows.delete(key);
    await nodes.start("a");
    await nodes.settle();
    expect(nodes.alarms.filter((alarm) => alarm.endsWith("it is gone")).length).to.equal(2);
    expect(await nodes.seen("b")).to.include("user/told");
  });
});
