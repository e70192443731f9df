/** ONNX models on ONNX Runtime: they embed, rank, classify, write down speech, speak, and write. */
import type { Adapter } from "../adapter.ts";
import { capabilitiesBy, filesOf, isOnnx, lookAt, type OnnxFound } from "./folder.ts";
import { missingPackages, packagesVersion } from "./library.ts";
import { planLoad } from "./plan.ts";

/** The row of ONNX. */
export const onnx: Adapter<OnnxFound> = {
  name: "onnx",
  capabilities: [...new Set(Object.values(capabilitiesBy).flat())],
  native: { files: ({ path }) => filesOf(path), version: packagesVersion },
  claims: ({ path }) => isOnnx(path),
  can({ path }) {
    try {
      const look = lookAt(path);
      return look.type === "fine" ? capabilitiesBy[look.found.purpose] : undefined;
    } catch {
      // Why the files cannot be read is said when it is to be loaded.
      return undefined;
    }
  },
  inspect({ path }) {
    const look = lookAt(path);
    const missing = missingPackages();
    return look.type === "fine" && missing !== undefined ? { ...look, type: "refused", reason: missing } : look;
  },
  plan: planLoad,
  async load(spec, plan) {
    // The native library takes a while to read, and only the thread that runs the model may have it.
    const { loadOnnx } = await import("./onnx.ts");
    return loadOnnx(spec, plan);
  },
  label: () => undefined,
};
