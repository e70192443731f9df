/** What the echo makes of words: vectors, scores, numbers and tones. Nothing of it means anything, all of it is the
 *  same every time. */
import { bytesOfFloats, type TokenLogprob } from "../../protocols/engines/generation.ts";
import { hash32 } from "../../protocols/ids.ts";
import { echoTokens, wordsOf } from "./reply.ts";

/** Numbers of a vector. */
const vectorLength = 64;

/** A vector of length 1: the sum of its words' directions. Equal texts have equal ones, and texts that share words are
 *  nearer. */
export function vectorOf(text: string): Uint8Array {
  const sum = new Float64Array(vectorLength);
  const words = wordsOf(text);
  for (const word of words.length === 0 ? [text] : words)
    for (let index = 0; index < vectorLength; index += 1) sum[index]! += hash32(`${index} ${word}`) / 2 ** 31 - 1;
  const length = Math.hypot(...sum) || 1;
  return bytesOfFloats(sum.map((value) => value / length));
}

/** How many of the query's words are in the document: 0 to 1. */
export function overlapOf(query: string, document: string): number {
  const asked = new Set(wordsOf(query));
  const there = new Set(wordsOf(document));
  return asked.size === 0 ? 0 : [...asked].filter((word) => there.has(word)).length / asked.size;
}

/** The classes that it tells apart. */
export const textKinds = ["statement", "question"] as const;

/** Whether a text ends as a question does: a score for each class. */
export const kindsOf = (text: string): Uint8Array => bytesOfFloats(/[?？؟]\s*$/u.test(text) ? [0, 1] : [1, 0]);

/** The numbers of a text's tokens. */
export const tokenNumbers = (text: string): readonly number[] =>
  echoTokens(text).map((token) => hash32(token) & 0x7fffffff);

/** How likely a token was, and the others that could have been: itself in other letters. */
export function logprobOf(token: string, count: number): TokenLogprob {
  const logprob = -(1 + (hash32(token) % 400)) / 1_000;
  if (count === 0) return { token, logprob };
  const others = Array.from({ length: count - 1 }, (_, index) => ({
    token: `${token}${"~".repeat(index + 1)}`,
    // Of what the token left, each has half of what was left to it.
    logprob: Math.log((1 - Math.exp(logprob)) / 2 ** (index + 1)),
  }));
  return { token, logprob, top: [{ token, logprob }, ...others] };
}

const samplesPerSecond = 8_000;

/** A WAV file that has a tone for each word, in pieces: its head, then the words. 16 bits, one channel. */
export function* tonesOf(text: string, speed: number): Generator<Uint8Array, undefined> {
  const words = wordsOf(text);
  const samples = Math.round((0.12 * samplesPerSecond) / speed);
  yield headOf(2 * samples * words.length);
  for (const word of words) {
    const view = new DataView(new ArrayBuffer(2 * samples));
    const turns = (2 * Math.PI * (220 + (hash32(word) % 660))) / samplesPerSecond;
    // Fades in and out, so that it does not click.
    for (let index = 0; index < samples; index += 1)
      view.setInt16(2 * index, 8_000 * Math.sin(turns * index) * Math.sin((Math.PI * index) / samples), true);
    yield new Uint8Array(view.buffer);
  }
}

/** The head of a WAV file with so many bytes of sound. */
function headOf(bytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(44));
  const word = (at: number, text: string): void => {
    for (let index = 0; index < 4; index += 1) view.setUint8(at + index, text.charCodeAt(index));
  };
  word(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  word(8, "WAVE");
  word(12, "fmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, samplesPerSecond, true);
  view.setUint32(28, 2 * samplesPerSecond, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, bytes, true);
  return new Uint8Array(view.buffer);
}
