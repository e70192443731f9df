/** Stripes in folders: each folder holds a shard of each stripe, like a holder of a group. So a backup in one folder,
 *  or on several disks, is the same backup as one at the cluster's holders, and with several it stands the loss of
 *  some. */
import {
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  shardsOf,
  type Result,
  type Scheme,
  type ShardState,
  type StripeRef,
} from "../../../protocols/index.ts";
import { headFormat } from "../../../runtimes/backup/index.ts";
import { hashOf } from "../../bulk/blobs/tree.ts";
import type { BlobStore, Files } from "../../ports/index.ts";
import {
  endLeaving,
  headNumbers,
  readHeadFile,
  readLeaving,
  readLossesFile,
  writeHeadFile,
  writeLeaving,
  writeLossesFile,
} from "../format/beside.ts";
import type { CopyTarget } from "../upkeep/copying.ts";
import { knownLossesIn, noLosses } from "../upkeep/known-losses.ts";
import { unpaced, type Piece } from "../run/pacing.ts";
import type { BackupStripes, Heads, StoredFile, StoredFiles } from "../ports.ts";

type CodedShards = Pick<StripeRef, "id" | "scheme" | "sizeBytes"> & { readonly shards: readonly Uint8Array[] };

/** Codes bytes into shards and back: as `node/bulk/shards/coding` does. */
export interface Coder {
  /** In steps, between which others come in. */
  coding(bytes: Uint8Array, scheme: Scheme, memory?: Buffer): Generator<void, Result<CodedShards>, void>;
  /** The most that the shards of so many bytes take. */
  bytes(scheme: Scheme, stripeBytes: number): number;
  /** What it gives lies in no shard: their memory may be used again. */
  read(
    stripe: Pick<StripeRef, "id" | "scheme" | "sizeBytes">,
    shards: Iterable<Uint8Array>,
    memory?: Buffer,
  ): Result<Uint8Array>;
}

/** Readings at the same time whose memory is kept: a unit has a fragment in each of two packs. */
const readsKept = 2;

/** The group that stripes in folders are of. */
const folderGroup = "folders";

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const bufferOf = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, length);

const found = async (store: BlobStore | undefined, hash: string): Promise<ShardState> =>
  (await store?.has(hash)) === undefined ? "missing" : "well";

async function compared(store: BlobStore | undefined, hash: string): Promise<ShardState> {
  if (store === undefined) return "missing";
  try {
    return (await store.check(hash)) ? "well" : "damaged";
  } catch (error) {
    return failureOf(error).code === "NOT_FOUND" ? "missing" : "damaged";
  }
}

/** Reads a shard's blob. Errors: NOT_FOUND, DATA_DAMAGED. */
type ReadShard = (store: BlobStore, hash: string) => Promise<Uint8Array>;

/** Stripes of this scheme, a shard in each of the stores, whose number is the scheme's. Each shard that is written or
 *  compared is a piece of work. */
