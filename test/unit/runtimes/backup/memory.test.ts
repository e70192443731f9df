import { expect } from "chai";
import { KeptPieces } from "../../../../runtimes/backup/index.ts";

describe("pieces that are kept for long", () => {
  it("stay as they were, and keep little beside themselves in memory", () => {
    const kept = new KeptPieces();
    const given = Array.from({ length: 2_000 }, (_, at) => Buffer.from(`sealed key ${at}`.repeat(6)));
    const pieces = given.map((piece) => kept.keep(piece));
    const large = kept.keep(Buffer.alloc(100_000, 7));
    const expected = given.map((piece) => piece.toString());
    for (const piece of given) piece.fill(0);
    expect(pieces.map((piece) => Buffer.from(piece).toString())).to.deep.equal(expected);
    expect(large.every((byte) => byte === 7) && large.length === 100_000).to.equal(true);
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    const held = new Set(pieces.map(({ buffer }) => buffer));
    const heldBytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(heldBytes).to.be.below(1.5 * bytes);
  });
});
