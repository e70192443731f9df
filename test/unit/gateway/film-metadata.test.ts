import { expect } from "chai";
import { assert as assertProperty, integer, property, uint8Array } from "fast-check";
import { isScrubbedFilm, scrubFilm } from "../../../node/gateway/files/film-metadata.ts";

/** A box of some type. */
function box(type: string, ...inside: readonly (Buffer | string)[]): Buffer {
  const data = Buffer.concat(inside.map((one) => (typeof one === "string" ? Buffer.from(one, "latin1") : one)));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length + 8, 0);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, data]);
}
/** The same with a length of 64 bits. */
function longBox(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(1, 0);
  head.write(type, 4, "latin1");
  head.writeBigUInt64BE(BigInt(data.length + 16), 8);
  return Buffer.concat([head, data]);
}
const times = (version: number): Buffer =>
  Buffer.concat([Buffer.from([version, 0, 0, 7]), Buffer.alloc(version === 1 ? 16 : 8, 0xaa), Buffer.from("rest")]);
const place = "+52.5200+013.4050/";
const film = (): Buffer =>
  Buffer.concat([
    box("ftyp", "isom0000"),
    box("mdat", "the film itself, and the word udta in it"),
    box(
      "moov",
      box("mvhd", times(0)),
      box(
        "trak",
        box("tkhd", times(1), "matrix"),
        box("mdia", box("mdhd", times(0)), box("minf", "tables")),
        box("udta", "name"),
      ),
      box("udta", box("\xa9xyz", place)),
      box("meta", "com.apple.quicktime.location.ISO6709", place),
    ),
    box("uuid", "xmp: camera"),
  ]);

describe("what a film says beside the film", () => {
  it("is gone: place, camera and times; length, order and pictures stay", () => {
    const before = film();
    const bytes = Buffer.from(before);
    scrubFilm(bytes);
    expect(bytes).to.have.length(before.length);
    for (const word of [place, "quicktime.location", "camera", "name", "\xaa"])
      expect(bytes.toString("latin1"), word).not.to.include(word);
    for (const word of ["the film itself, and the word udta in it", "matrix", "tables", "rest", "isom0000"])
      expect(bytes.toString("latin1"), word).to.include(word);
    expect(bytes.toString("latin1").split("free")).to.have.length(5);
    const again = Buffer.from(bytes);
    scrubFilm(again);
    expect(again.equals(bytes)).to.equal(true);
    expect(["video/mp4", "video/quicktime", "audio/mp4", undefined].map(isScrubbedFilm)).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
  });

  it("is found behind lengths of 64 bits, and where the last box goes on to the end", () => {
    const bytes = Buffer.concat([longBox("mdat", Buffer.from("x")), longBox("moov", box("udta", place))]);
    scrubFilm(bytes);
    expect(bytes.toString("latin1")).not.to.include(place);
    const open = box("moov", box("udta", place));
    open.writeUInt32BE(0, 0);
    scrubFilm(open);
    expect(open.toString("latin1")).not.to.include(place);
  });

  it("ends with whatever it is given, in the same length", () => {
    assertProperty(
      property(uint8Array({ maxLength: 300 }), integer({ min: 0, max: 200 }), (noise, at) => {
        const bytes = film();
        bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), at);
        const { length } = bytes;
        scrubFilm(bytes);
        expect(bytes).to.have.length(length);
      }),
    );
    // Boxes without an end in each other, and very many of them.
    scrubFilm(Buffer.alloc(2_000_000));
    scrubFilm(Buffer.concat(Array.from({ length: 100_000 }, () => box("free"))));
  });
});
