import { basename } from "node:path";
import type { ModelSpec } from "../adapter.ts";

/** A reason in which a model's files are called by their names: where they lie is not for those who use the model. Pure. */
export function withoutFolders(reason: string, { path, lora = [], draft = "" }: ModelSpec): string {
  // The longest first: one file may lie in a folder that is called like another.
  const files = [path, draft, ...lora.map((one) => one.path)]
    .filter((file) => file !== "")
    .toSorted((one, other) => other.length - one.length);
  return files.reduce((text, file) => text.replaceAll(file, basename(file)), reason);
}
