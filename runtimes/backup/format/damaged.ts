/** How every reader of this folder refuses bytes that it cannot take. */
import { failure, PlexusError } from "../../../protocols/errors.ts";

/** The sorts of objects that a backup consists of. */
type BackupObject = "unit" | "fragment" | "pack" | "node" | "head";

/** The refusal of bytes that are not what they should be. Error: BACKUP_DAMAGED. */
export const damaged = (object: BackupObject, reason: string, facts: object = {}): PlexusError =>
  new PlexusError(failure("BACKUP_DAMAGED", { object, reason, ...facts }));

/** Refuses where a condition does not hold. Error: BACKUP_DAMAGED. */
export function demand(condition: boolean, object: BackupObject, reason: string): asserts condition {
  if (!condition) throw damaged(object, reason);
}
