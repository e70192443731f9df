/** What somebody wants kept, and what those that write and read stripes bring for it. */
import { holderOf, type ActorId, type Result, type StripeRef } from "../../../protocols/index.ts";
import type { NodeId } from "../../ports/index.ts";
import type { Links } from "./links.ts";
import type { NodeSpeeds } from "./node-speeds.ts";
import type { ShardPorts } from "./parts.ts";
import type { receiptsOf } from "./receipts.ts";

/** An owner releases a stripe. */
export interface Release {
  readonly holder: ActorId;
  readonly stripe: string;
  readonly owner: ActorId;
  readonly operation: number;
}

/** What is still to be told, and until when that is tried. */
export type HolderNotice = { readonly untilMs: number } & Readonly<{ wanted: KeptShard } | { release: Release }>;

/** A shard as a descriptor names it. */
export type Shard = StripeRef["shards"][number];

/** What somebody wants kept: a shard of a stripe, for whom, how long. */
export interface KeptShard {
  readonly stripe: StripeRef;
  readonly shard: number;
  readonly owner: ActorId;
  /** By which operation its owner wants it. */
  readonly operation: number;
  /** For how long, from when its holder hears of it; absent: until its owner lets go. */
  readonly lifeMs?: number;
}

export interface StripesPorts extends ShardPorts, ReturnType<typeof receiptsOf> {
  readonly links: Links;
  readonly paces: NodeSpeeds;
  /** Where a new stripe goes, and how it is coded. Error: HOLDERS_TOO_FEW. */
  choose(how: { readonly class: string; readonly bytes: number }): Result<Chosen>;
  /** A shard is not as it should be: its holder is told. */
  mend(shard: KeptShard): void;
  /** An owner releases a stripe: nobody is told any more that it needs it. */
  forget(stripe: string, owner: ActorId): void;
  /** See `HolderNotices.tellRelease`. */
  tellRelease(release: Release): Promise<boolean>;
  /** Whether what a node says it has taken counts: not while it is on probation. */
  counts(node: NodeId): boolean;
}

/** A group, a scheme, and the holders' numbers in the order of the code. */
export interface Chosen {
  readonly group: string;
  readonly scheme: StripeRef["scheme"];
  /** `without`: holders that cannot take it, if there are enough others. Error: HOLDERS_TOO_FEW. */
  readonly places: (id: string, shardBytes: number, without: ReadonlySet<number>) => Result<readonly number[]>;
}
/** The holder of one shard of a stripe. */
export const holderOfShard = (stripe: StripeRef, { index }: Shard): ActorId => holderOf(stripe.group, index);
