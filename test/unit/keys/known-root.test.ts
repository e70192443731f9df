import { expect } from "chai";
import {
  anchorOf,
  createClusterKeys,
  openEpoch,
  rootHash,
  rootKeysOf,
  rootWords,
  vouchFor,
  type ClusterKeys,
  type RootKeys,
} from "../../../node/keys/index.ts";
import { createEpoch } from "../../../node/keys/epochs.ts";
import { diskKeyOf } from "../../../node/keys/disk-key.ts";
import { openKnownRoot } from "../../../node/keys/cluster-keys.ts";
import { type Refused } from "../../../node/keys/known-root.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import type { Directory } from "../../../node/ports/index.ts";
import { failureOf, type KeysStatus, type Result } from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { RowStore } from "../storage/fixture.ts";

type Root = NonNullable<KeysStatus["root"]>;
const cluster = "c1";
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.error.code);
const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
};
const keysOf = (seed: number): RootKeys => rootKeysOf(Buffer.alloc(32, seed));
const disk = diskKeyOf(Buffer.alloc(32, 7));

/** A root as its kit's maker says it. */
const rootOf = (keys: RootKeys, anchor: Root["anchor"]): Root => ({
  commitment: keys.commitment,
  recoveryKey: text(keys.recipient.publicKey),
  verifyKey: text(keys.signer.verifyKey),
  needed: 2,
  digests: ["a", "b"],
  madeAtMs: 1,
  anchor,
});

async function makeKit(keys: ClusterKeys, root: RootKeys, by: { former?: RootKeys; lost?: true } = {}) {
  const { root: before } = await keys.status();
  const to = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };
  const records = valueOf(await keys.beginKit(to));
  const made = rootOf(root, anchorOf(cluster, records.at(-1)!, root));
  const voucher = before && by.former && vouchFor(cluster, { by: before, to: made }, by.former);
  return keys.confirmKit(made, { voucher, lost: by.lost });
}

