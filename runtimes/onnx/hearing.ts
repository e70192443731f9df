/** Models of Whisper's family: they write down what is said.
 *
 *      WAV ─► 16 kHz ─► 30 seconds ─► bands of pitch ─► encoder ─► decoder, token by token ─► segments with their times
 *                           ▲                                                                     │
 *                           └──────────────────── goes on where the last whole segment ends ◄─────┘
 *
 *  The likeliest token is taken each time. */
import { join } from "node:path";
import { failure, failureOf, ok, PlexusError, refused, type Failure } from "../../protocols/errors.ts";
import type { TranscribeRequest } from "../../protocols/index.ts";
import { doing, type Ended, type Flow } from "../adapter.ts";
import { createRows, likeliest, sumOfLikelihoods, type Row } from "./decoder.ts";
import { countIn, readSettings, type Settings } from "./folder.ts";
import { plainly, type Library, type Session, type Tensors, type Tokenizer } from "./library.ts";
import { onnxLimits } from "./limits.ts";
import { readWav, resampler } from "./sound.ts";
import { createListener, heardRate, stretchFrames, stretchSamples } from "./spectrum.ts";
import { forbid, segmentsOf, type Marks } from "./transcript.ts";
import { typeOf } from "./vocabulary.ts";

interface Parts {
  readonly root: string;
  readonly config: Settings;
  readonly library: Library;
  readonly encoder: Session;
  readonly decoder: Session;
  readonly tokenizer: Tokenizer;
}

/** Tokens of a vocabulary that say what to do; absent ones are not known to the model. */
interface Orders {
  readonly transcribe: number | undefined;
  readonly translate: number | undefined;
  readonly before: number | undefined;
  readonly silence: number | undefined;
  /** By their codes. Empty: the model knows one language, and is not told. */
  readonly languages: ReadonlyMap<string, number>;
}

/** Whether nobody speaks: so likely, and what was written so unlikely. */
const silenceMin = 0.6;
const meanLikelihoodMax = -1;

type HearingFlow = Flow<"transcribe">;
type Hear = (request: TranscribeRequest, flow: HearingFlow) => Promise<Ended<"transcribe">>;

/** Makes the function that writes down what is said. Throws what makes the model none that does. */
export function createHearing(parts: Parts): Hear {
  const { root, config, library, encoder, decoder, tokenizer } = parts;
  if (typeOf(encoder, "input_features") !== "float32") throw new Error("its encoder takes no numbers of 32 bits");
  const [heardName = ""] = encoder.outputNames;
  const begin = createRows(decoder, library, ["encoder_hidden_states"]);
  const preparing = readSettings(join(root, "preprocessor_config.json"));
  const bands = countIn(config, "num_mel_bins") ?? countIn(preparing, "feature_size") ?? 80;
  const listen = createListener(bands);
  const { marks, orders } = tokensIn(tokenizer, readSettings(join(root, "generation_config.json")) ?? {}, config);
  const contextTokens = countIn(config, "max_target_positions") ?? 2 * onnxLimits.stretchTokensMax;

  async function hear(stretch: Float32Array, flow: HearingFlow): Promise<Tensors> {
    const features = new library.Tensor("float32", listen(stretch), [1, bands, stretchFrames]);
    const given = await doing(flow, "native", () => encoder.run({ input_features: features }, [heardName]));
    return { encoder_hidden_states: given[heardName]! };
  }

  /** The language that the model takes it for. */
  async function languageOf(heard: Tensors): Promise<string | undefined> {
    const [logits] = await begin(heard).read([marks.start]);
    const known = [...orders.languages];
    return known.toSorted(([, one], [, other]) => logits![other]! - logits![one]!)[0]?.[0];
  }

  /** Tokens of what is said; undefined: the call is cancelled. */
  async function write(heard: Tensors, prompt: readonly number[], flow: HearingFlow) {
    const row: Row = begin(heard);
    const [atStart, ...others] = await row.read(prompt, prompt.length - prompt.indexOf(marks.start));
    let logits = others.at(-1) ?? atStart!;
    const nobody = orders.silence === undefined ? 0 : Math.exp(atStart![orders.silence]! - sumOfLikelihoods(atStart!));
    const written: number[] = [];
    let likelihood = 0;
    const most = Math.min(onnxLimits.stretchTokensMax, contextTokens - prompt.length);
    for (;;) {
      if (flow.cancelled) return undefined;
      forbid(logits, written, marks);
      const token = likeliest(logits);
      likelihood += logits[token]! - sumOfLikelihoods(logits);
      if (token === marks.end) break;
      written.push(token);
      if (written.length >= most) break;
      logits = (await row.read([token])).at(-1)!;
    }
    const isSilence = nobody > silenceMin && likelihood / (written.length + 1) < meanLikelihoodMax;
    return isSilence ? [] : written;
  }

  return async (request, flow) => {
    const sound = doing(flow, "form", () => readWav(request.audio.bytes));
    if ("refused" in sound) return refused(failure("BAD_REQUEST", { field: "audio", reason: sound.refused }));
    const durationMs = Math.round((1_000 * sound.samples.length) / sound.rate);
    const wrong = wrongOrder(request, durationMs, orders);
    if (wrong !== undefined) return refused(wrong);
    const stretchAt = resampler(sound, heardRate);
    const samples = Math.ceil((sound.samples.length * heardRate) / sound.rate);
    const before = saidBefore(request, orders, tokenizer).slice(-Math.floor(contextTokens / 2) + 1);
    let language = request.language?.toLowerCase();
    try {
      for (let from = 0; from < samples;) {
        if (flow.cancelled) return refused(failure("CANCELLED"));
        await flow.ready();
        const stretch = doing(flow, "form", () => stretchAt(from, stretchSamples));
        const heard = await hear(stretch, flow);
        language ??= orders.languages.size > 0 ? await languageOf(heard) : undefined;
        const task = request.translate === true ? orders.translate : orders.transcribe;
        const told = language === undefined || orders.languages.size === 0 ? undefined : orders.languages.get(language);
        const order = told === undefined ? [] : [told, task].filter((one) => one !== undefined);
        const spoken = before.length > 0 ? [orders.before!, ...before] : [];
        const written = await write(heard, [...spoken, marks.start, ...order], flow);
        if (written === undefined) return refused(failure("CANCELLED"));
        const { segments, heardSeconds } = segmentsOf(written, marks);
        const fromMs = (1_000 * from) / heardRate;
        for (const segment of segments) {
          const text = tokenizer.decode(segment.tokens, plainly);
          const at = (seconds: number): number => Math.min(durationMs, Math.round(fromMs + 1_000 * seconds));
          if (text.trim() !== "") flow.part({ text, fromMs: at(segment.from), toMs: at(segment.to) });
        }
        from += Math.max(1, Math.round(heardSeconds * heardRate));
      }
    } catch (thrown) {
      if (thrown instanceof PlexusError) return refused(failureOf(thrown));
      throw thrown;
    }
    return ok({ durationMs, ...(language !== undefined && { language }) });
  };
}

