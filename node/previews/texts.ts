/** Texts of files of messages, so that they are found: read by the node that owns the room
 *  (docs/decisions/0243-text-in-files.md). */
import {
  ok,
  wireLimits,
  type ActorId,
  type KeptFile,
  type Result,
  type RoomFile,
  type RoomMessage,
  type UnreadFiles,
} from "../../protocols/index.ts";
import { textOfFile, type NoText } from "../../runtimes/opened/index.ts";
import { FairQueue } from "../../runtimes/fair-queue.ts";
import type { PreviewPorts } from "./ports.ts";

/** A file that is to be read. */
interface Wanted {
  readonly room: ActorId;
  readonly file: RoomFile;
  readonly seq: number;
  readonly place: number;
  readonly author: string;
}

const isDocument = ({ type }: RoomFile): boolean => type === "application/pdf";
/** What is seen and heard has no words; of all else the bytes decide. */
const hasNoWords = ({ type }: RoomFile): boolean => /^(?:image|audio|video|font)\//.test(type);

/** What says nothing of the file: it is read when the room is next asked. */
const later: ReadonlySet<NoText> = new Set(["full", "ended", "takenBack", "stopped"]);

/** Makes it: hears of each message whose files anybody may fetch by now. */
export function createFileTexts(ports: PreviewPorts): {
  /** `only`: the one file that something has come to. */
  heard(room: ActorId, message: RoomMessage, only?: string): void;
  /** Something happened in a room: what a node before did not read is read. Cheap. */
  noticed(room: ActorId): void;
  stop(): void;
} {
  const { limits, log, meter, settings } = ports;
  const places = { max: limits.textsWaitingMax, perShareMax: limits.textsWaitingPerPersonMax };
  const queue = new FairQueue<Wanted>();
  /** Those that wait or are read: a message is heard of more than once. */
  const known = new Set<string>();
  /** Rooms that were asked what is not read, the oldest first. */
  const asked = new Set<ActorId>();
  let running = 0;
  let stopped = false;

  /** Where the cluster wants no pictures of files, no document is opened for its text either. */
  const isWanted = (file: RoomFile): boolean =>
    (file.check === undefined || ["clean", "unscanned", "released"].includes(file.check)) &&
    !hasNoWords(file) &&
    (!isDocument(file) || settings().files);

  /** Empty: there is nothing to be read. Undefined: it is not known yet. */
  async function textIn({ file, author, room }: Wanted, kept: KeptFile): Promise<string | undefined> {
    const read = async (end: number): Promise<Uint8Array> => {
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const part of ports.bytesOf(kept)) {
        parts.push(part);
        length += part.length;
        if (length >= end) break;
      }
      return Buffer.concat(parts).subarray(0, end);
    };
    const { type, bytes } = file;
    const asked = { type, bytes, read, charsMax: wireLimits.fileTextCharsMax, person: author, lane: room };
    const found = await textOfFile(ports.opener, asked);
    if (found.type === "text") return found.text;
    return later.has(found.why) ? undefined : "";
  }

  async function read(wanted: Wanted): Promise<Result<unknown>> {
    const { room, file, seq, place, author } = wanted;
    // In the author's name, who may fetch it as everybody here may.
    const kept = await ports.ask(
      room,
      { type: "file", by: author, id: file.id },
      limits.previewAskTimeoutMs,
      "gateway",
    );
    if (!kept.ok) return kept;
    const text = await textIn(wanted, kept.value as KeptFile);
    if (stopped || text === undefined) return ok(null);
    meter.count("file_texts_read", 1, { verdict: text === "" ? "nothing" : "read" });
    return ports.ask(room, { type: "fileRead", id: file.id, seq, place, text }, limits.previewAskTimeoutMs);
  }

  const next = (): void => {
    while (running < limits.textsReadMax && !stopped) {
      const wanted = queue.next();
      if (wanted === undefined) return;
      running += 1;
      read(wanted)
        .then((done) => {
          if (!done.ok) log.debug("file.text.not.told", { room: wanted.room, failure: done.error });
        })
        .catch((error: unknown) => log.warn("file.text.failed", { error }))
        .finally(() => {
          running -= 1;
          known.delete(wanted.file.id);
          next();
        });
    }
  };

  const join = (wanted: Wanted): void => {
    if (!isWanted(wanted.file) || known.has(wanted.file.id)) return;
    const joined = queue.join(wanted.author, wanted.room, wanted, places);
    if (joined.type === "displaced") known.delete(joined.item.file.id);
    if (joined.type !== "full") known.add(wanted.file.id);
  };

  return {
    heard(room, { seq, author, files = [], deletedAtMs }, only) {
      if (stopped || deletedAtMs !== undefined) return;
      for (const [place, file] of files.entries())
        if (only === undefined || file.id === only) join({ room, file, seq, place, author });
      next();
    },
    noticed(room) {
      if (stopped || asked.has(room)) return;
      asked.add(room);
      for (const oldest of asked) if (asked.size > limits.roomsAskedMax) asked.delete(oldest);
      ports
        .ask(room, { type: "filesUnread" }, limits.previewAskTimeoutMs)
        .then((answer) => {
          if (!answer.ok) asked.delete(room);
          if (!answer.ok || stopped) return;
          for (const { seq, place, author, atMs: _, ...file } of (answer.value as UnreadFiles).files)
            join({ room, file, seq, place, author });
          next();
        })
        .catch((error: unknown) => log.warn("file.text.failed", { error }));
    },
    stop() {
      stopped = true;
      queue.takeAll();
    },
  };
}
