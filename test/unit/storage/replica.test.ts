import { expect } from "chai";
import fc from "fast-check";
import type { Piece, Position, SideOp } from "../../../node/storage/index.ts";
import { encodeChunk, encodeEntry, genesisChecksum, spaces } from "../../../node/storage/layout.ts";
import { anyLife, applyAll, emptyCopy, live, stateOf, type Copy, type Owner } from "./copies.ts";
import { seal } from "../../../node/data-folder/seal.ts";
import { encode, failure, parseActorId, type ActorId, type SlotId } from "../../../protocols/index.ts";
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
} from "./fixture.ts";

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
  });

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
  });

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
  });

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
  });

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
  });

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
      expect((await log.reader.recover("pad/m")).entries).to.deep.equal([]);
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

  it("leaves the log of its slot alone when that is there already", async () => {
    const { pieces } = await leaving();
    const copy = await emptyCopy();
    const early = await openAs(copy.journal, "pad/m" as SlotId, 1);
    must(await append(early, draft("pad/m", "in its own slot")));
    await applyAll(copy, pieces, [1]);
    expect(early.failed).to.equal(undefined);
    must(await append(early, draft("pad/m", "and on")));
    expect(await stateOf(copy, "pad/m", "pad/m" as SlotId)).to.deep.equal(["in its own slot", "and on"]);
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

/** A row of an entry as it lies in a chunk: what `encodeEntry` makes of an honest one. */
type Row = [epoch: unknown, seq: unknown, atMs: unknown, actor: unknown, events: unknown, answers: unknown, side: unknown]; // prettier-ignore

const honest: Row = [1, 1, 1, "pad/y", [{ text: "x" }], [], []];
const row = (more: { readonly [place: number]: unknown }): Row => Object.assign([...honest], more) as Row;
const withSide = (...side: readonly unknown[]): Row => row({ 6: side });

/** The first piece of a log, with one entry of these bytes. */
const pieceOf = (payload: Uint8Array, name: SlotId = slot): Piece => {
  const { bytes } = encodeChunk([payload], genesisChecksum(name));
  return piece({ epoch: 0, seq: 0, checksum: genesisChecksum(name) }, { chunks: [[1, bytes]] });
};

describe("what no owner of a slot can have appended", () => {
  /** Each is refused as a whole, and what is sent next is not. */
  async function expectRefused(wrong: Iterable<readonly [what: string, payload: Row | Uint8Array]>): Promise<void> {
    const copy = await emptyCopy();
    const neighbour = await openAs(copy.journal, "chat/30", 4);
    must(await append(neighbour, draft("pad/z", "a neighbour")));
    const before = copy.store.dump(/./);
    for (const [what, payload] of wrong) {
      const outcome = await apply(copy.log, pieceOf(payload instanceof Uint8Array ? payload : encode(payload)), 1);
      expect(outcome?.code, what).to.equal("LOG_GAP");
      expect(copy.store.dump(/./), what).to.deep.equal(before);
      expect([copy.log.failed, neighbour.failed, copy.log.continues], what).to.deep.equal([undefined, undefined, 0]);
    }
    must(await append(neighbour, draft("pad/z", "goes on")));
    must(await apply(copy.log, pieceOf(encode(honest)), 1));
    expect(await stateOf(copy, "pad/y")).to.deep.equal(["x"]);
  }

  it("is a split or a drop of anything but the entry's own actor, or of what is no actor", () =>
    expectRefused([
      ["a role's slot is split off", withSide(["", 4, "chat/30"])],
      ["a role's slot is dropped", withSide(["", 5, "chat/30"])],
      ["another actor is split off", withSide(["", 4, "pad/z"])],
      ["another actor is dropped", withSide(["", 5, "pad/z"])],
      ["an actor named like a role's slot", row({ 3: "chat/30", 6: [["", 4, "chat/30"]] })],
      ["the same, dropped", row({ 3: "chat/30", 6: [["", 5, "chat/30"]] })],
      ["nobody is split off", withSide(["", 4])],
      ["behind something honest", withSide(["record", 0, "k", 1], ["", 4, "chat/30"])],
    ]));

  it("is a side value in a space that is none", () =>
    expectRefused(
      ["dead/chat/30/room/lobby", "wake/chat/30", "records", "", "__proto__", null, 7, ["record"], undefined].flatMap(
        (space) =>
          [
            [0, "k", null],
            [1, "k"],
            [2, "a", "z"],
            [3, "k", 0],
          ].map((op): [string, Row] => [`${JSON.stringify(space)} ${op[0]}`, withSide([space, ...op])]),
      ),
    ));

  it("is an entry of an epoch that is no count, or after the one it is sent in", () =>
    expectRefused(
      [-1, 0, 1.5, 2, Number.MAX_SAFE_INTEGER + 1, Infinity, NaN, "1", null, undefined, [1], { epoch: 1 }, true].map(
        (epoch): [string, Row] => [JSON.stringify({ epoch }), row({ 0: epoch })],
      ),
    ));

  it("is an entry of what is no actor's address", () =>
    expectRefused(
      ["", "pad", "pad/", "/y", "pad/Y", "pad/y/z", "../x/y", "pad/y\n", `pad/${"y".repeat(97)}`, null, 7, ["pad/y"]].map(
        (actor): [string, Row] => [JSON.stringify(actor), row({ 3: actor })],
      ),
    )); // prettier-ignore

  it("are side operations whose keys or values are of another type, or that nobody knows", () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 1_000; depth += 1) deep = [deep];
    // Deeper than can be encoded: so many arrays of one item, around a number.
    const veryDeep = Buffer.concat([
      encode(withSide(["record", 0, "k", 7])).subarray(0, -1),
      Buffer.alloc(8_000, 0x91),
      encode(7),
    ]);
    return expectRefused([
      ["no key", withSide(["record", 0])],
      ["a number for a key", withSide(["record", 0, 7, 1])],
      ["a list for a key", withSide(["record", 0, ["k"], 1])],
      ["a deletion of nothing", withSide(["record", 1])],
      ["a deletion of a number", withSide(["record", 1, 7])],
      ["a range without an end", withSide(["record", 2, "a"])],
      ["a range without a beginning", withSide(["record", 2, null, "z"])],
      ["a reminder at no time", withSide(["reminder", 0, "r", "soon"])],
      ["a reminder without a value", withSide(["reminder", 0, "r"])],
      ["a letter that is none", withSide(["dead", 0, "1", null])],
      ["a quarantine that is none", withSide(["quarantine", 0, "since", 7])],
      ["a reference to no event", withSide(["record", 3, "k", 1])],
      ["a reference to no part", withSide(["record", 3, "k", 0, "text", "more"])],
      ["a reference to what all objects have", withSide(["record", 3, "k", 0, "constructor"])],
      ["a reference by something strange", withSide(["record", 3, "k", deep])],
      ["an operation nobody knows", withSide(["record", 9, "k", 0])],
      ["an operation that is none", withSide("record")],
      ["nothing", withSide(null)],
      ["no list", row({ 6: null })],
      ["a text", row({ 6: "side" })],
      ["a value too deep to be stored", veryDeep],
    ]);
  });

  it("is what is no entry", () =>
    expectRefused([
      ["nothing", new Uint8Array()],
      ["no msgpack", Uint8Array.from([0xc1, 0xff])],
      ["a text", encode("text")],
      ["null", encode(null)],
      ["an empty list", encode([])],
      ["a time that is none", row({ 2: "now" })],
      ["events that are none", row({ 4: { text: "x" } })],
      ["no events", row({ 4: null })],
      ["answers that are none", row({ 5: "o1" })],
      ["an answer to nothing", row({ 5: [[7, "done"]] })],
      ["answers in no pairs", row({ 5: ["o1"] })],
      ["another seq", row({ 1: 2 })],
      ["a seq that is none", row({ 1: "1" })],
    ]));

  it("does not become honest by what it comes with", async () => {
    const copy = await emptyCopy();
    const before = copy.store.dump(/./);
    const payloads = [encode(honest), encode([1, 2, ...withSide(["dead/chat/30/room/lobby", 0, "k", 1]).slice(2)])];
    const { bytes } = encodeChunk(payloads, genesisChecksum(slot));
    const wrong = { ...pieceOf(encode(honest)), chunks: [[1, bytes]] } as const;
    const right = pieceOf(encode(honest));
    const outcomes = await Promise.all([wrong, right].map((each) => apply(copy.log, each, 1)));
    expect(outcomes.map((outcome) => outcome?.code)).to.deep.equal(["LOG_GAP", undefined]);
    expect(copy.log.position.seq).to.equal(1);
    expect(Object.keys(copy.store.dump(/./)).filter((key) => !(key in before))).to.deep.equal([
      `log/${slot}/0000000000000001`,
    ]);
  });

  it("is anything of another actor in a slot that is one actor's own", async () => {
    const name = "pad/y" as SlotId;
    const journal = await journalOn(new RowStore());
    const log = await journal.openSlot(name);
    await log.raise(1);
    const other = encodeEntry(1, 1, draft("pad/z", "x"));
    const leaves = (side: SideOp) => encodeEntry(1, 1, draft("pad/y", "x", { side: [side] }));
    for (const payload of [other, leaves({ split: "pad/y" }), leaves({ drop: "pad/y" })])
      expect((await apply(log, pieceOf(payload, name), 1))?.code).to.equal("LOG_GAP");
    must(await apply(log, pieceOf(encode(honest), name), 1));
    expect(log.position.seq).to.equal(1);
  });

  it("is a snapshot of what is no actor, no actor of the slot, or of another entry than it is said to be of", async () => {
    const { pieces } = await live([{ type: "entry", actor: "pad/a", side: [] }]);
    const copy = await emptyCopy();
    await applyAll(copy, pieces, [1]);
    const before = copy.store.dump(/./);
    for (const actor of ["", "pad", "pad/A", "pad/a/b", "../chat/30/pad/a"]) {
      const sealed = seal(`snap/${slot}/${actor}`, [1, "state"]);
      expect((await apply(copy.log, piece(copy.log.position, { snapshots: [[actor, 1, sealed]] }), 1))?.code).to.equal(
        "LOG_GAP",
      );
      const alone = { actor: actor as ActorId, seq: 1, sealed };
      const outcome = await new Promise<unknown>((resolve) => copy.log.applySnapshot(1, alone, resolve));
      expect(outcome).to.include({ code: "LOG_GAP" });
    }
    expect(copy.store.dump(/./)).to.deep.equal(before);
    // One of an earlier entry than it is said to be: what is between would be trimmed for it. And what is no snapshot.
    const key = `snap/${slot}/pad/a`;
    const { seq } = copy.log.position;
    for (const row of [[0, "state"], [1e12, "state"], [String(seq), "state"], [seq], "state"]) {
      const alone = { actor: "pad/a" as ActorId, seq, sealed: seal(key, row) };
      const wrong = piece(copy.log.position, { snapshots: [["pad/a", seq, alone.sealed]] });
      expect((await apply(copy.log, wrong, 1))?.code, String(row)).to.equal("LOG_GAP");
      const outcome = await new Promise<unknown>((resolve) => copy.log.applySnapshot(1, alone, resolve));
      expect(outcome, String(row)).to.include({ code: "LOG_GAP" });
    }
    expect(copy.store.dump(/./)).to.deep.equal(before);
    const own = await copy.journal.openSlot("pad/a" as SlotId);
    await own.raise(1);
    const sealed = seal("snap/pad/a/pad/b", [0, "state"]);
    expect((await apply(own, piece(own.position, { snapshots: [["pad/b", 0, sealed]] }), 1))?.code).to.equal("LOG_GAP");
  });

  it("reaches nothing but its slot and that of an actor that leaves it, whatever is in it", async () => {
    const anyName = fc.constantFrom<unknown>("pad/y", "pad/z", "chat/30", "chat/7", "pad/Y", "room/lobby/x", 7, null);
    const anySpace = fc.oneof(fc.constantFrom<unknown>(...spaces), fc.constantFrom<unknown>("wake/chat/30", "", null));
    const anyValue = fc.oneof(fc.jsonValue(), fc.string(), fc.nat(9), anyName);
    const anyOp = fc.oneof(
      fc.tuple(fc.constant(""), fc.constantFrom(4, 5), anyName),
      fc.tuple(anySpace, fc.constantFrom(0, 1, 2, 3, 6), anyValue, anyValue),
      fc.jsonValue(),
    );
    const anyRow = fc.tuple(
      fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: anyValue }),
      fc.constant(1),
      fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: anyValue }),
      fc.oneof({ weight: 3, arbitrary: fc.constant("pad/y") }, { weight: 1, arbitrary: anyName }),
      fc.oneof(
        { weight: 5, arbitrary: fc.array(fc.jsonValue(), { maxLength: 2 }) },
        { weight: 1, arbitrary: anyValue },
      ),
      fc.constant([]),
      fc.array(anyOp, { maxLength: 3 }),
    );
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(anyRow, async (entry) => {
        const copy = await emptyCopy();
        const neighbour = await openAs(copy.journal, "chat/30", 4);
        must(await append(neighbour, draft("pad/z", "a neighbour")));
        const before = copy.store.dump(/./);
        const outcome = await apply(copy.log, pieceOf(encode(entry)), 1);
        expect(outcome?.code).to.be.oneOf([undefined, "LOG_GAP"]);
        const after = copy.store.dump(/./);
        if (outcome) return void expect(after).to.deep.equal(before);
        taken += 1;
        const actor = entry[3] as ActorId;
        expect(parseActorId(actor)).to.not.equal(undefined);
        expect(neighbour.failed).to.equal(undefined);
        const changed = Object.keys({ ...before, ...after }).filter((key) => before[key] !== after[key]);
        const allowed = [`head/${slot}`, `log/${slot}/`, ...spaces.map((space) => `side/${space}/${slot}/${actor}/`)];
        const own = [`head/${actor}`, `snap/${actor}/`, ...spaces.map((space) => `side/${space}/${actor}/${actor}/`)];
        for (const key of changed)
          expect(key).to.satisfy((one: string) => [...allowed, ...own].some((prefix) => one.startsWith(prefix)));
        expect(await codeOf((await journalOn(new RowStore(copy.store.rows))).openSlot(slot))).to.equal("ok");
        expect(copy.log.position.epoch).to.equal(1);
      }),
      { numRuns: 400 },
    );
    expect(taken).to.be.greaterThan(20);
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

  it("does not end with entries that no owner of the slot can have appended, or in an epoch that has not been", async () => {
    const wrong: [Row, lastEpoch: number][] = [
      [withSide(["dead/chat/30/room/lobby", 0, "k", null]), 1],
      [withSide(["", 4, "chat/30"]), 1],
      [row({ 0: -1 }), 1],
      [row({ 0: 2 }), 2],
      [honest, 2],
    ];
    for (const [entry, epoch] of [...wrong, [honest, 1] as const]) {
      const { bytes, checksum } = encodeChunk([encode(entry)], genesisChecksum(slot));
      const { log } = await emptyCopy();
      await log.startOver(1);
      const { incarnation } = log;
      await log.write(incarnation, [{ type: "put", key: `log/${slot}/0000000000000001`, value: bytes }]);
      const last = { lastEpoch: epoch, lastSeq: 1, lastChecksum: checksum };
      const base = { baseSeq: 0, baseChecksum: genesisChecksum(slot) };
      const head = { fence: 1, continues: 1, incarnation, incomplete: false, ...last, ...base };
      const isHonest = entry === honest && epoch === 1;
      expect(await codeOf(log.finish(1, incarnation, head))).to.equal(isHonest ? "ok" : "DATA_DAMAGED");
      expect(log.incomplete).to.equal(!isHonest);
    }
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
          expect(log.reader.holds(from)).to.equal(there);
          expect(log.reader.holds({ ...from, checksum: from.checksum ^ 1 })).to.equal(false);
          expect(log.reader.holds({ ...from, seq: from.seq + 1_000 })).to.equal(false);
          const read = await log.reader.read(from, bytesMax);
          if (!there) {
            expect(read).to.equal(undefined);
            continue;
          }
          const after = kept.filter(([firstSeq]) => firstSeq > from.seq);
          expect(read?.chunks.map(([firstSeq]) => firstSeq)).to.deep.equal(
            after.slice(0, read?.chunks.length).map(([firstSeq]) => firstSeq),
          );
          expect((read?.chunks.length ?? 0) > 0).to.equal(after.length > 0);
          const { at } = log.reader.inspect({
            from,
            chunks: kept.filter(([seq]) => seq > from.seq),
            snapshots: [],
            trim: 0,
          });
          expect(at).to.deep.equal(log.position);
        }
        expect(log.reader.holds(log.position)).to.equal(true);
      }),
      { numRuns: 60 },
    );
  });

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
      reading = log.reader.read(first, 1_000);
    };
    must(await trim(log, 1));
    store.batch = write;
    expect(await reading).to.equal(undefined);
    expect((await log.reader.read(second, 1_000))?.chunks).to.have.length(2);
    store.rows.delete([...store.rows.keys()].findLast((key) => key.startsWith("log/")) ?? "");
    expect(await codeOf(log.reader.read(second, 1_000))).to.equal("DATA_DAMAGED");
    expect(await codeOf(log.reader.read(third, 1_000))).to.equal("DATA_DAMAGED");
    expect(await log.reader.read(log.position, 1_000)).to.deep.include({ chunks: [] });
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
