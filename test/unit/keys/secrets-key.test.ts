import { generateKeyPairSync, sign, verify, type KeyObject } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import {
  createSecrets,
  keepSecretsKey,
  recipientOf,
  type Secrets,
  type SecretsReceiver,
} from "../../../node/keys/index.ts";
import type { Directory } from "../../../node/ports/index.ts";
import { failureOf } from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { RowStore } from "../storage/fixture.ts";

const row = "keys/secrets";
const shareOf = (node: string) => `keys/secrets-for/${node}`;
const context = ["mail"];

/** A clock whose time is as long as the test wants. */
class Hand {
  now = 0;
  #due: { atMs: number; run: () => void }[] = [];
  readonly clock = {
    nowMs: () => this.now,
    monotonicMs: () => this.now,
    after: (ms: number, run: () => void) => {
      const one = { atMs: this.now + ms, run };
      this.#due.push(one);
      return () => void (this.#due = this.#due.filter((other) => other !== one));
    },
    soon: (run: () => void) => queueMicrotask(run),
  };
  async pass(ms: number): Promise<void> {
    const untilMs = this.now + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#due.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#due = this.#due.filter((one) => one !== next);
      this.now = Math.max(this.now, next.atMs);
      next.run();
    }
    this.now = untilMs;
  }
}

/** A cluster, as far as this key goes. */
class Cluster {
  readonly hand = new Hand();
  readonly directory: Directory;
  readonly up = new Set<string>();
  readonly #members: string[] = [];
  readonly #keys = new Map<string, { publicKey: KeyObject; privateKey: KeyObject }>();
  readonly #listeners = new Set<() => void>();
  readonly stops: (() => void)[] = [];
  /** A key was named that no row had a share of. */
  unshared = false;

