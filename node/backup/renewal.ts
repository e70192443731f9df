/** Making anew what keys have encrypted that may be in the wrong hands: units of such epochs are read from where they lie, sealed with the keys of
 *  now, and put in the place of what they were. It needs no journal, so what is no longer in one is made anew, too. A unit whose tenant's keys were
 *  erased is nobody's any more, and goes. */
import { failureOf } from "../../protocols/index.ts";
import { SharedMemory, SharedPieces, tenantOf, type Snapshot, type UnitEntry } from "../../runtimes/backup/index.ts";
import { Packer } from "./packer.ts";
import { openUnitOf, PackCache } from "./packs.ts";
import type { BackupPorts } from "./ports.ts";
import type { Repository } from "./repository.ts";
import type { SnapshotDraft } from "./run.ts";
import { unitsOf, walkTree, type UnitChange } from "./tree.ts";

/** What a renewal came to. */
export interface RenewalReport {
  readonly renewed: number;
  /** Their tenants' keys were erased. */
  readonly dropped: number;
  /** They could not be read, and stay as they are. */
  readonly left: number;
}

/** Makes the units of a draft anew that are of the epochs in `ports.keys.anew`. Errors: CANCELLED, those of storing. */
export async function renewUnits(
  ports: BackupPorts,
  repository: Repository,
  draft: Pick<SnapshotDraft, "tree" | "change">,
  options: { readonly signal: AbortSignal; pace(bytes: number): Promise<void> },
): Promise<RenewalReport> {
  const report = { renewed: 0, dropped: 0, left: 0 };
  const { keys, limits, sealer } = ports;
  const epochs = keys.anew;
  if (epochs === undefined || epochs.size === 0) return report;
  const changes: UnitChange[] = [];
  const packer = new Packer(ports, (bytes) => repository.put(bytes, "pack"));
  const packs = new PackCache(repository, limits.packsKept);
  const give = async (): Promise<void> => {
    if (changes.length > 0) await draft.change(changes.splice(0));
  };
  const renew = async (entry: UnitEntry): Promise<void> => {
    const { name } = entry;
    let plain: Uint8Array;
    try {
      plain = await openUnitOf(ports, packs, entry);
    } catch (error) {
      const { code, details } = failureOf(error);
      // An epoch's key that this node lacks comes back; a tenant's does not.
      const isErased = code === "KEY_MISSING" && details?.["tenant"] !== undefined;
      if (isErased) changes.push({ type: "drop", name });
      report[isErased ? "dropped" : "left"] += 1;
      return;
    }
    await keys.ensure([tenantOf(name)]);
    const contents = SharedPieces.of([plain]).joined;
    const room = new SharedMemory(plain.length).all;
    const made = await sealer.seal({ names: [name], contents, room, epoch: keys.epoch, fragments: limits.fragments });
    const sealed = made.answers[0]?.units[0]?.sealed;
    if (sealed === undefined) return;
    const sealedKey = keys.seal({ tenant: tenantOf(name), unit: sealed.id, epoch: keys.epoch }, sealed.key);
    const { id } = sealed;
    await packer.add(made.fragments, (fragments) => {
      changes.push({ type: "put", entry: { ...entry, id, epoch: keys.epoch, sealedKey, fragments } });
    });
    report.renewed += 1;
    await options.pace(entry.bytes);
  };
  // The tree as it is now: what is changed meanwhile are other nodes.
  for await (const entry of unitsOf(repository, draft.tree)) {
    options.signal.throwIfAborted();
    if (epochs.has(entry.epoch)) await renew(entry);
    if (changes.length >= limits.changesMax) await give();
  }
  await packer.finish();
  await give();
  return report;
}

/** How many units of some epochs snapshots refer to, by epoch. Errors: those of reading the tree. */
async function unitsOfEpochs(
  repository: Repository,
  snapshots: readonly Snapshot[],
  epochs: ReadonlySet<number>,
): Promise<ReadonlyMap<number, number>> {
  const counts = new Map([...epochs].map((epoch) => [epoch, 0]));
  const seen = new Set<string>();
  for (const { root } of snapshots) {
    if (root === null) continue;
    await walkTree(repository, root, {
      skip: ({ stripe }) => seen.has(stripe.id),
      node({ stripe }, node) {
        seen.add(stripe.id);
        if (!("units" in node)) return;
        for (const { epoch } of node.units) {
          const count = counts.get(epoch);
          if (count !== undefined) counts.set(epoch, count + 1);
        }
      },
    });
  }
  return counts;
}

/** Tells how many units of epochs that are to be made anew the snapshots at some place refer to. */
export async function countAnew(ports: BackupPorts, repository: Repository, place: string): Promise<void> {
  const { keys, log } = ports;
  if (keys.anew === undefined || keys.anew.size === 0) return;
  try {
    const { snapshots } = await repository.state();
    await keys.counted?.(place, await unitsOfEpochs(repository, snapshots, keys.anew));
  } catch (error) {
    // What was done is done; the next run counts again.
    log.warn("backup.uncounted", { place, error });
  }
}
