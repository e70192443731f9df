/** Copies of backups elsewhere: every stripe that the head leads to, by the stripe's id, and the head last. So a copy
 *  has no scheme of its own and no shards, only bytes whose name says what they are; what is there already is not read
 *  again, and a copy that was broken off goes on.
 *
 *      head ─► catalog, trees, packs ─(not there yet)─► read, compared with their names, written ─► head: the commit */
import { failure, failureOf, PlexusError, type Failure, type StripeRef } from "../../../protocols/index.ts";
import { hashOfHead, type NodeLink, type StripeName } from "../../../runtimes/backup/index.ts";
import type { BackupPorts } from "../ports.ts";
import { valueOf, type Repository } from "../repository.ts";
import { walkTree } from "../format/tree.ts";

/** Where a copy is made. */
export interface CopyTarget {
  has(stripe: StripeName): Promise<boolean>;
  /** Errors: BAD_REQUEST (these bytes have another name), DISK_FULL; the system's. */
  put(stripe: StripeName, bytes: Uint8Array): Promise<void>;
  /** Takes the head of the original. Error: BAD_REQUEST (there is a newer one). */
  commit(head: Uint8Array, number: number): Promise<void>;
}

/** What a copy came to. */
interface CopyReport {
  /** The number of the head; 0: there is no backup to copy. */
  readonly head: number;
  readonly snapshots: number;
  readonly stripes: number;
  readonly copied: number;
  readonly copiedBytes: number;
  /** Stripes that the original does not give. The next copy asks for them again. */
  readonly lost: readonly { readonly stripe: string; readonly error: Failure }[];
}

interface CopyOptions {
  readonly signal: AbortSignal;
  readonly progress: (at: { readonly stripes: number; readonly copied: number; readonly bytes: number }) => void;
  readonly pace: (bytes: number) => Promise<void>;
}

/** What the original will not give the next time either, as far as is known now. */
const gone: ReadonlySet<string> = new Set(["STRIPE_LOST", "DATA_DAMAGED", "BACKUP_DAMAGED"]);

/** Copies all snapshots. Errors: BACKUP_CHANGED (a removal went on meanwhile), CANCELLED, those of reading and of the
 *  target. */
export async function copyBackups(
  ports: Pick<BackupPorts, "heads" | "stripes">,
  repository: Repository,
  target: CopyTarget,
  { signal, progress, pace }: CopyOptions,
): Promise<CopyReport> {
  const bytes = await ports.heads.read();
  const { head, snapshots } = await repository.state();
  if (bytes === undefined || head === undefined)
    return { head: 0, snapshots: 0, stripes: 0, copied: 0, copiedBytes: 0, lost: [] };
  if (hashOfHead(bytes) !== head.hash) throw new PlexusError(failure("BACKUP_CHANGED"));
  const seen = new Set<string>();
  const lost: { stripe: string; error: Failure }[] = [];
  let [copied, copiedBytes] = [0, 0];
  const copy = async (stripe: StripeName): Promise<void> => {
    if (seen.has(stripe.id)) return;
    seen.add(stripe.id);
    signal.throwIfAborted();
    if (!(await target.has(stripe))) {
      const read = await ports.stripes.read(stripe as StripeRef);
      if (!read.ok && gone.has(read.error.code)) return void lost.push({ stripe: stripe.id, error: read.error });
      await target.put(stripe, valueOf(read));
      copied += 1;
      copiedBytes += stripe.sizeBytes;
      await pace(stripe.sizeBytes);
    }
    progress({ stripes: seen.size, copied, bytes: copiedBytes });
  };
  await copy(head.catalog.stripe);
  for (const { root, cursors } of snapshots) {
    await copy(cursors.stripe);
    if (root === null) continue;
    await walkTree(repository, root, {
      skip: ({ stripe }: NodeLink) => seen.has(stripe.id),
      async node({ stripe }, node) {
        await copy(stripe);
        if ("units" in node)
          for (const { fragments } of node.units) for (const place of fragments) await copy(place.stripe);
      },
      lost: ({ stripe }, error) => {
        const why = failureOf(error);
        if (!gone.has(why.code)) throw error;
        seen.add(stripe.id);
        lost.push({ stripe: stripe.id, error: why });
      },
    });
  }
  // What a removal took meanwhile is lost here, and needed by nobody.
  const now = await ports.heads.read();
  if (lost.length > 0 && (now === undefined || hashOfHead(now) !== head.hash))
    throw new PlexusError(failure("BACKUP_CHANGED"));
  await target.commit(bytes, head.number);
  return { head: head.number, snapshots: snapshots.length, stripes: seen.size, copied, copiedBytes, lost };
}
