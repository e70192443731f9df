/** Whether what a process tells is what it was asked for: its decoders had files of strangers, so it may say
 *  anything. */
import { openedLimits as limits } from "./limits.ts";
import { sizeOfPicture } from "./picture-head.ts";
import type { Box, OpenedTable, OpenedTask } from "./tasks.ts";

/** A small WebP that fits into the box, and is as large as it is said to be. */
function isPictureFor(box: Box, told: object): boolean {
  const { bytes, width, height } = told as { readonly [Name in "bytes" | "width" | "height"]?: unknown };
  if (!(bytes instanceof Uint8Array) || bytes.length > limits.smallBytesMax) return false;
  const head = sizeOfPicture(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const fits = head !== undefined && head.width <= box.width && head.height <= box.height;
  return fits && head.format === "webp" && head.width === width && head.height === height;
}

/** Nothing but these words, none of them endless. */
const isWords = (names: readonly string[], told: object): boolean =>
  Object.entries(told).every(
    ([name, words]) => names.includes(name) && typeof words === "string" && words.length <= limits.pageTextCharsMax,
  );

/** A text that is no longer than was asked for, of as many pages. */
function isTextFor({ charsMax, pagesMax }: OpenedTable["text"]["asks"], told: object): boolean {
  const { text, isCut, pages, pagesRead, isLocked, ...others } = told as { readonly [name: string]: unknown };
  if (Object.keys(others).length > 0) return false;
  if (isLocked !== undefined) return isLocked === true && text === undefined;
  const isCount = (value: unknown, max: number): boolean =>
    Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max;
  const isText = typeof text === "string" && text.length <= charsMax && typeof isCut === "boolean";
  return isText && isCount(pages, Number.MAX_SAFE_INTEGER) && isCount(pagesRead, pagesMax);
}

/** Whether it is an answer to the task. */
export function isAnswer(task: OpenedTask, told: unknown): boolean {
  if (typeof told !== "object" || told === null) return false;
  switch (task.is) {
    case "picture":
    case "document":
      return isPictureFor(task.box, told);
    case "page":
      return isWords(["title", "description", "site", "image"], told);
    case "text":
      return isTextFor(task, told);
  }
}
