/** Shard-holders in a simulated cluster: somebody whose shards they hold, and what must be true of where they are. */
import {
  errorTable,
  holderOf,
  ownSlot,
  wireLimits,
  type ActorId,
  type HeldShard,
  type HolderGroup,
  type StripeRef,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { MemberRecord, NodeId, SlotRecord } from "../../../node/ports/index.ts";
import { askTimeoutMs, paced, type Entrance, type Pace } from "../caller.ts";
import type { World } from "../../world/index.ts";

/** A stripe of which the holder with this number has a shard. */
function stripeAt(group: HolderGroup, index: number, number: number): StripeRef {
  const id = `5tripe${index}${number}`.padEnd(8, "0");
  const shards = [{ index, hash: `${index}${number}`.padStart(64, "a"), sizeBytes: 100 }];
  return { id, group: group.name, scheme: { type: "copies", copies: 1 }, sizeBytes: 100, shards };
}

const rememberMs = 60_000;
const terms = { open: true, bytesMax: 1e9, shardsMax: 1e6, ownerBytesPerMinute: 1e9 };

/** Refers to shards at holders and lets go of them, one at a time, and remembers what was acknowledged. Others do so
 *  with the same shards, and collect what nobody refers to, without any grace. */
export class ShardOwner {
  finished = false;
  readonly name: string;
  readonly #owner: ActorId;
  readonly #world: World;
  readonly #entrance: Entrance;
  readonly #groups: () => readonly HolderGroup[];
  /** What it refers to, by holder and stripe. */
  readonly #refers = new Map<string, { readonly holder: ActorId; readonly stripe: string; yes: boolean }>();
  #serial = 0;

  constructor(
    name: string,
    {
      world,
      entrance,
      groups,
    }: { readonly world: World; readonly entrance: Entrance; readonly groups: () => readonly HolderGroup[] },
  ) {
    this.name = name;
    this.#owner = `room/${name}`;
    this.#world = world;
    this.#entrance = entrance;
    this.#groups = groups;
  }

  async run(pace: Pace): Promise<void> {
    await paced({ world: this.#world, entrance: this.#entrance }, pace, () => this.#step());
    this.finished = true;
  }

  async #step(): Promise<void> {
    const { dice } = this.#world;
    const groups = this.#groups();
    if (groups.length === 0) return;
    const group = dice.pick(groups);
    const index = dice.below(group.width);
    const holder = holderOf(group.name, index);
    const stripe = stripeAt(group, index, dice.below(2));
    const key = `${holder} ${stripe.id}`;
    const known = this.#refers.get(key) ?? { holder, stripe: stripe.id, yes: false };
    this.#refers.set(key, known);
    // A collection at the same time reads what is about to change.
    const collected = dice.chance(0.5)
      ? this.#ask(holder, { type: "collect", graceMs: 0, trashMs: 0, rememberMs })
      : undefined;
    const operation = this.#serial + 1;
    if (known.yes && dice.chance(0.5)) {
      await this.#ask(holder, { type: "release", stripe: stripe.id, owner: this.#owner, operation });
      known.yes = false;
    } else {
      await this.#ask(holder, { type: "hold", stripe, shard: 0, owner: this.#owner, operation, terms });
      known.yes = true;
    }
    await collected;
  }

  /** Again and again under one operation id: an earlier sending that comes late must not undo what was asked for after
   *  it. */
  async #ask(to: ActorId, message: Message): Promise<unknown> {
    this.#serial += 1;
    const operationId = `${this.name}.${this.#serial}`;
    for (;;) {
      const reached = await this.#entrance.ask({ to, from: "node", message, operationId, timeoutMs: askTimeoutMs });
      if (typeof reached !== "string") {
        if (reached.ok) return reached.value;
        const { code } = reached.error;
        if (errorTable[code].outcome === "failed" && code !== "NOT_FOUND" && code !== "NOT_A_PEER")
          this.#world.violate("refused-is-refused", `${to} refused ${message.type} with ${code}`);
      }
      await this.#world.sleep(this.#world.dice.between(5, 150));
    }
  }

  /** Looks whether every acknowledged reference is there, and every one that was let go of is not. */
  async audit(): Promise<void> {
    for (const { holder, stripe, yes } of this.#refers.values()) {
      const answer = await this.#ask(holder, { type: "describe", stripes: [stripe] });
      const [held] = (answer as { readonly shards: readonly HeldShard[] }).shards;
      const found = held?.references.some(({ owner }) => owner === this.#owner) === true;
      if (found !== yes || (yes && held?.trashedAtMs !== undefined))
        this.#world.violate(
          "acknowledged-kept",
          `${holder} ${found ? "has" : "lacks"} the reference of ${this.name} to ${stripe}, ${yes ? "made" : "let go of"}${held?.trashedAtMs === undefined ? "" : ", in the trash"}`,
        );
    }
  }
}

/** What is wrong with where holders are; undefined: nothing. To be asked when there are no faults. */
export function crowded({
  groups,
  records,
  members,
  isUp,
}: {
  readonly groups: ReadonlyMap<string, HolderGroup>;
  readonly records: ReadonlyMap<string, SlotRecord>;
  readonly members: Iterable<MemberRecord>;
  readonly isUp: (node: NodeId) => boolean;
}): string | undefined {
  const able = [...members].filter(({ roles, state }) => state === "active" && roles.includes("storage"));
  if (able.length === 0) return undefined;
  const open = [...groups.values()].filter((group) => group.open);
  const width = open.reduce((sum, group) => sum + group.width, 0);
  if (width !== able.length || open.length !== Math.ceil(able.length / wireLimits.groupHoldersMax))
    return `the open groups have ${width} holders for ${able.length} nodes`;
  for (const group of groups.values()) {
    const counts = new Map(able.flatMap(({ node }) => (isUp(node) ? [[node, 0] as [NodeId, number]] : [])));
    const slots = Array.from({ length: group.width }, (_, index) => ownSlot(holderOf(group.name, index)));
    const missing = slots.find((slot) => !records.has(slot));
    if (missing !== undefined) return `${missing} has no slot of its own`;
    const held = slots.flatMap((slot) => records.get(slot) ?? []);
    // Where an operator put one, it is.
    if (held.some((record) => record.held !== undefined)) continue;
    for (const { slot, owner } of held) {
      const count = counts.get(owner);
      if (count === undefined) return `${slot} is owned by ${owner}, which may not own it`;
      counts.set(owner, count + 1);
    }
    const all = [...counts.values()];
    if (Math.max(...all) - Math.min(...all) > 1) return `${group.name} is owned by ${JSON.stringify([...counts])}`;
  }
  return undefined;
}
