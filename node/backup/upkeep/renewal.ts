/** Making anew what keys have encrypted that may be in the wrong hands: units of such epochs are read from where they
 *  lie, sealed with the keys of now, and put in the place of what they were. It needs no journal, so what is no longer
 *  in one is made anew, too. A unit whose tenant's keys were erased is nobody's any more, and goes. */
import { failureOf } from "../../../protocols/index.ts";
import {
  contextOfUnit,
  SharedMemory,
  SharedPieces,
  tenantOf,
  type Snapshot,
  type UnitEntry,
} from "../../../runtimes/backup/index.ts";
import { Packer } from "../format/packer.ts";
import { openWhole, PackCache } from "../format/packs.ts";
import type { BackupPorts } from "../ports.ts";
import type { Repository } from "../repository.ts";
import { unitsOf, walkTree, type Tree, type UnitChange } from "../format/tree.ts";

/** What a renewal came to. */
interface RenewalReport {
  readonly renewed: number;
  /** Their tenants' keys were erased. */
  readonly dropped: number;
  /** They could not be read, and stay as they are. */
  readonly left: number;
}

/** A snapshot that is being made. */
interface Draft {
  readonly tree: Tree;
  change(changes: readonly UnitChange[]): Promise<void>;
}

/** Makes the units of a draft anew that are of the epochs in `ports.keys.anew`. Errors: CANCELLED, those of storing. */
export async function renewUnits(
  ports: BackupPorts,
  repository: Repository,
  draft: Draft,
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
  /** Units of one actor that are sealed as one; or one that is sealed alone. */
  const renew = async (units: readonly [UnitEntry, ...UnitEntry[]]): Promise<void> => {
    const [entry] = units;
    const { name } = entry;
    let plain: Uint8Array;
    try {
      plain = await openWhole(ports, packs, entry);
    } catch (error) {
      const { code, details } = failureOf(error);
      // An epoch's key that this node lacks comes back; a tenant's does not.
      const isErased = code === "KEY_MISSING" && details?.["tenant"] !== undefined;
      if (isErased) for (const unit of units) changes.push({ type: "drop", name: unit.name });
      report[isErased ? "dropped" : "left"] += units.length;
      return;
    }
    await keys.ensure([tenantOf(name)]);
    const contents = SharedPieces.of([plain]).joined;
    const room = new SharedMemory(plain.length).all;
    const { epoch } = keys;
    const names = [contextOfUnit(entry)];
    const made = await sealer.seal({ names, contents, room, epoch, fragments: limits.fragments });
    const [sealed] = made.sealed;
    if (sealed === undefined) return;
    const { id, key } = sealed;
    const sealedKey = keys.seal({ tenant: tenantOf(name), unit: id, epoch }, key);
    await packer.add(made.fragments, (fragments) => {
      for (const unit of units) changes.push({ type: "put", entry: { ...unit, id, epoch, sealedKey, fragments } });
    });
    report.renewed += units.length;
    await options.pace(plain.length);
  };
  /** Those of one actor follow one another, and so those that are sealed as one are among them. */
  let actor: UnitEntry[] = [];
  const renewActor = async (): Promise<void> => {
    const wholes = Map.groupBy(actor, ({ id }) => id).values();
    actor = [];
    for (const units of wholes) await renew(units as [UnitEntry, ...UnitEntry[]]);
  };
  // The tree as it is now: what is changed meanwhile are other nodes.
  for await (const entry of unitsOf(repository, draft.tree)) {
    options.signal.throwIfAborted();
    const before = actor[0]?.name;
    const isOther = before?.thread !== entry.name.thread || before.person !== entry.name.person;
    if (isOther || actor.length >= limits.changesMax) await renewActor();
    if (epochs.has(entry.epoch)) actor.push(entry);
    if (changes.length >= limits.changesMax) await give();
  }
  await renewActor();
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
