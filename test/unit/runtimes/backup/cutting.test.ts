import { expect } from "chai";
import fc from "fast-check";
import { cutFromStart, cutRows, type Standing } from "../../../../runtimes/backup/cutting.ts";
import { depth } from "../../../depth.ts";

/** A row of a journal, as far as cutting looks at it. */
interface Row {
  readonly key: number;
  readonly bytes: number;
  readonly day: number | undefined;
}

const dayMs = 24 * 3_600_000;
const unitBytes = 1_000;

/** A unit as a snapshot has it. */
interface Unit {
  readonly bucket: string;
  readonly part: number;
  readonly rows: readonly Row[];
}

/** The units of rows, where those of the snapshot before are these, and rows come in pages of so many. */
function cutAgain(rows: readonly Row[], before: readonly Unit[], page = Infinity, apartAt = 0): readonly Unit[] {
  const found: Unit[] = [];
  let [state, from] = [cutFromStart, 0];
  // Rows that are in no piece yet are given again, with those after them.
  for (let to = page; ; to += page) {
    const own = rows.slice(from, to);
    const standing = before
      .map(({ bucket, part, rows: had }) => ({ bucket, part, first: had[0]?.key ?? 0, last: had.at(-1)?.key ?? 0 }))
      .filter(({ last }) => last >= (own[0]?.key ?? 0))
      .map(({ bucket, part, first, last }): Standing => {
        const [from, to] = [own.filter(({ key }) => key < first).length, own.filter(({ key }) => key <= last).length];
        return { bucket, part, from, to };
      });
    const bytes = own.map((row) => row.bytes);
    const atMs = own.map(({ day }) => (day === undefined ? NaN : (20_000 + day) * dayMs));
    const final = to >= rows.length;
    const cut = cutRows({ count: own.length, bytes, atMs, apartAt: Math.max(0, apartAt - from) }, state, {
      bytes: unitBytes,
      final,
      standing,
    });
    found.push(
      ...cut.pieces.map(({ bucket, part, from: start, to: end }) => ({ bucket, part, rows: own.slice(start, end) })),
    );
    if (final) return found;
    from += cut.pieces.at(-1)?.to ?? 0;
    ({ state } = cut);
  }
}

const place = ({ bucket, part }: Pick<Unit, "bucket" | "part">): string => `${bucket}/${part}`;
const sum = (rows: readonly Row[]): number => rows.reduce((all, { bytes }) => all + bytes, 0);
/** The units that are to be sealed: others than those before. */
const anew = (units: readonly Unit[], before: readonly Unit[]): readonly Unit[] => {
  const known = new Map(before.map((unit) => [place(unit), JSON.stringify(unit.rows)]));
  return units.filter((unit) => known.get(place(unit)) !== JSON.stringify(unit.rows));
};

const row = fc.record({
  key: fc.nat(60),
  bytes: fc.integer({ min: 1, max: 700 }),
  day: fc.constantFrom(0, 0, 0, 0, 1, undefined),
});
const change = fc.oneof(
  { weight: 5, arbitrary: row.map((one) => ({ put: one })) },
  { weight: 1, arbitrary: fc.nat(60).map((key) => ({ remove: key })) },
  { weight: 2, arbitrary: fc.constant("backup" as const) },
);

