import { expect } from "chai";
import fc from "fast-check";
import { cutFromStart, cutRows } from "../../../../runtimes/backup/cutting.ts";
import { depth } from "../../../depth.ts";

const dayMs = 24 * 3_600_000;
const unitBytes = 1_000;
const row = fc.record({ bytes: fc.integer({ min: 1, max: 1_500 }), day: fc.option(fc.nat(2), { nil: undefined }) });

describe("the cutting of units", () => {
  it("has each row once, in order, in units of one day each, and comes to the same however many pages the rows come in", () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (rows, page) => {
        const measured = (from: number, to: number) => ({
          count: Math.min(to, rows.length) - from,
          bytes: rows.slice(from, to).map(({ bytes }) => bytes),
          atMs: rows.slice(from, to).map(({ day }) => (day === undefined ? NaN : (20_000 + day) * dayMs)),
        });
        const whole = cutRows(measured(0, rows.length), cutFromStart, { bytes: unitBytes, final: true }).pieces;
        expect(whole.flatMap(({ from, to }) => rows.slice(from, to))).to.deep.equal(rows);
        expect(new Set(whole.map(({ bucket, part }) => `${bucket}/${part}`)).size).to.equal(whole.length);
        for (const { from, to } of whole) {
          const own = rows.slice(from, to);
          expect(own.length === 1 || own.reduce((sum, { bytes }) => sum + bytes, 0) <= unitBytes).to.equal(true);
          expect(new Set(own.flatMap(({ day }) => day ?? [])).size).to.be.below(2);
        }
        // Rows that are in no piece yet are given again, with those after them.
        const found = [];
        let [state, from] = [cutFromStart, 0];
        for (let to = page; ; to += page) {
          const final = to >= rows.length;
          const cut = cutRows(measured(from, to), state, { bytes: unitBytes, final });
          const start = from;
          found.push(...cut.pieces.map((piece) => ({ ...piece, from: piece.from + start, to: piece.to + start })));
          from = start + (cut.pieces.at(-1)?.to ?? 0);
          ({ state } = cut);
          if (final) break;
        }
        expect(found).to.deep.equal(whole);
      }),
      { numRuns: depth(300, 10_000) },
    );
  });
});
