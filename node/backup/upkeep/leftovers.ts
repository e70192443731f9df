/** What killed runs and removals have left where one writer puts files: nobody wrote down that it is there, and no head
 *  leads to it.
 *
 *      list ─► head ─► all that its snapshots lead to ─► what was listed and is not of that goes, if the head stays
 *
 *  The list comes first: what a run puts there meanwhile is not on it. Nothing goes where anything of the manifest
 *  cannot be read: that might refer to all of it. */
import { failure, PlexusError } from "../../../protocols/index.ts";
import { hashOfHead, type StripeName } from "../../../runtimes/backup/index.ts";
import type { BackupPorts, StoredFile } from "../ports.ts";

type At = Pick<BackupPorts, "stripes" | "heads">;

/** What was listed and belongs to none of these stripes. */
export function leftIn(
  { stripes: { stored } }: At,
  listed: readonly StoredFile[],
  known: Iterable<StripeName>,
): readonly StoredFile[] {
  if (stored === undefined) return [];
  const names = new Set<string>();
  for (const stripe of known) for (const name of stored.namesOf(stripe)) names.add(name);
  return listed.filter(({ name }) => !names.has(name));
}

/** Removes leftovers that were found while this was the head. Errors: BACKUP_CHANGED (it is not any more), CANCELLED,
 *  the system's. */
export async function removeLeft(
  { stripes: { stored }, heads }: At,
  left: readonly StoredFile[],
  { headHash, signal }: { readonly headHash: string | undefined; readonly signal: AbortSignal },
): Promise<void> {
  if (stored === undefined || left.length === 0) return;
  const bytes = await heads.read();
  if ((bytes && hashOfHead(bytes)) !== headHash) throw new PlexusError(failure("BACKUP_CHANGED"));
  for (const file of left) {
    signal.throwIfAborted();
    await stored.remove(file);
  }
}