export function createFolderStripes(
  stores: readonly BlobStore[],
  coder: Coder,
  scheme: Scheme,
  piece: Piece = unpaced,
): BackupStripes {
  /** Undefined: it is gone, or damaged as far as that was looked at. */
  const shardOf = async (number: number, hash: string, read: ReadShard): Promise<Uint8Array | undefined> => {
    try {
      const store = stores[number];
      return store && (await read(store, hash));
    } catch (error) {
      const { code } = failureOf(error);
      if (code !== "NOT_FOUND" && code !== "DATA_DAMAGED") throw error;
      return undefined;
    }
  };
  /** As many shards of a stripe as suffice. */
  const enoughOf = async (ref: StripeRef, read: (place: number) => ReadShard): Promise<readonly Uint8Array[]> => {
    const { enough } = shardsOf(ref.scheme);
    const shards: Uint8Array[] = [];
    for (const { index, hash } of ref.shards) {
      if (shards.length === enough) break;
      const shard = await shardOf(index, hash, read(shards.length));
      if (shard !== undefined) shards.push(shard);
    }
    return shards;
  };
  /** Of the shards that were coded last: new memory for each stripe takes longer than to code it. */
  let spare: Buffer | undefined;
  /** The same, of each reading that is over: for each shard memory as large as the largest file was. */
  const spareRead: Buffer[][] = [];
  return {
    async put(bytes) {
      const needed = coder.bytes(scheme, bytes.length);
      const memory = spare !== undefined && spare.length >= needed ? spare : Buffer.allocUnsafeSlow(needed);
      spare = undefined;
      const steps = coder.coding(bytes, scheme, memory);
      let step = await piece(async () => steps.next());
      while (step.done !== true) step = await piece(async () => steps.next());
      const coded = step.value;
      if (!coded.ok) return coded;
      const { id, sizeBytes, shards } = coded.value;
      try {
        const put = await Promise.all(
          shards.map((shard, number) => piece(() => (stores[number] as BlobStore).put(once(shard)))),
        );
        const named = put.map(({ hash, size }, index) => ({ index, hash, sizeBytes: size }));
        // After a failure some store may still be reading it.
        spare = memory;
        return ok({ id, group: folderGroup, scheme, sizeBytes, shards: named });
      } catch (error) {
        return refused(failureOf(error));
      }
    },
    async read(ref, into) {
      const memory = spareRead.pop() ?? [];
      const had = new Map<string, Uint8Array>();
      const uncompared = (at: number) => async (store: BlobStore, hash: string) => {
        const bytes = await store.uncompared(hash, memory[at]);
        if (bytes.length > (memory[at]?.length ?? 0)) memory[at] = bufferOf(bytes);
        had.set(hash, bytes);
        return bytes;
      };
      // What they are is compared once, with the stripe's id.
      let read = coder.read(ref, await enoughOf(ref, uncompared), into);
      // Some are damaged, then: each is compared with its name, and those that are well are not read again.
      if (!read.ok) {
        const well = new Map([...had].filter(([hash, bytes]) => hashOf(bytes) === hash));
        const whole = async (store: BlobStore, hash: string) => well.get(hash) ?? store.whole(hash);
        read = coder.read(ref, await enoughOf(ref, () => whole), into);
      }
      if (spareRead.length < readsKept) spareRead.push(memory);
      return read;
    },
    // What was put stays: nothing here expires.
    keep: async () => ok(null),
    async release({ shards }) {
      try {
        for (const { index, hash } of shards) await stores[index]?.delete(hash);
        return ok(null);
      } catch (error) {
        return refused(failureOf(error));
      }
    },
    ...(stores.length === 1 && { stored: storedIn(stores[0] as BlobStore) }),
    async inspect(ref, deep = false) {
      const states = [];
      for (const { index, hash } of ref.shards) {
        const state = await (deep ? piece(() => compared(stores[index], hash)) : found(stores[index], hash));
        states.push({ index, hash, state });
      }
      const { id, group } = ref;
      const well = states.filter(({ state }) => state === "well").length;
      return ok({ id, group, scheme: ref.scheme, shards: states, enough: shardsOf(ref.scheme).enough, well });
    },
  };
}

/** What lies in a folder: shards under the names of their bytes. */
const storedIn = (store: BlobStore): StoredFiles => ({
  async list() {
    const all: StoredFile[] = [];
    for (let page = await store.list(); page.length > 0; page = await store.list(page.at(-1)?.hash))
      all.push(...page.map(({ hash, size }) => ({ name: hash, bytes: size })));
    return all;
  },
  namesOf: ({ id, shards }) => [id, ...shards.map(({ hash }) => hash)],
  remove: ({ name }) => store.delete(name),
});

/** Stripes by their ids, as copies have them: one file each, whatever scheme the original has. What is not there
 *  `others` may have. */
