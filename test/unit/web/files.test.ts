import { expect } from "chai";
import { assert as property, integer, property as forAll } from "fast-check";
import { boxOf, isShownAtOnce, type SentFile } from "../../../web/src/model/file-boxes.ts";
import { factsOf, kindOf, languageOf, previewBytesMax, sifted } from "../../../web/src/model/files.ts";
import { namedFiles } from "../../../web/src/model/text.ts";

const sent = (name: string, type: string, more: Partial<SentFile> = {}): SentFile => ({
  id: "1.tea",
  name,
  type,
  bytes: 1_000,
  ...more,
});

describe("a file of a message", () => {
  it("is shown as what the node found in it, whatever its name says", () => {
    expect(kindOf(sent("a.txt", "image/png"))).to.equal("picture");
    expect(kindOf(sent("a.png", "video/mp4"))).to.equal("video");
    expect(kindOf(sent("a", "audio/ogg"))).to.equal("sound");
    expect(kindOf(sent("a.png", "application/zip"))).to.equal("other");
    expect(kindOf(sent("a.ts", "application/pdf"))).to.equal("other");
    // A browser would run what is in it.
    expect(kindOf(sent("a.png", "image/svg+xml"))).to.equal("other");
  });

  it("is a text by its name alone where the bytes do not say more, and only where it is short", () => {
    expect(kindOf(sent("main.rs", "application/octet-stream"))).to.equal("text");
    expect(kindOf(sent("notes.TXT", "text/plain"))).to.equal("text");
    expect(kindOf(sent("Notes", "text/plain"))).to.equal("text");
    expect(kindOf(sent("data.bin", "application/octet-stream"))).to.equal("other");
    expect(kindOf(sent("main.rs", "application/octet-stream", { bytes: previewBytesMax + 1 }))).to.equal("other");
    expect(kindOf(sent("main.rs", "application/octet-stream", { bytes: 0 }))).to.equal("other");
    expect([languageOf("main.rs"), languageOf("a.log"), languageOf("README")]).to.deep.equal(["rs", "", ""]);
  });

  it("says type and size in words", () => {
    expect(factsOf(sent("plan.pdf", "application/pdf", { bytes: 1_258_291 }))).to.equal("PDF, 1.2 MiB");
    expect(factsOf(sent("voice", "audio/x-wav", { bytes: 12 }))).to.equal("WAV, 12 B");
    expect(factsOf(sent("a.?", "application/octet-stream", { bytes: 12 }))).to.equal("12 B");
    expect(namedFiles([{ name: "a.png" }])).to.equal("File: a.png");
    expect(namedFiles([{ name: "a.png" }, { name: "b.pdf" }])).to.equal("2 files: a.png, b.pdf");
    expect(namedFiles()).to.equal("");
  });

  it("is not drawn unasked where few bytes become very many pixels, and not at all where no camera makes so many", () => {
    const of = (width: number, height: number) => sent("bomb.png", "image/png", { width, height, bytes: 20_000 });
    expect([isShownAtOnce(of(6_000, 5_000)), kindOf(of(6_000, 5_000))]).to.deep.equal([true, "picture"]);
    expect([isShownAtOnce(of(9_504, 6_336)), kindOf(of(9_504, 6_336))]).to.deep.equal([false, "picture"]);
    expect([isShownAtOnce(of(65_535, 65_535)), kindOf(of(65_535, 65_535))]).to.deep.equal([false, "other"]);
    expect(boxOf(of(65_535, 65_535)).height).to.equal(60);
  });

  it("is a card without anything to load while nobody can fetch it", () => {
    const picture = { width: 120, height: 80 };
    for (const check of ["scanning", "quarantined", "removed"] as const) {
      const file = sent("a.png", "image/png", { ...picture, check });
      expect([isShownAtOnce(file), kindOf(file), boxOf(file).height], check).to.deep.equal([false, "other", 60]);
      expect(kindOf(sent("a.mp4", "video/mp4", { check })), check).to.equal("other");
      expect(boxOf(sent("a.mp4", "video/mp4", { check })).height, check).to.equal(60);
    }
    for (const check of ["clean", "unscanned", "released", undefined] as const)
      expect(isShownAtOnce(sent("a.png", "image/png", { ...picture, check })), check).to.equal(true);
  });

  it("has a place that is known before it is loaded, in the form of the picture and never too large", () => {
    expect(boxOf(sent("a.png", "image/png", { width: 1_440, height: 1_040 }))).to.deep.equal({
      width: 360,
      height: 260,
    });
    expect(boxOf(sent("a.png", "image/png", { width: 120, height: 80 }))).to.deep.equal({ width: 120, height: 80 });
    const side = integer({ min: 1, max: 100_000 });
    property(
      forAll(side, side, (width, height) => {
        const box = boxOf(sent("a.png", "image/png", { width, height }));
        expect(box.width).to.be.within(1, 360);
        expect(box.height).to.be.within(1, 260);
      }),
    );
    const huge = sent("a.png", "image/png", { width: 10, height: 10, bytes: 50_000_000 });
    expect([isShownAtOnce(huge), boxOf(huge).height]).to.deep.equal([false, 60]);
  });
});

describe("what is chosen to be sent", () => {
  const file = (name: string, size: number, type = "") => ({ name, size, type });
  it("is told what is too large, empty or too much before anything is sent", () => {
    const rules = { filesPerMessageMax: 3, bytesMax: 1_048_576 };
    const { taken, faults } = sifted(
      [file("a", 1), file("film.mp4", 3_145_728), file("folder", 0), file("b", 2), file("c", 3)],
      1,
      rules,
    );
    expect(taken.map(({ name }) => name)).to.deep.equal(["a", "b"]);
    expect(faults).to.deep.equal([
      "“film.mp4” has 3.0 MiB. A file has at most 1.0 MiB here.",
      "“folder” is empty, or a folder. Pack folders into one file.",
      "A message has at most 3 files. Send the others in another one.",
    ]);
  });

  it("is asked for where it is a picture too large to be freed of place and camera, before anything is sent", () => {
    const rules = { filesPerMessageMax: 3, pictureBytesMax: 100 };
    const chosen = [file("a.jpg", 101, "image/jpeg"), file("b.png", 100, "image/png"), file("c.gif", 500, "image/gif")];
    const names = ({ taken, whole, faults }: ReturnType<typeof sifted<(typeof chosen)[number]>>) => [
      taken.map(({ name }) => name),
      whole.map(({ name }) => name),
      faults,
    ];
    expect(names(sifted(chosen, 0, rules))).to.deep.equal([["b.png", "c.gif"], ["a.jpg"], []]);
    expect(names(sifted(chosen, 0, { filesPerMessageMax: 3 }))).to.deep.equal([["a.jpg", "b.png", "c.gif"], [], []]);
  });
});
