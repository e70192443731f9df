import { expect } from "chai";
import fc from "fast-check";
import { orientationIn, scrub } from "../../../node/gateway/files/metadata.ts";
import { pictureIn } from "../../../runtimes/opened/picture-head.ts";
import { chunk, png } from "../../fixtures/pictures.ts";

const secret = "48.2082N 16.3738E by Ada's camera";

/** TIFF data that says how a picture is turned, behind where it was taken. */
function exif(turned: number, isLittle: boolean): Buffer {
  const data = Buffer.alloc(64);
  const two = (value: number, at: number) => (isLittle ? data.writeUInt16LE(value, at) : data.writeUInt16BE(value, at));
  const four = (value: number, at: number) =>
    isLittle ? data.writeUInt32LE(value, at) : data.writeUInt32BE(value, at);
  data.write(isLittle ? "II*\0" : "MM\0*", "latin1");
  four(8, 4);
  two(2, 8);
  two(0x010f, 10);
  two(2, 12);
  four(34, 14);
  four(38, 18);
  two(0x0112, 22);
  two(3, 24);
  four(1, 26);
  two(turned, 30);
  return Buffer.concat([data, Buffer.from(secret)]);
}

const segment = (marker: number, data: Buffer): Buffer => {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data]);
};
const app = (marker: number, name: string): Buffer => segment(marker, Buffer.from(`${name}${secret}`, "latin1"));
const frame = segment(0xc2, Buffer.from([8, 0, 3, 0, 2, 1, 1, 0x11, 0]));
const scan = Buffer.concat([
  segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])),
  Buffer.from([1, 0xff, 0, 2, 0xff, 0xd0, 3]),
]);

const jpegEnd = Buffer.from(`\xff\xd9${secret}`, "latin1");

const jpeg = (turned: number, isLittle = true): Buffer =>
  Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, Buffer.from("JFIF\0\x01\x01\0\0\x01\0\x01\0\0", "latin1")),
    segment(0xe1, Buffer.concat([Buffer.from("Exif\0\0", "latin1"), exif(turned, isLittle)])),
    app(0xe1, "http://ns.adobe.com/xap/1.0/\0"),
    segment(0xe2, Buffer.from("ICC_PROFILE\0\x01\x01colours", "latin1")),
    app(0xe2, "MPF\0"),
    app(0xed, "Photoshop 3.0\0"),
    segment(0xfe, Buffer.from(secret)),
    frame,
    scan,
    app(0xe5, "between scans"),
    scan,
    Buffer.from([0xff, 0xd9]),
    // A second picture, as telephones write them.
    Buffer.from(`\xff\xd8${secret}`, "latin1"),
  ]);

const riff = (...chunks: readonly (readonly [string, Buffer])[]): Buffer => {
  const body = Buffer.concat(
    chunks.map(([type, data]) => {
      const head = Buffer.alloc(8);
      head.write(type, "latin1");
      head.writeUInt32LE(data.length, 4);
      return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
    }),
  );
  const head = Buffer.from("RIFF\0\0\0\0WEBP", "latin1");
  head.writeUInt32LE(body.length + 4, 4);
  return Buffer.concat([head, body]);
};
const webp = (turned: number): Buffer =>
  riff(
    ["VP8X", Buffer.from([0x0c, 0, 0, 0, 9, 0, 0, 4, 0, 0])],
    ["ICCP", Buffer.from("colours")],
    ["VP8L", Buffer.from([0x2f, 9, 0, 1, 0])],
    ["EXIF", exif(turned, false)],
    ["XMP ", Buffer.from(secret)],
    ["makr", Buffer.from(secret)],
  );
const pngOf = (turned: number): Buffer =>
  Buffer.concat([
    png(7, 5, {
      more: [
        chunk("gAMA", Buffer.from([0, 0, 0xb1, 0x8f])),
        chunk("eXIf", exif(turned, true)),
        chunk("tEXt", Buffer.from(`Author\0${secret}`)),
        chunk("prVt", Buffer.from(secret)),
      ],
    }),
    Buffer.from(secret),
  ]);

