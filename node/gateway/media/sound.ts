/** What a sound is, by what its file says. Nothing of it is played here. */

/** What can be told of one. */
interface SoundFile {
  readonly ms: number;
}

const pcm = 1;

/** A WAV file of 16 bits, whole, with one or two channels. Undefined: it is none, or not all of one, or there is
 *  something behind it.
 *
 *  Source: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991. */
export function soundIn(bytes: Uint8Array): SoundFile | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number): string => view.toString("latin1", at, at + 4);
  if (view.length < 44 || word(0) !== "RIFF" || word(8) !== "WAVE" || view.readUInt32LE(4) !== view.length - 8)
    return undefined;
  let bytesPerMs: number | undefined;
  for (let at = 12; at + 8 <= view.length;) {
    const [size, start] = [view.readUInt32LE(at + 4), at + 8];
    if (start + size > view.length) return undefined;
    if (word(at) === "fmt ") {
      if (size < 16) return undefined;
      const [tag, channels, rate, bits] = [
        view.readUInt16LE(start),
        view.readUInt16LE(start + 2),
        view.readUInt32LE(start + 4),
        view.readUInt16LE(start + 14),
      ];
      if (tag !== pcm || channels < 1 || channels > 2 || rate < 8_000 || rate > 48_000 || bits !== 16) return undefined;
      bytesPerMs = (rate * channels * 2) / 1_000;
    }
    if (word(at) === "data") return bytesPerMs === undefined ? undefined : { ms: Math.ceil(size / bytesPerMs) };
    at = start + size + (size % 2);
  }
  return undefined;
}
