/** The commands of shard-holders: which shards one has, for whom, and how long
 *  (docs/decisions/0048-groups-of-holders.md). */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import type { ClusterSlotRow, NodeShards } from "../admin/cluster.ts";
import type { ErrorCode } from "../errors.ts";
import type { ActorId } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import { blobHash, nothing, object, position } from "../wire/schema.ts";
import {
  groupName,
  shardOwner,
  stripeId,
  stripeRef,
  type HolderGroup,
  type StripeRef,
  type TrustState,
} from "../admin/shards.ts";

/** The number of what somebody does with a stripe: later operations of the same owner have higher ones. The time by the
 *  clock of the node that begins it, raised above what it must follow. */
export const shardOperation = position;
/** For how long an owner refers to a stripe, counted from when the holder hears of it: the clocks of two nodes may
 *  differ by years. */
export const shardLife = Type.Integer({ minimum: 1, maximum: limits.shardGraceMsMax });

const some = Type.Array(stripeId, { minItems: 1, maxItems: limits.shardsNamedMax });

/** What a holder may take, as the node that owns it says with each shard: the actor reads neither directory nor
 *  disk. */
export const holderTerms = object({
  /** Whether the group takes new stripes; true also for the late shards of a stripe that was begun before. */
  open: Type.Boolean(),
  bytesMax: position,
  shardsMax: position,
  /** What one owner may bring this holder within a minute. */
  ownerBytesPerMinute: position,
});

/** Commands to `shard-holder/GROUP.INDEX`. The node that owns the holder sends those that change something: the bytes
 *  are its business. */
