/** Whether graphics cards can run models, by a short run of one: a driver that is found may be too old for the build of
 *  llama.cpp that is installed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelSpec } from "./adapters.ts";
import type { RuntimeClock } from "./environment.ts";
import type { GpuKind } from "./adapter.ts";
import type { Gpus } from "./gpu.ts";
import { withAdvice } from "./host/devices.ts";
import { tryModel } from "./host/trial.ts";
import { causeOf } from "./resident.ts";
import { writeRandomModel } from "./store/random-model.ts";

/** Runs a model of random weights on each interface; returns why those cannot that cannot. */
export async function tryCards({ interfaces }: Gpus, clock: RuntimeClock): Promise<ReadonlyMap<GpuKind, string>> {
  const faults = new Map<GpuKind, string>();
  if (interfaces.length === 0) return faults;
  const folder = await mkdtemp(join(tmpdir(), "plexus-card-"));
  const path = join(folder, "random.gguf");
  try {
    const sizeBytes = writeRandomModel(path);
    for (const { kind } of interfaces) {
      const reason = await faultOf({ path, kind, sizeBytes }, clock);
      if (reason !== undefined) faults.set(kind, withAdvice(reason));
    }
    return faults;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One run. */
interface CardRun {
  readonly path: string;
  readonly kind: GpuKind;
  readonly sizeBytes: number;
}

function faultOf({ path, kind, sizeBytes }: CardRun, clock: RuntimeClock): Promise<string | undefined> {
  const contextTokens = 512;
  const spec = { ...modelSpec({ name: "random", path }, { contextTokens, gpu: "off" }), gpu: kind };
  const size = { contextTokens, sequences: 1, threads: 1, sizeBytes, memoryBytes: sizeBytes };
  const plan = { ...size, architecture: "llama", parts: [], shares: [] };
  return new Promise((resolve) =>
    tryModel({ spec, plan, clock }, (verdict) =>
      resolve(verdict.type === "passed" ? undefined : causeOf(verdict.error)),
    ),
  );
}
