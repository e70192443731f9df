/** Vectors and numbers as servers give them. */
import { bytesOfFloats } from "../../protocols/index.ts";
import { damaged } from "./refusals.ts";

/** A vector given as numbers, or as base64 of its bytes. */
export function vectorOf(value: unknown): Uint8Array {
  return typeof value === "string" ? new Uint8Array(Buffer.from(value, "base64")) : bytesOfFloats(numbersOf(value));
}

/** One for each of `count` inputs, all of one length. */
export function wholeVectors(vectors: readonly (Uint8Array | undefined)[], count: number): readonly Uint8Array[] {
  const whole = vectors.filter((one) => one !== undefined);
  const lengths = new Set(whole.map(({ length }) => length));
  const isWhole = vectors.length === count && whole.length === count && lengths.size <= 1;
  if (!isWhole || [...lengths].some((length) => length === 0 || length % 4 !== 0))
    throw damaged("it gave another number of vectors than it was asked for, or of several lengths");
  return whole;
}

/** A list of numbers and of nothing else. */
export function numbersOf(value: unknown): readonly number[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === "number" && Number.isFinite(one)))
    throw damaged("it gave something else than numbers");
  return value as readonly number[];
}
