import { expect } from "chai";
import fc from "fast-check";
import { LogIndex, type Chunk } from "../../../node/storage/log-index.ts";
import type { ActorId } from "../../../protocols/index.ts";

/** The same, found by looking at every entry. */
class Model {
  /** Every entry that is in the log: its seq, its actor, and the chunk it is in. */
  entries: { readonly seq: number; readonly actor: ActorId; readonly chunk: Chunk }[] = [];
  chunks: Chunk[] = [];
  /** Through where an actor's entries are known to be needless. */
  needless = new Map<ActorId, number>();
  lastSeq = 0;

  tail(actor: ActorId): Chunk[] {
    const needed = this.entries.filter((entry) => entry.actor === actor && this.#needs(entry.chunk, actor));
    return [...new Set(needed.map(({ chunk }) => chunk))];
  }

  actors(): ActorId[] {
    return [...new Set(this.entries.map(({ actor }) => actor))].filter((actor) => this.tail(actor).length > 0);
  }

  firstNeeded(actor: ActorId): number {
    return this.tail(actor)[0]?.firstSeq ?? Infinity;
  }

  withoutRecords(firstSeq: number, throughSeq: number): object | undefined {
    const from = this.chunks.filter((chunk) => chunk.firstSeq >= firstSeq);
    const ends = (chunk: Chunk): number =>
      Math.max(...this.entries.filter((entry) => entry.chunk === chunk).map(({ seq }) => seq));
    const stop = from.findIndex((chunk) => chunk.records || ends(chunk) > throughSeq);
    const passed = stop === -1 ? from : from.slice(0, stop);
    return passed.length === 0 ? undefined : { last: passed.at(-1), next: from[passed.length] };
  }

  /** A chunk is needed as a whole: while its last entry of the actor is. */
  #needs(chunk: Chunk, actor: ActorId): boolean {
    const own = this.entries.filter((entry) => entry.actor === actor && entry.chunk === chunk);
    return Math.max(...own.map(({ seq }) => seq)) > (this.needless.get(actor) ?? 0);
  }
}

const actors = ["pad/a", "pad/b", "pad/c"] as const;

type Step =
  | { readonly type: "add"; readonly of: readonly ActorId[]; readonly bytes: number }
  | { readonly type: "snapshot"; readonly actor: ActorId; readonly back: number }
  | { readonly type: "trim"; readonly back: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("add" as const),
      of: fc.array(fc.constantFrom(...actors), { minLength: 1, maxLength: 5 }),
      bytes: fc.integer({ min: 1, max: 50 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("snapshot" as const),
      actor: fc.constantFrom(...actors),
      back: fc.nat(8),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("trim" as const), back: fc.nat(12) }) },
);

function perform(step: Step, index: LogIndex, model: Model): void {
  if (step.type === "add") {
    const chunk: Chunk = {
      firstSeq: model.lastSeq + 1,
      before: model.lastSeq * 7,
      epoch: 1,
      bytes: step.bytes,
      records: step.bytes % 3 === 0,
    };
    const lastSeqs = new Map<ActorId, number>();
    for (const actor of step.of) {
      model.lastSeq += 1;
      model.entries.push({ seq: model.lastSeq, actor, chunk });
      lastSeqs.set(actor, model.lastSeq);
    }
    model.chunks.push(chunk);
    index.add(chunk, lastSeqs);
  } else if (step.type === "snapshot") {
    const seq = Math.max(0, model.lastSeq - step.back);
    model.needless.set(step.actor, Math.max(seq, model.needless.get(step.actor) ?? 0));
    index.forgetTail(step.actor, seq);
  } else {
    const through = Math.max(0, model.lastSeq - step.back);
    const trimmable = index.trimmable(through);
    const ends = (chunk: Chunk): number => (model.chunks[model.chunks.indexOf(chunk) + 1]?.firstSeq ?? Infinity) - 1;
    const droppable = model.chunks.filter((chunk) => ends(chunk) <= through);
    expect(trimmable?.dropped ?? []).to.deep.equal(droppable);
    if (trimmable === undefined) return;
    expect(trimmable.kept).to.equal(model.chunks[droppable.length]);
    index.forgetThrough(trimmable.kept.firstSeq - 1);
    model.chunks = model.chunks.slice(droppable.length);
    model.entries = model.entries.filter(({ chunk }) => model.chunks.includes(chunk));
  }
}

