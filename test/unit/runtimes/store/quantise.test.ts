import { expect } from "chai";
import fc from "fast-check";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failureOf } from "../../../../protocols/index.ts";
import { inspectGgufFile, type GgufVerdict } from "../../../../runtimes/gguf.ts";
import { floatsOf, halfOf, planQuantised, quantiseBlocks, targetTypes } from "../../../../runtimes/store/quantise.ts";
import { quantise, type QuantiseRequest } from "../../../../runtimes/store/quantising.ts";
import { gguf } from "../../../fixtures/model-files.ts";

/** Halves as the engine of JavaScript has them: another source than ours. */
const Half = (
  globalThis as unknown as {
    Float16Array: new (values: readonly number[] | ArrayBuffer) => ArrayLike<number> & { buffer: ArrayBuffer };
  }
).Float16Array;
const halfBits = (value: number): number => new Uint16Array(new Half([value]).buffer)[0] ?? 0;
const halfValue = (bits: number): number => new Half(Uint16Array.of(bits).buffer)[0] ?? 0;

/** What a reader of these blocks sees: written from what the formats are, not from how they are made. */
function seen(type: "Q8_0" | "Q4_0", bytes: Buffer, count: number): readonly number[] {
  const size = type === "Q8_0" ? 34 : 18;
  return Array.from({ length: count }, (_none, index) => {
    const block = Math.floor(index / 32) * size;
    const scale = halfValue(bytes.readUInt16LE(block));
    const at = index % 32;
    if (type === "Q8_0") return scale * bytes.readInt8(block + 2 + at);
    const pair = bytes[block + 2 + (at % 16)] ?? 0;
    return scale * ((at < 16 ? pair & 15 : pair >> 4) - 8);
  });
}
const blocksOf = (type: "Q8_0" | "Q4_0", numbers: readonly number[]): Buffer => {
  const bytes = Buffer.alloc((numbers.length / 32) * 34);
  const used = quantiseBlocks(targetTypes[type].type, Float32Array.from(numbers), numbers.length, bytes);
  return bytes.subarray(0, used);
};

describe("weights that become smaller", () => {
  it("have scales as the engine rounds them, for every half and what is between", () => {
    const all = Array.from({ length: 65_536 }, (_none, half) => half);
    expect(all.filter((half) => !Number.isNaN(halfValue(half)) && halfOf(halfValue(half)) !== half)).to.deep.equal([]);
    fc.assert(fc.property(fc.float({ noNaN: true }), (value) => void expect(halfOf(value)).to.equal(halfBits(value))));
  });

  it("are near what they were: half a step in Q8_0, a step in Q4_0, and the largest nearly exact", () => {
    const numbers = fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 64, maxLength: 64 });
    fc.assert(
      fc.property(numbers, (weights) => {
        for (const type of ["Q8_0", "Q4_0"] as const) {
          const found = seen(type, blocksOf(type, weights), 64);
          for (const from of [0, 32]) {
            const most = Math.max(...weights.slice(from, from + 32).map(Math.abs));
            // Of the scale a half keeps 11 bits; below 2^-14 it keeps fewer.
            const step = most / (type === "Q8_0" ? 127 : 8);
            const error = (type === "Q8_0" ? 0.5 : 1.01) * step + most * 2 ** -10 + 2 ** -17;
            for (let at = from; at < from + 32; at += 1)
              expect(Math.abs((found[at] ?? NaN) - (weights[at] ?? NaN))).to.be.at.most(error);
          }
        }
      }),
    );
  });

  it("are the bytes that the formats ask for", () => {
    const ramp = Array.from({ length: 32 }, (_none, index) => index - 16);
    const eight = blocksOf("Q8_0", ramp);
    expect(eight.readUInt16LE(0)).to.equal(halfBits(16 / 127));
    expect(eight.readInt8(2)).to.equal(-127);
    expect(eight.readInt8(2 + 16)).to.equal(0);
    const four = blocksOf("Q4_0", ramp);
    expect(four).to.have.length(18);
    // The largest is −16: the scale is 2, and it is nibble 0; 0 is nibble 8, in the upper half of the first byte.
    expect([four.readUInt16LE(0), four[2]]).to.deep.equal([halfBits(2), 0x80]);
    expect(
      blocksOf(
        "Q4_0",
        ramp.map(() => 0),
      ).readUInt16LE(0) & 0x7fff,
    ).to.equal(0);
    for (const bad of [NaN, Infinity]) expect(() => blocksOf("Q8_0", [bad, ...ramp.slice(1)])).to.throw("not a number");
    expect(() => blocksOf("Q8_0", [3e38, ...ramp.slice(1)])).to.throw("too large");
  });

  it("are read from F32, F16 and BF16", () => {
    const into = new Float32Array(2);
    floatsOf(0, Buffer.from(Float32Array.of(1.5, -2).buffer), 2, into);
    expect([...into]).to.deep.equal([1.5, -2]);
    floatsOf(1, Buffer.from(new Half([0.1, -3]).buffer), 2, into);
    expect([...into]).to.deep.equal([halfValue(halfBits(0.1)), -3]);
    floatsOf(30, Buffer.from([0x80, 0x3f, 0x40, 0xc0]), 2, into);
    expect([...into]).to.deep.equal([1, -3]);
  });
});

