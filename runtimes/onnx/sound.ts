/** Sounds as numbers: WAV files in and out, and other rates. Pure.
 *
 *  Source: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991; RFC 2361 for the
 *  formats. */

/** A sound of one channel, from -1 to 1. */
interface Sound {
  readonly rate: number;
  readonly samples: Float32Array;
}

const channelsMax = 64;
/** As many samples a second as any converter makes. */
const ratesMax = 192_000;

/** Reads a WAV file, its channels as one; or why it is none. */
export function readWav(bytes: Uint8Array): Sound | { readonly refused: string } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wordAt = (at: number): string => Buffer.from(bytes.subarray(at, at + 4)).toString("latin1");
  if (bytes.length < 12 || wordAt(0) !== "RIFF" || wordAt(8) !== "WAVE")
    return { refused: "the sound is not a WAV file, and others are not read here" };
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = wordAt(at);
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    // What is written while it is recorded has no length yet: the rest of the file is the sound.
    const end = Math.min(bytes.length, start + size);
    if (name === "fmt ") {
      if (size < 16 || end - start < 16) return { refused: "the WAV file is cut off" };
      format = formatAt(view, start, end - start);
    }
    if (name === "data") {
      if (format === undefined) return { refused: "the WAV file does not say what its numbers are" };
      return read(view, start, end, format);
    }
    at = start + size + (size % 2);
  }
  return { refused: "the WAV file has no sound in it" };
}

interface Format {
  readonly tag: number;
  readonly channels: number;
  readonly rate: number;
  readonly bits: number;
}

const tags = { whole: 1, float: 3, extensible: 0xfffe } as const;

function formatAt(view: DataView, at: number, size: number): Format {
  const tag = view.getUint16(at, true);
  return {
    tag: tag === tags.extensible && size >= 26 ? view.getUint16(at + 24, true) : tag,
    channels: view.getUint16(at + 2, true),
    rate: view.getUint32(at + 4, true),
    bits: view.getUint16(at + 14, true),
  };
}

/** One number of each sort that there is. */
const readers: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  "1/8": (view, at) => (view.getUint8(at) - 128) / 128,
  "1/16": (view, at) => view.getInt16(at, true) / 2 ** 15,
  "1/24": (view, at) => ((view.getUint16(at, true) | (view.getInt8(at + 2) << 16)) >> 0) / 2 ** 23,
  "1/32": (view, at) => view.getInt32(at, true) / 2 ** 31,
  "3/32": (view, at) => view.getFloat32(at, true),
  "3/64": (view, at) => view.getFloat64(at, true),
};

function read(
  view: DataView,
  start: number,
  end: number,
  { tag, channels, rate, bits }: Format,
): Sound | { readonly refused: string } {
  const reader = readers[`${tag}/${bits}`];
  if (reader === undefined)
    return { refused: `the WAV file has numbers of a sort that is not read (format ${tag}, ${bits} bits)` };
  if (channels < 1 || channels > channelsMax) return { refused: `the WAV file has ${channels} channels` };
  if (rate < 1 || rate > ratesMax) return { refused: `the WAV file has ${rate} samples a second` };
  const width = bits / 8;
  const count = Math.floor((end - start) / (width * channels));
  const samples = new Float32Array(count);
  for (let index = 0; index < count; index += 1) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel += 1)
      sum += reader(view, start + (index * channels + channel) * width);
    const mean = sum / channels;
    samples[index] = Number.isFinite(mean) ? Math.max(-1, Math.min(1, mean)) : 0;
  }
  return { rate, samples };
}

/** The head of a WAV file with one channel of 16 bits. */
export function wavHead(samples: number, rate: number): Uint8Array {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + 2 * samples, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(tags.whole, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(2 * rate, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(2 * samples, 40);
  return Uint8Array.from(head);
}

/** Numbers of 16 bits, little-endian. */
export function pcmOf(samples: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * samples.length));
  for (const [index, sample] of samples.entries())
    view.setInt16(2 * index, Math.round(32_767 * Math.max(-1, Math.min(1, sample))), true);
  return new Uint8Array(view.buffer);
}

/** Zero crossings of the filter on each side: what is above half of the lower rate is 60 dB down. */
const crossings = 16;

/** Places between two samples that are told apart: of a rate that has nothing in common with the other there would be
 *  thousands, each with weights of its own. What a sound is off by is further down than what the filter lets
 *  through. */
const phasesMax = 1_024;

/** Makes a function that tells a stretch of a sound at another rate: `count` samples from `from` on, silence behind its
 *  end. */
export function resampler({ rate, samples }: Sound, wanted: number): (from: number, count: number) => Float32Array {
  const divisor = greatestCommon(rate, wanted);
  const [up, down] = [wanted / divisor, rate / divisor];
  const cutoff = Math.min(1, wanted / rate);
  const reach = Math.ceil(crossings / cutoff);
  /** One row of weights for each place between two samples that occurs. */
  const weights = new Map<number, Float32Array>();
  const phases = Math.min(up, phasesMax);
  const weightsAt = (exact: number): Float32Array => {
    const phase = up === phases ? exact : Math.round((exact * phases) / up);
    const known = weights.get(phase);
    if (known !== undefined) return known;
    const row = Float32Array.from({ length: 2 * reach }, (_none, at) => {
      const distance = at - reach + 1 - phase / phases;
      const window = Math.abs(distance) >= reach ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * distance) / reach);
      const angle = Math.PI * distance * cutoff;
      return cutoff * window * (angle === 0 ? 1 : Math.sin(angle) / angle);
    });
    weights.set(phase, row);
    return row;
  };
  return (from, count) => {
    if (up === down) return filled(samples.subarray(Math.min(from, samples.length), from + count), count);
    const out = new Float32Array(count);
    for (let index = 0; index < count; index += 1) {
      const place = (from + index) * down;
      const center = Math.floor(place / up);
      const row = weightsAt(place % up);
      const first = center - reach + 1;
      let sum = 0;
      for (let at = Math.max(0, -first); at < row.length && first + at < samples.length; at += 1)
        sum += row[at]! * samples[first + at]!;
      out[index] = sum;
    }
    return out;
  };
}

const filled = (samples: Float32Array, count: number): Float32Array => {
  const out = new Float32Array(count);
  out.set(samples);
  return out;
};

const greatestCommon = (one: number, other: number): number => (other === 0 ? one : greatestCommon(other, one % other));
