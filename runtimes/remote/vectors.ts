/** Vectors and numbers as servers give them. */
import { bytesOfFloats, floatsOf } from "../../protocols/engines/generation.ts";
import { damaged } from "./refusals.ts";

/** A vector given as numbers, or as base64 of its bytes. Not every server gives it the length 1. */
export function vectorOf(value: unknown): Uint8Array {
  const numbers =
    typeof value === "string" ? floatsOf(Buffer.from(value, "base64")) : Float32Array.from(numbersOf(value));
  const length = Math.hypot(...numbers);
  return bytesOfFloats(length > 0 ? numbers.map((one) => one / length) : numbers);
}

/** One for each of `count` inputs, all of one length. */
export function wholeVectors(vectors: readonly (Uint8Array | undefined)[], count: number): readonly Uint8Array[] {
  const whole = vectors.filter((one) => one !== undefined);
  const lengths = new Set(whole.map(({ length }) => length));
  if (vectors.length !== count || whole.length !== count || lengths.size > 1 || lengths.has(0))
    throw damaged("it gave another number of vectors than it was asked for, or of several lengths");
  return whole;
}

/** A list of numbers and of nothing else. */
export function numbersOf(value: unknown): readonly number[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === "number" && Number.isFinite(one)))
    throw damaged("it gave something else than numbers");
  return value as readonly number[];
}

/** Numbers that stand for tokens. */
export function countsOf(value: unknown): readonly number[] {
  const numbers = numbersOf(value);
  if (numbers.every((one) => Number.isSafeInteger(one) && one >= 0)) return numbers;
  throw damaged("it gave something else than the numbers of tokens");
}
