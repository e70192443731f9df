/** Quotas of nodes that keep shards, as they are set, lowered and lifted: no node ever has more than it may, beyond what
 *  it had, or was taking, when it was allowed less. */
import type { NodeId } from "../../node/ports/index.ts";
import { Dice, type World } from "../world/index.ts";
import type { Fixture } from "../unit/bulk/shards/fixture.ts";

/** A third of all lives has them. Drawn apart, so that the others stay as they were. */
export class ShardQuotas {
  readonly #world: World;
  readonly #fixture: Fixture;
  readonly #dice: Dice;
  /** The most that each node with a quota may have now. */
  readonly #most = new Map<NodeId, number>();
  readonly isOn: boolean;

  constructor(world: World, fixture: Fixture) {
    this.#world = world;
    this.#fixture = fixture;
    this.#dice = new Dice(world.seed + 7_000_000);
    this.isOn = this.#dice.chance(1 / 3);
  }

  /** What a node has, and is taking. */
  #hasBytes(node: NodeId): number {
    const { blobs, comingBytes } = this.#fixture.machine(node);
    return (blobs?.usedBytes() ?? 0) + comingBytes;
  }

  /** Now and then somebody changes what a node may have: around what it has, or all. */
  change(): void {
    if (!this.isOn || !this.#dice.chance(0.3)) return;
    const { node } = this.#dice.pick(this.#fixture.machines);
    if (this.#dice.chance(0.15)) {
      this.#fixture.quotas.delete(node);
      this.#most.delete(node);
      return;
    }
    const quotaBytes = Math.floor(this.#hasBytes(node) * this.#dice.between(0.3, 1.2) + this.#dice.between(0, 80_000));
    this.#world.note(() => `${node} may keep ${quotaBytes} bytes`);
    this.#fixture.quotas.set(node, quotaBytes);
    this.#most.set(node, Math.max(quotaBytes, this.#hasBytes(node)));
  }

  check(): void {
    for (const [node, most] of this.#most) {
      if (!this.#fixture.isUp(node)) continue;
      const usedBytes = this.#fixture.machine(node).blobs?.usedBytes() ?? 0;
      const quotaBytes = this.#fixture.quotas.get(node) ?? Infinity;
      if (usedBytes > most)
        this.#world.violate(
          "shard-quota",
          `${node} has ${usedBytes} bytes, and may have ${most} (quota ${quotaBytes})`,
        );
      this.#most.set(node, Math.max(quotaBytes, Math.min(most, this.#hasBytes(node))));
    }
  }

  lift(): void {
    this.#fixture.quotas.clear();
    this.#most.clear();
  }
}
