/** One run of an admin's command, and whether it may have changed anything. */
import { failure, failureOf, refused, type Result } from "../../../protocols/index.ts";
import { changedNothing } from "../facts/records.ts";
import type { Directory } from "../../ports/index.ts";

/** The parts that a command works with. */
export interface Attempt {
  /** The directory, as this run uses it: changes are noticed. */
  readonly directory: Directory;
  /** Something else is about to be asked for that may happen although its answer gets lost. */
  readonly changes: () => void;
}

/** Runs a command. Never rejects. While the directory is away its refusal says whether that is safe: DIRECTORY_AWAY
 *  when this run has made no change, nor one that may have come about, DIRECTORY_UNAVAILABLE otherwise;
 *  DIRECTORY_REFUSES in place of the first where it answers and takes no change. Other commands of the same moment have
 *  no say in it. */
export async function attempt<T>(
  directory: Directory,
  command: (at: Attempt) => Promise<Result<T>>,
): Promise<Result<T>> {
  let changing = false;
  let underWay = 0;
  const changes = (): void => void (changing = true);
  const watched: Directory = {
    read: (key) => directory.read(key),
    list: (prefix) => directory.list(prefix),
    watch: (prefix, watcher) => directory.watch(prefix, watcher),
    async compareAndSet(...change) {
      underWay += 1;
      try {
        const answer = await directory.compareAndSet(...change);
        changes();
        return answer;
      } catch (error) {
        if (!changedNothing(error)) changes();
        throw error;
      } finally {
        underWay -= 1;
      }
    },
  };
  const result = await command({ directory: watched, changes }).catch((error: unknown) => refused(failureOf(error)));
  const isSafe = !result.ok && result.error.code === "DIRECTORY_UNAVAILABLE" && !changing && underWay === 0;
  if (!isSafe) return result;
  // Whether the request left this node means nothing to the sender of the command.
  const { refuses, ...said } = result.error.details ?? {};
  const details = Object.fromEntries(Object.entries(said).filter(([name]) => name !== "asked"));
  return refused(failure(refuses === true ? "DIRECTORY_REFUSES" : "DIRECTORY_AWAY", details));
}
