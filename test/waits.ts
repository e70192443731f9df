/** Waiting for what happens outside of the test: in another process, on a socket, in a browser.
 *
 *  No wait ends by the clock. A wait counts the turns that this process was free to take, so a machine that stalls uses
 *  none of them up, and a slow machine uses them up slowly. The limits are there to name what a broken program never
 *  does, and are far above what a working one takes. */

/** By how much each limit exceeds what its caller names, which is already ample on a machine with nothing else to
 *  do. */
export const patience = 5;

const turnMs = 25;

/** The limit where the caller names none, before `patience`. */
export const usualLimitMs = 60_000;

/** What Playwright waits for anything on a page. It counts by the clock, so this is longer than a slow machine takes
 *  for the slowest page. */
export const pageWaitMs = patience * usualLimitMs;

export const sleep = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));

/** Between two looks at what files, sockets or threads bring. To look with each turn of the event loop would keep a
 *  processor busy with nothing. */
export const moment = (): Promise<void> => sleep(1);

/** Calls `expire` after the turns of `limitMs`; the returned function ends the count. */
export function expireAfter(limitMs: number, expire: () => void): () => void {
  let turnsLeft = Math.ceil((patience * limitMs) / turnMs);
  const timer = setInterval(() => {
    turnsLeft -= 1;
    if (turnsLeft > 0) return;
    clearInterval(timer);
    expire();
  }, turnMs);
  return () => clearInterval(timer);
}

/** What `promise` gives; rejects with `what` when it does not come. */
export async function within<T>(promise: Promise<T>, what: string, limitMs = usualLimitMs): Promise<T> {
  let stop = (): void => undefined;
  const expired = new Promise<never>((_, reject) => {
    stop = expireAfter(limitMs, () => reject(new Error(`did not happen: ${what}`)));
  });
  return Promise.race([promise, expired]).finally(() => stop());
}

/** Tries until `attempt` does not throw, and gives what it gave. In the end it throws `what`, with what the last
 *  attempt threw. */
export async function until<T>(what: string, attempt: () => T | Promise<T>, limitMs = usualLimitMs): Promise<T> {
  let isOver = false;
  const stop = expireAfter(limitMs, () => (isOver = true));
  try {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (isOver) throw new Error(`did not happen: ${what}: ${String(error)}`, { cause: error });
      }
      await sleep(turnMs);
    }
  } finally {
    stop();
  }
}

/** Waits until `holds` says so. */
export async function untilTrue(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = usualLimitMs,
): Promise<void> {
  await until(
    what,
    async () => {
      if (!(await holds())) throw new Error("it is not so");
    },
    limitMs,
  );
}
