import type { ModelSpec } from "../adapter.ts";

/** A reason that names the file it is about: the model's own, unless it names one already. It reaches those who may see
 *  the cluster, and nobody else: the gateway takes it away from others. Pure. */
export function namingFile(reason: string, { path, lora = [], draft = "" }: ModelSpec): string {
  const files = [path, draft, ...lora.map((one) => one.path)].filter((file) => file !== "");
  return path === "" || files.some((file) => reason.includes(file)) ? reason : `${reason}: ${path}`;
}
