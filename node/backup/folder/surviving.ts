/** What the disks of storage nodes still give when no node runs: stripes of the shards that are there, and the newest
 *  head that the cluster signed.
 *
 *      heads of all folders ─ verified ─► ranked ─► the first whose snapshots can be read
 *      descriptor ─► shards by their hashes, in whichever folder ─ compared ─► any that suffice ─► the stripe
 *
 *  Nothing is written. What is missing, damaged or false is remembered, so that a restore can name it. Decision
 *  0063. */
import {
  failure,
  failureOf,
  ok,
  refused,
  shardsOf,
  type Failure,
  type Result,
  type StripeRef,
} from "../../../protocols/index.ts";
import { hashOfHead, readHead, type BackupHead, type HeadKeys } from "../../../runtimes/backup/index.ts";
import type { BlobHash, BlobStore } from "../../ports/index.ts";
import type { HeadFile } from "../format/beside.ts";
import type { Coder } from "./folders.ts";
import type { BackupStripes } from "../ports.ts";

/** The shards of one node, as they lie on its disk or on a copy of it. */
export interface SurvivingFolder {
  readonly name: string;
  readonly blobs: Pick<BlobStore, "has" | "open" | "check">;
}

/** What was found wrong while stripes were read. */
interface SurvivingFaults {
  /** Shards that are not what their names say: in which folders. */
  readonly damaged: readonly { readonly folder: string; readonly hash: BlobHash }[];
  /** Stripes that cannot be read: how many shards they need, and how many good ones there are. */
  readonly short: ReadonlyMap<string, { readonly needed: number; readonly found: number }>;
}

type Shard = StripeRef["shards"][number];

/** What the system says of a place on a disk that it cannot read. */
const diskFaults: ReadonlySet<unknown> = new Set(["EIO", "EBADMSG", "EUCLEAN"]);
const readsOnly = async () => refused(failure("FORBIDDEN", { reason: "the disks of lost nodes are only read" }));

/** Stripes of the shards that several folders have. `faults` grows with what is read. */
export function createSurvivingStripes(
  folders: readonly SurvivingFolder[],
  read: Coder["read"],
): BackupStripes & { readonly faults: SurvivingFaults } {
  const damaged = new Map<string, { folder: string; hash: BlobHash }>();
  const short = new Map<string, { needed: number; found: number }>();
  const shardOf = async ({ hash }: Shard): Promise<Uint8Array | undefined> => {
    for (const { name, blobs } of folders)
      try {
        const { size, bytes } = await blobs.open(hash, undefined, { reused: true });
        const shard = Buffer.allocUnsafe(size);
        let end = 0;
        for await (const piece of bytes) {
          shard.set(piece, end);
          end += piece.length;
        }
        return shard;
      } catch (error) {
        // A disk that fails at one shard may give others.
        const isDamaged =
          failureOf(error).code === "DATA_DAMAGED" || diskFaults.has((error as { code?: unknown }).code);
        if (isDamaged) damaged.set(`${name} ${hash}`, { folder: name, hash });
        else if (failureOf(error).code !== "NOT_FOUND") throw error;
      }
    return undefined;
  };
  return {
    faults: {
      get damaged() {
        return [...damaged.values()];
      },
      short,
    },
    async read(ref, memory) {
      const { enough } = shardsOf(ref.scheme);
      const shards: Uint8Array[] = [];
      // Those with the bytes come first: where they are all there nothing has to be computed.
      for (let next = 0; next < ref.shards.length && shards.length < enough;) {
        const some = ref.shards.slice(next, next + enough - shards.length);
        next += some.length;
        for (const shard of await Promise.all(some.map(shardOf))) if (shard !== undefined) shards.push(shard);
      }
      if (shards.length < enough) {
        const lack = { needed: enough, found: shards.length };
        short.set(ref.id, lack);
        return refused(failure("STRIPE_LOST", { stripe: ref.id, ...lack, all: ref.shards.length }));
      }
      return read(ref, shards, memory);
    },
    async inspect(ref, deep = false) {
      const states = await Promise.all(
        ref.shards.map(async ({ index, hash }) => {
          let state: "well" | "damaged" | "missing" = "missing";
          for (const { blobs } of folders) {
            if (state === "well" || (await blobs.has(hash)) === undefined) continue;
            state = !deep || (await blobs.check(hash).catch(() => false)) ? "well" : "damaged";
          }
          return { index, hash, state };
        }),
      );
      const { id, group, scheme } = ref;
      const well = states.filter(({ state }) => state === "well").length;
      return ok({ id, group, scheme, shards: states, enough: shardsOf(scheme).enough, well });
    },
    put: readsOnly,
    keep: readsOnly,
    release: readsOnly,
  };
}

