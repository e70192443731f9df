import type { ModelSpec } from "../adapter.ts";
import { originOf } from "../remote/endpoint.ts";

/** A reason that names what it is about: the model's file, unless it names one of its files already; of a model of
 *  another server, its address, and the file of its key where it is about that. It reaches those who may see the
 *  cluster, and nobody else: the gateway takes it away from others. Pure. */
export function namingFile(reason: string, { path, lora = [], draft = "", endpoint }: ModelSpec): string {
  const files = [path, draft, ...lora.map((one) => one.path)].filter((file) => file !== "");
  if (path !== "") return files.some((file) => reason.includes(file)) ? reason : `${reason} (${path})`;
  if (endpoint === undefined) return reason;
  const { file } = endpoint.key ?? {};
  const places = [...(file !== undefined && /\bkey\b/.test(reason) ? [file] : []), originOf(endpoint)];
  const unnamed = places.filter((place) => !reason.includes(place));
  return unnamed.length === 0 ? reason : `${reason} (${unnamed.join(", ")})`;
}
