/** What the browser keeps for the page; nothing else in the page touches its storage.
 *
 *  What belongs to a person is named by `Kept` (`model/kept.ts`) and by nobody else; what is left is of the cluster. */

// What the browser would not keep: full, or forbidden, as in the private windows of some. It goes with the tab.
interface Unkept {
  readonly text: string;
  /** What the browser had under the name then: anything else that it has is newer. */
  readonly over: string | null;
}
const inMemory = new Map<string, Unkept>();

/** What the browser has under a name; nothing where it lets nobody look. */
function stored(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** The browser's storage, which never throws. */
export const shelf = {
  read(name: string): string | undefined {
    return inMemory.get(name)?.text ?? stored(name) ?? undefined;
  },
  write(name: string, text: string): void {
    try {
      localStorage.setItem(name, text);
      inMemory.delete(name);
    } catch {
      inMemory.set(name, { text, over: stored(name) });
    }
  },
  remove(name: string): void {
    inMemory.delete(name);
    try {
      localStorage.removeItem(name);
    } catch {
      // What cannot be written holds nothing.
    }
  },
  names(): readonly string[] {
    try {
      return [...new Set([...Object.keys(localStorage), ...inMemory.keys()])];
    } catch {
      return [...inMemory.keys()];
    }
  },
};

/** The storage of this tab alone, which is there again when the page is loaded anew. */
export const tabShelf: Pick<typeof shelf, "read" | "write" | "remove" | "names"> = {
  read: (name) => inTab((storage) => storage.getItem(name) ?? undefined, undefined),
  write: (name, text) => inTab((storage) => storage.setItem(name, text), undefined),
  remove: (name) => inTab((storage) => storage.removeItem(name), undefined),
  names: () => inTab((storage) => Object.keys(storage), []),
};

function inTab<Value>(use: (storage: Storage) => Value, otherwise: Value): Value {
  try {
    return use(sessionStorage);
  } catch {
    return otherwise;
  }
}

/** Whether something is only in this tab, and goes with it. */
export const hasUnkept = (): boolean => inMemory.size > 0;

/** Hears what other tabs keep: the name that changed, or nothing for all. */
export function onShelfChanged(listener: (name: string | undefined) => void): () => void {
  const changed = (event: StorageEvent) => {
    if (event.storageArea !== localStorage) return;
    // What another tab could keep since is newer than what this one could not. Its news may be older than that.
    const now = event.key === null ? null : stored(event.key);
    if (event.key !== null && now !== null && now !== inMemory.get(event.key)?.over) inMemory.delete(event.key);
    listener(event.key ?? undefined);
  };
  window.addEventListener("storage", changed);
  return () => window.removeEventListener("storage", changed);
}
