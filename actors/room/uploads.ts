/** Files as the room's state and records have them; what is done with them is in `files.ts`. */
import { roomOfFile, saidOf, wireLimits, type FileText, type KeptFile, type RoomFile } from "../../protocols/index.ts";
import { persist, type Effect, type RecordOp } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { padded } from "../stream.ts";
import type { FiledText, Pictures, Room, RoomChange, StripingChange, Upload, UploadChange } from "./shape.ts";

type Happened = Extract<RoomChange, { type: "happened" }>;

/** The beginning of all that is kept. */
export const keptPrefix = "kept/";
/** Where one file of a message is kept. */
export const keptKey = (seq: number, place: number): string =>
  `${keptPrefix}${padded(seq)}/${String(place).padStart(2, "0")}`;
/** The range of what is kept of one message. */
export const keptOf = (seq: number) => ({
  from: `${keptPrefix}${padded(seq)}/`,
  to: `${keptPrefix}${padded(seq)}0`,
  limit: wireLimits.filesPerMessageMax,
});
/** The beginning of all texts of files. */
const textPrefix = "text/";
/** Where the text of one file of a message is. */
export const textKey = (seq: number, place: number): string =>
  `${textPrefix}${padded(seq)}/${String(place).padStart(2, "0")}`;
/** The beginning of all marks that a file was read. */
export const textMarkPrefix = "texted/";
/** Where the mark of one file is: it is beside the text, which may be long. */
const textMarkKey = (seq: number, place: number): string =>
  `${textMarkPrefix}${padded(seq)}/${String(place).padStart(2, "0")}`;
/** Whether anybody in the room may fetch a file. */
export const isOpenFile = ({ check }: Pick<RoomFile, "check">): boolean =>
  check === undefined || ["clean", "unscanned", "released"].includes(check);
/** What leads from a file's id to it. */
export const fileKey = (id: string): string => `file/${id}`;
/** Records whose keys name blobs. */
export const partRecords = "part";
/** What leads from a blob to its file. */
export const partKey = (hash: string): string => `${partRecords}/${hash}`;

/** Records of the stripes that pieces of files are in. No backup has them: see `stripes.ts`. */
export const stripedRecords = "striped";
/** What leads from a stripe to what is in it. */
export const stripedKey = (stripe: string): string => `${stripedRecords}/${stripe}`;

/** What is written of a blob: its file, and its stripe where it is in one. */
export type PartValue = string | { readonly file: string; readonly stripe: string };
export const ofPart = (value: PartValue): { readonly file: string; readonly stripe?: string } =>
  typeof value === "string" ? { file: value } : value;

/** The uploads that have not expired. */
export const uploadsAt = ({ uploads = [] }: Room, nowMs: number): readonly Upload[] =>
  uploads.filter(({ atMs }) => atMs + limits.uploadIdleMs > nowMs);

const unknown = ({ type: _type, width: _width, height: _height, ...upload }: Upload): Upload => upload;

/** What becomes of the uploads. */
export function evolveUpload(room: Room, change: UploadChange): Room {
  const { uploads = [] } = room;
  const withOne = (id: string, next: (upload: Upload) => Upload): Room => ({
    ...room,
    uploads: uploads.map((upload) => (upload.id === id ? next(upload) : upload)),
  });
  switch (change.is) {
    case "begun":
      return { ...room, uploads: [...uploads.filter(({ id }) => !change.ended.includes(id)), change.upload] };
    case "taken":
      return withOne(change.id, ({ asked: _before, ...upload }) => {
        const { epoch, asked } = change;
        return { ...upload, epoch, ...(asked && { asked }) };
      });
    case "grown": {
      const { index, part, offset, atMs, found } = change;
      return withOne(change.id, (upload) => ({
        ...(found === undefined ? upload : { ...unknown(upload), ...found }),
        offset,
        atMs,
        parts: index < upload.parts.length ? upload.parts.with(index, part) : [...upload.parts, part],
      }));
    }
    case "delayed":
      return withDelayed(room, change);
    default:
      return { ...room, uploads: uploads.filter(({ id }) => id !== change.id) };
  }
}

/** The room, with a file that is checked later, behind all others. */
function withDelayed(room: Room, { id, dueMs, waits }: Extract<UploadChange, { is: "delayed" }>): Room {
  const { checks = [] } = room;
  const delayed = checks
    .filter((check) => check.id === id)
    .map((check) => ({ ...check, tries: check.tries + (waits === true ? 0 : 1), dueMs }));
  return { ...room, checks: [...checks.filter((check) => check.id !== id), ...delayed] };
}

/** What is written of an upload. */
export const uploadChanged = (upload: UploadChange): RoomChange => ({ type: "readMarked", member: "", seq: 0, upload });

