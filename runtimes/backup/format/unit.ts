/** A unit sealed: what is recalled as one, in fragments of which none is of use without all the others.
 *
 *      plaintext ─ zstd ─► frame ─ pad ─► transform ─► split in s ─► each: AES-256-GCM, own key, context ─► fragments
 *
 *  A frame is `codec (1) | data length (4) | plaintext length (4) | data | zeros`, numbers little-endian. Codec 0: the
 *  data is the plaintext; 1: Zstandard (RFC 8878). The keys of the fragments are HKDF-SHA-512 of the unit's key (no
 *  salt, info `plexus backup fragments 1`, 32 bytes a fragment). A unit's key is drawn anew for each sealing, also of
 *  the same unit after a failure: so each fragment's key encrypts once, and its nonce is zero. */
import { createCipheriv, createDecipheriv, hash, hkdfSync } from "node:crypto";
import { damaged, demand } from "./damaged.ts";
import { paddedSize } from "./sizes.ts";
import { split, transform, transformBytes, untransform } from "./transform.ts";
import { packInto, packedRoom, unpackInto } from "./zstd.ts";

/** What these formats are: all objects name it, so that another may come beside. Suite 1: Zstandard, AES-256-GCM and
 *  -CTR, SHA-256, HKDF-SHA-512, Ed25519. */
export const backupFormat = { version: 1, suite: 1 } as const;

/** What a unit holds: a stretch of one actor's records of one type and day. Recalling picks by these. */
export interface UnitName {
  readonly cluster: string;
  /** Whose it is, where it is one person's: `user/ada`. Else empty. */
  readonly person: string;
  /** The actor, or what else it is of: `room/lobby`. */
  readonly thread: string;
  /** What its rows are: `state`, `message`, `event`. */
  readonly type: string;
  /** The day in UTC, `2026-11-23`; empty: of no day. */
  readonly bucket: string;
  /** Units of the same name but for it follow one another. */
  readonly part: number;
}

/** What can be erased alone, by its keys: what is of one person, or an actor. */
export const tenantOf = ({ person, thread }: Pick<UnitName, "person" | "thread">): string =>
  person === "" ? thread : person;

/** The name that is bound to the fragments of several units of one actor which are sealed as one: no unit has it. */
export const sharedName = ({ cluster, person, thread }: UnitName): UnitName => ({
  cluster,
  person,
  thread,
  type: "",
  bucket: "",
  part: 0,
});

/** All that is bound to a unit's fragments beside their bytes. */
export interface UnitContext extends UnitName {
  /** Random, drawn with the key. */
  readonly id: string;
  /** Of the keys that the unit's key is sealed with. */
  readonly epoch: number;
}

interface SealedUnit {
  /** To be sealed by the tenant's key at once, and kept nowhere. */
  readonly key: Uint8Array;
  /** SHA-256 of the plaintext, hex: says in the (encrypted) manifest whether a unit changed. */
  readonly hash: string;
  readonly fragments: readonly Uint8Array[];
}

export const unitFormat = {
  /** Fewer would let who has one fragment and its key have half. */
  fragmentsMin: 2,
  fragmentsMax: 16,
  /** Of the plaintext. */
  bytesMax: 16 * 1024 * 1024,
  /** Smaller frames are brought to this. */
  frameBytesMin: 1_024,
  keyBytes: 32,
  tagBytes: 16,
  /** Bytes of randomness that sealing one unit takes: its key, and the transform's. */
  randomBytes: 64,
} as const;

const frameHeadBytes = 9;
/** More than units of the journal have; larger memory is not kept. */
const scratchBytesMax = 1024 * 1024;
const codecs = { stored: 0, zstd: 1 } as const;
const info = "plexus backup fragments 1";
/** Each key encrypts once. */
const nonce = new Uint8Array(12);

/** Gives memory for some bytes. */
type Room = (bytes: number) => Buffer;

/** Memory of a unit on its way, used again for the next: buffers are given back only when garbage is collected, which a
 *  thread with little of it on its heap does seldom. */
const scratch = { frame: reusable(), transformed: reusable() };

