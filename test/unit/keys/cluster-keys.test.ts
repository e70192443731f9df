import { expect } from "chai";
import {
  anchorOf,
  createClusterKeys,
  openEpoch,
  rootKeysOf,
  sealEpochTo,
  vouchFor,
  type ClusterKeys,
  type RootKeys,
} from "../../../node/keys/index.ts";
import { diskKeyOf } from "../../../node/keys/disk-key.ts";
import { type DiskKeySource } from "../../../node/keys/own-keys.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import type { Directory } from "../../../node/ports/index.ts";
import { failure, failureOf, PlexusError, type Result } from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { RowStore } from "../storage/fixture.ts";

const cluster = "c1";
const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
};
const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.error.code);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const clock = { nowMs: () => 1, monotonicMs: () => 1, after: () => () => undefined, soon: () => undefined };

/** A directory that is not there any more from some change on, made or not. */
class Breaking {
  changes = 0;
  breaksAt = Infinity;
  madeAnyway = false;
  readonly directory: Directory;
  constructor(inner: Directory) {
    this.directory = {
      read: (key) => inner.read(key),
      list: (prefix) => inner.list(prefix),
      watch: (prefix, watcher) => inner.watch(prefix, watcher),
      compareAndSet: async (key, value, revision, guard) => {
        this.changes += 1;
        const breaks = this.changes >= this.breaksAt;
        if (breaks && !this.madeAnyway) throw new PlexusError(failure("DIRECTORY_UNAVAILABLE"));
        const answer = await inner.compareAndSet(key, value, revision, guard);
        if (breaks) throw new PlexusError(failure("DIRECTORY_UNAVAILABLE"));
        return answer;
      },
    };
  }
}

/** Makes a kit; where there is one, its root signs for the new one. */
async function makeKit(keys: ClusterKeys, root: RootKeys, by: { former?: RootKeys; lost?: true } = {}) {
  const { root: before } = await keys.status();
  const to = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };
  const records = valueOf(await keys.beginKit(to));
  const digests = ["a", "b", "c"];
  const made = {
    ...to,
    verifyKey: text(root.signer.verifyKey),
    needed: 2,
    digests,
    madeAtMs: 1,
    anchor: anchorOf(cluster, records.at(-1)!, root),
  };
  const voucher = before && by.former && vouchFor(cluster, { by: before, to: made }, by.former);
  return keys.confirmKit(made, { voucher, lost: by.lost });
}

