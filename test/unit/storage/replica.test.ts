import { expect } from "chai";
import fc from "fast-check";
import type { Piece, Position, SideOp } from "../../../node/storage/index.ts";
import { encodeChunk, encodeEntry, genesisChecksum } from "../../../node/storage/layout.ts";
import { anyLife, applyAll, emptyCopy, live, stateOf, type Copy, type Owner } from "./copies.ts";
import { failure, type ActorId, type SlotId } from "../../../protocols/index.ts";
import {
  append,
  apply,
  codeOf,
  draft,
  journalOn,
  must,
  openAs,
  RowStore,
  shippedBy,
  slot,
  snapshot,
  trim,
} from "./stage.ts";

const anySizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 });
const shared = /^(snap|side)\//;

/** Copies may be trimmed less, never differently. */
function expectSameLog({ store }: Pick<Owner, "store">, copy: Copy): void {
  const rows = copy.store.dump(/^log\//);
  expect(rows).to.include(store.dump(/^log\//));
  expect(Object.keys(rows).slice(-1)).to.deep.equal(Object.keys(store.dump(/^log\//)).slice(-1));
}

/** As after a failure. */
async function openAgain(copy: Copy): Promise<void> {
  copy.log.broken(failure("APPEND_FAILED"));
  Object.assign(copy, { log: await copy.journal.reopen(slot) });
}

const samePosition = (one: Position, other: Position): boolean =>
  one.seq === other.seq && one.checksum === other.checksum;

const piece = (from: Piece["from"], more: Partial<Piece> = {}): Piece => ({
  from,
  chunks: [],
  snapshots: [],
  trim: 0,
  ...more,
});

describe("a copy of a log", () => {
  it("is the owner's, byte for byte, however what was shipped shares batches", async () => {
    await fc.assert(
      fc.asyncProperty(anyLife, anySizes, async (steps, sizes) => {
        const owner = await live(steps);
        const copy = await emptyCopy();
        await applyAll(copy, owner.pieces, sizes);
        expect(copy.store.dump(shared)).to.deep.equal(owner.store.dump(shared));
        expect(copy.store.dump(/^head\/pad\//)).to.deep.equal(owner.store.dump(/^head\/pad\//));
        expectSameLog(owner, copy);
        expect(copy.log.position).to.deep.equal(owner.log.position);
      }),
      { numRuns: 200 },
    );
  }).timeout(60_000);

  it("is trimmed as the owner's when the snapshots that a trim needs were there before it", async () => {
    await fc.assert(
      fc.asyncProperty(anyLife, async (steps) => {
        const owner = await live(steps, { trimApart: true });
        const copy = await emptyCopy();
        await applyAll(copy, owner.pieces, [1]);
        expect(copy.store.dump(/^(log|snap|side)\//)).to.deep.equal(owner.store.dump(/^(log|snap|side)\//));
      }),
      { numRuns: 150 },
    );
  }).timeout(60_000);

  it("opens again as it was, and its actors come to the same state as at the owner", async () => {
    await fc.assert(
      fc.asyncProperty(anyLife, anySizes, async (steps, sizes) => {
        const owner = await live(steps);
        const copy = await emptyCopy();
        await applyAll(copy, owner.pieces, sizes);
        const again = { journal: await journalOn(new RowStore(copy.store.rows)) };
        for (const actor of owner.present) {
          const state = await stateOf(owner, actor);
          expect(await stateOf(copy, actor)).to.deep.equal(state);
          expect(await stateOf(again, actor)).to.deep.equal(state);
        }
        for (const actor of owner.left) {
          const own = actor as SlotId;
          expect(await stateOf(again, actor, own)).to.deep.equal(await stateOf(owner, actor, own));
        }
      }),
      { numRuns: 100 },
    );
  }).timeout(60_000);

  it("changes nothing of log and side values for what comes twice, too early, or of another epoch", async () => {
    const anyNoise = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.constantFrom(0, 1, 2)), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(anyLife, anyNoise, async (steps, noise) => {
        const owner = await live(steps);
        const copy = await emptyCopy();
        const at = <Value>(all: readonly Value[], place: number): Value => all[place % all.length] as Value;
        for (const [index, next] of owner.pieces.entries()) {
          for (const [when, which, epoch] of noise) {
            if (when % owner.pieces.length !== index) continue;
            // Without its trim: what comes twice may trim once more, as far as the owner has.
            const late = { ...at(owner.pieces, which), trim: 0 };
            const fits = epoch === 1 && samePosition(late.from, copy.log.position);
            if (fits) continue;
            const before = copy.store.dump(/^(log|side)\//);
            const outcome = await apply(copy.log, late, epoch);
            const early = late.from.seq >= copy.log.position.seq;
            if (epoch !== 1) expect(outcome?.code).to.equal("FENCED");
            else if (early) expect(outcome?.code).to.equal("LOG_GAP");
            expect(copy.store.dump(/^(log|side)\//)).to.deep.equal(before);
            expect(copy.log.failed).to.equal(undefined);
          }
          must(await apply(copy.log, next, 1));
        }
        expect(copy.store.dump(/^side\//)).to.deep.equal(owner.store.dump(/^side\//));
        expectSameLog(owner, copy);
        const again = { journal: await journalOn(new RowStore(copy.store.rows)) };
        for (const actor of owner.present) {
          expect(await stateOf(copy, actor)).to.deep.equal(await stateOf(owner, actor));
          expect(await stateOf(again, actor)).to.deep.equal(await stateOf(owner, actor));
        }
      }),
      { numRuns: 150 },
    );
  }).timeout(60_000);

  it("loses no entry to a snapshot that comes late, whatever is trimmed afterwards", async () => {
    await fc.assert(
      fc.asyncProperty(anyLife, fc.array(fc.nat(), { maxLength: 12 }), async (steps, late) => {
        const owner = await live(steps);
        const snapshots = owner.pieces.flatMap((each) => each.snapshots);
        const copy = await emptyCopy();
        const reopens = late.length % 3;
        for (const [index, next] of owner.pieces.entries()) {
          if ((await apply(copy.log, next, 1))?.code === "LOG_GAP") {
            // A split: a copy that was opened again does not know what its snapshots cover, so it is told again.
            for (const [actor, seq, sealed] of snapshots.filter((each) => each[1] <= copy.log.durableSeq))
              await new Promise((resolve) =>
                copy.log.applySnapshot(1, { actor: actor as ActorId, seq, sealed }, resolve),
              );
            must(await apply(copy.log, next, 1));
          }
          for (const place of late) {
            const stale = snapshots[place % Math.max(1, snapshots.length)];
            if (place % owner.pieces.length !== index || stale === undefined) continue;
            await apply(copy.log, piece(copy.log.position, { snapshots: [stale], trim: copy.log.durableSeq }), 1);
          }
          if (reopens > 0 && index % 5 === reopens) await openAgain(copy);
        }
        for (const actor of owner.present)
          expect(await stateOf(copy, actor)).to.deep.equal(await stateOf(owner, actor));
      }),
      { numRuns: 150 },
    );
  }).timeout(60_000);

  it("keeps the entries of an actor whose snapshot did not arrive, until it does", async () => {
    const store = new RowStore();
    const log = await openAs(await journalOn(store), slot, 1);
    const pieces = shippedBy(log);
    for (let number = 1; number <= 6; number += 1) must(await append(log, draft("pad/a", `${number}`)));
    must(await snapshot(log, "pad/a", 6, ["all"]));
    must(await trim(log, 5));
    const copy = await emptyCopy();
    await applyAll(
      copy,
      pieces.map((each) => ({ ...each, snapshots: [] })),
      [1],
    );
    expect([log.length, copy.log.length]).to.deep.equal([1, 6]);
    const shipped = pieces.flatMap((each) => each.snapshots);
    must(await apply(copy.log, piece(copy.log.position, { snapshots: shipped }), 1));
    must(await apply(copy.log, piece(copy.log.position, { trim: 5 }), 1));
    expect(copy.store.dump(/^(log|snap)\//)).to.deep.equal(store.dump(/^(log|snap)\//));
  });

  it("trims beyond an actor that is idle, also after it was opened again", async () => {
    const log = await openAs(await journalOn(new RowStore()), slot, 1);
    const pieces = shippedBy(log);
    const copy = await emptyCopy();
    const catchUp = (): Promise<void> => applyAll(copy, pieces.splice(0), [1]);
    must(await append(log, draft("pad/idle", "1")));
    must(await snapshot(log, "pad/idle", 1, ["1"]));
    await catchUp();
    await openAgain(copy);
    for (let round = 0; round < 5; round += 1) {
      for (let number = 0; number < 10; number += 1) must(await append(log, draft("pad/busy", "x")));
      must(await snapshot(log, "pad/busy", log.lastSeq, ["x"]));
      must(await trim(log, log.durableSeq));
      await catchUp();
      expect([log.length, copy.log.length]).to.deep.equal([1, 1]);
    }
    expect(await stateOf(copy, "pad/idle")).to.deep.equal(["1"]);
  });

  it("refuses chunks that are damaged, empty, of another slot, or of another history, and goes on", async () => {
    const { log, pieces } = await live([
      { type: "entry", actor: "pad/a", side: [] },
      { type: "settle" },
      { type: "entry", actor: "pad/a", side: [] },
    ]);
    expect(log.position.seq).to.equal(2);
    const [first, second] = pieces as [Piece, Piece];
    const copy = await emptyCopy();
    const before = copy.store.dump(/./);
    const [[, bytes] = [0, new Uint8Array()]] = first.chunks;
    const rotten = Uint8Array.from(bytes);
    rotten[9] = (rotten[9] ?? 0) ^ 1;
    const entry = { atMs: 1, actor: "pad/a" as const, events: [], answers: [], side: [] };
    const foreign = encodeChunk([encodeEntry(1, 1, entry)], genesisChecksum("chat/8")).bytes;
    for (const wrong of [rotten, foreign, new Uint8Array(), bytes.subarray(0, bytes.length - 1)])
      expect((await apply(copy.log, { ...first, chunks: [[1, wrong]] }))?.code).to.equal("LOG_GAP");
    expect((await apply(copy.log, second))?.code).to.equal("LOG_GAP");
    const elsewhere = { ...first.from, checksum: first.from.checksum ^ 1 };
    expect((await apply(copy.log, { ...first, from: elsewhere }))?.code).to.equal("LOG_GAP");
    expect((await apply(copy.log, piece(elsewhere)))?.code).to.equal("LOG_GAP");
    expect(copy.store.dump(/./)).to.deep.equal(before);
    expect(copy.log.continues).to.equal(0);
    must(await apply(copy.log, first));
    must(await apply(copy.log, second));
    expect(copy.log.position).to.deep.equal(log.position);
  });

  it("says that it continues an epoch only once a piece of that epoch fitted", async () => {
    const { pieces } = await live([{ type: "entry", actor: "pad/a", side: [] }]);
    const copy = await emptyCopy();
    await applyAll(copy, pieces, [1]);
    expect([copy.log.fence, copy.log.continues]).to.deep.equal([1, 1]);
    await copy.log.raise(3);
    expect([copy.log.fence, copy.log.continues]).to.deep.equal([3, 1]);
    expect((await apply(copy.log, piece(copy.log.position), 1))?.code).to.equal("FENCED");
    must(await apply(copy.log, piece(copy.log.position), 3));
    expect([copy.log.fence, copy.log.continues]).to.deep.equal([3, 3]);
    const again = await (await journalOn(new RowStore(copy.store.rows))).openSlot(slot);
    expect([again.fence, again.continues]).to.deep.equal([3, 3]);
  });

  it("may become the owner's, and goes on where the owner was", async () => {
    const owner = await live([{ type: "entry", actor: "pad/a", side: [] }]);
    const copy = await emptyCopy();
    await applyAll(copy, owner.pieces, [1]);
    await copy.log.raise(2);
    await copy.log.lead(2);
    must(await append(copy.log, draft("pad/a", "2")));
    const again = { journal: await journalOn(new RowStore(copy.store.rows)) };
    expect(await stateOf(again, "pad/a")).to.deep.equal(["1", "2"]);
  });
});

describe("an actor that gets a slot of its own", () => {
  const leave = (what: SideOp) => ({ ...draft("pad/m", ""), events: [], side: [what] });
  const leaving = async (): Promise<Owner> =>
    live([
      { type: "entry", actor: "pad/m", side: [{ space: "record", put: "k", value: 1 }] },
      { type: "leave", actor: "pad/m" },
    ]);

  it("needs nothing of the old log any more, at the owner, at a copy, and after a restart", async () => {
    const owner = await leaving();
    const copy = await emptyCopy();
    await applyAll(copy, owner.pieces, [1]);
    for (const log of [owner.log, copy.log, await (await journalOn(new RowStore(owner.store.rows))).openSlot(slot)]) {
      expect([...log.actorsWithTail()]).to.deep.equal([]);
      expect((await log.recover("pad/m")).entries).to.deep.equal([]);
    }
  });

  it("has the log that was split off, also where its slot was open before", async () => {
    const journal = await journalOn(new RowStore());
    const early = await openAs(journal, "pad/m" as SlotId, 1);
    const log = await openAs(journal, slot, 1);
    must(await append(log, draft("pad/m", "1")));
    must(await snapshot(log, "pad/m", 1, ["1"]));
    must(await append(log, leave({ split: "pad/m" })));
    const own = await openAs(journal, "pad/m" as SlotId, 1);
    expect(own.position.seq).to.equal(2);
    must(await append(own, draft("pad/m", "2")));
    expect(await stateOf({ journal }, "pad/m", "pad/m" as SlotId)).to.deep.equal(["1", "2"]);
    expect((await append(early, draft("pad/m", "zombie"), 1))?.code).to.equal("FENCED");
  });

  it("does not leave a copy that lacks its snapshot, however the pieces share batches", async () => {
    const { pieces } = await leaving();
    for (const together of [false, true]) {
      const copy = await emptyCopy();
      const bare = pieces.map((each) => ({ ...each, snapshots: [] }));
      const outcomes = bare.map((each) => () => apply(copy.log, each, 1));
      const codes: unknown[] = [];
      if (together) codes.push(...(await Promise.all(outcomes.map((each) => each()))).map((outcome) => outcome?.code));
      else for (const each of outcomes) codes.push((await each())?.code);
      expect(codes, `together: ${together}`).to.deep.equal([undefined, "LOG_GAP", "LOG_GAP"]);
      expect(copy.store.dump(/pad\/m$/)).to.deep.equal({});
      // With its snapshot, sent alone, it goes.
      for (const [actor, seq, sealed] of pieces.flatMap((each) => each.snapshots))
        must(
          await new Promise((resolve) => copy.log.applySnapshot(1, { actor: actor as ActorId, seq, sealed }, resolve)),
        );
      await applyAll(copy, bare.slice(1), [1]);
      expect(await stateOf(copy, "pad/m", "pad/m" as SlotId)).to.deep.equal(["1"]);
    }
  });
});

describe("a transfer of a log", () => {
  const source = async (): Promise<Owner> =>
    live([
      { type: "entry", actor: "pad/a", side: [{ space: "record", put: "k", value: 1 }] },
      { type: "settle" },
      { type: "entry", actor: "pad/b", side: [] },
      { type: "snapshot", actor: "pad/a" },
    ]);
  const rowsOf = ({ store }: Owner) =>
    [...store.rows]
      .filter(([key]) => /^(log|snap|side)\//.test(key))
      .map(([key, value]) => ({ type: "put" as const, key, value }));
  /** The head of the owner's log, for a copy to end with. */
  const headOf = ({ log }: Owner, incarnation: number) => ({
    fence: 1,
    continues: 1,
    incarnation,
    incomplete: false,
    lastEpoch: log.position.epoch,
    lastSeq: log.position.seq,
    lastChecksum: log.position.checksum,
    baseSeq: 0,
    baseChecksum: genesisChecksum(slot),
  });

  it("makes a copy whole, with a new incarnation", async () => {
    const owner = await source();
    const copy = await emptyCopy();
    const { incarnation } = copy.log;
    await copy.log.startOver(1);
    expect([copy.log.incomplete, copy.log.incarnation]).to.deep.equal([true, incarnation + 1]);
    await copy.log.write(incarnation + 1, rowsOf(owner));
    await copy.log.finish(1, incarnation + 1, headOf(owner, incarnation + 1));
    expect(copy.log.incomplete).to.equal(false);
    expect(copy.log.position).to.deep.equal(owner.log.position);
    expect(copy.store.dump(/^(log|snap|side)\//)).to.deep.equal(owner.store.dump(/^(log|snap|side)\//));
    for (const actor of owner.present) expect(await stateOf(copy, actor)).to.deep.equal(await stateOf(owner, actor));
    must(await append(owner.log, draft("pad/a", "more")));
    must(await apply(copy.log, owner.pieces.at(-1) as Piece, 1));
    expect(copy.log.position).to.deep.equal(owner.log.position);
  });

  it("that ends half-way leaves a copy that is incomplete, also after a crash, and takes no appends", async () => {
    const owner = await source();
    const copy = await emptyCopy();
    await applyAll(copy, owner.pieces.slice(0, 1), [1]);
    await copy.log.startOver(1);
    await copy.log.write(copy.log.incarnation, rowsOf(owner).slice(0, 1));
    const after = await journalOn(new RowStore(copy.store.rows));
    const again = await after.openSlot(slot);
    expect([again.incomplete, again.incarnation, again.fence]).to.deep.equal([true, copy.log.incarnation, 1]);
    expect((await apply(again, owner.pieces[0] as Piece, 1))?.code).to.equal("LOG_GAP");
    expect((await apply(again, piece(again.position), 1))?.code).to.equal("LOG_GAP");
    // Begun anew, it ends well.
    await again.startOver(1);
    await again.write(again.incarnation, rowsOf(owner));
    await again.finish(1, again.incarnation, headOf(owner, again.incarnation));
    expect(await stateOf({ journal: after }, "pad/a")).to.deep.equal(await stateOf(owner, "pad/a"));
  });

  it("takes rows and the end of its own incarnation and epoch only", async () => {
    const owner = await source();
    const copy = await emptyCopy();
    expect(await codeOf(copy.log.write(copy.log.incarnation, rowsOf(owner)))).to.equal("LOG_GAP");
    await copy.log.startOver(1);
    const { incarnation } = copy.log;
    expect(await codeOf(copy.log.write(incarnation - 1, rowsOf(owner)))).to.equal("LOG_GAP");
    expect(copy.store.dump(/^(log|snap|side)\//)).to.deep.equal({});
    await copy.log.write(incarnation, rowsOf(owner));
    expect(await codeOf(copy.log.finish(1, incarnation - 1, headOf(owner, incarnation)))).to.equal("FENCED");
    await copy.log.raise(2);
    expect(await codeOf(copy.log.finish(1, incarnation, headOf(owner, incarnation)))).to.equal("FENCED");
    expect(copy.log.incomplete).to.equal(true);
    expect(await codeOf(copy.log.startOver(1))).to.equal("FENCED");
  });

  it("does not end with rows that are not the log they are said to be", async () => {
    const owner = await source();
    const copy = await emptyCopy();
    await copy.log.startOver(1);
    const { incarnation } = copy.log;
    await copy.log.write(
      incarnation,
      rowsOf(owner).filter(({ key }) => !key.endsWith("2")),
    );
    expect(await codeOf(copy.log.finish(1, incarnation, headOf(owner, incarnation)))).to.equal("DATA_DAMAGED");
    expect(copy.log.incomplete).to.equal(true);
    expect(copy.log.failed).to.equal(undefined);
  });

  it("a copy that is thrown away keeps its fence, and is a new incarnation with nothing, and counts for nothing", async () => {
    const owner = await source();
    const copy = await emptyCopy();
    await applyAll(copy, owner.pieces, [1]);
    await copy.log.raise(7);
    const { incarnation } = copy.log;
    must(await append(await openAs(copy.journal, "chat/70", 1), draft("pad/a", "a neighbour")));
    const neighbour = copy.store.dump(/chat\/70/);
    await copy.journal.discard(slot, 5);
    const empty = await copy.journal.openSlot(slot);
    expect([empty.fence, empty.continues, empty.lastSeq, empty.incomplete]).to.deep.equal([7, 0, 0, true]);
    expect(empty.incarnation).to.be.greaterThan(incarnation);
    expect(copy.store.dump(/^(log|snap|side)\/([a-z]+\/)?chat\/7\//)).to.deep.equal({});
    expect(copy.store.dump(/chat\/70/)).to.deep.equal(neighbour);
    expect((await append(copy.log, draft("pad/a", "zombie"), 7))?.code).to.equal("FENCED");
    await copy.journal.discard(slot, 9);
    expect((await copy.journal.openSlot(slot)).fence).to.equal(9);
    expect((await copy.journal.openSlot(slot)).incarnation).to.be.greaterThan(empty.incarnation);
  });

  it("a large copy is thrown away in batches, and is incomplete from the first on, even when they break off", async () => {
    const store = new RowStore();
    const journal = await journalOn(store, { deleteRangeMax: 3 });
    const log = await openAs(journal, slot, 1);
    for (let row = 0; row < 12; row += 1)
      must(await append(log, draft("pad/a", "", { side: [{ space: "record", put: `k${row}`, value: row }] })));
    const batch = store.batch.bind(store);
    const sizes: number[] = [];
    store.batch = (ops) => {
      sizes.push(ops.length);
      if (sizes.length === 3) return Promise.reject(new Error("the disk is gone"));
      return batch(ops);
    };
    expect(await codeOf(journal.discard(slot, 5))).to.equal("APPEND_FAILED");
    expect(sizes).to.deep.equal([4, 3, 3]);
    const after = await journalOn(store, { deleteRangeMax: 3 });
    const left = await after.openSlot(slot);
    expect([left.incomplete, left.lastSeq, await after.holdsRows(slot)]).to.deep.equal([true, 0, true]);
    expect(await after.discard(slot, 5)).to.equal(true);
    expect(await after.holdsRows(slot)).to.equal(false);
    expect((await after.openSlot(slot)).incarnation).to.be.greaterThan(left.incarnation);
  });

  it("a damaged copy that is thrown away keeps the fence that its head still says", async () => {
    const copy = await emptyCopy();
    await applyAll(copy, (await source()).pieces, [1]);
    await copy.log.raise(7);
    const { incarnation } = copy.log;
    const key = [...copy.store.rows.keys()].find((each) => each.startsWith("log/")) as string;
    copy.store.rows.set(key, new Uint8Array(9));
    const journal = await journalOn(copy.store);
    expect(await codeOf(journal.openSlot(slot))).to.equal("DATA_DAMAGED");
    await journal.discard(slot, 5);
    const empty = await journal.openSlot(slot);
    expect(empty.fence).to.equal(7);
    expect(empty.incarnation).to.be.greaterThan(incarnation);
  });
});

describe("what an owner sends from disk", () => {
  it("are the chunks after any place that its log holds, and nothing for any other place", async () => {
    await fc.assert(
      fc.asyncProperty(anyLife, fc.nat(400), async (steps, bytesMax) => {
        const { log, pieces } = await live(steps);
        const kept = pieces.flatMap((each) => each.chunks).filter(([firstSeq]) => firstSeq > log.lastSeq - log.length);
        for (const { from } of pieces) {
          const there = from.seq === log.lastSeq || kept.some(([firstSeq]) => firstSeq === from.seq + 1);
          expect(log.holds(from)).to.equal(there);
          expect(log.holds({ ...from, checksum: from.checksum ^ 1 })).to.equal(false);
          expect(log.holds({ ...from, seq: from.seq + 1_000 })).to.equal(false);
          const read = await log.read(from, bytesMax);
          if (!there) {
            expect(read).to.equal(undefined);
            continue;
          }
          const after = kept.filter(([firstSeq]) => firstSeq > from.seq);
          expect(read?.chunks.map(([firstSeq]) => firstSeq)).to.deep.equal(
            after.slice(0, read?.chunks.length).map(([firstSeq]) => firstSeq),
          );
          expect((read?.chunks.length ?? 0) > 0).to.equal(after.length > 0);
          const { at } = log.after({ from, chunks: kept.filter(([seq]) => seq > from.seq), snapshots: [], trim: 0 });
          expect(at).to.deep.equal(log.position);
        }
        expect(log.holds(log.position)).to.equal(true);
      }),
      { numRuns: 60 },
    );
  }).timeout(60_000);

  it("is nothing of a log that is being trimmed, and damage when a chunk is gone that nobody has trimmed", async () => {
    const store = new RowStore();
    const log = await openAs(await journalOn(store), slot, 1);
    const pieces = shippedBy(log);
    for (const text of ["one", "two", "three"]) must(await append(log, draft("pad/a", text)));
    must(await snapshot(log, "pad/a", 3, "state"));
    const [first, second, third] = pieces.map(({ from }) => from) as [Position, Position, Position];
    const write = store.batch.bind(store);
    let reading: Promise<Piece | undefined> | undefined;
    store.batch = async (ops) => {
      await write(ops);
      // The rows are gone, and the log does not know it yet.
      reading = log.read(first, 1_000);
    };
    must(await trim(log, 1));
    store.batch = write;
    expect(await reading).to.equal(undefined);
    expect((await log.read(second, 1_000))?.chunks).to.have.length(2);
    store.rows.delete([...store.rows.keys()].findLast((key) => key.startsWith("log/")) ?? "");
    expect(await codeOf(log.read(second, 1_000))).to.equal("DATA_DAMAGED");
    expect(await codeOf(log.read(third, 1_000))).to.equal("DATA_DAMAGED");
    expect(await log.read(log.position, 1_000)).to.deep.include({ chunks: [] });
  });

  it("is a cut between two batches: its head belongs to its rows", async () => {
    const { log, journal } = await live([{ type: "entry", actor: "pad/a", side: [] }]);
    const appended = [2, 3, 4].map((number) => append(log, draft("pad/a", `${number}`)));
    const { head, view } = await log.cut();
    await Promise.all(appended);
    await journal.settled();
    const rows = await view.range({ gte: "log/", lt: "log0" });
    await view.close();
    const target = await (await journalOn(new RowStore())).openSlot(slot);
    await target.startOver(1);
    await target.write(
      target.incarnation,
      rows.map(([key, value]) => ({ type: "put", key, value })),
    );
    await target.finish(1, target.incarnation, head);
    expect(target.position.seq).to.equal(head.lastSeq);
    expect(log.position.seq).to.equal(4);
  });

  it("is nothing after a batch that failed, because it may have been written all the same", async () => {
    const store = new RowStore();
    const journal = await journalOn(store);
    const log = await openAs(journal, slot, 1);
    expect(await append(log, draft("pad/a", "1"))).to.equal(undefined);
    const write = store.batch.bind(store);
    store.batch = async (ops) => {
      await write(ops);
      throw new Error("the disk went away");
    };
    expect((await append(log, draft("pad/a", "2")))?.code).to.equal("APPEND_FAILED");
    expect(await codeOf(log.cut())).to.equal("APPEND_FAILED");
    expect(await codeOf(log.verify())).to.equal("APPEND_FAILED");
    store.batch = write;
    expect(await codeOf((await journal.reopen(slot)).verify())).to.equal("ok");
  });
});
