/** A part list: what one node made of slots that it owns, as the node that makes the snapshot gets it. Where it is and
 *  its key, sealed, are all that goes over the mesh and into the task's checkpoint. */
import type { StripeRef } from "../../../protocols/index.ts";
import {
  partFormat,
  readChanges,
  readPartList,
  writeChanges,
  writePartList,
  type Cursor,
  type NodeLink,
  type UnitEntry,
  type UnitName,
} from "../../../runtimes/backup/index.ts";
import type { BackupKeys, BackupPorts } from "../ports.ts";
import { catalogTenant, type Repository } from "../repository.ts";
import { lastChanges, type UnitChange } from "./tree.ts";

/** Where a list is, and what opens it for a node with the keys of its epoch. */
export interface SealedList {
  readonly stripe: StripeRef;
  readonly sealedKey: Uint8Array;
  readonly epoch: number;
}

/** What it is sealed for. */
interface PartName {
  readonly task: string;
  readonly turn: number;
  readonly part: string;
}

const contextOf = ({ task, turn, part }: PartName, epoch: number): Parameters<BackupKeys["seal"]>[0] => ({
  tenant: catalogTenant,
  unit: `part ${task} ${turn} ${part}`,
  epoch,
});

/** Writes a list while its part is made. */
export class PartListWriter {
  readonly #repository: Repository;
  readonly #links: NodeLink[] = [];
  #waiting: UnitChange[] = [];

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** Takes changes in their order. */
  async add(changes: readonly UnitChange[]): Promise<void> {
    for (const change of changes) {
      this.#waiting.push(change);
      if (this.#waiting.length >= partFormat.entriesMax) await this.#write();
    }
  }

  async #write(): Promise<void> {
    const units: UnitEntry[] = [];
    const gone: UnitName[] = [];
    for (const change of lastChanges(this.#waiting.splice(0))) {
      if (change.type === "put") units.push(change.entry);
      else gone.push(change.name);
    }
    this.#links.push(await this.#repository.saveNode(writeChanges({ units, gone }), "changes"));
  }

  /** Ends the list. */
  async finish(
    { keys }: Pick<BackupPorts, "keys">,
    name: PartName,
    cursors: ReadonlyMap<string, Cursor>,
  ): Promise<SealedList> {
    if (this.#waiting.length > 0) await this.#write();
    const { stripe, key } = await this.#repository.saveNode(writePartList({ cursors, changes: this.#links }), "part");
    await keys.ensure([catalogTenant]);
    return { stripe, sealedKey: keys.seal(contextOf(name, keys.epoch), key), epoch: keys.epoch };
  }
}

/** A list as its reader has it. */
export interface OpenedList {
  readonly cursors: ReadonlyMap<string, Cursor>;
  /** The stripes of the list itself. */
  readonly own: readonly StripeRef[];
  /** The changes, some at a time. Errors: BACKUP_DAMAGED, those of stripes. */
  changes(): AsyncGenerator<readonly UnitChange[]>;
}

/** Errors: BACKUP_DAMAGED, KEY_MISSING, KEY_REFUSED, those of stripes. */
export async function openPartList(
  { keys, cluster }: Pick<BackupPorts, "keys" | "cluster">,
  repository: Repository,
  name: PartName,
  { stripe, sealedKey, epoch }: SealedList,
): Promise<OpenedList> {
  const key = keys.open(contextOf(name, epoch), sealedKey);
  const list = readPartList(await repository.loadNode({ stripe, key }, "part"));
  return {
    cursors: list.cursors,
    own: [stripe, ...list.changes.map((link) => link.stripe)],
    async *changes() {
      for (const link of list.changes) {
        const { units, gone } = readChanges(await repository.loadNode(link, "changes"), cluster);
        yield [
          ...units.map((entry): UnitChange => ({ type: "put", entry })),
          ...gone.map((unit): UnitChange => ({ type: "drop", name: unit })),
        ];
      }
    },
  };
}
