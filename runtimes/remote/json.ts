/** Reading what somebody else wrote: what is not there, or is of another type, is undefined. */

import { parseDocument } from "../../protocols/wire/json-meter.ts";

/** The value at a path of names and places. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let inner = value;
  for (const part of path) {
    if (typeof inner !== "object" || inner === null || !Object.hasOwn(inner, part)) return undefined;
    inner = (inner as Readonly<Record<string | number, unknown>>)[part];
  }
  return inner;
}

export const textAt = (value: unknown, ...path: readonly (string | number)[]): string | undefined => {
  const inner = at(value, ...path);
  return typeof inner === "string" ? inner : undefined;
};

export const numberAt = (value: unknown, ...path: readonly (string | number)[]): number | undefined => {
  const inner = at(value, ...path);
  return typeof inner === "number" && Number.isFinite(inner) ? inner : undefined;
};

/** A number of something: whole, not negative, and of a size that anything can have. */
export const countAt = (value: unknown, ...path: readonly (string | number)[]): number | undefined => {
  const inner = at(value, ...path);
  return Number.isInteger(inner) && (inner as number) >= 0 && (inner as number) <= 2 ** 31
    ? (inner as number)
    : undefined;
};

/** A list; an empty one where there is none. */
export const listAt = (value: unknown, ...path: readonly (string | number)[]): readonly unknown[] => {
  const inner = at(value, ...path);
  return Array.isArray(inner) ? inner : [];
};

/** The value of a JSON text; undefined where it is none. */
export function fromJson(text: string): unknown {
  try {
    return parseDocument(text);
  } catch {
    return undefined;
  }
}
