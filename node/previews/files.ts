/** Small pictures of files of messages, made by the node that owns the room. */
import {
  ok,
  type ActorId,
  type KeptFile,
  type Result,
  type RoomFile,
  type RoomMessage,
} from "../../protocols/index.ts";
import { openedLimits } from "../../runtimes/opened/index.ts";
import { FairQueue } from "../../runtimes/fair-queue.ts";
import type { PreviewPorts } from "./ports.ts";

/** A file that is to be drawn. */
interface Wanted {
  readonly room: ActorId;
  readonly file: RoomFile;
  readonly seq: number;
  readonly place: number;
  readonly author: string;
}

const isPicture = (type: string): boolean => /^image\/(?:png|jpeg|webp)$/.test(type);
const isDocument = (type: string): boolean => type === "application/pdf";

/** Makes it: hears of each message whose files anybody may fetch by now. */
export function createFilePictures(ports: PreviewPorts): {
  /** `only`: the one file that something has come to. */
  heard(room: ActorId, message: RoomMessage, only?: string): void;
  stop(): void;
} {
  const { limits, log, meter, settings } = ports;
  const places = { max: limits.filesWaitingMax, perShareMax: limits.filesWaitingPerPersonMax };
  const queue = new FairQueue<Wanted>();
  /** Those that wait or are drawn: a message is heard of more than once. */
  const known = new Set<string>();
  /** Those that there is no picture of, the oldest first: they are not opened again. */
  const failed = new Set<string>();
  let running = 0;
  let stopped = false;

  const isWanted = ({ type, bytes, check, preview }: RoomFile): boolean =>
    preview === undefined &&
    (check === undefined || ["clean", "unscanned", "released"].includes(check)) &&
    bytes <= openedLimits.openedBytesMax &&
    ((isPicture(type) && bytes >= limits.drawnBytesMin) || isDocument(type));

  async function draw(wanted: Wanted): Promise<Result<unknown>> {
    const { room, file, seq, place, author } = wanted;
    // In the author's name, who may fetch it as everybody here may.
    const asks = { type: "file", by: author, id: file.id };
    const kept = await ports.ask(room, asks, limits.previewAskTimeoutMs, "gateway");
    if (!kept.ok) return kept;
    const parts: Uint8Array[] = [];
    for await (const part of ports.bytesOf(kept.value as KeptFile)) parts.push(part);
    const bytes = Buffer.concat(parts);
    const box = { width: limits.filePictureWidth, height: limits.filePictureHeight };
    const picture = await ports.opener.open(isDocument(file.type) ? "document" : "picture", { bytes, box }, author);
    meter.count("file_pictures_made", 1, { verdict: picture === undefined ? "nothing" : "made" });
    if (picture === undefined) failed.add(file.id);
    for (const oldest of failed) if (failed.size > limits.filesFailedMax) failed.delete(oldest);
    if (picture === undefined || stopped) return ok(null);
    return ports.keepPicture(room, picture, (made) =>
      ports.ask(room, { type: "fileDrawn", id: file.id, seq, place, picture: made }, limits.previewAskTimeoutMs),
    );
  }

  const next = (): void => {
    while (running < limits.filesDrawnMax && !stopped) {
      const wanted = queue.next();
      if (wanted === undefined) return;
      running += 1;
      draw(wanted)
        .then((done) => {
          if (!done.ok) log.debug("preview.not.told", { room: wanted.room, failure: done.error });
        })
        .catch((error: unknown) => log.warn("preview.failed", { error }))
        .finally(() => {
          running -= 1;
          known.delete(wanted.file.id);
          next();
        });
    }
  };

  return {
    heard(room, { seq, author, files = [], deletedAtMs }, only) {
      if (stopped || deletedAtMs !== undefined || files.length === 0 || !settings().files) return;
      for (const [place, file] of files.entries()) {
        if (only !== undefined && file.id !== only) continue;
        if (!isWanted(file) || known.has(file.id) || failed.has(file.id)) continue;
        const joined = queue.join(author, room, { room, file, seq, place, author }, places);
        if (joined.type === "displaced") known.delete(joined.item.file.id);
        if (joined.type !== "full") known.add(file.id);
      }
      next();
    },
    stop() {
      stopped = true;
      queue.takeAll();
    },
  };
}
