/** Files of a room's messages on their way to a model: which of them have a place in the request. The node that asks
 *  the model reads them, and asks the room then whether the person who asked may (`node/inference/files`).
 *
 *      mention ─► files, the newest first ─► a place for each, or why there is none ─► the node: text or picture */
import { actorId, cut, wireLimits, type NamedFile, type ToldFile } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Job, Source } from "./shape.ts";

/** A file, and the message that has it. */
interface PlacedFile {
  readonly seq: number;
  readonly file: NamedFile;
}

/** What is left for files. */
interface Left {
  chars: number;
  pictures: number;
  bytes: number;
}

/** Characters that a file is counted for in a context. */
export const charsOfFile = ({ picture, chars }: NamedFile): number =>
  picture === undefined ? chars + limits.messageOverheadChars : limits.pictureChars;

const isPicture = (type: string): boolean => /^image\/(?:png|jpeg|webp)$/.test(type);
/** What may have a text: a node knows no type of what has no signature. */
const mayHaveText = (type: string): boolean => type === "application/pdf" || type === "application/octet-stream";

/** The files for a job of a room. Pure. */
export function filesFor(
  source: Source,
  key: string,
  { chars, sees }: { readonly chars: number; readonly sees: boolean },
): { readonly files: readonly PlacedFile[]; readonly chars: number } {
  if (source.type !== "room" || source.files === undefined) return { files: [], chars: 0 };
  const left: Left = {
    chars: Math.max(0, Math.floor(chars * limits.contextFilesShare)),
    pictures: limits.contextPicturesMax,
    bytes: limits.contextRoomMediaBytesMax,
  };
  const asker = source.context.at(-1)?.author ?? key;
  const files = source.files.map((file) => {
    const named = {
      of: actorId("room", source.room),
      id: file.id,
      by: actorId("user", asker.split(".", 1)[0] ?? asker),
      name: file.name,
      bytes: file.bytes,
    };
    return { seq: file.seq, file: { ...named, ...placeFor(file, left, sees) } };
  });
  return { files, chars: files.reduce((sum, { file }) => sum + charsOfFile(file), 0) };
}

/** An answer that says behind its words what of the files the model was not shown. */
export function sayingLeftOut(text: string, leftOut: readonly string[] | undefined, { source }: Job): string {
  if (leftOut === undefined || text.trim() === "") return text;
  const says = cut(`Not shown to the model: ${leftOut.join("; ")}.`, limits.leftOutCharsMax);
  const charsMax = source.type === "room" ? wireLimits.messageCharsMax : limits.answerCharsMax;
  return `${cut(text.trimEnd(), charsMax - says.length - 2)}\n\n${says}`;
}

/** Takes the place of a file from what is left, or says why it has none. */
function placeFor(
  { type, bytes, width = 0, height = 0 }: ToldFile,
  left: Left,
  sees: boolean,
): Pick<NamedFile, "chars" | "picture" | "leftOut"> {
  const out = (leftOut: string) => ({ chars: 0, leftOut });
  if (isPicture(type)) {
    if (!sees) return out("the model cannot see pictures");
    if (Math.max(width, height) > wireLimits.pictureSideMax)
      return out(`it has more than ${wireLimits.pictureSideMax} pixels on a side`);
    if (left.pictures === 0) return out(`a model is shown ${limits.contextPicturesMax} pictures at most`);
    if (bytes > left.bytes) return out("the pictures of a question have 3 MiB at most");
    if (limits.pictureChars > left.chars) return out("the model cannot read so much at once");
    left.pictures -= 1;
    left.bytes -= bytes;
    left.chars -= limits.pictureChars;
    return { chars: 0, picture: type };
  }
  if (!mayHaveText(type)) return out("it is neither text nor a picture that a model is shown");
  // How much text is in a PDF nobody knows before it is read.
  const most = Math.min(limits.contextFileCharsMax, type === "application/pdf" ? Infinity : bytes);
  const chars = Math.min(most, left.chars - limits.messageOverheadChars);
  if (chars < Math.min(most, limits.contextFileCharsMin)) return out("the model cannot read so much at once");
  left.chars -= chars + limits.messageOverheadChars;
  return { chars };
}
