/** The words of a grammar for a text of JSON that has a pattern. Pure. */
import { beside, branchesOf, type Pattern, type Range } from "../pattern.ts";
import { runtimeLimits } from "../limits.ts";

/** The words; the pattern is plain (`isPlain`). `char` stands for any letter of a text. */
export function patternWords(pattern: Pattern): string {
  const ways = (branchesOf(pattern) ?? []).map(({ of, begins, ends }) =>
    [begins ? "" : "char*", ...of.map(wordsOf), ends ? "" : "char*"].filter((words) => words !== "").join(" "),
  );
  return `"\\"" (${[...new Set(ways)].map((words) => words || '""').join(" | ")}) "\\""`;
}

/** What its words count to: a grammar has a rule for each time. */
export function patternRepeats(pattern: Pattern): number {
  if (pattern.type === "sequence" || pattern.type === "ways")
    return pattern.of.reduce((sum, one) => sum + patternRepeats(one), 0);
  if (pattern.type !== "repeat") return 0;
  const { min, max } = pattern;
  const times = max > runtimeLimits.grammarRepeatsMax ? Math.max(1, min) : max;
  return times * Math.max(1, patternRepeats(pattern.of));
}

function wordsOf(pattern: Pattern): string {
  switch (pattern.type) {
    case "letter":
      return letterWords(pattern.not ? beside(pattern.ranges) : pattern.ranges);
    case "sequence":
      return pattern.of.length === 0 ? '""' : `(${pattern.of.map(wordsOf).join(" ")})`;
    case "ways":
      return `(${pattern.of.map(wordsOf).join(" | ")})`;
    case "repeat": {
      const { min, max } = pattern;
      const inner = wordsOf(pattern.of);
      const words = pattern.of.type === "repeat" ? `(${inner})` : inner;
      if (max === 0) return '""';
      if (max > runtimeLimits.grammarRepeatsMax) return min === 0 ? `${words}*` : `${words}{${min},}`;
      return `${words}{${min},${max}}`;
    }
    default:
      return '""';
  }
}

/** How JSON writes what may not stand in a text as it is. */
const escapes: readonly (readonly [point: number, text: string])[] = [
  [0x22, String.raw`\"`],
  [0x5c, String.raw`\\`],
  [0x0a, String.raw`\n`],
  [0x0d, String.raw`\r`],
  [0x09, String.raw`\t`],
  [0x08, String.raw`\b`],
  [0x0c, String.raw`\f`],
];

/** Not as they are in a text of JSON: control characters, quotes, backslashes, halves of characters. */
const barred: readonly Range[] = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x7f, 0x7f],
  [0xd8_00, 0xdf_ff],
];

function letterWords(ranges: readonly Range[]): string {
  const free = beside([...beside(ranges), ...barred]);
  const has = (point: number): boolean => ranges.some(([from, to]) => point >= from && point <= to);
  const words = [
    ...(free.length === 0
      ? []
      : [`[${free.map(([from, to]) => (from === to ? sign(from) : `${sign(from)}-${sign(to)}`)).join("")}]`]),
    ...escapes
      .filter(([point]) => has(point))
      .map(([, text]) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`),
  ];
  // A letter that no text of JSON can have here: nothing fits, and the check at the end says so.
  return words.length === 1 ? words[0]! : words.length === 0 ? "char" : `(${words.join(" | ")})`;
}

/** A letter in a set of the grammar. */
function sign(point: number): string {
  const char = String.fromCodePoint(point);
  if (/[\dA-Za-z]/.test(char)) return char;
  const hex = point.toString(16).toUpperCase();
  return point < 0x80
    ? `\\x${hex.padStart(2, "0")}`
    : point < 0x1_00_00
      ? `\\u${hex.padStart(4, "0")}`
      : `\\U${hex.padStart(8, "0")}`;
}
