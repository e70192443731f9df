/** One run of an admin's command, and whether it may have changed anything. */
import { failure, failureOf, refused, type Result } from "../../protocols/index.ts";
import type { Directory } from "../ports.ts";

/** The parts that a command works with. */
export interface Attempt {
  /** The directory, as this run uses it: changes are noticed. */
  readonly directory: Directory;
  /** Something else is about to be asked for that may happen although its answer gets lost. */
  readonly changes: () => void;
}

/** Runs a command. Never rejects. While the directory is away its refusal says whether that is safe: DIRECTORY_AWAY when this
 *  run has tried no change, DIRECTORY_UNAVAILABLE otherwise. Other commands of the same moment have no say in it. */
export async function attempt<T>(
  directory: Directory,
  command: (at: Attempt) => Promise<Result<T>>,
): Promise<Result<T>> {
  let changing = false;
  const changes = (): void => void (changing = true);
  const watched: Directory = {
    read: (key) => directory.read(key),
    list: (prefix) => directory.list(prefix),
    watch: (prefix, watcher) => directory.watch(prefix, watcher),
    compareAndSet(...change) {
      changes();
      return directory.compareAndSet(...change);
    },
  };
  const result = await command({ directory: watched, changes }).catch((error: unknown) => refused(failureOf(error)));
  const isSafe = !result.ok && result.error.code === "DIRECTORY_UNAVAILABLE" && !changing;
  return isSafe ? refused(failure("DIRECTORY_AWAY", result.error.details)) : result;
}
