import { expect } from "chai";
import { createRandom } from "../../../node/platform/index.ts";

describe("the machine's randomness", () => {
  it("gives as many bytes as were asked for, none of them twice, and keeps none", () => {
    const random = createRandom();
    const given: Uint8Array[] = [];
    for (let round = 0; round < 200; round += 1)
      for (const count of [16, 32, 255, 256, 257, 1_000]) {
        const bytes = random.bytes(count);
        expect(bytes).to.have.length(count);
        given.push(bytes);
      }
    const texts = given.map((bytes) => Buffer.from(bytes).toString("hex"));
    expect(new Set(texts).size).to.equal(texts.length);
    // No byte of one is a byte of another's memory.
    given[0]!.fill(0);
    expect(given.slice(1).map((bytes) => Buffer.from(bytes).toString("hex"))).to.deep.equal(texts.slice(1));
    expect(random.bytes(0)).to.have.length(0);
  });
});