/** The caller's words on what was said before the sound, as tokens. */
const saidBefore = ({ prompt }: TranscribeRequest, { before }: Orders, tokenizer: Tokenizer): readonly number[] =>
  prompt === undefined || before === undefined
    ? []
    : tokenizer.encode(` ${prompt.trim()}`, { add_special_tokens: false }).ids;

function wrongOrder(
  { language, translate }: TranscribeRequest,
  durationMs: number,
  orders: Orders,
): Failure | undefined {
  if (durationMs > onnxLimits.soundMsMax) return failure("TOO_LARGE", { field: "audio", max: onnxLimits.soundMsMax });
  if (translate === true && (orders.translate === undefined || orders.languages.size === 0))
    return failure("BAD_REQUEST", { field: "translate", reason: "this model knows one language" });
  if (language !== undefined && orders.languages.size > 0 && !orders.languages.has(language.toLowerCase()))
    return failure("BAD_REQUEST", { field: "language", reason: `the model does not know ${language}` });
  return undefined;
}

/** Finds the tokens that are no text. Throws where the vocabulary is of another family. */
function tokensIn(
  tokenizer: Tokenizer,
  settings: Settings,
  config: Settings,
): { readonly marks: Marks; readonly orders: Orders } {
  const find = (...names: readonly string[]): number | undefined =>
    names.map((name) => tokenizer.token_to_id(`<|${name}|>`)).find((id) => id !== undefined);
  const [end, start, noTimes] = [find("endoftext"), find("startoftranscript"), find("notimestamps")];
  if (end === undefined || start === undefined || noTimes === undefined)
    throw new Error("its vocabulary has none of the tokens that Whisper's models are told by");
  const times = find("0.00") ?? noTimes + 1;
  const [translate, transcribe] = [find("translate"), find("transcribe")];
  const isMultilingual = settings["is_multilingual"] ?? config["is_multilingual"] ?? true;
  const languages = new Map<string, number>();
  // They lie between the token of the beginning and that of the first task.
  const last = Math.min(translate ?? start, transcribe ?? start);
  for (let token = start + 1; isMultilingual === true && token < last; token += 1) {
    const code = /^<\|([a-z]{2,3})\|>$/.exec(tokenizer.decode([token], { skip_special_tokens: false }))?.[1];
    if (code !== undefined) languages.set(code, token);
  }
  const idsIn = (name: string): readonly number[] => {
    const list = settings[name] ?? config[name];
    return Array.isArray(list) ? list.filter((one) => Number.isSafeInteger(one) && one >= 0) : [];
  };
  const never = Array.from({ length: Math.max(0, times - end - 1) }, (_none, at) => end + 1 + at);
  return {
    marks: {
      end,
      start,
      never,
      times,
      suppressed: idsIn("suppress_tokens"),
      suppressedFirst: idsIn("begin_suppress_tokens"),
    },
    orders: { translate, transcribe, before: find("startofprev"), silence: find("nospeech", "nocaptions"), languages },
  };
}
