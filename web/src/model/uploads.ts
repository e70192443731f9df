/** Files on their way to the node: their states, and what changes them. Pure: `live/uploads.ts` does what is decided
 *  here.
 *
 *      waiting ─► sending ─► up            the node has all of it
 *         ▲  ▲      │ │ └──► failed ─┐     it was refused, or given up; where that helps it is tried again
 *         │  │      │ └────► away    │     no connection: goes on by itself
 *         │  └─ paused ◄─────┘       │     by the person
 *         ├──────────────────────────┘
 *         └─ lost                          the page was loaded anew, and only the person can give it the file again */

/** What becomes of one file. */
type UploadState =
  | { readonly status: "waiting" | "sending" | "away" | "paused" | "up" | "lost" }
  | { readonly status: "failed"; readonly says: string; readonly mayRepeat: boolean };

/** A file that somebody attached. */
export type Upload = UploadState & {
  /** Its own in this tab. */
  readonly key: string;
  /** Where it is attached: the field of a room or thread, or a message that waits for it. */
  readonly place: string;
  /** The room, or `agent/` and the conversation with one. */
  readonly room: string;
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** It is a picture that goes with all that it says of place and camera. */
  readonly keeps?: true | undefined;
  /** What it is called at the node; from then on it goes on where it was. */
  readonly id?: string | undefined;
  /** How much of it the node has, or will have. */
  readonly sentBytes: number;
};

/** All of this tab, in the order in which they were attached. */
export type Uploads = readonly Upload[];

export type UploadInput =
  | { readonly type: "attached"; readonly uploads: Uploads }
  | { readonly type: "started"; readonly key: string }
  | { readonly type: "created"; readonly key: string; readonly id: string }
  | { readonly type: "sent"; readonly key: string; readonly bytes: number }
  /** The node does not know it: another one took its place, or it was left alone for too long. */
  | { readonly type: "forgotten"; readonly key: string }
  | { readonly type: "away" | "paused" | "resumed" | "up" | "removed"; readonly key: string }
  | { readonly type: "failed"; readonly key: string; readonly says: string; readonly mayRepeat: boolean }
  /** The person chose the file of one that was lost. */
  | { readonly type: "found"; readonly key: string; readonly file: Found }
  /** The message was sent from there, or came back. */
  | { readonly type: "moved"; readonly from: string; readonly to: string };

/** A file that was chosen again. */
interface Found {
  readonly name: string;
  readonly type: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

const changes = (uploads: Uploads, key: string, change: (upload: Upload) => Upload): Uploads =>
  uploads.map((upload) => (upload.key === key ? change(upload) : upload));

/** Another state, without what belonged to the one before. */
function become(upload: Upload, state: UploadState): Upload {
  if (upload.status !== "failed") return { ...upload, ...state };
  const { says: _says, mayRepeat: _mayRepeat, ...rest } = upload;
  return { ...rest, ...state };
}

/** Whether it is the file that was begun with. */
const isSame = (upload: Upload, file: Found): boolean =>
  upload.name === file.name && upload.bytes === file.bytes && upload.modifiedMs === file.modifiedMs;

/** The uploads after one more input. */
export function foldUploads(uploads: Uploads, input: UploadInput): Uploads {
  switch (input.type) {
    case "attached":
      return [...uploads, ...input.uploads];
    case "started":
      return changes(uploads, input.key, (upload) => become(upload, { status: "sending" }));
    case "created":
      return changes(uploads, input.key, (upload) => ({ ...upload, id: input.id, sentBytes: 0 }));
    case "sent":
      return changes(uploads, input.key, (upload) => ({
        ...(upload.status === "away" ? become(upload, { status: "sending" }) : upload),
        sentBytes: Math.min(input.bytes, upload.bytes),
      }));
    case "forgotten":
      return changes(uploads, input.key, ({ id: _id, ...upload }) => ({ ...upload, sentBytes: 0 }));
    case "away":
      return changes(uploads, input.key, (upload) =>
        upload.status === "sending" ? become(upload, { status: "away" }) : upload,
      );
    case "paused":
      return changes(uploads, input.key, (upload) =>
        isUnderWay(upload) ? become(upload, { status: "paused" }) : upload,
      );
    case "resumed":
      return changes(uploads, input.key, (upload) =>
        upload.status === "paused" || upload.status === "failed" ? become(upload, { status: "waiting" }) : upload,
      );
    case "up":
      return changes(uploads, input.key, (upload) => ({
        ...become(upload, { status: "up" }),
        sentBytes: upload.bytes,
      }));
    case "failed": {
      const { says, mayRepeat } = input;
      return changes(uploads, input.key, (upload) => become(upload, { status: "failed", says, mayRepeat }));
    }
    case "found":
      return changes(uploads, input.key, (upload) => {
        const waits = become({ ...upload, ...input.file }, { status: "waiting" });
        if (isSame(upload, input.file)) return waits;
        const { id: _, ...anew } = waits;
        return { ...anew, sentBytes: 0 };
      });
    case "moved":
      return uploads.map((upload) => (upload.place === input.from ? { ...upload, place: input.to } : upload));
    case "removed":
      return uploads.filter(({ key }) => key !== input.key);
  }
}

/** Whether something is done for it, or will be without anybody asking. */
export const isUnderWay = ({ status }: Upload): boolean =>
  status === "waiting" || status === "sending" || status === "away";

/** Whether it takes the person to go on. */
export const isStuck = ({ status }: Upload): boolean => status === "failed" || status === "lost";

/** Those that are to be started now, the oldest first, where so many are sent at once. */
export function nextUploads(uploads: Uploads, atOnceMax: number): readonly string[] {
  const running = uploads.filter(({ status }) => status === "sending" || status === "away").length;
  const waiting = uploads.filter(({ status }) => status === "waiting").map(({ key }) => key);
  return waiting.slice(0, Math.max(0, atOnceMax - running));
}

/** The uploads of one place. */
export const uploadsAt = (uploads: Uploads, place: string): Uploads =>
  uploads.filter((upload) => upload.place === place);

/** What was kept of the tab before it was loaded anew. What the node has is there; of the rest the file is gone. */
export const uploadsKept = (kept: unknown): Uploads =>
  !Array.isArray(kept)
    ? []
    : kept.filter(isUpload).map((upload) => become(upload, { status: upload.status === "up" ? "up" : "lost" }));

function isUpload(value: unknown): value is Upload {
  const { key, place, room, name, type, bytes, modifiedMs, sentBytes, status } = (value ?? {}) as Partial<
    Record<string, unknown>
  >;
  const areTexts = [key, place, room, name, type, status].every((text) => typeof text === "string");
  return areTexts && [bytes, modifiedMs, sentBytes].every((number) => typeof number === "number");
}