describe("what a picture says beside the picture", () => {
  for (const [format, make] of [
    ["jpeg", jpeg],
    ["png", pngOf],
    ["webp", webp],
  ] as const)
    it(`goes from a ${format}, which keeps its length and is turned as it was`, () => {
      for (const turned of [1, 3, 6, 8]) {
        const had = make(turned);
        const bytes = Buffer.from(had);
        expect(had.includes("16.3738E")).to.equal(true);
        expect(scrub(format, bytes)).to.equal(true);
        expect(bytes.length).to.equal(had.length);
        expect(bytes.includes("16.3738E"), "the place").to.equal(false);
        expect(bytes.includes("colours")).to.equal(format !== "png");
        const at = bytes.indexOf("MM\0*");
        expect(orientationIn(bytes.subarray(at))).to.equal(turned);
        const again = Buffer.from(bytes);
        expect(scrub(format, again) && again.equals(bytes), "the same a second time").to.equal(true);
      }
    });

  it("has not been anything of the picture", () => {
    const bytes = jpeg(6);
    scrub("jpeg", bytes);
    expect([frame, scan].map((part) => bytes.includes(part))).to.deep.equal([true, true]);
    const plain = png(7, 5, { more: [chunk("tEXt", Buffer.from(secret))] });
    expect(scrub("png", plain)).to.equal(true);
    // Its checksums are right.
    expect(plain.includes(chunk("plXs", Buffer.alloc(secret.length)))).to.equal(true);
    expect(pictureIn(plain)).to.deep.equal({ format: "png", width: 7, height: 5, moves: false });
  });

  it("goes from a small picture of it, from markers that nobody knows, and from frames of one that moves", () => {
    const small = segment(0xe0, Buffer.from(`JFIF\0\x01\x01\0\0\x01\0\x01\x09\x09${secret}`, "latin1"));
    const unknown = [0x02, 0xf0, 0xbf, 0xfd].map((marker) => segment(marker, Buffer.from(secret)));
    const whole = Buffer.concat([Buffer.from([0xff, 0xd8]), small, ...unknown, frame, scan, Buffer.from([0xff, 0xd9])]);
    expect([scrub("jpeg", whole), whole.includes("16.3738E"), whole.includes("JFIF")]).to.deep.equal([
      true,
      false,
      true,
    ]);
    // It has none, and says so.
    expect([...whole.subarray(18, 20)]).to.deep.equal([0, 0]);
    expect([frame, scan].map((part) => whole.includes(part))).to.deep.equal([true, true]);
    const parts = riff(["VP8L", Buffer.from([0x2f, 9, 0, 1, 0])], ["makr", Buffer.from(secret)]).subarray(12);
    const moving = riff(["ANIM", Buffer.alloc(6)], ["ANMF", Buffer.concat([Buffer.alloc(16, 1), parts])]);
    expect([scrub("webp", moving), moving.includes("16.3738E")]).to.deep.equal([true, false]);
    expect([moving.includes("VP8L"), moving.includes(Buffer.alloc(16, 1))]).to.deep.equal([true, true]);
  });

  it("goes from what is cut off, too, wherever that is", () => {
    for (const [format, whole] of [
      ["jpeg", jpeg(6)],
      ["png", pngOf(6)],
      ["webp", webp(6)],
    ] as const) {
      const [first, last] = [whole.indexOf("16.3738E"), whole.lastIndexOf("16.3738E")];
      for (const cut of [first + 8, last + 8, last - 30]) {
        const bytes = Buffer.from(whole.subarray(0, cut));
        const isWhole = scrub(format, bytes);
        expect([bytes.length, bytes.includes("16.3738E")], `${format} ${cut}`).to.deep.equal([cut, false]);
        if (cut === first + 8) expect(isWhole, format).to.equal(false);
      }
    }
  });

  it("ends behind more pieces than a picture has: a node does nothing else while it looks at them", () => {
    const many = (piece: Buffer): Buffer => Buffer.alloc(70_000 * piece.length, piece);
    const start = Buffer.from([0xff, 0xd8]);
    const whole = png(7, 5);
    const chunks = (count: number): Buffer => riff(...Array.from({ length: count }, () => ["makr", none] as const));
    const none = Buffer.alloc(0);
    const frames = chunks(70_000).subarray(12);
    for (const [format, bytes] of [
      ["jpeg", Buffer.concat([start, many(segment(0xe5, none)), app(0xed, "Photoshop 3.0\0"), frame, jpegEnd])],
      [
        "png",
        Buffer.concat([whole.subarray(0, 33), many(chunk("prVt", none)), whole.subarray(33), Buffer.from(secret)]),
      ],
      ["webp", Buffer.concat([chunks(70_000), Buffer.from(secret)])],
      ["webp", riff(["ANMF", Buffer.concat([Buffer.alloc(16), frames])], ["XMP ", Buffer.from(secret)])],
    ] as const) {
      const { length } = bytes;
      expect([scrub(format, bytes), bytes.length, bytes.includes("16.3738E")], format).to.deep.equal([
        false,
        length,
        false,
      ]);
    }
  });

  it("is looked for behind the data of a scan, wherever that ends", () => {
    const data = fc.array(fc.constantFrom([0xff, 0], [0xff, 0xff, 0], [0xff, 0xd3], [1], Array(70).fill(2)));
    fc.assert(
      fc.property(data, (parts) => {
        const coded = Buffer.from([1, ...parts.flat()]);
        const bytes = Buffer.concat([Buffer.from([0xff, 0xd8]), scan, coded, app(0xe5, ""), scan, coded, jpegEnd]);
        expect([scrub("jpeg", bytes), bytes.includes("16.3738E")]).to.deep.equal([true, false]);
        expect(bytes.includes(coded)).to.equal(true);
      }),
    );
  });

  it("breaks nothing, whatever the bytes are", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(["jpeg", jpeg(6)] as const, ["png", pngOf(6)] as const, ["webp", webp(6)] as const),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
        fc.nat(400),
        ([format, whole], changes, cut) => {
          const bytes = Buffer.from(whole.subarray(0, Math.max(32, whole.length - cut)));
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          const { length } = bytes;
          scrub(format, bytes);
          expect(bytes.length).to.equal(length);
        },
      ),
    );
    expect(scrub("jpeg", jpeg(1).subarray(0, 60))).to.equal(false);
    expect(scrub("png", png(3, 3).subarray(0, 50))).to.equal(false);
    expect(scrub("webp", Buffer.from(webp(1).subarray(0, 90)))).to.equal(false);
  });
});
