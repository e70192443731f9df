import { expect } from "chai";
import fc from "fast-check";
import { pictureIn } from "../../../runtimes/opened/picture-head.ts";
import { chunk, png } from "../../fixtures/pictures.ts";

function jpeg(width: number, height: number): Buffer {
  const frame = Buffer.from("ffc0001108000000000301220002110103110100", "hex");
  frame.writeUInt16BE(height, 5);
  frame.writeUInt16BE(width, 7);
  const jfif = Buffer.from("ffd8ffe000104a46494600010100000100010000", "hex");
  return Buffer.concat([jfif, frame, Buffer.from("ffda00020000ffd9", "hex")]);
}

function webp(first: string, data: Buffer): Buffer {
  const head = Buffer.from("RIFF\0\0\0\0WEBP\0\0\0\0\0\0\0\0", "latin1");
  head.writeUInt32LE(data.length + 12, 4);
  head.write(first, 12, "latin1");
  head.writeUInt32LE(data.length, 16);
  return Buffer.concat([head, data]);
}

const extended = (flags: number): Buffer => {
  const data = Buffer.alloc(30);
  data[0] = flags;
  data.writeUIntLE(299, 4, 3);
  data.writeUIntLE(199, 7, 3);
  return webp("VP8X", data);
};

describe("what a picture is by its bytes", () => {
  it("tells PNG, JPEG and the three sorts of WebP, with their sizes", () => {
    expect(pictureIn(png(3, 5))).to.deep.equal({ format: "png", width: 3, height: 5, moves: false });
    expect(pictureIn(jpeg(640, 480))).to.deep.equal({ format: "jpeg", width: 640, height: 480, moves: false });
    const lossy = Buffer.from("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA", "base64");
    expect(pictureIn(lossy)).to.deep.equal({ format: "webp", width: 1, height: 1, moves: false });
    const lossless = Buffer.from("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==", "base64");
    expect(pictureIn(lossless)).to.deep.equal({ format: "webp", width: 1, height: 1, moves: false });
    expect(pictureIn(extended(0))).to.deep.equal({ format: "webp", width: 300, height: 200, moves: false });
  });

  it("tells those that move", () => {
    expect(pictureIn(png(3, 5, { more: [chunk("acTL", Buffer.alloc(8))] }))?.moves).to.equal(true);
    expect(pictureIn(extended(0x02))?.moves).to.equal(true);
  });

  it("takes nothing that was cut off, that has something behind it, or that is something else", () => {
    for (const whole of [png(3, 5), jpeg(4, 4), extended(0)]) {
      expect(pictureIn(whole.subarray(0, -1))).to.equal(undefined);
      expect(pictureIn(Buffer.concat([whole, Buffer.from("<script>")]))).to.equal(undefined);
    }
    const page = "<!doctype html><script>alert(1)</script>".padEnd(100);
    const drawing = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`;
    for (const text of [page, drawing, "GIF89a".padEnd(64, "\0"), "BM".padEnd(64, "\0"), "%PDF-1.7".padEnd(64)])
      expect(pictureIn(Buffer.from(text, "latin1")), text).to.equal(undefined);
  });

  it("looks at any bytes without a fault", () => {
    const heads = [png(2, 2), jpeg(2, 2), extended(0), Buffer.alloc(0)];
    fc.assert(
      fc.property(fc.constantFrom(...heads), fc.nat(80), fc.uint8Array({ maxLength: 80 }), (head, kept, tail) => {
        pictureIn(Buffer.concat([head.subarray(0, kept), tail]));
      }),
      { numRuns: 2_000 },
    );
  });
});
