/** Puts fragments into packs: those of one unit into different ones, and in each in an order that says nothing.
 *
 *      unit: fragments 0 1 2 ─ shuffled ─► open packs A B C ─ one is full ─► all three closed, shuffled, stored
 *
 *  So a pack holds no two fragments of a unit, and a thief of one pack with all its keys has nothing. */
import { assert, PlexusError, type StripeRef } from "../../../protocols/index.ts";
import { packFormat, PackWriter, type FragmentPlace } from "../../../runtimes/backup/index.ts";
import type { Random } from "../../ports/index.ts";
import type { BackupLimits } from "../limits.ts";
import type { BackupPorts } from "../ports.ts";

/** Hears where the fragments of a unit are, in their order, once they are stored. */
type Stored = (places: readonly FragmentPlace[]) => void;

/** A unit's fragments, one behind the other. */
interface Fragments {
  readonly bytes: Uint8Array;
  readonly lengths: readonly number[];
}

/** A pack that is filled: its memory is used again for a later one. */
interface OpenPack {
  readonly writer: PackWriter;
  /** Of each fragment in it the number of its unit, and which of the unit's it is. */
  readonly units: number[];
  readonly fragments: number[];
}

export class Packer {
  readonly #put: (bytes: Uint8Array) => Promise<StripeRef>;
  readonly #random: Random;
  readonly #limits: BackupLimits;
  #packs: readonly OpenPack[];
  /** Of each unit in the open packs who waits for it. */
  #waiting: Stored[] = [];
  /** Sets of packs on their way. */
  readonly #storing = new Set<Promise<void>>();
  readonly #spare: OpenPack[] = [];
  #failed: unknown;
  /** Of the pack that was stored last. */
  #memory: Buffer | undefined;

  /** What `put` is given is its own only until it resolves. */
  constructor(ports: Pick<BackupPorts, "random" | "limits">, put: (bytes: Uint8Array) => Promise<StripeRef>) {
    this.#put = put;
    this.#random = ports.random;
    this.#limits = ports.limits;
    this.#packs = this.#opened();
  }

  /** Takes a unit's fragments, which are copied; resolves when there is room for the next. Error: that of storing any
   *  pack. */
  async add({ bytes, lengths }: Fragments, stored: Stored): Promise<void> {
    assert(lengths.length === this.#packs.length, "a unit has a fragment for each pack");
    const order = shuffled(lengths.length, this.#random);
    const isTooMuch = (fragment: number, at: number): boolean =>
      !(this.#packs[at] as OpenPack).writer.hasRoom(lengths[fragment] as number);
    while (order.some(isTooMuch)) await this.#close();
    const unit = this.#waiting.push(stored) - 1;
    let largest = 0;
    for (const [at, fragment] of order.entries()) {
      const { writer, units, fragments } = this.#packs[at] as OpenPack;
      let from = 0;
      for (let before = 0; before < fragment; before += 1) from += lengths[before] as number;
      writer.add(bytes.subarray(from, from + (lengths[fragment] as number)));
      units.push(unit);
      fragments.push(fragment);
      largest = Math.max(largest, writer.bytes);
    }
    if (largest >= this.#limits.packBytes) await this.#close();
  }

  /** Stores what there is. Error: that of storing any pack. */
  async finish(): Promise<void> {
    await this.#close();
    await Promise.all(this.#storing);
    this.#check();
  }

  #opened(): readonly OpenPack[] {
    return Array.from(
      { length: this.#limits.fragments },
      () => this.#spare.pop() ?? { writer: new PackWriter(), units: [], fragments: [] },
    );
  }

  async #close(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    const packs = this.#packs;
    this.#waiting = [];
    this.#packs = this.#opened();
    while (this.#storing.size >= this.#limits.setsStored) await Promise.race(this.#storing);
    this.#check();
    const storing = this.#store(packs, waiting).catch((error: unknown) => {
      this.#failed ??= error;
    });
    this.#storing.add(storing);
    void storing.finally(() => this.#storing.delete(storing));
  }

  async #store(packs: readonly OpenPack[], waiting: readonly Stored[]): Promise<void> {
    const places = waiting.map((): FragmentPlace[] => []);
    const memory = this.#memory ?? Buffer.allocUnsafeSlow(packFormat.bytesMax);
    this.#memory = undefined;
    for (const { writer, units, fragments } of packs) {
      const order = shuffled(units.length, this.#random);
      const pack = writer.finish(order, memory);
      const stripe = await this.#put(pack.bytes);
      for (const [at, one] of order.entries())
        (places[units[one] as number] as FragmentPlace[])[fragments[one] as number] = { stripe, ...pack.placeOf(at) };
    }
    this.#memory = memory;
    for (const pack of packs) {
      pack.writer.clear();
      pack.units.length = 0;
      pack.fragments.length = 0;
      this.#spare.push(pack);
    }
    for (const [unit, stored] of waiting.entries()) stored(places[unit] as FragmentPlace[]);
  }

  #check(): void {
    if (this.#failed !== undefined)
      throw this.#failed instanceof PlexusError
        ? this.#failed
        : new Error("a pack was not stored", { cause: this.#failed });
  }
}

/** Numbers from 0 on in an order that says nothing (Fisher and Yates). */
function shuffled(count: number, random: Random): Uint32Array {
  const all = Uint32Array.from({ length: count }, (_, at) => at);
  const chances = Buffer.from(random.bytes(count * 4));
  for (let at = count - 1; at > 0; at -= 1) {
    const other = chances.readUInt32LE(at * 4) % (at + 1);
    [all[at], all[other]] = [all[other] as number, all[at] as number];
  }
  return all;
}
