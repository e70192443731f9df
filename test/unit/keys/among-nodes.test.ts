import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { escrowFile } from "../../../node/data-folder/index.ts";
import { createUses, openKeys, openKnownKeys } from "../../../node/keys/among-nodes.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import {
  anchorOf,
  rootKeysOf,
  rootWords,
  SealedStore,
  writeDiskKey,
  type ClusterKeys,
} from "../../../node/keys/index.ts";
import { diskKeyOf } from "../../../node/keys/disk-key.ts";
import { writeEscrow } from "../../../node/keys/escrow.ts";
import type { Directory } from "../../../node/ports/index.ts";
import { failure, refused, type AuditEvent, type Result, type Role } from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { RowStore } from "../storage/fixture.ts";

type Handler = (body: { receiver: Uint8Array }, from: string) => Promise<Result<unknown>>;

/** Nodes that can ask each other for keys, and a directory that all of them see. */
class Cluster {
  readonly #members: { node: string; name: string; roles: readonly Role[]; leaving?: true }[] = [];
  readonly #handlers = new Map<string, Handler>();
  readonly #directory: Directory;
  readonly #folder: string;
  asked = 0;
  readonly down = new Set<string>();
  /** What went to the audit and the admins. */
  readonly told: object[] = [];
  readonly written: AuditEvent[] = [];
  constructor(directory: Directory, folder: string) {
    this.#directory = directory;
    this.#folder = folder;
  }

