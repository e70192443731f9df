import { failureOf } from "../../../protocols/index.ts";
import type { Directory, DirectoryWatcher } from "../../ports/index.ts";
import { unavailable } from "./row.ts";

/** A directory that stays one object for its users while the directory behind it changes. */
export interface SwitchingDirectory extends Directory {
  /** From now on this one. Watchers hear `stale`, and a `reset` from the new one. */
  switchTo(next: Directory): void;
  /** The newest revision of a row that any of them has told. */
  told(): number;
}

interface Watch {
  readonly prefix: string;
  readonly watcher: DirectoryWatcher;
  current: boolean;
  stop: () => void;
}

/** Begins with `first`. An operation that the old directory refused because it had moved is asked of the new one, if
 *  the switch has happened by then; else it ends with DIRECTORY_UNAVAILABLE, like any other that failed. Every change
 *  waits for `mayChange`. */
export function createSwitchingDirectory(
  first: Directory,
  mayChange: () => Promise<void> | undefined = () => undefined,
): SwitchingDirectory {
  let directory = first;
  const watches = new Set<Watch>();
  let told = 0;
  const note = (revision = 0): void => void (told = Math.max(told, revision));

  const ask = async <Answer>(work: (directory: Directory) => Promise<Answer>): Promise<Answer> => {
    const asked = directory;
    try {
      return await work(asked);
    } catch (error) {
      if (failureOf(error).code !== "DIRECTORY_MOVED") throw error;
      // Refused is not unknown: asking again repeats nothing.
      if (directory !== asked) return work(directory);
      throw unavailable("the directory has moved", error);
    }
  };

  const follow = (watch: Watch): void => {
    const followed = directory;
    const isCurrent = (): boolean => directory === followed && watches.has(watch);
    watch.stop = followed.watch(watch.prefix, {
      reset(rows) {
        if (!isCurrent()) return;
        watch.current = true;
        for (const { revision } of rows) note(revision);
        watch.watcher.reset(rows);
      },
      changed(row) {
        note(row.revision);
        if (isCurrent()) watch.watcher.changed(row);
      },
      removed(key, revision) {
        note(revision);
        if (isCurrent()) watch.watcher.removed(key, revision);
      },
      stale: () => isCurrent() && doubt(watch),
    });
  };
  const doubt = (watch: Watch): void => {
    if (!watch.current) return;
    watch.current = false;
    watch.watcher.stale();
  };

  return {
    told: () => told,
    async read(key) {
      const row = await ask((asked) => asked.read(key));
      note(row?.revision);
      return row;
    },
    list: (prefix) => ask((asked) => asked.list(prefix)),
    async compareAndSet(key, value, revision, guard) {
      await mayChange();
      const answer = await ask((asked) => asked.compareAndSet(key, value, revision, guard));
      note(answer.row?.revision);
      return answer;
    },
    watch(prefix, watcher) {
      const watch: Watch = { prefix, watcher, current: false, stop: () => undefined };
      watches.add(watch);
      follow(watch);
      return () => {
        watches.delete(watch);
        watch.stop();
      };
    },
    switchTo(next) {
      if (next === directory) return;
      directory = next;
      for (const watch of watches) {
        watch.stop();
        doubt(watch);
        if (watches.has(watch)) follow(watch);
      }
    },
  };
}
