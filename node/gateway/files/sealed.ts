/** Parts of a file as they are kept: a nonce, the ciphertext, a tag. A part opens with the key of its file, at its own
 *  place in it, and nowhere else. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import {
  actorId,
  failure,
  PlexusError,
  roomOfFile,
  wireLimits,
  type ActorId,
  type SealedFile,
} from "../../../protocols/index.ts";
import type { ActorBlobs, BlobRange, Random } from "../../ports/index.ts";
import { demand } from "../edge/refusals.ts";

const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

type Sealed = Pick<SealedFile, "id" | "key">;

const keyOf = ({ key }: Sealed): Buffer => Buffer.from(key, "base64url");
const placeOf = ({ id }: Sealed, index: number): Buffer => Buffer.from(`${id}/${index}`);

/** A new key for a file. */
export const newFileKey = (random: Pick<Random, "bytes">): string =>
  Buffer.from(random.bytes(32)).toString("base64url");

/** The room that a file is in. */
export const roomActor = (id: string): ActorId => actorId("room", roomOfFile(id));

/** Memory of whole parts that nobody reads any more: new memory for each takes longer than to fill it. */
const spareParts: Buffer[] = [];
const sparePartsMax = 16;
const sealedBytes = nonceBytes + wireLimits.filePartBytes + tagBytes;

/** Nobody reads a sealed part any more: its memory may be used again. */
export function giveBack(sealed: Buffer): void {
  if (sealed.length === sealedBytes && spareParts.length < sparePartsMax) spareParts.push(sealed);
}

/** The cipher gives new memory for what it gets: with so much at a time the same is used again soon. */
const bytesAtOnce = 64 * 1024;

/** Seals a part. It may be sealed again with other bytes: each seal has a nonce of its own. */
export function sealPart(
  file: Sealed,
  index: number,
  { bytes, random }: { readonly bytes: Uint8Array; readonly random: Pick<Random, "bytes"> },
): Buffer {
  const nonce = random.bytes(nonceBytes);
  const cipher = createCipheriv(algorithm, keyOf(file), nonce, { authTagLength: tagBytes });
  cipher.setAAD(placeOf(file, index));
  const length = nonceBytes + bytes.length + tagBytes;
  const sealed = (length === sealedBytes && spareParts.pop()) || Buffer.allocUnsafeSlow(length);
  sealed.set(nonce);
  for (let at = 0; at < bytes.length; at += bytesAtOnce)
    sealed.set(cipher.update(bytes.subarray(at, at + bytesAtOnce)), nonceBytes + at);
  // Of this cipher no byte comes with the end.
  cipher.final();
  sealed.set(cipher.getAuthTag(), length - tagBytes);
  return sealed;
}

/** What was sealed. Error: DATA_DAMAGED, as a PlexusError. */
export function openPart(file: Sealed, index: number, sealed: Uint8Array): Buffer {
  try {
    const decipher = createDecipheriv(algorithm, keyOf(file), sealed.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(placeOf(file, index));
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    const opened = decipher.update(sealed.subarray(nonceBytes, -tagBytes));
    // It compares the tag; of this cipher no byte comes with it, so the part needs no copy.
    decipher.final();
    return opened;
  } catch {
    throw new PlexusError(failure("DATA_DAMAGED", { file: file.id, part: index }));
  }
}

/** Reads a part from wherever it is. Errors: those of `ActorBlobs.read`, DATA_DAMAGED; as PlexusErrors. */
export async function readPart(blobs: Pick<ActorBlobs, "read">, file: SealedFile, index: number): Promise<Buffer> {
  const hash = file.parts[index];
  if (hash === undefined) throw new PlexusError(failure("NOT_FOUND", { file: file.id, part: index }));
  return openPart(file, index, demand(await blobs.read(roomActor(file.id), hash)));
}

/** Parts that are sent until it is asked again whether the reader may have them. */
const partsBetweenAsks = 8;

/** The bytes from `start` on, before `end`, a part at a time. `askAgain` throws where the reader may have no more. */
export async function* bytesOf(
  blobs: Pick<ActorBlobs, "read">,
  file: SealedFile,
  { start, end, askAgain }: { readonly start: number; readonly end: number; readonly askAgain: () => Promise<unknown> },
): AsyncGenerator<Buffer> {
  const { filePartBytes } = wireLimits;
  let sent = 0;
  for (let at = start; at < end;) {
    sent += 1;
    if (sent % partsBetweenAsks === 0) await askAgain();
    const index = Math.floor(at / filePartBytes);
    const first = index * filePartBytes;
    const part = (await readPart(blobs, file, index)).subarray(at - first, end - first);
    if (part.length === 0) throw new PlexusError(failure("DATA_DAMAGED", { file: file.id, part: index }));
    yield part;
    at += part.length;
  }
}

/** The bytes of a file, for this node itself: all, or a part. */
export const bytesOfFile = (
  blobs: Pick<ActorBlobs, "read">,
  file: SealedFile,
  range: BlobRange = { start: 0, end: file.bytes },
): AsyncGenerator<Buffer> => bytesOf(blobs, file, { ...range, askAgain: async () => undefined });
