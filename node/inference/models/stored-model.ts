/** What another node, or a stripe, says of a model. */
import type { StoredModel } from "../../../protocols/index.ts";

/** Enough to ask for its files: what comes is checked like all that is pulled. */
export function isModel(model: StoredModel, name: string): boolean {
  const isDigest = (text: unknown): boolean => typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
  const { files, card } = model as Partial<StoredModel>;
  return (
    model.name === name &&
    Array.isArray(files) &&
    files.length > 0 &&
    files.every(
      (file) =>
        typeof file.path === "string" &&
        Number.isSafeInteger(file.size) &&
        file.size >= 0 &&
        isDigest(file.digest) &&
        isDigest(file.tree),
    ) &&
    typeof card === "object"
  );
}
