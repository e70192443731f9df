import type { RateLimit } from "./rates.ts";

/** Counts guesses before anybody looks whether they are right: a thousand at once are not looked up before the first is
 *  known to be wrong. One that was right counts for nothing. */
export interface GuessLimit {
  /** Resolves with 0 when it may be looked up, else with the wait in milliseconds. */
  begin(key: string): Promise<number>;
  /** Ends what `begin` let pass. `wrong`: it stays counted. */
  end(key: string, wrong: boolean): void;
  /** Counts one that turned out wrong after it was ended as if it were not. */
  add(key: string): void;
}

/** Those of one key that are being looked up, and those that wait to learn whether these were right. */
interface Open {
  underWay: number;
  readonly waiting: ((waitMs: number) => void)[];
}

/** Makes the count. Beyond `guessesWaitingMax` waiting of one key, one more waits for `window / count`, as if those
 *  before it were wrong. */
export function createGuessLimit(limit: RateLimit, guessesWaitingMax: number): GuessLimit {
  /** Only keys with something under way. */
  const open = new Map<string, Open>();

  return {
    add: (key) => void limit.take(key),
    begin(key) {
      const one = open.get(key) ?? { underWay: 0, waiting: [] };
      // Nobody overtakes who waits already.
      const waitMs = one.waiting.length > 0 ? Math.max(1, limit.wait(key)) : limit.take(key);
      if (waitMs === 0) {
        one.underWay += 1;
        open.set(key, one);
        return Promise.resolve(0);
      }
      if (one.underWay === 0 || one.waiting.length >= guessesWaitingMax) return Promise.resolve(waitMs);
      return new Promise((resolve) => one.waiting.push(resolve));
    },
    end(key, wrong) {
      const one = open.get(key);
      if (one === undefined) return;
      if (!wrong) limit.giveBack(key);
      one.underWay -= 1;
      while (one.waiting.length > 0) {
        const waitMs = limit.take(key);
        // Those under way may yet turn out to be right.
        if (waitMs > 0 && one.underWay > 0) return;
        if (waitMs === 0) one.underWay += 1;
        one.waiting.shift()?.(waitMs);
      }
      if (one.underWay === 0) open.delete(key);
    },
  };
}
