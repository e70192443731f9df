import { expect } from "chai";
import fc from "fast-check";
import { cutFromStart, cutRows, type CutPiece, type Standing } from "../../../../runtimes/backup/cutting.ts";
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

/** The units of rows, where those of the snapshot before are these. */
function cutAgain(rows: readonly Row[], before: readonly Unit[]): readonly Unit[] {
  const standing = before.map(({ bucket, part, rows: own }): Standing => {
    const last = own.at(-1)?.key ?? 0;
    return { bucket, part, to: rows.filter(({ key }) => key <= last).length };
  });
  const bytes = rows.map((row) => row.bytes);
  const atMs = rows.map(({ day }) => (day === undefined ? NaN : (20_000 + day) * dayMs));
  const how = { bytes: unitBytes, final: true, standing };
  const { pieces } = cutRows({ count: rows.length, bytes, atMs }, cutFromStart, how);
  return pieces.map(({ bucket, part, from, to }: CutPiece) => ({ bucket, part, rows: rows.slice(from, to) }));
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
  day: fc.option(fc.nat(2), { nil: undefined }),
});
const change = fc.oneof(
  { weight: 5, arbitrary: row.map((one) => ({ put: one })) },
  { weight: 1, arbitrary: fc.nat(60).map((key) => ({ remove: key })) },
  { weight: 2, arbitrary: fc.constant("backup" as const) },
);

describe("the cutting of units", () => {
  it("has each row once, in order, in units of one day each with names of their own, whatever came and went", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
        const rows = new Map<number, Row>();
        let units: readonly Unit[] = [];
        for (const one of [...changes, "backup" as const]) {
          if (one === "backup") {
            const now = [...rows.values()].sort((a, b) => a.key - b.key);
            units = cutAgain(now, units);
            expect(units.flatMap((unit) => unit.rows)).to.deep.equal(now);
            expect(new Set(units.map(place)).size).to.equal(units.length);
            for (const unit of units) {
              expect(unit.rows.length === 1 || sum(unit.rows) <= unitBytes).to.equal(true);
              expect(new Set(unit.rows.flatMap(({ day }) => day ?? [])).size).to.be.below(2);
            }
          } else if ("put" in one) rows.set(one.put.key, one.put);
          else rows.delete(one.remove);
        }
      }),
      { numRuns: depth(300, 10_000) },
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

  it("writes a row anew about as often as a day's bytes double, and leaves a day few units", () => {
    let [rows, units]: [Row[], readonly Unit[]] = [[], []];
    let written = 0;
    for (let n = 0; n < 90; n += 1) {
      rows = [...rows, { key: n, bytes: 10, day: 1 }];
      const next = cutAgain(rows, units);
      written += anew(next, units).reduce((all, unit) => all + sum(unit.rows), 0);
      units = next;
    }
    expect(units.length).to.be.below(6);
    // Cut anew each time it would be 45 times.
    expect(written / sum(rows)).to.be.below(7);
  });
});
