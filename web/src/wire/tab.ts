/** So long the page before, of the same tab, may take to go. */
const goneWithinMs = 1_000;

/** What this document holds until it goes. */
const held = new Set<string>();

/** Holds a name for this document, until it goes; false: another tab holds it. Where a browser has no locks, as with an
 *  address without TLS, nobody can tell, and everybody holds it. */
export function holdsAlone(name: string): Promise<boolean> {
  if (held.has(name) || !("locks" in navigator)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(goneWithinMs);
    const over = navigator.locks.request(name, { signal }, () => {
      held.add(name);
      resolve(true);
      return new Promise<never>(() => undefined);
    });
    // It was given up.
    over.catch(() => resolve(false));
  });
}
