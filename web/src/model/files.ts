/** Rules about files of messages: how each is shown, its size in words, what is not even tried. Pure. */
import { describeBytes } from "../../../protocols/words/amounts.ts";
import { isWithheld } from "../../../protocols/words/file-words.ts";
import { isDrawn, isPicture, type SentFile } from "./file-boxes.ts";

/** How a file is shown. */
type FileKind = "picture" | "video" | "sound" | "text" | "other";

/** A larger text is downloaded. */
export const previewBytesMax = 64 * 1024;

// Endings of texts that the colours have no language for.
const plainTexts = new Set(["txt", "log", "csv", "tsv", "conf", "cfg", "env", "srt", "vtt", "tex", "rst", "org"]);
// As people end the names of files in the languages of `parts/highlight.tsx`.
const codes = new Set(
  (
    "ts tsx mts cts js jsx mjs cjs json jsonc py rb rs go java kt kts c h cc cpp hpp cs php pl lua swift sh bash zsh " +
    "sql css scss less html htm xml svg md markdown yml yaml toml ini diff patch r graphql vb m mm makefile"
  ).split(" "),
);

/** What stands behind the last point of a name, in small letters. */
export const endingOf = (name: string): string => /\.([^.\s]{1,10})$/.exec(name)?.[1]?.toLowerCase() ?? "";

/** How a file is shown. The type is the node's; only what it could not tell from the bytes is a text by its name. Of
 *  one that nobody can fetch nothing is shown. */
export function kindOf(file: SentFile): FileKind {
  const { type, name, bytes } = file;
  if (isWithheld(file)) return "other";
  if (isPicture(type)) return isDrawn(file) ? "picture" : "other";
  if (type.startsWith("video/")) return "video";
  if (type.startsWith("audio/")) return "sound";
  const ending = endingOf(name);
  const isText = type.startsWith("text/") || type === "application/json" || codes.has(ending) || plainTexts.has(ending);
  const isKnown = type !== "" && type !== "application/octet-stream" && type !== "application/json";
  if (isKnown && !type.startsWith("text/")) return "other";
  return isText && bytes > 0 && bytes <= previewBytesMax ? "text" : "other";
}

/** The word for the colours of a text, by its name. */
export function languageOf(name: string): string {
  const ending = endingOf(name);
  return codes.has(ending) ? ending : "";
}

/** Type and size, as they stand under a name: `PDF, 1.2 MiB`. */
export function factsOf({ name, type, bytes }: Pick<SentFile, "name" | "type" | "bytes">): string {
  const ending = endingOf(name);
  const kind = /^[a-z0-9]{1,5}$/.test(ending) ? ending.toUpperCase() : /\/(?:x-)?([a-z0-9]+)$/.exec(type)?.[1];
  const size = describeBytes(bytes);
  return kind === undefined ? size : `${kind.toUpperCase()}, ${size}`;
}

/** What a node takes of files. */
interface FileRules {
  readonly filesPerMessageMax: number;
  /** Undefined: only the node knows, and says so before any byte is sent. */
  readonly bytesMax?: number | undefined;
  /** Of larger pictures it does not take out what they say of place and camera. */
  readonly pictureBytesMax?: number | undefined;
}

/** The pictures that a node frees of what they say of place and camera. */
const freed = /^image\/(?:jpeg|png|webp)$/;

/** Parts those that were chosen in what is uploaded and what is said to the person. Nothing of the rest is sent; of
 *  `whole` only when the person says that they go as they are. */
export function sifted<Chosen extends { readonly name: string; readonly size: number; readonly type: string }>(
  chosen: readonly Chosen[],
  attached: number,
  { filesPerMessageMax, bytesMax = Infinity, pictureBytesMax = Infinity }: FileRules,
): { readonly taken: readonly Chosen[]; readonly whole: readonly Chosen[]; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const fit = chosen.filter(({ name, size }) => {
    if (size === 0) faults.push(`“${name}” is empty, or a folder. Pack folders into one file.`);
    else if (size > bytesMax)
      faults.push(`“${name}” has ${describeBytes(size)}. A file has at most ${describeBytes(bytesMax)} here.`);
    return size > 0 && size <= bytesMax;
  });
  const whole = fit.filter(({ size, type }) => size > pictureBytesMax && freed.test(type));
  const plain = fit.filter((one) => !whole.includes(one));
  const taken = plain.slice(0, Math.max(0, filesPerMessageMax - attached));
  if (taken.length < plain.length)
    faults.push(`A message has at most ${filesPerMessageMax} files. Send the others in another one.`);
  return { taken, whole, faults };
}
