/** What admins see and do of a cluster: rows and bodies of the `/api/v1/admin/cluster` routes, used by the page and the
 *  command line. */
import { Type, type Static } from "typebox";
import { voterCounts, type DirectoryInfo, type DirectorySize } from "./directory-info.ts";
import type { Failure } from "../errors.ts";
import { roles, slotCount, type Role } from "../ids.ts";
import { object, position } from "../wire/schema.ts";

const role = Type.Unsafe<Role>(Type.Union(roles.map((name) => Type.Literal(name))));

/** Roles that a node is to have. */
export const chosenRoles = Type.Array(role, { minItems: 1, uniqueItems: true });
/** A node in a request. */
export const nodeName = Type.String({ minLength: 1, maxLength: 128, description: "A node's name or id" });
/** Labels of a node. */
export const nodeLabels = Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 64 }), {
  maxProperties: 32,
});

const slotNumber = Type.Integer({ minimum: 0, maximum: slotCount - 1 });
const moveTimeout = Type.Integer({
  minimum: 1_000,
  maximum: 600_000,
  description: "How long to wait for its arrival, in milliseconds",
});

/** What paths and queries name. */
export const clusterNodeParams = object({ node: nodeName });
export const clusterSlotParams = object({ role, number: slotNumber });
export const evictNode = object({
  force: Type.Optional(Type.Boolean({ default: false, description: "Also when it holds the last copy of a slot" })),
});

/** All; those that are not in order; those that were moved by hand; those of one actor. */
export const slotShows = ["all", "faulty", "held", "own"] as const;
export type SlotShow = (typeof slotShows)[number];

/** Which slots are wanted, and how many of them; without `limit` all that fit. */
export const slotsQuery = object({
  text: Type.Optional(Type.String({ maxLength: 100, description: "What the name of the slot has in it: `chat/17`" })),
  node: Type.Optional(nodeName),
  show: Type.Optional(
    Type.Union(
      slotShows.map((name) => Type.Literal(name)),
      { description: "`own`: those of one actor" },
    ),
  ),
  order: Type.Optional(Type.Union([Type.Literal("name"), Type.Literal("load")])),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
  /** `next` of an earlier answer. */
  from: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
});

/** What a cluster allows of a node that keeps shards: how much, and of which classes of data. */
export const storageTerms = Type.Object(
  {
    quotaBytes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: "The most that shards may take there, whatever its operator gives",
      }),
    ),
    classes: Type.Optional(
      Type.Array(Type.String({ pattern: "^[a-z][a-z0-9.-]{0,31}$" }), {
        minItems: 1,
        maxItems: 16,
        uniqueItems: true,
        description: "New stripes of these classes only: `backup` is `backup.pack` and `backup.manifest`",
      }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type StorageTerms = Static<typeof storageTerms>;

/** What a node has of shards, and may have. What the node says itself is absent while it is down. */
export interface NodeShards {
  /** What shards take on its disk, what they may still take, and what they may take at the most, by its operator or by
   *  the cluster. */
  readonly usedBytes?: number;
  readonly roomBytes?: number;
  readonly quotaBytes?: number;
  /** What the cluster allows of it. Absent: what its operator gives. */
  readonly allowed?: StorageTerms;
}

/** Bodies. */
export const createInvitation = object({
  roles: Type.Optional(chosenRoles),
  labels: Type.Optional(nodeLabels),
  storage: Type.Optional(storageTerms),
  expiresInMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 7 * 24 * 3_600_000 })),
});
export const setNodeRoles = object({
  roles: chosenRoles,
  /** The roles that the caller has seen. Others are refused: CHANGED_MEANWHILE. */
  seen: Type.Optional(chosenRoles),
});
const storageQuota = Type.Union([storageTerms.properties.quotaBytes, Type.Null()], {
  description: "The most that shards may take there; null: what its operator gives",
});
export const setNodeStorage = object({
  quotaBytes: storageQuota,
  /** The quota that the caller has seen. If it is another by now, nothing is changed: CHANGED_MEANWHILE. */
  seen: Type.Optional(storageQuota),
});
export const setDraining = object({ draining: Type.Boolean() });
export const moveTo = object({ to: nodeName, timeoutMs: Type.Optional(moveTimeout) });
export const setVoters = object({
  wanted: Type.Unsafe<number>(
    Type.Union(
      voterCounts.map((count) => Type.Literal(count)),
      { description: "The number of nodes that keep the directory is set together, where there are as many managers" },
    ),
  ),
  /** How many the writer has seen wanted. If it is another number by now, nothing is changed: CHANGED_MEANWHILE. */
  seen: Type.Optional(position),
});
export const migrateDirectory = object({
  endpoints: Type.Optional(
    Type.Array(
      Type.String({
        pattern: "^https?://[^\\s/@]{1,253}:\\d{1,5}/?$",
        maxLength: 300,
        description: "Like http://10.0.0.5:2379",
      }),
      { minItems: 1, maxItems: 9, uniqueItems: true, description: "etcd's members; without them, to the managers" },
    ),
  ),
});

