/** Loads a model in a process of its own and asks it, before the process that has everybody's native models sees its
 *  file; and again, with what it was asked, when that process ended and nobody can tell by whom.
 *
 *      up ─► identify ─► identified ─► load ─► loaded ─► calls ─► ended ─► passed
 *       │                    └─ known: what came of it before
 *       └─ refused, the process ends, or nothing comes ─► failed, with the reason */
import { failure, type Failure } from "../../protocols/errors.ts";
import type { LoadPlan, ModelSpec } from "../adapter.ts";
import { forkOurs, sacrifice } from "../children.ts";
import type { RuntimeClock } from "../environment.ts";
import { runtimeLimits } from "../limits.ts";
import { keepLoadFindings, loadFindingsOf } from "./load-findings.ts";
import type { FromHost, LoadedFacts, Question, ToHost } from "./messages.ts";
import type { Subject } from "./subject.ts";
import { isOwnFault, reasonIn } from "./supervision.ts";
import { whyOut } from "./suspects.ts";
import type { Found } from "./tried.ts";
import { hostVariables } from "./variables.ts";

/** What came of a trial. `content`: what the files are known by, unless it was known already what comes of them.
 *  `ended`: native code ended the process, so another trial of them ends as well. */
export type TrialVerdict = { readonly content?: string } & Readonly<
  { type: "passed" } | { type: "failed"; error: Failure; ended: boolean }
>;

/** What a model that can do this is asked; undefined: it is only loaded. Pure. */
function questionFor(model: string, { capabilities }: Pick<LoadedFacts, "capabilities">): Question | undefined {
  const about = { id: "trial", model, timeoutMs: runtimeLimits.trialCallMsMax };
  const sampling = { maxTokens: runtimeLimits.trialTokens };
  if (capabilities.includes("chat"))
    return { engine: "generate", request: { ...about, messages: [{ role: "user", content: "Hello." }], sampling } };
  if (capabilities.includes("rerank"))
    return { engine: "rerank", request: { ...about, query: "Hello.", documents: ["Hello."] } };
  return capabilities.includes("embed") ? { engine: "embed", request: { ...about, inputs: ["Hello."] } } : undefined;
}

/** A trial. */
interface TrialOptions {
  readonly spec: ModelSpec;
  readonly plan: LoadPlan;
  readonly clock: RuntimeClock;
  /** What is known of such content already; absent: the files are not read through. */
  readonly known?: { readonly subject: Subject; found(content: string): Found | undefined };
  /** Told how much of it is read, from 0 to 1. */
  readonly read?: (share: number) => void;
  /** Told when its process is gone, and all that it took given back. */
  readonly gone?: () => void;
  /** What it is asked, at once. Default: a question for what it can do. */
  readonly ask?: readonly Question[];
}

/** Tries a model. The returned function ends the trial. */
export function tryModel(options: TrialOptions, tell: (verdict: TrialVerdict) => void): () => void {
  const { plan, clock } = options;
  const child = forkOurs(new URL("./child.ts", import.meta.url), ["native"], {
    env: { ...hostVariables(process.env, "native") },
    streams: ["ignore", "pipe", "pipe"],
  });
  sacrifice(child.pid);
  let [lastWords, over] = ["", false];
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-runtimeLimits.lastWordsCharsMax);
    });
  const steps = new Steps(options, (message) => void child.send(message, () => undefined));
  const limitMs =
    runtimeLimits.loadMsMax + plan.sizeBytes / runtimeLimits.loadBytesPerMs + runtimeLimits.trialCallMsMax;
  const end = (verdict?: TrialVerdict): void => {
    if (over) return;
    over = true;
    stopTimer();
    child.kill("SIGKILL");
    if (verdict !== undefined) tell(verdict);
  };
  const stopTimer = clock.after(limitMs, () => end(steps.failed("did not end", false)));
  child.on("message", (message) => {
    const verdict = steps.take(message as FromHost);
    if (verdict !== undefined) end(verdict);
  });
  child.once("exit", () => options.gone?.());
  child.once("error", () => child.pid === undefined && options.gone?.());
  child.on("error", (error) => end(steps.failed(`failed (${error.message})`, false)));
  child.on("close", (code, signal) => {
    const how = signal ?? `exit code ${code}`;
    const words = reasonIn(lastWords);
    end(steps.failed(`ended with ${how}`, isOwnFault(how), words === "" ? "" : ` (${words})`));
  });
  return () => end();
}

