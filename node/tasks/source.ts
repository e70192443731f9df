/** What tells of its tasks. */
import type { AdminTask, Result, TaskPlace } from "../../protocols/index.ts";

/** What a node may be busy with. */
export interface TaskSource {
  list(at: TaskPlace): readonly AdminTask[];
  /** Ends one of its own, by what comes after the node in its id; undefined: it has no such task. Error: FORBIDDEN. */
  readonly cancel?: (own: string) => Result<unknown> | undefined;
}

/** What a node calls a task of its disk, and no other. */
export const isOfDisk = (rest: string): boolean => rest.startsWith("disk-");
