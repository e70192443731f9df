/** A text that a node keeps beside its journal: what it may lose, and should not lose at every start. */
import { open, readFile, rename, stat } from "node:fs/promises";

/** Reads and replaces it. */
interface KeptText {
  /** Undefined: there is none, or it is larger than it may be. */
  read(): Promise<string | undefined>;
  /** Replaces it at once: after a crash there is the old one or the new one. Rejects with the system's errors. */
  write(text: string): Promise<void>;
}

/** The text at a path. */
export const keptText = (path: string, bytesMax: number): KeptText => ({
  async read() {
    const { size } = await stat(path);
    return size > bytesMax ? undefined : readFile(path, "utf8");
  },
  async write(text) {
    const aside = `${path}.new`;
    const file = await open(aside, "w", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  },
});