  /** Asks a node for its keys, whoever asks. */
  ask(to: string, from: string): Promise<Result<unknown>> {
    return this.#handlers.get(`${to} keys.fetch`)!(
      { receiver: rootKeysOf(Buffer.alloc(32, 2)).recipient.publicKey },
      from,
    );
  }

  node(node: string, roles: readonly Role[], leaving?: true): ClusterKeys {
    this.#members.push({ node, name: node, roles, ...(leaving && { leaving }) });
    const tell = (facts: object): void => void this.told.push(facts);
    const peer = {
      directory: this.#directory,
      membership: {
        members: () => ({ view: 1, members: this.#members }),
        isUp: (other: string) => !this.down.has(other),
      },
      exchange: {
        on: (name: string, handler: Handler) => void this.#handlers.set(`${node} ${name}`, handler),
        call: (to: string, name: string, body: { receiver: Uint8Array }) => {
          if (name === "keys.fetch") this.asked += 1;
          return this.#handlers.get(`${to} ${name}`)?.(body, node) ?? Promise.resolve(refused(failure("UNREACHABLE")));
        },
      },
    };
    const identity = { node, cluster: "c1", store: new SealedStore(new RowStore(), { state: "plain" }) };
    const machine = { log: quietLog, clock: { monotonicMs: () => 1 } };
    const at = { machine, identity, peer, tell } as never;
    const audit = { write: (event: AuditEvent) => Promise.resolve(void this.written.push(event)) };
    return openKeys(
      { name: node, keyFile: join(this.#folder, `${node}.key`), sealedFile: escrowFile(this.#folder) },
      Object.assign(at as object, { audit }) as never,
      openKnownKeys(at),
    );
  }
}

describe("the keys of backups between nodes", () => {
  let folder: string;
  let cluster: Cluster;
  let directory: Directory;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "plexus-keys-"));
    const embedded = createEmbeddedDirectory({ store: new RowStore() });
    await embedded.opened();
    directory = embedded;
    cluster = new Cluster(directory, folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const makeKit = async (keys: ClusterKeys): Promise<void> => {
    const root = rootKeysOf(Buffer.alloc(32, 1));
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
    const to = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };
    const begun = await keys.beginKit(to);
    if (!begun.ok) throw new Error(begun.error.code);
    const anchor = anchorOf("c1", begun.value.at(-1)!, root);
    const sheet = { verifyKey: text(root.signer.verifyKey), needed: 2, digests: ["a", "b"], madeAtMs: 1, anchor };
    expect((await keys.confirmKit({ ...to, ...sheet })).ok).to.equal(true);
  };
  it("leave an entry in the audit of who opened them, gave them and took them; and of whom they were not given to", async () => {
    const one = cluster.node("n1", ["manager"]);
    await makeKit(one);
    const two = cluster.node("n2", ["chat"]);
    expect((await two.backupKeys()).ok).to.equal(true);
    for (let again = 0; again < 3; again += 1) await two.backupKeys();
    cluster.node("n3", ["storage"]);
    await cluster.ask("n1", "n3");
    const said = cluster.written.map(({ action, by, target, outcome, facts }) => [action, by, target, outcome, facts]);
    expect(said).to.deep.equal([
      ["giveKeys", "node/n1", "node/n2", "done", { epochs: "1" }],
      ["takeKeys", "node/n2", "node/n1", "done", { keys: 1 }],
      ["openKeys", "node/n2", undefined, "done", { epoch: 1, uses: 1 }],
      ["giveKeys", "node/n1", "node/n3", "FORBIDDEN", {}],
    ]);
  });

  it("are where a node is told that lacks them: who has them, and whom to start", async () => {
    await makeKit(cluster.node("n1", ["manager"]));
    cluster.node("n2", ["chat", "gateway"]);
    const lacking = cluster.node("n3", ["storage", "gateway"]);
    const says = async (): Promise<unknown> => {
      const opened = await lacking.backupKeys();
      return opened.ok ? "it has them" : [opened.error.code, opened.error.details?.["hint"]];
    };
    const have = "Only nodes with the role manager or chat keep keys: type this at";
    expect(await says()).to.deep.equal(["KEY_MISSING", `${have} n1 or n2.`]);
    cluster.down.add("n1");
    expect(await says()).to.deep.equal(["KEY_MISSING", `${have} n2.`]);
    cluster.down.add("n2");
    const kit = "With shares of the recovery kit, at a node with the role manager or chat: plexus backup kit restore.";
    const down = "n1 and n2 are down and may have what is lacking: start n1 or n2 again.";
    expect(await says()).to.deep.equal(["KEY_MISSING", `${down} ${kit}`]);
  });

  it("are not said to be where a node has asked for them in vain", async () => {
    await makeKit(cluster.node("n1", ["manager"]));
    cluster.down.add("n1");
    cluster.node("n2", ["chat"]);
    const lacking = cluster.node("n3", ["chat"]);
    const { elsewhere } = await lacking.status();
    const kit = "With shares of the recovery kit: plexus backup kit restore.";
    expect(elsewhere).to.equal(`n1 is down and may have what is lacking: start n1 again. ${kit}`);
    const opened = await lacking.backupKeys();
    expect(opened.ok ? opened : opened.error.details?.["hint"]).to.equal(elsewhere);
  });

  it("are counted, where they are opened often, and the number is told with the next entry", () => {
    let nowMs = 0;
    const used = createUses({ monotonicMs: () => nowMs }, 100);
    expect([used("epoch 1"), used("epoch 1"), used("epoch 2"), used("epoch 1")]).to.deep.equal([1, undefined, 1, undefined]); // prettier-ignore
    nowMs = 100;
    expect([used("epoch 1"), used("epoch 1")]).to.deep.equal([3, undefined]);
    for (let epoch = 3; epoch < 40; epoch += 1) used(`epoch ${epoch}`);
    expect(used("epoch 1"), "not kept for ever").to.equal(1);
  });

  it("are not sealed to a root that is not the one which other nodes know, and the admins hear of it", async () => {
    const one = cluster.node("n1", ["manager"]);
    await makeKit(one);
    const { root } = await one.status();
    const row = await directory.read("keys/root");
    const stranger = rootKeysOf(Buffer.alloc(32, 66));
    const first = (await one.status()).epochs[0]!;
    const forged = {
      ...root!,
      commitment: stranger.commitment,
      recoveryKey: Buffer.from(stranger.recipient.publicKey).toString("base64url"),
      verifyKey: Buffer.from(stranger.signer.verifyKey).toString("base64url"),
      anchor: anchorOf("c1", first, stranger),
    };
    await directory.compareAndSet("keys/root", forged, row!.revision);
    // It knows no root yet, and asks who does.
    const two = cluster.node("n2", ["chat"]);
    const status = await two.status();
    expect([status.root, status.refused?.reason]).to.deep.equal([undefined, "other nodes know another root"]);
    expect((await two.beginKit({ commitment: "x", recoveryKey: forged.recoveryKey })).ok).to.equal(false);
    expect(cluster.told[0]).to.deep.include({ reason: "other nodes know another root" });
    expect((await one.status()).root!.commitment).to.equal(root!.commitment);
    expect((await one.backupKeys()).ok).to.equal(true);
    // Its operator compares the words with those on the shares.
    expect((await two.trust(rootWords("c1", root!))).ok).to.equal(false);
    expect((await one.trust(rootWords("c1", root!))).ok).to.equal(true);
    expect((await two.status()).root!.commitment).to.equal(root!.commitment);
  });

  it("wait for another node that can be asked which root it knows, and tell nobody of that", async () => {
    const one = cluster.node("n1", ["manager"]);
    await makeKit(one);
    const two = cluster.node("n2", ["chat"]);
    cluster.down.add("n1");
    const status = await two.status();
    expect([status.root, status.refused?.reason]).to.deep.equal([
      undefined,
      "no other node with keys could be asked yet which root it knows",
    ]);
    const refused = await two.backupKeys();
    expect(refused.ok ? "ok" : refused.error.code).to.equal("ROOT_UNVOUCHED");
    expect(cluster.told).to.deep.equal([]);
    cluster.down.delete("n1");
    expect((await two.backupKeys()).ok).to.equal(true);
    // From then on it knows.
    cluster.down.add("n1");
    expect((await two.status()).root).not.to.equal(undefined);
  });

  const hereOf = async (keys: ClusterKeys): Promise<readonly number[]> => (await keys.status()).here;

  it("come to a manager and a chat node when they need them, also after a rotation, and are asked for no more then", async () => {
    const one = cluster.node("n1", ["manager"]);
    await makeKit(one);
    const two = cluster.node("n2", ["chat", "storage"]);
    expect(await hereOf(two)).to.deep.equal([1]);
    expect((await two.rotate({ compromised: false })).ok).to.equal(true);
    expect((await one.backupKeys()).ok).to.equal(true);
    expect(await hereOf(one)).to.deep.equal([1, 2]);
    const { asked } = cluster;
    await Promise.all([one.status(), two.status()]);
    expect(cluster.asked).to.equal(asked);
  });

  it("never get a new disk key where the old one is only somewhere else, and say how it comes back", async () => {
    const one = cluster.node("n1", ["manager"]);
    await makeKit(one);
    const file = join(folder, "n2.key");
    const key = diskKeyOf(Buffer.alloc(32, 4));
    const root = {
      commitment: "r",
      recoveryKey: Buffer.from(rootKeysOf(Buffer.alloc(32, 1)).recipient.publicKey).toString("base64url"),
    };
    await writeEscrow(escrowFile(folder), { cluster: "c1", node: "n2" }, key, root);
    const two = cluster.node("n2", ["manager"]);
    expect(await hereOf(two)).to.deep.equal([]);
    const refused = await two.rotate({ compromised: false });
    expect(refused.ok ? "ok" : refused.error.code).to.equal("KEY_MISSING");
    expect(existsSync(file)).to.equal(false);
    await writeDiskKey(file, key.bytes);
    expect(await hereOf(two)).to.deep.equal([1]);
  });

  it("never come to a node that keeps shards alone, or that is leaving", async () => {
    await makeKit(cluster.node("n1", ["manager"]));
    for (const other of [cluster.node("n2", ["storage"]), cluster.node("n3", ["manager"], true)])
      expect(await hereOf(other)).to.deep.equal([]);
    // Also where it asks all the same.
    cluster.node("n4", ["storage", "ai"]);
    const { ok } = await cluster.ask("n1", "n4");
    expect(ok).to.equal(false);
    expect((await cluster.ask("n1", "n9")).ok).to.equal(false);
  });
});
