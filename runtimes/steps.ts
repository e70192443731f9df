/** Steps that the schemas of one request may take: to be read, to be said as a grammar, and to be compared with the
 *  answer. Each step has a size that nobody chooses: what goes through a list, a text or a number takes as many as that
 *  has, and takes them before. Pure. */
import { runtimeLimits } from "./limits.ts";

/** There are no more. What is not done by then is left open, and said. */
export class OutOfSteps extends Error {}

/** One budget. */
export class Steps {
  left: number;

  constructor(left: number = runtimeLimits.schemaStepsMax) {
    this.left = left;
  }

  take(by = 1): void {
    this.left -= by;
    if (this.left < 0) throw new OutOfSteps();
  }

  /** A list, each of whose items is a step. */
  charged<T>(items: readonly T[]): readonly T[] {
    this.take(items.length);
    return items;
  }
}

/** What `work` gives; `instead`, where it takes more steps than there are. */
export function within<T>(work: () => T, instead: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof OutOfSteps)) throw thrown;
    return instead();
  }
}
