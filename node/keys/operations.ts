/** What the operations on a node's disk do. */
import { ok, type diskOperations, type DiskStatus, type HandlersOf, type Result } from "../../protocols/index.ts";

/** What admins see and change of a node's disk. */
export interface DiskControl {
  status(): DiskStatus;
  /** Begins to encrypt it, or to decrypt. Resolves when what is written from now on is so. Errors: KEY_MISSING; the
   *  system's, of the key's file. */
  set(encrypted: boolean, by?: string): Promise<Result<DiskStatus>>;
}

/** The handlers. */
export const handleDisk = (disk: DiskControl): HandlersOf<typeof diskOperations> => ({
  "disk.show": () => ok(disk.status()),
  "disk.set": async ({ encrypted }, { by }) => {
    const { state } = disk.status();
    const result = await disk.set(encrypted, by);
    return { result, before: { state }, after: result.ok ? { state: result.value.state } : undefined };
  },
});
