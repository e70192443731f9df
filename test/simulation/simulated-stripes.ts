/** Stripes as three holders keep them, whole copies each, which are away at times and are told late: the port, for
 *  lives that are not about the coding. */
import { createHash } from "node:crypto";
import { failure, ok, refused, type ActorId, type Result, type StripeRef } from "../../protocols/index.ts";
import type { Stripes } from "../../node/ports/index.ts";
import type { World } from "../world/index.ts";

/** So many must have heard of something. */
const enough = 2;

interface Kept {
  readonly ref: StripeRef;
  readonly bytes: Uint8Array;
  /** By owner: the last operation, and until when it refers to the stripe; 0: it does no longer. */
  readonly owners: Map<ActorId, { readonly operation: number; readonly untilMs: number }>;
}

/** A holder and its inventory. */
export class Holder {
  readonly inventory = new Map<string, Kept>();
  up = true;

  /** Whether an owner refers to a stripe without an end. */
  keeps(id: string, owner: ActorId): boolean {
    return this.inventory.get(id)?.owners.get(owner)?.untilMs === Infinity;
  }
}

/** All holders, and what a node that lives as long as `alive` says uses them by. */
export class SimulatedStripes {
  readonly holders: readonly Holder[] = [new Holder(), new Holder(), new Holder()];
  readonly #world: World;
  #operations = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** So many holders keep it for good. */
  keepers(id: string, owner: ActorId): number {
    return this.holders.filter((holder) => holder.keeps(id, owner)).length;
  }

  /** What has come to its end is forgotten. */
  expire(): void {
    for (const { inventory } of this.holders)
      for (const [id, { owners }] of inventory)
        if ([...owners.values()].every(({ untilMs }) => untilMs <= this.#world.nowMs)) inventory.delete(id);
  }

  /** As the upkeep of stripes does: a holder without its shard gets it from the others, with what they know. */
  mend(): void {
    for (const holder of this.holders)
      for (const other of this.holders)
        for (const [id, kept] of other.inventory)
          if (holder.up && other.up && !holder.inventory.has(id))
            holder.inventory.set(id, { ...kept, owners: new Map(kept.owners) });
  }

  portOf(alive: () => boolean): Pick<Stripes, "put" | "keep" | "isKept" | "read" | "release" | "standing"> {
    const world = this.#world;
    const pause = (maxMs: number): Promise<void> => world.sleep(world.dice.between(1, maxMs));
    const tooFew = () => refused(failure("HOLDERS_TOO_FEW", { holders: 0, needed: enough }));
    /** Tells each holder, those that are away later, as long as the node lives. */
    const tell = async (act: (holder: Holder) => boolean): Promise<boolean> => {
      let heard = 0;
      for (const holder of this.holders) {
        await pause(200);
        if (!alive()) return new Promise(() => undefined);
        if (!holder.up || world.dice.chance(0.1)) this.#later(holder, { alive, act });
        else if (act(holder)) heard += 1;
      }
      return heard >= enough;
    };
    const set = (id: string, owner: ActorId, to: { readonly operation: number; readonly untilMs: number }) => {
      return (holder: Holder): boolean => {
        const kept = holder.inventory.get(id);
        const before = kept?.owners.get(owner);
        if (kept === undefined) return to.untilMs === 0;
        if (before !== undefined && before.operation > to.operation) return true;
        // A put has an end, and takes none away that is further off.
        if (to.untilMs !== 0 && before !== undefined && before.untilMs > to.untilMs) return true;
        kept.owners.set(owner, to);
        return true;
      };
    };
    return {
      put: async (bytes, { owner, lifeMs = Infinity }): Promise<Result<StripeRef>> => {
        const operation = (this.#operations += 1);
        const ref = refOf(bytes);
        const { id } = ref;
        const put = await tell((holder) => {
          if (!holder.inventory.has(id)) holder.inventory.set(id, { ref, bytes, owners: new Map() });
          return set(id, owner, { operation, untilMs: world.nowMs + lifeMs })(holder);
        });
        return put ? ok(ref) : tooFew();
      },
      keep: async ({ id }, owner) => {
        const operation = (this.#operations += 1);
        const kept = await tell(set(id, owner, { operation, untilMs: Infinity }));
        return kept ? ok(null) : tooFew();
      },
      release: async ({ id }, owner) => {
        const operation = (this.#operations += 1);
        const released = await tell(set(id, owner, { operation, untilMs: 0 }));
        return released ? ok(null) : tooFew();
      },
      isKept: async ({ id }, owner) => {
        await pause(200);
        return this.holders.every((holder) => holder.up && holder.keeps(id, owner));
      },
      standing: async (refs) => {
        await pause(200);
        const up = this.holders.filter((one) => one.up);
        const isThere = ({ id }: StripeRef): boolean => up.some(({ inventory }) => inventory.has(id));
        return new Set(refs.filter(isThere).map(({ id }) => id));
      },
      read: async ({ id }) => {
        await pause(200);
        const holder = this.holders.find((one) => one.up && one.inventory.has(id));
        const bytes = holder?.inventory.get(id)?.bytes;
        if (bytes !== undefined) return ok(bytes);
        // One that does not answer may have it.
        const isLost = this.holders.every(({ up }) => up);
        return refused(failure(isLost ? "STRIPE_LOST" : "SLOT_UNAVAILABLE", { stripe: id }));
      },
    };
  }

  #later(holder: Holder, told: { readonly alive: () => boolean; readonly act: (holder: Holder) => boolean }): void {
    this.#world.after(this.#world.dice.between(1_000, 20_000), () => {
      if (!told.alive()) return;
      if (holder.up) told.act(holder);
      else this.#later(holder, told);
    });
  }
}

const hash = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

function refOf(bytes: Uint8Array): StripeRef {
  const id = hash(bytes);
  const shards = [0, 1, 2].map((index) => ({ index, hash: hash(`${id}${index}`), sizeBytes: bytes.length }));
  return { id, group: "g1", scheme: { type: "copies", copies: 3 }, sizeBytes: bytes.length, shards };
}
