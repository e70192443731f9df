import { decode, encode, failure, PlexusError } from "../../../protocols/index.ts";
import type { Directory, DirectoryRow, DirectoryWatcher } from "../../../node/ports/index.ts";
import { deliver, type Pulse, type World } from "../../world/index.ts";

interface Change {
  readonly revision: number;
  readonly key: string;
  /** Undefined: deleted. */
  readonly bytes: Uint8Array | undefined;
}

interface Watch {
  readonly prefix: string;
  readonly watcher: DirectoryWatcher;
  readonly pulse: Pulse;
  /** The last revision it was told of; undefined while it waits for a reset. */
  told: number | undefined;
  busy: boolean;
  ended: boolean;
}

/** A directory outside the cluster, as etcd is: linearizable, reached over a network that loses answers. What a
 *  compare-and-set that nobody answered did, nobody knows; it may even take effect later. */
export class ExternalDirectory {
  /** Nobody reaches it. */
  down = false;
  /** These lives do not reach it. */
  readonly cutOff = new Set<Pulse>();
  delayMs: number;
  lossChance: number;
  /** Sees each change as it takes effect. */
  onChange: (key: string, value: unknown) => void = () => undefined;
  readonly #world: World;
  readonly #rows = new Map<string, Change>();
  readonly #history: Change[] = [];
  readonly #watches = new Set<Watch>();
  #revision = 0;

  constructor(world: World, weather: { readonly delayMs: number; readonly lossChance: number }) {
    this.#world = world;
    this.delayMs = weather.delayMs;
    this.lossChance = weather.lossChance;
  }

  /** It is there, or not. */
  setDown(down: boolean): void {
    this.down = down;
    for (const watch of this.#watches) this.#pump(watch);
  }

  /** The Directory port for one life of a node. */
  open(pulse: Pulse): Directory {
    return {
      read: (key) => this.#call(pulse, () => this.#row(key)),
      list: (prefix) => this.#call(pulse, () => this.#list(prefix)),
      compareAndSet: (key, value, revision, guard) => {
        const bytes = value === undefined ? undefined : encode(value);
        return this.#call(pulse, () => this.#change(key, bytes, revision, guard));
      },
      watch: (prefix, watcher) => {
        const watch: Watch = { prefix, watcher, pulse, told: undefined, busy: false, ended: false };
        this.#watches.add(watch);
        this.#pump(watch);
        return () => {
          watch.ended = true;
          this.#watches.delete(watch);
        };
      },
    };
  }

  #isDown(pulse: Pulse): boolean {
    return this.down || this.cutOff.has(pulse);
  }

  /** A question and its answer, each of which may be lost; a question may also arrive after its sender gave up. */
  #call<T>(pulse: Pulse, act: () => T): Promise<T> {
    const world = this.#world;
    const { dice } = world;
    return new Promise((resolve, reject) => {
      if (!pulse.alive) return;
      const lost = this.#isDown(pulse) || dice.chance(this.lossChance);
      const fate = lost ? dice.pick(["question", "answer", "late"] as const) : "arrives";
      const giveUp = (): void =>
        deliver(pulse, () => reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE", { simulated: fate }))));
      world.after(this.delayMs * dice.between(0.5, 1.5), () => {
        if (this.#isDown(pulse) || fate === "question") return void world.after(dice.between(1, 200), giveUp);
        if (fate === "late") {
          world.after(dice.between(1, 100), giveUp);
          return void world.after(dice.between(50, 400), () => void (this.#isDown(pulse) ? undefined : act()));
        }
        const answer = act();
        if (fate === "answer") return void world.after(dice.between(1, 200), giveUp);
        world.after(this.delayMs * dice.between(0.5, 1.5), () => deliver(pulse, () => resolve(answer)));
      });
    });
  }

  #row(key: string): DirectoryRow | undefined {
    const found = this.#rows.get(key);
    return found?.bytes && { key, value: decode(found.bytes), revision: found.revision };
  }

  #list(prefix: string): DirectoryRow[] {
    const keys = [...this.#rows.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => this.#row(key)).filter((row) => row !== undefined);
  }

  #change(
    key: string,
    bytes: Uint8Array | undefined,
    revision: number,
    guard?: { readonly key: string; readonly revision: number },
  ): { applied: boolean; row: DirectoryRow | undefined } {
    const revisionOf = (name: string): number => this.#row(name)?.revision ?? 0;
    const stands = revisionOf(key) === revision && (guard === undefined || revisionOf(guard.key) === guard.revision);
    if (!stands) return { applied: false, row: this.#row(key) };
    this.#revision += 1;
    const change = { revision: this.#revision, key, bytes };
    if (bytes === undefined) this.#rows.delete(key);
    else this.#rows.set(key, change);
    this.#history.push(change);
    this.onChange(key, bytes && decode(bytes));
    for (const watch of this.#watches) this.#pump(watch);
    return { applied: true, row: this.#row(key) };
  }

  /** Tells a watcher what comes next, then what comes after that. */
  #pump(watch: Watch): void {
    if (watch.busy || watch.ended || !watch.pulse.alive) return;
    const world = this.#world;
    const { dice } = world;
    const gap = this.#isDown(watch.pulse) || dice.chance(this.lossChance / 4);
    if (gap && watch.told !== undefined) {
      watch.told = undefined;
      watch.busy = true;
      world.after(dice.between(1, 200), () =>
        deliver(watch.pulse, () => {
          watch.busy = false;
          if (!watch.ended) watch.watcher.stale();
          this.#pump(watch);
        }),
      );
      return;
    }
    const { told } = watch;
    if (this.#isDown(watch.pulse)) return;
    const next = told === undefined ? undefined : this.#history.find(({ revision }) => revision > told);
    if (told !== undefined && next === undefined) return;
    watch.busy = true;
    const act = (): void => {
      watch.busy = false;
      if (watch.ended) return;
      if (told === undefined) {
        watch.told = this.#revision;
        watch.watcher.reset(this.#list(watch.prefix));
      } else if (next) {
        watch.told = next.revision;
        if (next.key.startsWith(watch.prefix)) {
          const { key, bytes, revision } = next;
          if (bytes) watch.watcher.changed({ key, value: decode(bytes), revision });
          else watch.watcher.removed(key, revision);
        }
      }
      this.#pump(watch);
    };
    world.after(this.delayMs * dice.between(0.5, 1.5), () => deliver(watch.pulse, act));
  }
}