describe("the keys of a cluster", () => {
  let inner: Directory;
  let breaking: Breaking;
  const root = rootKeysOf(Buffer.alloc(32, 1));
  const disk = diskKeyOf(Buffer.alloc(32, 7));
  const withDisk: DiskKeySource = { read: async () => disk, make: async () => disk };
  const nodeOn = (store = new RowStore(), diskKey = withDisk): ClusterKeys =>
    createClusterKeys({ cluster, directory: breaking.directory, store, diskKey, clock, log: quietLog });
  const unit = { tenant: "user/ada", unit: "u1", epoch: 1 };
  const unitKey = Buffer.alloc(32, 5);

  beforeEach(async () => {
    const directory = createEmbeddedDirectory({ store: new RowStore() });
    await directory.opened();
    inner = directory;
    breaking = new Breaking(inner);
  });

  it("are none before there is a kit; then they seal and sign, also after a restart, and the kit opens them", async () => {
    const store = new RowStore();
    const keys = nodeOn(store);
    expect(codeOf(await keys.backupKeys())).to.equal("KIT_MISSING");
    const status = valueOf(await makeKit(keys, root));
    expect([status.epochs.length, status.here]).to.deep.equal([1, [1]]);
    const made = valueOf(await keys.backupKeys());
    await made.ensure(["user/ada", "room/a"]);
    const sealed = made.seal(unit, unitKey);
    const signature = made.head.sign(Buffer.from("head 1"));
    const again = valueOf(await nodeOn(store).backupKeys());
    expect(Buffer.from(again.open(unit, sealed))).to.deep.equal(unitKey);
    expect(again.head.verify(Buffer.from("head 1"), signature, 1)).to.equal(true);
    expect(again.head.verify(Buffer.from("head 1"), signature, 2)).to.equal(false);
    expect(openEpoch(cluster, status.epochs[0]!, root).ok).to.equal(true);
    // Nothing that opens anything lies in the directory or in the store as it is.
    const epochKey = valueOf(openEpoch(cluster, status.epochs[0]!, root));
    for (const bytes of store.rows.values()) expect(Buffer.from(bytes).includes(epochKey)).to.equal(false);
    expect(JSON.stringify(await inner.list("keys/"))).not.to.include(text(epochKey));
  });

  it("refuse a kit that was not begun here, or that vouches for something else", async () => {
    const keys = nodeOn();
    const to = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };
    const records = valueOf(await keys.beginKit(to));
    const told = { ...to, verifyKey: text(root.signer.verifyKey), needed: 2, digests: ["a", "b"], madeAtMs: 1 };
    const other = rootKeysOf(Buffer.alloc(32, 2));
    const forged = anchorOf(cluster, records[0]!, other);
    expect(codeOf(await keys.confirmKit({ ...told, anchor: forged }))).to.equal("KEY_REFUSED");
    const anchor = anchorOf(cluster, records[0]!, root);
    expect(codeOf(await keys.confirmKit({ ...told, commitment: other.commitment, anchor }))).to.equal("KEY_REFUSED");
    expect(codeOf(await nodeOn().confirmKit({ ...told, anchor }))).to.equal("KEY_REFUSED");
    expect(codeOf(await keys.confirmKit({ ...told, anchor }))).to.equal("ok");
  });

  it("rotate: what is made anew is of the new epoch, what was is read, and the old epoch's key opens nothing new", async () => {
    const keys = nodeOn();
    await makeKit(keys, root);
    const before = valueOf(await keys.backupKeys());
    await before.ensure(["user/ada"]);
    const sealed = before.seal(unit, unitKey);
    const status = valueOf(await keys.rotate({ compromised: true }));
    expect([status.here, status.rotation, status.reencrypt]).to.deep.equal([[1, 2], undefined, [1]]);
    const after = valueOf(await keys.backupKeys());
    expect(after.epoch).to.equal(2);
    expect(Buffer.from(after.open(unit, sealed))).to.deep.equal(unitKey);
    await after.ensure(["user/ada"]);
    const later = after.seal({ ...unit, epoch: 2 }, unitKey);
    for (const { value } of await inner.list("keys/ring/"))
      for (const [under] of Object.values(value as Record<string, [number, string]>)) expect(under).to.equal(2);
    // A node that left with the first epoch's key, and looked at the ring when it left.
    expect(() => before.open({ ...unit, epoch: 2 }, later)).to.throw("KEY_MISSING");
  });

  it("rotate to the end, whichever change was the last of the one who began, and whether it was made", async () => {
    const steps: number[] = [];
    // The first changes differ from one another; then it is one part of the ring after the other.
    const next = (step: number): number => step + (step < 8 ? 1 : depth(31, 1));
    for (const madeAnyway of [false, true])
      for (let step = 1; step < 200; step = next(step)) {
        const directory = createEmbeddedDirectory({ store: new RowStore() });
        await directory.opened();
        inner = directory;
        breaking = new Breaking(inner);
        const store = new RowStore();
        const keys = nodeOn(store);
        await makeKit(keys, root);
        const made = valueOf(await keys.backupKeys());
        await made.ensure(["user/ada", "user/bob", "room/a", "room/b"]);
        const sealed = made.seal(unit, unitKey);
        Object.assign(breaking, { breaksAt: breaking.changes + step, madeAnyway });
        const broke = await keys.rotate({ compromised: false }).then(
          () => false,
          (error: unknown) => failureOf(error).code === "DIRECTORY_UNAVAILABLE",
        );
        breaking.breaksAt = Infinity;
        if (!broke) {
          steps.push(step);
          break;
        }
        // The process begins anew, on the same disk.
        const again = nodeOn(store);
        const now = valueOf(await again.backupKeys());
        expect(Buffer.from(now.open(unit, sealed)), `step ${step}`).to.deep.equal(unitKey);
        const status = valueOf(await again.rotate({ compromised: false }));
        expect(status.rotation).to.equal(undefined);
        const last = status.epochs.length;
        const end = valueOf(await again.backupKeys());
        expect([end.epoch, Buffer.from(end.open(unit, sealed)).equals(unitKey)], `step ${step}`).to.deep.equal([
          last,
          true,
        ]);
        for (const { value } of await inner.list("keys/ring/"))
          for (const [under] of Object.values(value as Record<string, [number, string]>)) expect(under).to.equal(last);
      }
    expect(steps).to.have.length(2);
    expect(Math.min(...steps)).to.be.above(60);
  });

  it("are never those of a rotation that another node won, and the winner's are taken for them", async () => {
    const [store, winner] = [new RowStore(), nodeOn()];
    const loser = nodeOn(store);
    await makeKit(loser, root);
    await winner.take(await loser.sealFor(winner.receiver));
    const made = valueOf(await winner.backupKeys());
    await made.ensure(["user/ada", "room/a"]);
    const sealed = made.seal(unit, unitKey);
    // Its key is on its disk, and its record is published by nobody.
    breaking.breaksAt = breaking.changes + 1;
    await loser.rotate({ compromised: false }).catch(() => undefined);
    breaking.breaksAt = Infinity;
    const won = valueOf(await winner.rotate({ compromised: false }));
    for (const keys of [loser, nodeOn(store)]) {
      expect((await keys.status()).here).to.deep.equal([1]);
      expect((await keys.sealFor(winner.receiver)).map(({ epoch }) => epoch)).to.deep.equal([1]);
      expect(codeOf(await keys.rotate({ compromised: false }))).to.equal("KEY_MISSING");
      expect(codeOf(await keys.backupKeys())).to.equal("KEY_MISSING");
      expect(codeOf(await makeKit(keys, rootKeysOf(Buffer.alloc(32, 9))).catch(() => keys.backupKeys()))).to.equal(
        "KEY_MISSING",
      );
    }
    expect(await loser.take(await winner.sealFor(loser.receiver))).to.equal(1);
    expect((await nodeOn(store).status()).here).to.deep.equal([1, 2]);
    valueOf(await loser.rotate({ compromised: false }));
    expect(Buffer.from(valueOf(await loser.backupKeys()).open(unit, sealed))).to.deep.equal(unitKey);
    expect(won.epochs).to.have.length(2);
  });

  it("that another disk's key wrapped are shown to lack, and come back from another node, from the kit, or with the key", async () => {
    const [store, other] = [new RowStore(), nodeOn()];
    const keys = nodeOn(store);
    await makeKit(keys, root);
    await keys.rotate({ compromised: false });
    await other.take(await keys.sealFor(other.receiver));
    let found: typeof disk | undefined;
    let made = 0;
    const source: DiskKeySource = {
      read: async () => found,
      make: async () => {
        made += 1;
        return (found = diskKeyOf(Buffer.alloc(32, 8)));
      },
    };
    const moved = nodeOn(store, source);
    expect((await moved.status()).here).to.deep.equal([]);
    // Nobody has said that the key will not come back.
    expect(codeOf(await moved.backupKeys())).to.equal("KEY_MISSING");
    const refusal = await moved
      .take(await other.sealFor(moved.receiver))
      .catch((error: unknown) => failureOf(error).code);
    expect([refusal, made]).to.deep.equal(["KEY_MISSING", 0]);
    found = disk;
    expect((await moved.status()).here).to.deep.equal([1, 2]);
    found = diskKeyOf(Buffer.alloc(32, 6));
    const changed = nodeOn(store, source);
    expect((await changed.status()).here).to.deep.equal([]);
    expect(await changed.take(await other.sealFor(changed.receiver))).to.equal(2);
    expect((await changed.status()).here).to.deep.equal([1, 2]);
    found = undefined;
    const lost = nodeOn(store, source);
    const { root: record, epochs } = await other.status();
    const sealed = epochs.map((one) => ({
      epoch: one.epoch,
      sealed: text(sealEpochTo(cluster, lost.receiver, one.epoch, valueOf(openEpoch(cluster, one, root)))),
    }));
    valueOf(await lost.restore({ root: record!, epochs: [...epochs], keys: sealed }));
    expect([made, (await nodeOn(store, source).status()).here]).to.deep.equal([1, [1, 2]]);
  });

  it("erase a tenant: nothing that its key has sealed opens any more, and the others' does", async () => {
    const keys = nodeOn();
    await makeKit(keys, root);
    const made = valueOf(await keys.backupKeys());
    await made.ensure(["user/ada", "user/bob"]);
    const [ada, bob] = ["user/ada", "user/bob"].map((tenant) => made.seal({ ...unit, tenant }, unitKey));
    expect(valueOf(await keys.erase("user/ada"))).to.equal(1);
    const left = valueOf(await keys.backupKeys());
    expect(() => left.open(unit, ada!)).to.throw("KEY_MISSING");
    expect(Buffer.from(left.open({ ...unit, tenant: "user/bob" }, bob!))).to.deep.equal(unitKey);
  });

  /** Whether anything that this node can read of the keys opens what the tenant's key has sealed. */
  const opens = async (keys: ClusterKeys, sealed: Uint8Array): Promise<boolean> => {
    try {
      valueOf(await keys.backupKeys()).open(unit, sealed);
      return true;
    } catch (error) {
      expect(failureOf(error).code).to.be.oneOf(["KEY_MISSING", "KEY_REFUSED"]);
      return false;
    }
  };

  it("do not come back once they are erased: not by a rotation that goes on, nor by a node that was away, nor by a new kit", async () => {
    for (let step = 1; step < 80; step += depth(13, 1)) {
      const directory = createEmbeddedDirectory({ store: new RowStore() });
      await directory.opened();
      breaking = new Breaking((inner = directory));
      const [store, away] = [new RowStore(), nodeOn()];
      const keys = nodeOn(store);
      await makeKit(keys, root);
      await away.take(await keys.sealFor(away.receiver));
      const before = valueOf(await away.backupKeys());
      await before.ensure(["user/ada", "user/bob"]);
      const sealed = before.seal(unit, unitKey);
      expect(await opens(keys, sealed)).to.equal(true);
      breaking.breaksAt = breaking.changes + step;
      await keys.rotate({ compromised: false }).catch(() => undefined);
      breaking.breaksAt = Infinity;
      expect(valueOf(await away.erase("user/ada"))).to.equal(1);
      const again = nodeOn(store);
      valueOf(await again.rotate({ compromised: false }));
      // The node that was away makes what it believes to lack.
      await away.take(await again.sealFor(away.receiver));
      await before.ensure(["user/ada"]).catch(() => undefined);
      await valueOf(await away.backupKeys()).ensure(["user/ada"]);
      valueOf(await makeKit(again, rootKeysOf(Buffer.alloc(32, 9)), { former: root }));
      for (const node of [again, away, nodeOn(store)]) {
        await node.take(await again.sealFor(node.receiver));
        expect(await opens(node, sealed), `step ${step}`).to.equal(false);
      }
      expect(valueOf(await again.backupKeys()).open({ ...unit, tenant: "user/bob" }, before.seal({ ...unit, tenant: "user/bob" }, unitKey))).to.have.length(32); // prettier-ignore
    }
  });

  it("do not come back with a change that was prepared before they were erased", async () => {
    for (let round = 0; round < depth(6, 100); round += 1) {
      const directory = createEmbeddedDirectory({ store: new RowStore() });
      await directory.opened();
      breaking = new Breaking((inner = directory));
      const keys = nodeOn();
      await makeKit(keys, root);
      const made = valueOf(await keys.backupKeys());
      await made.ensure(["user/ada"]);
      const sealed = made.seal(unit, unitKey);
      const others = Array.from({ length: 20 }, (_, at) => `room/${round} ${at}`);
      await Promise.all([
        keys.rotate({ compromised: false }),
        made.ensure(others),
        Promise.resolve().then(() => keys.erase("user/ada")),
      ]);
      expect(await opens(keys, sealed)).to.equal(false);
    }
  });

  it("are erased for good by whoever asks again, where the one who asked first ended in the middle", async () => {
    for (const madeAnyway of [false, true]) {
      const directory = createEmbeddedDirectory({ store: new RowStore() });
      await directory.opened();
      breaking = new Breaking((inner = directory));
      const keys = nodeOn();
      await makeKit(keys, root);
      const made = valueOf(await keys.backupKeys());
      await made.ensure(["user/ada"]);
      const sealed = made.seal(unit, unitKey);
      Object.assign(breaking, { breaksAt: breaking.changes + 1, madeAnyway });
      const code = await keys.erase("user/ada").catch((error: unknown) => failureOf(error).code);
      expect(code).to.equal("DIRECTORY_UNAVAILABLE");
      breaking.breaksAt = Infinity;
      expect(valueOf(await keys.erase("user/ada"))).to.equal(madeAnyway ? 0 : 1);
      expect(await opens(keys, sealed)).to.equal(false);
    }
  });

  it("come to another node sealed to it, and nothing else is taken for them", async () => {
    const keys = nodeOn();
    await makeKit(keys, root);
    await keys.rotate({ compromised: false });
    const other = nodeOn();
    expect(codeOf(await other.backupKeys())).to.equal("KEY_MISSING");
    const forged = await Promise.all(
      (await keys.sealFor(other.receiver)).map(async ({ sealed }) => ({ epoch: 1, sealed })),
    );
    expect(await other.take(forged.slice(1))).to.equal(0);
    expect(await nodeOn().take(await keys.sealFor(other.receiver))).to.equal(0);
    expect(await other.take(await keys.sealFor(other.receiver))).to.equal(2);
    expect(valueOf(await other.backupKeys()).epoch).to.equal(2);
  });

  it("come back from the kit into an empty cluster of the same name, all of them or none", async () => {
    const keys = nodeOn();
    await makeKit(keys, root);
    const made = valueOf(await keys.backupKeys());
    const signature = made.head.sign(Buffer.from("head"));
    await keys.rotate({ compromised: false });
    const { root: record, epochs } = await keys.status();
    const empty = createEmbeddedDirectory({ store: new RowStore() });
    await empty.opened();
    breaking = new Breaking(empty);
    const fresh = nodeOn();
    const sealedFor = (receiver: Uint8Array) =>
      epochs.map((one) => ({
        epoch: one.epoch,
        sealed: text(sealEpochTo(cluster, receiver, one.epoch, valueOf(openEpoch(cluster, one, root)))),
      }));
    const sealed = sealedFor(fresh.receiver);
    const told = { root: record!, epochs: [...epochs], keys: sealed };
    expect(codeOf(await fresh.restore({ ...told, keys: sealed.slice(1) }))).to.equal("KEY_REFUSED");
    expect(codeOf(await fresh.restore({ ...told, epochs: epochs.slice(1) }))).to.equal("KEY_REFUSED");
    expect(codeOf(await fresh.restore(told))).to.equal("ok");
    expect(valueOf(await fresh.backupKeys()).head.verify(Buffer.from("head"), signature, 1)).to.equal(true);
  });

  it("pass to a new kit, after which the old one opens nothing that is made", async () => {
    const keys = nodeOn();
    await makeKit(keys, root);
    const made = valueOf(await keys.backupKeys());
    await made.ensure(["user/ada"]);
    const sealed = made.seal(unit, unitKey);
    const next = rootKeysOf(Buffer.alloc(32, 9));
    const status = valueOf(await makeKit(keys, next, { former: root }));
    expect(status.epochs).to.have.length(2);
    for (const record of status.epochs) {
      expect(openEpoch(cluster, record, next).ok).to.equal(true);
      expect(openEpoch(cluster, record, root).ok).to.equal(false);
    }
    expect(Buffer.from(valueOf(await keys.backupKeys()).open(unit, sealed))).to.deep.equal(unitKey);
  });

  it("are opened by the kit that counts, wherever the change to another kit ends, and it can be made again", async () => {
    const next = rootKeysOf(Buffer.alloc(32, 9));
    const last = rootKeysOf(Buffer.alloc(32, 10));
    const counted = new Set<string>();
    for (const madeAnyway of [false, true])
      for (let step = 1, ended = false; !ended; step += 1) {
        const directory = createEmbeddedDirectory({ store: new RowStore() });
        await directory.opened();
        inner = directory;
        breaking = new Breaking(inner);
        const store = new RowStore();
        const keys = nodeOn(store);
        await makeKit(keys, root);
        await keys.rotate({ compromised: false });
        Object.assign(breaking, { breaksAt: breaking.changes + step, madeAnyway });
        ended = await makeKit(keys, next, { former: root }).then(
          () => true,
          () => false,
        );
        breaking.breaksAt = Infinity;
        const again = nodeOn(store);
        for (const kit of [undefined, last]) {
          const now = (await again.status()).root!.commitment;
          const former = [root, next].find(({ commitment }) => commitment === now)!;
          if (kit !== undefined) valueOf(await makeKit(again, kit, { former }));
          const { root: record, epochs } = await again.status();
          const kits = [root, next, last].filter(({ commitment }) => commitment === record!.commitment);
          counted.add(kits[0]!.commitment);
          for (const one of epochs) expect(openEpoch(cluster, one, kits[0]!).ok, `step ${step}`).to.equal(true);
          valueOf(await again.backupKeys());
          // Nothing is left that a kit opens which was.
          if (kits[0] !== root)
            for (const { value } of await inner.list("keys/epoch/"))
              expect(JSON.stringify(value), `step ${step}`).not.to.include(root.commitment);
        }
      }
    expect([...counted].sort()).to.deep.equal([root, next, last].map(({ commitment }) => commitment).sort());
  });

  it("have one kit where two nodes make one at once, and it opens every epoch", async () => {
    const [one, two] = [nodeOn(), nodeOn()];
    const kits = [root, rootKeysOf(Buffer.alloc(32, 9))] as const;
    for (let round = 0; round < 2; round += 1) {
      const now = (await one.status()).root?.commitment;
      const former = kits.find(({ commitment }) => commitment === now);
      const by = former === undefined ? {} : { former };
      const made = await Promise.all([makeKit(one, kits[0], by), makeKit(two, kits[1], by)]);
      const codes = made.map(codeOf);
      expect(codes.filter((code) => code === "ok").length, codes.join()).to.be.at.most(1);
      if (!codes.includes("ok")) valueOf(await makeKit(one, kits[0], by));
      const { root: record, epochs } = await one.status();
      const kit = kits.find(({ commitment }) => commitment === record!.commitment)!;
      for (const epoch of epochs) expect(openEpoch(cluster, epoch, kit).ok).to.equal(true);
      await one.take(await two.sealFor(one.receiver));
      await two.take(await one.sealFor(two.receiver));
      valueOf(await one.backupKeys());
      valueOf(await two.backupKeys());
    }
  });
});
