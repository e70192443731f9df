/** Small pictures of files of messages, made by the node that owns the room. */
import { ok, type ActorId, type KeptFile, type Result, type RoomMessage } from "../../protocols/index.ts";
import { openedLimits } from "../../runtimes/opened/index.ts";
import { createFileQueue, type WantedFile } from "./file-queue.ts";
import type { PreviewPorts } from "./ports.ts";

const isPicture = (type: string): boolean => /^image\/(?:png|jpeg|webp)$/.test(type);
const isDocument = (type: string): boolean => type === "application/pdf";

/** Makes it: hears of each message whose files anybody may fetch by now. */
export function createFilePictures(ports: PreviewPorts): {
  /** `only`: the one file that something has come to. */
  heard(room: ActorId, message: RoomMessage, only?: string): void;
  stop(): void;
} {
  const { limits, meter, settings } = ports;
  /** Those that there is no picture of, the oldest first: they are not opened again. */
  const failed = new Set<string>();
  const queue = createFileQueue(ports, {
    places: { max: limits.filesWaitingMax, perShareMax: limits.filesWaitingPerPersonMax },
    atOnceMax: limits.filesDrawnMax,
    isWanted: ({ id, type, bytes, preview }) =>
      preview === undefined &&
      !failed.has(id) &&
      bytes <= openedLimits.openedBytesMax &&
      ((isPicture(type) && bytes >= limits.drawnBytesMin) || isDocument(type)),
    open: draw,
    events: { untold: "preview.not.told", failed: "preview.failed" },
  });

  async function draw({ room, file, seq, place, author }: WantedFile, kept: KeptFile): Promise<Result<unknown>> {
    const parts: Uint8Array[] = [];
    for await (const part of ports.bytesOf(kept)) parts.push(part);
    const bytes = Buffer.concat(parts);
    const box = { width: limits.filePictureWidth, height: limits.filePictureHeight };
    const picture = await ports.opener.open(isDocument(file.type) ? "document" : "picture", { bytes, box }, author);
    meter.count("file_pictures_made", 1, { verdict: picture === undefined ? "nothing" : "made" });
    if (picture === undefined) failed.add(file.id);
    for (const oldest of failed) if (failed.size > limits.filesFailedMax) failed.delete(oldest);
    if (picture === undefined || queue.isStopped) return ok(null);
    return ports.keepPicture(room, picture, (made) =>
      ports.ask(room, { type: "fileDrawn", id: file.id, seq, place, picture: made }, limits.previewAskTimeoutMs),
    );
  }

  return {
    heard(room, message, only) {
      if (settings().files) queue.heard(room, message, only);
    },
    stop: () => queue.stop(),
  };
}
