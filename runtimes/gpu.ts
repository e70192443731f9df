/** Which graphics cards there are for models, found out in a process of its own: a driver that crashes takes only that
 *  along. */
import { readdirSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { GpuKind } from "./adapter.ts";
import { forkOurs } from "./children.ts";
import { hostVariables } from "./host/variables.ts";
import { runtimeLimits } from "./limits.ts";

/** What one interface to graphics cards offers. */
export interface GpuInterface {
  readonly kind: GpuKind;
  /** Each card by its name. */
  readonly cards: readonly string[];
  /** Of all cards together. */
  readonly memoryBytes: number;
  readonly freeBytes: number;
}

/** What was found. Without an interface, models run on the processor, and `because` says why. */
export interface Gpus {
  readonly interfaces: readonly GpuInterface[];
  readonly because?: string;
}

/** Device files of NVIDIA's, AMD's and everybody's drivers, and of Windows' subsystem for Linux. */
const devices = /^(?:nvidia\d+|kfd|dri|dxg)$/u;

/** Whether the machine has a graphics device at all: where it has none, nobody needs to ask a driver. */
export function hasGraphics(
  platform: NodeJS.Platform = process.platform,
  names: () => readonly string[] = inDev,
): boolean {
  return platform !== "linux" || names().some((name) => devices.test(name));
}

function inDev(): readonly string[] {
  try {
    return readdirSync("/dev");
  } catch {
    return [];
  }
}

/** Looks for cards. Never fails: what goes wrong is the reason for which there is none. */
export async function probeGpus(has: boolean = hasGraphics()): Promise<Gpus> {
  if (!has) return { interfaces: [], because: "this machine has no graphics device" };
  const child = forkOurs(new URL("./host/probe.ts", import.meta.url), [], {
    env: { ...hostVariables(process.env, "native") },
    streams: ["ignore", "ignore", "ignore"],
  });
  const late = new AbortController();
  const found = new Promise<Gpus>((resolve) => {
    child.once("message", (message) => resolve(message as Gpus));
    child.once("error", (error) => resolve({ interfaces: [], because: error.message }));
    child.once("exit", (code, signal) =>
      resolve({
        interfaces: [],
        because: `the driver ended the process that asked it (${signal ?? `exit code ${code}`})`,
      }),
    );
  });
  const silence = setTimeout(runtimeLimits.probeMsMax, undefined, { signal: late.signal }).then((): Gpus => ({
    interfaces: [],
    because: "the driver does not answer",
  }));
  // The one that loses is of no interest.
  silence.catch(() => undefined);
  try {
    return await Promise.race([found, silence]);
  } finally {
    late.abort();
    child.kill("SIGKILL");
  }
}

/** One line for people. */
export function describeGpus({ interfaces, because }: Gpus): string {
  if (interfaces.length === 0) return `none that models can use: ${because ?? "no driver knows one"}`;
  const gibibytes = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  return interfaces
    .map(({ kind, cards, memoryBytes, freeBytes }) => {
      const names = cards.length === 0 ? "a card" : cards.join(", ");
      return `${kind}: ${names}, ${gibibytes(freeBytes)} of ${gibibytes(memoryBytes)} free`;
    })
    .join("; ");
}
