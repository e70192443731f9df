/** Parts of content, for other nodes. */
import { open as openFile, readFile as readWhole } from "node:fs/promises";

/** The bytes of a file from `start` on, before `end`; undefined: the file is not there, or not so long. */
export async function open(path: string, start: number, end: number): Promise<Uint8Array | undefined> {
  const file = await openFile(path, "r").catch(whereNone);
  if (file === undefined) return undefined;
  try {
    const bytes = new Uint8Array(end - start);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) return undefined;
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** A small file; undefined: it is not there. */
export const readFile = (path: string): Promise<Uint8Array | undefined> => readWhole(path).catch(whereNone);

function whereNone(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
