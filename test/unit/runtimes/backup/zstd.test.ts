import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { packedRoom, packInto, unpackInto } from "../../../../runtimes/backup/format/zstd.ts";
import { depth } from "../../../depth.ts";

const packed = (bytes: Uint8Array): Buffer => {
  const memory = Buffer.alloc(packedRoom(bytes.length));
  return memory.subarray(0, packInto(bytes, memory));
};
const unpacked = (bytes: Uint8Array, length: number): Uint8Array | undefined => {
  const memory = Buffer.alloc(length + 1);
  return unpackInto(bytes, length, memory) ? new Uint8Array(memory.subarray(0, length)) : undefined;
};
const content = fc.oneof(
  fc.uint8Array({ maxLength: 5_000 }),
  fc
    .tuple(fc.string({ maxLength: 40 }), fc.nat(9_000))
    .map(([text, times]) => new Uint8Array(Buffer.from(text.repeat(times)))),
);

describe("Zstandard with one context", () => {
  it("gives what a new context gives, whatever it was used for before", () => {
    const params = { [constants.ZSTD_c_compressionLevel]: 3 };
    fc.assert(
      fc.property(content, (bytes) => {
        const made = packed(bytes);
        expect(made.equals(zstdCompressSync(bytes, { params }))).to.equal(true);
        expect(unpacked(made, bytes.length)).to.deep.equal(bytes);
        expect(Buffer.from(bytes).equals(zstdDecompressSync(made))).to.equal(true);
      }),
      { numRuns: depth(60, 2_000) },
    );
  });

  it("refuses what is cut off, longer, of another length, or nothing of the kind, and then reads the next as if nothing had been", () => {
    const text = new Uint8Array(Buffer.from("the words of a room ".repeat(40)));
    const made = packed(text);
    const wrong: readonly (readonly [Uint8Array, number])[] = [
      ...Array.from({ length: made.length }, (_, end) => [made.subarray(0, end), text.length] as const),
      [Buffer.concat([made, made]), text.length],
      [Buffer.concat([made, Buffer.from("more")]), text.length],
      [made, text.length - 1],
      [made, text.length + 1],
      [Buffer.from("no Zstandard at all"), text.length],
    ];
    for (const [bytes, length] of wrong) {
      expect(unpacked(bytes, length), `${bytes.length} bytes as ${length}`).to.equal(undefined);
      expect(unpacked(made, text.length)).to.deep.equal(text);
    }
  });
});
