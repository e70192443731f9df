import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import {
  demandEscrow,
  openEscrow,
  openSealedStore,
  readDiskKey,
  readOrMakeDiskKey,
  rootKeysOf,
  SealedFiles,
  SealedStore,
  writeDiskKey,
  type RootKeys,
} from "../../../node/keys/index.ts";
import { createDiskTasks } from "../../../node/keys/disk-tasks.ts";
import { createSealing } from "../../../node/keys/sealing.ts";
import { diskKeyOf } from "../../../node/keys/disk-key.ts";
import { sealedKey } from "../../../node/keys/sealed-store.ts";
import { writeEscrow } from "../../../node/keys/escrow.ts";
import { blobLimits, hashOf, openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { everything, verifyJournal } from "../../../node/storage/index.ts";
import { openFiles } from "../../../node/platform/index.ts";
import type { Store, StoreOp } from "../../../node/ports/index.ts";
import { depth } from "../../depth.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { append, codeOf, draft, journalOn, openAs, RowStore, slot } from "../storage/fixture.ts";
import { World } from "../../world/index.ts";

/** Rows in memory whose disk says no from some batch on, having written it or not. */
class Memory extends RowStore {
  batches = 0;
  failsAt = Infinity;
  writesAnyway = false;
  isFull = (): boolean => false;
  override async batch(ops: readonly StoreOp[]): Promise<void> {
    this.batches += 1;
    const fails = this.batches >= this.failsAt;
    if (!fails || this.writesAnyway) await super.batch(ops);
    if (fails) throw new Error("the disk says no");
  }
}

const key = diskKeyOf(Buffer.alloc(32, 1));
const other = diskKeyOf(Buffer.alloc(32, 2));
/** Long enough that no sealed bytes hold it by chance. */
const said = "what Ada and Eve";
const whole = [{ name: "all", ranges: [everything] }];
const holds = (memory: Memory, text: string): boolean =>
  [...memory.rows.values()].some((value) => Buffer.from(value).includes(text));

describe("an encrypted journal", () => {
  it("shows nothing of what it holds, and its reader all of it", async () => {
    const memory = new Memory();
    await memory.batch([{ type: "put", key: "log/a", value: Buffer.from(`${said} said`) }]);
    const store = await openSealedStore(memory, async () => key);
    expect([store.state, holds(memory, said)]).to.deep.equal(["plain", true]);
    await store.convert("sealed", { key, parts: whole });
    await store.batch([{ type: "put", key: "log/b", value: Buffer.from(`${said} wrote`) }], { sync: true });
    expect([store.state, holds(memory, said)]).to.deep.equal(["sealed", false]);
    for (const read of [store, store.view()]) {
      expect(Buffer.from((await read.get("log/a"))!).toString()).to.equal(`${said} said`);
      const rows = await read.range({ gte: "log/", lt: "log0" });
      expect(rows.map(([name, value]) => `${name}: ${Buffer.from(value).toString()}`)).to.deep.equal([
        `log/a: ${said} said`,
        `log/b: ${said} wrote`,
      ]);
    }
    const again = await openSealedStore(memory, async () => key);
    expect(Buffer.from((await again.get("log/b"))!).toString()).to.equal(`${said} wrote`);
    await again.convert("plain", { key, parts: whole });
    expect([again.state, holds(memory, said), memory.rows.has(sealedKey)]).to.deep.equal(["plain", true, false]);
  });

  it("is refused without its key, with another's, and with a state that was changed", async () => {
    const memory = new Memory();
    const store = await openSealedStore(memory, async () => undefined);
    await store.batch([{ type: "put", key: "meta/format", value: Buffer.from("mine") }], { sync: true });
    await store.convert("sealed", { key, parts: whole });
    expect(await codeOf(openSealedStore(memory, async () => undefined))).to.equal("KEY_MISSING");
    expect(await codeOf(openSealedStore(memory, async () => other))).to.equal("KEY_MISSING");
    const state = memory.rows.get(sealedKey)!;
    memory.rows.set(
      sealedKey,
      Uint8Array.from(state, (byte, at) => (at === 9 ? byte ^ 1 : byte)),
    );
    expect(await codeOf(openSealedStore(memory, async () => key))).to.equal("DATA_DAMAGED");
    memory.rows.delete(sealedKey);
    expect(await codeOf(openSealedStore(memory, async () => key))).to.equal("DATA_DAMAGED");
  });

  it("takes a value that was changed, moved, or put there by somebody without the key for damage", async () => {
    const memory = new Memory();
    const store = await openSealedStore(memory, async () => key);
    const log = await openAs(await journalOn(store), slot, 1);
    for (const text of ["one", "two", "three"]) await append(log, draft("room/a", text));
    await store.convert("sealed", { key, parts: whole });
    const head = `head/${slot}`;
    const plainHead = Buffer.from((await store.get(head))!);
    expect(await verifyJournal(store)).to.deep.include({ entries: 3, damaged: [] });
    const sealed = memory.rows.get(head)!;
    for (const [what, value] of [
      ["changed", Uint8Array.from(sealed, (byte, at) => (at === sealed.length - 20 ? byte ^ 1 : byte))],
      ["moved", memory.rows.get("meta/format")!],
      ["plain again", plainHead],
    ] as const) {
      memory.rows.set(head, value);
      const { damaged } = await verifyJournal(store);
      expect(damaged, what).to.have.length(1);
      expect(damaged[0], what).to.include({ slot });
      expect(await codeOf((await journalOn(store)).openSlot(slot)), what).to.equal("DATA_DAMAGED");
    }
  });

  it("goes on from where it was ended, at whatever batch and however it ended, and loses nothing of what is written meanwhile", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.string({ maxLength: 40 })), { maxLength: 40 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean()), { maxLength: 4 }),
        fc.boolean(),
        async (writes, ends, andBack) => {
          const memory = new Memory();
          const expected = new Map<string, string>();
          const parts = ["log/0", "log/1", "log/2", "log/3"].map((gte) => ({
            name: gte,
            ranges: [{ gte, lt: `${gte}~` }],
          }));
          parts.push({ name: "rest", ranges: [everything] });
          const queue = [...writes];
          const put = async (store: Store): Promise<void> => {
            const [row, text] = queue.shift() ?? [];
            if (row === undefined || text === undefined) return;
            const name = `log/${String(row).padStart(2, "0")}`;
            const failed = await store
              .batch([{ type: "put", key: name, value: Buffer.from(text) }], { sync: true })
              .then(
                () => false,
                () => true,
              );
            if (!failed || memory.writesAnyway) expected.set(name, text);
          };
          const lives = async (to: "sealed" | "plain"): Promise<void> => {
            for (const [batches, anyway] of [...ends, [Infinity, false] as const]) {
              // Each life ends with a batch that fails, of which nobody knows whether it was written.
              [memory.failsAt, memory.writesAnyway] = [memory.batches + batches, anyway];
              const store = await openSealedStore(memory, async () => key);
              for (let count = 0; count < 3; count += 1) await put(store);
              const done = store.convert(to, { key, parts }).catch(() => undefined);
              await Promise.all([done, put(store), put(store), put(store)]);
              memory.failsAt = Infinity;
            }
          };
          await lives("sealed");
          if (andBack) await lives("plain");
          const store = await openSealedStore(memory, async () => key);
          expect(store.state).to.equal(andBack ? "plain" : "sealed");
          const rows = await store.range({ gte: "log/", lt: "log0" });
          const found = rows.map(([name, value]) => [name, Buffer.from(value).toString()] as const);
          expect(new Map(found)).to.deep.equal(expected);
          for (const [name, value] of memory.rows)
            expect((value[0] === 0xff && value[4] === 0xc1) || name === sealedKey).to.equal(!andBack);
        },
      ),
      { numRuns: depth(60, 2_000) },
    );
  });
});

