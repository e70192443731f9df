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

serve({
  /** `weight` records in one batch, as many batches at once as there are lanes. */
  async durable(load: Load) {
    const size = load.weight ?? 1;
    const before = written;
    const driven = await drive(load, () => {
      const batch = Array.from({ length: size }, () => {
        written += 1;
        return { type: "put" as const, key: `log/${String(written).padStart(12, "0")}`, value };
      });
      return level.batch(batch, { sync: true });
    });
    const found = await level.keys({ gt: `log/${String(before).padStart(12, "0")}` }).all();
    if (found.length !== driven.operations) throw new Error(`${found.length} records of ${driven.operations}`);
    return driven;
  },
  async stop() {
    await level.close();
    await rm(folder, { recursive: true, force: true });
  },
});
