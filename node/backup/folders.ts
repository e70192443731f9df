/** Stripes in folders: each folder holds a shard of each stripe, like a holder of a group. So a backup in one folder, or on several disks, is the
 *  same backup as one at the cluster's holders, and with several it stands the loss of some. */
import {
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  shardsOf,
  type Result,
  type Scheme,
  type StripeRef,
} from "../../protocols/index.ts";
import type { BlobStore, Files } from "../ports.ts";
import type { CopyTarget } from "./copying.ts";
import type { BackupStripes, Heads } from "./ports.ts";

/** Codes bytes into shards and back: as `node/shards/coding` does. */
export interface Coder {
  code(
    bytes: Uint8Array,
    scheme: Scheme,
    memory?: Buffer,
  ): Result<Pick<StripeRef, "id" | "scheme" | "sizeBytes"> & { readonly shards: readonly Uint8Array[] }>;
  /** The most that the shards of so many bytes take. */
  bytes(scheme: Scheme, stripeBytes: number): number;
  read(stripe: Pick<StripeRef, "id" | "scheme" | "sizeBytes">, shards: Iterable<Uint8Array>): Result<Uint8Array>;
}

/** The group that stripes in folders are of. */
export const folderGroup = "folders";

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Stripes of this scheme, a shard in each of the stores, whose number is the scheme's. */
export function createFolderStripes(stores: readonly BlobStore[], coder: Coder, scheme: Scheme): BackupStripes {
  const shardOf = async (number: number, hash: string): Promise<Uint8Array | undefined> => {
    try {
      const opened = await stores[number]?.open(hash, undefined, { reused: true });
      const shard = Buffer.allocUnsafe(opened?.size ?? 0);
      let end = 0;
      for await (const piece of opened?.bytes ?? []) {
        shard.set(piece, end);
        end += piece.length;
      }
      return shard;
    } catch (error) {
      const { code } = failureOf(error);
      if (code !== "NOT_FOUND" && code !== "DATA_DAMAGED") throw error;
      return undefined;
    }
  };
  /** Of the shards that were coded last: new memory for each stripe takes longer than to code it. */
  let spare: Buffer | undefined;
  return {
    async put(bytes) {
      const needed = coder.bytes(scheme, bytes.length);
      const memory = spare !== undefined && spare.length >= needed ? spare : Buffer.allocUnsafeSlow(needed);
      spare = undefined;
      const coded = coder.code(bytes, scheme, memory);
      if (!coded.ok) return coded;
      const { id, sizeBytes, shards } = coded.value;
      try {
        const put = await Promise.all(shards.map((shard, number) => (stores[number] as BlobStore).put(once(shard))));
        const named = put.map(({ hash, size }, index) => ({ index, hash, sizeBytes: size }));
        // After a failure some store may still be reading it.
        spare = memory;
        return ok({ id, group: folderGroup, scheme, sizeBytes, shards: named });
      } catch (error) {
        return refused(failureOf(error));
      }
    },
    async read(ref) {
      const enough = shardsOf(ref.scheme).enough;
      const shards: Uint8Array[] = [];
      for (const { index, hash } of ref.shards) {
        if (shards.length === enough) break;
        const shard = await shardOf(index, hash);
        if (shard !== undefined) shards.push(shard);
      }
      return coder.read(ref, shards);
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
    async inspect(ref, deep = false) {
      const states = [];
      for (const { index, hash } of ref.shards) {
        const store = stores[index];
        const there = (await store?.has(hash)) !== undefined;
        const well = there && (!deep || (await store?.check(hash).catch(() => false)) === true);
        states.push({
          index,
          hash,
          state: well ? ("well" as const) : there ? ("damaged" as const) : ("missing" as const),
        });
      }
      const { id, group } = ref;
      const well = states.filter(({ state }) => state === "well").length;
      return ok({ id, group, scheme: ref.scheme, shards: states, enough: shardsOf(ref.scheme).enough, well });
    },
  };
}

/** Stripes by their ids, as copies have them: one file each, whatever scheme the original has. What is not there `others` may have. */
export function createCopiedStripes(store: BlobStore, others: BackupStripes): BackupStripes {
  return {
    ...others,
    async read(ref) {
      if ((await store.has(ref.id)) === undefined) return others.read(ref);
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
      const newest = Math.max(0, ...(await numbersIn(files)));
      if (newest > number) {
        const reason = `the folder has head ${newest}, and the backups that are to be copied only ${number}: they are older, or others`;
        throw new PlexusError(failure("BAD_REQUEST", { field: "folder", reason }));
      }
      if (newest < number) await writeHead(files, head, number);
    },
  };
}

const headName = (number: number): string => `heads/${String(number).padStart(10, "0")}`;
const partial = "heads/partial";

const numbersIn = async (files: Files): Promise<readonly number[]> =>
  (await files.names("heads")).map(Number).filter((number) => Number.isSafeInteger(number) && number > 0);

async function writeHead(files: Files, head: Uint8Array, number: number): Promise<void> {
  await files.makeFolder("heads");
  await files.remove(partial);
  const file = await files.create(partial);
  try {
    await file.write(head);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(partial, headName(number));
  await files.sync("heads");
}

/** Heads in folders, each one in all of them. The newest that any has counts. One process writes at a time: who lets several write has
 *  something that compares and sets (the directory). */
export function createFolderHeads(folders: readonly Files[]): Heads {
  const newest = async (): Promise<number> => Math.max(0, ...(await Promise.all(folders.map(numbersIn))).flat());
  const read = async (): Promise<Uint8Array | undefined> => {
    const number = await newest();
    for (const files of folders) {
      const reader = number === 0 ? undefined : await files.open(headName(number));
      if (reader === undefined) continue;
      try {
        return await reader.read(0, reader.size);
      } finally {
        await reader.close();
      }
    }
    return undefined;
  };
  return {
    read,
    async commit(head, number) {
      const there = await newest();
      // One that another attempt has brought to some folders is brought to the others.
      const isSame = there === number && (await read())?.every((byte, at) => byte === head[at]) === true;
      if (there !== number - 1 && !isSame) return false;
      for (const files of folders) await writeHead(files, head, number);
      return true;
    },
  };
}

/** What a copy of heads in folders is told, and what it refuses with when it lacks a folder. Error: BAD_REQUEST. */
export const folderScheme = (folders: number): Result<Scheme> =>
  folders < 1
    ? refused(failure("BAD_REQUEST", { field: "folders", reason: "at least one folder" }))
    : ok(folders < 4 ? { type: "copies", copies: folders } : { type: "rs", k: folders - 2, m: 2 });
