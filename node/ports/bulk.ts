/** Large data: the blobs on a node's own disk, those that belong to actors, and stripes that many holders keep. */
import type { ActorId, Result, StripeHealth, StripeRef } from "../../protocols/index.ts";

/** The name of a blob: what it consists of, as 64 hexadecimal digits (`node/bulk/blobs/tree.ts`). */
export type BlobHash = string;

/** A part of a blob: from `start` on, before `end`. */
export interface BlobRange {
  readonly start: number;
  readonly end: number;
}

/** Shows that a blob has a leaf: the leaf's bytes and the hashes beside its way to the root. `isProven` in
 *  `node/bulk/blobs` judges it. */
export interface LeafProof {
  readonly leaf: number;
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** A node's own disk of immutable bytes, each blob named by what it consists of. What `put` has resolved with is on the
 *  disk, and what a read gives is what was put, or it rejects. Errors of all: OVERLOADED (too many at a time); the
 *  system's. */
export interface BlobStore {
  /** Takes bytes until the stream ends, no faster than the disk. Errors: TOO_LARGE (more than `bytesMax`), BAD_REQUEST
   *  (not what `expected` names), DISK_FULL; what the stream throws. After an error nothing of it is left. */
  put(
    stream: AsyncIterable<Uint8Array>,
    options?: { readonly bytesMax?: number; readonly expected?: BlobHash },
  ): Promise<{ readonly hash: BlobHash; readonly size: number }>;
  /** Takes bytes that were hashed in this process: they are not hashed again. They get their name once `ready`
   *  resolves, which goes on while they are written. Errors: those of `put` and of `ready`. */
  putHashed(blob: HashedBytes, ready: Promise<unknown>): Promise<void>;
  /** Its size; undefined: it is not here. Says nothing of whether it can still be read: see `check`. */
  has(hash: BlobHash): Promise<number | undefined>;
  /** A blob or a part of it, read as it is asked for and compared leaf by leaf. With `reused` a piece is overwritten
   *  when the next is asked for: a caller that copies it anyway spares the garbage collector all of them. Errors,
   *  also while it is read: NOT_FOUND, DATA_DAMAGED. */
  open(
    hash: BlobHash,
    range?: BlobRange,
    options?: { readonly reused?: boolean },
  ): Promise<{ readonly size: number; readonly bytes: AsyncIterable<Uint8Array> }>;
  /** All of a blob at once, compared with its name. Errors: NOT_FOUND, DATA_DAMAGED. */
  whole(hash: BlobHash): Promise<Uint8Array>;
  /** The same as the disk has it, compared with nothing: for a caller that compares what it makes of it. It comes into
   *  `into` where that has room for it. Errors: NOT_FOUND, DATA_DAMAGED (its length is not that of a blob). */
  uncompared(hash: BlobHash, into?: Buffer): Promise<Uint8Array>;
  /** Errors: NOT_FOUND (also of the leaf), DATA_DAMAGED. */
  prove(hash: BlobHash, leaf: number): Promise<LeafProof>;
  /** Reads all of it. False: it is damaged. Error: NOT_FOUND. */
  check(hash: BlobHash): Promise<boolean>;
  /** What all of them have together. */
  usedBytes(): number;
  /** One that is not there is as good as deleted. */
  delete(hash: BlobHash): Promise<void>;
  /** Names after `after`, in order, a page at a time: an empty page ends it. */
  list(after?: BlobHash): Promise<readonly { readonly hash: BlobHash; readonly size: number }[]>;
}

/** Bytes in memory that are not changed any more, with what they were found to be called. */
export interface HashedBytes {
  readonly bytes: Uint8Array;
  readonly leaves: readonly Uint8Array[];
  readonly hash: BlobHash;
}

/** A blob, and an actor for which it is on this node's disk. */
export type Pair = readonly [hash: BlobHash, actor: ActorId];

/** That a blob is here for an actor. Another object with each `take` and `seen`. */
export interface Reference {
  /** When it was known last that the actor refers to the blob. */
  readonly atMs: number;
}

/** Blobs on this node's disk, and for which actors they are there. A blob without an actor is not known here. */
export interface OwnedBlobs {
  readonly blobs: BlobStore;
  /** How many pairs there are. */
  readonly size: number;
  pairs(): readonly Pair[];
  /** What is here for an actor. */
  of(actor: ActorId): readonly BlobHash[];
  actors(): readonly ActorId[];
  isFor(hash: BlobHash, actor: ActorId): boolean;
  has(hash: BlobHash): boolean;
  reference(pair: Pair): Reference | undefined;
  /** Stores a blob for an actor; when it resolves, it is on the disk. Errors: LIMIT_REACHED, and those of
   *  `BlobStore.put`. */
  take(pair: Pair, stream: AsyncIterable<Uint8Array>, bytesMax: number): Promise<void>;
  /** The same of bytes that were hashed in this process. */
  takeHashed(actor: ActorId, blob: HashedBytes): Promise<void>;
  /** A blob that is here already is here for this actor, too. False: it is not here, or damaged. */
  adopt(pair: Pair): Promise<boolean>;
  /** The actor refers to it now, as is known, or will. False: it is not here for it. */
  seen(pair: Pair): Promise<boolean>;
  /** Forgets that a blob is here for an actor, unless it was put for it or seen since; the last one takes it along.
   *  False: it stays. */
  drop(pair: Pair, reference: Reference): Promise<boolean>;
}

/** Small blobs that belong to actors, kept at the nodes that hold the actors' slots. */
export interface ActorBlobs {
  /** Stores bytes for an actor and lets `commit` make that a fact; resolves with its answer when every node in sync
   *  with the actor's slot has them. May be repeated. Errors: TOO_LARGE, DISK_FULL, LIMIT_REACHED, SLOT_UNAVAILABLE (a
   *  node in sync cannot be reached), those of `commit`; after `commit` ASK_TIMEOUT: the fact stands, and not every
   *  node has the bytes yet. */
  put<T>(actor: ActorId, bytes: Uint8Array, commit: (hash: BlobHash) => Promise<Result<T>>): Promise<Result<T>>;
  /** The bytes that an actor refers to, from whichever node has them. Errors: NOT_FOUND (nobody who can be asked has
   *  them), OVERLOADED. */
  read(actor: ActorId, hash: BlobHash): Promise<Result<Uint8Array>>;
  /** Drops blobs at every node of the actor's slot that the actor does not refer to any more, without the grace of
   *  `round`. Only for such as are never put again: sealed ones, each of which has a nonce of its own. What cannot be
   *  reached or asked now waits for its round. */
  forget(actor: ActorId, hashes: readonly BlobHash[]): Promise<void>;
}

/** How a put makes room for people: it is coded and brought in parts, each when its time has come. */
export interface PutPacing {
  /** Does one part. Errors: those of the work. */
  readonly part: <Answer>(work: () => Promise<Answer>) => Promise<Answer>;
  /** How many bytes of a shard are brought at once now; undefined: as many as may be. */
  readonly bytes: () => number | undefined;
}

/** Bulk that outlives nodes: each stripe is kept by many holders, of which some suffice
 *  (docs/decisions/0044-shards.md). What is put is kept as it is: the caller has encrypted it. */
export interface Stripes {
  /** Codes and stores; resolves when k + ⌈m/2⌉ holders have their shards synced and in their inventories; the rest
   *  follows. A caller that puts it for good says for how long at first, so that a crash leaves nothing for ever, and
   *  calls `keep` when its own fact is committed. Errors: HOLDERS_TOO_FEW, TOO_LARGE, OVERLOADED, and what most holders
   *  said: DISK_FULL, LIMIT_REACHED, RATE_LIMITED. */
  put(
    bytes: Uint8Array,
    how: {
      readonly class: string;
      readonly owner: ActorId;
      readonly lifeMs?: number;
      readonly pacing?: PutPacing;
    },
  ): Promise<Result<StripeRef>>;
  /** Any k shards give it; asks for more when some are slow. Errors: STRIPE_LOST (names the shards), SLOT_UNAVAILABLE
   *  (holders that may have enough do not answer), OVERLOADED. */
  read(ref: StripeRef): Promise<Result<Uint8Array>>;
  /** The shards that suffice, each compared with its hash. `without`: the number of one that is not asked for. */
  gather(ref: StripeRef, without?: number): Promise<Result<ReadonlyMap<number, Uint8Array>>>;
  /** One more owner refers to it, or one for longer: for `lifeMs` from when a holder hears of it, by that holder's
   *  clock, or without an end. Resolves when as many have heard of it as `put` waits for; the others hear later.
   *  Errors: HOLDERS_TOO_FEW, and what most holders said. */
  keep(ref: StripeRef, owner: ActorId, lifeMs?: number): Promise<Result<null>>;
  /** Resolves when all holders have answered of which a `keep` that was begun before this did not wait, or are to be
   *  told as those are that were away. */
  told(): Promise<void>;
  /** One owner refers to it no longer: collected after the grace when nobody does. May be repeated, and must be after
   *  an error. */
  release(ref: StripeRef, owner: ActorId): Promise<Result<null>>;
  /** Whether every holder keeps its shard for the owner, without an end. Who does not answer does not say so. */
  isKept(ref: StripeRef, owner: ActorId): Promise<boolean>;
  /** How it stands. `deep`: each shard is read whole where it is. */
  inspect(ref: StripeRef, deep?: boolean): Promise<Result<StripeHealth>>;
  /** The ids of those that enough holders say they have, a few questions for all; of the others nothing is known. No
   *  shard is read. */
  standing(refs: readonly StripeRef[]): Promise<ReadonlySet<string>>;
  /** What an owner refers to without an end, each stripe once; holders that do not answer are left out. */
  referred(owner: ActorId): AsyncIterable<StripeRef>;
}

/** Owners of stripes that are no actors. */
export interface StripeOwners {
  isOf(owner: ActorId): boolean;
  /** Whether an owner still refers to stripes; undefined: it cannot be known now. */
  refersTo(owner: ActorId): Promise<boolean | undefined>;
}