export const shardHolderCommands = {
  /** A shard is synced at the owner's node: its stripe, its number in the code, and who refers to it by which
   *  operation. May be repeated; a reference ends by the holder's clock at the latest of all ends that were named for
   *  it, and never where none was. Errors: BAD_REQUEST (another group's, or another holder's shard), ALREADY_DONE
   *  (somebody refers to other shards of this stripe; details have their descriptor as `held`), RELEASED (the owner let
   *  go of the stripe by this or a later operation; details have that one), LIMIT_REACHED (`bytesMax`, `shardsMax`,
   *  `shardOwnersMax`), FORBIDDEN (the group takes no new stripes), RATE_LIMITED, OVERLOADED. */
  hold: command({
    params: {
      stripe: stripeRef,
      shard: Type.Integer({ minimum: 0, maximum: limits.groupHoldersMax - 1 }),
      owner: shardOwner,
      operation: shardOperation,
      lifeMs: Type.Optional(shardLife),
      terms: holderTerms,
    },
    result: answer<ShardReceipt>("ShardReceipt"),
    from: ["node"],
    effect: "changes",
    summary: "Takes a shard that is synced at the holder's node into the inventory",
  }),
  /** One owner refers to a stripe no longer, whether it is here or not: what that owner began before it and comes late
   *  is refused. May be repeated. A reference of a later operation stays, and is told. */
  release: command({
    params: { stripe: stripeId, owner: shardOwner, operation: shardOperation },
    result: answer<ShardReleased>("ShardReleased"),
    from: ["node"],
    effect: "changes",
    summary: "Ends an owner's reference to a stripe",
  }),
  /** The shards of some stripes, whole, and the releases of these. Those that are not here are left out. Error:
   *  OVERLOADED. */
  describe: command({
    params: { stripes: some },
    result: answer<HeldShards>("HeldShards"),
    from: ["gateway", "node"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "The shards that the holder has of some stripes",
    answers: "page",
  }),
  /** All shards in the order of their hashes, or only the lost ones, those in the trash, or those with certain
   *  bytes. */
  list: command({
    params: {
      /** Absent: all that are held, the lost ones included, without those in the trash. */
      only: Type.Optional(Type.Union([Type.Literal("lost"), Type.Literal("trash")])),
      /** Those whose bytes are these, in the trash or not. */
      hash: Type.Optional(blobHash),
      after: Type.Optional(Type.String({ maxLength: 160 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.shardsPageMax })),
    },
    result: answer<ShardPage>("ShardPage"),
    from: ["gateway", "node"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "A page of the inventory",
    answers: "page",
  }),
  /** Bytes that the owner's node should have and has not, or not as they were. */
  lost: command({
    params: {
      shards: Type.Array(
        object({ stripe: stripeId, why: Type.Union([Type.Literal("missing"), Type.Literal("damaged")]) }),
        {
          minItems: 1,
          maxItems: limits.shardsNamedMax,
        },
      ),
    },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says that bytes of some shards are missing or damaged",
  }),
  /** Bytes that were lost and are synced at the owner's node again. */
  found: command({
    params: {
      stripes: some,
      /** They were brought or made again; absent: they were there all the time. */
      mended: Type.Optional(Type.Literal(true)),
    },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says that bytes of some shards are there again",
  }),
  /** Where the bytes are: the node that owns the holder, and how many of the inventory's shards it does not have
   *  yet. */
  report: command({
    params: { node: Type.String({ minLength: 1, maxLength: 128 }), missing: position },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says where the holder's bytes are, and how many shards are missing there",
  }),
  /** Takes one step of the collection: shards that nobody has referred to for `graceMs` go into the trash, those that
   *  have been there for `trashMs` leave the inventory, and their bytes may be deleted, if `list` with their hash finds
   *  nothing else. Owners that released a stripe `rememberMs` ago are forgotten. */
  collect: command({
    params: {
      graceMs: Type.Integer({ minimum: 0, maximum: limits.shardGraceMsMax }),
      trashMs: Type.Integer({ minimum: 0, maximum: limits.shardGraceMsMax }),
      rememberMs: Type.Integer({ minimum: 0, maximum: limits.shardGraceMsMax }),
    },
    result: answer<Collected>("Collected"),
    from: ["node"],
    effect: "changes",
    summary: "Moves what nobody refers to into the trash, and out of it",
  }),
  /** Sums of the inventory. */
  sums: command({
    params: {},
    result: answer<HolderSums>("HolderSums"),
    from: ["gateway", "node"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "Sums of the inventory",
  }),
} as const;

/** An owner that refers to a stripe, and until when. */
export interface ShardReference {
  readonly owner: ActorId;
  /** The last operation by which it began to. */
  readonly operation: number;
  /** When it ends by the holder's clock, and how long it was to last then: one that lies further ahead is over
   *  (`holdsAt`). */
  readonly expiresAtMs?: number;
  readonly lifeMs?: number;
}

/** A shard in an inventory. */
export interface HeldShard {
  readonly stripe: StripeRef;
  /** Its number in the code. */
  readonly shard: number;
  readonly heldSinceMs: number;
  readonly references: readonly ShardReference[];
  /** From then on nobody refers to it: in the past, or when the last reference ends. Absent: somebody does without an
   *  end. */
  readonly freeFromMs?: number;
  /** Its bytes are not at the owner's node, as that node said. */
  readonly lost?: { readonly why: "missing" | "damaged"; readonly sinceMs: number };
  /** It is in the trash. */
  readonly trashedAtMs?: number;
}

/** Answer to `describe`. */
export interface HeldShards {
  readonly shards: readonly HeldShard[];
  readonly released: readonly ReleasedShard[];
}

/** An owner released a stripe, by an operation. */
export interface ReleasedShard {
  readonly stripe: string;
  readonly owner: ActorId;
  readonly operation: number;
}

/** Answer to `hold`. */
export interface ShardReceipt {
  readonly holder: ActorId;
  readonly stripe: string;
  readonly hash: string;
  readonly sizeBytes: number;
  readonly owner: ActorId;
  readonly heldSinceMs: number;
}

/** Answer to `release`: how many owners still refer to it here. */
export interface ShardReleased {
  readonly references: number;
  /** The owner still does, by this later operation. */
  readonly newer?: number;
}

/** A line of a page of the inventory. */
export interface ShardLine {
  readonly hash: string;
  readonly stripe: string;
  readonly sizeBytes: number;
  readonly lost?: "missing" | "damaged";
  readonly trashedAtMs?: number;
}

/** Answer to `list`. */
export interface ShardPage {
  readonly shards: readonly ShardLine[];
  /** There may be more: ask again with this as `after`. */
  readonly next?: string;
}

/** Answer to `collect`. */
export interface Collected {
  /** How many went into the trash. */
  readonly trashed: number;
  /** Those that are in the inventory no longer. */
  readonly gone: readonly ShardLine[];
  /** There is more to collect now. */
  readonly more: boolean;
}

/** Shards and their bytes. */
export interface ShardSum {
  readonly shards: number;
  readonly bytes: number;
}

/** Answer to `sums`. */
export interface HolderSums {
  /** Held, the lost ones included. */
  readonly held: ShardSum;
  readonly lost: ShardSum;
  readonly trash: ShardSum;
  /** Where the bytes are, and how many are missing there, as that node said last. */
  readonly at?: { readonly node: string; readonly missing: number; readonly sinceMs: number };
  /** How many times a lost shard was there again, and when the last one was, by the holder's clock.
   *  Absent: none was since this is counted. */
  readonly mended?: { readonly shards: number; readonly atMs: number };
}

/** A holder as admins see it. */
export interface HolderRow {
  readonly holder: ActorId;
  /** The id and the name of the node that owns it, and that node's zone. Absent: it has no slot of its own yet. */
  readonly owner?: string;
  readonly node?: string;
  readonly zone?: string;
  /** The name of the node where it is at home, when another one owns it for a while. */
  readonly home?: string;
  readonly status?: ClusterSlotRow["status"];
  /** What its inventory says. Absent: `error` says why. */
  readonly sums?: HolderSums;
  readonly error?: ErrorCode;
}

/** What is not well with a holder, read from what is known of it and its group. */
export function troublesOf(
  row: HolderRow,
  { holders }: Pick<HolderGroupRow, "holders">,
): {
  /** Shards that its inventory says are missing at its owner, or damaged. */
  readonly lost: number;
  /** Its bytes are said to be on another node than its owner. */
  readonly elsewhere: boolean;
  /** Other holders of its group with the same owner: one node's death takes them all. */
  readonly besides: readonly ActorId[];
} {
  const { holder, owner, sums } = row;
  const isHere = sums?.at?.node === owner;
  return {
    lost: sums?.lost.shards ?? 0,
    elsewhere: sums?.at !== undefined && !isHere,
    besides: holders.flatMap((one) =>
      owner !== undefined && one.holder !== holder && one.owner === owner ? one.holder : [],
    ),
  };
}

/** A group of holders as admins see it. */
export interface HolderGroupRow extends HolderGroup {
  readonly holders: readonly HolderRow[];
}

/** A node that keeps shards, as admins see it. */
export interface StorageNodeRow extends NodeShards {
  readonly node: string;
  readonly name: string;
  readonly zone?: string;
  readonly up: boolean;
  /** What audits have shown of it, and since when it stands so. */
  readonly trust: TrustState;
  readonly sinceMs?: number;
}

/** The groups of holders as admins see them. */
export interface ShardsView {
  /** How many nodes have a place for a holder. */
  readonly places: number;
  readonly groups: readonly HolderGroupRow[];
  readonly nodes: readonly StorageNodeRow[];
}

/** What the path of a holder's inventory names. */
export const holderParams = object({
  group: groupName,
  index: Type.Integer({ minimum: 0, maximum: limits.groupHoldersMax - 1 }),
});
