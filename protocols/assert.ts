/** Throws when a promise the code makes to itself is broken. Bytes from outside are refused, not asserted. */
export function assert(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${promise}`);
}

/** Marks the end of a `switch` that must be exhaustive; the compiler proves the call cannot happen. */
export function unreachable(value: never): never {
  throw new Error(`broken invariant: unreachable value ${JSON.stringify(value)}`);
}
