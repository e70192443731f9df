/** The keys of epochs that lie on a node's own disk, wrapped by its disk's key.
 *
 *      meta/epoch-keys   { keys: [epoch, sealed][] }
 *
 *  A key lies here before its epoch is published, and another node may be the one that publishes this epoch. So there
 *  can be several of one epoch, and only the one that the published record commits to is ever used. */
import { failure, PlexusError } from "../../protocols/index.ts";
import { seal as withChecksum, unseal as withoutChecksum } from "../data-folder/seal.ts";
import type { Log, Store } from "../ports/index.ts";
import { contextBytes } from "./cipher.ts";
import type { DiskKey } from "./disk-key.ts";
import { isKeyOf, type EpochRecord } from "./epochs.ts";
import { keyLimits } from "./limits.ts";
import type { EpochKeys } from "./units.ts";

/** Where the store has them. */
export const epochKeysRow = "meta/epoch-keys";

/** What the key of an epoch is sealed for, at a node or to one. */
export const nodeContext = (cluster: string, epoch: number): readonly (string | number)[] => [
  "epoch key of a node",
  cluster,
  epoch,
];

/** Where the key of the disk comes from. */
export interface DiskKeySource {
  /** Undefined: there is none. */
  read(): Promise<DiskKey | undefined>;
  /** Makes one. Error: KEY_MISSING (there was one, and it can be had again). */
  make(): Promise<DiskKey>;
}

type Keyed = readonly [epoch: number, key: Uint8Array];

interface OwnKeys {
  /** Those that the records commit to. An epoch that lacks is to be taken from another node, or from the kit. */
  of(records: readonly EpochRecord[]): Promise<EpochKeys>;
  /** They are on the disk when it resolves. `anew`: every key that was here is among them, so a lost disk key may be
   *  replaced. Error: KEY_MISSING (the disk's). */
  remember(added: readonly Keyed[], options?: { readonly anew: boolean }): Promise<void>;
}

/** `closed` are those that the disk's key does not open. They stay as they are: the right key may come back. */
interface Content {
  readonly keys: readonly Keyed[];
  readonly closed: readonly Keyed[];
}

/** Whether a disk's key opens all keys of epochs that lie in a store; true where none lies there. */
export async function opensEpochKeys(store: Store, cluster: string, disk: DiskKey | undefined): Promise<boolean> {
  const bytes = await store.get(epochKeysRow);
  if (bytes === undefined) return true;
  const { keys } = withoutChecksum(epochKeysRow, bytes, store.location) as { keys: readonly Keyed[] };
  return keys.every(
    ([epoch, sealed]) => disk?.keys.open(sealed, contextBytes(nodeContext(cluster, epoch))) !== undefined,
  );
}

export function createOwnKeys(ports: {
  readonly cluster: string;
  readonly store: Store;
  readonly diskKey: DiskKeySource;
  readonly log: Log;
}): OwnKeys {
  const { store, diskKey, log } = ports;
  const context = (epoch: number): Uint8Array => contextBytes(nodeContext(ports.cluster, epoch));
  let content: Content | undefined;
  let told = "";

  const read = async (): Promise<Content> => {
    if (content !== undefined) return content;
    const bytes = await store.get(epochKeysRow);
    const rows = bytes && (withoutChecksum(epochKeysRow, bytes, store.location) as { keys: readonly Keyed[] }).keys;
    if (rows === undefined) return { keys: [], closed: [] };
    const disk = await diskKey.read();
    const opened = rows.map(([epoch, sealed]) => [epoch, disk?.keys.open(sealed, context(epoch))] as const);
    const found = {
      keys: opened.flatMap(([epoch, key]) => (key === undefined ? [] : [[epoch, key] as const])),
      closed: rows.filter((_, at) => opened[at]![1] === undefined),
    };
    if (found.closed.length === 0) content = found;
    const epochs = [...new Set(found.closed.map(([epoch]) => epoch))];
    if (epochs.join() !== told && epochs.length > 0)
      log.error("keys.closed", {
        epochs,
        reason: disk === undefined ? "there is no disk key" : "it is another disk key",
      });
    told = epochs.join();
    return found;
  };

  const add = async (added: readonly Keyed[], isAnew: boolean): Promise<void> => {
    const { keys, closed } = await read();
    const isFirst = keys.length + closed.length === 0;
    const disk = (await diskKey.read()) ?? (isFirst || isAnew ? await diskKey.make() : undefined);
    if (disk === undefined)
      throw new PlexusError(failure("KEY_MISSING", { reason: "the key of the disk is not where it was" }));
    const isAdded = ([epoch, key]: Keyed): boolean =>
      added.some(([of, other]) => of === epoch && Buffer.from(other).equals(key));
    const all = [...keys.filter((one) => !isAdded(one)), ...added];
    const kept = [...Map.groupBy(all, ([epoch]) => epoch).values()].flatMap((same) =>
      same.slice(-keyLimits.keysPerEpochMax),
    );
    const left = closed.filter(([epoch]) => !kept.some(([of]) => of === epoch));
    const rows = [...left, ...kept.map(([epoch, key]) => [epoch, disk.keys.seal(key, context(epoch))] as const)];
    await store.batch([{ type: "put", key: epochKeysRow, value: withChecksum(epochKeysRow, { keys: rows }) }], {
      sync: true,
    });
    content = left.length === 0 ? { keys: kept, closed: [] } : undefined;
  };

  // One after the other: what is read must not be older than what was written meanwhile.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
  return {
    async of(records) {
      const { keys } = await inTurn(read);
      return new Map(
        keys.filter(([epoch, key]) => records.some((record) => record.epoch === epoch && isKeyOf(record, key))),
      );
    },
    remember: (added, { anew } = { anew: false }) => inTurn(() => add(added, anew)),
  };
}