describe("a disk that is encrypted while the node runs", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-sealing-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const onDisk = async () => {
    const memory = new Memory();
    const puts = Array.from(
      { length: 40 },
      (_, row) => ({ type: "put", key: `log/${row}`, value: Buffer.from(`${said} ${row}`) }) as const,
    );
    await memory.batch(puts);
    const store = await openSealedStore(memory, async () => key);
    const used: string[] = [];
    const files = new SealedFiles(await openFiles(folder), { key: store.key, seals: false });
    const use = files.use.bind(files);
    files.use = (by, seals) => {
      used.push(`${seals ? "sealed" : "plain"} while the store is ${store.state}`);
      use(by, seals);
    };
    const clock = new World(1).clock();
    const sealing = createSealing({ store, files, parts: async () => whole, clock, log: quietLog });
    return { memory, store, files, sealing, used };
  };

  it("is what the last request wanted, and who asked is answered", async () => {
    const { memory, store, sealing } = await onDisk();
    const sealed = sealing.begin("sealed", key);
    const opened = sealing.begin("plain", key);
    const again = sealing.begin("sealed", key);
    await Promise.all([sealed, opened, again]);
    await sealing.settled();
    expect([sealing.wanted, store.state, holds(memory, said)]).to.deep.equal(["sealed", "sealed", false]);
    const back = sealing.begin("plain", key);
    await back;
    expect([sealing.wanted, store.state]).to.deep.equal(["plain", "opening"]);
    await sealing.begin("sealed", key);
    expect(store.state).to.equal("sealing");
    await sealing.begin("plain", key);
    await sealing.settled();
    expect([store.state, holds(memory, said)]).to.deep.equal(["plain", true]);
  });

  it("is a task while it is rewritten: with its author, turned round by another, over when it is", async () => {
    const { store, sealing } = await onDisk();
    const ended: string[] = [];
    let nowMs = 1_000;
    const clock = { nowMs: () => nowMs };
    const tasks = createDiskTasks({ sealing, clock, ended: ({ to, state, by }) => ended.push(`${to} ${state} ${by}`) });
    const states = () => tasks.list().map(({ to, state, by }) => `${to} ${state} ${by}`);
    expect(tasks.list()).to.deep.equal([]);
    const begun = sealing.begin("sealed", key);
    tasks.begun("ada");
    // Asked for twice it is one task.
    tasks.begun("eve");
    expect(states()).to.deep.equal(["sealed running ada"]);
    await begun;
    nowMs += 500;
    const back = sealing.begin("plain", key);
    tasks.begun("eve");
    expect(states()).to.deep.equal(["sealed cancelled ada", "plain running eve"]);
    await back;
    await sealing.settled();
    expect(states()).to.deep.equal(["sealed cancelled ada", "plain done eve"]);
    expect(ended).to.deep.equal(["sealed cancelled ada", "plain done eve"]);
    expect(tasks.list()[0]).to.deep.include({ begunAtMs: 1_000, endedAtMs: 1_500 });
    expect(store.state).to.equal("plain");
    // What was under way when a process ended is there again in the next.
    await sealing.begin("sealed", key);
    const next = createDiskTasks({ sealing, clock, ended: () => undefined });
    expect(
      next.list().map(({ to, state, by, parts }) => ({ to, state, by, isPart: parts !== undefined })),
    ).to.deep.equal([{ to: "sealed", state: "running", by: undefined, isPart: true }]);
    await sealing.settled();
    expect(next.list()[0]?.state).to.equal("done");
  });

  it("takes another key once it is plain, and what was read before it opens with the first", async () => {
    const { store, memory, sealing } = await onDisk();
    await sealing.begin("sealed", key);
    await sealing.settled();
    const before = new SealedStore(new RowStore(memory.rows), { state: "sealed", key });
    const view = before.view();
    for (const [to, by] of [
      ["plain", key],
      ["sealed", other],
    ] as const)
      await before.convert(to, { key: by, parts: whole });
    expect(Buffer.from((await view.get("log/7"))!).toString()).to.equal(`${said} 7`);
    await sealing.begin("plain", key);
    await sealing.settled();
    await sealing.begin("sealed", other);
    await sealing.settled();
    expect([store.key?.id, holds(memory, said)]).to.deep.equal([other.id, false]);
    expect(Buffer.from((await store.get("log/7"))!).toString()).to.equal(`${said} 7`);
  });

  it("has no sealed blob before the store's row says that there may be one", async () => {
    const { memory, store, sealing, used } = await onDisk();
    memory.failsAt = memory.batches + 1;
    await sealing.begin("sealed", key);
    expect([store.state, used, sealing.status().fault?.code]).to.deep.equal(["plain", [], "INTERNAL"]);
    memory.failsAt = Infinity;
    await sealing.begin("sealed", key);
    await sealing.settled();
    expect(used).to.deep.equal(["sealed while the store is sealing"]);
  });

  it("is not called encrypted while there is no room to merge what is readable away", async () => {
    const { memory, store, sealing } = await onDisk();
    memory.isFull = () => true;
    await sealing.begin("sealed", key);
    while (sealing.status().fault === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect([store.state, sealing.status().fault?.code]).to.deep.equal(["sealing", "DISK_FULL"]);
    memory.isFull = () => false;
    await sealing.begin("sealed", key);
    await sealing.settled();
    expect([store.state, sealing.status().fault]).to.deep.equal(["sealed", undefined]);
  });

  it("is not called encrypted while a file that was begun before is being written", async () => {
    const { store, files, sealing } = await onDisk();
    const writer = await files.create("one");
    await sealing.begin("sealed", key);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(store.state).to.equal("sealing");
    await writer.close();
    await files.remove("one");
    await sealing.begin("sealed", key);
    await sealing.settled();
    expect(store.state).to.equal("sealed");
  });
});

