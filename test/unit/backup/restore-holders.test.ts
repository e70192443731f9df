import { keysPrefix } from "../../../node/cluster/facts/records.ts";
import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import {
  backupLimits,
  createDirectoryHeads,
  createFolderStripes,
  keepHolderHeads,
  openRepository,
  runBackup,
  type BackupPorts,
} from "../../../node/backup/index.ts";
import { headRow } from "../../../node/backup/format/heads.ts";
import { openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { journalSource } from "../../../node/backup/content/source.ts";
import { withSettings } from "../../../node/backup/content/settings.ts";
import { endRestore, isWhole, restore, type Restored } from "../../../node/backup/restore/restore.ts";
import { journalFolder, markFile } from "../../../node/data-folder/index.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import { anchorOf, createClusterKeys, rootKeysOf, type ClusterKeys } from "../../../node/keys/index.ts";
import { diskKeyOf } from "../../../node/keys/disk-key.ts";
import { createRandom, openFiles, openLevelStore } from "../../../node/platform/index.ts";
import { codedBytes, codingStripe, readStripe } from "../../../node/bulk/shards/coding/index.ts";
import { readShard } from "../../../node/bulk/shards/coding/header.ts";
import { openJournal, readFormat } from "../../../node/storage/index.ts";
import { failure, failureOf, ok, refused, slotOf, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { createSealer, readHead, writeHead, type Sealer } from "../../../runtimes/backup/index.ts";
import { depth, examples } from "../../depth.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { valueIn } from "./world.ts";
import { append, draft, must, openAs, RowStore } from "../storage/fixture.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";
import { moment } from "../../waits.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const root = rootKeysOf(Buffer.alloc(32, 1));
const scheme = { type: "rs", k: 3, m: 2 } as const;
const width = 5;
const headsKept = 3;

async function makeKit(keys: ClusterKeys): Promise<void> {
  const to = { commitment: root.commitment, recoveryKey: text(root.recipient.publicKey) };
  const records = valueIn(await keys.beginKit(to));
  const anchor = anchorOf("c1", records.at(-1)!, root);
  valueIn(await keys.confirmKit({ ...to, verifyKey: text(root.signer.verifyKey), needed: 2, digests: ["a", "b"], madeAtMs: 1, anchor })); // prettier-ignore
}

describe("a restore from the disks of storage nodes", function () {
  const clock = flowingWorld().clock();
  let top: string;
  let sealer: Sealer;
  before(() => (sealer = createSealer({ threads: 1, idleMs: 5_000 })));
  after(() => sealer.close());
  beforeEach(async () => (top = await mkdtemp(join(tmpdir(), "plexus-holders-"))));
  afterEach(() => rm(top, { recursive: true, force: true }));

  const holder = (index: number): string => join(top, `holder-${index}`);
  const holders = Array.from({ length: width }, (_, index) => index);

  /** A cluster of one journal, whose backups lie on five nodes as 3 + 2. */
  async function cluster() {
    const shared = new RowStore();
    const directory = createEmbeddedDirectory({ store: shared });
    const diskKey = {
      read: async () => diskKeyOf(Buffer.alloc(32, 9)),
      make: async () => diskKeyOf(Buffer.alloc(32, 9)),
    };
    const keys = createClusterKeys({ cluster: "c1", directory, store: shared, diskKey, clock, log: quietLog });
    await makeKit(keys);
    const journal = await openJournal({ store: new RowStore(), clock, log: quietLog, meter: quietMeter, identity: { cluster: "c1", node: "ann" } }); // prettier-ignore
    const slots = new Set<SlotId>();
    const folders = await Promise.all(holders.map((index) => openFiles(join(holder(index), "shards"))));
    const stores = await Promise.all(folders.map((files) => openBlobStore({ files, meter: quietMeter })));
    const heads = createDirectoryHeads(directory);
    const errors: string[] = [];
    const keepers = folders.map((files) =>
      keepHolderHeads({
        files,
        heads,
        directory,
        keyRows: keysPrefix,
        holds: () => true,
        verified: async (bytes) => readHead(bytes, valueIn(await keys.backupKeys()).head),
        carried: async () => valueIn(await keys.carried()),
        clock,
        log: { ...quietLog, error: (event) => void errors.push(event) },
        limits: { settleMs: 0, retryMsMin: 1, headsKept },
      }),
    );
    const ports = async (): Promise<BackupPorts> => ({
      cluster: "c1",
      owner: "backup/cluster",
      stripes: {
        ...createFolderStripes(stores, { bytes: codedBytes, coding: codingStripe, read: readStripe }, scheme),
        // Holders collect what was let go of after days.
        release: async () => ok(null),
      },
      heads,
      keys: valueIn(await keys.backupKeys()),
      sealer,
      clock,
      random: createRandom(),
      log: quietLog,
      limits: backupLimits,
    });
    const owned = async () => [...slots].toSorted();
    const source = withSettings(
      journalSource(
        { owned, cut: async (slot) => (await journal.openSlot(slot)).cut() },
        { read: async () => refused(failure("NOT_FOUND")) },
      ),
      directory,
    );
    const snapshot = async (): Promise<BackupPorts> => {
      const at = await ports();
      await runBackup(at, openRepository(at), source, {
        signal: new AbortController().signal,
        progress: () => undefined,
        pace: async () => undefined,
      });
      return at;
    };
    return {
      keys,
      directory,
      /** What the keepers have said. */
      errors,
      stop: () => keepers.forEach((keeper) => keeper.stop()),
      async write(actor: ActorId, row: string, words = `${actor} ${row}`) {
        const slot = slotOf("chat", actor);
        slots.add(slot);
        const side = [{ space: "record" as const, put: row, value: { atMs: 1_795_000_000_000, text: words } }];
        must(await append(await openAs(journal, slot, 1), draft(actor, row, { side, events: [{ type: "put" }] })));
      },
      run: snapshot,
      /** A snapshot, of which each node's keeper has heard. */
      async back() {
        const at = await snapshot();
        const { number } = readHead((await heads.read())!, at.keys.head);
        for (const keeper of keepers) while ((await keeper.newest())?.number !== number) await moment();
        // The oldest one goes after the newest one came.
        for (const index of holders)
          while ((await readdir(join(holder(index), "shards", "heads"))).length > headsKept) await moment();
        return number;
      },
      head: async () => (await heads.read())!,
      signer: async () => valueIn(await keys.backupKeys()).head,
    };
  }

  const run = async (from: readonly string[], more: object = {}): Promise<Restored> => {
    const wish = { from, to: join(top, "new"), ...more };
    const done = await restore(wish, root, { clock, random: createRandom(), log: quietLog, progress: () => undefined });
    await endRestore(wish.to);
    return done;
  };
  const failureIn = async (work: Promise<unknown>) =>
    work.then(
      () => expect.fail("it must fail"),
      (error: unknown) => ({ ...failureOf(error), says: (error as Error).message }),
    );
  /** What the new folder has of an actor's records. */
  async function rowsOf(actor: ActorId): Promise<readonly (readonly [string, string])[]> {
    const to = join(top, "new");
    const store = await openLevelStore(journalFolder(to), { mark: markFile(to) });
    try {
      const { cluster: name, node } = (await readFormat(store))!;
      const journal = await openJournal({ store, clock, log: quietLog, meter: quietMeter, identity: { cluster: name, node } }); // prettier-ignore
      const log = await journal.openSlot(slotOf("chat", actor));
      const rows = await log.reader.readSide("record", actor, { from: "", to: "~", limit: 1_000 });
      return rows.map(({ key, value }) => [key, (value as { text: string }).text] as const);
    } finally {
      await store.close();
    }
  }
  /** The files of a holder's shards. */
  const shardsIn = async (index: number): Promise<readonly string[]> =>
    (await readdir(join(holder(index), "shards"), { recursive: true }))
      .filter((name) => /\/[0-9a-f]{64}$/.test(name))
      .toSorted()
      .map((name) => join(holder(index), "shards", name));
  const again = () => rm(join(top, "new"), { recursive: true, force: true });

  /** The files of those stripes that are packs, by stripe. */
  async function packsOf(files: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const stripes = new Map<string, { file: string; shard: Uint8Array; sizeBytes: number }[]>();
    for (const file of files) {
      const blob = await readFile(file);
      const shard = blob.subarray(0, 64 + blob.readUInt32LE(12));
      const { id, stripeBytes: sizeBytes } = valueIn(readShard(shard)).header;
      stripes.set(id, [...(stripes.get(id) ?? []), { file, shard, sizeBytes }]);
    }
    const packs = [...stripes].filter(([id, shards]) => {
      const bytes = valueIn(readStripe({ id, scheme, sizeBytes: shards[0]!.sizeBytes }, shards.map(({ shard }) => shard))); // prettier-ignore
      return Buffer.from(bytes.subarray(0, 8)).equals(Buffer.from("PLEXPACK"));
    });
    return new Map(packs.map(([id, shards]) => [id, shards.map(({ file }) => file)]));
  }

  it("gives everything back from any three of five, whatever is damaged on one more and wherever their folders lie", async () => {
    const of = await cluster();
    const rows = Array.from({ length: 6 }, (_, row) => [`row/${row}`, `text ${row} `.repeat(300)] as const);
    for (const [row, words] of rows.slice(0, 4)) await of.write("catalog/a", row, words);
    await of.back();
    for (const [row, words] of rows.slice(4)) await of.write("catalog/a", row, words);
    await of.back();
    of.stop();
    const losses = fc.record({
      lost: fc.constantFrom(...holders),
      hurt: fc.constantFrom(...holders),
      damage: fc.constantFrom("flip", "cut", "swap", "old" as const),
      seed: fc.nat(1_000),
    });
    const originals = join(top, "originals");
    for (const index of holders) await cp(holder(index), join(originals, `${index}`), { recursive: true });
    await fc.assert(
      fc.asyncProperty(losses, async ({ lost, hurt, damage, seed }) => {
        for (const index of holders) {
          await rm(holder(index), { recursive: true, force: true });
          await cp(join(originals, `${index}`), holder(index), { recursive: true });
        }
        await again();
        const files = await shardsIn(hurt);
        for (const [at, file] of files.entries()) {
          const bytes = await readFile(file);
          const other = files[(at + 1) % files.length] as string;
          if (damage === "flip") {
            bytes[(seed * 31) % bytes.length]! ^= 1 + (seed % 255);
            await writeFile(file, bytes);
          } else if (damage === "cut") await writeFile(file, bytes.subarray(0, seed % bytes.length));
          else if (damage === "old") await appendFile(file, bytes);
          else await writeFile(file, await readFile(join(originals, `${hurt}`, other.slice(holder(hurt).length))));
        }
        const from = holders
          .filter((index) => index !== lost)
          .map((index) => (seed % 2 === 0 ? holder(index) : join(holder(index), "shards")));
        const done = await run(from);
        expect([isWhole(done), done.holders?.head.number, done.holders?.short.stripes]).to.deep.equal([true, 2, 0]);
        expect(await rowsOf("catalog/a")).to.deep.equal(rows);
        const isNamed = done.holders!.damaged.named.every(({ folder }) => folder.startsWith(holder(hurt)));
        expect(isNamed).to.equal(true);
      }),
      { numRuns: depth(examples(4), 60) },
    );
    // Three are enough, and two say how many more would do.
    await again();
    const three = await run([1, 3, 4].map((index) => join(originals, `${index}`)));
    expect([isWhole(three), three.snapshots[0]?.number]).to.deep.equal([true, 2]);
    await again();
    const two = await failureIn(run([1, 3].map((index) => join(originals, `${index}`))));
    expect(two.code).to.equal("STRIPE_LOST");
    expect(two.says).to.match(
      /at least 1 more node .* of 5 shards of stripe [0-9a-f]{16} 3 are needed, and 2 are there/,
    );
    expect(await readdir(top)).not.to.include("new");
    const one = await failureIn(run([join(originals, "0")]));
    expect(one.says).to.match(/at least 2 more nodes/);
  });

  it("names each unit that is lost where packs lack shards, and how many more folders would do", async () => {
    const of = await cluster();
    await of.write("catalog/a", "row/1");
    await of.back();
    const before = new Set((await Promise.all(holders.map(shardsIn))).flat());
    await of.write("catalog/b", "row/1");
    await of.back();
    of.stop();
    const fresh = (await Promise.all(holders.map(shardsIn))).flat().filter((file) => !before.has(file));
    for (const files of (await packsOf(fresh)).values()) for (const file of files.slice(0, 3)) await rm(file);
    const done = await run(holders.map(holder));
    expect(done.lost.map(({ thread, type, error }) => [thread, type, error.code])).to.have.deep.members([
      ["catalog/b", ".state", "STRIPE_LOST"],
      ["catalog/b", "row", "STRIPE_LOST"],
    ]);
    expect(done.holders?.short).to.deep.include({ folders: 1 });
    expect(done.holders?.short.stripes).to.be.above(0);
    expect(await rowsOf("catalog/a")).to.deep.equal([["row/1", "catalog/a row/1"]]);
  });
  it("takes the newest head that the cluster signed, and says which others there are: old, forged, of old keys, unreadable", async () => {
    const of = await cluster();
    const oldSigner = await of.signer();
    await of.write("catalog/a", "row/1");
    await of.back();
    await cp(holder(0), join(top, "stale"), { recursive: true });
    valueIn(await of.keys.rotate({ compromised: false }));
    await of.write("catalog/a", "row/2");
    await of.back();
    of.stop();
    const head = readHead(await of.head(), await of.signer());
    const put = (index: number, number: number, bytes: Uint8Array | string) =>
      writeFile(join(holder(index), "shards", "heads", String(number).padStart(10, "0")), bytes);
    // Of who left with the keys of the first epoch; of nobody; and no head at all.
    await put(1, 99, writeHead({ ...head, number: 99, epoch: 1 }, oldSigner));
    await put(2, 98, Buffer.from((await of.head()).toString().replace('"number":2', '"number":98')));
    await put(3, 97, "nothing");
    const done = await run([join(top, "stale"), ...[1, 2, 3, 4].map(holder)]);
    expect([done.snapshots[0]?.number, isWhole(done)]).to.deep.equal([2, true]);
    expect(done.holders?.headIn).to.deep.equal([1, 2, 3, 4].map(holder));
    expect(done.holders?.behind).to.deep.equal([{ folder: join(top, "stale"), number: 1 }]);
    expect(done.holders?.refused.map(({ folder, number, error }) => [folder, number, error.code])).to.deep.equal([
      [holder(2), 98, "BACKUP_DAMAGED"],
      [holder(3), 97, "BACKUP_DAMAGED"],
    ]);
    expect(await rowsOf("catalog/a")).to.have.length(2);

    // The list of snapshots of the newest head is gone: the one before leads to what it had, which is not all there
    // was.
    await again();
    const { shards } = head.catalog.stripe;
    for (const { index, hash } of shards.slice(0, 3)) await rm(join(holder(index), "shards", hash.slice(0, 2), hash));
    const older = await run([join(top, "stale"), ...[1, 2, 3, 4].map(holder)]);
    expect([older.snapshots[0]?.number, isWhole(older)]).to.deep.equal([1, false]);
    expect(older.holders?.unreadable.map(({ number, error }) => [number, error.code])).to.deep.include([
      2,
      "STRIPE_LOST",
    ]);
    // Where no head is the cluster's nothing is begun.
    await again();
    for (const index of [2, 3]) for (const number of [1, 2]) await put(index, number, "nothing");
    expect((await failureIn(run([2, 3].map(holder)))).code).to.equal("BACKUP_DAMAGED");
    await rm(join(holder(4), "shards", "heads"), { recursive: true });
    expect((await failureIn(run([holder(4)]))).code).to.equal("NOT_FOUND");
  });

  it("says which heads lack between those that were found, and which do not come from one another", async () => {
    const of = await cluster();
    for (let n = 1; n <= 6; n += 1) {
      await of.write("catalog/a", `row/${n}`);
      await of.back();
      if (n === 2) await cp(holder(0), join(top, "stale"), { recursive: true });
    }
    of.stop();
    // Each has 4, 5 and 6, and one that was away has 1 and 2.
    const from = [join(top, "stale"), ...[1, 2, 3, 4].map(holder)];
    const done = await run(from);
    expect([done.holders?.head.number, isWhole(done)]).to.deep.equal([6, true]);
    expect(done.holders?.gaps).to.deep.equal([{ from: 3, to: 3 }]);
    expect(done.holders?.strangers).to.deep.equal([]);
    expect(done.holders?.behind).to.deep.equal([{ folder: join(top, "stale"), number: 2 }]);
    // One gives another head 5, which the cluster signed: not the one that head 6 follows.
    await again();
    const head = readHead(await of.head(), await of.signer());
    const heads = join(holder(3), "shards", "heads");
    await writeFile(join(heads, "0000000005"), writeHead({ ...head, number: 5 }, await of.signer()));
    const told = await run(from);
    expect(told.holders?.strangers).to.deep.equal([{ number: 5, folders: [holder(3)] }]);
    expect(told.holders?.head.number).to.equal(6);
  });

  it("takes nothing away from a disk because the directory has an older head, and each node says so", async () => {
    const of = await cluster();
    const heads: unknown[] = [];
    for (let n = 1; n <= 3; n += 1) {
      await of.write("catalog/a", `row/${n}`);
      await of.back();
      heads.push((await of.directory.read(headRow))?.value);
    }
    const filesOf = (index: number) =>
      ["keys.json", "heads/0000000003"].map((name) => readFile(join(holder(index), "shards", name), "utf8"));
    const before = await Promise.all(holders.flatMap(filesOf));
    // A directory that lies on an older copy of its data.
    const { revision } = (await of.directory.read(headRow))!;
    await of.directory.compareAndSet(headRow, heads[0], revision);
    while (of.errors.length < holders.length) await moment();
    expect(of.errors).to.deep.equal(holders.map(() => "backup.head.older"));
    // The next run makes another head 2 and 3 of it.
    for (const fresh of [2, 3]) {
      of.errors.length = 0;
      await of.write("catalog/a", `row/again/${fresh}`);
      await of.run();
      while (of.errors.length < holders.length) await moment();
    }
    expect(await Promise.all(holders.flatMap(filesOf))).to.deep.equal(before);
    // With a number that none of them has, it is the newest, and does not come from theirs.
    of.errors.length = 0;
    expect(await of.back()).to.equal(4);
    of.stop();
    expect(of.errors).to.deep.equal([]);
    const done = await run(holders.map(holder));
    expect([done.holders?.head.number, done.holders?.strangers.map(({ number }) => number)]).to.deep.equal([4, [3]]);
  });

  it("brings nothing back whose key was erased, without a run: the keys on each disk are those of now", async () => {
    const of = await cluster();
    await of.write("catalog/a", "row/1");
    await of.write("catalog/b", "row/1");
    await of.back();
    const keysIn = () =>
      Promise.all(holders.map((index) => readFile(join(holder(index), "shards", "keys.json"), "utf8")));
    const before = await keysIn();
    valueIn(await of.keys.erase("catalog/b"));
    for (let now = before; now.some((one, at) => one === before[at]);) now = await keysIn();
    of.stop();
    const done = await run(holders.map(holder));
    expect([done.erased, done.lost]).to.deep.equal([{ units: 2, tenants: 1 }, []]);
    // Keys that somebody changed are passed over, and named; those of another disk open everything.
    await again();
    const file = join(holder(0), "shards", "keys.json");
    const changed = JSON.parse(await readFile(file, "utf8")) as { ring: string; madeAtMs: number };
    await writeFile(file, JSON.stringify({ ...changed, madeAtMs: changed.madeAtMs + 1e6 }));
    const other = await run(holders.map(holder));
    expect(other.refusedKeys.map(({ folder, error }) => [folder, error.code])).to.deep.equal([
      [holder(0), "BACKUP_DAMAGED"],
    ]);
    expect(await rowsOf("catalog/a")).to.have.length(1);
  });
});
