/** A promise that the code makes to itself is broken. Memory is not to be trusted any more; what is durable is. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";

  constructor(promise: string) {
    super(`broken invariant: ${promise}`);
  }
}

/** Throws BrokenInvariant when a promise that the code makes to itself is broken. Bytes from outside are refused, not asserted. */
export function assert(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new BrokenInvariant(promise);
}

/** Marks the end of a `switch` that must be exhaustive; the compiler proves the call cannot happen. */
export function unreachable(value: never): never {
  throw new BrokenInvariant(`unreachable value ${JSON.stringify(value)}`);
}
