/** Whether what a process tells is what it was asked for: its decoders had files of strangers, so it may say
 *  anything. */
import { openedLimits as limits } from "./limits.ts";
import { sizeOfPicture } from "./picture-head.ts";
import type { Box, OpenedTask } from "./tasks.ts";

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
    ([name, words]) => names.includes(name) && typeof words === "string" && words.length <= limits.textCharsMax,
  );

/** Whether it is an answer to the task. */
export function isAnswer(task: OpenedTask, told: unknown): boolean {
  if (typeof told !== "object" || told === null) return false;
  switch (task.is) {
    case "picture":
    case "document":
      return isPictureFor(task.box, told);
    case "page":
      return isWords(["title", "description", "site", "image"], told);
    case "words":
      return "text" in told && isWords(["text"], told);
  }
}
