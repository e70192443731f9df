/** Bulk that outlives nodes: stripes, their shards, and the groups of holders that keep them
 *  (docs/decisions/0044-shards.md). */
import { Type, type Static } from "typebox";
import { addressText, actorId, type ActorId } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import { blobHash, object, position, timeMs } from "../wire/schema.ts";

/** How a stripe is coded. `copies`: each shard gives all of it. `rs`: any k of k + m shards give it (Reed–Solomon). */
export const scheme = Type.Union([
  object({ type: Type.Literal("copies"), copies: Type.Integer({ minimum: 1, maximum: limits.groupHoldersMax }) }),
  object({
    type: Type.Literal("rs"),
    k: Type.Integer({ minimum: 1, maximum: limits.groupHoldersMax }),
    m: Type.Integer({ minimum: 0, maximum: limits.groupHoldersMax }),
  }),
]);
export type Scheme = Static<typeof scheme>;

/** How many shards a scheme makes, and how many of them give the stripe. */
export const shardsOf = (how: Scheme): { readonly all: number; readonly enough: number } =>
  how.type === "copies" ? { all: how.copies, enough: 1 } : { all: how.k + how.m, enough: how.k };

/** The schemes that a text names, like `8+4/4+4/3`: each k + m, or a number of copies, the widest first. Undefined: one
 *  of them is none, is wider than any group, or would never be taken after the one before it, which needs no more
 *  holders. */
export function schemesFrom(text: string): readonly Scheme[] | undefined {
  const schemes: Scheme[] = [];
  let width = limits.groupHoldersMax + 1;
  for (const part of text.split("/")) {
    const [, k = "", m] = /^([1-9]\d?)(?:\+([1-9]\d?))?$/.exec(part) ?? [];
    if (k === "") return undefined;
    const next: Scheme =
      m === undefined ? { type: "copies", copies: Number(k) } : { type: "rs", k: Number(k), m: Number(m) };
    if (shardsOf(next).all >= width) return undefined;
    width = shardsOf(next).all;
    schemes.push(next);
  }
  return schemes;
}

const groupText = "[a-z0-9][a-z0-9-]{0,31}";

/** The name of a group of holders. */
export const groupName = Type.String({ pattern: `^${groupText}$`, maxLength: 32 });

/** The name of a stripe. */
export const stripeId = Type.String({ pattern: "^[0-9a-z]{8,64}$", maxLength: 64 });

/** A stripe's descriptor: with it anybody finds, proves and rebuilds each of its shards. */
export const stripeRef = object({
  id: stripeId,
  group: groupName,
  scheme,
  sizeBytes: position,
  /** In the order of the code: a shard's place in this list is its number. */
  shards: Type.Array(
    object({
      /** The number of its holder in the group. No two shards of a stripe have the same. */
      index: Type.Integer({ minimum: 0, maximum: limits.groupHoldersMax - 1 }),
      hash: blobHash,
      sizeBytes: position,
    }),
    { minItems: 1, maxItems: limits.groupHoldersMax },
  ),
});
export type StripeRef = Static<typeof stripeRef>;

/** Descriptors are equal when they say the same of every shard. */
export function sameStripe(one: StripeRef, other: StripeRef): boolean {
  const text = ({ id, group, scheme, sizeBytes, shards }: StripeRef): string =>
    JSON.stringify([
      id,
      group,
      scheme.type === "copies" ? [scheme.copies] : [scheme.k, scheme.m],
      sizeBytes,
      shards.map(({ index, hash, sizeBytes: size }) => [index, hash, size]),
    ]);
  return text(one) === text(other);
}

/** How one shard stands. `coming`: its bytes are on their way, after an upload, a move or a death. `unknown`: its
 *  holder does not answer. */
export type ShardState = "well" | "missing" | "damaged" | "coming" | "unknown";

/** How a stripe stands. */
export interface StripeHealth {
  readonly id: string;
  readonly group: string;
  readonly scheme: Scheme;
  readonly shards: readonly {
    readonly index: number;
    readonly hash: string;
    readonly state: ShardState;
    /** The node that has its bytes, where the node that was asked knows it. */
    readonly node?: string;
    /** When that node signed that it has these bytes, by its own clock: it proves nothing about now.
     *  Only the node that put them keeps receipts. */
    readonly signedAtMs?: number;
  }[];
  /** How many shards give the stripe, and how many are well. */
  readonly enough: number;
  readonly well: number;
}

/** A group of holders, as the directory has it under `group/NAME`. */
export const holderGroup = Type.Object({
  name: groupName,
  /** How many holders it has: `shard-holder/NAME.0` and so on. It never changes. */
  width: Type.Integer({ minimum: 1, maximum: limits.groupHoldersMax }),
  /** Whether it takes new stripes. What it has it keeps. */
  open: Type.Boolean(),
  /** Since when it does not. */
  closedAtMs: Type.Optional(timeMs),
});
export type HolderGroup = Readonly<Static<typeof holderGroup>>;

/** What audits have shown of a node with the role `storage`. `new`: nothing yet; `probation`: too little; `suspect`: it
 *  does not have, or does not give, what it should. */
export const trustStates = ["new", "probation", "trusted", "suspect"] as const;
export type TrustState = (typeof trustStates)[number];

/** The holder with this number of a group. */
export const holderOf = (group: string, index: number): ActorId => actorId("shard-holder", `${group}.${index}`);

const holderPattern = new RegExp(`^shard-holder/(${groupText})\\.(0|[1-9][0-9]{0,2})$`);

/** Which holder of which group an actor is; undefined when it is none. */
export function holderAt(actor: string): { readonly group: string; readonly index: number } | undefined {
  const [, group, index] = holderPattern.exec(actor) ?? [];
  return group === undefined ? undefined : { group, index: Number(index) };
}

/** The address of an actor that refers to stripes. */
export const shardOwner = Type.Unsafe<ActorId>(Type.String({ pattern: `^${addressText}$`, maxLength: 129 }));

/** Bytes of one stripe that admins put by hand: it travels as text. */
const stripeText = Type.String({
  maxLength: Math.ceil((limits.stripePutBytesMax * 4) / 3) + 4,
  pattern: "^[A-Za-z0-9+/]*={0,2}$",
});

/** Body of a put by hand. */
export const putStripe = object({
  /** In base64; the caller has encrypted them. */
  bytes: stripeText,
  /** How long they are kept; absent: until they are released. */
  expiresInMs: Type.Optional(Type.Integer({ minimum: 60_000, maximum: limits.shardGraceMsMax })),
});

/** Body of what is asked of one stripe. */
export const namedStripe = object({ stripe: stripeRef });
export const inspectStripe = object({
  stripe: stripeRef,
  /** Each shard is read whole where it is. */
  deep: Type.Optional(Type.Boolean()),
});

/** Answers to these. */
export interface StripePut {
  readonly stripe: StripeRef;
}
export interface StripeRead {
  /** In base64. */
  readonly bytes: string;
}

/** What a node made good when it was told to at once. */
export interface NodeHealed {
  readonly node: string;
  /** Holders that it owns. */
  readonly holders?: number;
  readonly mended?: number;
  /** Shards that it still lacks. */
  readonly lost?: number;
  readonly error?: string;
}

/** What all of them did. */
export interface NodesHealed {
  readonly nodes: readonly NodeHealed[];
}
