/** Loads a model in a process of its own and asks it once, before the process that has everybody's native models sees its file.
 *
 *      up ─► load ─► loaded ─► one short call ─► ended ─► passed
 *       └──────┴─ refused, the process ends, or nothing comes ─► failed, with the reason */
import { statSync, writeFileSync } from "node:fs";
import { failure, type Failure } from "../../protocols/errors.ts";
import type { EngineName, EngineRequest } from "../../protocols/index.ts";
import type { LoadPlan, ModelSpec } from "../adapter.ts";
import { forkOurs } from "../children.ts";
import type { RuntimeClock } from "../environment.ts";
import { runtimeLimits } from "../limits.ts";
import type { FromHost, LoadedFacts, ToHost } from "./messages.ts";
import { hostVariables } from "./variables.ts";

/** What came of a trial. */
export type TrialVerdict = { readonly type: "passed" } | { readonly type: "failed"; readonly error: Failure };

/** One short call of an engine. */
interface Question {
  readonly engine: EngineName;
  readonly request: EngineRequest;
}

/** What a model that can do this is asked; undefined: it is only loaded. Pure. */
export function questionFor(model: string, { capabilities }: Pick<LoadedFacts, "capabilities">): Question | undefined {
  const about = { id: "trial", model, timeoutMs: runtimeLimits.trialCallMsMax };
  const sampling = { maxTokens: runtimeLimits.trialTokens };
  if (capabilities.includes("chat"))
    return { engine: "generate", request: { ...about, messages: [{ role: "user", content: "Hello." }], sampling } };
  if (capabilities.includes("rerank"))
    return { engine: "rerank", request: { ...about, query: "Hello.", documents: ["Hello."] } };
  return capabilities.includes("embed")
    ? { engine: "embed", request: { ...about, inputs: ["Hello."] } }
    : undefined;
} // prettier-ignore

/** What the disk knows the files of a model by, with all that it is loaded with: what was tried so is not tried again. */
export function trialKey(spec: ModelSpec, files: readonly string[]): string {
  const { name: _name, keepAliveMs: _stays, pinned: _pinned, ...how } = spec;
  const known = files.map((path) => {
    const { dev, ino, size, mtimeMs } = statSync(path);
    return [dev, ino, size, mtimeMs];
  });
  return JSON.stringify([how, known]);
}

/** Tries a model. The returned function ends the trial. */
export function tryModel(
  { spec, plan, clock }: { readonly spec: ModelSpec; readonly plan: LoadPlan; readonly clock: RuntimeClock },
  tell: (verdict: TrialVerdict) => void,
): () => void {
  const child = forkOurs(new URL("./child.ts", import.meta.url), ["native"], {
    env: { ...hostVariables(process.env, "native") },
    streams: ["ignore", "pipe", "pipe"],
  });
  sacrifice(child.pid);
  let [step, lastWords, over] = ["it began", "", false];
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-runtimeLimits.lastWordsCharsMax);
    });
  const limitMs = runtimeLimits.loadMsMax + plan.sizeBytes / runtimeLimits.loadBytesPerMs + runtimeLimits.trialCallMsMax;
  const stopTimer = clock.after(limitMs, () => fail(`it did not end while ${step}`));
  const end = (verdict: TrialVerdict | undefined): void => {
    if (over) return;
    over = true;
    stopTimer();
    child.kill("SIGKILL");
    if (verdict !== undefined) tell(verdict);
  };
  const fail = (reason: string): void =>
    end({ type: "failed", error: failure("MODEL_LOAD_FAILED", { model: spec.name, reason: `in a process of its own ${reason}` }) });
  const send = (message: ToHost): void => void child.send(message, () => undefined);
  const take = (message: FromHost): void => {
    switch (message.type) {
      case "up": {
        step = "it loaded";
        const contextTokens = Math.min(plan.contextTokens, runtimeLimits.trialContextTokens);
        return send({ type: "load", spec, plan: { ...plan, sequences: 1, contextTokens }, variables: {} });
      }
      case "loaded": {
        step = "it was asked";
        const question = questionFor(spec.name, message.facts);
        if (question === undefined) return end({ type: "passed" });
        return send({ type: "begin", run: 1, model: spec.name, ...question });
      }
      case "loadFailed":
        return end({ type: "failed", error: message.error });
      case "part":
        return send({ type: "credit", run: 1, frames: 1 });
      case "end": {
        const { result } = message;
        // What it refuses it refuses with an answer: that is its right.
        const isBroken = !result.ok && result.error.code === "RUNTIME_FAULT";
        return isBroken ? fail(`it failed while ${step}: ${String(result.error.details?.["reason"])}`) : end({ type: "passed" });
      }
      default:
        return undefined;
    }
  };
  child.on("message", (message) => take(message as FromHost));
  child.on("error", (error) => fail(error.message));
  child.on("close", (code, signal) => {
    const words = lastWords.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
    fail(`it ended with ${signal ?? `exit code ${code}`} while ${step}${words === "" ? "" : ` (${words})`}`);
  });
  return () => end(undefined);
} // prettier-ignore

/** When the system is short of memory, this process ends first. Where it cannot be told, it decides by itself. */
function sacrifice(pid: number | undefined): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
  } catch {
    // No Linux.
  }
}
