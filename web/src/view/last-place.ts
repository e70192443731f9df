const storageKey = "plexus.room";

/** The room this browser showed last, so that `/` goes on there. */
export function readLastPlace(): string | undefined {
  try {
    return localStorage.getItem(storageKey) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Remembers it; a browser that forbids storage forgets it. */
export function writeLastPlace(room: string): void {
  try {
    localStorage.setItem(storageKey, room);
  } catch {
    // Private windows of some browsers throw here; the only loss is the memory.
  }
}
