/** This node's scanner of files, where it has one. */
import { parseControl, type Config } from "../../../config/index.ts";
import type { SealedFile } from "../../../protocols/index.ts";
import { enginesOf, type Engines } from "../../../runtimes/index.ts";
import { bytesOfFile } from "../../gateway/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import {
  createClamd,
  createListedFiles,
  createScanner,
  type FileLists,
  type FileSettings,
  type ListedFiles,
} from "../../scanning/index.ts";
import type { Machine } from "../machine.ts";
import type { Stops } from "../../stops.ts";

/** The engines of this node: those of its models, and its scanner; what the cluster wants of files, and those that
 *  lists name. `lists`: undefined until they were read. */
export function withScanner(
  live: () => Pick<Config, "antivirus" | "files">,
  models: Parameters<typeof enginesOf>[0],
  at: {
    readonly machine: Machine;
    readonly stops: Stops;
    readonly blobs: Promise<ActorBlobs>;
    readonly lists: () => FileLists | undefined;
  },
): { readonly engines: Engines; readonly files: () => FileSettings; readonly listed: ListedFiles } {
  const { antivirus } = live();
  const files = (): FileSettings => live().files;
  const { clock, log, meter } = at.machine;
  const place = antivirus === undefined ? undefined : parseControl(antivirus);
  async function* read(file: SealedFile): AsyncGenerator<Uint8Array> {
    yield* bytesOfFile(await at.blobs, file);
  }
  const ports = { read, clock, log, meter };
  const listed = createListedFiles({ ...ports, lists: at.lists });
  if (place === undefined) return { engines: enginesOf(models), files, listed };
  const scan = createScanner({ ...ports, clamd: createClamd(place, clock) });
  at.stops.add((deadlineMs) => scan.stop(deadlineMs));
  return { engines: { ...enginesOf(models), scan }, files, listed };
}