function compare(index: LogIndex, model: Model): void {
  expect(index.bytes).to.equal(model.chunks.reduce((sum, { bytes }) => sum + bytes, 0));
  expect([...index.actorsWithTail()]).to.have.members(model.actors());
  for (const actor of actors) {
    expect(index.tailOf(actor)).to.deep.equal(model.tail(actor));
    expect(index.firstNeeded(actor)).to.equal(model.firstNeeded(actor));
  }
  expect(index.firstNeededByAny()).to.equal(Math.min(...actors.map((actor) => model.firstNeeded(actor))));
  for (let seq = 0; seq <= model.lastSeq + 2; seq += 1) {
    for (const throughSeq of [seq, seq + 3, model.lastSeq])
      expect(index.withoutRecords(seq, { throughSeq, lastSeq: model.lastSeq })).to.deep.equal(
        model.withoutRecords(seq, throughSeq),
      );
    expect(index.startingAt(seq)).to.equal(model.chunks.find(({ firstSeq }) => firstSeq === seq));
    expect(index.before(seq)).to.equal(model.chunks.findLast(({ firstSeq }) => firstSeq < seq));
    const below = actors.filter((actor) => model.firstNeeded(actor) <= seq);
    expect(index.actorsBelow(seq)).to.have.members(below);
  }
}

describe("log index", () => {
  it("knows after any history what a look at every entry would find", () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 25 }), (steps) => {
        const index = new LogIndex();
        const model = new Model();
        for (const step of steps) perform(step, index, model);
        compare(index, model);
        index.clear();
        compare(index, new Model());
      }),
    );
  });

  it("gives the chunks from a place on, as many as fit, at least one, in order", () => {
    const anyRoom = fc.record({ bytesMax: fc.nat(200), chunksMax: fc.nat(6) });
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 20 }), fc.nat(40), anyRoom, (steps, from, room) => {
        const index = new LogIndex();
        const model = new Model();
        for (const step of steps) perform(step, index, model);
        const found = index.from(from, room);
        const after = model.chunks.filter(({ firstSeq }) => firstSeq >= from);
        expect(found).to.deep.equal(after.slice(0, found.length));
        const fits = (chunks: readonly Chunk[]): boolean =>
          chunks.length <= room.chunksMax && chunks.reduce((sum, { bytes }) => sum + bytes, 0) <= room.bytesMax;
        if (found.length > 1) expect(fits(found)).to.equal(true);
        if (found.length < after.length) expect(fits(after.slice(0, found.length + 1))).to.equal(false);
        expect(found.length > 0).to.equal(after.length > 0);
      }),
    );
  });

  it("trims to a window of entries and bytes", () => {
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 20 }),
        fc.record({ entries: fc.nat(30), bytes: fc.nat(300) }),
        (steps, window) => {
          const index = new LogIndex();
          const model = new Model();
          for (const step of steps) perform(step, index, model);
          const point = index.trimPoint(window, model.lastSeq);
          const stays = model.chunks.filter(({ firstSeq }) => firstSeq > point);
          // Whole chunks: one that reaches into the window stays as a whole.
          const smallest = stays.slice(1);
          expect(smallest.reduce((sum, { bytes }) => sum + bytes, 0)).to.be.at.most(window.bytes);
          if (index.bytes <= window.bytes) expect(point).to.equal(Math.max(0, model.lastSeq - window.entries));
          expect(point).to.be.at.least(model.lastSeq - window.entries);
        },
      ),
    );
  });
});
