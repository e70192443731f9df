/** Decides how a model is loaded, or why it is not. Pure. */
import type { ModelSpec } from "../adapter.ts";
import { keyValueBytes, type GgufVerdict } from "../gguf.ts";
import { runtimeLimits } from "../limits.ts";
import { threadCount, type Machine } from "../machine.ts";

export interface LoadPlan {
  /** Of one sequence. */
  readonly contextTokens: number;
  readonly sequences: number;
  readonly threads: number;
  readonly sizeBytes: number;
  /** What the file calls itself; empty without a file. */
  readonly architecture: string;
  /** What is counted against the memory budget. */
  readonly memoryBytes: number;
}

export interface LoadInquiry {
  readonly spec: ModelSpec;
  /** Absent for a model without a file. */
  readonly file: { readonly verdict: GgufVerdict; readonly fileBytes: number } | undefined;
  readonly machine: Machine;
  /** Models with a file that share the machine, this one included. */
  readonly models: number;
  /** What the models loaded before left of the budget. */
  readonly freeBytes: number;
}

export type LoadVerdict =
  { readonly type: "fine"; readonly plan: LoadPlan } | { readonly type: "refused"; readonly reason: string };

export function planLoad({ spec, file, machine, models, freeBytes }: LoadInquiry): LoadVerdict {
  const sequences = spec.sequences ?? runtimeLimits.sequencesDefault;
  if (!Number.isInteger(sequences) || sequences < 1 || sequences > runtimeLimits.sequencesMax)
    return { type: "refused", reason: `sequences must be from 1 to ${runtimeLimits.sequencesMax}` };
  const wanted = spec.contextTokens ?? runtimeLimits.contextTokensDefault;
  if (!Number.isInteger(wanted) || wanted < 1) return { type: "refused", reason: "contextTokens must be at least 1" };
  if (file === undefined)
    return {
      type: "fine",
      plan: {
        contextTokens: wanted,
        sequences,
        threads: 1,
        sizeBytes: 0,
        architecture: "",
        memoryBytes: runtimeLimits.workerBytes,
      },
    };

  const { verdict, fileBytes } = file;
  if (verdict.type === "refused") return verdict;
  if (verdict.type === "short") return { type: "refused", reason: "the head of the file is cut off" };
  const { header } = verdict;
  const contextTokens = header.contextTokens > 0 ? Math.min(wanted, header.contextTokens) : wanted;
  const memoryBytes = fileBytes + keyValueBytes(header, contextTokens, sequences) + runtimeLimits.workerBytes;
  if (memoryBytes > freeBytes) {
    const reason =
      `it needs about ${mebibytes(memoryBytes)} MiB (file ${mebibytes(fileBytes)} MiB, ${sequences} contexts of ` +
      `${contextTokens} tokens) and ${mebibytes(Math.max(0, freeBytes))} MiB are free for models; ` +
      `use a smaller model, fewer tokens of context, or more memory`;
    return { type: "refused", reason };
  }
  const threads = threadCount(machine, header.parameters, models);
  const { architecture } = header;
  return { type: "fine", plan: { contextTokens, sequences, threads, sizeBytes: fileBytes, architecture, memoryBytes } };
}

const mebibytes = (bytes: number): number => Math.ceil(bytes / 1024 / 1024);
