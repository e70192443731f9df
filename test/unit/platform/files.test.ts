import { expect } from "chai";
import fc from "fast-check";
import { freeBytesOn } from "../../../node/platform/files.ts";

describe("the free room of a disk", () => {
  it("is a whole number of bytes on a disk of any size: nodes tell each other of it", () => {
    const disk = fc.record({ bavail: fc.nat(), blocks: fc.integer({ min: 1 }), bsize: fc.constantFrom(512, 4_096) });
    fc.assert(fc.property(disk, (one) => Number.isSafeInteger(freeBytesOn(one)) && (freeBytesOn(one) as number) >= 0));
    // 64 MiB, nearly empty.
    const small = { bavail: 16_305, blocks: 16_384, bsize: 4_096 };
    expect(freeBytesOn(small)).to.be.within(1, small.bavail * small.bsize);
    expect(Number.isInteger(freeBytesOn(small))).to.equal(true);
  });

  it("is not known of a file system without blocks", () => {
    expect(freeBytesOn({ bavail: 0, blocks: 0, bsize: 4_096 })).to.equal(undefined);
  });
});
