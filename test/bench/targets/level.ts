/** The limit: the same payloads as synced batches into a bare Level, with nothing around it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { drive, payload, type Load } from "./drive.ts";
import { serve } from "./serve.ts";

const folder = await mkdtemp(join(tmpdir(), "plexus-bench-level-"));
const level = new Level<string, Uint8Array>(folder, { keyEncoding: "utf8", valueEncoding: "view" });
await level.open();

const value = Buffer.from(payload);
let written = 0;
let acknowledged = 0;

/** What belongs to one actor lies together, as it must where an actor is read back alone. */
const keyOf = (count: number, lanes: number): string => `log/k${count % lanes}/${String(count).padStart(12, "0")}`;

serve({
  /** `weight` records of as many actors as there are lanes in one batch, `outstanding` batches at once. */
  async durable({ lanes, ...load }: Load) {
    const size = load.weight ?? 1;
    const driven = await drive({ ...load, lanes: 1 }, () => {
      const batch = Array.from({ length: size }, () => {
        written += 1;
        return { type: "put" as const, key: keyOf(written, lanes), value };
      });
      return level.batch(batch, { sync: true });
    });
    acknowledged += driven.operations;
    return driven;
  },
  async stop() {
    let found = 0;
    for await (const _key of level.keys()) found += 1;
    await level.close();
    if (found !== acknowledged) throw new Error(`${found} records, acknowledged were ${acknowledged}`);
    await rm(folder, { recursive: true, force: true });
  },
});
