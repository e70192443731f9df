/** Numbers of JSON as they were written, and what is reckoned with them: compared, divided, rounded, in decimal and
 *  exactly. Pure. */
import { parseReplacing, parseToWrite } from "./written.ts";

/** A number that no number of the language is: it has more digits, or is too large. */
export class ExactNumber {
  readonly text: string;

  /** The text is a number of JSON. */
  constructor(text: string) {
    this.text = text;
  }

  toJSON(): unknown {
    return parseToWrite(this.text);
  }
}

/** The value of a text of JSON, in which no number is rounded. Throws as `JSON.parse` does. */
export function parseExact(text: string): unknown {
  return parseReplacing(text, (source) =>
    isRounded(Number(source), source) ? new ExactNumber(source) : Number(source),
  );
}

const isRounded = (value: number, source: string): boolean =>
  !Number.isFinite(value) || compareNumbers(new ExactNumber(source), value) !== 0;

/** A number as its digits, without zeros at either end, and how many of them stand before the point. */
interface Digits {
  readonly sign: -1 | 0 | 1;
  readonly digits: string;
  readonly before: number;
}

function digitsOf(value: number | ExactNumber): Digits {
  const [, minus = "", whole = "", part = "", power = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(typeof value === "number" ? String(value) : value.text) ?? [];
  const all = whole + part;
  const digits = all.replace(/^0+/, "");
  const before = whole.length - (all.length - digits.length) + Number(power);
  // An expression for zeros at the end would look for it from each zero on: n² steps.
  let end = digits.length;
  while (digits[end - 1] === "0") end -= 1;
  const short = digits.slice(0, end);
  return short === "" ? { sign: 0, digits: "", before: 0 } : { sign: minus === "-" ? -1 : 1, digits: short, before };
}

/** A text that is the same for numbers that are. */
export function normalForm(value: ExactNumber): string {
  const { sign, digits, before } = digitsOf(value);
  return `${sign}:${digits}:${before}`;
}

/** Below zero: the first is less. In as many steps as they have digits. */
export function compareNumbers(one: number | ExactNumber, other: number | ExactNumber): number {
  if (typeof one === "number" && typeof other === "number") return one - other;
  const [first, second] = [digitsOf(one), digitsOf(other)];
  if (first.sign !== second.sign) return first.sign - second.sign;
  const size = first.before === second.before ? order(first.digits, second.digits) : first.before - second.before;
  return first.sign * size;
}

const order = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1);

/** Whether a number has no fraction. */
export const isWhole = (value: number | ExactNumber): boolean => {
  const { digits, before } = digitsOf(value);
  return digits.length <= before;
};

/** A number as a whole number of steps of ten to the power of `-places`; undefined: it is too long to be reckoned
 *  with. */
function scaled(value: Digits, places: number): bigint | undefined {
  const zeros = value.before - value.digits.length + places;
  if (zeros > digitsMax || value.digits.length > digitsMax) return undefined;
  return BigInt(value.sign) * BigInt(value.digits || "0") * 10n ** BigInt(zeros);
}
const digitsMax = 400;

/** Whether a number is a multiple of another, in decimal; undefined: it is too long to be told. */
export function isMultipleOf(value: number | ExactNumber, step: number | ExactNumber): boolean | undefined {
  const [one, other] = [digitsOf(value), digitsOf(step)];
  const places = Math.max(0, one.digits.length - one.before, other.digits.length - other.before);
  if (places > digitsMax) return undefined;
  const [first, second] = [scaled(one, places), scaled(other, places)];
  return first === undefined || second === undefined || second === 0n ? undefined : first % second === 0n;
}

/** The whole number that is nearest to a number from one side; undefined: it is too long to be reckoned with. */
export function wholeFrom(value: number | ExactNumber, side: "below" | "above"): bigint | undefined {
  const parts = digitsOf(value);
  const places = Math.max(0, parts.digits.length - parts.before);
  if (places > digitsMax || parts.before < -digitsMax) return undefined;
  const all = scaled(parts, places);
  if (all === undefined) return undefined;
  const unit = 10n ** BigInt(places);
  const cut = all / unit;
  if (cut * unit === all) return cut;
  if (side === "below") return all < 0n ? cut - 1n : cut;
  return all < 0n ? cut : cut + 1n;
}
