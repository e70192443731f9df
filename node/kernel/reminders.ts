/** Durable reminders of the open slots: rings each at its due time, again and again until it is forgotten.
 *
 *  A clock that is wrong once leaves due times that are years off. So a reminder whose time is far off rings in
 *  between, too: soon after its slot opens, then again and again, and all ring once when the clock is found to have
 *  gone back. An actor compares its own time with now at each ring. */
import type { ActorId, SlotId } from "../../protocols/index.ts";
import { backoffMs } from "../waiting.ts";
import type { Clock } from "../ports/index.ts";

interface Reminder {
  readonly slot: SlotId;
  readonly actor: ActorId;
  readonly id: string;
  readonly dueMs: number;
  readonly ringAtMs: number;
  readonly rings: number;
}

interface Pauses {
  readonly reminderRetryMs: number;
  readonly reminderRetryMaxMs: number;
  readonly reminderCheckMs: number;
  readonly reminderGapMs: number;
}

/** Longest sleep: Node's timers hold 31 bits, and a clock that was set is noticed within this time. */
const sleepMaxMs = 60_000;

/** How far a clock goes back before all reminders ring: less makes them so much late at most. */
const stepMinMs = 60_000;

export class Reminders {
  readonly #byKey = new Map<string, Reminder>();
  /** A binary heap by `ringAtMs`; entries that no longer stand in `#byKey` are skipped when they come up. */
  #heap: Reminder[] = [];
  #cancelTimer: (() => void) | undefined;
  #timerAtMs = Infinity;
  readonly #clock: Clock;
  readonly #pauses: Pauses;
  readonly #ring: (actor: ActorId, id: string, dueMs: number) => void;

  /** How far the wall clock was ahead of the monotonic one, at most, since it went back last. */
  #aheadMs: number;

  constructor(clock: Clock, pauses: Pauses, ring: (actor: ActorId, id: string, dueMs: number) => void) {
    this.#clock = clock;
    this.#pauses = pauses;
    this.#ring = ring;
    this.#aheadMs = clock.nowMs() - clock.monotonicMs();
  }

  /** A time that is no finite number never comes: among the others it would break their order. */
  set(slot: SlotId, actor: ActorId, id: string, dueMs: number): void {
    if (!Number.isFinite(dueMs)) return this.forget(actor, id);
    const nowMs = this.#clock.nowMs();
    // Else a clock that was ahead for less than a sleep would not have been seen ahead, and what was reckoned by it
    // would come years later.
    this.#noticeStep(nowMs);
    const ringAtMs = Math.min(dueMs, nowMs + this.#pauses.reminderCheckMs);
    this.#put({ slot, actor, id, dueMs, ringAtMs, rings: 0 });
    this.#arm();
  }

  /** Those of a slot that opens: by which clock they were set is not known, so those that are far off ring soon, one
   *  after another. */
  load(
    slot: SlotId,
    reminders: readonly { readonly actor: ActorId; readonly id: string; readonly dueMs: number }[],
  ): void {
    const nowMs = this.#clock.nowMs();
    this.#noticeStep(nowMs);
    let far = 0;
    for (const { actor, id, dueMs } of reminders) {
      if (!Number.isFinite(dueMs)) continue;
      const isFar = dueMs - nowMs > this.#pauses.reminderCheckMs;
      this.#put({ slot, actor, id, dueMs, ringAtMs: isFar ? this.#soonMs(nowMs, far) : dueMs, rings: 0 });
      if (isFar) far += 1;
    }
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
      this.#sort();
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

  /** When one rings before its time, behind so many others. */
  #soonMs(nowMs: number, before: number): number {
    const { reminderCheckMs, reminderGapMs } = this.#pauses;
    return nowMs + Math.min(reminderCheckMs, before * reminderGapMs);
  }

  /** Times that were reckoned by a clock that was ahead come too late, those of repetitions, too. */
  #noticeStep(nowMs: number): void {
    const aheadMs = nowMs - this.#clock.monotonicMs();
    const wentBack = this.#aheadMs - aheadMs > stepMinMs;
    this.#aheadMs = wentBack ? aheadMs : Math.max(this.#aheadMs, aheadMs);
    if (!wentBack) return;
    const inOrder = [...this.#byKey.entries()].sort(([, one], [, other]) => one.dueMs - other.dueMs);
    for (const [index, [key, reminder]] of inOrder.entries())
      this.#byKey.set(key, { ...reminder, ringAtMs: Math.min(reminder.ringAtMs, this.#soonMs(nowMs, index)) });
    this.#sort();
  }

  #sort(): void {
    this.#heap = [...this.#byKey.values()].sort((one, other) => one.ringAtMs - other.ringAtMs);
  }

  /** When one that rings now rings next, if nobody forgets it: at its time, or later and later. */
  #next(reminder: Reminder, nowMs: number): Reminder {
    const { reminderRetryMs, reminderRetryMaxMs, reminderCheckMs } = this.#pauses;
    if (reminder.dueMs > nowMs) return { ...reminder, ringAtMs: Math.min(reminder.dueMs, nowMs + reminderCheckMs) };
    const delayMs = backoffMs(reminder.rings, { firstMs: reminderRetryMs, maxMs: reminderRetryMaxMs });
    return { ...reminder, ringAtMs: nowMs + delayMs, rings: reminder.rings + 1 };
  }

  #ringDue(): void {
    const nowMs = this.#clock.nowMs();
    this.#noticeStep(nowMs);
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#stands(top) && top.ringAtMs > nowMs) break;
      this.#pop();
      if (!this.#stands(top)) continue;
      this.#put(this.#next(top, nowMs));
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