  constructor() {
    const directory = createEmbeddedDirectory({ store: new RowStore() });
    this.directory = {
      read: (key) => directory.read(key),
      list: (prefix) => directory.list(prefix),
      watch: (prefix, watcher) => directory.watch(prefix, watcher),
      compareAndSet: async (key, value, revision) => {
        // Whoever names a key may die in the next moment: its share is there before.
        const id = key === row ? (value as { readonly id?: string }).id : undefined;
        const shares = id === undefined ? [] : await directory.list(shareOf(""));
        this.unshared ||= id !== undefined && !shares.some((one) => (one.value as { readonly id?: string }).id === id);
        return directory.compareAndSet(key, value, revision);
      },
    };
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Becomes a member, of a version that knows no shares unless it starts. */
  join(node: string): void {
    this.#members.push(node);
    this.up.add(node);
    this.#keys.set(node, generateKeyPairSync("ed25519"));
    this.changed();
  }

  start(node: string): Secrets {
    const receiver = async (): Promise<SecretsReceiver> => ({
      recipient: recipientOf(Buffer.alloc(32, node)),
      sign: (bytes) => sign(null, bytes, this.#keys.get(node)!.privateKey),
      isSigned: (by, bytes, signature) => {
        const key = this.#keys.get(by)?.publicKey;
        return key !== undefined && verify(null, bytes, key, signature);
      },
    });
    const key = keepSecretsKey({
      directory: this.directory,
      members: {
        self: node,
        members: () => this.#members,
        isUp: (other) => this.up.has(other),
        onChange: (listener) => (this.#listeners.add(listener), () => this.#listeners.delete(listener)),
      },
      receiver,
      clock: this.hand.clock,
      random: { bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)), next: () => 0.5 } as never,
      log: quietLog,
    });
    this.stops.push(() => key.stop());
    return createSecrets(key);
  }

  /** Joins as a node of this version does. */
  node(name: string): Secrets {
    this.join(name);
    return this.start(name);
  }

  leave(node: string): void {
    this.#members.splice(this.#members.indexOf(node), 1);
    this.up.delete(node);
    this.changed();
  }

  /** What time is needed for. */
  async settle<Value>(wait: Promise<Value>): Promise<Value | string> {
    const done = wait.catch((error: unknown) => failureOf(error).code);
    let isDone = false;
    void done.finally(() => (isDone = true));
    for (let round = 0; round < 200 && !isDone; round += 1) await this.hand.pass(250);
    return done;
  }

  async everything(): Promise<string> {
    return JSON.stringify(await this.directory.list(""));
  }
}

describe("the key of the cluster's secrets", () => {
  let cluster: Cluster;
  beforeEach(() => (cluster = new Cluster()));
  afterEach(() => {
    for (const stop of cluster.stops) stop();
  });

  it("is the same at all members in whatever order they come, start again and ask, and in no row as it is", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom("join", "seal", "restart", "down"), fc.nat(5)), {
          minLength: 4,
          maxLength: 14,
        }),
        async (steps) => {
          cluster = new Cluster();
          const nodes = new Map<string, Secrets>();
          const sealed: string[] = [];
          const asked: Promise<unknown>[] = [];
          nodes.set("n9", cluster.node("n9"));
          for (const [step, at] of steps) {
            const names = [...nodes.keys()];
            const name = names[at % names.length]!;
            // Several at once: time passes only now and then.
            if (at % 2 === 0) await cluster.hand.pass(300);
            if (step === "join") nodes.set(`n${nodes.size}`, cluster.node(`n${nodes.size}`));
            else if (step === "restart") nodes.set(name, cluster.start(name));
            else if (step === "down") {
              if (cluster.up.size > 1) cluster.up.delete(name);
              cluster.changed();
            } else
              asked.push(
                cluster.settle(
                  nodes
                    .get(name)!
                    .seal(`secret of ${name}`, context)
                    .then((one) => sealed.push(one)),
                ),
              );
          }
          await Promise.all(asked);
          for (const name of nodes.keys()) cluster.up.add(name);
          cluster.changed();
          await cluster.hand.pass(120_000);
          const last = await cluster.settle([...nodes.values()][0]!.seal("at the end", context));
          await cluster.hand.pass(120_000);
          for (const secrets of nodes.values())
            for (const one of [...sealed, last])
              expect(await cluster.settle(secrets.open(one, context))).to.match(/^secret of n\d$|^at the end$/);
          const all = await cluster.directory.list("keys/secrets");
          expect(all.find(({ key }) => key === row)?.value)
            .to.have.keys("key", "id")
            .and.to.have.property("key", "sealed");
          expect(cluster.unshared).to.equal(false);
          for (const stop of cluster.stops) stop();
        },
      ),
      { numRuns: 25 },
    ));

  it("is one, though several need the first at the same moment", async () => {
    const nodes = ["a", "b", "c"].map((name) => cluster.node(name));
    const sealed = await Promise.all(nodes.map((secrets) => cluster.settle(secrets.seal("x", context))));
    for (const secrets of nodes)
      for (const one of sealed) expect(await cluster.settle(secrets.open(one, context))).to.equal("x");
  });

  it("is passed on as soon as a member asks, also where the members before it in the order do not have it", async () => {
    const first = cluster.node("z");
    const sealed = await cluster.settle(first.seal("x", context));
    for (const name of ["a", "b", "y"]) {
      cluster.join(name);
      await cluster.hand.pass(2_500);
      expect(await cluster.settle(cluster.start(name).open(sealed, context)), name).to.equal("x");
    }
  });

  it("of a version before is used as it is, and sealed once every member has a share of it", async () => {
    const plain = Buffer.alloc(32, 5).toString("base64url");
    await cluster.directory.compareAndSet(row, { key: plain }, 0);
    const first = cluster.node("a");
    cluster.join("old");
    const sealed = await cluster.settle(first.seal("x", context));
    await cluster.hand.pass(100_000);
    expect((await cluster.directory.read(row))?.value).to.deep.equal({ key: plain });
    const second = cluster.start("old");
    await cluster.hand.pass(100_000);
    expect((await cluster.directory.read(row))?.value).to.have.property("key", "sealed");
    expect(await cluster.everything()).not.to.include(plain);
    for (const secrets of [first, second, cluster.start("a"), cluster.start("old")])
      expect(await cluster.settle(secrets.open(sealed, context))).to.equal("x");
  });

  it("goes to nobody whose receiver no member has signed", async () => {
    const first = cluster.node("a");
    cluster.node("b");
    await cluster.settle(first.seal("x", context));
    await cluster.hand.pass(10_000);
    const { value } = (await cluster.directory.read(shareOf("b")))!;
    cluster.join("thief");
    // A key of one's own under a member's name, and another's signature.
    const receiver = Buffer.from(recipientOf(Buffer.alloc(32, 66)).publicKey).toString("base64url");
    const { signature } = value as { signature: string };
    await cluster.directory.compareAndSet(shareOf("thief"), { receiver, signature }, 0);
    await cluster.hand.pass(100_000);
    expect((await cluster.directory.read(shareOf("thief")))?.value).to.deep.equal({ receiver, signature });
  });

  it("is missing at a node that nobody has given it, with what to do; the share of who left goes", async () => {
    const first = cluster.node("a");
    const sealed = await cluster.settle(first.seal("x", context));
    for (const stop of cluster.stops) stop();
    cluster.up.delete("a");
    const second = cluster.node("b");
    expect(await cluster.settle(second.open(sealed, context))).to.equal("KEY_MISSING");
    cluster.up.add("a");
    const again = cluster.start("a");
    expect(await cluster.settle(again.open(sealed, context))).to.equal("x");
    await cluster.hand.pass(100_000);
    expect(await cluster.settle(second.open(sealed, context))).to.equal("x");
    cluster.leave("a");
    await cluster.hand.pass(100_000);
    expect(await cluster.directory.read(shareOf("a"))).to.equal(undefined);
  });

  it("that is none is refused, and no other is put in its place", async () => {
    await cluster.directory.compareAndSet(row, { key: "short" }, 0);
    expect(await cluster.settle(cluster.node("a").seal("x", context))).to.equal("KEY_REFUSED");
    expect((await cluster.directory.read(row))?.value).to.deep.equal({ key: "short" });
  });
});
