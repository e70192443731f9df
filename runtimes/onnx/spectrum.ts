/** What Whisper's models hear: how loud each of some bands of pitch is, a hundred times a second. Pure.
 *
 *  Sources: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, section 2.2; M.
 *  Slaney, "Auditory Toolbox", 1998, for the bands. */

/** Samples a second that these models hear. */
export const heardRate = 16_000;
/** They hear stretches of so many seconds. */
export const stretchSeconds = 30;
/** Frames of a stretch. */
export const stretchFrames = 3_000;
export const stretchSamples = heardRate * stretchSeconds;

const window = 400;
const hop = 160;
const bands = window / 2 + 1;

/** Loudness by band and frame, of one stretch: [bands, frames]. */
export function createListener(count: number): (stretch: Float32Array) => Float32Array {
  const filters = bandFilters(count);
  const hann = Float64Array.from({ length: window }, (_none, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / window));
  return (stretch) => {
    const sampleAt = (at: number): number => {
      // The ends are mirrored, so that the first frame has something before it.
      const inside = at < 0 ? -at : at >= stretch.length ? 2 * stretch.length - 2 - at : at;
      return stretch[inside] ?? 0;
    };
    const heard = new Float32Array(count * stretchFrames);
    let loudest = -Infinity;
    const keep = (frame: number, powers: Float64Array): void => {
      for (const [band, { first, weights }] of filters.entries()) {
        let sum = 0;
        for (let at = 0; at < weights.length; at += 1) sum += weights[at]! * powers[first + at]!;
        const level = Math.log10(Math.max(1e-10, sum));
        loudest = Math.max(loudest, level);
        heard[band * stretchFrames + frame] = level;
      }
    };
    const real = new Float64Array(window);
    const imaginary = new Float64Array(window);
    for (let frame = 0; frame < stretchFrames; frame += 2) {
      for (let at = 0; at < window; at += 1) {
        const place = frame * hop + at - window / 2;
        real[at] = hann[at]! * sampleAt(place);
        imaginary[at] = hann[at]! * sampleAt(place + hop);
      }
      const [one, other] = powersOfTwo(real, imaginary);
      keep(frame, one);
      keep(frame + 1, other);
    }
    for (let at = 0; at < heard.length; at += 1) heard[at] = (Math.max(heard[at]!, loudest - 8) + 4) / 4;
    return heard;
  };
}

/** A band: how much of each frequency it has, from `first` on. */
interface Band {
  readonly first: number;
  readonly weights: readonly number[];
}

/** Pitch in mel: even steps up to 1,000 Hz, then even ratios. */
const melOf = (hertz: number): number =>
  hertz < 1_000 ? (3 * hertz) / 200 : 15 + (27 * Math.log(hertz / 1_000)) / Math.log(6.4);
const hertzOf = (mel: number): number =>
  mel < 15 ? (200 * mel) / 3 : 1_000 * Math.exp((Math.log(6.4) * (mel - 15)) / 27);

/** Triangles, each over two steps of pitch and of the same area. */
export function bandFilters(count: number): readonly Band[] {
  const top = melOf(heardRate / 2);
  const edges = Array.from({ length: count + 2 }, (_none, at) => hertzOf((at * top) / (count + 1)));
  return Array.from({ length: count }, (_none, band) => {
    const [low, middle, high] = [edges[band]!, edges[band + 1]!, edges[band + 2]!];
    const all = Array.from({ length: bands }, (_one, at) => {
      const hertz = (at * heardRate) / window;
      const height = Math.min((hertz - low) / (middle - low), (high - hertz) / (high - middle));
      return (Math.max(0, height) * 2) / (high - low);
    });
    const first = all.findIndex((weight) => weight > 0);
    const last = all.findLastIndex((weight) => weight > 0);
    return first < 0 ? { first: 0, weights: [] } : { first, weights: all.slice(first, last + 1) };
  });
}

/** The powers of the frequencies of two real signals, by one transform of both as one complex signal. */
function powersOfTwo(one: Float64Array, other: Float64Array): readonly [Float64Array, Float64Array] {
  const [real, imaginary] = transform(one, other);
  const powers = [new Float64Array(bands), new Float64Array(bands)] as const;
  for (let at = 0; at < bands; at += 1) {
    const mirrored = (window - at) % window;
    const [a, b, c, d] = [real[at]!, imaginary[at]!, real[mirrored]!, imaginary[mirrored]!];
    powers[0][at] = ((a + c) ** 2 + (b - d) ** 2) / 4;
    powers[1][at] = ((b + d) ** 2 + (c - a) ** 2) / 4;
  }
  return powers;
}

const turns = {
  real: Float64Array.from({ length: window }, (_none, at) => Math.cos((2 * Math.PI * at) / window)),
  imaginary: Float64Array.from({ length: window }, (_none, at) => -Math.sin((2 * Math.PI * at) / window)),
};

/** The discrete Fourier transform of `window` numbers, by splitting it into as many equal ones as its smallest factor
 *  says. */
function transform(real: Float64Array, imaginary: Float64Array): readonly [Float64Array, Float64Array] {
  const out = [new Float64Array(window), new Float64Array(window)] as const;
  const partReal = new Float64Array(5);
  const partImaginary = new Float64Array(5);
  const go = (length: number, from: number, stride: number, to: number): void => {
    if (length === 1) {
      out[0][to] = real[from]!;
      out[1][to] = imaginary[from]!;
      return;
    }
    const factor = length % 2 === 0 ? 2 : 5;
    const each = length / factor;
    for (let part = 0; part < factor; part += 1) go(each, from + part * stride, stride * factor, to + part * each);
    for (let at = 0; at < each; at += 1) {
      for (let part = 0; part < factor; part += 1) {
        const turn = (part * at * (window / length)) % window;
        const [x, y] = [out[0][to + part * each + at]!, out[1][to + part * each + at]!];
        partReal[part] = x * turns.real[turn]! - y * turns.imaginary[turn]!;
        partImaginary[part] = x * turns.imaginary[turn]! + y * turns.real[turn]!;
      }
      for (let place = 0; place < factor; place += 1) {
        let [x, y] = [0, 0];
        for (let part = 0; part < factor; part += 1) {
          const turn = (part * place * (window / factor)) % window;
          x += partReal[part]! * turns.real[turn]! - partImaginary[part]! * turns.imaginary[turn]!;
          y += partReal[part]! * turns.imaginary[turn]! + partImaginary[part]! * turns.real[turn]!;
        }
        out[0][to + place * each + at] = x;
        out[1][to + place * each + at] = y;
      }
    }
  };
  go(window, 0, 1, 0);
  return out;
}
