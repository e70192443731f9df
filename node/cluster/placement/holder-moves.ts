/** What a controller knows of shard-holders beside their records: what each takes, and from which nodes holders have
 *  gone lately. */
import { holderAt, ownSlot, type ActorId, type SlotId } from "../../../protocols/index.ts";
import type { NodeId, SlotRecord } from "../../ports/index.ts";
import { groupOf } from "./spread.ts";

const isHolder = (slot: string): slot is ActorId => holderAt(slot) !== undefined;

/** What holders take, as their inventories said last. */
export class HolderSizes {
  readonly #ask: (holder: ActorId) => Promise<number | undefined>;
  readonly #asksMax: number;
  /** The one that was asked last is the last. */
  readonly #bytes = new Map<ActorId, number | undefined>();
  #known: ReadonlyMap<SlotId, number> = new Map();

  constructor(ask: (holder: ActorId) => Promise<number | undefined>, asksMax: number) {
    this.#ask = ask;
    this.#asksMax = asksMax;
  }

  get all(): ReadonlyMap<SlotId, number> {
    return this.#known;
  }

  /** Asks a few of those whose slots are among these, those first that were asked longest ago, and forgets all
   *  others. */
  async ask(slots: readonly SlotId[]): Promise<void> {
    const holders: readonly ActorId[] = slots.flatMap((slot) => (isHolder(slot) ? [slot] : []));
    const present = new Set(holders);
    for (const gone of this.#bytes.keys()) if (!present.has(gone)) this.#bytes.delete(gone);
    const line = [...holders.filter((one) => !this.#bytes.has(one)), ...this.#bytes.keys()];
    const asked = line.slice(0, this.#asksMax);
    const answers = await Promise.all(asked.map((holder) => this.#ask(holder).catch(() => undefined)));
    for (const [index, holder] of asked.entries()) {
      // One that does not answer now has what it had.
      const bytes = answers[index] ?? this.#bytes.get(holder);
      this.#bytes.delete(holder);
      this.#bytes.set(holder, bytes);
    }
    this.#known = new Map(
      [...this.#bytes].flatMap(([holder, bytes]): [SlotId, number][] =>
        bytes === undefined ? [] : [[ownSlot(holder), bytes]],
      ),
    );
  }
}

/** When a holder last arrived elsewhere from each node: the bytes that it left there are there for a while.
 *
 *  It is read from the records, so every node knows it that has watched them. */
export class Leaving {
  readonly #homes = new Map<SlotId, NodeId>();
  /** Holders on their way, and where their bytes are. */
  readonly #from = new Map<SlotId, NodeId>();
  readonly #leftMs = new Map<NodeId, number>();

  /** The record of a slot as it is now; undefined: it is gone. */
  learn(slot: SlotId, record: SlotRecord | undefined, nowMs: number): void {
    if (groupOf(slot) === undefined) return;
    const { home, owner } = record ?? {};
    const before = this.#homes.get(slot);
    if (home === undefined) {
      this.#homes.delete(slot);
      this.#from.delete(slot);
      return;
    }
    this.#homes.set(slot, home);
    // One that had no home yet had no bytes either.
    if (before !== undefined && before !== home) this.#from.set(slot, this.#from.get(slot) ?? before);
    const from = this.#from.get(slot);
    if (owner !== home || from === undefined) return;
    this.#from.delete(slot);
    if (from !== home) this.#leftMs.set(from, nowMs);
  }

  /** The nodes that were left since. */
  since(fromMs: number): ReadonlySet<NodeId> {
    return new Set([...this.#leftMs].flatMap(([node, leftMs]) => (leftMs > fromMs ? [node] : [])));
  }

  /** Forgets all other nodes. */
  keep(present: ReadonlySet<NodeId>): void {
    for (const gone of this.#leftMs.keys()) if (!present.has(gone)) this.#leftMs.delete(gone);
  }
}