/** The directory tells the answering node nothing: what it shows of slots is from before. */
export interface DirectoryAway {
  /** For so long, by that node's clock; since its start when it has told nothing yet. */
  readonly forMs?: number;
  /** Why, where that is known. */
  readonly because?: string;
}

/** The directory answers, and takes no change: nothing fails over, joins or moves until it does. */
export interface DirectoryRefuses {
  /** Why, and what to type. */
  readonly because: string;
}

/** The directory tells older rows than it told the answering node before: it lies on an older copy of its data. */
export interface DirectoryOlder {
  /** One of the slots of which it does. */
  readonly slot: string;
}

/** The admin who began a drain, and when. */
export interface DrainBegun {
  readonly by: string;
  readonly sinceMs: number;
  /** When the node had first given away all; the admin who began the drain was told then. */
  readonly endedAtMs?: number;
}

/** One line of `plexus nodes`. */
export interface ClusterNodeRow {
  readonly node: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly labels: Readonly<Record<string, string>>;
  /** Its share of slots compared to the others'; 1 is usual. */
  readonly weight: number;
  /** Those that it serves now. */
  readonly models: readonly string[];
  readonly version: string;
  readonly url: string;
  /** Where other nodes look for it, as it said when it started; absent from nodes of older versions. */
  readonly addresses?: readonly string[];
  readonly incarnation: number;
  readonly state: "active" | "draining";
  /** The admin who had it drained, and when; absent: it is not draining, or its row is of an earlier version. */
  readonly drain?: DrainBegun;
  /** As the answering node sees it. */
  readonly up: boolean;
  /** It is there, and the two refuse each other: VERSION_UNSUPPORTED, with what the answering node speaks (`ours`) and
   *  what this one does (`theirs`), each `{ major, minor }`. */
  readonly refused?: Failure;
  /** It answers. */
  readonly self: boolean;
  /** False, of the answering node only: it has not joined since it started, and serves no slots until it has. */
  readonly joined?: boolean;
  /** Its disk took nothing a moment ago, so it is given nothing. */
  readonly diskRefuses?: boolean;
  /** Its disk is far slower than those of the others: it owns nothing that others can, and nobody waits for its
   *  copies. */
  readonly diskSlow?: boolean;
  /** It keeps the embedded directory. */
  readonly directory: boolean;
  readonly slotsOwned: number;
  readonly slotsReplicated: number;
  /** Absent from nodes without the role storage. */
  readonly shards?: NodeShards;
  /** What the node last said of itself; absent when it is down. */
  readonly actors?: number;
  readonly turnsPerSecond?: number;
  readonly connections?: number;
  readonly eventLoopLagMs?: number;
  readonly memoryBytes?: number;
  /** The disk of its data folder, and what is free of it; absent from nodes of older versions. */
  readonly diskBytes?: number;
  readonly diskFreeBytes?: number;
  /** What a synced write takes at that disk, in milliseconds; absent before the first. */
  readonly syncMs?: number;
  /** What all rows of the directory are, where the node keeps them; absent from others, and where etcd has them. */
  readonly directorySize?: DirectorySize;
  /** Calls of engines that run or wait there. */
  readonly calls?: number;
  readonly lastHeardMs?: number;
}