/** What follows for a model from what is known of its files. */
export function verdictOf(model: string, found: Found): TrialVerdict {
  if (found.type === "passed") return { type: "passed" };
  const reason = found.type === "failed" ? found.reason : whyOut(model, found.ended);
  return { type: "failed", ended: true, error: failure("MODEL_LOAD_FAILED", { model, reason }) };
}

/** What is sent next, and what follows from what comes. */
class Steps {
  readonly #options: TrialOptions;
  readonly #send: (message: ToHost) => void;
  #step = "it began";
  #content: string | undefined;
  /** Calls that have not ended. */
  #asked = 0;

  constructor(options: TrialOptions, send: (message: ToHost) => void) {
    this.#options = options;
    this.#send = send;
  }

  /** Undefined: it goes on. */
  take(message: FromHost): TrialVerdict | undefined {
    const { known } = this.#options;
    switch (message.type) {
      case "up":
        if (known === undefined) return this.#load();
        this.#step = "its files were read";
        this.#send({ type: "identify", files: known.subject.files });
        return undefined;
      case "identified":
        return this.#identified(message.content);
      case "loaded":
        return this.#ask(message.facts);
      case "known":
        keepLoadFindings(message);
        return undefined;
      case "reading":
        this.#options.read?.(message.share);
        return undefined;
      case "loadFailed":
        return this.#failed(message.error, false);
      case "part":
        this.#send({ type: "credit", run: message.run, frames: 1 });
        return undefined;
      case "end": {
        const { result } = message;
        this.#asked -= 1;
        // What it refuses it refuses with an answer: that is its right.
        if (!result.ok && result.error.code === "RUNTIME_FAULT")
          return this.failed("failed", false, `: ${String(result.error.details?.["reason"])}`);
        return this.#asked > 0 ? undefined : this.#passed();
      }
      default:
        return undefined;
    }
  }

  /** The verdict when the process did that, at the step that it was at. */
  failed(did: string, ended: boolean, words = ""): TrialVerdict {
    const reason = `in a process of its own it ${did} while ${this.#step}${words}`;
    return this.#failed(failure("MODEL_LOAD_FAILED", { model: this.#options.spec.name, reason }), ended);
  }

  #failed(error: Failure, ended: boolean): TrialVerdict {
    return { type: "failed", error, ended, ...this.#known() };
  }

  #passed(): TrialVerdict {
    return { type: "passed", ...this.#known() };
  }

  #known(): { readonly content?: string } {
    return this.#content === undefined ? {} : { content: this.#content };
  }

  #identified(files: string | undefined): TrialVerdict | undefined {
    const { spec, known } = this.#options;
    if (known === undefined || files === undefined) return this.#load();
    this.#content = files;
    const found = known.found(files);
    if (found === undefined) return this.#load();
    this.#content = undefined;
    return verdictOf(spec.name, found);
  }

  #load(): undefined {
    this.#step = "it loaded";
    const { spec, plan, ask } = this.#options;
    const small = { sequences: 1, contextTokens: Math.min(plan.contextTokens, runtimeLimits.trialContextTokens) };
    const reduced = { ...plan, ...(ask === undefined && small) };
    this.#send({ type: "load", spec, plan: reduced, variables: {}, known: loadFindingsOf(spec) });
  }

  #ask(facts: LoadedFacts): TrialVerdict | undefined {
    this.#step = "it was asked";
    const { spec, ask } = this.#options;
    const questions = ask ?? [questionFor(spec.name, facts)].filter((one) => one !== undefined);
    if (questions.length === 0) return this.#passed();
    this.#asked = questions.length;
    for (const [index, question] of questions.entries())
      this.#send({ type: "begin", run: index + 1, model: spec.name, ...question });
    return undefined;
  }
}
