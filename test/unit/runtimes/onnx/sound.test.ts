import { expect } from "chai";
import fc from "fast-check";
import { pcmOf, readWav, resampler, wavHead } from "../../../../runtimes/onnx/sound.ts";
import { stepsOf } from "../../../fixtures/steps.ts";
import { bandFilters, createListener, stretchFrames, stretchSamples } from "../../../../runtimes/onnx/spectrum.ts";

const tone = (hertz: number, rate: number, count: number): Float32Array =>
  Float32Array.from({ length: count }, (_none, at) => Math.sin((2 * Math.PI * hertz * at) / rate));
const largest = (samples: Float32Array): number => samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);

/** A quarter of a second, told at another rate. */
const stepsOfRates = stepsOf(import.meta.url, (rate) =>
  resampler({ rate, samples: new Float32Array(rate / 4) }, 16_000)(0, 4_000),
);

/** A WAV file of any format. */
function wav(
  format: { readonly tag: number; readonly bits: number; readonly channels?: number; readonly rate?: number },
  data: Buffer,
  before: Buffer = Buffer.alloc(0),
): Buffer {
  const { tag, bits, channels = 1, rate = 8_000 } = format;
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(0xffff_ffff, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(tag, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt16LE(bits, 34);
  head.write("data", 36);
  head.writeUInt32LE(0xffff_ffff, 40);
  return Buffer.concat([head.subarray(0, 36), before, head.subarray(36), data]);
}

describe("a WAV file", () => {
  const samplesOf = (bytes: Uint8Array): readonly number[] | string => {
    const sound = readWav(bytes);
    return "refused" in sound ? sound.refused : [...sound.samples];
  };

  it("is read as numbers from -1 to 1, whatever they are in the file", () => {
    expect(samplesOf(wav({ tag: 1, bits: 8 }, Buffer.from([0, 128, 192])))).to.deep.equal([-1, 0, 0.5]);
    expect(samplesOf(wav({ tag: 1, bits: 16 }, Buffer.from([0, 0x80, 0, 0x40])))).to.deep.equal([-1, 0.5]);
    expect(samplesOf(wav({ tag: 1, bits: 24 }, Buffer.from([0, 0, 0x80, 0, 0, 0x40])))).to.deep.equal([-1, 0.5]);
    expect(samplesOf(wav({ tag: 1, bits: 32 }, Buffer.from([0, 0, 0, 0xc0])))).to.deep.equal([-0.5]);
    const floats = Buffer.from(Float32Array.of(0.25, -3, Number.NaN).buffer);
    expect(samplesOf(wav({ tag: 3, bits: 32 }, floats))).to.deep.equal([0.25, -1, 0]);
  });

  it("is one channel, the mean of all, and what else is in it is passed over", () => {
    const list = Buffer.concat([Buffer.from("LIST"), Buffer.from([3, 0, 0, 0]), Buffer.from("abc\0")]);
    expect(samplesOf(wav({ tag: 1, bits: 8, channels: 2 }, Buffer.from([0, 128, 255, 129]), list))).to.deep.equal([
      -0.5, 0.5,
    ]);
  });

  it("is refused with what is wrong with it, and never read beyond its end", () => {
    expect(samplesOf(Buffer.from("OggS and so on"))).to.match(/not a WAV file/);
    expect(samplesOf(wav({ tag: 85, bits: 16 }, Buffer.alloc(4)))).to.match(/format 85/);
    expect(samplesOf(wav({ tag: 1, bits: 16, channels: 0 }, Buffer.alloc(4)))).to.match(/0 channels/);
    expect(samplesOf(wav({ tag: 1, bits: 16 }, Buffer.alloc(0)).subarray(0, 40))).to.match(/no sound/);
    const whole = wav({ tag: 1, bits: 16 }, Buffer.alloc(20));
    fc.assert(
      fc.property(fc.nat({ max: whole.length }), fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (cut, at, byte) => {
        const bytes = Buffer.from(whole);
        bytes[at] = byte;
        const sound = readWav(bytes.subarray(0, cut));
        return "refused" in sound || sound.samples.length <= 20;
      }),
    ); // prettier-ignore
  });

  it("is written as it is read", () => {
    const samples = tone(440, 8_000, 100);
    const sound = readWav(Buffer.concat([wavHead(100, 8_000), pcmOf(samples)]));
    if ("refused" in sound) throw new Error(sound.refused);
    expect(sound.rate).to.equal(8_000);
    expect(largest(sound.samples.map((one, at) => one - samples[at]!))).to.be.lessThan(1e-4);
  });
});

describe("a sound at another rate", () => {
  it("is the same sound, in whatever stretches it is asked for", () => {
    for (const rate of [8_000, 11_025, 44_100, 48_000, 191_999]) {
      const at = resampler({ rate, samples: tone(1_000, rate, rate) }, 16_000);
      const [whole, expected] = [at(0, 16_000), tone(1_000, 16_000, 16_000)];
      const inside = whole.slice(400, 15_600).map((one, index) => one - expected[400 + index]!);
      expect(largest(inside), `${rate}`).to.be.lessThan(2e-3);
      expect(at(5_000, 100)).to.deep.equal(whole.slice(5_000, 5_100));
      expect(largest(at(17_000, 100))).to.equal(0);
    }
  });

  it("takes no longer at a rate that has nothing in common with the other one", async () => {
    const [usual = 0, odd = 0] = await stepsOfRates(192_000, 191_999);
    expect(odd / usual).to.be.lessThan(1.6);
    // Nobody makes a sound of so many.
    expect(readWav(wav({ tag: 1, bits: 16, rate: 192_001 }, Buffer.alloc(8)))).to.deep.equal({
      refused: "the WAV file has 192001 samples a second",
    });
  });

  it("has nothing of what is too high for it", () => {
    const low = resampler({ rate: 48_000, samples: tone(10_000, 48_000, 48_000) }, 16_000)(1_000, 10_000);
    expect(largest(low)).to.be.lessThan(2e-3);
  });
});

describe("what a model of Whisper's family hears", () => {
  it("are bands of the weights that these models were trained with", () => {
    const filters = bandFilters(80);
    expect(filters).to.have.length(80);
    // The first numbers of the table that OpenAI publishes with its models.
    expect(filters[0]?.weights[0]).to.be.closeTo(0.024862593, 1e-8);
    expect(filters[1]?.weights).to.have.length(2);
    expect(filters[1]?.weights[0]).to.be.closeTo(0.001990822, 1e-8);
    expect(filters[1]?.weights[1]).to.be.closeTo(0.022871772, 1e-8);
    expect(bandFilters(128)).to.have.length(128);
  });

  it("is loudest where the tone is, and the same for silence everywhere", () => {
    const listen = createListener(80);
    const loudestBand = (hertz: number): number => {
      const heard = listen(tone(hertz, 16_000, stretchSamples));
      const level = (band: number): number => heard[band * stretchFrames + 100]!;
      return Array.from({ length: 80 }, (_none, band) => band).toSorted((one, other) => level(other) - level(one))[0]!;
    };
    for (const hertz of [400, 3_000]) {
      const band = bandFilters(80)[loudestBand(hertz)]!;
      const [low, high] = [band.first * 40, (band.first + band.weights.length - 1) * 40];
      expect(hertz, `${hertz} is between ${low} and ${high}`).to.be.within(low - 40, high + 40);
    }
    expect(new Set(listen(new Float32Array(stretchSamples)))).to.deep.equal(new Set([-1.5]));
  });

  it("has the powers that the definition of the transform gives", () => {
    // A click in the middle of a frame has the same power at every frequency.
    const stretch = new Float32Array(stretchSamples);
    stretch[160 * 100] = 1;
    const heard = createListener(80)(stretch);
    const filters = bandFilters(80);
    for (const band of [0, 20, 79]) {
      const level = Math.log10(filters[band]!.weights.reduce((sum, one) => sum + one, 0));
      expect(heard[band * stretchFrames + 100]).to.be.closeTo((level + 4) / 4, 1e-5);
    }
  });
});
