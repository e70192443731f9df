/** A small disk of its own for a process, which others can fill: a tmpfs in a mount namespace. Nobody else sees it in the file
 *  system. It ends with the process, or with the last who still holds it: nothing has to be unmounted. */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { patience } from "../waits.ts";

/** The folder is the one that the command names by `--data`: whoever launches it need not know it yet. */
const script = `
  size=$1; shift
  for word; do
    [ "$before" = --data ] && folder=$word
    before=$word
  done
  mount -t tmpfs -o "size=$size" tmpfs "\${folder:?}" && exec "$@"`;

/** Goes before a command whose folder `--data` shall be on a small disk. The launcher becomes the command. */
export const onSmallDisk = (bytes: number): readonly string[] => {
  return ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", String(bytes)];
};

/** Why there are no small disks here. */
export function missingForSmallDisks(): string | undefined {
  if (process.platform !== "linux") return "it takes Linux";
  const [program = "", ...words] = onSmallDisk(65_536);
  const probe = ["sh", "-c", '! head -c 131072 /dev/zero >"$1/ballast"', "sh", tmpdir(), "--data", tmpdir()];
  const { status, stderr, error } = spawnSync(program, [...words, ...probe], {
    encoding: "utf8",
    timeout: patience * 10_000,
  });
  if (status === 0) return undefined;
  return error?.message ?? (stderr.trim() || `unshare ended with ${status}`);
}

/** Holds the small disk of a process, also after its end; `await using` lets it go. */
export class SmallDisk {
  readonly #folder: FileHandle;

  private constructor(folder: FileHandle) {
    this.#folder = folder;
  }

  /** The process has become its command by now, and has the disk at `data`. */
  static async of(pid: number, data: string): Promise<SmallDisk> {
    return new SmallDisk(await open(`/proc/${pid}/root${data}`));
  }

  /** Where it is in the file system for this process alone. */
  get path(): string {
    return `/proc/self/fd/${this.#folder.fd}`;
  }

  /** Writes ballast until not one page is free. What deletes files on it makes room again. */
  fill(): void {
    const ballast = openSync(this.#ballast, "a");
    try {
      const block = Buffer.alloc(1_048_576);
      // What it has no room for in full, it takes a part of.
      for (;;) writeSync(ballast, block);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(ballast);
    }
  }

  makeRoom(): void {
    rmSync(this.#ballast, { force: true });
  }

  get #ballast(): string {
    return join(this.path, "ballast");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#folder.close();
  }
}
