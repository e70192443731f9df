import { resolve } from "node:path";
import { quantise, type QuantiseProgress, type QuantiseTarget } from "../../runtimes/store/index.ts";
import { cliLimits } from "../limits.ts";
import { demandFile } from "./model-store.ts";
import { describeBytes, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** What is to be made of which file. */
export interface QuantiseFlags {
  readonly path: string;
  readonly to: QuantiseTarget;
  /** By default beside the file. */
  readonly out: string | undefined;
  /** The data folder of this machine's node, which knows what calls of the file have ended. */
  readonly data: string;
  readonly json: boolean;
}

/** `plexus models quantise FILE`: needs no node. Ctrl-C ends it, and nothing is left of it. */
export async function quantiseModel(
  { path, to: target, out, data, json }: QuantiseFlags,
  output: Output,
): Promise<number> {
  demandFile(path);
  const to = resolve(out ?? nameOf(path, target));
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  const live = !json && process.stderr.isTTY;
  let saidAtMs = performance.now();
  const progress = ({ doneBytes, totalBytes }: QuantiseProgress): void => {
    if (performance.now() - saidAtMs < (live ? cliLimits.pollMs / 4 : cliLimits.pullProgressMs)) return;
    saidAtMs = performance.now();
    const line = `${target}: ${Math.floor((doneBytes / totalBytes) * 100)} % of ${describeBytes(totalBytes)}`;
    if (live) process.stderr.write(`\r\u001B[K${line}`);
    else if (json) output.print(jsonLine({ doneBytes, totalBytes }));
    else output.printError(line);
  };
  try {
    const bytes = await quantise({ from: path, to, target, signal: stop.signal, progress });
    if (live) process.stderr.write("\r\u001B[K");
    const { strikesAt } = await import("./model-trial.ts");
    const strikes = (await strikesAt(data, resolve(path)))?.says;
    if (strikes !== undefined && !json)
      output.printError(
        `${withoutControls(path)}: ${strikes}. The new file is another one to the node, and begins without any strike.`,
      );
    if (json) output.print(jsonLine({ file: to, bytes, ...(strikes !== undefined && { strikes }) }));
    else
      output.print(
        `${withoutControls(to)}: ${describeBytes(bytes)}. To use it: plexus models pull ${withoutControls(to)}`,
      );
    return exitCodes.ok;
  } finally {
    process.off("SIGINT", end).off("SIGTERM", end);
  }
}

/** `model-f16.gguf` → `model-Q8_0.gguf`. */
export const nameOf = (path: string, target: QuantiseTarget): string =>
  `${path.replace(/[-._](?:b?f16|f32)(?=\.gguf$)/i, "").replace(/\.gguf$/i, "")}-${target}.gguf`;