/** How many more nodes' shards would do at least: those of one stripe are on distinct nodes. */
export const foldersMissing = ({ short }: Pick<SurvivingFaults, "short">): number =>
  Math.max(0, ...[...short.values()].map(({ needed, found }) => needed - found));

/** A head that the cluster signed, and who has it. */
interface SignedHead {
  readonly head: BackupHead;
  readonly bytes: Uint8Array;
  readonly folders: readonly string[];
}

/** What the heads that were found say of one another: each names the one before it by its hash. */
interface HeadChain {
  /** Numbers between the oldest that was found and the one that was taken, of which no folder has a head. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
  /** Heads that the cluster signed, and that the one that was taken does not come from: of a directory that went back,
   *  or of who left with old keys. */
  readonly strangers: readonly SignedHead[];
}

/** How the others stand to the head that was taken. Those behind a gap may be of its history or not. */
export function chainOf(taken: SignedHead, all: readonly SignedHead[]): HeadChain {
  const byHash = new Map(all.map((one) => [hashOfHead(one.bytes), one]));
  const chain = new Set([taken]);
  // As far down as each head is there that the one above it names.
  let last = taken;
  for (let next = byHash.get(last.head.previous); next !== undefined; next = byHash.get(last.head.previous)) {
    chain.add(next);
    last = next;
  }
  const isLater = ({ head }: SignedHead): boolean => head.number > taken.head.number && head.epoch >= taken.head.epoch;
  const strangers = all.filter((one) => !chain.has(one) && !isLater(one) && one.head.number >= last.head.number - 1);
  const numbers = [...new Set(all.map(({ head }) => head.number))]
    .filter((one) => one <= taken.head.number)
    .toSorted((a, b) => a - b);
  const gaps = numbers.flatMap((number, at) => {
    const before = numbers[at - 1] ?? number - 1;
    return number - before > 1 ? [{ from: before + 1, to: number - 1 }] : [];
  });
  return { gaps, strangers };
}

/** A head that does not count. */
export interface RefusedHead {
  readonly folder: string;
  readonly number: number;
  readonly error: Failure;
}

/** Which heads count, the first choice first. A later epoch comes before a higher number: who left with old keys can
 *  sign any number with them. Of two with the same number the one that more folders have comes first. */
export function rankHeads(
  found: readonly (HeadFile & { readonly folder: string })[],
  { cluster, keys }: { readonly cluster: string; readonly keys: Pick<HeadKeys, "verify"> },
): { readonly ranked: readonly SignedHead[]; readonly refused: readonly RefusedHead[] } {
  const signed = new Map<string, SignedHead>();
  const wrong: RefusedHead[] = [];
  for (const { folder, number, bytes } of found) {
    const read = judged(bytes, cluster, keys);
    if (!read.ok) {
      wrong.push({ folder, number, error: read.error });
      continue;
    }
    const hash = hashOfHead(bytes);
    const folders = [...(signed.get(hash)?.folders ?? []), folder];
    signed.set(hash, { head: read.value, bytes, folders });
  }
  const ranked = [...signed.values()].toSorted(
    ({ head: one, folders: ours }, { head: other, folders: theirs }) =>
      other.epoch - one.epoch ||
      other.number - one.number ||
      theirs.length - ours.length ||
      other.atMs - one.atMs ||
      (one.previous < other.previous ? -1 : 1),
  );
  return { ranked, refused: wrong };
}

function judged(bytes: Uint8Array, cluster: string, keys: Pick<HeadKeys, "verify">): Result<BackupHead> {
  try {
    const head = readHead(bytes, keys);
    if (head.cluster === cluster) return ok(head);
    return refused(failure("BACKUP_DAMAGED", { object: "head", reason: "of another cluster" }));
  } catch (error) {
    return refused(failureOf(error));
  }
}
