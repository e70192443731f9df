/** Writes texts with one context: a prompt, perhaps a grammar, perhaps an opening of calls to look for.
 *
 *      read the request ─► render the prompt ─► borrow a sequence ─► prefill in slices ─► token by token ─► answer
 *
 *  A context has a fixed number of sequences, evaluated together in one batch; a generation borrows one. Its tokens
 *  stay in the sequence, so the next turn of the same conversation evaluates only what is new. A request with a seed
 *  starts from an empty sequence instead: reused numbers differ in their last bits, and a seed asks for the same answer
 *  again. */
import {
  LlamaGrammar,
  LlamaGrammarEvaluationState,
  type LlamaContextSequence,
  type LlamaModel,
  type SequenceEvaluateOptions,
  type Token,
} from "node-llama-cpp";
import { randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { signOfLife } from "../../protocols/engines/engine.ts";
import { failure, ok, refused, type Failure } from "../../protocols/errors.ts";
import { wireLimits } from "../../protocols/limits.ts";
import type {
  CallPiece,
  GenerationAnswer,
  GenerationEnd,
  GenerationRequest,
  TokenLogprob,
  Unfit,
} from "../../protocols/index.ts";
import type { Ended, Flow } from "../adapter.ts";
import { createAnswer } from "../answer.ts";
import { runtimeLimits } from "../limits.ts";
import { Steps } from "../steps.ts";
import { createStopMatcher } from "../stop-strings.ts";
import { bestPlace, placeMark, type Batches } from "./batches.ts";
import { createCallReader, faultsIn, faultsOfJson, triggersOf, type CallReader, type CallSyntax } from "./calls.ts";
import { createDetokenizer } from "../detokenizer.ts";
import { formOf, type Form, type Kept } from "./form.ts";
import { Gate } from "./gate.ts";
import { Guesser } from "./guesser.ts";
import type { Prompt, PromptRenderer, TooLong } from "./prompt.ts";
import { flowOf } from "../seam.ts";
import { Slices } from "./slices.ts";
import { bytesOfPiece, createToldTokens, tokenOf } from "../told-tokens.ts";
import { createThoughtSplitter, type ThoughtSplitter } from "./thoughts.ts";

/** What a writer works with. */
interface WriterParts {
  readonly model: LlamaModel;
  readonly renderer: PromptRenderer;
  readonly sequences: readonly LlamaContextSequence[];
  readonly batches: Batches;
  /** That one batch takes. */
  readonly batchTokens: number;
  /** For those who name none. */
  readonly temperature: number;
  readonly contextTokens: number;
}

/** What one generation writes, and how. */
interface Task {
  readonly request: GenerationRequest;
  readonly form: Form;
  /** Left for what compares the answer with it. */
  readonly steps: Steps;
  /** That the form is kept by. */
  readonly grammar: LlamaGrammar | undefined;
  readonly prompt: Prompt;
  /** Tokens that the answer may have. */
  readonly room: number;
  readonly flow: Flow<"generate">;
}

/** What the model says, token by token. */
type Evaluated = AsyncIterable<{ readonly token: Token; readonly probabilities?: ReadonlyMap<Token, number> }>;

/** Writes the texts of one context. */
export class Writer {
  readonly #parts: WriterParts;
  readonly #free: LlamaContextSequence[];
  readonly #waiting: (() => void)[] = [];
  readonly #gate = new Gate();
  readonly #slices: Slices;
  /** The turn of the loop in which the last form is made. */
  #forms: Promise<void> = Promise.resolve();

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#slices = new Slices(parts.batchTokens);
    this.#free = [...parts.sequences];
  }

  async generate(request: GenerationRequest, wide: Flow<"generate">): Promise<Ended<"generate">> {
    const { contextTokens, renderer } = this.#parts;
    const flow = flowOf(request, wide);
    // One form is made in a turn of the loop. Between them is heard who gave up: of those none is made.
    this.#forms = this.#forms.then(() => setImmediate());
    await this.#forms;
    if (flow.cancelled) return ok({ end: "stopped", promptTokens: 0, completionTokens: 0 });
    const steps = new Steps();
    flow.doing?.("form");
    // The syntax of calls is found by rendering the template.
    const syntax = (): CallSyntax => {
      flow.doing?.("prompt");
      const found = renderer.callSyntax();
      flow.doing?.("form");
      return found;
    };
    const understood = formOf(request, syntax, steps);
    if (understood.type === "refused") return refused(understood.error);
    const { form } = understood;
    const tools = form.type === "calls" ? (request.tools ?? []) : [];
    let rendered: Prompt | TooLong;
    try {
      flow.doing?.("prompt");
      // One is left for the answer.
      const tokensMax = contextTokens - 1;
      const rendering = renderer.render(request.messages, { tools, thinking: request.thinking, tokensMax });
      // The template has been rendered; what is left is done by native code.
      flow.doing?.("native");
      rendered = await rendering;
    } catch (thrown) {
      // Templates refuse orders of roles they do not know.
      return refused(failure("BAD_REQUEST", { field: "messages", reason: String(thrown) }));
    }
    if ("promptTokensMin" in rendered) return refused(failure("CONTEXT_TOO_LONG", { ...rendered, contextTokens }));
    const prompt = form.type === "calls" && form.begins ? opened(rendered, renderer) : rendered;
    const promptTokens = prompt.tokens.length;
    // An opening that the model writes is put there as the template has it, which may take more tokens.
    const opening = form.type === "calls" && !form.begins ? renderer.opening().length : 0;
    const room = contextTokens - promptTokens - opening;
    if (promptTokens === 0 || room < 1)
      return refused(failure("CONTEXT_TOO_LONG", { promptTokens: promptTokens + opening, contextTokens }));
    if (flow.cancelled) return ok({ end: "stopped", promptTokens, completionTokens: 0 });
    let grammar: LlamaGrammar | undefined;
    try {
      if (form.type !== "text") grammar = new LlamaGrammar(this.#parts.model.llama, { grammar: form.grammar });
    } catch (thrown) {
      const field = form.type === "calls" ? "tools" : "format";
      return refused(failure("BAD_REQUEST", { field, reason: `the schema makes no grammar: ${String(thrown)}` }));
    }

    const sequence = await this.#borrow(prompt.tokens, request.sampling.seed !== undefined);
    const guesser = sequence.tokenPredictor;
    if (guesser instanceof Guesser) guesser.wanted = () => !flow.cancelled;
    try {
      return await this.#write({ request, form, steps, grammar, prompt, room, flow }, sequence);
    } finally {
      this.#free.push(sequence);
      this.#waiting.shift()?.();
    }
  }

  /** The free sequence that already holds most of these tokens, or about as many beside those who write. The node sends
   *  no more generations than there are sequences; waiting covers the moment between an end and the next begin. */
  async #borrow(tokens: Token[], anew: boolean): Promise<LlamaContextSequence> {
    while (this.#free.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const free = this.#free.map((sequence) => ({ place: this.#placeOf(sequence), held: heldOf(sequence, tokens) }));
    if (!anew) {
      const lender = this.#lender(tokens, Math.max(...free.map(({ held }) => held)));
      if (lender !== undefined) {
        // What nobody can go on with is written over: of the free ones, that which has least.
        const lengths = this.#free.map(({ nextTokenIndex }) => nextTokenIndex);
        const [borrowed] = this.#free.splice(lengths.indexOf(Math.min(...lengths)), 1);
        await this.#copy(lender, borrowed!, Math.min(heldOf(lender, tokens), tokens.length - 1));
        return borrowed!;
      }
    }
    const { sequences } = this.#parts;
    const best = bestPlace(free, sequences.length);
    return this.#free.splice(free.indexOf(best), 1)[0]!;
  }

  /** Its number in the context: it was the first, the second, … to be made there. */
  #placeOf(sequence: LlamaContextSequence): number {
    return this.#parts.sequences.indexOf(sequence);
  }

  /** The busy sequence that has so much more of the prompt than any free one that to copy is cheaper than to read. */
  #lender(tokens: Token[], most: number): LlamaContextSequence | undefined {
    const { sequences } = this.#parts;
    if (sequences.some(({ tokenPredictor }) => tokenPredictor !== undefined)) return undefined;
    const busy = sequences.filter((sequence) => !this.#free.includes(sequence));
    const [best] = busy.toSorted((one, other) => heldOf(other, tokens) - heldOf(one, tokens));
    return best !== undefined && heldOf(best, tokens) - most >= runtimeLimits.copiedTokensMin ? best : undefined;
  }

  /** Puts the beginning of one sequence into another. */
  async #copy(from: LlamaContextSequence, to: LlamaContextSequence, tokens: number): Promise<void> {
    // The library has it for itself; without it nothing is copied, and the prompt is read.
    const copy = (to as unknown as Copying)._copyStateFromOtherSequence?.bind(to);
    if (copy === undefined) return;
    await this.#gate.closedDuring(async () => {
      if (!(await copy(from, tokens))) await to.clearHistory();
    });
  }

  async #write(task: Task, sequence: LlamaContextSequence): Promise<Ended<"generate">> {
    const { request, form, grammar, prompt, room, flow } = task;
    const { model } = this.#parts;
    const promptTokens = prompt.tokens.length;
    const tokensMax = Math.min(request.sampling.maxTokens ?? wireLimits.maxTokensMax, room);
    const written = new Written(task, model, tokensMax);
    const { left, kept } = await this.#prefill(sequence, prompt.tokens, request.sampling.seed !== undefined, flow);
    const done = (end: GenerationEnd): Ended<"generate"> =>
      ok({
        end,
        promptTokens,
        completionTokens: written.tokens,
        ...(kept > 0 && { cachedTokens: kept }),
        ...written.stopped,
        ...(written.unfit.length > 0 && { unfit: written.unfit }),
      });
    const finish = (end: GenerationEnd): Ended<"generate"> => {
      const finished = written.finish(end);
      return typeof finished === "string" ? done(finished) : refused(finished);
    };
    if (flow.cancelled) return done("stopped");

    let next = left;
    for (;;) {
      const tokens = this.#evaluate(sequence, next, request, isKept(form, written.inCalls) ? grammar : undefined);
      const end = await this.#take(tokens, task, written);
      if (end !== "opened") return finish(end);
      // Again only where a call begins: behind its opening, under the grammar of calls.
      next = await this.#rewind(sequence, prompt.tokens, written);
    }
  }

  /** Takes tokens until the text ends, or until what comes now is calls. Meanwhile batches wait for its next token. */
  async #take(tokens: Evaluated, { prompt, form, flow }: Task, written: Written): Promise<GenerationEnd | "opened"> {
    const { batches } = this.#parts;
    batches.join();
    try {
      for await (const { token, probabilities } of tokens) {
        if (prompt.stopTokens.has(token)) return "complete";
        const step = written.push(token, probabilities);
        if (step === "opened" && form.type === "calls" && form.alsoText) continue;
        if (step !== undefined) return step;
        if (flow.cancelled) return "stopped";
        const pause = flow.ready() ?? this.#gate.pass();
        if (pause !== undefined) {
          batches.leave();
          await pause;
          await this.#gate.pass();
          batches.join();
        }
        if (flow.cancelled) return "stopped";
      }
      return "complete";
    } finally {
      batches.leave();
    }
  }

  #evaluate(
    sequence: LlamaContextSequence,
    tokens: Token[],
    { sampling, logprobs }: GenerationRequest,
    grammar: LlamaGrammar | undefined,
  ): Evaluated {
    const { model } = this.#parts;
    const options: SequenceEvaluateOptions = {
      ...placeMark(this.#placeOf(sequence)),
      temperature: sampling.temperature ?? this.#parts.temperature,
      ...(sampling.topP !== undefined && { topP: sampling.topP }),
      ...(sampling.topK !== undefined && { topK: sampling.topK }),
      ...(sampling.minP !== undefined && { minP: sampling.minP }),
      // Without one the library takes the second of the clock: two at once would say the same.
      seed: sampling.seed ?? Math.floor(Math.random() * 2 ** 31),
      ...(grammar !== undefined && {
        grammarEvaluationState: new LlamaGrammarEvaluationState({ model, grammar }),
      }),
    };
    if (logprobs === undefined) return sequence.evaluateWithMetadata(tokens, {}, options);
    // Of all tokens, not of those that the library leaves to choose from by default.
    const whole = { topK: sampling.topK ?? 0, topP: sampling.topP ?? 1, minP: sampling.minP ?? 0 };
    return sequence.evaluateWithMetadata(tokens, { probabilities: true }, { ...options, ...whole });
  }

  /** Takes back what was written of an opening, puts it there as the template has it, and returns what is left to
   *  evaluate. */
  async #rewind(sequence: LlamaContextSequence, prompt: Token[], written: Written): Promise<Token[]> {
    const wanted = [...prompt, ...written.beforeOpening(), ...this.#parts.renderer.opening()];
    const kept = Math.min(sequence.compareContextTokens(wanted).firstDifferentIndex, wanted.length - 1);
    await this.#gate.closedDuring(() => sequence.adaptStateToTokens(wanted.slice(0, kept), false));
    return wanted.slice(sequence.nextTokenIndex);
  }

  /** Evaluates the prompt but for its end, in slices, so that other sequences of the batch wait for a slice only.
   *  Returns the tokens that are left to evaluate: at least one, since the next token is sampled from its output. */
  async #prefill(
    sequence: LlamaContextSequence,
    tokens: Token[],
    anew: boolean,
    flow: Flow<"generate">,
  ): Promise<{ readonly left: Token[]; readonly kept: number }> {
    const held = anew ? 0 : Math.min(sequence.compareContextTokens(tokens).firstDifferentIndex, tokens.length - 1);
    if (held < sequence.nextTokenIndex)
      await this.#gate.closedDuring(() =>
        held === 0 ? sequence.clearHistory() : sequence.adaptStateToTokens(tokens.slice(0, held), false),
      );
    const mark = placeMark(this.#placeOf(sequence));
    // Less than was held where the model's memory cannot be cut at any place.
    const kept = sequence.nextTokenIndex;
    let position = kept;
    // The same seed reads in the same slices.
    const slice = (): number =>
      anew ? runtimeLimits.prefillSliceTokens : this.#slices.tokens(this.#parts.batches.busy);
    for (let size = slice(); tokens.length - position > size && !flow.cancelled; size = slice()) {
      await this.#gate.pass();
      const startMs = performance.now();
      await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(position, position + size), mark);
      this.#slices.took(size, performance.now() - startMs);
      position += size;
      // While a long prompt is read there is no part of an answer yet, but the caller hears that work goes on.
      flow.part(signOfLife);
    }
    await this.#gate.pass();
    return { left: tokens.slice(position), kept };
  }
}

