import { createHash } from "node:crypto";
import { expect } from "chai";
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import type { Membership } from "../../../node/ports/index.ts";
import { mostHad } from "../../../node/threats/sharing.ts";
import { shareLists, watchThreats, type Threats } from "../../../node/threats/index.ts";
import { failure, refused, type Result } from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { TestClock } from "../audit/fixture.ts";

const url = "https://lists.example/drop";
const names = ["a", "b", "c", "d"];

/** Nodes that read lists, each with what is at the URL for it; undefined: it cannot reach it. */
class Nodes {
  readonly clock = new TestClock();
  readonly texts = new Map<string, string | undefined>();
  readonly down = new Set<string>();
  lists: readonly string[] = [url];
  readonly #handlers = new Map<string, Map<string, (body: unknown) => unknown>>();
  readonly #listeners: (() => void)[] = [];

  change(...lists: readonly string[]): void {
    this.lists = lists;
    for (const listener of this.#listeners) listener();
  }

  start(name: string, text: string | undefined): Threats {
    this.texts.set(name, text);
    const handlers = new Map<string, (body: unknown) => unknown>();
    this.#handlers.set(name, handlers);
    const exchange = {
      on: (message: string, handler: (body: unknown) => unknown) => void handlers.set(message, handler),
      call: (to: string, message: string, body: unknown): Promise<Result<unknown>> => {
        const handler = this.down.has(to) ? undefined : this.#handlers.get(to)?.get(message);
        return Promise.resolve(
          handler === undefined ? refused(failure("UNREACHABLE", { node: to })) : (handler(body) as Result<unknown>),
        );
      },
    } as unknown as Exchange;
    const membership = {
      self: name,
      members: () => ({ view: 1, members: names.map((node) => ({ node, name: `node-${node}` })) }),
      isUp: () => true,
    } as unknown as Membership;
    const shared = shareLists({
      exchange,
      membership,
      lists: () => this.lists,
      onChange: (listener) => void this.#listeners.push(listener),
    });
    const read = (): Promise<string> => {
      const there = this.texts.get(name);
      return there === undefined ? Promise.reject(new Error("no way there")) : Promise.resolve(there);
    };
    return watchThreats({ sources: [], shared, read, clock: this.clock, log: quietLog, meter: quietMeter });
  }
}

describe("threats: lists of the cluster", () => {
  let nodes: Nodes;
  beforeEach(() => {
    nodes = new Nodes();
  });

  it("reach a node that cannot read them where they lie, addresses, names and digests alike", async () => {
    const digest = "ab".repeat(32);
    // More than one piece: digests do not get smaller.
    const others = Array.from({ length: 10_000 }, (_, at) => createHash("sha256").update(String(at)).digest("hex"));
    const far = ["192.0.2.7", "bad.example", digest, ...others].join("\n");
    const reader = nodes.start("a", far);
    await reader.first;
    const other = nodes.start("b", undefined);
    await other.first;
    expect([other.isBlocked("192.0.2.7"), other.hasDomain("www.bad.example"), other.hasFile(digest)]).to.deep.equal([
      true,
      true,
      true,
    ]);
    expect(other.states()[0]).to.include({ source: url, from: "node-a", entries: 10_003 });
    expect(other.states()[0]?.digest).to.equal(reader.states()[0]?.digest);
  });

  it("are taken as most members have read them, and never from one that did not read them itself", async () => {
    for (const [name, text] of [["a", "192.0.2.1"], ["b", "192.0.2.2"], ["c", "192.0.2.2"]] as const) await nodes.start(name, text).first; // prettier-ignore
    const other = nodes.start("d", undefined);
    await other.first;
    expect([other.isBlocked("192.0.2.1"), other.isBlocked("192.0.2.2")]).to.deep.equal([false, true]);
    for (const name of ["a", "b", "c"]) nodes.down.add(name);
    const last = nodes.start("a", undefined);
    await last.first;
    expect(last.states()[0]?.failed).to.match(/no way there/);
  });

  it("count no more once they are removed, and stay in force while nobody can read them", async () => {
    const reader = nodes.start("a", "192.0.2.7");
    await reader.first;
    nodes.texts.set("a", undefined);
    await reader.reload();
    expect([reader.isBlocked("192.0.2.7"), reader.states()[0]?.failed]).to.deep.equal([true, "no way there"]);
    nodes.change();
    await reader.reload();
    expect(reader.isBlocked("192.0.2.7")).to.equal(false);
  });

  it("are chosen alike by all who ask", () => {
    const of = (...digests: readonly string[]) => mostHad(digests.map((digest) => ({ digest })));
    expect([of("b", "a", "b"), of("b", "a"), of("a", "b"), of()]).to.deep.equal(["b", "a", "a", undefined]);
  });
});
