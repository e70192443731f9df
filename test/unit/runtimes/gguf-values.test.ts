/** Each number of a valid file, changed to what it cannot be. What is not found here meets the process of its own
 *  (`test/conformance`). */
import { expect } from "chai";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspectGguf } from "../../../runtimes/gguf.ts";
import { changesOf } from "../../fixtures/changed-model.ts";
import { smallArchitectures, writeSmallModel } from "../../fixtures/small-models.ts";
import { writeRandomModel, hundredMillion } from "../../fixtures/random-model.ts";

describe("the values of a model", () => {
  let whole: Buffer;
  before(() => {
    const folder = mkdtempSync(join(tmpdir(), "plexus-values-"));
    const small = { width: 64, layers: 2, heads: 2, inner: 128, contextTokens: 512 };
    writeRandomModel(join(folder, "m.gguf"), { ...hundredMillion, ...small, weights: "F16" });
    whole = readFileSync(join(folder, "m.gguf"));
    rmSync(folder, { recursive: true });
  });
  const reasonOf = (bytes: Buffer): string => {
    const verdict = inspectGguf(bytes, bytes.length);
    return verdict.type === "refused" ? verdict.reason : verdict.type;
  };
  const changed = (key: string, to: string): string => {
    const change = [...changesOf(whole)].find((one) => one.key === key && one.to === to);
    if (change === undefined) throw new Error(`${key} cannot be ${to}`);
    return reasonOf(change.bytes);
  };

  it("are fine in a file that is", () => expect(reasonOf(whole)).to.equal("fine"));

  it("are refused by name when native code would end the process by them", () => {
    for (const to of ["zero", "absurd", "most"])
      expect(changed("llama.block_count", to)).to.match(/block_count is \d+/);
    expect(changed("llama.block_count", "one")).to.match(/block_count is 1, and it has tensors of 2 blocks/);
    expect(changed("llama.attention.head_count", "zero")).to.match(/head_count is 0, and it has tensor/);
    expect(changed("llama.attention.head_count_kv", "zero")).to.match(/head_count_kv is 0, and it has tensor/);
    expect(changed("llama.attention.head_count", "absurd")).to.match(/head_count is \d+/);
    expect(changed("llama.feed_forward_length", "zero")).to.match(/feed_forward_length is 0, and it has tensor/);
    expect(changed("llama.embedding_length", "one")).to.match(
      /embedding_length is 1|head_count is 2, and it is 1 wide/,
    );
    for (const to of ["not a number", "negative", "infinite", "absurd"])
      expect(changed("llama.attention.layer_norm_rms_epsilon", to), to).to.match(/epsilon is/);
    for (const to of ["not a number", "negative", "zero"])
      expect(changed("llama.rope.freq_base", to), to).to.match(/freq_base is/);
    expect(changed("llama.rope.dimension_count", "one")).to.match(/dimension_count is 1/);
    expect(changed("llama.context_length", "zero")).to.match(/context_length is 0/);
  });

  it("are fine in small models of each architecture", () => {
    const folder = mkdtempSync(join(tmpdir(), "plexus-values-"));
    for (const architecture of smallArchitectures) {
      writeSmallModel(join(folder, "m.gguf"), architecture);
      expect(reasonOf(readFileSync(join(folder, "m.gguf"))), architecture).to.equal("fine");
    }
    rmSync(folder, { recursive: true });
  });

  it("are refused where only the trial of another architecture would find them, after minutes", () => {
    const folder = mkdtempSync(join(tmpdir(), "plexus-values-"));
    const of = (architecture: string, key: string): string => {
      const path = join(folder, `${architecture}.gguf`);
      writeSmallModel(path, architecture);
      const found = [...changesOf(readFileSync(path))].find(
        (one) => one.key === `${architecture}.${key}` && one.to === "zero",
      );
      return found === undefined ? "it cannot be changed" : reasonOf(found.bytes);
    };
    expect(of("mamba", "ssm.conv_kernel")).to.match(/conv_kernel is 0, and tensor blk\.0\.ssm_conv1d\.weight has 4/);
    for (const architecture of ["llama", "qwen2", "gemma3"])
      expect(of(architecture, "rope.dimension_count")).to.match(/dimension_count is 0/);
    rmSync(folder, { recursive: true });
  });

  it("are refused when a text of people has a byte for which there is no token", () => {
    const folder = mkdtempSync(join(tmpdir(), "plexus-values-"));
    writeSmallModel(join(folder, "m.gguf"), "llama");
    const model = readFileSync(join(folder, "m.gguf"));
    rmSync(folder, { recursive: true });
    expect(reasonOf(model)).to.equal("fine");
    // The first of an emoji's.
    model.write("x", model.indexOf("<0xF0>") + 1, "latin1");
    expect(reasonOf(model)).to.match(/no token for the byte 0xF0/);
  });

  it("are refused when a token is there twice", () => {
    const pair = Buffer.from(whole);
    const [first, second] = ["a", "b"].map((letter) =>
      pair.indexOf(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, letter.charCodeAt(0)])),
    );
    expect([first! > 0, second! > 0]).to.deep.equal([true, true]);
    pair.write("a", second! + 8, "latin1");
    expect(reasonOf(pair)).to.match(/vocabulary has the token "a" twice/);
  });
});