/** How many of these tokens a sequence begins with. */
const heldOf = (sequence: LlamaContextSequence, tokens: Token[]): number =>
  sequence.compareContextTokens(tokens).firstDifferentIndex;

/** What a sequence of the library has beyond its types. */
interface Copying {
  _copyStateFromOtherSequence?(from: LlamaContextSequence, tokens: number): Promise<boolean>;
}

/** What a model of the library has beyond its types. */
interface Naming {
  readonly _model?: { getTokenString?(token: Token): string };
}

const opened = (prompt: Prompt, renderer: PromptRenderer): Prompt => ({
  ...prompt,
  tokens: [...prompt.tokens, ...renderer.opening()],
});

/** Whether what comes now is under the form's grammar. */
const isKept = (form: Form, inCalls: boolean): boolean =>
  form.type === "json" || (form.type === "calls" && (form.begins || form.alsoText || inCalls));

/** What one generation has written: text on its way out, and calls that are held until they are whole. */
class Written {
  readonly #task: Task;
  readonly #model: LlamaModel;
  readonly #answer: ReturnType<typeof createAnswer>;
  readonly #detokenizer: ReturnType<typeof createDetokenizer<Token>>;
  readonly #thoughts: ThoughtSplitter;
  readonly #opening: ReturnType<typeof createStopMatcher>;
  readonly #calls: CallReader | undefined;
  readonly #callIds: string[] = [];
  readonly #said: { readonly token: Token; readonly charsAfter: number }[] = [];
  /** Of the text so far: all, those that are of the answer, and those before an opening that may come. */
  #chars = 0;
  #charsOfAnswer = 0;
  #charsBefore = 0;
  /** What the text has to be, where it is no call. */
  readonly #schema: Kept | undefined;
  /** JSON as it was written, to check it. */
  #held = "";
  readonly #told = createToldTokens();
  /** Whether what comes now is calls. */
  inCalls: boolean;
  /** What of the answer does not fit its schemas. */
  readonly unfit: Unfit[] = [];

