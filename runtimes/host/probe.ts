/** Asks the native library for graphics cards, says what it found, and ends. Started by `gpu.ts`. */
import "../closed.ts";
import { getLlama, getLlamaGpuTypes, LlamaLogLevel } from "node-llama-cpp";
import type { GpuInterface, Gpus } from "../gpu.ts";

async function look(): Promise<Gpus> {
  const kinds = (await getLlamaGpuTypes("supported")).filter((kind) => kind !== false);
  const interfaces: GpuInterface[] = [];
  const reasons: string[] = [];
  for (const kind of kinds)
    try {
      const llama = await getLlama({
        gpu: kind,
        build: "never",
        skipDownload: true,
        progressLogs: false,
        logLevel: LlamaLogLevel.disabled,
      });
      const { total: memoryBytes, free: freeBytes } = await llama.getVramState();
      const cards = await llama.getGpuDeviceNames();
      if (memoryBytes > 0) interfaces.push({ kind, cards, memoryBytes, freeBytes });
      else reasons.push(`${kind}: no card`);
      await llama.dispose();
    } catch (thrown) {
      reasons.push(`${kind}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
  if (interfaces.length > 0) return { interfaces };
  return { interfaces, because: reasons.join("; ") || "the library finds no driver for one" };
}

const found = await look().catch((thrown: unknown): Gpus => ({ interfaces: [], because: String(thrown) }));
// What the driver still does must not hold the process up, nor abort it: it ends itself when that was said.
process.send?.(found, () => process.kill(process.pid, "SIGKILL"));
