/** This node's scanner of files, where it has one. */
import { parseControl, type Config } from "../../../config/index.ts";
import { enginesOf, type Engines } from "../../../runtimes/index.ts";
import { bytesOfFile } from "../../gateway/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { createClamd, createScanner, type FileSettings } from "../../scanning/index.ts";
import type { Machine } from "../machine.ts";
import type { Stops } from "../stops.ts";

/** The engines of this node: those of its models, and its scanner; and what the cluster wants of files. */
export function withScanner(
  live: () => Pick<Config, "antivirus" | "files">,
  models: Parameters<typeof enginesOf>[0],
  at: { readonly machine: Machine; readonly stops: Stops; readonly blobs: Promise<ActorBlobs> },
): { readonly engines: Engines; readonly files: () => FileSettings } {
  const { antivirus } = live();
  const files = (): FileSettings => live().files;
  const { clock, log, meter } = at.machine;
  const place = antivirus === undefined ? undefined : parseControl(antivirus);
  if (place === undefined) return { engines: enginesOf(models), files };
  const scan = createScanner({
    clamd: createClamd(place, clock),
    async *read(file) {
      yield* bytesOfFile(await at.blobs, file);
    },
    clock,
    log,
    meter,
  });
  at.stops.add((deadlineMs) => scan.stop(deadlineMs));
  return { engines: { ...enginesOf(models), scan }, files };
}