function reusable(): Room {
  let memory = Buffer.alloc(0);
  return (bytes) => {
    if (memory.length < bytes || memory.length > scratchBytesMax) memory = Buffer.allocUnsafeSlow(bytes);
    return memory.subarray(0, bytes);
  };
}

const ownMemory: Room = (bytes) => Buffer.allocUnsafe(bytes);

export const hashOfUnit = (plaintext: Uint8Array): string => hash("sha256", plaintext, "hex");

/** Seals a unit. `random` is `unitFormat.randomBytes` of secret randomness that nothing else ever sees; `hash` is the
 *  plaintext's, where it is known already. The fragments lie one behind the other in the memory that `room` gives. */
export function sealUnit(
  plaintext: Uint8Array,
  context: UnitContext,
  how: { readonly fragments: number; readonly random: Uint8Array; readonly hash?: string; readonly room?: Room },
): SealedUnit {
  const { keyBytes, randomBytes, bytesMax, tagBytes } = unitFormat;
  if (how.random.length !== randomBytes || plaintext.length > bytesMax || !isCount(how.fragments))
    throw new RangeError("a unit is sealed within its limits");
  const key = how.random.slice(0, keyBytes);
  const body = transform(framed(plaintext), how.random.subarray(keyBytes), scratch.transformed);
  const pieces = split(body, how.fragments);
  const keys = fragmentKeys(key, pieces.length);
  const associated = contextOf(context, pieces.length);
  const { room = ownMemory } = how;
  const made = room(body.length + pieces.length * tagBytes);
  let end = 0;
  const fragments = pieces.map((piece, at) => {
    const start = end;
    const cipher = createCipheriv("aes-256-gcm", keys[at] as Uint8Array, nonce);
    cipher.setAAD(associated(at));
    made.set(cipher.update(piece), start);
    // Of a stream cipher nothing is left to come.
    cipher.final();
    made.set(cipher.getAuthTag(), start + piece.length);
    return made.subarray(start, (end += piece.length + tagBytes));
  });
  return { key, hash: how.hash ?? hashOfUnit(plaintext), fragments };
}

/** The plaintext of a unit that is sealed alone, as of `openSealed`. Error: BACKUP_DAMAGED. */
export function openUnit(
  fragments: readonly Uint8Array[],
  context: UnitContext,
  { key, hash }: { readonly key: Uint8Array; readonly hash: string },
  room?: Room,
): Uint8Array {
  const plaintext = openSealed(fragments, context, key, room);
  demandUnit(plaintext, hash);
  return plaintext;
}

/** A unit in what was sealed: the bytes from `start` on; without it all of them. Error: BACKUP_DAMAGED. */
export function unitIn(
  plaintext: Uint8Array,
  { start, bytes, hash }: { readonly start?: number; readonly bytes: number; readonly hash: string },
): Uint8Array {
  const own = start === undefined ? plaintext : plaintext.subarray(start, start + bytes);
  demandUnit(own, hash);
  return own;
}

const demandUnit = (plaintext: Uint8Array, expected: string): void =>
  demand(hashOfUnit(plaintext) === expected, "unit", "not the plaintext that the manifest names");

/** What was sealed, from all its fragments in order, in the memory that `room` gives. Error: BACKUP_DAMAGED, which
 *  names the fragment that does not fit. */
export function openSealed(
  fragments: readonly Uint8Array[],
  context: UnitContext,
  key: Uint8Array,
  room?: Room,
): Uint8Array {
  demand(isCount(fragments.length), "unit", "a wrong number of fragments");
  demand(key.length === unitFormat.keyBytes, "unit", "its key has a wrong length");
  const keys = fragmentKeys(key, fragments.length);
  const associated = contextOf(context, fragments.length);
  const whole = scratch.transformed(
    fragments.reduce((sum, { length }) => sum + Math.max(0, length - unitFormat.tagBytes), 0),
  );
  let end = 0;
  for (const [at, fragment] of fragments.entries()) {
    const piece = opened(fragment, keys[at] as Uint8Array, associated(at), at);
    whole.set(piece, end);
    end += piece.length;
  }
  return unframed(untransform(whole), { room });
}

const isCount = (count: number): boolean =>
  Number.isSafeInteger(count) && count >= unitFormat.fragmentsMin && count <= unitFormat.fragmentsMax;

