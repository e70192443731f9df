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
import { openedLimits, textOfFile, type FileText, type NoText } from "../../runtimes/opened/index.ts";
import { createFileQueue, type WantedFile } from "./file-queue.ts";
import type { PreviewPorts } from "./ports.ts";

/** That a room was asked what is not read. */
interface AskedOf {
  /** As whose owner, and with what setting. */
  readonly epoch: number;
  readonly files: boolean;
  /** It is asked again from then on. */
  readonly againMs: number;
}

const isDocument = ({ type }: RoomFile): boolean => type === "application/pdf";
/** What is seen and heard has no words; of all else the bytes decide. */
const hasNoWords = ({ type }: RoomFile): boolean => /^(?:image|audio|video|font)\//.test(type);

/** What says nothing of the file: it is read when the room is next asked. */
const later: ReadonlySet<NoText> = new Set(["full", "ended", "takenBack", "stopped"]);
/** What may be the machine's fault or the file's. */
const doubtful: ReadonlySet<NoText> = new Set(["time", "memory"]);

/** Makes it: hears of each message whose files anybody may fetch by now. */
export function createFileTexts(ports: PreviewPorts): {
  /** `only`: the one file that something has come to. */
  heard(room: ActorId, message: RoomMessage, only?: string): void;
  /** Something happened in a room, of which this node is the owner since `epoch`: what a node before did not read is
   *  read. Cheap. */
  noticed(room: ActorId, epoch: number): void;
  stop(): void;
} {
  const { limits, log, meter, settings, clock } = ports;
  /** Rooms that were asked what is not read, the oldest first. */
  const asked = new Map<ActorId, AskedOf>();
  /** How often the process ended over a file, the oldest first: it is not opened without end. */
  const failed = new Map<string, number>();
  let asking = 0;
  const queue = createFileQueue(ports, {
    places: { max: limits.textsWaitingMax, perShareMax: limits.textsWaitingPerPersonMax },
    atOnceMax: limits.textsReadMax,
    // Where the cluster wants no pictures of files, no document is opened for its text either.
    isWanted: (file) =>
      !hasNoWords(file) && (!isDocument(file) || settings().files) && (failed.get(file.id) ?? 0) < limits.textTriesMax,
    open: read,
    left: askAgain,
    events: { untold: "file.text.not.told", failed: "file.text.failed" },
  });

  /** Something of the room was not read: it is asked again, after a pause. */
  function askAgain(room: ActorId): void {
    const before = asked.get(room);
    if (before === undefined) return;
    const againMs = Math.min(before.againMs, clock.monotonicMs() + limits.textsAgainMs);
    asked.set(room, { ...before, againMs });
  }

  const fail = (id: string, times: number): void => {
    failed.set(id, (failed.get(id) ?? 0) + times);
    for (const oldest of failed.keys()) if (failed.size > limits.filesFailedMax) failed.delete(oldest);
  };

  /** Its first bytes. Rejects when they do not come. */
  async function bytesOf(kept: KeptFile, end: number): Promise<Uint8Array> {
    let isLate = false;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = clock.after(limits.textReadMsMax, () => {
      isLate = true;
      reject(new Error("the bytes of a file do not come"));
    });
    const all = async (): Promise<Uint8Array> => {
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const part of ports.bytesOf(kept)) {
        parts.push(part);
        length += part.length;
        if (length >= end || isLate) break;
      }
      return Buffer.concat(parts).subarray(0, end);
    };
    try {
      return await Promise.race([all(), late]);
    } finally {
      cancel();
    }
  }

  /** The bytes of a document are there before it waits for its turn: nobody else waits for them. */
  async function textIn({ file, author, room }: WantedFile, kept: KeptFile): Promise<FileText> {
    const { type, bytes } = file;
    const isRead = isDocument(file) && bytes <= openedLimits.documentTextBytesMax;
    const whole = isRead ? await bytesOf(kept, bytes) : undefined;
    const read = async (end: number): Promise<Uint8Array> => whole ?? bytesOf(kept, end);
    const asks = { type, bytes, read, charsMax: wireLimits.fileTextCharsMax, person: author, lane: room };
    return textOfFile(ports.opener, asks);
  }

  async function read(wanted: WantedFile, kept: KeptFile): Promise<Result<unknown>> {
    const { room, file, seq, place } = wanted;
    const found = await textIn(wanted, kept);
    const why = found.type === "none" ? found.why : undefined;
    if (why === "ended") fail(file.id, 1);
    if (why !== undefined && later.has(why)) askAgain(room);
    if (queue.isStopped || (why !== undefined && later.has(why))) return ok(null);
    const tried = why !== undefined && doubtful.has(why) && wanted.tried !== true;
    // Not again in this life.
    if (tried) fail(file.id, limits.textTriesMax);
    const text = found.type === "text" ? found.text : "";
    meter.count("file_texts_read", 1, { verdict: text === "" ? "nothing" : "read" });
    const tells = { type: "fileRead", id: file.id, seq, place, text, ...(tried && { tried }) };
    return ports.ask(room, tells, limits.previewAskTimeoutMs);
  }

  return {
    heard(room, message, only) {
      if (ports.isKnownToAll()) queue.heard(room, message, only);
    },
    noticed(room, epoch) {
      if (queue.isStopped || !ports.isKnownToAll()) return;
      const { files } = settings();
      const before = asked.get(room);
      const isSame = before?.epoch === epoch && before.files === files;
      if (isSame && clock.monotonicMs() < before.againMs) return;
      // After a start all rooms are new: the next that happens in this one asks.
      if (asking >= limits.roomsAskingMax) return;
      asking += 1;
      asked.delete(room);
      asked.set(room, { epoch, files, againMs: Infinity });
      for (const oldest of asked.keys()) if (asked.size > limits.roomsAskedMax) asked.delete(oldest);
      ports
        .ask(room, { type: "filesUnread" }, limits.previewAskTimeoutMs)
        .then((answer) => {
          if (!answer.ok) askAgain(room);
          if (!answer.ok) return;
          const { files: unread } = answer.value as UnreadFiles;
          queue.join(
            unread.map(({ seq, place, author, tried, atMs: _atMs, ...file }) => ({
              room,
              file,
              seq,
              place,
              author,
              tried,
            })),
          );
        })
        .catch((error: unknown) => {
          askAgain(room);
          log.warn("file.text.failed", { error });
        })
        .finally(() => (asking -= 1));
    },
    stop: () => queue.stop(),
  };
}
