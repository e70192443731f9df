import type { RoomMessage } from "../../../protocols/index.ts";
import { isWithheld } from "../../../protocols/words/file-words.ts";

type MessageFile = NonNullable<RoomMessage["files"]>[number];

/** Which files of a message go along when it is forwarded: in their order, what fits beside those that were read
 *  before. What is withheld, too large or cannot be read is left, by its name, and takes no room from the others. */
export async function takeFiles<Taken>(
  files: readonly MessageFile[],
  bytesMax: number,
  read: (file: MessageFile) => Promise<Taken | undefined>,
): Promise<{ readonly taken: readonly Taken[]; readonly left: readonly string[] }> {
  const taken: Taken[] = [];
  const left: string[] = [];
  let bytes = 0;
  for (const file of files) {
    const mayGo = !isWithheld(file) && bytes + file.bytes <= bytesMax;
    const one = mayGo ? await read(file) : undefined;
    if (one === undefined) left.push(file.name);
    else {
      taken.push(one);
      bytes += file.bytes;
    }
  }
  return { taken, left };
}
