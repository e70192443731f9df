/** So many at a time; the others wait, in order. Bounded by those who ask: each of them waits for its own. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#free = max;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** One at a time for each key, in order. Gives what runs work in the turn of its key. */
export function turnsByKey<Key>(): <T>(key: Key, work: () => Promise<T>) => Promise<T> {
  const last = new Map<Key, Promise<unknown>>();
  return (key, work) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(work);
    const quiet = mine.catch(() => undefined);
    last.set(key, quiet);
    void quiet.then(() => {
      if (last.get(key) === quiet) last.delete(key);
    });
    return mine;
  };
}
