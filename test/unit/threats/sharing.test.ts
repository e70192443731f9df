import { createHash } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import type { Membership } from "../../../node/ports/index.ts";
import { threatLimits } from "../../../node/threats/limits.ts";
import { mostHad, packed } from "../../../node/threats/sharing.ts";
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
  /** What nodes read for themselves, by node and source. */
  readonly own = new Map<string, string>();
  readonly gone = new Set<string>();
  lists: readonly string[] = [url];
  /** What was asked, and what gets no answer: the node and the message. */
  readonly calls: string[] = [];
  readonly silent = new Set<string>();
  readonly warnings: string[] = [];
  readonly #handlers = new Map<string, Map<string, (body: unknown) => unknown>>();
  readonly #listeners: (() => void)[] = [];
  readonly #memberListeners: (() => void)[] = [];

  change(...lists: readonly string[]): void {
    this.lists = lists;
    for (const listener of this.#listeners) listener();
  }

  ask(name: string, message: string): Result<unknown> {
    return this.#handlers.get(name)?.get(message)?.({}) as Result<unknown>;
  }

  /** The membership of this moment. */
  changeMembers(): void {
    for (const listener of this.#memberListeners) listener();
  }

  start(
    name: string,
    text: string | undefined,
    sources: readonly string[] = [],
    limits: { readonly othersEntriesMax?: number } = {},
  ): Threats {
    this.texts.set(name, text);
    const handlers = new Map<string, (body: unknown) => unknown>();
    this.#handlers.set(name, handlers);
    const exchange = {
      on: (message: string, handler: (body: unknown) => unknown) => void handlers.set(message, handler),
      call: (to: string, message: string, body: unknown): Promise<Result<unknown>> => {
        this.calls.push(`${to} ${message}`);
        const isSilent = this.down.has(to) || this.silent.has(`${to} ${message}`);
        const handler = isSilent ? undefined : this.#handlers.get(to)?.get(message);
        return Promise.resolve(
          handler === undefined ? refused(failure("UNREACHABLE", { node: to })) : (handler(body) as Result<unknown>),
        );
      },
    } as unknown as Exchange;
    const membership = {
      self: name,
      members: () => ({
        view: 1,
        members: names.filter((node) => !this.gone.has(node)).map((node) => ({ node, name: `node-${node}` })),
      }),
      isUp: (node: string) => !this.down.has(node),
      onChange: (listener: () => void) => {
        this.#memberListeners.push(listener);
        return () => undefined;
      },
    } as unknown as Membership;
    const shared = shareLists({
      exchange,
      membership,
      lists: () => this.lists,
      onChange: (listener) => void this.#listeners.push(listener),
    });
    const read = (source: string): Promise<string> => {
      const there = source === url ? this.texts.get(name) : this.own.get(`${name} ${source}`);
      return there === undefined ? Promise.reject(new Error("no way there")) : Promise.resolve(there);
    };
    const log = { ...quietLog, warn: (what: string) => void this.warnings.push(`${name} ${what}`) };
    return watchThreats({ sources, shared, read, clock: this.clock, log, meter: quietMeter, limits });
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

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

describe("threats: lists that one node reads for itself", () => {
  let nodes: Nodes;
  beforeEach(() => {
    nodes = new Nodes();
    nodes.lists = [];
  });
  const file = "/etc/plexus/blocked.txt";

  it("bind every node by their names and digests, and by no address and no exception", async () => {
    nodes.own.set(`a ${file}`, ["192.0.2.7", "!198.51.100.1", "bad.example", digestOf("harmful")].join("\n"));
    nodes.own.set(`b ${file}`, "198.51.100.0/24");
    const reader = nodes.start("a", undefined, [file]);
    await reader.first;
    const other = nodes.start("b", undefined, [file]);
    await other.first;
    expect([other.hasDomain("www.bad.example"), other.hasFile(digestOf("harmful"))]).to.deep.equal([true, true]);
    expect(other.fileSorts()).to.deep.equal(["sha256"]);
    expect([reader.isBlocked("192.0.2.7"), other.isBlocked("192.0.2.7")]).to.deep.equal([true, false]);
    expect(other.isBlocked("198.51.100.1")).to.equal(true);
    expect(other.states().find((one) => one.of !== undefined)).to.include({ of: "node-a", entries: 2 });
  });

  it("are asked for again when their node comes up, and nothing that is pending is taken for unlisted", async () => {
    for (const name of ["c", "d"]) nodes.gone.add(name);
    nodes.own.set(`a ${file}`, digestOf("harmful"));
    nodes.down.add("a");
    await nodes.start("a", undefined, [file]).first;
    const other = nodes.start("b", undefined);
    expect(other.isPending()).to.equal(true);
    await other.first;
    expect([other.isPending(), other.hasFile(digestOf("harmful"))]).to.deep.equal([true, false]);
    // It is up, and does not answer.
    nodes.down.delete("a");
    nodes.silent.add("a threats.own");
    await other.reload();
    expect(other.isPending()).to.equal(true);
    nodes.silent.clear();
    const heard = new Promise<void>((resolve) => other.onChange(resolve));
    nodes.changeMembers();
    await heard;
    await other.reload();
    expect([other.isPending(), other.hasFile(digestOf("harmful"))]).to.deep.equal([false, true]);
  });

  it("are waited for while their node has not read them, and not for ever", async () => {
    for (const name of ["c", "d"]) nodes.gone.add(name);
    nodes.own.set(`a ${file}`, digestOf("harmful"));
    const reader = nodes.start("a", undefined, [file]);
    const other = nodes.start("b", undefined);
    await other.first;
    expect([other.isPending(), other.hasFile(digestOf("harmful"))]).to.deep.equal([true, false]);
    await reader.first;
    await other.reload();
    expect([other.isPending(), other.hasFile(digestOf("harmful"))]).to.deep.equal([false, true]);
    nodes.down.add("a");
    const third = nodes.start("b", undefined);
    await third.first;
    nodes.clock.advance(threatLimits.othersWaitMs - 1);
    expect(third.isPending()).to.equal(true);
    nodes.clock.advance(1);
    expect(third.isPending()).to.equal(false);
  });

  const listOf = (...names: readonly string[]): string => names.map(digestOf).join("\n");
  const range = (from: number, count: number) => Array.from({ length: count }, (_, at) => `text ${from + at}`);

  it("that do not fit hold back no other list of their node, and take its place no more", async () => {
    const long = "/etc/plexus/long.txt";
    nodes.own.set(`a ${file}`, listOf("one", "two"));
    nodes.own.set(`a ${long}`, listOf(...range(0, 10)));
    const reader = nodes.start("a", undefined, [file, long]);
    await reader.first;
    const other = nodes.start("b", undefined, [], { othersEntriesMax: 8 });
    await other.first;
    expect([other.hasFile(digestOf("one")), other.hasFile(digestOf("text 0"))]).to.deep.equal([true, false]);
    // As many as it had would be too many beside them.
    nodes.own.set(`a ${file}`, listOf("two", ...range(20, 6)));
    await reader.reload();
    await other.reload();
    expect(["one", "two", "text 20"].map((text) => other.hasFile(digestOf(text)))).to.deep.equal([false, true, true]);
    nodes.own.set(`a ${file}`, "");
    await reader.reload();
    await other.reload();
    expect(other.hasFile(digestOf("two"))).to.equal(false);
  });

  it("stay in force while the text that may have replaced them does not come", async () => {
    nodes.own.set(`a ${file}`, listOf("one"));
    const reader = nodes.start("a", undefined, [file]);
    await reader.first;
    const other = nodes.start("b", undefined);
    await other.first;
    nodes.own.set(`a ${file}`, listOf("two"));
    await reader.reload();
    nodes.silent.add("a threats.read");
    await other.reload();
    expect(["one", "two"].map((text) => other.hasFile(digestOf(text)))).to.deep.equal([true, false]);
    nodes.silent.clear();
    await other.reload();
    expect(["one", "two"].map((text) => other.hasFile(digestOf(text)))).to.deep.equal([false, true]);
  });

  it("are read again after a while and counted once; one that does not fit is not fetched in every round", async () => {
    const long = "/etc/plexus/long.txt";
    nodes.own.set(`a ${file}`, listOf(...range(0, 5)));
    nodes.own.set(`a ${long}`, listOf(...range(20, 6)));
    const reader = nodes.start("a", undefined, [file, long]);
    await reader.first;
    const other = nodes.start("b", undefined, [], { othersEntriesMax: 8 });
    const fetched = async (): Promise<number> => {
      nodes.calls.length = 0;
      await other.reload();
      return nodes.calls.filter((call) => call === "a threats.read").length;
    };
    await other.first;
    expect(await fetched()).to.equal(0);
    nodes.clock.ms += 10 * threatLimits.feedReloadMs;
    expect(await fetched()).to.equal(2);
    expect([await fetched(), other.hasFile(digestOf("text 0"))]).to.deep.equal([0, true]);
    expect(nodes.warnings).to.deep.equal(["b threats.others.full"]);
    // There is room for it now.
    nodes.own.set(`a ${file}`, listOf("one"));
    await reader.reload();
    expect(await fetched()).to.equal(2);
    expect(["one", "text 20"].map((text) => other.hasFile(digestOf(text)))).to.deep.equal([true, true]);
  });

  it("are packed only for others, beside other work, and no further than to their bound", async () => {
    for (const name of ["b", "c", "d"]) nodes.gone.add(name);
    nodes.own.set(`a ${file}`, listOf("harmful"));
    const reader = nodes.start("a", undefined, [file]);
    await reader.first;
    const own = () => nodes.ask("a", "threats.own");
    expect(own().ok).to.equal(false);
    nodes.gone.delete("b");
    nodes.changeMembers();
    await reader.reload();
    expect(own().ok).to.equal(true);
    const text = listOf(...range(0, 30_000));
    let turns = 0;
    setImmediate(() => (turns += 1));
    expect((await packed(text))?.length).to.be.above(500_000);
    expect(turns).to.equal(1);
    expect(await packed(text, 100_000)).to.equal(undefined);
  });

  it("say at each node what the members last said there, over random histories", async () => {
    const node = fc.constantFrom(...names);
    const digests = fc.uniqueArray(fc.constantFrom("w", "x", "y", "z"));
    const step = fc.oneof(
      fc.record({ type: fc.constant("list" as const), node, digests }),
      fc.record({ type: fc.constantFrom("down" as const, "up" as const, "leave" as const, "ask" as const), node }),
    ); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 24 }), async (steps) => {
        nodes = new Nodes();
        nodes.lists = [];
        const lists = new Map<string, readonly string[]>(names.map((name) => [name, []]));
        for (const name of names) nodes.own.set(`${name} ${file}`, "");
        const all = names.map((name) => nodes.start(name, undefined, [file]));
        await Promise.all(all.map(({ first }) => first));
        const here = all[0]!;
        /** What this node heard last of each other one. */
        const heard = new Map<string, readonly string[]>();
        for (const one of steps) {
          if (one.type === "list") {
            lists.set(one.node, one.digests);
            nodes.own.set(`${one.node} ${file}`, one.digests.map(digestOf).join("\n"));
            await all[names.indexOf(one.node)]!.reload();
          } else if (one.node !== "a" && one.type === "down") nodes.down.add(one.node);
          else if (one.type === "up") nodes.down.delete(one.node);
          else if (one.node !== "a" && one.type === "leave") nodes.gone.add(one.node);
          await here.reload();
          for (const name of names) {
            if (nodes.gone.has(name)) heard.delete(name);
            else if (!nodes.down.has(name)) heard.set(name, lists.get(name) ?? []);
          }
          const wanted = new Set([...heard.values()].flat());
          for (const text of ["w", "x", "y", "z"])
            expect(here.hasFile(digestOf(text)), text).to.equal(wanted.has(text));
        }
        for (const threats of all) threats.stop();
      }),
      { numRuns: 60, seed: 258 },
    );
  });
});