function fragmentKeys(key: Uint8Array, count: number): readonly Uint8Array[] {
  return split(new Uint8Array(hkdfSync("sha512", key, "", info, unitFormat.keyBytes * count)), count);
}

/** For each fragment, canonical JSON of everything that it belongs to. */
function contextOf(
  { cluster, person, thread, type, bucket, part, id, epoch }: UnitContext,
  of: number,
): (at: number) => Uint8Array {
  const { version, suite } = backupFormat;
  const unit = [cluster, person, thread, type, bucket, part];
  const common = JSON.stringify(["plexus backup fragment", version, suite, unit, id, epoch]).slice(0, -1);
  return (at) => Buffer.from(`${common},${at},${of}]`);
}

function opened(fragment: Uint8Array, key: Uint8Array, context: Uint8Array, at: number): Uint8Array {
  const bytes = fragment.length - unitFormat.tagBytes;
  demand(bytes >= 0, "fragment", "too short");
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: unitFormat.tagBytes });
  decipher.setAAD(context);
  decipher.setAuthTag(fragment.subarray(bytes));
  const piece = decipher.update(fragment.subarray(0, bytes));
  try {
    decipher.final();
  } catch {
    throw damaged("fragment", "changed, or not of this unit", { fragment: at });
  }
  return piece;
}

/** The frame of a body, padded so that with the transform's bytes it is of a size that many have. It lies where the
 *  next one will. */
export function framed(plaintext: Uint8Array): Uint8Array {
  const most = paddedFrame(packedRoom(plaintext.length));
  const frame = scratch.frame(most);
  const packed = packInto(plaintext, frame.subarray(frameHeadBytes));
  const isSmaller = packed < plaintext.length;
  const dataBytes = isSmaller ? packed : plaintext.length;
  if (!isSmaller) frame.set(plaintext, frameHeadBytes);
  frame.writeUInt8(isSmaller ? codecs.zstd : codecs.stored, 0);
  frame.writeUInt32LE(dataBytes, 1);
  frame.writeUInt32LE(plaintext.length, 5);
  const bytes = paddedFrame(dataBytes);
  frame.fill(0, frameHeadBytes + dataBytes, bytes);
  return frame.subarray(0, bytes);
}

/** The size of a frame with so much data. */
const paddedFrame = (dataBytes: number): number =>
  paddedSize(frameHeadBytes + dataBytes + transformBytes, unitFormat.frameBytesMin) - transformBytes;

/** What a frame holds, in the memory that `room` gives, or where it lies. Error: BACKUP_DAMAGED. */
export function unframed(
  bytes: Uint8Array,
  {
    bytesMax = unitFormat.bytesMax,
    room = ownMemory,
  }: { readonly bytesMax?: number; readonly room?: Room | undefined } = {},
): Uint8Array {
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  demand(frame.length >= frameHeadBytes, "unit", "a frame without a head");
  const [codec, dataBytes, plainBytes] = [frame.readUInt8(0), frame.readUInt32LE(1), frame.readUInt32LE(5)];
  demand(frameHeadBytes + dataBytes <= frame.length && plainBytes <= bytesMax, "unit", "a frame with wrong lengths");
  demand(codec === codecs.stored || codec === codecs.zstd, "unit", "a codec that nobody knows");
  demand(isZero(frame.subarray(frameHeadBytes + dataBytes)), "unit", "padding that is none");
  const data = frame.subarray(frameHeadBytes, frameHeadBytes + dataBytes);
  if (codec === codecs.zstd) return unpacked(data, plainBytes, room);
  demand(dataBytes === plainBytes, "unit", "a frame that holds another length than it says");
  const plaintext = room(plainBytes);
  plaintext.set(data);
  return plaintext;
}

const zeros = Buffer.alloc(64 * 1024);
function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const some = bytes.subarray(at, at + zeros.length);
    if (!some.equals(zeros.subarray(0, some.length))) return false;
  }
  return true;
}

function unpacked(data: Uint8Array, bytes: number, room: Room): Uint8Array {
  const memory = room(bytes + 1);
  demand(unpackInto(data, bytes, memory), "unit", "data that is not what it says");
  return memory.subarray(0, bytes);
}
