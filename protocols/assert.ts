/** What happens when a promise that the code makes to itself is broken: memory is not to be trusted any more; what is
 *  durable is. So the process ends, whatever the code in between makes of errors. `BrokenInvariant` is thrown, so that
 *  nothing goes on from there, and thrown once more where no `catch` can be. A `catch` need not tell it from other
 *  errors, and an answer or a line in the log that it makes of it is the last thing that it does.
 *
 *  The exception is code that has a supervisor of its own: an actor's behavior, which runs `contained`. */

/** A promise that the code makes to itself is broken. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";

  constructor(promise: string) {
    super(`broken invariant: ${promise}`);
  }
}

/** How many calls of `contained` are under way. */
let containers = 0;

/** Runs synchronous code whose broken promises are its own fault alone, to be caught by its supervisor. */
export function contained<Value>(work: () => Value): Value {
  enterContainer();
  try {
    return work();
  } finally {
    leaveContainer();
  }
}

/** `contained` without a closure, which is felt where each turn of each actor passes: what runs until `leaveContainer`,
 *  which has to be in the `finally` of what comes next. */
export function enterContainer(): void {
  containers += 1;
}

export function leaveContainer(): void {
  containers -= 1;
}

/** Throws BrokenInvariant when a promise that the code makes to itself is broken. Bytes from outside are refused, not
 *  asserted. */
export function assert(condition: boolean, promise: string): asserts condition {
  if (!condition) breakOff(promise);
}

/** Marks the end of a `switch` that must be exhaustive; the compiler proves the call cannot happen. */
export function unreachable(value: never): never {
  breakOff(`unreachable value ${JSON.stringify(value)}`);
}

function breakOff(promise: string): never {
  const broken = new BrokenInvariant(promise);
  if (containers === 0)
    queueMicrotask(() => {
      throw broken;
    });
  throw broken;
}
