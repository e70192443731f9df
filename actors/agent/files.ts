/** Files on their way to a model, of a room's messages or of the conversation: which of them have a place in the
 *  request. The node that asks the model reads them, and asks their room then whether the person who asked may
 *  (`node/inference/files`).
 *
 *      mention, say ─► files, the newest first ─► a place for each, or why it has none ─► the node: text, picture */
import {
  actorId,
  asCode,
  cut,
  ownRoomKey,
  wireLimits,
  type ActorId,
  type ChatMessage,
  type NamedFile,
  type ToldFile,
} from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Job, Life, Source } from "./shape.ts";

/** A file, and the message that has it. */
interface PlacedFile {
  readonly seq: number;
  readonly file: NamedFile;
}

/** How a model reads a conversation with files. */
interface FilesReading {
  readonly chars: number;
  readonly sees: boolean;
  /** Of a conversation: its newest turns. */
  readonly recent?: Life["recent"];
  readonly newest: (chars: number) => readonly { readonly at: number; readonly message: ChatMessage }[];
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

/** Files that the model is told of, the newest first, and of whom. */
interface Told {
  readonly files: readonly ToldFile[];
  /** How many more there are. */
  readonly more: number;
  /** The room that has them. */
  readonly of: ActorId;
  /** The person who shows them. */
  readonly by: ActorId;
}

const person = (key: string): string => key.split(".", 1)[0] ?? key;

/** Files of the mention, and of what was said before it; or of the newest turns of the conversation. */
function toldOf(source: Source, key: string, recent: Life["recent"]): Told {
  if (source.type === "room") {
    const { room, context, files = [], moreFiles: more = 0 } = source;
    const asker = context.at(-1)?.author ?? key;
    return { files, more, of: actorId("room", room), by: actorId("user", person(asker)) };
  }
  const said = askedBefore(recent, source.turn);
  const all = said.flatMap(({ turn, files = [] }) => files.map((file) => ({ ...file, seq: turn })));
  const files = all.slice(0, wireLimits.filesPerMentionMax);
  // Of those of before nobody is told again.
  const more = all.slice(files.length).filter(({ seq }) => seq === said[0]?.turn).length;
  return { files, more, of: actorId("room", ownRoomKey(person(key))), by: actorId("user", person(key)) };
}

/** What the owner said before an answer, the newest first. */
const askedBefore = (recent: Life["recent"], answer: number): Life["recent"] =>
  recent.filter(({ turn, role }) => turn < answer && role === "user").toReversed();

/** The files for a job. Pure. */
export function filesFor(
  source: Source,
  key: string,
  { chars, sees, recent = [] }: { readonly chars: number; readonly sees: boolean; readonly recent?: Life["recent"] },
): { readonly files: readonly PlacedFile[]; readonly chars: number } {
  const told = toldOf(source, key, recent);
  const left: Left = {
    chars: Math.max(0, Math.floor(chars * limits.contextFilesShare)),
    pictures: limits.contextPicturesMax,
    bytes: limits.contextRoomMediaBytesMax,
  };
  const { of, by } = told;
  const files = told.files.map((file) => {
    const { id, name, bytes, seq } = file;
    return { seq, file: { of, id, by, name, bytes, ...placeFor(file, left, sees) } };
  });
  return { files, chars: charsOfFiles(files) };
}

const charsOfFiles = (files: readonly PlacedFile[]): number =>
  files.reduce((sum, { file }) => sum + charsOfFile(file), 0);

/** The lines that the model reads, with their files. A file takes a place only with its message. What has no message
 *  there, or is one of more than the room tells of, is said to be left out with the last line, the mention. `newest`:
 *  as many lines as fit into so many characters. Pure. */
export function withFiles(
  source: Source,
  key: string,
  { chars, sees, recent = [], newest }: FilesReading,
): readonly ChatMessage[] {
  const { files, chars: taken } = filesFor(source, key, { chars, sees, recent });
  const first = new Set(newest(chars - taken).map(({ at }) => at));
  const placed = files.map((one) =>
    first.has(one.seq) ? one : withoutPlace(one, "the model cannot read so much at once"),
  );
  // What the others have left may be enough for further lines.
  const lines = newest(chars - charsOfFiles(placed));
  const read = new Set(lines.map(({ at }) => at));
  // Of a conversation its owner sees what fell out of it.
  const lost = placed
    .filter(({ seq }) => source.type === "room" && !read.has(seq))
    .map((one) => withoutPlace(one, "its message is too far back"));
  const further = furtherFiles(toldOf(source, key, recent));
  return lines.map(({ at, message }, index) => {
    const isLast = index === lines.length - 1;
    const own = [...placed.filter(({ seq }) => seq === at), ...(isLast ? lost : [])].map(({ file }) => file);
    const content = isLast && further !== undefined ? `${message.content}\n\n[Not shown: ${further}]` : message.content;
    return { ...message, content, ...(own.length > 0 && { files: own }) };
  });
}

const withoutPlace = ({ seq, file: { picture: _picture, ...file } }: PlacedFile, leftOut: string): PlacedFile => ({
  seq,
  file: { leftOut, ...file, chars: 0 },
});

/** Files that the room does not tell of one by one. */
function furtherFiles({ more: count }: Told): string | undefined {
  if (count === 0) return undefined;
  const files = count === 1 ? "file" : "files";
  return `${count} more ${files} (a model is told of ${wireLimits.filesPerMentionMax} at most)`;
}

/** An answer that says behind its words what of the files the model was not shown: in a conversation of those that it
 *  was just asked with. */
export function sayingLeftOut(
  text: string,
  leftOut: readonly string[] = [],
  { source }: Job,
  { key, recent }: { readonly key: string; readonly recent: Life["recent"] },
): string {
  const further = furtherFiles(toldOf(source, key, recent));
  const asked = source.type === "room" ? [] : (askedBefore(recent, source.turn)[0]?.files ?? []);
  const isAsked = (line: string): boolean =>
    source.type === "room" || asked.some(({ name }) => line.startsWith(`${asCode(name)} `));
  const all = [...leftOut.filter(isAsked), ...(further === undefined ? [] : [further])];
  if (all.length === 0 || text.trim() === "") return text;
  const says = `Not shown to the model: ${listed(all)}.`;
  const charsMax = source.type === "room" ? wireLimits.messageCharsMax : limits.answerCharsMax;
  return `${cut(text.trimEnd(), charsMax - says.length - 2)}\n\n${says}`;
}

/** So many of them as there is room for, each whole: a name that is cut would be code no more. */
function listed(all: readonly string[]): string {
  let said = "";
  for (const [index, one] of all.entries()) {
    const next = said === "" ? one : `${said}; ${one}`;
    if (next.length > limits.leftOutCharsMax) return `${said}${said === "" ? "" : "; "}${all.length - index} more`;
    said = next;
  }
  return said;
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
