import { expect } from "chai";
import fc from "fast-check";
import { createFolderHeads, createFolderStripes, openRepository, recall, runBackup, verify, type BackupPorts } from "../../../node/backup/index.ts"; // prettier-ignore
import { openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { codedBytes, codingStripe, readStripe } from "../../../node/bulk/shards/coding/index.ts";
import type { BlobStore } from "../../../node/ports/index.ts";
import { failureOf, shardsOf, type ActorId, type Scheme, type StripeRef } from "../../../protocols/index.ts";
import { decodeRows, type UnitEntry } from "../../../runtimes/backup/index.ts";
import { depth } from "../../depth.ts";
import { quietMeter } from "../../fixtures/quiet.ts";
import { FileDisk, World } from "../../world/index.ts";
import { Actors, backupsOf } from "./world.ts";

const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };
const scheme: Scheme = { type: "rs", k: 3, m: 2 };
const folders = 5;

/** What becomes of one file. */
const harm = fc.oneof(
  fc.record({ sort: fc.constant("bit" as const), at: fc.nat(1 << 20) }),
  fc.record({ sort: fc.constant("cut" as const), at: fc.nat(1 << 20) }),
  fc.record({ sort: fc.constant("swap" as const), at: fc.nat(1 << 20) }),
);

describe("backups in folders whose files are damaged", () => {
  it("notice each changed byte, name what is lost and nothing else, and bring back the rest", async () => {
    const harms = fc.array(fc.record({ stripe: fc.nat(1 << 20), shard: fc.nat(folders - 1), harm }), { maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(harms, async (all) => {
        const world = new World(1);
        const stop = world.flow();
        const disks = Array.from({ length: folders }, () => new FileDisk(world));
        const opened = disks.map((disk) => disk.open({ life: 1, alive: true }));
        const blobs = await Promise.all(opened.map((files) => openBlobStore({ files, meter: quietMeter })));
        const stripes = createFolderStripes(
          blobs,
          { bytes: codedBytes, coding: codingStripe, read: readStripe },
          scheme,
        );
        const put: StripeRef[] = [];
        const noted = {
          ...stripes,
          put: async (...of: Parameters<typeof stripes.put>) => {
            const done = await stripes.put(...of);
            if (done.ok) put.push(done.value);
            return done;
          },
        };
        const ports: BackupPorts = { ...backupsOf().ports, stripes: noted, heads: createFolderHeads(opened) };
        const actors = new Actors();
        for (let n = 0; n < 24; n += 1)
          actors.change(`room/${n % 3}` as ActorId, {
            [`message/${String(n).padStart(3, "0")}`]: { text: `text ${n} `.repeat(20) },
          });
        await runBackup(ports, openRepository(ports), actors, idle);
        const { snapshots, head } = await openRepository(ports).state();
        const [snapshot] = snapshots;
        const root = await openRepository(ports).load(snapshot!.root!);
        if ("children" in root) return expect.fail("one leaf is enough for so few");
        // Damage of the catalog leaves nothing that could be said of the rest, and is refused as such.
        const catalog = head!.catalog.stripe.id;
        const isThere = ({ hash }: { readonly hash: string }, at: number): boolean =>
          disks[at]!.contentOf(`${hash.slice(0, 2)}/${hash}`) !== undefined;
        const chosen = put.filter(({ id, shards }) => id !== catalog && shards.every(isThere));
        const bad = new Map<string, Set<number>>();
        for (const { stripe, shard, harm: what } of all) {
          const ref = chosen[stripe % chosen.length]!;
          const { hash } = ref.shards[shard]!;
          const disk = disks[shard]!;
          const path = `${hash.slice(0, 2)}/${hash}`;
          const bytes = disk.contentOf(path)!;
          const other = chosen[what.at % chosen.length]!.shards[shard]!.hash;
          if (bad.get(ref.id)?.has(shard) === true || (what.sort === "swap" && other === hash)) continue;
          if (what.sort === "bit") disk.flipBit(path, what.at % (8 * ref.shards[shard]!.sizeBytes));
          if (what.sort === "cut") disk.truncate(path, what.at % bytes.length);
          if (what.sort === "swap") disk.exchange(path, disk.contentOf(`${other.slice(0, 2)}/${other}`)!);
          bad.set(ref.id, (bad.get(ref.id) ?? new Set()).add(shard));
        }
        const { all: width, enough } = shardsOf(scheme);
        const isLost = (id: string): boolean => width - (bad.get(id)?.size ?? 0) < enough;
        const isWeak = (id: string): boolean => (bad.get(id)?.size ?? 0) > 0 && !isLost(id);
        const rootId = snapshot!.root!.stripe.id;
        const lostUnits = root.units.filter(({ fragments }) => fragments.some(({ stripe }) => isLost(stripe.id)));
        const needed = new Set([
          rootId,
          snapshot!.cursors.stripe.id,
          ...root.units.flatMap(({ fragments }) => fragments.map(({ stripe }) => stripe.id)),
        ]);
        const reader = openRepository(ports);
        const found = await verify(ports, reader, snapshots, { ...idle, depth: "data" });
        const names = (units: readonly Pick<UnitEntry, "name">[]): readonly string[] =>
          units.map(({ name }) => JSON.stringify(name)).sort();
        if (isLost(rootId)) {
          expect(found.lost.named.map(({ stripe }) => stripe)).to.include(rootId);
          await stop();
          return;
        }
        const lost = [...needed].filter(isLost).sort();
        expect(found.lost.named.map(({ stripe }) => stripe).sort()).to.deep.equal(lost);
        expect(found.weak).to.equal([...needed].filter(isWeak).length);
        expect(names(found.lostUnits.named)).to.deep.equal(names(lostUnits));
        const unread: UnitEntry[] = [];
        const back = new Map<string, unknown>();
        await recall(ports, openRepository(ports), {}, {
          async write({ name }, content) {
            for (const [key, value] of decodeRows(content)) back.set(`${name.thread} ${key}`, value);
          },
        }, { ...idle, lost: (unit) => void unread.push(unit) }); // prettier-ignore
        expect(names(unread)).to.deep.equal(names(lostUnits));
        for (const [actor, records] of actors.records)
          for (const [key, value] of records) {
            const isGone = lostUnits.some(
              ({ name, first, last }) => name.thread === actor && key >= first && key <= last,
            );
            expect(back.get(`${actor} ${key}`), key).to.deep.equal(isGone ? undefined : value);
          }
        await stop();
      }),
      { numRuns: depth(15, 300) },
    );
  });

  it("read what is well beside a damaged shard once, into memory of the files' size whatever a descriptor says", async () => {
    const world = new World(1);
    const stop = world.flow();
    const disks = Array.from({ length: folders }, () => new FileDisk(world));
    const opened = disks.map((disk) => disk.open({ life: 1, alive: true }));
    const blobs = await Promise.all(opened.map((files) => openBlobStore({ files, meter: quietMeter })));
    const reads: string[] = [];
    const counted = blobs.map((store, number): BlobStore => ({
      ...store,
      uncompared: (...of) => (reads.push(`${number} as it is`), store.uncompared(...of)),
      whole: (hash) => (reads.push(`${number} compared`), store.whole(hash)),
    }));
    const coder = { bytes: codedBytes, coding: codingStripe, read: readStripe };
    const stripes = createFolderStripes(counted, coder, scheme);
    const all = [1_000, 5_000, 300].map((length) => Buffer.alloc(length, `bytes ${length}`));
    const refs: StripeRef[] = [];
    for (const bytes of all) {
      const put = await stripes.put(bytes, { class: "backup.pack", owner: "backup/a" as ActorId });
      if (put.ok) refs.push(put.value);
    }
    const large = refs.map((ref) => ({
      ...ref,
      shards: ref.shards.map((shard) => ({ ...shard, sizeBytes: 2 ** 50 })),
    }));
    const isRead = async (of: readonly StripeRef[]): Promise<void> => {
      for (const [number, ref] of of.entries()) {
        const read = await stripes.read(ref);
        expect(read.ok && Buffer.compare(read.value, all[number]!), String(number)).to.equal(0);
      }
    };
    await isRead(refs);
    await isRead(large);
    reads.length = 0;
    const { hash } = refs[1]!.shards[1]!;
    disks[1]!.flipBit(`${hash.slice(0, 2)}/${hash}`, 999);
    await isRead(refs.slice(0, 2));
    const asItIs = ["0 as it is", "1 as it is", "2 as it is"];
    expect(reads).to.deep.equal([...asItIs, ...asItIs, "1 compared", "3 compared"]);
    await isRead(refs);
    await stop();
  });

  it("refuse what would only be written half", async () => {
    const world = new World(1);
    const stop = world.flow();
    const disk = new FileDisk(world);
    const files = disk.open({ life: 1, alive: true });
    const blobs = await openBlobStore({ files, meter: quietMeter });
    const one = createFolderStripes(
      [blobs],
      { bytes: codedBytes, coding: codingStripe, read: readStripe },
      { type: "copies", copies: 1 },
    );
    const ports: BackupPorts = { ...backupsOf().ports, stripes: one, heads: createFolderHeads([files]) };
    const actors = new Actors();
    actors.change("room/a" as ActorId, { "message/1": { text: "first" } });
    await runBackup(ports, openRepository(ports), actors, idle);
    const before = await ports.heads.read();
    actors.change("room/a" as ActorId, { "message/2": { text: "second" } });
    disk.weather.full = true;
    const failed = await runBackup(ports, openRepository(ports), actors, idle).catch(
      (error: unknown) => failureOf(error).code,
    );
    expect(failed).to.equal("DISK_FULL");
    disk.weather.full = false;
    expect(await ports.heads.read()).to.deep.equal(before);
    const { snapshots } = await openRepository(ports).state();
    const found = await verify(ports, openRepository(ports), snapshots, { ...idle, depth: "data" });
    expect([snapshots.length, found.lost.total, found.lostUnits.total]).to.deep.equal([1, 0, 0]);
    expect((await runBackup(ports, openRepository(ports), actors, idle)).snapshot.number).to.equal(2);
    await stop();
  });
});
