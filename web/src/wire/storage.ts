/** What the browser keeps for the page; nothing else in the page touches its storage.
 *
 *  What belongs to a person is named by `Kept` (`model/kept.ts`) and by nobody else; what is left is of the cluster. */

// What the browser would not keep: full, or forbidden, as in the private windows of some. It goes with the tab.
const inMemory = new Map<string, string>();

/** The browser's storage, which never throws. */
export const shelf = {
  read(name: string): string | undefined {
    try {
      return inMemory.get(name) ?? localStorage.getItem(name) ?? undefined;
    } catch {
      return inMemory.get(name);
    }
  },
  write(name: string, text: string): void {
    try {
      localStorage.setItem(name, text);
      inMemory.delete(name);
    } catch {
      inMemory.set(name, text);
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

/** Whether something is only in this tab, and goes with it. */
export const hasUnkept = (): boolean => inMemory.size > 0;

/** Hears what other tabs keep: the name that changed, or nothing for all. */
export function onShelfChanged(listener: (name: string | undefined) => void): () => void {
  const changed = (event: StorageEvent) => {
    if (event.storageArea !== localStorage) return;
    // What another tab could keep is newer than what this one could not.
    if (event.key !== null && event.newValue !== null) inMemory.delete(event.key);
    listener(event.key ?? undefined);
  };
  window.addEventListener("storage", changed);
  return () => window.removeEventListener("storage", changed);
}
