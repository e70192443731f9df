/** Where texts stay under a name: a browser's storage, or a test's. */
export interface Shelf {
  read(name: string): string | undefined;
  write(name: string, text: string): void;
  remove(name: string): void;
  names(): readonly string[];
}

/** Places of one account with something in them, at most. Beyond it the one that was left alone for longest is
 *  dropped, but no message that waits to be sent. */
export const keptPlacesMax = 500;

/** What one account made in this browser and has not finished: unsent texts, half-done edits and forms, messages that
 *  wait.
 *
 *  Invariant: the shelf is the truth. What is made is on it before anything shows it, and every tab shows what is on
 *  it: the newer of two tabs wins, whatever the order in which they hear of each other. Invariant: nothing is read or
 *  written under the name of another account, and nothing at all after `close`. */
export class Kept {
  readonly #shelf: Shelf;
  readonly #prefix: string;
  readonly #nowMs: () => number;
  readonly #listeners = new Map<string, Set<() => void>>();
  /** What was read last, so that the same text is the same value. */
  readonly #read = new Map<string, { readonly text: string; readonly value: unknown }>();
  readonly #watchers = new Set<(place: string) => void>();
  #closed = false;

  constructor(shelf: Shelf, account: string, nowMs: () => number) {
    this.#shelf = shelf;
    this.#prefix = `plexus.kept/${account}/`;
    this.#nowMs = nowMs;
  }

  /** What is kept at a place; the same object until it changes. */
  read(place: string): unknown {
    if (this.#closed) return undefined;
    const text = this.#shelf.read(this.#prefix + place);
    if (text === undefined) {
      this.#read.delete(place);
      return undefined;
    }
    const known = this.#read.get(place);
    if (known?.text === text) return known.value;
    const value = entryIn(text)?.value;
    this.#read.set(place, { text, value });
    return value;
  }

  /** Keeps it, in the place of what was there. `undefined` empties the place. */
  write(place: string, value: unknown): void {
    if (this.#closed) return;
    const name = this.#prefix + place;
    if (value === undefined) this.#shelf.remove(name);
    else {
      if (this.#shelf.read(name) === undefined) this.#makeRoom();
      this.#shelf.write(name, JSON.stringify({ atMs: this.#nowMs(), value }));
    }
    this.#tell(place);
  }

  /** Empties a place whose content was sent or saved, unless another tab has put something else there since. */
  finish(place: string, value: unknown): void {
    if (JSON.stringify(this.read(place)) === JSON.stringify(value)) this.write(place, undefined);
  }

  /** The places that begin so. */
  places(beginning: string): readonly string[] {
    if (this.#closed) return [];
    const all = this.#shelf.names().filter((name) => name.startsWith(this.#prefix + beginning));
    return all.map((name) => name.slice(this.#prefix.length));
  }

  subscribe(place: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(place) ?? new Set();
    this.#listeners.set(place, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(place) === listeners) this.#listeners.delete(place);
    };
  }

  /** Calls back with each place that changes, here or in another tab. */
  watch(listener: (place: string) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /** Another tab changed something on the shelf; without a name, everything. */
  changedElsewhere(name: string | undefined): void {
    if (name === undefined) for (const place of this.#listeners.keys()) this.#tell(place);
    else if (name.startsWith(this.#prefix)) this.#tell(name.slice(this.#prefix.length));
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#watchers.clear();
    this.#read.clear();
  }

  #tell(place: string): void {
    for (const listener of this.#listeners.get(place) ?? []) listener();
    for (const watcher of this.#watchers) watcher(place);
  }

  #makeRoom(): void {
    const names = this.#shelf.names().filter((name) => name.startsWith(this.#prefix));
    if (names.length < keptPlacesMax) return;
    const units = new Map<string, { readonly names: string[]; atMs: number }>();
    for (const name of names) {
      const place = name.slice(this.#prefix.length);
      if (place.startsWith("unsent/")) continue;
      const unit = units.get(unitOf(place)) ?? { names: [], atMs: 0 };
      unit.names.push(name);
      unit.atMs = Math.max(unit.atMs, entryIn(this.#shelf.read(name) ?? "")?.atMs ?? 0);
      units.set(unitOf(place), unit);
    }
    let left = names.length;
    for (const unit of [...units.values()].toSorted((a, b) => a.atMs - b.atMs)) {
      if (left < keptPlacesMax) return;
      for (const name of unit.names) this.#shelf.remove(name);
      left -= unit.names.length;
    }
  }
}

/** A field and what the account has of it go together: a field that is gone alone looks like one that was emptied. */
const unitOf = (place: string): string => place.replace(/^drafts\//, "").replace(/\/text$/, "");

/** What stands on the shelf under a name; nothing that this page has not written there. */
function entryIn(text: string): { readonly atMs: number; readonly value: unknown } | undefined {
  try {
    const { atMs, value } = JSON.parse(text) as { readonly atMs?: unknown; readonly value?: unknown };
    return typeof atMs === "number" ? { atMs, value } : undefined;
  } catch {
    return undefined;
  }
}
