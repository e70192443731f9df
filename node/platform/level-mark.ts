/** The number of the last write that is durable, in a file of its own, outside the folder of the Level store: only so
 *  can be told that the newest files of that folder are gone. It is behind what is stored, never ahead. */
import { open, readFile, rename } from "node:fs/promises";
import { platformLimits } from "./limits.ts";

export class HighWaterMark {
  readonly #file: string;
  #written = 0;
  #reached = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** Undefined where none is, or where it cannot be read: it says nothing then. */
  async read(): Promise<number | undefined> {
    const text = await readFile(this.#file, "utf8").catch(() => "");
    const [, number] = /^write (\d{1,15})\n$/.exec(text) ?? [];
    return number === undefined ? undefined : Number(number);
  }

  /** So much is durable. It is noted soon. */
  reached(sequence: number): void {
    this.#reached = sequence;
    if (this.#timer !== undefined || sequence === this.#written) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#write();
    }, platformLimits.markEveryMs);
    this.#timer.unref();
  }

  /** Notes the last. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#write();
  }

  #write(): Promise<void> {
    // A disk that takes nothing leaves the mark behind, where it still holds.
    this.#writing = this.#writing.then(() => this.#replace()).catch(() => undefined);
    return this.#writing;
  }

  async #replace(): Promise<void> {
    const sequence = this.#reached;
    if (sequence === this.#written) return;
    const aside = `${this.#file}.new`;
    const file = await open(aside, "w", 0o600);
    try {
      await file.writeFile(`write ${sequence}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, this.#file);
    this.#written = sequence;
  }
}
