/** The recovery kit: shares as people keep them, on paper. A share is seven lines of seven words, the last of each a
 *  check of its line, so that a wrong word, and two words or lines in the wrong order, name their line; and the same
 *  bytes as a code, for a camera or a file.
 *
 *      57 bytes ─► 42 words of 11 bits ─► 7 lines of 6 + 1
 *
 *  The words are those of BIP 39: no two have the same first four letters, so four are enough. */
import { wordlist } from "@scure/bip39/wordlists/english.js";
import encodeQR from "qr";
import { failure, ok, refused, type Failure, type Result } from "../../protocols/index.ts";
import type { EpochRecord, RootRecord } from "./epochs.ts";
import { readShare, shareBytes } from "./shares.ts";
import { rootHash } from "./succession.ts";

const linesPerShare = 7;
const dataWords = 6;
const wordBits = 11;
const codeHead = "PLEXUS-SHARE:";

const numbers = new Map(wordlist.map((word, number) => [word.slice(0, 4), number]));

/** Times x in GF(2^11), by x^11 + x^2 + 1. */
const timesX = (value: number): number => ((value << 1) ^ (value & 0x400 ? 0x805 : 0)) & 0x7ff;

/** The check of a line: each word counts otherwise than its neighbours, and each line otherwise than the others. */
function checkOf(words: readonly number[], line: number): number {
  let sum = 0;
  for (const word of words) sum = timesX(sum ^ word);
  return sum ^ (line + 1);
}

/** The lines of a share. */
export function shareLines(share: Uint8Array): readonly string[] {
  let bits = [...share].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  bits = bits.padEnd(linesPerShare * dataWords * wordBits, "0");
  return Array.from({ length: linesPerShare }, (_, line) => {
    const words = Array.from({ length: dataWords }, (_word, at) => {
      const start = (line * dataWords + at) * wordBits;
      return Number.parseInt(bits.slice(start, start + wordBits), 2);
    });
    return [...words, checkOf(words, line)].map((word) => wordlist[word]!).join(" ");
  });
}

/** A share as one word, for codes and files. */
export const shareCode = (share: Uint8Array): string => codeHead + Buffer.from(share).toString("hex").toUpperCase();

const wrong = (details: object, reason: string): Failure => failure("SHARE_WRONG", { ...details, reason });

/** The lines of a text that may be a share's words, without their numbers. On a page with a code other lines are
 *  sentences; those have a number. */
const wordLines = (text: string): readonly string[] => {
  const isPage = text.includes(codeHead);
  return text
    .split(/\r?\n/)
    .filter((line) => !isPage || /^\s*\d+\s*[.:)]?\s+\S/.test(line))
    .map((line) =>
      line
        .replace(/^\s*\d+\s*[.:)]?\s+/, "")
        .trim()
        .toLowerCase(),
    )
    .filter((line) => isPage || /^[a-z]+(\s+[a-z]+)*$/.test(line));
};

/** Where the words beside a code are not those of its share: each word by its place. */
function faultInWords(lines: readonly string[], share: Uint8Array): Failure | undefined {
  if (lines.length !== linesPerShare)
    return wrong(
      { lines: lines.length },
      `its code is right, and beside it are ${lines.length} lines of words, not ${linesPerShare}`,
    );
  for (const [at, printed] of shareLines(share).entries()) {
    const expected = printed.split(" ");
    const words = lines[at]!.split(/\s+/);
    if (words.length !== expected.length)
      return wrong({ line: at + 1 }, `line ${at + 1} has ${words.length} words, and must have ${expected.length}`);
    // Four letters are enough; more must be right.
    const differs = words.findIndex(
      (word, index) => word.slice(0, 4) !== expected[index]!.slice(0, 4) || !expected[index]!.startsWith(word),
    );
    if (differs >= 0)
      return wrong(
        { line: at + 1, word: differs + 1 },
        `word ${differs + 1} of line ${at + 1} is “${words[differs]}”, and its code says another`,
      );
  }
  return undefined;
}

/** Reads a share from what was typed, scanned, or is in a share's file. Error: SHARE_WRONG (which line and word, and
 *  why). */
export function shareFromText(text: string): Result<Uint8Array> {
  const [, hex] = new RegExp(`${codeHead}([0-9A-Fa-f]+)`).exec(text) ?? [];
  const lines = wordLines(text);
  if (hex !== undefined) {
    const bytes = Buffer.from(hex, "hex");
    const read = readShare(bytes);
    if (!read.ok) return read;
    // A page has both. What somebody will type one day is its words.
    const fault = lines.length === 0 ? undefined : faultInWords(lines, bytes);
    return fault === undefined ? ok(bytes) : refused(fault);
  }
  if (lines.length !== linesPerShare)
    return refused(wrong({ lines: lines.length }, `a share has ${linesPerShare} lines of ${dataWords + 1} words`));
  let bits = "";
  for (const [at, line] of lines.entries()) {
    const words = readLine(line, at);
    if (!words.ok) return words;
    for (const word of words.value) bits += word.toString(2).padStart(wordBits, "0");
  }
  const bytes = Buffer.alloc(shareBytes);
  for (let at = 0; at < shareBytes; at += 1) bytes[at] = Number.parseInt(bits.slice(at * 8, at * 8 + 8), 2);
  const read = readShare(bytes);
  return read.ok ? ok(bytes) : read;
}