/** One line of `plexus slots`. */
export interface ClusterSlotRow {
  readonly slot: string;
  readonly epoch: number;
  readonly owner: string;
  readonly inSync: readonly string[];
  readonly learners: readonly string[];
  /** The node that an operator moved it to; it stays there while that node may have it. */
  readonly held?: string;
  /** Where it should be, when that differs. */
  readonly want?: { readonly owner: string; readonly replicas: readonly string[] };
  /** `moving`: on its way to what is wanted. `short`: fewer in sync than there would be with all nodes up. `blocked`:
   *  takes no commands, because a copy in sync is down and cannot be left out without the directory, or fewer are in
   *  sync than `minInSync`. `down`: its owner is. */
  readonly status: "ok" | "moving" | "short" | "blocked" | "down";
  /** It is `down` for good, though nodes that have everything are up: none of them has this role, which an operator may
   *  give to one. */
  readonly stranded?: Role;
  /** Messages that its actors took lately, in a second; absent where that is next to none, or not known. */
  readonly turnsPerSecond?: number;
}

/** Slots that are down for want of a role, see `ClusterSlotRow.stranded`. */
export interface StrandedSlots {
  readonly role: Role;
  readonly slots: number;
  /** With the role, these nodes could own all of them; as few as there can be, the one with the most first. */
  readonly nodes: readonly string[];
}

/** An actor that takes many turns. */
export interface BusyActor {
  readonly actor: string;
  /** The name or id of the node it lives on. */
  readonly node: string;
  readonly turnsPerSecond: number;
}

/** Answer of an eviction. */
export interface Evicted {
  readonly node: string;
  /** Slots whose last copy was given up: they begin anew, empty. */
  readonly lastCopies: number;
}

/** Answer of a change of what a node may keep. */
export interface NodeStorage extends NodeShards {
  readonly node: string;
  /** What it has beyond what it may have from now on: it takes nothing new, and nothing is thrown away. */
  readonly beyondBytes?: number;
}

/** Answer of a release: the slot goes where the plan has it from now on. */
export interface Released {
  readonly slot: string;
}

/** Answer of a move: where the actor or slot is now. */
export interface Moved {
  readonly slot: string;
  readonly owner: string;
  readonly epoch: number;
}

export interface InvitationIssued {
  readonly token: string;
  /** What the audit calls it; no secret. */
  readonly id?: string;
  readonly expiresAtMs: number;
  readonly roles: readonly Role[];
  /** What it may keep; absent: what its operator gives. */
  readonly storage?: StorageTerms;
  /** Where the newcomer looks for the node that made it, as the token says. */
  readonly addresses?: readonly string[];
}

export interface ClusterSummary {
  readonly cluster: string;
  /** Number of the member list as the answering node has it. */
  readonly view: number;
  readonly directory: DirectoryInfo;
  /** Absent while it answers. */
  readonly directoryAway?: DirectoryAway;
  /** Absent while it takes changes, as far as is known. */
  readonly directoryRefuses?: DirectoryRefuses;
  /** Absent while it is as new as what the answering node was told. */
  readonly directoryOlder?: DirectoryOlder;
  readonly replicas: number;
  readonly minInSync: number;
  readonly nodes: readonly ClusterNodeRow[];
  /** The busiest actors the answering node knows of, busiest first; absent while it knows none. */
  readonly busiest?: readonly BusyActor[];
  readonly slots: {
    readonly total: number;
    readonly ok: number;
    readonly moving: number;
    readonly short: number;
    readonly blocked: number;
    readonly down: number;
  };
  /** By role; absent while there are none. */
  readonly stranded?: readonly StrandedSlots[];
}
