/** Bytes to frames: `u32le length, payload`. */

export const frameHeaderBytes = 4;

/** A frame that no payload of this length may have: nothing is said in no bytes. */
const payloadBytesMin = 1;

/** Cuts a stream of bytes into frames. Holds at most one frame that has not arrived whole. */
export class FrameReader {
  readonly #payloadBytesMax: number;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes = frameHeaderBytes;

  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** Hands each whole frame to `take`, which says whether to go on. The payload shares memory with the chunk. False:
   *  this is no frame, and nothing after it can be one. */
  read(chunk: Uint8Array, take: (payload: Uint8Array) => boolean): boolean {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#heldBytes > 0) {
      this.#held.push(bytes);
      this.#heldBytes += bytes.length;
      if (this.#heldBytes < this.#neededBytes) return true;
      bytes = Buffer.concat(this.#held, this.#heldBytes);
      this.#held = [];
      this.#heldBytes = 0;
    }
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      this.#neededBytes = frameHeaderBytes;
      if (left < frameHeaderBytes) break;
      const payloadBytes = bytes.readUInt32LE(at);
      if (payloadBytes > this.#payloadBytesMax || payloadBytes < payloadBytesMin) return false;
      this.#neededBytes = frameHeaderBytes + payloadBytes;
      if (left < this.#neededBytes) break;
      const end = at + this.#neededBytes;
      if (!take(bytes.subarray(at + frameHeaderBytes, end))) return true;
      at = end;
    }
    if (at < bytes.length) {
      this.#held.push(at === 0 ? bytes : bytes.subarray(at));
      this.#heldBytes = bytes.length - at;
    }
    return true;
  }
}

/** One buffer with these payloads as frames. */
export function framesOf(payloads: readonly Uint8Array[], totalBytes: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(totalBytes);
  let at = 0;
  for (const payload of payloads) {
    at = bytes.writeUInt32LE(payload.length, at);
    bytes.set(payload, at);
    at += payload.length;
  }
  return bytes;
}

/** The header alone, for a frame whose payload is too large to be copied. */
export function frameHeader(payload: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes);
  bytes.writeUInt32LE(payload.length, 0);
  return bytes;
}
