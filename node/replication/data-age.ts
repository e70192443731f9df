/** Whether what a data folder has is what its node had last. A copy of it from before lacks what was acknowledged
 *  since, and that must not be forgotten before its slots were made anew from others, however often the process
 *  starts. */
import { failureOf, type SlotId } from "../../protocols/index.ts";
import type { Log, NodeId } from "../ports/index.ts";
import type { Journal } from "../storage/index.ts";

/** What the folder knows, and keeps. */
export interface DataAge {
  /** The incarnation that the folder knows of. */
  readonly known: number;
  /** Slots that were found to be from before, and are still to be made anew. */
  readonly distrusted: readonly SlotId[];
  remember(incarnation: number, distrusted: readonly SlotId[]): Promise<void>;
}

const folderIsOld =
  "this data folder is older than the node's last run; see docs/operate/disk.md, An older data folder";

/** Judges the folder when its node joins, and follows what is made anew. */
export class AgeCheck {
  readonly #ports: { readonly node: NodeId; readonly journal: Pick<Journal, "slots">; readonly log: Log };
  readonly #age: DataAge | undefined;
  readonly #distrusted: Set<SlotId>;
  #known: number;

  /** Without `age` nothing is checked. */
  constructor(
    age: DataAge | undefined,
    ports: { readonly node: NodeId; readonly journal: Pick<Journal, "slots">; readonly log: Log },
  ) {
    this.#age = age;
    this.#ports = ports;
    this.#known = age?.known ?? Infinity;
    this.#distrusted = new Set(age?.distrusted);
  }

  /** The node is about to have incarnation `next`; the directory says that it had `last`. Only when that is judged and
   *  kept, slots may be served. Rejects when it cannot be kept. */
  async starting(
    { next, last }: { readonly next: number; readonly last: number },
    replication: { distrust(slots: Iterable<SlotId>, reason: string): void; allow(): void },
  ): Promise<void> {
    const { node, journal, log } = this.#ports;
    if (last > this.#known) {
      log.error("node.folder.old", { node, known: this.#known, last });
      for (const slot of await journal.slots()) this.#distrusted.add(slot);
    }
    replication.distrust(this.#distrusted, folderIsOld);
    await this.#age?.remember(next, [...this.#distrusted]);
    // An attempt whose answer is lost is made again, and finds what it wrote.
    this.#known = Math.max(this.#known, next);
    replication.allow();
  }

  /** A slot's old copy is gone. */
  discarded(slot: SlotId): void {
    if (!this.#distrusted.delete(slot)) return;
    this.#age?.remember(this.#known, [...this.#distrusted]).catch((error: unknown) => {
      this.#ports.log.warn("node.home.unwritten", { failure: failureOf(error) });
    });
  }
}
