/** What the files of this folder share: what a node brings for its shards. */
import {
  failure,
  failureOf,
  holderAt,
  holderOf,
  holdsAt,
  ok,
  ownSlot,
  refused,
  wireLimits,
  type ActorId,
  type CommandOf,
  type HolderGroup,
  type Result,
  type ShardReference,
  type shardHolderCommands,
} from "../../../protocols/index.ts";
import type { SlotTable } from "../../cluster/facts/slot-table.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import type { Clock, Log, Membership, Meter, NodeId, OwnedBlobs, Random } from "../../ports/index.ts";
import type { ShardLimits } from "./limits.ts";
import type { Signer } from "./receipts.ts";
import { slotOwner, slotsOwned } from "../../cluster/facts/slot-owner.ts";

/** A command to a holder. */
type HolderCommand = CommandOf<typeof shardHolderCommands>;

export interface ShardPorts {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly table: Pick<SlotTable, "get" | "rows" | "onChange">;
  readonly membership: Membership;
  /** The bytes here, each for a holder. */
  readonly owned: OwnedBlobs;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: ShardLimits;
  /** Asks a holder, wherever it is. */
  ask(holder: ActorId, command: HolderCommand, timeoutMs: number): Promise<Result<unknown>>;
  /** Those of the directory. */
  groups(): readonly HolderGroup[];
  readonly signer: Signer;
  /** What shards may take on this node's disk now; undefined: as much as there is. */
  readonly quotaBytes?: () => number | undefined;
  /** Does what another node brings when people have room for it, which is within seconds; without it at once. */
  readonly guest?: <Answer>(work: () => Promise<Answer>) => Promise<Answer>;
  /** Does a part of it at once, and takes in that it is work. */
  readonly counted?: <Answer>(work: () => Promise<Answer>) => Promise<Answer>;
}

/** Whether an actor is a holder. */
export const isHolder = (actor: string): actor is ActorId => holderAt(actor) !== undefined;

/** The node that owns a holder now, as this node knows it. */
export const ownerOf = ({ table }: Pick<ShardPorts, "table">, holder: ActorId): NodeId | undefined =>
  slotOwner(table, ownSlot(holder));

/** The holders that this node owns now. */
export const ownedHolders = ({ node, table }: Pick<ShardPorts, "node" | "table">): readonly ActorId[] =>
  slotsOwned(table, node).flatMap((slot) => (isHolder(slot) ? [slot] : []));

/** All holders of a group, by their numbers. */
export const holdersOf = ({ name, width }: HolderGroup): readonly ActorId[] =>
  Array.from({ length: width }, (_, index) => holderOf(name, index));

/** For how long a reference still holds; undefined: without an end. 0: it is over. */
export const leftOf = (
  { expiresAtMs, lifeMs = wireLimits.shardGraceMsMax }: ShardReference,
  nowMs: number,
): number | undefined =>
  expiresAtMs === undefined
    ? undefined
    : holdsAt(nowMs, expiresAtMs, lifeMs)
      ? Math.min(expiresAtMs - nowMs, lifeMs)
      : 0;

/** Whether what a holder knows of is enough for somebody who refers to it for so long. Half suffices: two holders that
 *  hear of one reference one after the other would lengthen it by turns. */
export function lasts(known: ShardReference, lifeMs: number | undefined, nowMs: number): boolean {
  const leftMs = leftOf(known, nowMs);
  return leftMs === undefined || (lifeMs !== undefined && leftMs >= lifeMs / 2);
}

/** What `work` gives, as a Result. */
export async function attempt<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await work());
  } catch (thrown) {
    return refused(failureOf(thrown));
  }
}

export const moved = (ports: Pick<ShardPorts, "table">, holder: ActorId) => {
  const owner = ownerOf(ports, holder);
  return failure("MOVED", { holder, ...(owner !== undefined && { owner }) });
};
