/** Reading parts of a file that nobody trusts yet. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** The bytes of a file, a part at a time. */
export interface FileBytes {
  readonly size: number;
  /** The bytes from `position` on, fewer at the end. */
  read(position: number, length: number): Buffer;
}

/** Lets `use` read a file. Errors: the system's. */
export function withFile<T>(path: string, use: (bytes: FileBytes) => T): T {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    return use({
      size,
      read(position, length) {
        const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - position)));
        let done = 0;
        while (done < bytes.length) {
          const count = readSync(file, bytes, done, bytes.length - done, position + done);
          if (count === 0) break;
          done += count;
        }
        return bytes.subarray(0, done);
      },
    });
  } finally {
    closeSync(file);
  }
}