describe("the cutting of units", () => {
  it("has each row once, in order, in units of one day each with names of their own, whatever came and went, in whatever pages", () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 80, size: "max" }),
        fc.integer({ min: 1, max: 40 }),
        (changes, page) => {
          const rows = new Map<number, Row>();
          let units: readonly Unit[] = [];
          for (const one of [...changes, "backup" as const]) {
            if (one === "backup") {
              const now = [...rows.values()].sort((a, b) => a.key - b.key);
              units = cutAgain(now, units, page);
              expect(units.flatMap((unit) => unit.rows)).to.deep.equal(now);
              expect(new Set(units.map(place)).size).to.equal(units.length);
              for (const unit of units) {
                expect(unit.rows.length === 1 || sum(unit.rows) <= unitBytes).to.equal(true);
                expect(new Set(unit.rows.flatMap(({ day }) => day ?? [])).size).to.be.below(2);
              }
            } else if ("put" in one) rows.set(one.put.key, one.put);
            else rows.delete(one.remove);
          }
        },
      ),
      { numRuns: depth(100, 2_000) },
    );
  });

  it("leaves every unit as it was that no change is in, also where one before it loses rows or gets more", () => {
    const rows = Array.from({ length: 100 }, (_, n): Row => ({ key: 10 * n, bytes: 100, day: 1 }));
    const before = cutAgain(rows, []);
    expect(before).to.have.length(10);
    expect(anew(cutAgain(rows.filter(({ key }) => key !== 10), before), before).map(place)).to.deep.equal([place(before[0] as Unit)]); // prettier-ignore
    const more = [...rows, { key: 15, bytes: 100, day: 1 }].sort((a, b) => a.key - b.key);
    const after = cutAgain(more, before);
    // It has no room for more: the row that is too much is a unit of its own.
    expect(anew(after, before).map(({ rows: own }) => own.length)).to.deep.equal([10, 1]);
  });

  it("keeps apart what lies behind the rows between which new ones come: these are written once", () => {
    const entry = (n: number): Row => ({ key: n, bytes: 10, day: undefined });
    const snapshot: Row = { key: 1_000, bytes: 30, day: undefined };
    const cutApart = (count: number, before: readonly Unit[]) => {
      const rows = [...Array.from({ length: count }, (_, n) => entry(n)), snapshot];
      return cutAgain(rows, before, Infinity, count);
    };
    const first = cutApart(20, []);
    expect(first.map(({ rows }) => rows.length)).to.deep.equal([20, 1]);
    const second = cutApart(25, first);
    expect(anew(second, first).map(({ rows }) => rows.length)).to.deep.equal([5]);
    // A unit from before this was so has both: its entries stay under its name.
    const both = cutAgain([...Array.from({ length: 20 }, (_, n) => entry(n)), snapshot], []);
    expect(both).to.have.length(1);
    expect(cutApart(20, both).map(({ rows }) => rows.length)).to.deep.equal([20, 1]);
  });

  it("writes a row anew as seldom as a day's bytes grow fourfold, and leaves a day few units", () => {
    let [rows, units]: [Row[], readonly Unit[]] = [[], []];
    let written = 0;
    for (let n = 0; n < 96; n += 1) {
      rows = [...rows, { key: n, bytes: 10, day: 1 }];
      const next = cutAgain(rows, units);
      written += anew(next, units).reduce((all, unit) => all + sum(unit.rows), 0);
      units = next;
    }
    expect(units.length).to.be.below(10);
    // Cut anew each time it would be 48 times.
    expect(written / sum(rows)).to.be.below(4.5);
  });

  it("leaves what stands behind new rows as it was, and puts these together as at the end", () => {
    const behind: Row = { key: 1_000, bytes: 900, day: undefined };
    let [rows, units]: [Row[], readonly Unit[]] = [[behind], cutAgain([behind], [])];
    const sizes = [];
    for (let n = 0; n < 16; n += 1) {
      rows = [...rows.slice(0, -1), { key: n, bytes: 10, day: undefined }, behind];
      const next = cutAgain(rows, units);
      sizes.push(sum(anew(next, units).flatMap((unit) => unit.rows)));
      units = next;
    }
    expect(sizes).to.deep.equal([10, 10, 10, 40, 10, 10, 10, 40, 10, 10, 10, 40, 10, 10, 10, 160]);
  });

  it("leaves a day few units however unequal what comes is: three for each time that its bytes double", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 60, size: "max" }), (sizes) => {
        let [rows, units]: [Row[], readonly Unit[]] = [[], []];
        for (const [key, bytes] of sizes.entries()) {
          rows = [...rows, { key, bytes, day: 1 }];
          units = cutAgain(rows, units);
        }
        const full = Math.ceil(sum(rows) / unitBytes);
        expect(units.length).to.be.at.most(8 * full + 3 * Math.ceil(Math.log2(unitBytes)));
      }),
      { numRuns: depth(100, 2_000) },
    );
  });
});
