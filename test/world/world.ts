import type { Clock } from "../../node/ports/index.ts";
import { Dice } from "./dice.ts";

interface Happening {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** A promise that a checker watches was broken. `checker` is the name in `docs/develop/simulation/checkers.md`. */
export interface Violation {
  readonly checker: string;
  readonly detail: string;
  readonly atMs: number;
}

/** Simulated time: a queue of happenings, run one at a time in the order (time, insertion). Between two of them all
 *  promises settle, so everything that can follow from one happening has followed before the next one. Nothing else
 *  moves time, and every choice is drawn from `dice`: the same seed gives the same life. */
export class World {
  readonly seed: number;
  readonly dice: Dice;
  readonly violations: Violation[] = [];
  /** Lines of the trace; undefined when nobody reads it. */
  readonly trace: string[] | undefined;
  nowMs = 0;
  happenings = 0;
  #order = 0;
  readonly #heap: Happening[] = [];

  constructor(seed: number, options: { readonly trace?: boolean } = {}) {
    this.seed = seed;
    this.dice = new Dice(seed);
    this.trace = options.trace === true ? [] : undefined;
  }

  /** Runs `callback` after `delayMs`. The returned function takes it back. */
  after(delayMs: number, callback: () => void): () => void {
    const happening: Happening = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order, run: callback };
    this.#order += 1;
    this.#push(happening);
    return () => {
      happening.run = undefined;
    };
  }

  /** How many things are still to happen. */
  get pending(): number {
    return this.#heap.filter(({ run }) => run !== undefined).length;
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  /** Reports a broken promise. The run ends at the first one. */
  violate(checker: string, detail: string): void {
    this.violations.push({ checker, detail, atMs: this.nowMs });
    this.note(() => `VIOLATION ${checker}: ${detail}`);
  }

  /** Adds a line to the trace. */
  note(line: () => string): void {
    this.trace?.push(`${this.nowMs.toFixed(2).padStart(12)}  ${line()}`);
  }

  /** Lets things happen until `done`, a violation, `untilMs`, or silence. */
  async run(done: () => boolean, untilMs: number): Promise<"done" | "violated" | "late" | "silent"> {
    while (!done()) {
      if (this.violations.length > 0) return "violated";
      const next = this.#heap[0];
      if (next === undefined) return "silent";
      if (next.atMs > untilMs) return "late";
      await this.#step();
    }
    return this.violations.length > 0 ? "violated" : "done";
  }

  /** Lets time pass by itself, for tests that wait for promises: whenever nothing else is to be done, the next thing
   *  happens. So a wait is never too short for a slow machine. Where a test waits for sockets or threads as well,
   *  `msPerTurn` is the most that passes with one turn of the event loop: what they bring then comes at about the time
   *  at which it was sent. The returned function ends it. */
  flow(msPerTurn = Number.POSITIVE_INFINITY): () => Promise<void> {
    let isOver = false;
    const over = (async () => {
      let idleTurns = 0;
      for (await settled(); !isOver; await (idleTurns < idleTurnsMax ? settled() : rested())) {
        const turnMs = idleTurns < idleTurnsMax ? msPerTurn : restTurns * msPerTurn;
        const next = this.#heap[0];
        if (next !== undefined && next.atMs <= this.nowMs + turnMs) {
          idleTurns = 0;
          await this.#step();
        } else {
          idleTurns += 1;
          if (Number.isFinite(turnMs)) this.nowMs += turnMs;
        }
      }
    })();
    return async () => {
      isOver = true;
      await over;
      this.#expectWhole();
    };
  }

  /** The next thing happens, if there is one, and all that promises make of it. */
  async #step(): Promise<void> {
    const next = this.#pop();
    if (next?.run === undefined) return;
    this.nowMs = next.atMs;
    this.happenings += 1;
    try {
      next.run();
    } catch (thrown) {
      // A callback of the event loop that throws ends a real process.
      this.violate("no-stray-error", thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    }
    await settled();
  }

  /** Lets time pass. */
  async pass(forMs: number): Promise<void> {
    const endMs = this.nowMs + forMs;
    await settled();
    await this.run(() => false, endMs);
    this.#expectWhole();
    this.nowMs = Math.max(this.nowMs, endMs);
  }

  /** Lets time pass until something holds; throws when it does not come to that. */
  async until(holds: () => boolean, withinMs = 20_000): Promise<void> {
    await settled();
    const end = await this.run(holds, this.nowMs + withinMs);
    this.#expectWhole();
    if (end !== "done") throw new Error(`it does not hold within ${withinMs} ms: ${end}`);
  }

  /** Lets time pass until a promise settles, and gives what it gives. */
  async settle<Value>(promise: Promise<Value>, withinMs = 20_000): Promise<Value> {
    let over = false;
    const mark = (): void => void (over = true);
    promise.then(mark, mark);
    await this.until(() => over, withinMs);
    return promise;
  }

  /** Lets time pass at once: what is due happens, and what follows from it by promises only afterwards. */
  elapse(forMs: number): void {
    const endMs = this.nowMs + forMs;
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      this.#pop();
      if (next.run === undefined) continue;
      this.nowMs = next.atMs;
      this.happenings += 1;
      next.run();
    }
    this.nowMs = Math.max(this.nowMs, endMs);
  }

