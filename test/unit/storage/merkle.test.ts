import { expect } from "chai";
import fc from "fast-check";
import { digestOf, leavesOf, rowsOf, slotRanges, type Leaf } from "../../../node/storage/index.ts";
import { RowStore, slot } from "./fixture.ts";

const ranges = slotRanges(slot, "all");

async function allLeaves(store: RowStore): Promise<Leaf[]> {
  const leaves: Leaf[] = [];
  for (const range of ranges) for await (const leaf of leavesOf(store, range)) leaves.push(leaf);
  return leaves;
}

const digests = async (store: RowStore): Promise<Uint8Array[]> => (await allLeaves(store)).map(({ digest }) => digest);

/** Rows of a slot; many or large enough, now and then, for several leaves and several pages. */
const anyRows = fc
  .record({
    seed: fc.nat(),
    counts: fc.array(fc.nat(600), { minLength: ranges.length, maxLength: ranges.length }),
    large: fc.boolean(),
  })
  .map(({ seed, counts, large }) =>
    ranges.flatMap(({ gte }, range) =>
      Array.from({ length: (counts[range] ?? 0) % (range === seed % ranges.length ? 600 : 9) }, (_, index) => {
        const bytes = large && (index + seed) % 7 === 0 ? 20_000 : (index * 13 + seed) % 40;
        return [`${gte}pad/${String(index * 3 + 1).padStart(5, "0")}`, new Uint8Array(bytes).fill(index)] as const;
      }),
    ),
  );

describe("merkle comparison", () => {
  it("covers every range of a slot without a gap, and every row is in the leaf of its run", async () => {
    await fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        const store = new RowStore(rows);
        let seen = 0;
        for (const range of ranges) {
          let at = range.gte;
          for await (const leaf of leavesOf(store, range)) {
            expect(leaf.from).to.equal(at);
            expect(leaf.from < leaf.to).to.equal(true);
            expect(await digestOf(store, leaf)).to.deep.equal(leaf.digest);
            const run = await rowsOf(store, leaf);
            expect(run).to.deep.equal(await store.range({ gte: leaf.from, lt: leaf.to }));
            expect(run.length).to.be.at.most(256);
            seen += run.length;
            at = leaf.to;
          }
          expect(at).to.equal(range.lt);
        }
        expect(seen).to.equal(rows.length);
      }),
      { numRuns: 30 },
    );
  });

  it("equal copies have equal roots, whatever lies beside the slot", async () => {
    await fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        const one = new RowStore(rows);
        const other = new RowStore(rows.toReversed());
        for (const key of ["log/chat/70/1", "log/chat/6/9", "snap/chat/70/pad/a", "side/record/chat/8/pad/x/k", "zzz"])
          other.rows.set(key, new Uint8Array(3));
        expect(await digests(one)).to.deep.equal(await digests(other));
      }),
      { numRuns: 30 },
    );
  });

  it("finds a difference of one row, and names the run it is in", async () => {
    const change = fc.constantFrom("value", "longer", "missing", "more");
    await fc.assert(
      fc.asyncProperty(anyRows, fc.nat(), change, async (rows, place, how) => {
        fc.pre(rows.length > 0);
        const [key, value] = rows[place % rows.length] as (typeof rows)[number];
        const owner = new RowStore(rows);
        const copy = new RowStore(rows);
        let differs = key;
        if (how === "missing") copy.rows.delete(key);
        else if (how === "more") copy.rows.set((differs = `${key}1`), value);
        else if (how === "longer") copy.rows.set(key, Uint8Array.from([...value, 0]));
        else copy.rows.set(key, Uint8Array.from([...value.subarray(1), (value[0] ?? 0) ^ 1]));
        expect(await digests(copy)).to.not.deep.equal(await digests(owner));
        const found: Leaf[] = [];
        for (const leaf of await allLeaves(owner))
          if (Buffer.compare(await digestOf(copy, leaf), leaf.digest) !== 0) found.push(leaf);
        expect(found).to.have.length(1);
        expect(found[0]?.from !== undefined && found[0].from <= differs && differs < found[0].to).to.equal(true);
      }),
      { numRuns: 40 },
    );
  });

  it("does not take the boundary between two rows for part of a value", async () => {
    const { gte } = ranges[0] as (typeof ranges)[number];
    const bytes = (text: string): Uint8Array => Buffer.from(text);
    const one = new RowStore([
      [`${gte}a`, bytes("x1:1:b")],
      [`${gte}b`, bytes("")],
    ]);
    const other = new RowStore([
      [`${gte}a`, bytes("x")],
      [`${gte}b`, bytes("1:b")],
    ]);
    expect(await digests(one)).to.not.deep.equal(await digests(other));
  });
});