export function createCopiedStripes(store: BlobStore, others: BackupStripes): BackupStripes {
  return {
    ...others,
    async read(ref, memory) {
      if ((await store.has(ref.id)) === undefined) return others.read(ref, memory);
      const pieces: Uint8Array[] = [];
      try {
        for await (const piece of (await store.open(ref.id)).bytes) pieces.push(new Uint8Array(piece));
        return ok(Buffer.concat(pieces));
      } catch (error) {
        return refused(failureOf(error));
      }
    },
    async release(ref, owner) {
      await store.delete(ref.id);
      return others.release(ref, owner);
    },
    async inspect(ref, deep = false) {
      if ((await store.has(ref.id)) === undefined) return others.inspect(ref, deep);
      const isWell = !deep || (await store.check(ref.id).catch(() => false));
      const { id, group } = ref;
      const shards = [{ index: 0, hash: id, state: isWell ? ("well" as const) : ("damaged" as const) }];
      return ok({ id, group, scheme: { type: "copies", copies: 1 }, shards, enough: 1, well: isWell ? 1 : 0 });
    },
  };
}

/** Where copies of stripes and heads are written. */
export function createCopyTarget(store: BlobStore, files: Files): CopyTarget {
  return {
    has: async ({ id }) => (await store.has(id)) !== undefined,
    async put({ id }, bytes) {
      await store.put(once(bytes), { expected: id });
    },
    async commit(head, number) {
      const newest = Math.max(0, ...(await headNumbers(files)));
      if (newest > number) {
        const reason =
          `the folder has head ${newest}, and the backups to copy have only ${number}: those backups are older, ` +
          "or other ones";
        throw new PlexusError(failure("BAD_REQUEST", { field: "folder", reason }));
      }
      if (newest < number) await writeHeadFile(files, { number, bytes: head });
    },
  };
}

/** Heads in folders, each one in all of them. The newest that any has counts. One process writes at a time: who lets
 *  several write has something that compares and sets (the directory). */
export function createFolderHeads(folders: readonly Files[]): Heads {
  const newest = async (): Promise<number> => Math.max(0, ...(await Promise.all(folders.map(headNumbers))).flat());
  const read = async (): Promise<Uint8Array | undefined> => {
    const number = await newest();
    for (const files of folders) {
      const bytes = number === 0 ? undefined : await readHeadFile(files, number, headFormat.bytesMax);
      if (bytes !== undefined) return bytes;
    }
    return undefined;
  };
  return {
    read,
    losses: {
      async read() {
        for (const files of folders) {
          const bytes = await readLossesFile(files, headFormat.bytesMax);
          if (bytes !== undefined) return knownLossesIn(bytes);
        }
        return noLosses;
      },
      async write(losses) {
        for (const files of folders) await writeLossesFile(files, Buffer.from(`${JSON.stringify(losses)}\n`));
      },
    },
    async commit(head, number) {
      const there = await newest();
      // One that another attempt has brought to some folders is brought to the others.
      const isSame = there === number && (await read())?.every((byte, at) => byte === head[at]) === true;
      if (there !== number - 1 && !isSame) return false;
      for (const files of folders) await writeHeadFile(files, { number, bytes: head });
      return true;
    },
    leaving: {
      // Any folder's word counts: it was written before anything went.
      read: async () => [...new Set((await Promise.all(folders.map(readLeaving))).flat())],
      async write(numbers) {
        for (const files of folders) await writeLeaving(files, numbers);
      },
      async end() {
        for (const files of folders) await endLeaving(files);
      },
    },
  };
}

/** What a copy of heads in folders is told, and what it refuses with when it lacks a folder. Error: BAD_REQUEST. */
export const folderScheme = (folders: number): Result<Scheme> =>
  folders < 1
    ? refused(failure("BAD_REQUEST", { field: "folders", reason: "at least one folder" }))
    : ok(folders < 4 ? { type: "copies", copies: folders } : { type: "rs", k: folders - 2, m: 2 });
