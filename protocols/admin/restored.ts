/** What entries say of themselves that came back from a backup. */
import { Type } from "typebox";
import { object, position, timeMs } from "../wire/schema.ts";

/** The name of a recall. */
export const recallId = Type.String({ pattern: "^[a-z0-9]{8,64}$", description: "Names a recall from a backup" });

/** What an entry was that came back: its place and time then, and the snapshot that it is of. */
export const restoredFrom = object({
  recall: recallId,
  /** The number of the snapshot, and when it was taken. */
  snapshot: position,
  backupAtMs: timeMs,
  seq: position,
  atMs: timeMs,
  editedAtMs: Type.Optional(timeMs),
});