describe("a model that is quantised", function () {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-quantise-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const floats = (count: number): Buffer =>
    Buffer.from(Float32Array.from({ length: count }, (_none, index) => Math.sin(index)).buffer);
  const facts = { "general.architecture": "llama", "general.name": "m", "llama.context_length": 64 };
  const tensors = [
    { name: "token_embd.weight", dimensions: [64, 8], type: 0, data: floats(64 * 8) },
    { name: "blk.0.attn_q.weight", dimensions: [64, 64], type: 0, data: floats(64 * 64) },
    { name: "blk.0.attn_norm.weight", dimensions: [64], type: 0, data: floats(64) },
    { name: "blk.0.odd.weight", dimensions: [48, 5], type: 0, data: floats(48 * 5) },
  ];
  const made = (fields: Partial<QuantiseRequest> & { readonly bytes?: Buffer } = {}) => {
    const from = join(folder, "m.gguf");
    const to = join(folder, "out.gguf");
    writeFileSync(from, fields.bytes ?? gguf({ facts, tensors }));
    const wish = { from, to, target: "Q4_0" as const, signal: new AbortController().signal, progress: () => undefined };
    return { from, to, done: quantise({ ...wish, ...fields }) };
  };
  const read = (path: string): Extract<GgufVerdict, { type: "fine" }> => {
    const { verdict } = inspectGgufFile(path);
    if (verdict.type !== "fine") throw new Error(JSON.stringify(verdict));
    return verdict;
  };
  const codeOf = (done: Promise<unknown>): Promise<unknown> =>
    done.then(
      () => "done",
      (thrown: unknown) => failureOf(thrown).code,
    );

  it("says what it is, keeps what is not weights, and has each number in its block", async () => {
    const seenBytes: number[] = [];
    const { to, done } = made({ progress: ({ doneBytes }) => void seenBytes.push(doneBytes) });
    const bytes = await done;
    const file = readFileSync(to);
    expect(file).to.have.length(bytes);
    const { header, tensors: found } = read(to);
    expect(header).to.include({ title: "m", contextTokens: 64, quantisation: "Q4_0" });
    expect(found.map(({ name, type }) => [name, type])).to.deep.equal([["token_embd.weight", 8], ["blk.0.attn_q.weight", 2], ["blk.0.attn_norm.weight", 0], ["blk.0.odd.weight", 0]]); // prettier-ignore
    const at = (name: string) => found.find((one) => one.name === name)!;
    const query = at("blk.0.attn_q.weight");
    const numbers = seen("Q4_0", file.subarray(query.offset), 64 * 64);
    numbers.forEach((number, index) => expect(number).to.be.closeTo(Math.sin(index), 0.13));
    for (const same of ["blk.0.attn_norm.weight", "blk.0.odd.weight"]) {
      const { offset, bytes: size } = at(same);
      expect(file.subarray(offset, offset + size)).to.deep.equal(tensors.find(({ name }) => name === same)?.data);
    }
    expect(seenBytes).to.have.length.greaterThan(0);
    expect(readdirSync(folder).sort()).to.deep.equal(["m.gguf", "out.gguf"]);
    // A second time there is something in its place.
    expect(await codeOf(made().done)).to.equal("BAD_REQUEST");
    expect(planQuantised(found, "Q8_0")).to.have.property("type", "refused");
  });

  it("is refused with the reason, and leaves nothing: what is quantised already, and what is no number", async () => {
    const bad = Buffer.from(floats(64 * 64));
    bad.writeFloatLE(NaN, 400);
    const spoiled = gguf({
      facts,
      tensors: [{ name: "blk.0.attn_q.weight", dimensions: [64, 64], type: 0, data: bad }],
    });
    const { to, done } = made({ bytes: spoiled });
    expect(await codeOf(done)).to.equal("MODEL_REFUSED");
    const done8 = made({
      bytes: gguf({ facts, tensors: [{ name: "blk.0.attn_q.weight", dimensions: [64, 64], type: 8 }] }),
    }).done;
    expect(await codeOf(done8)).to.equal("MODEL_REFUSED");
    expect(await codeOf(made({ bytes: Buffer.from("<html>") }).done)).to.equal("MODEL_REFUSED");
    expect(existsSync(to)).to.equal(false);
    expect(readdirSync(folder)).to.deep.equal(["m.gguf"]);
  });

  it("ends when it is told to, and leaves nothing", async () => {
    const stop = new AbortController();
    const { done } = made({ signal: stop.signal, progress: () => stop.abort() });
    stop.abort();
    expect(await codeOf(done)).to.equal("CANCELLED");
    expect(readdirSync(folder)).to.deep.equal(["m.gguf"]);
  });
});