describe("a root that a member puts into the directory", () => {
  let directory: Directory;
  let nowMs = 1;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => undefined, soon: () => undefined };
  const mine = keysOf(1);
  const strangers = keysOf(66);

  class Node {
    readonly store: RowStore;
    readonly refusals: Refused[] = [];
    readonly keys: ClusterKeys;
    constructor(store = new RowStore()) {
      this.store = store;
      const told = (what: Refused): void => void this.refusals.push(what);
      const known = openKnownRoot({ cluster, directory, store, log: quietLog, refused: told });
      const diskKey = { read: async () => disk, make: async () => disk };
      this.keys = createClusterKeys({ cluster, directory, store, diskKey, clock, log: quietLog, known });
    }
    again = (): Node => new Node(this.store);
  }
  /** What any member can do where nobody stops it. */
  const write = async (key: string, value: unknown): Promise<void> => {
    const row = await directory.read(key);
    expect((await directory.compareAndSet(key, value, row?.revision ?? 0)).applied).to.equal(true);
  };
  const seenBy = async ({ keys }: Node) => {
    const { root, refused } = await keys.status();
    return [root?.commitment, refused !== undefined];
  };
  let maker: Node;
  let other: Node;
  let root: Root;

  beforeEach(async () => {
    const embedded = createEmbeddedDirectory({ store: new RowStore() });
    await embedded.opened();
    directory = embedded;
    nowMs = 1;
    [maker, other] = [new Node(), new Node()];
    root = valueOf(await makeKit(maker.keys, mine)).root!;
    await other.keys.take(await maker.keys.sealFor(other.keys.receiver));
    expect(await seenBy(other)).to.deep.equal([mine.commitment, false]);
  });

  const forgeries = async (): Promise<Record<string, unknown>> => {
    const { epochs } = await maker.keys.status();
    const anchor = anchorOf(cluster, epochs[0]!, strangers);
    const whole = rootOf(strangers, anchor);
    return {
      "a whole root of its own": whole,
      "its own recovery key under the cluster's commitment": { ...root, recoveryKey: whole.recoveryKey },
      "its own verify key": { ...root, verifyKey: whole.verifyKey, anchor },
      "other shares": { ...root, digests: ["c", "d"] },
      nonsense: { ...root, anchor: 7 },
      "no object": "root",
    };
  };

  it("is refused by each node that knows the cluster's, which goes on with that one, also after a restart, and tells it once", async () => {
    for (const [name, forged] of Object.entries(await forgeries())) {
      await write("keys/root", forged);
      for (const node of [maker.again(), other.again()]) {
        for (let look = 0; look < 3; look += 1) expect(await seenBy(node), name).to.deep.equal([mine.commitment, true]);
        expect(node.refusals, name).to.have.length(1);
        const keys = valueOf(await node.keys.backupKeys());
        await keys.ensure(["user/ada"]);
      }
      await write("keys/root", root);
      expect(await seenBy(other), name).to.deep.equal([mine.commitment, false]);
    }
  });

  it("gets no key of an epoch that is begun while it is there", async () => {
    await write("keys/root", (await forgeries())["a whole root of its own"]);
    const { epochs } = valueOf(await other.keys.rotate({ compromised: false }));
    expect(epochs).to.have.length(2);
    for (const record of epochs) {
      expect(openEpoch(cluster, record, strangers).ok).to.equal(false);
      expect(openEpoch(cluster, record, mine).ok).to.equal(true);
    }
  });

  it("does not count by a voucher that it signed itself, that belongs to another root, or that was for the root before", async () => {
    const { epochs } = await maker.keys.status();
    const forged = rootOf(strangers, anchorOf(cluster, epochs[0]!, strangers));
    const place = `keys/vouched/${rootHash(cluster, forged)}`;
    const by = rootHash(cluster, root);
    const self = vouchFor(cluster, { by: root, to: forged }, strangers);
    const second = keysOf(2);
    valueOf(await makeKit(maker.keys, second, { former: mine }));
    expect(await seenBy(other)).to.deep.equal([second.commitment, false]);
    const now = (await other.keys.status()).root!;
    const good = (await directory.read(`keys/vouched/${rootHash(cluster, now)}`))!.value as { signature: string };
    await write("keys/root", forged);
    for (const voucher of [
      { by, root: forged, signature: self },
      { by: rootHash(cluster, now), root: forged, signature: vouchFor(cluster, { by: now, to: forged }, strangers) },
      { by, root: forged, signature: good.signature },
      { by: rootHash(cluster, forged), root: forged, signature: self },
      { by, root: now, signature: good.signature },
      7,
    ]) {
      await write(place, voucher);
      expect(await seenBy(other)).to.deep.equal([second.commitment, true]);
    }
    // The one before, whose shares may be in anybody's hands.
    await write("keys/root", root);
    expect(await seenBy(other)).to.deep.equal([second.commitment, true]);
  });

  it("does not count because the cluster's is gone", async () => {
    const row = await directory.read("keys/root");
    await directory.compareAndSet("keys/root", undefined, row!.revision);
    expect(await seenBy(other)).to.deep.equal([mine.commitment, true]);
    const stranger = new Node();
    expect(codeOf(await makeKit(stranger.keys, strangers))).to.equal("ok");
    for (const node of [maker, other]) expect(await seenBy(node)).to.deep.equal([mine.commitment, true]);
    // What the stranger has done to the epochs is shown as such, and nothing is sealed with them.
    expect(codeOf(await other.keys.backupKeys())).to.equal("KEY_REFUSED");
  });

  it("does not count over an older state of the epochs, whose keys others may have", async () => {
    valueOf(await maker.keys.rotate({ compromised: false }));
    expect((await other.keys.status()).epochs).to.have.length(2);
    const row = await directory.read("keys/epoch/000002");
    await directory.compareAndSet("keys/epoch/000002", undefined, row!.revision);
    for (const node of [other, other.again()]) {
      expect(codeOf(await node.keys.backupKeys())).to.equal("KEY_REFUSED");
      expect(codeOf(await node.keys.rotate({ compromised: false }))).to.equal("KEY_REFUSED");
      expect((await node.keys.status()).refused?.reason).to.match(/older state/);
    }
    // An operator that brought back an old directory says so.
    expect(codeOf(await other.keys.trust(rootWords(cluster, root)))).to.equal("ok");
    expect(codeOf(await other.keys.backupKeys())).to.equal("ok");
  });

  it("gets nothing by an epoch that a member with keys has sealed to it: nothing is made that the cluster's kit does not open", async () => {
    const { epochs } = await maker.keys.status();
    const key = valueOf(openEpoch(cluster, epochs[0]!, mine));
    const to = { commitment: strangers.commitment, recoveryKey: text(strangers.recipient.publicKey) };
    const made = createEpoch(cluster, to, { record: epochs[0]!, key });
    await write("keys/epoch/000002", made.record);
    const bad = new Node();
    await bad.keys.take(await maker.keys.sealFor(bad.keys.receiver));
    // The other node has its key, as it would from the dishonest one.
    const { sealEpochTo } = await import("../../../node/keys/index.ts");
    await other.keys.take([{ epoch: 2, sealed: sealEpochTo(cluster, other.keys.receiver, 2, made.key) }]);
    const keys = valueOf(await other.keys.backupKeys());
    const refusal = await keys.ensure(["user/ada"]).catch((error: unknown) => failureOf(error).code);
    expect(refusal).to.equal("ROOT_UNVOUCHED");
  });

  it("counts where the kits in between have vouched for it, however long the node was away", async () => {
    const seeds = [2, 3, 4, 5];
    let former = mine;
    for (const seed of seeds) {
      valueOf(await makeKit(maker.keys, keysOf(seed), { former }));
      former = keysOf(seed);
    }
    expect(await seenBy(other)).to.deep.equal([keysOf(5).commitment, false]);
    expect(await seenBy(maker.again())).to.deep.equal([keysOf(5).commitment, false]);
  });

  it("is refused from whoever makes a kit without the one that there is", async () => {
    for (const by of [{}, { former: strangers }])
      expect(codeOf(await makeKit(maker.keys, strangers, by))).to.equal("ROOT_UNVOUCHED");
    expect(await seenBy(maker)).to.deep.equal([mine.commitment, false]);
    expect(await seenBy(other)).to.deep.equal([mine.commitment, false]);
  });

  it("counts where the kit was lost only at nodes whose operators say its words", async () => {
    const next = keysOf(2);
    const made = valueOf(await makeKit(maker.keys, next, { lost: true })).root!;
    expect(await seenBy(maker)).to.deep.equal([next.commitment, false]);
    const away = new Node(new RowStore(other.store.rows));
    expect(await seenBy(other)).to.deep.equal([mine.commitment, true]);
    expect(codeOf(await other.keys.trust("abandon-ability"))).to.equal("NOT_FOUND");
    expect(codeOf(await other.keys.trust(rootWords(cluster, made)))).to.equal("ok");
    await other.keys.take(await maker.keys.sealFor(other.keys.receiver));
    expect(await seenBy(other)).to.deep.equal([next.commitment, false]);
    valueOf(await other.keys.backupKeys());
    expect(await seenBy(other.again())).to.deep.equal([next.commitment, false]);
    expect(await seenBy(away)).to.deep.equal([mine.commitment, true]);
  });

  it("goes again where an operator says the words of the known one, which then opens every epoch", async () => {
    valueOf(await maker.keys.rotate({ compromised: false }));
    await other.keys.status();
    for (const epoch of ["000001", "000002"]) {
      const { value } = (await directory.read(`keys/epoch/${epoch}`))!;
      await write(`keys/epoch/${epoch}`, { ...(value as object), sealed: { root: strangers.commitment, key: "AA" } });
    }
    await write("keys/root", (await forgeries())["a whole root of its own"]);
    valueOf(await maker.keys.trust(rootWords(cluster, root)));
    for (const node of [maker, other]) {
      expect(await seenBy(node)).to.deep.equal([mine.commitment, false]);
      for (const record of (await node.keys.status()).epochs)
        expect(openEpoch(cluster, record, mine).ok).to.equal(true);
    }
  });
});