describe("the key of a disk", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-disk-key-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const file = () => join(folder, "disk.key");

  it("is its owner's alone, the same after it is read, and never written over", async () => {
    expect(await readDiskKey(file())).to.equal(undefined);
    const { id } = await writeDiskKey(file());
    expect([(await readDiskKey(file()))?.id, statSync(file()).mode & 0o777]).to.deep.equal([id, 0o600]);
    const code = await writeDiskKey(file()).catch((error: NodeJS.ErrnoException) => error.code);
    expect(code).to.equal("EEXIST");
    chmodSync(file(), 0o640);
    expect(await codeOf(readDiskKey(file()))).to.equal("CONFIG_INVALID");
  });

  it("is one, however many make it at once, and those who made another are told", async () => {
    for (let round = 0; round < 20; round += 1) {
      const of = join(folder, `${round}.key`);
      const made = await Promise.allSettled([writeDiskKey(of), writeDiskKey(of), writeDiskKey(of)]);
      const ids = made.flatMap((one) => (one.status === "fulfilled" ? [one.value.id] : []));
      expect(ids).to.deep.equal([(await readDiskKey(of))?.id]);
      const beside = join(folder, `${round}.beside`);
      const asked = [readOrMakeDiskKey(beside), readOrMakeDiskKey(beside), writeDiskKey(beside)];
      const [one, two] = await Promise.allSettled(asked);
      for (const each of [one, two])
        expect(each?.status === "fulfilled" && each.value.id).to.equal((await readDiskKey(beside))?.id);
    }
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).to.deep.equal([]);
  });

  it("with a letter changed is none", async () => {
    await writeDiskKey(file());
    const text = readFileSync(file(), "utf8");
    const at = text.indexOf("\n") + 5;
    writeFileSync(file(), `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`);
    expect(await codeOf(readDiskKey(file()))).to.equal("DATA_DAMAGED");
  });
});

