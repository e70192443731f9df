/** A store in memory that counts its batches, and rejects one when told to. */
import type { Store, StoreOp } from "../../node/ports/index.ts";

export class MemoryStore implements Store {
  readonly location = "/memory";
  readonly content = new Map<string, Uint8Array>();
  batches = 0;
  /** What becomes of the next batch: it rejects, and was written or not. */
  nextFails: "written" | "lost" | undefined;
  /** Whether reading fails. */
  unreadable = false;
  /** Holds batches back until it resolves. */
  gate: Promise<void> = Promise.resolve();

  async batch(ops: readonly StoreOp[]): Promise<void> {
    await this.gate;
    this.batches += 1;
    const fate = this.nextFails;
    this.nextFails = undefined;
    if (fate !== "lost") {
      for (const op of ops) {
        if (op.type === "put") this.content.set(op.key, Uint8Array.from(op.value));
        else this.content.delete(op.key);
      }
    }
    if (fate !== undefined) throw new Error("the disk failed");
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    if (this.unreadable) throw new Error("the disk cannot be read");
    return this.content.get(key);
  }

  async range({ gte, lt, limit }: { gte: string; lt: string; limit?: number }): Promise<[string, Uint8Array][]> {
    if (this.unreadable) throw new Error("the disk cannot be read");
    const keys = [...this.content.keys()].filter((key) => key >= gte && key < lt).sort();
    return keys.slice(0, limit).map((key) => [key, this.content.get(key) as Uint8Array]);
  }

  async keys(range: { gte: string; lt: string }): Promise<string[]> {
    return (await this.range(range)).map(([key]) => key);
  }

  view(): ReturnType<Store["view"]> {
    return { get: (key) => this.get(key), range: (range) => this.range(range as never), close: async () => undefined };
  }

  async close(): Promise<void> {
    this.unreadable = true;
  }
}