/** Gives up the uploads of somebody. */
export const droppedOf = ({ uploads = [] }: Room, who: string): readonly Effect<RoomChange, never>[] =>
  uploads.filter(({ by }) => by === who).map(({ id }) => persist(uploadChanged({ is: "dropped", id })));

/** The room without the uploads that a message has now, or of somebody who has gone. */
export function withoutUploads(room: Room, isGone: (upload: Upload) => boolean): Room {
  if (room.uploads?.some(isGone) !== true) return room;
  return { ...room, uploads: room.uploads.filter((upload) => !isGone(upload)) };
}

/** The blobs of a file: its parts, and the small picture of it. */
const blobsOf = ({ parts, preview }: KeptFile): readonly string[] =>
  preview === undefined ? parts : [...parts, preview.part];

const allOf = (prefix: string, seq: number): RecordOp => ({
  deleteFrom: `${prefix}${padded(seq)}/`,
  deleteTo: `${prefix}${padded(seq)}0`,
});

/** What a post and a deletion do to the records. */
export function fileRecords(kept: readonly KeptFile[] = [], gone: readonly KeptFile[] = []): readonly RecordOp[] {
  const seqs = [...new Set(gone.map(({ seq }) => seq))];
  return [
    ...kept.flatMap((file, place): readonly RecordOp[] => [
      { put: keptKey(file.seq, place), value: file },
      { put: fileKey(file.id), value: { seq: file.seq, place } satisfies Place },
      ...file.parts.map((hash) => ({ put: partKey(hash), value: file.id })),
    ]),
    ...seqs.flatMap((seq) => [keptPrefix, textPrefix, textMarkPrefix].map((prefix) => allOf(prefix, seq))),
    ...gone.flatMap((file) => [fileKey(file.id), ...blobsOf(file).map(partKey)].map((key) => ({ delete: key }))),
  ];
}

/** What a piece in a stripe does to the records. */
export function stripingRecords({ is, striped }: StripingChange): readonly RecordOp[] {
  const { stripe, id, parts } = striped;
  if (is === "left") return [{ delete: stripedKey(stripe.id) }];
  if (is === "settled") return [{ put: stripedKey(stripe.id), value: { ...striped, settled: true } }];
  const value: PartValue = { file: id, stripe: stripe.id };
  return [{ put: stripedKey(stripe.id), value: striped }, ...parts.map((hash) => ({ put: partKey(hash), value }))];
}

/** What members call the picture of a preview: by its blob, so that nothing else is needed to remove it. */
export const pictureId = ({ id, parts: [part = ""] }: Pick<KeptFile, "id" | "parts">): string =>
  `${part}.${roomOfFile(id)}`;
const blobOfPicture = (id: string): string => id.slice(0, id.indexOf("."));

/** Where such a picture is: it is in no list of files, so it stands here itself. */
export interface PicturePlace {
  readonly seq: number;
  readonly picture: KeptFile;
}

/** What pictures of previews that come and go do to the records. */
export const pictureRecords = ({ made, gone }: Pictures): readonly RecordOp[] => [
  ...gone.flatMap((id) => [{ delete: fileKey(id) }, { delete: partKey(blobOfPicture(id)) }]),
  ...made.flatMap((picture): readonly RecordOp[] => [
    { put: fileKey(pictureId(picture)), value: { seq: picture.seq, picture } satisfies PicturePlace },
    ...picture.parts.map((hash) => ({ put: partKey(hash), value: pictureId(picture) })),
  ]),
];

/** What is written of a file that was checked. */
export const checkedRecords = ({ file, place, gone }: NonNullable<Happened["checked"]>): readonly RecordOp[] => [
  { put: keptKey(file.seq, place), value: file },
  ...(file.preview ? [{ put: partKey(file.preview.part), value: file.id }] : []),
  ...gone.map((hash) => ({ delete: partKey(hash) })),
  ...(isOpenFile(file) ? [] : [textKey, textMarkKey].map((key) => ({ delete: key(file.seq, place) }))),
];

/** What is written of the text of a file. */
export const textRecords = ({ seq, place, id, text, tried }: FiledText): readonly RecordOp[] => [
  text === "" ? { delete: textKey(seq, place) } : { put: textKey(seq, place), value: { id, text } satisfies FileText },
  { put: textMarkKey(seq, place), value: { id, ...(tried && { tried }) } satisfies TextMark },
];

/** That a file was read; `tried`: there was no time, or no memory, for it. */
export interface TextMark {
  readonly id: string;
  readonly tried?: true;
}

/** Where a file is among the records. */
export interface Place {
  readonly seq: number;
  readonly place: number;
}

/** The files of a message as its readers see them. */
export const shownFile = (file: KeptFile): RoomFile => ({
  ...saidOf(file),
  ...(file.check !== undefined && { check: file.check }),
  ...(file.preview && { preview: { width: file.preview.width, height: file.preview.height } }),
});
