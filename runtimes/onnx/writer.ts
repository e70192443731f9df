/** Small models that write: a decoder that keeps what it has read.
 *
 *      messages ─► the model's own template ─► tokens ─► read in slices ─► token by token ─► answer
 *
 *  Each answer has a row of its own, and rows take turns token by token: they are not batched, as those of llama.cpp
 *  are. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { failure, failureOf, ok, PlexusError, refused } from "../../protocols/errors.ts";
import { wireLimits } from "../../protocols/limits.ts";
import type { GenerationEnd, GenerationRequest, Sampling } from "../../protocols/index.ts";
import { doing, type Ended, type Flow } from "../adapter.ts";
import { createAnswer } from "../answer.ts";
import { createDetokenizer } from "../detokenizer.ts";
import { runtimeLimits } from "../limits.ts";
import { tokensBeyond } from "../measure.ts";
import { createRows, likeliest } from "./decoder.ts";
import { isRecord, readSettings, wordIn, type Settings } from "./folder.ts";
import { plainly } from "./library.ts";
import type { Library, Session, Template, Tokenizer } from "./library.ts";
import { flowOf } from "../seam.ts";
import { onnxLimits } from "./limits.ts";

interface Parts {
  readonly root: string;
  readonly config: Settings;
  readonly library: Library;
  readonly session: Session;
  readonly tokenizer: Tokenizer;
  readonly contextTokens: number;
}

/** The usual choice of chat servers, as with llama.cpp. */
const usualTemperature = 0.7;

type Write = (request: GenerationRequest, flow: Flow<"generate">) => Promise<Ended<"generate">>;

const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes the function that writes. Throws what makes the model none that does. */
export function createWriter(parts: Parts): Write {
  const { root, config, library, session, tokenizer, contextTokens } = parts;
  const begin = createRows(session, library, []);
  const settings = readSettings(join(root, "tokenizer_config.json")) ?? {};
  const render = createRenderer(root, settings, library);
  const ends = endsIn(tokenizer, [readSettings(join(root, "generation_config.json")) ?? {}, config], settings);
  const encode = (text: string): readonly number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
  const decode = (tokens: readonly number[]): string => (tokens.length === 0 ? "" : tokenizer.decode(tokens, plainly));

  return async (request, wide) => {
    const flow = flowOf(request, wide);
    let pieces: readonly string[];
    try {
      pieces = doing(flow, "prompt", () => render(request));
    } catch (thrown) {
      // Templates refuse orders of roles they do not know.
      return refused(failure("BAD_REQUEST", { field: "messages", reason: String(thrown) }));
    }
    const count = (piece: string): number => encode(piece).length;
    const beyond = await tokensBeyond(pieces, contextTokens - 1, count, breathe);
    const prompt = beyond === undefined ? pieces.flatMap(encode) : [];
    const promptTokens = beyond ?? prompt.length;
    if (promptTokens === 0 || promptTokens >= contextTokens)
      return refused(failure("CONTEXT_TOO_LONG", { promptTokens, contextTokens }));
    const { sampling } = request;
    const tokensMax = Math.min(sampling.maxTokens ?? wireLimits.maxTokensMax, contextTokens - promptTokens);
    const answer = createAnswer(request.stop ?? [], tokensMax);
    const chance = chanceOf(sampling.seed ?? Math.floor(Math.random() * 2 ** 31));
    const words = createDetokenizer<number>(
      (tokens, before) => decode([...before, ...tokens]).slice(decode(before).length),
      // At the beginning of an answer no space is wanted, in its midst each is.
      request.messages.at(-1)?.continues === true ? prompt : [],
    );
    const say = ({ text, tokens }: { readonly text: string; readonly tokens: number }): void => {
      if (text !== "") flow.part({ text, tokens });
    };
    const done = (end: GenerationEnd): Ended<"generate"> => {
      const { tokens: completionTokens, stoppedBy } = answer;
      return ok({ end, promptTokens, completionTokens, ...(stoppedBy !== undefined && { stoppedBy }) });
    };
    const finished = (end: GenerationEnd): Ended<"generate"> => {
      say(answer.finish(words.flush()));
      return done(end);
    };
    const row = doing(flow, "native", () => begin({}));
    try {
      let logits: Float32Array | undefined;
      const slice = row.remembers ? runtimeLimits.prefillSliceTokens : prompt.length;
      for (let at = 0; at < prompt.length; at += slice) {
        if (flow.cancelled) return done("stopped");
        [logits] = await row.read(prompt.slice(at, at + slice));
      }
      for (;;) {
        await flow.ready();
        if (flow.cancelled) return finished("stopped");
        const token = choose(logits!, { temperature: usualTemperature, ...sampling }, chance);
        if (ends.has(token)) return finished("complete");
        const step = answer.push(words.push(token));
        say(step);
        if (step.end !== undefined) return step.end === "length" ? finished(step.end) : done(step.end);
        [logits] = await row.read([token]);
      }
    } catch (thrown) {
      if (thrown instanceof PlexusError) return refused(failureOf(thrown));
      throw thrown;
    }
  };
}

/** What `choose` goes by. */
type Choice = Pick<Sampling, "topP" | "topK" | "minP"> & { readonly temperature: number };

