/** Voices of Piper's family (VITS): they speak a text.
 *
 *      text ─► sentences ─► phonemes ─► their numbers in the voice's own map ─► one run ─► sound
 *
 *  A voice was trained on phonemes of espeak-ng, or on letters (`phoneme_type`). The first needs the program
 *  `espeak-ng`; where it is not installed, letters are taken for phonemes: most have a sound in the map, and few
 *  languages sound right. `[[…]]` in a text is phonemes already, for those who know better.
 *
 *  Source: https://github.com/rhasspy/piper/blob/master/TRAINING.md */
import { start } from "../children.ts";
import { failure, ok, refused } from "../../protocols/errors.ts";
import type { SpeakRequest } from "../../protocols/index.ts";
import type { Ended, Flow } from "../adapter.ts";
import { countIn, isRecord, wordIn, type Settings } from "./folder.ts";
import { areNumbers, floatsIn, type Library, type Session, type Tensor } from "./library.ts";
import { onnxLimits } from "./limits.ts";
import { pcmOf, resampler, wavHead } from "./sound.ts";
import { integers, typeOf } from "./vocabulary.ts";

/** What a clause sounds like, in phonemes; undefined: nobody knows. */
type Phonemize = (clause: string) => Promise<string | undefined>;

interface Parts {
  readonly config: Settings;
  readonly library: Library;
  readonly session: Session;
  /** Of the voice's language. Absent: letters are taken. */
  readonly phonemize?: Phonemize;
}

/** What `audio/pcm` is for OpenAI's clients. */
const rawRate = 24_000;
const speeds = { min: 0.25, max: 4 };

type Speak = (request: SpeakRequest, flow: Flow<"speak">) => Promise<Ended<"speak">>;

/** Makes the function that speaks. Throws what makes the model none that does. */
export function createVoice({ config, library, session, phonemize }: Parts): Speak {
  const strange = session.inputNames.filter((name) => !["input", "input_lengths", "scales", "sid"].includes(name));
  if (strange.length > 0) throw new Error(`it wants ${strange.join(", ")}, which nobody knows`);
  const [soundName = ""] = session.outputNames;
  const audio = isRecord(config["audio"]) ? config["audio"] : {};
  const rate = countIn(audio, "sample_rate") ?? 22_050;
  const numbers = numbersIn(config);
  const inference = isRecord(config["inference"]) ? config["inference"] : {};
  const scale = (name: string, otherwise: number): number => {
    const value = inference[name];
    return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : otherwise;
  };
  const scales = { noise: scale("noise_scale", 0.667), length: scale("length_scale", 1), width: scale("noise_w", 0.8) };
  const speakers = isRecord(config["speaker_id_map"]) ? config["speaker_id_map"] : {};

  async function soundOf(ids: readonly number[], speed: number, speaker: number): Promise<Float32Array> {
    const feeds: Record<string, Tensor> = {
      input: integers(ids, [1, ids.length], { library, type: typeOf(session, "input") }),
      input_lengths: integers([ids.length], [1], { library, type: typeOf(session, "input_lengths") }),
      scales: new library.Tensor("float32", Float32Array.of(scales.noise, scales.length / speed, scales.width), [3]),
    };
    if (session.inputNames.includes("sid")) feeds["sid"] = integers([speaker], [1], { library });
    const used = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name)));
    const given = await session.run(used, [soundName]);
    return floatsIn(given[soundName]!);
  }

  return async (request, flow) => {
    const { text, speed = 1, voice, mediaType } = request;
    if (text.length > onnxLimits.spokenCharsMax)
      return refused(failure("TOO_LARGE", { field: "text", max: onnxLimits.spokenCharsMax }));
    if (!(speed >= speeds.min && speed <= speeds.max))
      return refused(failure("BAD_REQUEST", { field: "speed", reason: `it is from ${speeds.min} to ${speeds.max}` }));
    const isRaw = mediaType === "audio/pcm";
    const sounds: Float32Array[] = [];
    for (const sentence of sentencesOf(text)) {
      if (flow.cancelled) return refused(failure("CANCELLED"));
      await flow.ready();
      flow.doing?.("form");
      const ids = idsOf(await phonemesOf(sentence, phonemize), numbers);
      if (ids === undefined) continue;
      flow.doing?.("native");
      const sound = await soundOf(ids, speed, speakerOf(voice, speakers, countIn(config, "num_speakers") ?? 1));
      flow.doing?.("check");
      if (!areNumbers(sound) || (1_000 * sound.length) / rate > onnxLimits.sentenceMsMax)
        return refused(failure("OUTPUT_UNFIT", { reason: "what it says is not a sound, or has no end" }));
      if (isRaw) flow.part({ bytes: pcmOf(atRate(sound, rate, rawRate)) });
      else sounds.push(sound);
    }
    if (isRaw) return ok({ mediaType: "audio/pcm" });
    // The head says how long the sound is: nothing can be sent before all is there.
    const samples = sounds.reduce((sum, { length }) => sum + length, 0);
    flow.part({ bytes: wavHead(samples, rate) });
    for (const sound of sounds) {
      await flow.ready();
      if (flow.cancelled) return refused(failure("CANCELLED"));
      flow.part({ bytes: pcmOf(sound) });
    }
    return ok({ mediaType: "audio/wav" });
  };
}

