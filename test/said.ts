/** What engines say, as tests write it. */
import { ok, refused, type ErrorCode, type GenerationEnd, type Said } from "../protocols/index.ts";

/** What the engine `generate` says. */
export type Spoken = Said<"generate">;

/** A piece of the text. */
export const text = (words: string, tokens = 1): Spoken => ({ type: "part", part: { text: words, tokens } });

/** The end of a text. */
export const ended = (end: GenerationEnd, promptTokens = 1, completionTokens = 1): Spoken => ({
  type: "answered",
  result: ok({ end, promptTokens, completionTokens }),
});

/** The end of a text that was not written. */
export const failed = (error: Parameters<typeof refused>[0]): Spoken => ({ type: "answered", result: refused(error) });

/** How it ended: the end of a text, or the code of the failure; undefined for a piece of it. */
export const endOf = (said: Spoken | undefined): GenerationEnd | ErrorCode | undefined =>
  said?.type === "answered" ? (said.result.ok ? said.result.value.end : said.result.error.code) : undefined;