  constructor(task: Task, model: LlamaModel, tokensMax: number) {
    const { form, request, prompt } = task;
    const { thoughts } = prompt;
    this.#task = task;
    this.#model = model;
    // A grammar has its own end: a stop text within it would cut it in two.
    const stops = form.type === "text" || form.type === "calls" ? (request.stop ?? []) : [];
    this.#answer = createAnswer([...stops, ...prompt.stopTexts], tokensMax);
    // Under a grammar from its beginning, an answer has no thought before it.
    // Nor has the rest of one that was begun.
    const continues = request.messages.at(-1)?.continues === true;
    const free = !continues && (form.type === "text" || (form.type === "calls" && !form.begins && !form.alsoText));
    this.#thoughts = createThoughtSplitter(free ? thoughts : undefined);
    // Marks of thoughts and openings of calls may be control tokens, which are else no text.
    const visible = form.type === "calls" || (free && thoughts !== undefined);
    this.#detokenizer = createDetokenizer<Token>(
      (tokens, before) => model.detokenize(tokens, visible, before),
      // At the beginning of an answer no space is wanted, in its midst each is.
      continues ? prompt.tokens : [],
    );
    this.#calls = form.type === "calls" ? createCallReader(form.syntax, form.tools) : undefined;
    this.#schema = form.type === "json" || (form.type === "calls" && form.alsoText) ? form.schema : undefined;
    this.inCalls = form.type === "calls" && form.begins;
    this.#opening = createStopMatcher(
      form.type !== "calls" || form.begins
        ? []
        : form.alsoText
          ? [form.syntax.section + form.syntax.opening]
          : triggersOf(form.syntax),
    );
  }

  get tokens(): number {
    return this.#answer.tokens;
  }

  /** Which of the request's texts ended it; those of the template were not asked for. */
  get stopped(): Pick<GenerationAnswer, "stoppedBy"> {
    const { stoppedBy } = this.#answer;
    return stoppedBy !== undefined && this.#task.request.stop?.includes(stoppedBy) === true ? { stoppedBy } : {};
  }

  /** Takes a token. `opened`: behind it are calls. */
  push(
    token: Token,
    probabilities: ReadonlyMap<Token, number> | undefined,
  ): "opened" | "complete" | "length" | undefined {
    const text = this.#detokenizer.push(token);
    this.#chars += text.length;
    this.#said.push({ token, charsAfter: this.#chars });
    const told = probabilities !== undefined && !this.inCalls;
    if (told) this.#told.push(this.#logprobOf(token, probabilities), this.#bytesOf(token), text);
    if (this.inCalls) {
      this.#sayCalls(text);
      return this.#pass("");
    }
    const { thought, text: said } = this.#thoughts.push(text);
    if (thought !== "") this.#task.flow.part({ text: "", tokens: 0, thought });
    if (told) this.#told.begin(said);
    this.#charsOfAnswer += said.length;
    const { text: free, matched } = this.#opening.push(said);
    this.#charsBefore += free.length;
    const end = this.#pass(free);
    if (!matched) return end;
    // What was thought is before the opening, too.
    this.#charsBefore += this.#chars - this.#charsOfAnswer;
    this.inCalls = true;
    return end ?? "opened";
  }

  #pass(text: string): "complete" | "length" | undefined {
    if (this.#schema !== undefined) this.#held += text;
    const step = this.#answer.push(text);
    this.#say(step, step.end !== undefined);
    return step.end === "complete" || step.end === "length" ? step.end : undefined;
  }

  /** Says what is new of calls. */
  #sayCalls(text: string): void {
    const pieces = this.#calls?.push(text) ?? [];
    if (pieces.length === 0) return;
    const said = pieces.map(({ index, name, arguments: piece }): CallPiece => {
      if (index < this.#callIds.length) return { index, arguments: piece };
      const id = `call_${randomUUID().replaceAll("-", "")}`;
      this.#callIds.push(id);
      return { index, id, name, arguments: piece };
    });
    this.#task.flow.part({ text: "", tokens: 0, pieces: said });
  }

  #say({ text, tokens }: { readonly text: string; readonly tokens: number }, isLast: boolean): void {
    const logprobs = [...this.#told.out(text), ...(isLast ? this.#told.rest() : [])];
    if (text === "" && logprobs.length === 0) return;
    this.#task.flow.part({ text, tokens, ...(logprobs.length > 0 && { logprobs }) });
  }

  /** The bytes of a token: by its text, or where it is a piece of a character, by how the vocabulary writes it. */
  #bytesOf(token: Token): Uint8Array {
    const text = this.#model.detokenize([token], true);
    if (!text.includes("\uFFFD")) return Buffer.from(text);
    // The library has it for itself; without it such a piece is a mark.
    const piece = (this.#model as unknown as Naming)._model?.getTokenString?.(token);
    return (piece === undefined ? undefined : bytesOfPiece(piece)) ?? Buffer.from(text);
  }

  /** The tokens of the text before the opening, from which the calls go on. */
  beforeOpening(): Token[] {
    const whole = this.#said.filter(({ charsAfter }) => charsAfter <= this.#charsBefore);
    const rest = this.#charsBefore - (whole.at(-1)?.charsAfter ?? 0);
    const tokens = whole.map(({ token }) => token);
    if (rest === 0) return tokens;
    // A token that is half text and half opening.
    const split = this.#said[whole.length]!;
    const text = this.#model.detokenize([split.token], false, tokens).slice(0, rest);
    return [...tokens, ...this.#model.tokenize(text, false)];
  }

  /** Says what was held back. Returns how it ended, or why it counts for nothing. */
  finish(end: GenerationEnd): GenerationEnd | Failure {
    // Native code, too.
    const rest = this.#detokenizer.flush();
    this.#task.flow.doing?.("check");
    if (this.inCalls) return this.#finishCalls(end, rest);
    const last = [this.#thoughts.push(rest), this.#thoughts.flush()];
    const thought = last.map((one) => one.thought).join("");
    if (thought !== "") this.#task.flow.part({ text: "", tokens: 0, thought });
    const free = last.map(({ text }) => this.#opening.push(text).text).join("") + this.#opening.flush();
    const schema = this.#schema;
    if (schema !== undefined) this.#held += free;
    this.#say(this.#answer.finish(free), true);
    if (end !== "complete" || schema === undefined) return end;
    const faults = faultsOfJson(schema, this.#held, this.#task.steps);
    if (faults === undefined) return this.#unfit();
    this.unfit.push(...faults);
    return end;
  }

  #finishCalls(end: GenerationEnd, rest: string): GenerationEnd | Failure {
    const { form } = this.#task;
    if (form.type !== "calls" || this.#calls === undefined) return end;
    this.#sayCalls(rest);
    const written = this.#calls.calls;
    for (const call of written) {
      const faults = faultsIn(call, form.tools, this.#task.steps);
      if (faults === undefined) return this.#unfit();
      this.unfit.push(...faults.map((fault) => ({ tool: call.name, ...fault })));
    }
    // What was cut off in the middle of its first call has none.
    if (written.length === 0) return end === "complete" ? this.#unfit() : end;
    const calls = written.map((call, index) => ({ id: this.#callIds[index] ?? "", ...call }));
    this.#task.flow.part({ text: "", tokens: 0, calls });
    return end === "complete" ? "calls" : end;
  }

  #unfit(): Failure {
    return failure("OUTPUT_UNFIT", { model: this.#task.request.model });
  }

  #logprobOf(token: Token, probabilities: ReadonlyMap<Token, number>): TokenLogprob {
    const named = (one: Token): Pick<TokenLogprob, "token" | "bytes"> => tokenOf(this.#bytesOf(one));
    const { request } = this.#task;
    // Sampling divides by the temperature first: that is taken back, and what is left is made to add up to one again.
    const temperature = request.sampling.temperature ?? 1;
    const scale = temperature > 0 ? temperature : 1;
    let sum = 0;
    for (const one of probabilities.values()) sum += one ** scale;
    const logprobOf = (one: number): number => Math.max(logprobMin, scale * Math.log(one) - Math.log(sum));
    const top = [...probabilities].slice(0, request.logprobs);
    return {
      ...named(token),
      logprob: logprobOf(probabilities.get(token) ?? 0),
      ...(request.logprobs !== undefined &&
        request.logprobs > 0 && { top: top.map(([one, p]) => ({ ...named(one), logprob: logprobOf(p) })) }),
    };
  }
}

/** What OpenAI's interface says of a token that cannot be: JSON has no infinity. */
const logprobMin = -9_999;