const atRate = (samples: Float32Array, rate: number, wanted: number): Float32Array =>
  resampler({ rate, samples }, wanted)(0, Math.ceil((samples.length * wanted) / rate));

/** By name or number; a name that the voice does not know is the first, as clients always name one of OpenAI's. */
export function speakerOf(voice: string | undefined, speakers: Settings, count: number): number {
  const named = voice !== undefined && Object.hasOwn(speakers, voice) ? speakers[voice] : Number(voice);
  return typeof named === "number" && Number.isInteger(named) && named >= 0 && named < count ? named : 0;
}

/** The numbers of each phoneme. Throws where the settings have none. */
function numbersIn(config: Settings): ReadonlyMap<string, readonly number[]> {
  const map = config["phoneme_id_map"];
  const numbers = new Map<string, readonly number[]>();
  for (const [phoneme, ids] of Object.entries(isRecord(map) ? map : {}))
    if (Array.isArray(ids) && ids.every((one) => Number.isSafeInteger(one) && one >= 0)) numbers.set(phoneme, ids);
  if (numbers.size === 0) throw new Error("its settings name no phonemes");
  return numbers;
}

/** Texts that are spoken in one run each: sentences, the long ones cut at a space. */
export function sentencesOf(text: string): readonly string[] {
  const { sentenceCharsMax: max } = onnxLimits;
  // Phonemes between brackets belong together, whatever is in them.
  const sentences = text.match(/(?:\[\[[^\]]*\]\]|[^.!?\n])+(?:[.!?]+|\n|$)/gu) ?? [];
  return sentences
    .filter((one) => /[\p{L}\p{N}]|\[\[/u.test(one))
    .flatMap((sentence) => {
      const pieces: string[] = [];
      let left = sentence.trim();
      while (left.length > max) {
        const space = left.lastIndexOf(" ", max);
        const end = space > 0 ? space : max;
        pieces.push(left.slice(0, end));
        left = left.slice(end).trim();
      }
      return left === "" ? pieces : [...pieces, left];
    });
}

/** The phonemes of a piece; marks, and what nobody can spell, as they are. */
async function heardOf(piece: string, phonemize: Phonemize | undefined): Promise<string> {
  const [, before = "", word = "", after = ""] = /^(\s*)(.*?)(\s*)$/su.exec(piece) ?? [];
  const isWord = /[\p{L}\p{N}]/u.test(word);
  return before + (isWord && phonemize !== undefined ? ((await phonemize(word)) ?? word) : word) + after;
}

/** What a sentence sounds like. What is between `[[` and `]]` is phonemes already. */
export async function phonemesOf(sentence: string, phonemize: Phonemize | undefined): Promise<string> {
  const parts = sentence.split(/(\[\[[^\]]*\]\])/u);
  let phonemes = "";
  for (const part of parts)
    if (part.startsWith("[[")) phonemes += part.slice(2, -2);
    // Marks between clauses are phonemes of their own: a voice pauses at them.
    else for (const piece of part.split(/([,;:.!?]+)/u)) phonemes += await heardOf(piece, phonemize);
  return phonemes.replaceAll(/\s+/gu, " ").trim();
}

/** The numbers of a row of phonemes: with a mark at both ends, and a pause behind each. Those that the voice does not
 *  know are left out; undefined: it knows none. */
export function idsOf(
  phonemes: string,
  numbers: ReadonlyMap<string, readonly number[]>,
): readonly number[] | undefined {
  const of = (phoneme: string): readonly number[] => numbers.get(phoneme) ?? [];
  // A letter with its accent is two phonemes, as they were when the voice was trained.
  const all = Array.from(phonemes.normalize("NFD"));
  const known = all.flatMap((one) =>
    numbers.has(one) ? [one] : numbers.has(one.toLowerCase()) ? [one.toLowerCase()] : [],
  );
  if (!known.some((one) => one.trim() !== "")) return undefined;
  return [...of("^"), ...of("_"), ...known.flatMap((one) => [...of(one), ...of("_")]), ...of("$")];
}

const spellMsMax = 5_000;
const spelledBytesMax = 64 * 1024;

/** Phonemes by espeak-ng, where the voice was trained on them and the program is installed. */
export async function espeakFor(config: Settings, program = "espeak-ng"): Promise<Phonemize | undefined> {
  const espeak = isRecord(config["espeak"]) ? config["espeak"] : {};
  const voice = wordIn(espeak, "voice");
  if (wordIn(config, "phoneme_type") === "text" || voice === undefined || !/^[\w-]{1,32}$/u.test(voice))
    return undefined;
  const ask: Phonemize = (clause) =>
    new Promise((resolve) => {
      const streams = ["pipe", "pipe", "ignore"] as const;
      const child = start(program, ["-q", "-b", "1", "--ipa", "-v", voice, "--stdin"], {
        streams,
        timeoutMs: spellMsMax,
      });
      let said = "";
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (said.length > spelledBytesMax) child.kill("SIGKILL");
      });
      child.on("error", () => resolve(undefined));
      child.on("close", (code) =>
        resolve(
          code === 0
            ? said
                .replaceAll(/\([a-z-]+\)|[\u200d_]/gu, "")
                .replaceAll(/\s+/gu, " ")
                .trim()
            : undefined,
        ),
      );
      // By its input: a text is no argument.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(`${clause}\n`);
    });
  const said = await ask("a");
  return said === undefined || said === "" ? undefined : ask;
}
