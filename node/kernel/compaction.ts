/** Keeps the log of one slot short: once it is long, every actor that still needs its oldest entries gets a snapshot,
 *  and then they are dropped.
 *
 *      long, or large ─► snapshot each actor below the trim point ─► trim ─► again when it has grown by a slack */
import { assert, type ActorId } from "../../protocols/index.ts";
import type { Log } from "../ports/index.ts";
import type { ServedLog } from "./api.ts";
import type { KernelLimits } from "./limits.ts";
import type { ServedSlot } from "./served-slot.ts";

type CompactionLimits = Pick<KernelLimits, "logWindowEntries" | "logSlackEntries" | "logBytesMax">;

export class Compaction {
  readonly #slot: ServedSlot;
  readonly #log: Log;
  readonly #limits: CompactionLimits;
  #running = false;
  #beyond = { entries: 0, bytes: 0 };

  constructor(slot: ServedSlot, log: Log, limits: CompactionLimits) {
    this.#slot = slot;
    this.#log = log;
    this.#limits = limits;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Begins when the log is long. */
  consider(log: ServedLog): void {
    if (this.#running || this.#slot.paused) return;
    const { logWindowEntries, logSlackEntries, logBytesMax } = this.#limits;
    const long = log.length > Math.max(logWindowEntries + logSlackEntries, this.#beyond.entries);
    const large = log.bytes > Math.max(logBytesMax, this.#beyond.bytes);
    if (!long && !large) return;
    this.#running = true;
    const finished = (): void => {
      this.#running = false;
      // When something held the trim back, the log grows by another slack before the next try.
      this.#beyond = { entries: log.length + logSlackEntries, bytes: log.bytes + logBytesMax / 4 };
      this.#slot.changed();
    };
    this.#compact(log, log.trimPoint({ entries: logWindowEntries, bytes: logBytesMax / 2 })).then(
      finished,
      (error: unknown) => {
        this.#log.error("slot.compaction.failed", { slot: this.#slot.slot, error });
        finished();
      },
    );
  }

  /** Snapshots every actor that still needs entries up to `throughSeq`, then drops them. */
  async #compact(log: ServedLog, throughSeq: number): Promise<void> {
    const slot = this.#slot;
    let through = throughSeq;
    for (const actor of log.actorsBelow(throughSeq)) {
      if (slot.paused || !slot.serves(log)) return;
      const present = slot.activations.has(actor);
      if (!present && !slot.isOf(actor)) {
        if (!(await this.#carryOver(log, actor))) through = Math.min(through, log.firstNeeded(actor) - 1);
        continue;
      }
      const activation = present || slot.hasRoom() ? slot.activate(actor) : undefined;
      if (activation?.status === "loading") await slot.untilLoaded(activation);
      if (!slot.serves(log)) return;
      // No room, a history that cannot be folded, or a split under way, whose entry no snapshot has: the actor keeps
      // its entries, and the log its length, for now.
      if (activation?.splitting === true || !activation?.snapshot())
        through = Math.min(through, log.firstNeeded(actor) - 1);
    }
    if (slot.paused || !slot.serves(log)) return;
    assert(through <= log.durableSeq, "only durable entries are dropped");
    await new Promise<void>((resolve) => {
      log.trim(through, (error) => {
        if (error && slot.serves(log)) slot.fail(error);
        resolve();
      });
    });
  }

  /** For an actor that is not of this slot: where it belongs it may be in memory, so it is not brought there here. Its
   *  snapshot is stored anew after entries that have changed nothing, as those are with which it has left. False:
   *  others need it to be folded. */
  async #carryOver(log: ServedLog, actor: ActorId): Promise<boolean> {
    const { snapshot, entries } = await log.recover(actor);
    const last = entries.at(-1);
    if (last === undefined) return true;
    const changes = entries.some(({ events, answers }) => events.length > 0 || answers.length > 0);
    if (snapshot === undefined || changes || this.#slot.paused || !this.#slot.serves(log)) return false;
    this.#slot.snapshot(actor, last.seq, snapshot.body);
    return true;
  }
}
