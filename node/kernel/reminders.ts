/** Durable reminders of the open slots: rings each at its due time, again and again until it is forgotten. */
import type { ActorId, SlotId } from "../../protocols/index.ts";
import { backoffMs } from "../waiting.ts";
import type { Clock } from "../ports.ts";

interface Reminder {
  readonly slot: SlotId;
  readonly actor: ActorId;
  readonly id: string;
  readonly dueMs: number;
  readonly ringAtMs: number;
  readonly rings: number;
}

/** Longest sleep: Node's timers hold 31 bits, and a clock that was set is noticed within this time. */
const sleepMaxMs = 60_000;

export class Reminders {
  readonly #byKey = new Map<string, Reminder>();
  /** A binary heap by `ringAtMs`; entries that no longer stand in `#byKey` are skipped when they come up. */
  #heap: Reminder[] = [];
  #cancelTimer: (() => void) | undefined;
  #timerAtMs = Infinity;
  readonly #clock: Clock;
  readonly #retry: { readonly reminderRetryMs: number; readonly reminderRetryMaxMs: number };
  readonly #ring: (actor: ActorId, id: string, dueMs: number) => void;

  constructor(
    clock: Clock,
    retry: { readonly reminderRetryMs: number; readonly reminderRetryMaxMs: number },
    ring: (actor: ActorId, id: string, dueMs: number) => void,
  ) {
    this.#clock = clock;
    this.#retry = retry;
    this.#ring = ring;
  }

  /** A time that is no finite number never comes: among the others it would break their order. */
  set(slot: SlotId, actor: ActorId, id: string, dueMs: number): void {
    if (!Number.isFinite(dueMs)) return this.forget(actor, id);
    this.#put({ slot, actor, id, dueMs, ringAtMs: dueMs, rings: 0 });
    this.#arm();
  }

  forget(actor: ActorId, id: string): void {
    this.#byKey.delete(`${actor}/${id}`);
  }

  /** The slot is no longer ours. */
  dropSlot(slot: SlotId): void {
    for (const [key, reminder] of this.#byKey) if (reminder.slot === slot) this.#byKey.delete(key);
  }

  /** The actor lives in another slot now, which may be open here already: reminders of that slot stay. */
  dropActor(slot: SlotId, actor: ActorId): void {
    for (const [key, reminder] of this.#byKey)
      if (reminder.slot === slot && reminder.actor === actor) this.#byKey.delete(key);
  }

  of(actor: ActorId): { id: string; dueMs: number }[] {
    return [...this.#byKey.values()]
      .filter((reminder) => reminder.actor === actor)
      .map(({ id, dueMs }) => ({ id, dueMs }));
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#byKey.clear();
    this.#heap = [];
  }

  #put(reminder: Reminder): void {
    this.#byKey.set(`${reminder.actor}/${reminder.id}`, reminder);
    // Replaced and forgotten ones must not pile up: once they outnumber the rest, start from the rest.
    if (this.#heap.length > 2 * this.#byKey.size + 64) {
      this.#heap = [...this.#byKey.values()].sort((one, other) => one.ringAtMs - other.ringAtMs);
      return;
    }
    const heap = this.#heap;
    let index = heap.push(reminder) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.ringAtMs <= reminder.ringAtMs) break;
      heap[index] = above;
      heap[parent] = reminder;
      index = parent;
    }
  }

  #pop(): Reminder | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && right.ringAtMs < left.ringAtMs) child += 1;
      const smaller = heap[child];
      if (smaller === undefined || smaller.ringAtMs >= last.ringAtMs) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
    return top;
  }

  #stands(reminder: Reminder): boolean {
    return this.#byKey.get(`${reminder.actor}/${reminder.id}`) === reminder;
  }

  #ringDue(): void {
    const { reminderRetryMs, reminderRetryMaxMs } = this.#retry;
    const nowMs = this.#clock.nowMs();
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#stands(top) && top.ringAtMs > nowMs) break;
      this.#pop();
      if (!this.#stands(top)) continue;
      const delayMs = backoffMs(top.rings, { firstMs: reminderRetryMs, maxMs: reminderRetryMaxMs });
      this.#put({ ...top, ringAtMs: nowMs + delayMs, rings: top.rings + 1 });
      this.#ring(top.actor, top.id, top.dueMs);
    }
    this.#arm();
  }

  #arm(): void {
    const next = this.#heap[0];
    if (next === undefined) return;
    const nowMs = this.#clock.nowMs();
    const atMs = Math.min(next.ringAtMs, nowMs + sleepMaxMs);
    if (atMs >= this.#timerAtMs && this.#timerAtMs > nowMs) return;
    this.#cancelTimer?.();
    this.#timerAtMs = atMs;
    this.#cancelTimer = this.#clock.after(Math.max(0, atMs - nowMs), () => {
      this.#timerAtMs = Infinity;
      this.#ringDue();
    });
  }
}