describe("the key of a disk whose file is lost", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-escrow-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("comes back from the recovery kit, and from no other", async () => {
    const file = join(folder, "disk.key.sealed");
    const [root, later] = [1, 2].map((seed) => rootKeysOf(Buffer.alloc(32, seed)));
    const of = { cluster: "c1", node: "n1" };
    const to = (keys: RootKeys) => ({
      commitment: keys.commitment,
      recoveryKey: Buffer.from(keys.recipient.publicKey).toString("base64url"),
    });
    expect(await codeOf(demandEscrow(file))).to.equal("NOT_FOUND");
    await writeEscrow(file, of, key, to(root!));
    const escrow = await demandEscrow(file);
    expect(readFileSync(file).includes(Buffer.from(key.bytes).toString("base64url"))).to.equal(false);
    const opened = openEscrow(escrow, root!);
    expect(opened.ok && Buffer.from(opened.value.bytes).equals(key.bytes)).to.equal(true);
    expect(openEscrow(escrow, later!).ok).to.equal(false);
    for (const wrong of [{ node: "n2" }, { cluster: "c2" }, { key: other.id }, { sealed: escrow.sealed.slice(4) }])
      expect(openEscrow({ ...escrow, ...wrong }, root!).ok, JSON.stringify(wrong)).to.equal(false);
    // Another kit takes its place.
    await writeEscrow(file, of, key, to(later!));
    expect([
      openEscrow(await demandEscrow(file), later!).ok,
      openEscrow(await demandEscrow(file), root!).ok,
    ]).to.deep.equal([true, false]);
  });
});