/** One of the tokens, by how likely they are. Pure but for `chance`, from 0 to 1. */
export function choose(
  logits: Float32Array,
  { temperature, topP = 1, topK = 0, minP = 0 }: Choice,
  chance: () => number,
): number {
  const best = likeliest(logits);
  if (temperature === 0 || topP === 0) return best;
  const most = logits[best]!;
  // What is less likely than one in a million of the likeliest is never taken. `minP` is a share before the
  // temperature, as llama.cpp has it.
  const likely: { readonly token: number; readonly weight: number }[] = [];
  for (let token = 0; token < logits.length; token += 1) {
    const weight = Math.exp((logits[token]! - most) / temperature);
    if (weight > 1e-6 && Math.exp(logits[token]! - most) >= minP) likely.push({ token, weight });
  }
  const sorted = topK > 0 || topP < 1 ? likely.toSorted((one, other) => other.weight - one.weight) : likely;
  let left = topK > 0 ? sorted.slice(0, topK) : sorted;
  const sumOf = (all: typeof left): number => all.reduce((sum, { weight }) => sum + weight, 0);
  if (topP < 1) {
    const wanted = topP * sumOf(left);
    let reached = 0;
    const count = left.findIndex(({ weight }) => (reached += weight) >= wanted);
    left = left.slice(0, count + 1);
  }
  let point = chance() * sumOf(left);
  for (const { token, weight } of left) if ((point -= weight) <= 0) return token;
  return best;
}

/** Numbers from 0 to 1, the same for the same seed (splitmix32). */
function chanceOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** The tokens that end an answer, by any of its files. Throws where there is none: its answers would have no end. */
function endsIn(tokenizer: Tokenizer, all: readonly Settings[], { eos_token: named }: Settings): ReadonlySet<number> {
  const word = isRecord(named) ? wordIn(named, "content") : typeof named === "string" ? named : undefined;
  const ids = all.flatMap(({ eos_token_id: id }) => (Array.isArray(id) ? id : [id]));
  if (word !== undefined) ids.push(tokenizer.token_to_id(word));
  const ends = new Set(ids.filter((id) => typeof id === "number"));
  if (ends.size === 0) throw new Error("it does not say which token ends an answer");
  return ends;
}

/** Where an answer that was begun ends. It is taken out of what people write, too. */
const here = "\uE001";

/** How most templates mark thoughts. */
const thought = { begins: "<think>", ends: "</think>" } as const;

/** The end of a prompt, with which a model that would think has thought already. What a template does not do of that is
 *  done here. */
function withoutThought(prompt: string, template: string): string {
  const end = prompt.trimEnd();
  if (!template.includes(thought.ends) || end.endsWith(thought.ends)) return prompt;
  return `${prompt}${end.endsWith(thought.begins) ? "" : thought.begins}\n\n${thought.ends}\n\n`;
}

/** Where a text is cut, so that what looks like a control token in it is none. It is taken out of what people write. */
const cut = "\uE000";

/** Makes the function that writes a conversation as the model was trained to read it. The pieces are read one by one:
 *  what people wrote is never a control token. Throws what is wrong with the template. */
function createRenderer(
  root: string,
  settings: Settings,
  library: Library,
): (request: GenerationRequest) => readonly string[] {
  const template = templateIn(root, settings);
  const compiled: Template | undefined = template === undefined ? undefined : library.template(template);
  const vocabulary = readSettings(join(root, "tokenizer.json"), onnxLimits.tokenizerBytesMax) ?? {};
  const added = Array.isArray(vocabulary["added_tokens"]) ? (vocabulary["added_tokens"] as readonly unknown[]) : [];
  const controls = added.flatMap((one) =>
    isRecord(one) && typeof one["content"] === "string" && one["content"].length > 1 ? [one["content"]] : [],
  );
  const nameOf = (name: string): string => {
    const value = settings[name];
    return typeof value === "string" ? value : ((isRecord(value) ? wordIn(value, "content") : undefined) ?? "");
  };
  const harmless = (text: string): string =>
    controls.reduce(
      (left, control) => left.replaceAll(control, control[0]! + cut + control.slice(1)),
      text.replaceAll(cut, "").replaceAll(here, ""),
    );
  const rendered = ({ messages, thinking }: GenerationRequest): string => {
    const told = messages.map(({ role, content, continues }) => ({
      role,
      content: harmless(content) + (continues === true ? here : ""),
    }));
    if (compiled === undefined) return `${told.map(({ content }) => content).join("\n\n")}\n`;
    const isBegun = messages.at(-1)?.continues === true;
    const text = compiled.render({
      messages: told,
      add_generation_prompt: !isBegun,
      bos_token: nameOf("bos_token"),
      eos_token: nameOf("eos_token"),
      ...(thinking !== undefined && { enable_thinking: thinking !== false, thinking: thinking !== false }),
      ...(typeof thinking === "string" && { reasoning_effort: thinking }),
    });
    return thinking === false && !isBegun ? withoutThought(text, template ?? "") : text;
  };
  return (request) => {
    const text = rendered(request);
    const end = text.lastIndexOf(here);
    return (end < 0 ? text : text.slice(0, end).trimEnd()).split(cut).filter((piece) => piece !== "");
  };
}

/** The template, in a file of its own or in the settings; undefined: there is none, and the texts stand one after the
 *  other. */
function templateIn(root: string, { chat_template: said }: Settings): string | undefined {
  const path = join(root, "chat_template.jinja");
  if (existsSync(path)) {
    if (statSync(path).size > onnxLimits.configBytesMax) throw new Error("chat_template.jinja is larger than any");
    return readFileSync(path, "utf8");
  }
  if (typeof said === "string") return said;
  const several = Array.isArray(said) ? said.filter(isRecord) : [];
  return wordIn(several.find((one) => one["name"] === "default") ?? several[0], "template");
}
