/** The text of a file of a stranger: of a document (PDF) what its pages say, of what is text by its bytes (plain text,
 *  code, tables) these. What a file is called decides nothing. */
import { cleaned } from "../../protocols/text/text.ts";
import { openedLimits as limits } from "./limits.ts";
import { textOf } from "./plain-text.ts";
import type { NotOpened, OpenedTurn, Opener } from "./tasks.ts";

/** A file whose text is wanted. */
interface TextAsked extends OpenedTurn {
  /** What its bytes were found to be. */
  readonly type: string;
  readonly bytes: number;
  /** Its first bytes, up to `end`; of a document it is asked when its turn has come. What it rejects with, the whole
   *  rejects with. */
  readonly read: (end: number) => Promise<Uint8Array>;
  /** Characters of the text that are wanted. */
  readonly charsMax: number;
  /** Pages of a document that are read at most. */
  readonly pagesMax?: number;
}

/** Why there is no text. */
export type NoText =
  | NotOpened
  /** A document of more than 16 MiB. */
  | "large"
  | "locked"
  /** Its bytes are no text. */
  | "notText"
  /** A document says nothing: its pages may be pictures. */
  | "silent";

/** The text of a file, or why there is none. */
export type FileText =
  | {
      readonly type: "text";
      /** Whole characters, at most `charsMax` UTF-16 units. */
      readonly text: string;
      /** It is not all of the text; absent: it is. */
      readonly part?:
        | { readonly of: "characters" }
        | { readonly of: "bytes" }
        | { readonly of: "pages"; readonly pages: number; readonly pagesRead: number };
    }
  | { readonly type: "none"; readonly why: NoText };

const none = (why: NoText): FileText => ({ type: "none", why });

/** Reads it. A document is opened in the process for files of strangers, in its turn; bounded in time, memory, pages
 *  and characters there. Text is decoded here, from its first MiB. */
export async function textOfFile(opener: Pick<Opener, "tried">, asked: TextAsked): Promise<FileText> {
  if (asked.type === "application/pdf") return textOfPdf(opener, asked);
  const end = Math.min(asked.bytes, limits.textBytesMax);
  const isWhole = end === asked.bytes;
  const text = textOf(await asked.read(end), isWhole);
  if (text === undefined) return none("notText");
  return cut(text, asked.charsMax, isWhole ? undefined : { of: "bytes" });
}

async function textOfPdf(opener: Pick<Opener, "tried">, asked: TextAsked): Promise<FileText> {
  const { bytes, charsMax, pagesMax = limits.documentPagesMax } = asked;
  if (bytes > limits.documentTextBytesMax) return none("large");
  const asks = async () => ({ bytes: await asked.read(bytes), charsMax, pagesMax });
  const opened = await opener.tried("text", asks, asked);
  if (opened.type === "not") return none(opened.why);
  const { told } = opened;
  if ("isLocked" in told) return none("locked");
  const text = cleaned(told.text, "lines");
  if (text.trim() === "") return none("silent");
  const { isCut, pages, pagesRead } = told;
  if (isCut) return cut(text, charsMax, { of: "characters" });
  return cut(text, charsMax, pagesRead < pages ? { of: "pages", pages, pagesRead } : undefined);
}

type Part = Extract<FileText, { type: "text" }>["part"];

function cut(text: string, charsMax: number, part: Part): FileText {
  const isCut = text.length > charsMax;
  const left = isCut ? ({ of: "characters" } as const) : part;
  return { type: "text", text: text.slice(0, charsMax).toWellFormed(), ...(left !== undefined && { part: left }) };
}
