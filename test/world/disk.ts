import { PlexusError, failure } from "../../protocols/index.ts";
import type { Store, StoreOp, StoreRange } from "../../node/ports/index.ts";
import { deliver, refusalCode, type Pulse, type World } from "./world.ts";

/** A map that is read in key order. */
class OrderedMap {
  readonly #values = new Map<string, Uint8Array>();
  readonly #keys: string[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** The same content; values are never changed in place. */
  copy(): OrderedMap {
    const copied = new OrderedMap();
    for (const [key, value] of this.#values) copied.#values.set(key, value);
    copied.#keys.push(...this.#keys);
    return copied;
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Uint8Array | undefined): void {
    const known = this.#values.has(key);
    if (value === undefined) {
      if (known) this.#keys.splice(this.#lowest(key), 1);
      this.#values.delete(key);
      return;
    }
    if (!known) this.#keys.splice(this.#lowest(key), 0, key);
    this.#values.set(key, value);
  }

  range({ gte, lt, limit, reverse }: StoreRange): (readonly [string, Uint8Array])[] {
    const keys = this.#keys.slice(this.#lowest(gte), this.#lowest(lt));
    if (reverse === true) keys.reverse();
    return keys.slice(0, limit).map((key) => [key, this.#values.get(key) as Uint8Array] as const);
  }

  keys(): readonly string[] {
    return this.#keys;
  }

  /** Index of the first key that is not below `key`. */
  #lowest(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How the disk behaves. The rates may be changed while it runs. */
export interface DiskWeather {
  /** Usual time of a synced batch; an unsynced one and a read take a tenth. */
  syncMs: number;
  /** Probability that an operation takes `stallMs` more. */
  stallChance: number;
  stallMs: number;
  /** Probability that a batch rejects. It may be written or not, and if written, synced or not. */
  batchErrorChance: number;
  readErrorChance: number;
  /** No space left: every batch that writes a value rejects, with nothing written. */
  full: boolean;
}

/** Sees what is written, before the writer hears of it. */
export interface DiskWatcher {
  /** The batch is visible; it may still be lost. */
  written(ops: readonly StoreOp[], by: Pulse): void;
  /** The batch can no longer be lost. */
  durable(ops: readonly StoreOp[]): void;
}

/** How checkers see a value; undefined: it is nothing of theirs. */
export type Lens = (key: string, value: Uint8Array) => Uint8Array | undefined;

const asItLies: Lens = (_key, value) => value;

interface Written {
  readonly ops: readonly StoreOp[];
  /** The same as checkers see it. */
  readonly seen: readonly StoreOp[];
  /** The values that the batch replaced, in the order of `ops`. */
  readonly before: readonly (Uint8Array | undefined)[];
}

/** A disk that forgets at power loss what was not synced.
 *
 *      batch ──► under way ──► written (visible, in the undo list) ──► durable
 *                   │               │ a later synced batch carries it along: one log, in order
 *      crash:  each may or      a prefix survives,
 *              may not be       the rest is undone
 *              in the log
 *
 *  As with Level, batches under way at once may take effect in either order, and each is atomic. */
export class Disk {
  readonly weather: DiskWeather;
  readonly #world: World;
  readonly #name: string;
  readonly #content = new OrderedMap();
  readonly #watchers: DiskWatcher[] = [];
  /** Whoever looks at the disk without being its node sees it through this: what it wrote before it was encrypted. */
  lens: Lens = asItLies;
  #undo: Written[] = [];
  #refusals = 0;
  #underWay: { readonly ops: readonly StoreOp[]; readonly by: Pulse }[] = [];

  constructor(world: World, weather: Partial<DiskWeather> = {}, name = "disk") {
    this.#world = world;
    this.#name = name;
    this.weather = {
      syncMs: 2,
      stallChance: 0,
      stallMs: 0,
      batchErrorChance: 0,
      readErrorChance: 0,
      full: false,
      ...weather,
    };
  }

  watch(watcher: DiskWatcher): void {
    this.#watchers.push(watcher);
  }

  keys(): readonly string[] {
    return this.#content.keys();
  }

  /** The Store port for one life of the node. */
  open(pulse: Pulse, location = "/simulated"): Store {
    let closed = false;
    const world = this.#world;
    const perform = <T>(milliseconds: number, act: () => T): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        if (closed) return reject(new Error(`the store at ${location} is closed`));
        if (!pulse.alive) return;
        // What was handed to the machine happens even while the process is stopped; it hears of it later.
        world.after(milliseconds, () => {
          if (!pulse.alive) return;
          try {
            const value = act();
            deliver(pulse, () => resolve(value));
          } catch (thrown) {
            deliver(pulse, () => reject(thrown as Error));
          }
        });
      });
    const ioError = (what: string): PlexusError => {
      const code = what.includes("no space") ? "ENOSPC" : refusalCode(this.#refusals++);
      const cause = Object.assign(new Error(`${code}: simulated I/O error in ${what} at ${location}`), { code });
      return new PlexusError(failure("INTERNAL"), cause);
    };
    const readFrom = <T>(look: () => T): Promise<T> =>
      perform(this.#latencyMs(0.1), () => {
        if (world.dice.chance(this.weather.readErrorChance)) throw ioError("read");
        return look();
      });
    const read = <T>(look: () => T): Promise<T> => {
      // A read sees the disk as it was at some moment between the call and the answer.
      const early = world.dice.chance(0.5) ? { seen: look() } : undefined;
      return readFrom(() => (early === undefined ? look() : early.seen));
    };
    return {
      location,
      get: (key) => read(() => this.#content.get(key)),
      range: (range) => read(() => this.#content.range(range)),
      keys: (range) => read(() => this.#content.range(range).map(([key]) => key)),
      view: () => {
        const content = this.#content.copy();
        let over = false;
        const look = <T>(see: () => T): Promise<T> =>
          over ? Promise.reject(new Error(`the view of ${location} is closed`)) : readFrom(see);
        return {
          get: (key) => look(() => content.get(key)),
          range: (range) => look(() => content.range(range)),
          close: () => {
            over = true;
            return Promise.resolve();
          },
        };
      },
      batch: (ops, { sync }) => {
        const copy = ops.map((op) => (op.type === "put" ? { ...op, value: Uint8Array.from(op.value) } : { ...op }));
        if (closed) return Promise.reject(new Error(`the store at ${location} is closed`));
        if (!pulse.alive) return new Promise(() => undefined);
        const batch = { ops: copy, by: pulse };
        this.#underWay.push(batch);
        return perform(this.#latencyMs(sync ? 1 : 0.1), () => {
          this.#underWay = this.#underWay.filter((other) => other !== batch);
          if (this.weather.full && copy.some((op) => op.type === "put")) throw ioError("batch: no space left");
          if (!world.dice.chance(this.weather.batchErrorChance)) return this.#write(copy, pulse, sync);
          const fate = world.dice.pick(["nothing", "written", "synced"] as const);
          world.note(() => `${this.#name}: batch rejected, ${fate}: ${describe(copy)}`);
          if (fate !== "nothing") this.#write(copy, pulse, fate === "synced");
          throw ioError("batch");
        });
      },
      close: () =>
        perform(this.#latencyMs(0.1), () => {
          closed = true;
        }),
    };
  }

  /** Power loss. `worst`: nothing survives that was not synced; otherwise some of it may. */
  crash(worst: boolean): void {
    const { dice } = this.#world;
    const lost = this.#underWay;
    this.#underWay = [];
    if (!worst) for (const { ops, by } of lost) if (dice.chance(0.5)) this.#write(ops, by, false);
    const surviving = worst ? 0 : dice.below(this.#undo.length + 1);
    while (this.#undo.length > surviving) {
      const { ops, before } = this.#undo.pop() as Written;
      for (let index = ops.length - 1; index >= 0; index -= 1) {
        this.#content.set((ops[index] as StoreOp).key, before[index]);
      }
    }
    this.#becomeDurable();
  }

  /** Changes one bit of a stored value, as rot does. False when there is no such key. */
  flipBit(key: string, bit: number): boolean {
    const value = this.#content.get(key);
    if (value === undefined || value.length === 0) return false;
    const rotten = Uint8Array.from(value);
    const index = Math.floor(bit / 8) % rotten.length;
    rotten[index] = (rotten[index] as number) ^ (1 << (bit % 8));
    this.#content.set(key, rotten);
    return true;
  }

  get(key: string): Uint8Array | undefined {
    const value = this.#content.get(key);
    return value && this.lens(key, value);
  }

  /** Entries of a range, without delay: for checkers. */
  range(range: StoreRange): (readonly [string, Uint8Array])[] {
    return this.#content.range(range).flatMap(([key, value]) => {
      const seen = this.lens(key, value);
      return seen === undefined ? [] : [[key, seen] as const];
    });
  }

  /** A copy of what lies under a prefix. */
  copyOf(prefix: string): ReadonlyMap<string, Uint8Array> {
    return new Map(this.#content.range({ gte: prefix, lt: `${prefix}\xff` }));
  }

  /** Somebody puts such a copy back in the place of what is there. Nothing is written, so no watcher hears of it. */
  putBack(prefix: string, copy: ReadonlyMap<string, Uint8Array>): void {
    for (const [key] of this.#content.range({ gte: prefix, lt: `${prefix}\xff` })) this.#content.set(key, undefined);
    for (const [key, value] of copy) this.#content.set(key, value);
  }

  /** Loses a key, as a file system that was repaired does. */
  lose(key: string): void {
    this.#content.set(key, undefined);
  }

  #latencyMs(factor: number): number {
    const { dice } = this.#world;
    const stall = dice.chance(this.weather.stallChance) ? dice.between(0, this.weather.stallMs) : 0;
    return this.weather.syncMs * factor * dice.between(0.5, 1.5) + stall;
  }

  #write(ops: readonly StoreOp[], by: Pulse, sync: boolean): void {
    const before = ops.map((op) => {
      const old = this.#content.get(op.key);
      this.#content.set(op.key, op.type === "put" ? op.value : undefined);
      return old;
    });
    const seen = ops.map((op) => this.#seen(op));
    this.#undo.push({ ops, seen: seen.filter((op) => op !== undefined), before });
    this.#world.note(() => `${this.#name}: ${sync ? "synced" : "written"} ${describe(ops)}`);
    // What only lies there in another form is nothing new.
    const fresh = seen.filter((op, index) => op !== undefined && !this.#isSame(op, before[index])) as StoreOp[];
    if (fresh.length > 0) for (const watcher of this.#watchers) watcher.written(fresh, by);
    if (sync) this.#becomeDurable();
  }

  #becomeDurable(): void {
    const durable = this.#undo;
    this.#undo = [];
    for (const { seen } of durable) for (const watcher of this.#watchers) watcher.durable(seen);
  }

  #seen(op: StoreOp): StoreOp | undefined {
    if (this.lens === asItLies || op.type === "del") return op;
    const value = this.lens(op.key, op.value);
    return value && { ...op, value };
  }

  /** Whether a value that was sealed or opened is to checkers what it was. */
  #isSame(op: StoreOp, before: Uint8Array | undefined): boolean {
    if (this.lens === asItLies || op.type === "del" || before === undefined) return false;
    const was = this.lens(op.key, before);
    return was !== undefined && Buffer.compare(was, op.value) === 0;
  }
}

const describe = (ops: readonly StoreOp[]): string =>
  ops.map((op) => (op.type === "put" ? `+${op.key}(${op.value.length})` : `-${op.key}`)).join(" ");