  /** The clock of a process that goes on for ever and is always on time. */
  clock(): Clock {
    return {
      nowMs: () => Math.floor(this.nowMs),
      monotonicMs: () => this.nowMs,
      after: (delayMs, callback) => this.after(delayMs, callback),
      soon: (callback) => void this.after(0, callback),
    };
  }

  #expectWhole(): void {
    const [violation] = this.violations;
    if (violation !== undefined) throw new Error(`${violation.checker}: ${violation.detail}`);
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(happening);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Happening;
      if (!earlier(happening, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = happening;
  }

  #pop(): Happening | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && earlier(heap[child + 1] as Happening, heap[child] as Happening)) child += 1;
      if (!earlier(heap[child] as Happening, last)) break;
      heap[index] = heap[child] as Happening;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

const earlier = (one: Happening, other: Happening): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);

/** Resolves when every promise that can settle has settled: microtasks run before the event loop reaches
 *  `setImmediate`. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Turns of the event loop in which nothing was due, after which the test waits for sockets, files or threads. */
const idleTurnsMax = 200;
/** It rests then until one of these has something, a moment at most, for which so many turns would have been taken:
 *  to take them all would keep a processor busy with nothing. */
const restTurns = 100;
const restMs = 1;
const rested = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, restMs));

/** One life of a node's process. What belongs to a dead one never happens: no timer fires, no promise resolves. A
 *  stopped one (SIGSTOP, a virtual machine that is moved) misses nothing: everything happens late, at once, when it
 *  goes on. */
export interface Pulse {
  readonly life: number;
  alive: boolean;
  /** What happens when the stopped process goes on; absent when it runs. */
  waiting?: (() => void)[] | undefined;
  /** Those of it that are timers. */
  timers?: (() => void)[] | undefined;
}

/** Lets something happen to a process: now, when it goes on, or never. */
export function deliver(pulse: Pulse, callback: () => void): void {
  if (!pulse.alive) return;
  if (pulse.waiting) pulse.waiting.push(callback);
  else callback();
}

/** Lets a stopped process go on: everything that waited happens, timers before what was read or written, as in libuv: a
 *  process that was stopped sees that its time is up before it sees the answers that came in time. */
export function goOn(world: World, pulse: Pulse): void {
  const waiting = [...(pulse.timers ?? []), ...(pulse.waiting ?? [])];
  pulse.timers = undefined;
  pulse.waiting = undefined;
  for (const callback of waiting) world.after(0, () => deliver(pulse, callback));
}

/** The wall clock of the machine: survives processes, and an operator or NTP may move it. */
export interface WallClock {
  offsetMs: number;
}

/** The Clock port of one life. Timers are late by up to 2 ms, as real ones are. */
export function simulatedClock(world: World, wall: WallClock, pulse: Pulse): Clock {
  const guarded = (delayMs: number, callback: () => void): (() => void) => {
    if (!pulse.alive) return () => undefined;
    let cancelled = false;
    const run = (): void => {
      if (!cancelled) callback();
    };
    const cancel = world.after(delayMs, () => {
      if (pulse.alive && pulse.waiting) (pulse.timers ??= []).push(run);
      else deliver(pulse, run);
    });
    return () => {
      cancelled = true;
      cancel();
    };
  };
  return {
    nowMs: () => Math.floor(world.nowMs + wall.offsetMs),
    monotonicMs: () => world.nowMs,
    after: (delayMs, callback) => guarded(delayMs + world.dice.between(0, 2), callback),
    soon: (callback) => void guarded(0, callback),
  };
}

/** What a system says that refuses a call, by turns: chance would change what seeds show. */
export const refusalCode = (count: number): string => ["EIO", "EMFILE", "ENFILE", "ENOMEM"][count % 4] as string;

/** A node's look at itself, which the system refuses every third time. */
export function refusedLook(): () => object {
  let looks = 0;
  return () => {
    looks += 1;
    if (looks % 3 !== 0) return {};
    const code = refusalCode(looks / 3);
    throw Object.assign(new Error(`${code}: simulated, uv_resident_set_memory`), { code });
  };
}
