/** Zstandard with one context for all that a thread packs, and one for all that it unpacks.
 *
 *  `zstdCompressSync` makes a context for each call: of a unit of 4 KB that is nine tenths of the work, and the memory
 *  of each is given back only when garbage is collected. Node has no public way to use a context again. So a call goes
 *  straight to the handle of a stream, as Node's own synchronous calls do; with a whole input at once it gives the same
 *  bytes as they do, which a test compares. A context that has refused something is not used again. */
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";

interface Context {
  readonly destroyed: boolean;
  on(event: "error", heard: () => void): unknown;
  readonly _handle: {
    writeSync(
      flush: number,
      from: Uint8Array,
      at: number,
      bytes: number,
      into: Uint8Array,
      to: number,
      room: number,
    ): void;
  };
  /** What was left of the room, and of the input. */
  readonly _writeState: Readonly<Uint32Array>;
}

const level = { [constants.ZSTD_c_compressionLevel]: 3 };

/** What a context makes of a whole input in some memory: how many bytes; undefined: it refuses, there was no room for
 *  all, or it is not as much as is wanted. */
function once(make: () => unknown): (input: Uint8Array, into: Uint8Array, wanted?: number) => number | undefined {
  let context: Context | undefined;
  return (input, into, wanted) => {
    if (context === undefined) {
      context = make() as Context;
      // It says the same once more, as an event.
      context.on("error", () => undefined);
    }
    const { _handle: handle, _writeState: state } = context;
    handle.writeSync(constants.ZSTD_e_end, input, 0, input.length, into, 0, into.length);
    const [room = 0, left = 0] = state;
    const made = into.length - room;
    // With no room left there may be more to come.
    if (!context.destroyed && left === 0 && room > 0 && made === (wanted ?? made)) return made;
    context = undefined;
    return undefined;
  };
}

const pack = once(() => createZstdCompress({ params: level }));
const unpack = once(() => createZstdDecompress());

/** Room for whatever becomes of so many bytes. */
export const packedRoom = (bytes: number): number => bytes + (bytes >> 8) + 1_024;

/** Compresses bytes into memory with `packedRoom` for them: how many it takes. */
export function packInto(bytes: Uint8Array, memory: Uint8Array): number {
  const made = pack(bytes, memory);
  if (made === undefined) throw new RangeError("there is room for what Zstandard makes");
  return made;
}

/** Decompresses so many bytes, into memory that has room for one more. False: it is not what so many bytes were made
 *  into. */
export function unpackInto(packed: Uint8Array, bytes: number, memory: Uint8Array): boolean {
  return unpack(packed, memory.subarray(0, bytes + 1), bytes) === bytes;
}