describe("encrypted blobs", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-sealed-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const text = (bytes: Uint8Array): AsyncIterable<Uint8Array> =>
    (async function* () {
      yield bytes;
    })();
  const read = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
    const parts: Uint8Array[] = [];
    for await (const part of stream) parts.push(part);
    return Buffer.concat(parts);
  };

  it("replace those that are there, which are read and deleted meanwhile, and go back", async () => {
    const raw = await openFiles(folder);
    const files = new SealedFiles(raw, { seals: false });
    const blobs = await openBlobStore({ files, meter: quietMeter, limits: blobLimits });
    const sizes = [0, 1, 16_383, 16_384, 16_385, 50_000];
    const bytes = sizes.map((size) => Buffer.alloc(size, "Ada's picture "));
    for (const one of bytes) await blobs.put(text(one));
    const paths = bytes.map((one) => `${hashOf(one).slice(0, 2)}/${hashOf(one)}`);
    const shown = (): string[] => paths.filter((path) => readFileSync(join(folder, path)).includes("picture"));
    expect(shown()).to.have.length(4);
    for (const [seals, left] of [
      [true, 0],
      [false, 4],
    ] as const) {
      files.use(key, seals);
      const folders = (await raw.names("")).filter((name) => name.length === 2);
      const reading = bytes.map(async (one) => read((await blobs.open(hashOf(one))).bytes));
      for (const one of folders) await files.convert(one);
      for (const [at, one] of (await Promise.all(reading)).entries()) expect(one.equals(bytes[at]!)).to.equal(true);
      expect(shown()).to.have.length(left);
      for (const one of bytes) expect((await read((await blobs.open(hashOf(one))).bytes)).equals(one)).to.equal(true);
      expect((await blobs.list()).map(({ size }) => size).sort((a, b) => a - b)).to.deep.equal(sizes);
      for (const one of folders) expect(await files.convert(one), "nothing is left to be done").to.equal(0);
    }
    // One that is deleted while it is rewritten stays deleted.
    files.use(key, true);
    const [last] = bytes.slice(-1);
    const gone = hashOf(last!);
    await Promise.all([files.convert(gone.slice(0, 2)), blobs.delete(gone)]);
    expect([await blobs.has(gone), await raw.size(`${gone.slice(0, 2)}/${gone}`)]).to.deep.equal([
      undefined,
      undefined,
    ]);
  });

  it("that are being put while the disk changes are as the others in the end, whichever way and however often", async () => {
    const raw = await openFiles(folder);
    const files = new SealedFiles(raw, { seals: false });
    const blobs = await openBlobStore({ files, meter: quietMeter, limits: blobLimits });
    /** One whose upload ends when it is told to. */
    const under = async (bytes: Buffer) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const stream = (async function* () {
        yield bytes.subarray(0, 40_000);
        begun.resolve();
        await promise;
        yield bytes.subarray(40_000);
      })();
      const put = blobs.put(stream);
      await begun.promise;
      return async () => {
        resolve();
        await put;
        const path = join(folder, hashOf(bytes).slice(0, 2), hashOf(bytes));
        return readFileSync(path).includes("picture");
      };
    };
    const of = (who: string): Buffer => Buffer.alloc(90_000, `${who}'s picture `);
    const ada = await under(of("Ada"));
    files.use(key, true);
    expect(files.isMixed).to.equal(true);
    expect(await ada(), "begun plain, named while it is sealed").to.equal(false);
    expect(files.isMixed).to.equal(false);
    const [bob, eve] = [await under(of("Bob")), await under(of("Eve"))];
    files.use(key, false);
    for (const name of await raw.names("")) if (name.length === 2) await files.convert(name);
    files.use(undefined, false);
    expect(await bob(), "begun sealed, named while it is plain").to.equal(true);
    files.use(other, true);
    expect(await eve(), "begun with a key that is not in use any more").to.equal(false);
    for (const name of await raw.names("")) if (name.length === 2) await files.convert(name);
    for (const bytes of ["Ada", "Bob", "Eve"].map(of))
      expect((await read((await blobs.open(hashOf(bytes))).bytes)).equals(bytes)).to.equal(true);
    expect(await raw.names("temporary")).to.deep.equal([]);
  });

  it("do not take a file for theirs that only begins like one", async () => {
    const files = new SealedFiles(await openFiles(folder), { key, seals: false });
    const blobs = await openBlobStore({ files, meter: quietMeter });
    const bytes = Buffer.concat([Buffer.from("PLXFILE1"), Buffer.alloc(500, 7)]);
    const { hash } = await blobs.put(text(bytes));
    expect((await read((await blobs.open(hash)).bytes)).equals(bytes)).to.equal(true);
  });
});
