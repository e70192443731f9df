/** The first thing that a child of ours imports: closes what it was given in place of its parent's descriptors, and
 *  what slipped in because a library opened it between the parent's look and the start. Nothing of ours is open yet:
 *  what is a file is not ours. */
import { closeSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

function descriptors(): readonly number[] {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch {
    return [];
  }
}

/** The null device as the parent opens it, to be read and written: Node has one of its own, which it only reads. */
const isGiven = (descriptor: number, target: string): boolean =>
  target === "/dev/null" && /^flags:\s*[0-7]*2$/m.test(readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1"));
const isFile = (target: string): boolean => /^\/(?!dev\/|proc\/|$)/.test(target);

for (const descriptor of descriptors().filter((one) => one > 2))
  try {
    const target = readlinkSync(`/proc/self/fd/${descriptor}`);
    if (isFile(target) || isGiven(descriptor, target)) closeSync(descriptor);
  } catch {
    // The one by which the folder was read is closed.
  }
