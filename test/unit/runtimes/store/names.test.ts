/** Names of models as people copy them. */
import { expect } from "chai";
import { parseRepository, plainSource } from "../../../../runtimes/store/names.ts";

describe("a name of a model", () => {
  it("that was copied from a browser, or from git, is that of its repository", () => {
    const names: Readonly<Record<string, string>> = {
      "https://huggingface.co/u/r": "hf:u/r",
      "https://huggingface.co/u/r/": "hf:u/r",
      "https://huggingface.co/u/r?library=gguf": "hf:u/r",
      "https://huggingface.co/u/r/tree/main": "hf:u/r",
      "https://huggingface.co/u/r/tree/main/sub": "hf:u/r/sub",
      "https://huggingface.co/u/r/tree/refs%2Fpr%2F1": "hf:u/r@refs/pr/1",
      "https://huggingface.co/u/r/blob/v2/m.gguf?download=true": "hf:u/r@v2/m.gguf",
      "huggingface.co/u/r/resolve/main/m.gguf": "hf:u/r/m.gguf",
      "hf.co/u/r.git": "hf:u/r",
      "hf:u/r@refs/pr/1": "hf:u/r@refs/pr/1",
      "hf:u/r@refs%2Fpr%2F1": "hf:u/r@refs/pr/1",
      "hf://u/r@refs/pr/1/m.gguf": "hf:u/r@refs/pr/1/m.gguf",
      "hf.co/u/r:Q4_K_M": "hf:u/r:Q4_K_M",
      "hf.co/u/r-GGUF:m.gguf": "hf:u/r-GGUF:m.gguf",
    };
    for (const [name, source] of Object.entries(names)) expect(plainSource(name), name).to.equal(source);
    expect(parseRepository("hf://u/r@refs/pr/1/sub/m.gguf")).to.deep.equal({
      repo: "u/r",
      revision: "refs/pr/1",
      path: "sub/m.gguf",
      quantisation: undefined,
    });
  });

  it("that is the address of a file's bytes stays that", () => {
    const address = "https://huggingface.co/u/r/resolve/main/m.gguf";
    expect(plainSource(address)).to.equal(address);
    expect(parseRepository(address)).to.equal(undefined);
  });
});
