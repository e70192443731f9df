/** A thread that hashes passwords. It has the lowest priority there is: people who sign in wait for those who
 *  are in, and not the other way round. What it is given and answers is for `passwords.ts`. */
import { constants, setPriority } from "node:os";
import { isMainThread } from "node:worker_threads";
import { hashSync, verifySync } from "@node-rs/argon2";

// On Linux 0 is this thread alone; elsewhere it would be the whole process.
if (!isMainThread && process.platform === "linux") setPriority(0, constants.priority.PRIORITY_LOW);

/** One slow hash. */
export type HashTask =
  | { readonly type: "hash"; readonly password: string; readonly memoryKiB: number; readonly passes: number }
  | { readonly type: "verify"; readonly password: string; readonly hash: string };

/** Hashes, or compares. */
export default function run(task: HashTask): string | boolean {
  // The library's default algorithm is argon2id; its enum exists for the type checker only.
  return task.type === "hash"
    ? hashSync(task.password, { memoryCost: task.memoryKiB, timeCost: task.passes, parallelism: 1 })
    : verifySync(task.hash, task.password);
}
