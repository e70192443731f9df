/** Puts fragments into packs: those of one unit into different ones, and in each in an order that says nothing.
 *
 *      unit: fragments 0 1 2 ─ shuffled ─► open packs A B C ─ one is full ─► all three closed, shuffled, stored
 *
 *  So a pack holds no two fragments of a unit, and who has one pack and all its keys has nothing. */
import { assert, PlexusError, type StripeRef } from "../../protocols/index.ts";
import { packFormat, packOverhead, writePack, type FragmentPlace } from "../../runtimes/backup/index.ts";
import type { Random } from "../ports.ts";
import type { BackupLimits } from "./limits.ts";
import type { BackupPorts } from "./ports.ts";

/** Hears where the fragments of a unit are, in their order, once they are stored. */
export type Stored = (places: readonly FragmentPlace[]) => void;

interface Waiting {
  readonly stored: Stored;
  readonly places: FragmentPlace[];
}

interface Slot {
  readonly unit: Waiting;
  readonly fragment: number;
  readonly bytes: Uint8Array;
}

export class Packer {
  readonly #put: (bytes: Uint8Array) => Promise<StripeRef>;
  readonly #random: Random;
  readonly #limits: BackupLimits;
  #packs: Slot[][];
  #bytes: number[];
  #waiting: Waiting[] = [];
  /** Sets of packs on their way. */
  readonly #storing = new Set<Promise<void>>();
  #failed: unknown;
  /** Of the pack that was stored last. */
  #spare: Buffer | undefined;

  /** What `put` is given is its own only until it resolves. */
  constructor(ports: Pick<BackupPorts, "random" | "limits">, put: (bytes: Uint8Array) => Promise<StripeRef>) {
    this.#put = put;
    this.#random = ports.random;
    this.#limits = ports.limits;
    this.#packs = Array.from({ length: ports.limits.fragments }, () => []);
    this.#bytes = this.#packs.map(() => packOverhead(0));
  }

  /** Takes a unit's fragments; resolves when there is room for the next. Error: that of storing any pack. */
  async add(fragments: readonly Uint8Array[], stored: Stored): Promise<void> {
    assert(fragments.length === this.#packs.length, "a unit has a fragment for each pack");
    const order = shuffled(fragments.map((_, fragment) => fragment), this.#random); // prettier-ignore
    const sizes = order.map(
      (fragment) => (fragments[fragment] as Uint8Array).length + packOverhead(1) - packOverhead(0),
    );
    while (sizes.some((size, at) => (this.#bytes[at] as number) + size > packFormat.bytesMax)) await this.#close();
    const unit: Waiting = { stored, places: [] };
    this.#waiting.push(unit);
    for (const [at, fragment] of order.entries()) {
      this.#packs[at]?.push({ unit, fragment, bytes: fragments[fragment] as Uint8Array });
      this.#bytes[at] = (this.#bytes[at] as number) + (sizes[at] as number);
    }
    if (Math.max(...this.#bytes) >= this.#limits.packBytes) await this.#close();
  }

  /** Stores what there is. Error: that of storing any pack. */
  async finish(): Promise<void> {
    await this.#close();
    await Promise.all(this.#storing);
    this.#check();
  }

  async #close(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    const packs = this.#packs;
    this.#waiting = [];
    this.#packs = packs.map(() => []);
    this.#bytes = packs.map(() => packOverhead(0));
    while (this.#storing.size >= this.#limits.setsStored) await Promise.race(this.#storing);
    this.#check();
    const storing = this.#store(packs, waiting).catch((error: unknown) => {
      this.#failed ??= error;
    });
    this.#storing.add(storing);
    void storing.finally(() => this.#storing.delete(storing));
  }

  async #store(packs: readonly Slot[][], waiting: readonly Waiting[]): Promise<void> {
    for (const pack of packs) {
      const slots = shuffled(pack, this.#random);
      const memory = this.#spare ?? Buffer.allocUnsafeSlow(packFormat.bytesMax);
      this.#spare = undefined;
      const { bytes, places } = writePack(slots.map((slot) => slot.bytes), memory); // prettier-ignore
      const stripe = await this.#put(bytes);
      this.#spare = memory;
      for (const [at, { unit, fragment }] of slots.entries()) {
        const place = places[at];
        assert(place !== undefined, "each fragment has a place");
        unit.places[fragment] = { stripe, ...place };
      }
    }
    for (const { stored, places } of waiting) stored(places);
  }

  #check(): void {
    if (this.#failed !== undefined) throw this.#failed instanceof PlexusError ? this.#failed : new Error("a pack was not stored", { cause: this.#failed }); // prettier-ignore
  }
}

/** The same things in an order that says nothing (Fisher and Yates). */
function shuffled<Thing>(things: readonly Thing[], random: Random): readonly Thing[] {
  const all = [...things];
  const chances = Buffer.from(random.bytes(all.length * 4));
  for (let at = all.length - 1; at > 0; at -= 1) {
    const other = chances.readUInt32LE(at * 4) % (at + 1);
    [all[at], all[other]] = [all[other] as Thing, all[at] as Thing];
  }
  return all;
}