/** The words of a line without its check. Error: SHARE_WRONG. */
export function readLine(line: string, at: number): Result<readonly number[]> {
  const place = { line: at + 1 };
  const words = line.trim().toLowerCase().split(/\s+/);
  if (words.length !== dataWords + 1)
    return refused(wrong(place, `it has ${words.length} words, and must have ${dataWords + 1}`));
  const read: number[] = [];
  for (const [index, word] of words.entries()) {
    const number = numbers.get(word.slice(0, 4));
    // Four letters are enough; more must be right.
    if (number === undefined || !wordlist[number]!.startsWith(word)) {
      const near = wordlist.filter((one) => one.slice(0, 3) === word.slice(0, 3)).slice(0, 4);
      const hint = near.length === 0 ? "" : `; near it are ${near.join(", ")}`;
      return refused(wrong({ ...place, word: index + 1 }, `“${word}” is none of the words${hint}`));
    }
    read.push(number);
  }
  const check = read.pop();
  return check === checkOf(read, at)
    ? ok(read)
    : refused(wrong(place, "one of its words is not what was printed, or words or lines are in another order"));
}

/** What everybody may know of a kit: with it a share that was made up is told. */
export interface KitSheet {
  readonly form: "plexus kit 1";
  readonly cluster: string;
  readonly root: RootRecord;
  readonly epochs: readonly EpochRecord[];
}

/** How a kit is called: the beginning of its commitment. */
export const kitName = ({ commitment }: Pick<RootRecord, "commitment">): string =>
  Buffer.from(commitment, "base64url").toString("hex").slice(0, 8);

const wordsInName = 8;

/** What a root is called where nobody may pass off another one as it: eight words, of 88 bits of the root's hash. */
export function rootWords(cluster: string, root: Omit<RootRecord, "anchor">): string {
  const bits = BigInt(`0x${Buffer.from(rootHash(cluster, root), "base64url").toString("hex")}`);
  const word = (at: number): string => wordlist[Number((bits >> BigInt(256 - wordBits * (at + 1))) & 0x7ffn)]!;
  return Array.from({ length: wordsInName }, (_, at) => word(at)).join("-");
}

/** A share as it is printed. */
interface PrintedShare {
  readonly cluster: string;
  readonly kit: string;
  /** `rootWords`. */
  readonly words: string;
  readonly needed: number;
  readonly of: number;
  readonly number: number;
  readonly madeAtMs: number;
  readonly share: Uint8Array;
}

const explained = ({ needed, of, words }: PrintedShare): readonly string[] => [
  `Any ${needed} of the ${of} shares make the key again that opens the keys of every backup of this cluster. ` +
    "Fewer say nothing about it.",
  "Of a folder of backups and these shares a new cluster can be made: plexus backup restore.",
  "Keep each share with another person or in another place, on paper, and not in a computer.",
  `The kit's words, which are not secret: ${words}. A node that shows others knows another kit.`,
  "To use it: plexus backup kit restore. Type the lines, of each word four letters at least, or scan the code.",
];
const headOf = ({ cluster, kit, of, number }: PrintedShare): string =>
  `Plexus recovery kit ${kit}, cluster ${cluster}: share ${number} of ${of}`;
const dayOf = ({ madeAtMs }: PrintedShare): string => new Date(madeAtMs).toISOString().slice(0, 10);

/** A share's page as text. */
export function sharePageText(printed: PrintedShare): string {
  const lines = shareLines(printed.share).map((line, at) => `  ${at + 1}  ${line}`);
  return [
    headOf(printed),
    `Made on ${dayOf(printed)}.`,
    "",
    ...lines,
    "",
    shareCode(printed.share),
    "",
    ...explained(printed),
    "",
  ].join("\n");
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** A share's page to be printed: one page, which loads nothing. */
export function sharePageHtml(printed: PrintedShare): string {
  const lines = shareLines(printed.share)
    .map((line) => `<li>${line}</li>`)
    .join("");
  const code = encodeQR(shareCode(printed.share), "svg", { ecc: "medium", border: 4 });
  const title = escaped(headOf(printed));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; color: #000; background: #fff }
  ol { font: 18px/1.8 ui-monospace, monospace; padding-left: 2.5rem }
  svg { width: 14rem; height: 14rem }
  @page { margin: 2cm }
</style></head>
<body><h1>${title}</h1><p>Made on ${dayOf(printed)}.</p>
<ol>${lines}</ol>
<div role="img" aria-label="The same share as a QR code">${code}</div>
${explained(printed)
  .map((text) => `<p>${escaped(text)}</p>`)
  .join("\n")}
</body></html>
`;
}
