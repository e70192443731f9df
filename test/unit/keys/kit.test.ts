import { expect } from "chai";
import fc from "fast-check";
import decodeQR from "qr/decode.js";
import encodeQR from "qr";
import {
  createRoot,
  readLine,
  shareFromText,
  sharePageHtml,
  sharePageText,
  splitRoot,
} from "../../../node/keys/index.ts";
import { shareCode, shareLines } from "../../../node/keys/kit.ts";
import { depth } from "../../depth.ts";

const shareOf = async (): Promise<Uint8Array> => {
  const shares = await splitRoot(createRoot(), { needed: 2, of: 3 });
  if (!shares.ok) throw new Error("it does not split");
  return shares.value[1]!;
};
const read = (text: string) => {
  const result = shareFromText(text);
  return result.ok ? Buffer.from(result.value).toString("hex") : result.error.details;
};

describe("a printed share whose words and code differ", () => {
  it("is wrong, and the word that differs is named, whichever it is and however many", async () => {
    const share = await shareOf();
    const page = sharePageText({ cluster: "c", kit: "k", words: "w", needed: 2, of: 3, number: 2, madeAtMs: 0, share });
    const lines = shareLines(share);
    const put = (line: number, words: readonly string[]): string => page.replace(lines[line]!, words.join(" "));
    for (const [line, printed] of lines.entries())
      for (const [at, word] of printed.split(" ").entries()) {
        const other = word === "zoo" ? "zone" : "zoo";
        const changed = put(line, printed.split(" ").with(at, other));
        expect(read(changed)).to.include({ line: line + 1, word: at + 1 });
        expect(JSON.stringify(read(changed)))
          .to.include(other)
          .and.not.include(`“${word}”`);
      }
    const seven = lines.reduce((text, line) => text.replace(line, line.split(" ").with(2, "zoo").join(" ")), page);
    expect(read(seven)).to.include({ word: 3 });
    expect(read(page.replace(`  4  ${lines[3]!}\n`, ""))).to.include({ lines: 6 });
    const short = lines.reduce((text, line) => text.replace(line, line.split(" ").map((word) => word.slice(0, 4).toUpperCase()).join(" ")), page); // prettier-ignore
    const hex = Buffer.from(share).toString("hex");
    expect([read(page), read(short), read(shareCode(share))]).to.deep.equal([hex, hex, hex]);
  });
});

describe("a printed share", () => {
  let share: Uint8Array;
  let hex: string;
  before(async () => {
    share = await shareOf();
    hex = Buffer.from(share).toString("hex");
  });
  const printed = () => ({
    cluster: "c<1>",
    kit: "0a1b2c3d",
    words: "able-acid",
    needed: 2,
    of: 3,
    number: 2,
    madeAtMs: 1,
    share,
  });

  it("is read from its page, its lines, four letters of each word, and its code", () => {
    const lines = shareLines(share);
    expect(lines).to.have.length(7);
    expect(read(sharePageText(printed()))).to.equal(hex);
    expect(read(lines.join("\n"))).to.equal(hex);
    expect(read(lines.map((line, at) => `${at + 1}. ${line.toUpperCase()}`).join("\r\n"))).to.equal(hex);
    expect(read(lines.map((line) => line.replaceAll(/(\w{4})\w*/g, "$1")).join("\n"))).to.equal(hex);
    expect(read(shareCode(share))).to.equal(hex);
  });

  it("is read by a camera", () => {
    const page = sharePageHtml(printed());
    expect(page).to.include("<svg").and.not.include("c<1>");
    // The decoder takes pixels: the same code, drawn large.
    const scale = 4;
    const rows = encodeQR(shareCode(share), "raw", { ecc: "medium", border: 4 });
    const size = rows.length * scale;
    const data = new Uint8Array(size * size * 4).fill(255);
    for (let y = 0; y < size; y += 1)
      for (let x = 0; x < size; x += 1)
        if (rows[Math.floor(y / scale)]![Math.floor(x / scale)] === true)
          data.fill(0, (y * size + x) * 4, (y * size + x) * 4 + 3);
    expect(read(decodeQR({ width: size, height: size, data }))).to.equal(hex);
  });

  it("names the line of any wrong word, and of words and lines in another order", () => {
    fc.assert(
      fc.property(fc.nat(6), fc.nat(6), fc.nat(6), fc.nat(2_047), (line, at, other, number) => {
        const lines = shareLines(share).map((one) => one.split(" "));
        const before = lines[line]!.slice();
        const word = shareLines(Uint8Array.of(number >> 3, (number << 5) & 0xff))[0]!.split(" ")[0]!;
        lines[line]![at] = word;
        const same = word === before[at];
        const told = read(lines.map((words) => words.join(" ")).join("\n"));
        expect(same ? told : (told as { line?: number }).line).to.equal(same ? hex : line + 1);
        const swapped = before.slice();
        [swapped[at], swapped[other]] = [before[other]!, before[at]!];
        const isSame = before[at] === before[other];
        expect(readLine(swapped.join(" "), line).ok).to.equal(isSame);
        // A line in the place of another.
        expect(readLine(before.join(" "), at).ok).to.equal(at === line);
      }),
      { numRuns: depth(200, 5_000) },
    );
  });

  it("says which word is none, and what is near it", () => {
    const lines = [...shareLines(share)];
    lines[2] = `abandn ${lines[2]!.split(" ").slice(1).join(" ")}`;
    const told = read(lines.join("\n")) as { line: number; word: number; reason: string };
    expect([told.line, told.word]).to.deep.equal([3, 1]);
    expect(told.reason).to.include("abandon");
    expect(read(lines.slice(1).join("\n"))).to.include({ lines: 6 });
    expect(read(shareCode(share).slice(0, -2))).to.have.property("reason");
  });
});
