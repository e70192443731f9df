import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { Level } from "level";
import { openLevelStore } from "../../../node/platform/index.ts";
import type { Store, StoreOp } from "../../../node/ports/index.ts";
import { seal, unseal } from "../../../node/data-folder/seal.ts";
import { headKey, openJournal, verifyJournal, type Head, type Journal } from "../../../node/storage/index.ts";
import { decodeChunk, encodeChunk, encodeEntry, genesisChecksum, type Entry } from "../../../node/storage/layout.ts";
import { encode, failure, failureOf } from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { append, codeOf, draft, identity, openAs, slot, snapshot, trim } from "./fixture.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";

describe("journal", () => {
  const clock = flowingWorld().clock();
  let folder: string;
  let store: Store;
  let journal: Journal;
  const open = () =>
    openJournal({ store, clock, log: quietLog, meter: quietMeter, identity, limits: { scanChunksMax: 3 } });
  const reopen = async (): Promise<void> => {
    await store.close();
    store = await openLevelStore(folder);
    journal = await open();
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-journal-"));
    store = await openLevelStore(folder);
    journal = await open();
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("gives back what was appended, by actor, after a restart", async () => {
    const log = await openAs(journal, slot, 1);
    await Promise.all(["a", "b", "c"].map((text) => append(log, draft("pad/x", text))));
    await append(log, draft("pad/y", "other"));
    await reopen();
    const again = await openAs(journal, slot, 2);
    const { entries, snapshot } = await again.reader.recover("pad/x");
    expect(snapshot).to.equal(undefined);
    expect(entries.map((entry) => [entry.epoch, entry.seq, entry.events])).to.deep.equal([
      [1, 1, [{ text: "a" }]],
      [1, 2, [{ text: "b" }]],
      [1, 3, [{ text: "c" }]],
    ]);
    expect([...again.actorsWithTail()]).to.have.members(["pad/x", "pad/y"]);
    expect(await journal.slots()).to.deep.equal([slot]);
    expect(again.length).to.equal(4);
  });

  it("refuses an epoch below its fence, and appends of an epoch that was overtaken, and those alone", async () => {
    const log = await openAs(journal, slot, 3);
    expect(await append(log, draft("pad/x", "mine"), 3)).to.equal(undefined);
    const raised = log.raise(5, true);
    const late = append(log, draft("pad/x", "in the same batch as the fence"), 3);
    await raised;
    expect((await late)?.code).to.equal("FENCED");
    const [zombie, next] = await Promise.all([
      append(log, draft("pad/x", "zombie"), 3),
      append(log, draft("pad/x", "next"), 5),
    ]);
    expect(zombie).to.deep.include({ code: "FENCED", details: { slot, epoch: 3, fence: 5 } });
    expect(next).to.equal(undefined);
    expect(log.failed).to.equal(undefined);
    expect(await codeOf(openAs(journal, slot, 4))).to.equal("FENCED");
    expect(log.fence).to.equal(5);
    await reopen();
    expect(await codeOf(openAs(journal, slot, 4))).to.equal("FENCED");
    const again = await openAs(journal, slot, 6);
    const { entries } = await again.reader.recover("pad/x");
    expect(entries.map((entry) => entry.events)).to.deep.equal([[{ text: "mine" }], [{ text: "next" }]]);
    expect(await append(again, draft("pad/x", "last"))).to.equal(undefined);
  });

  it("opens a slot once, however many ask for it at the same time", async () => {
    const logs = await Promise.all([1, 2, 3].map(() => journal.openSlot(slot)));
    expect(new Set(logs).size).to.equal(1);
    const raced = await Promise.all([1, 2].map((epoch) => codeOf(openAs(journal, slot, epoch))));
    expect(raced[1]).to.equal("ok");
    expect(logs[0]?.fence).to.equal(2);
  });

  it("serves a log that failed only when it is read anew, and the old one never again", async () => {
    const log = await openAs(journal, slot, 1);
    await append(log, draft("pad/x", "a"));
    const again = await journal.reopen(slot);
    expect(again).to.not.equal(log);
    expect((await append(log, draft("pad/x", "zombie"), 1))?.code).to.equal("FENCED");
    expect(await append(again, draft("pad/x", "b"))).to.equal(undefined);
    const { entries } = await again.reader.recover("pad/x");
    expect(entries.map(({ events }) => events)).to.deep.equal([[{ text: "a" }], [{ text: "b" }]]);
  });

  it("reads a log that failed anew once, for all who knew the one that failed", async () => {
    const failed = await openAs(journal, slot, 1);
    failed.broken(failure("APPEND_FAILED"));
    const [one, two] = await Promise.all([1, 2].map(() => journal.reopen(slot, failed)));
    expect(one).to.equal(two);
    expect(one).to.not.equal(failed);
    expect(await journal.reopen(slot, failed)).to.equal(one);
    expect(one?.failed).to.equal(undefined);
    one?.broken(failure("APPEND_FAILED"));
    expect(await journal.reopen(slot, failed)).to.not.equal(one);
  });

  it("does not take what a log has since it was opened anew for damage of the one before, whose read came late", async () => {
    const log = await openAs(journal, slot, 1);
    await append(log, draft("pad/x", "one"));
    const { promise: late, resolve: release } = Promise.withResolvers<void>();
    const get = store.get.bind(store);
    store.get = async (key) => {
      if (key.startsWith("snap/")) await late;
      return get(key);
    };
    const reading = codeOf(log.reader.recover("pad/x"));
    const again = await journal.reopen(slot);
    await append(again, draft("pad/x", "two"));
    await snapshot(again, "pad/x", 2, { texts: ["one", "two"] });
    release();
    expect(await reading).to.equal("FENCED");
    expect(await codeOf(again.reader.recover("pad/x"))).to.equal("ok");
  });

  it("writes nothing of an epoch that it does not lead", async () => {
    const log = await journal.openSlot(slot);
    await log.raise(4);
    expect((await append(log, draft("pad/x", "too early")))?.code).to.equal("FENCED");
    expect(await codeOf(log.lead(3))).to.equal("FENCED");
    await log.lead(4);
    expect(await append(log, draft("pad/x", "now"))).to.equal(undefined);
    expect([log.position.seq, log.position.epoch, log.continues]).to.deep.equal([1, 4, 4]);
  });

  it("keeps records, reminders and marks in the same append, and reads ranges of them", async () => {
    const log = await openAs(journal, slot, 1);
    const event = { text: "shared" };
    const puts = ["k1", "k2", "k3", "k4"].map((key) => ({ space: "record" as const, put: key, value: { key } }));
    await append(log, draft("pad/x", "", { side: puts }));
    await append(log, draft("pad/y", "", { side: [{ space: "record", put: "k1", value: "another actor's" }] }));
    await append(log, draft("pad/x", "", { events: [event], side: [{ space: "record", put: "k5", value: event }] }));
    await append(
      log,
      draft("pad/x", "", {
        side: [
          { space: "record", delete: "k2" },
          { space: "reminder", put: "r", value: 5 },
        ],
      }),
    );
    const keys = async (from: string, to: string, limit: number, reverse = false) =>
      (await log.reader.readSide("record", "pad/x", { from, to, limit, reverse })).map((row) => row.key);
    expect(await keys("k", "l", 10)).to.deep.equal(["k1", "k3", "k4", "k5"]);
    expect(await keys("k1", "k4", 10)).to.deep.equal(["k1", "k3"]);
    expect(await keys("k", "l", 2, true)).to.deep.equal(["k5", "k4"]);
    expect(await keys("l", "k", 2)).to.deep.equal([]);
    expect(await journal.slotsWithWork()).to.deep.equal([slot]);
    const side = [
      { space: "record" as const, put: "k9", value: 9 },
      { space: "record" as const, deleteFrom: "k3", deleteTo: "kz" },
    ];
    await append(log, draft("pad/x", "", { side }));
    expect(await keys("k", "l", 10)).to.deep.equal(["k1"]);
    const { entries } = await log.reader.recover("pad/x");
    expect(entries[1]?.side).to.deep.equal([{ space: "record", put: "k5", value: event }]);
    expect(entries[2]?.side[0]).to.deep.equal({ space: "record", delete: "k2" });
    expect(entries[3]?.side[1]).to.deep.equal({ space: "record", deleteFrom: "k3", deleteTo: "kz" });
    expect(await log.reader.readSpace("reminder")).to.deep.equal([{ actor: "pad/x", key: "r", value: 5 }]);
  });

  it("recovers from a snapshot and the entries after it, and trims what no actor needs", async () => {
    const log = await openAs(journal, slot, 1);
    for (let index = 1; index <= 30; index += 1)
      await append(log, draft(index % 3 === 0 ? "pad/y" : "pad/x", `${index}`));
    expect(log.actorsBelow(20)).to.have.members(["pad/x", "pad/y"]);
    expect(log.firstNeeded("pad/x")).to.equal(1);
    await snapshot(log, "pad/x", 20, { upTo: 20 });
    await snapshot(log, "pad/y", 30, { upTo: 30 });
    expect(log.actorsBelow(20)).to.deep.equal([]);
    expect(log.firstNeeded("pad/y")).to.equal(Infinity);
    await trim(log, 20);
    expect(log.length).to.equal(10);
    await reopen();
    const again = await openAs(journal, slot, 2);
    const recovered = await again.reader.recover("pad/x");
    expect(recovered.snapshot).to.deep.equal({ seq: 20, body: { upTo: 20 } });
    expect(recovered.entries.map((entry) => entry.seq)).to.deep.equal([22, 23, 25, 26, 28, 29]);
    expect((await again.reader.recover("pad/y")).entries).to.deep.equal([]);
    const snapshotted = (from: string, limit: number) => again.reader.actorsWithSnapshot({ from, to: "~", limit });
    expect(await snapshotted("", 10)).to.deep.equal(["pad/x", "pad/y"]);
    expect(await snapshotted("", 1)).to.deep.equal(["pad/x"]);
    expect(await snapshotted("pad/x\0", 10)).to.deep.equal(["pad/y"]);
    expect(await append(again, draft("pad/x", "31"))).to.equal(undefined);
  });

  it("refuses an entry that is too large before it touches the log", async () => {
    const log = await openAs(journal, slot, 1);
    expect(() => log.append(1, draft("pad/x", "x".repeat(2_000_000)), () => undefined)).to.throw(/TOO_LARGE/);
    expect(log.lastSeq).to.equal(0);
  });

  it("answers a failed batch with unknown and takes nothing more", async () => {
    const failing: Store = {
      ...store,
      batch: (ops, options) =>
        ops.some((op) => op.key.startsWith("log/")) ? Promise.reject(new Error("full")) : store.batch(ops, options),
    };
    const other = await openJournal({ store: failing, clock, log: quietLog, meter: quietMeter, identity });
    const log = await openAs(other, slot, 1);
    const first = await append(log, draft("pad/x", "a"));
    expect(first).to.deep.include({ code: "APPEND_FAILED", outcome: "unknown" });
    expect((await append(log, draft("pad/x", "b")))?.code).to.equal("APPEND_FAILED");
    await other.settled();
  });

  describe("damage", () => {
    const write = async (count: number): Promise<void> => {
      const log = await openAs(journal, slot, 1);
      for (let index = 0; index < count; index += 1) await append(log, draft("pad/x", `${index}`));
    };
    const logKeys = async () => (await store.range({ gte: "log/", lt: "log0" })).map(([key]) => key);
    const damageOf = async (): Promise<unknown> => {
      await reopen();
      try {
        await openAs(journal, slot, 2);
        return undefined;
      } catch (error) {
        const { code, details } = failureOf(error);
        expect(code).to.equal("DATA_DAMAGED");
        expect(JSON.stringify(details?.["file"] ?? folder)).to.include(folder);
        return details?.["seq"] ?? details?.["key"];
      }
    };

    it("names the entry with a flipped bit, wherever the bit is", async () => {
      await write(5);
      const [, , third] = await store.range({ gte: "log/", lt: "log0" });
      const [key, bytes] = third as readonly [string, Uint8Array];
      for (let index = 0; index < bytes.length; index += 7) {
        const rotten = Uint8Array.from(bytes);
        rotten[index] = (rotten[index] ?? 0) ^ 1;
        await store.batch([{ type: "put", key, value: rotten }], { sync: true });
        expect(await damageOf(), `byte ${index}`).to.equal(3);
      }
    });

    it("names a missing entry, a missing end, and an entry of another slot", async () => {
      await write(5);
      const keys = await logKeys();
      const middle = keys[2] as string;
      const bytes = (await store.get(middle)) as Uint8Array;
      await store.batch([{ type: "del", key: middle }], { sync: true });
      expect(await damageOf()).to.equal(3);
      await store.batch([{ type: "put", key: middle, value: bytes }], { sync: true });
      expect(await damageOf()).to.equal(undefined);
      await store.batch([{ type: "del", key: keys[4] as string }], { sync: true });
      expect(await damageOf()).to.equal(5);
      const foreign = await openAs(journal, "chat/8", 1);
      await append(foreign, draft("pad/z", "foreign"));
      const theirs = (await store.get("log/chat/8/0000000000000001")) as Uint8Array;
      await store.batch([{ type: "put", key: keys[0] as string, value: theirs }], { sync: true });
      expect(await damageOf()).to.equal(1);
    });

    it("names a slot whose head is missing, and goes on behind a key that is not valid text", async () => {
      await write(12);
      await store.batch([{ type: "del", key: `head/${slot}` }], { sync: true });
      expect((await verifyJournal(store)).damaged).to.deep.equal([
        { slot, file: folder, reason: "its head is missing" },
      ]);
      await store.close();
      const raw = new Level<Uint8Array, Uint8Array>(folder, { keyEncoding: "view", valueEncoding: "view" });
      for (const prefix of ["log", "side/wake"])
        await raw.put(Buffer.from(`${prefix}/\xffhat/7/1`, "latin1"), Buffer.alloc(1));
      await raw.close();
      store = await openLevelStore(folder);
      journal = await open();
      const reasons = (await verifyJournal(store)).damaged.map(({ reason }) => reason);
      expect(reasons).to.include("a key is not valid text");
      expect(await codeOf(journal.slotsWithWork())).to.equal("DATA_DAMAGED");
    });

    it("opens no slot whose head contradicts itself, however it was sealed", async () => {
      await write(3);
      const key = headKey(slot);
      const head = unseal(key, (await store.get(key)) as Uint8Array, folder) as Head;
      for (const [wrong, reason] of [
        [{ baseSeq: head.lastSeq + 1 }, "the log would end before it begins"],
        [{ lastEpoch: head.fence + 1 }, "an entry would be of an epoch beyond the fence"],
        [{ continues: head.fence + 1 }, "the log would continue an epoch beyond the fence"],
      ] as const) {
        await store.batch([{ type: "put", key, value: seal(key, { ...head, ...wrong }) }], { sync: true });
        expect((await verifyJournal(store)).damaged.map((damage) => damage["reason"])).to.deep.equal([reason]);
        expect(await codeOf((await open()).openSlot(slot))).to.equal("DATA_DAMAGED");
      }
    });

    it("takes no snapshot that says it is of entries that the log does not have", async () => {
      await write(3);
      const log = await openAs(journal, slot, 2);
      await snapshot(log, "pad/x", 3, { a: 1 });
      const key = `snap/${slot}/pad/x`;
      for (const seq of [1e12, 0.5, "3"]) {
        await store.batch([{ type: "put", key, value: seal(key, [seq, { a: 1 }]) }], { sync: true });
        expect(await codeOf(log.reader.recover("pad/x")), String(seq)).to.equal("DATA_DAMAGED");
      }
    });

    it("names a damaged head and a damaged snapshot, and the check finds them too", async () => {
      await write(3);
      const log = await openAs(journal, slot, 2);
      await snapshot(log, "pad/x", 3, { a: 1 });
      const [row] = await store.range({ gte: "snap/", lt: "snap0" });
      await store.batch([{ type: "put", key: (row as readonly [string, Uint8Array])[0], value: new Uint8Array(8) }], {
        sync: true,
      });
      expect(await codeOf(log.reader.recover("pad/x"))).to.equal("DATA_DAMAGED");
      const found = await verifyJournal(store);
      expect(found.damaged.map((damage) => damage["key"])).to.deep.equal(["snap/chat/7/pad/x"]);
      await store.batch([{ type: "put", key: `head/${slot}`, value: new Uint8Array(3) }], { sync: true });
      expect(await damageOf()).to.equal(`head/${slot}`);
      const verified = await verifyJournal(store);
      expect(verified.damaged).to.have.length(1);
      expect(verified.damaged[0]?.["slot"]).to.equal(slot);
    });

    it("is not reported where there is none", async () => {
      await write(12);
      const log = await openAs(journal, slot, 2);
      await append(
        log,
        draft("pad/x", "", {
          side: Array.from({ length: 10 }, (_, index) => ({
            space: "record" as const,
            put: `k${index}`,
            value: index,
          })),
        }),
      );
      expect(await verifyJournal(store)).to.deep.equal({
        entries: 13,
        slots: 1,
        damaged: [],
      });
    });
  });

  describe("format", () => {
    it("keeps its identity, and refuses a folder of another version", async () => {
      const { cluster, node, version } = journal.format;
      expect([cluster, node, version]).to.deep.equal(["c1", "n1", 1]);
      await store.batch(
        [{ type: "put", key: "meta/format", value: seal("meta/format", { ...journal.format, version: 9 }) }],
        { sync: true },
      );
      expect(await codeOf(open())).to.equal("DATA_FORMAT_UNKNOWN");
    });

    it("writes what a new folder must have beside its identity in the same batch", async () => {
      const batches: (readonly string[])[] = [];
      const recording: Store = Object.assign(Object.create(store) as Store, {
        get: () => Promise.resolve(undefined),
        keys: () => Promise.resolve([]),
        batch: (ops: readonly StoreOp[]) => Promise.resolve(void batches.push(ops.map(({ key }) => key))),
      });
      const beside = [{ type: "put", key: "meta/home", value: new Uint8Array() }] as const;
      await openJournal({ store: recording, clock, log: quietLog, meter: quietMeter, identity, beside });
      expect(batches).to.deep.equal([["meta/format", "meta/home"]]);
    });

    it("takes no folder that has lost it for a new one, whatever else is there", async () => {
      for (const key of ["head/chat/7", "log/chat/7/1", "side/record/chat/7/pad/x/1", "directory/head", "meta/home"]) {
        await store.batch(
          [
            { type: "del", key: "meta/format" },
            { type: "put", key, value: seal(key, {}) },
          ],
          { sync: true },
        );
        const { code, details } = await open().then(() => expect.fail(`made anew beside ${key}`), failureOf);
        expect(code, key).to.equal("DATA_DAMAGED");
        expect(details, key).to.include({ key: "meta/format", file: folder });
        expect(await store.get("meta/format")).to.equal(undefined);
        await store.batch([{ type: "del", key }], { sync: true });
      }
      expect((await open()).format.node).to.equal("n1");
    });

    it("refuses a folder that another process or node has open", async () => {
      expect(await codeOf(openLevelStore(folder))).to.equal("DATA_FOLDER_IN_USE");
    });
  });
});

describe("layout", () => {
  const anyEntry = (seq: number): fc.Arbitrary<Entry> =>
    fc.record({
      epoch: fc.integer({ min: 1, max: 9 }),
      seq: fc.constant(seq),
      atMs: fc.nat(),
      actor: fc.constantFrom("pad/a" as const, "pad/b" as const),
      // What arrives as JSON never has a key like `__proto__`: the codec would rename it.
      events: fc.array(
        fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes("__proto__")),
        {
          maxLength: 3,
        },
      ),
      answers: fc.array(fc.tuple(fc.string(), fc.jsonValue({ maxDepth: 1 })), { maxLength: 2 }),
      side: fc.array(fc.record({ space: fc.constant("record" as const), put: fc.string(), value: fc.nat() }), {
        maxLength: 2,
      }),
    });

  it("reads a chunk as it was written, and any damage to it as damage", () => {
    const entries = fc
      .integer({ min: 1, max: 4 })
      .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => anyEntry(index + 1))));
    fc.assert(
      fc.property(entries, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, place, flip) => {
        const start = genesisChecksum(slot);
        const { bytes, checksum } = encodeChunk(
          written.map((entry) => encodeEntry(entry.epoch, entry.seq, entry)),
          start,
        );
        const read = decodeChunk(bytes, 1, start);
        expect(read.damage).to.equal(undefined);
        expect(read.checksum).to.equal(checksum);
        expect(JSON.stringify(read.entries.map((entry) => entry.events))).to.equal(
          JSON.stringify(written.map((entry) => entry.events)),
        );
        const rotten = Uint8Array.from(bytes);
        rotten[place % rotten.length] = (rotten[place % rotten.length] ?? 0) ^ flip;
        expect(decodeChunk(rotten, 1, start).damage).to.not.equal(undefined);
        expect(decodeChunk(bytes.subarray(0, bytes.length - 1), 1, start).damage).to.not.equal(undefined);
        expect(decodeChunk(bytes, 1, (start ^ 1) >>> 0).damage).to.not.equal(undefined);
        expect(decodeChunk(bytes, 2, start).damage).to.not.equal(undefined);
      }),
    );
  });

  it("keeps once what an entry's events and records share, however deep in the event it is", () => {
    const message = { seq: 1, text: "x".repeat(10_000) };
    const event = { type: "posted", message };
    const change = { type: "happened", at: 7, event };
    const put = (key: string, value: unknown) => ({ space: "record", put: key, value }) as const;
    const side = [put("event/7", event), put("message/1", message), put("thread/1/1", message), put("n", null), put("all", change)];
    const written = { epoch: 1, seq: 1, atMs: 1, actor: "pad/x" as const, events: [{ type: "opened" }, change], answers: [], side };
    const payload = encodeEntry(1, 1, written);
    expect(payload.length).to.be.lessThan(10_500);
    const { bytes } = encodeChunk([payload], genesisChecksum(slot));
    expect(decodeChunk(bytes, 1, genesisChecksum(slot)).entries).to.deep.equal([written]);
  }); // prettier-ignore

  it("names what is no entry as damage, and keeps what is before it", () => {
    const entry = encodeEntry(1, 1, draft("pad/x", "good"));
    for (const payload of [encode(null), encode("text"), encode([1, 2]), Uint8Array.from([0xc1]), new Uint8Array()]) {
      const { bytes } = encodeChunk([entry, payload], genesisChecksum(slot));
      const { entries, damage } = decodeChunk(bytes, 1, genesisChecksum(slot));
      expect(entries).to.have.length(1);
      expect(damage).to.deep.equal({ seq: 2, reason: "no entry" });
    }
  });

  it("gives a value or a refusal for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeChunk(bytes, 1, 0);
        expect(() => unseal("k", bytes, "here")).to.throw(/DATA_DAMAGED/);
      }),
    );
  });

  it("seals a value to its key", () => {
    const sealed = seal("k1", { a: [1, "two", null] });
    expect(unseal("k1", sealed, "here")).to.deep.equal({ a: [1, "two", null] });
    expect(() => unseal("k2", sealed, "here")).to.throw(/DATA_DAMAGED/);
  });
});
