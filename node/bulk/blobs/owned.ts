/** Blobs on this node's disk, and for which actors they are there.
 *
 *  For each blob and actor there is a row in the node's store, `<prefix><hash>/<actor>`, on the disk before the blob
 *  is. So there is no blob without a row, and what a row is for can always be asked. Of one blob one thing happens at a
 *  time. */
import { failure, PlexusError, type ActorId } from "../../../protocols/index.ts";
import { turnsByKey } from "../../../runtimes/turns.ts";
import { seal, unseal } from "../../data-folder/seal.ts";
import type { BlobHash, BlobStore, Clock, OwnedBlobs, Pair, Reference, Store } from "../../ports/index.ts";

const rowsInPage = 1_000;

interface Kept extends Reference {
  /** As the row has it. */
  readonly storedMs: number;
}

/** Reads the rows. Errors: the system's, DATA_DAMAGED. */
export async function openOwnedBlobs(options: {
  readonly blobs: BlobStore;
  readonly store: Store;
  readonly clock: Clock;
  /** Of the rows; ends in `/`. */
  readonly prefix: string;
  readonly limits: {
    /** Pairs of blob and actor; one more is refused with `LIMIT_REACHED`. */
    readonly referencesMax: number;
    /** What is not referred to for so long may be dropped: times are stored often enough for that. */
    readonly graceMs: number;
  };
}): Promise<OwnedBlobs> {
  const { blobs, store, clock, prefix, limits } = options;
  const references = new Map<BlobHash, Map<ActorId, Kept>>();
  const byActor = new Map<ActorId, Set<BlobHash>>();
  let rows = 0;

  const rowKey = ([hash, actor]: Pair): string => `${prefix}${hash}/${actor}`;
  const end = `${prefix.slice(0, -1)}0`;
  for (let after = prefix; ;) {
    const page = await store.range({ gte: after, lt: end, limit: rowsInPage });
    for (const [key, value] of page) {
      const [hash = "", ...actor] = key.slice(prefix.length).split("/");
      const { atMs } = unseal(key, value, store.location) as { readonly atMs: number };
      refer([hash, actor.join("/") as ActorId], { atMs, storedMs: atMs });
    }
    const last = page.at(-1);
    if (last === undefined || page.length < rowsInPage) break;
    after = `${last[0]}!`;
  }

  function refer([hash, actor]: Pair, reference: Kept): void {
    const known = references.get(hash) ?? new Map<ActorId, Kept>();
    if (!known.has(actor)) rows += 1;
    references.set(hash, known.set(actor, reference));
    const hashes = byActor.get(actor) ?? new Set<BlobHash>();
    byActor.set(actor, hashes.add(hash));
  }

  function forget([hash, actor]: Pair): void {
    const known = references.get(hash);
    if (known?.delete(actor) !== true) return;
    rows -= 1;
    if (known.size === 0) references.delete(hash);
    const hashes = byActor.get(actor);
    hashes?.delete(hash);
    if (hashes?.size === 0) byActor.delete(actor);
  }

  /** One thing happens to a blob at a time: a delete must not meet a put. */
  const inTurn = turnsByKey<BlobHash>();

  const writeRow = (pair: Pair, atMs: number): Promise<void> => {
    const key = rowKey(pair);
    return store.batch([{ type: "put", key, value: seal(key, { atMs }) }], { sync: true });
  };

  /** Errors: LIMIT_REACHED, DISK_FULL. */
  function admit([hash, actor]: Pair): void {
    if (rows >= limits.referencesMax && references.get(hash)?.has(actor) !== true)
      throw new PlexusError(failure("LIMIT_REACHED", { limit: "referencesMax" }));
    if (store.isFull?.() === true) throw new PlexusError(failure("DISK_FULL"));
  }

  /** Writes that a blob is here, or comes now, for an actor. */
  async function note(pair: Pair): Promise<void> {
    const nowMs = clock.nowMs();
    await writeRow(pair, nowMs);
    refer(pair, { atMs: nowMs, storedMs: nowMs });
  }

  return {
    blobs,
    get size() {
      return rows;
    },
    pairs: () => [...references].flatMap(([hash, actors]) => [...actors.keys()].map((actor): Pair => [hash, actor])),
    of: (actor) => [...(byActor.get(actor) ?? [])],
    actors: () => [...byActor.keys()],
    isFor: (hash, actor) => references.get(hash)?.has(actor) ?? false,
    has: (hash) => references.has(hash),
    reference: ([hash, actor]) => references.get(hash)?.get(actor),
    take: (pair, stream, bytesMax) =>
      inTurn(pair[0], async () => {
        admit(pair);
        await note(pair);
        await blobs.put(stream, { expected: pair[0], bytesMax });
      }),
    takeHashed: (actor, blob) =>
      inTurn(blob.hash, async () => {
        admit([blob.hash, actor]);
        // The disk takes both at once; the row is on it before the blob has its name.
        const noted = note([blob.hash, actor]);
        try {
          await blobs.putHashed(blob, noted);
        } finally {
          await noted.catch(() => undefined);
        }
      }),
    adopt: ([hash, actor]) =>
      inTurn(hash, async () => {
        if ((await blobs.has(hash)) === undefined || !(await blobs.check(hash))) return false;
        await note([hash, actor]);
        return true;
      }),
    seen: (pair) =>
      inTurn(pair[0], async () => {
        const known = references.get(pair[0])?.get(pair[1]);
        if (known === undefined) return false;
        const atMs = clock.nowMs();
        // Else a node that starts again would count the grace from when the blob was put.
        const isStored = atMs - known.storedMs <= limits.graceMs / 2;
        refer(pair, { atMs, storedMs: isStored ? known.storedMs : atMs });
        if (!isStored) await writeRow(pair, atMs);
        return true;
      }),
    drop: (pair, reference) =>
      inTurn(pair[0], async () => {
        const [hash, actor] = pair;
        const known = references.get(hash);
        if (known?.get(actor) !== reference) return false;
        // The row goes last: a blob without one would never be asked for again.
        if (known.size === 1) await blobs.delete(hash);
        await store.batch([{ type: "del", key: rowKey(pair) }], { sync: false });
        forget(pair);
        return true;
      }),
  };
}
