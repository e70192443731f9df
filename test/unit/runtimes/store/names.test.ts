/** Names of models as people copy them. */
import { expect } from "chai";
import {
  alsoNamed,
  asQuantisation,
  hasKey,
  isInCloud,
  nearlyNamed,
  parseRepository,
  plainSource,
  sourceOfName,
} from "../../../../runtimes/store/names.ts";

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

  it("that LM Studio or llama-server takes leads to the same repository", () => {
    const names: Readonly<Record<string, string>> = {
      "u/r-GGUF/r.Q4_K_M.gguf": "hf:u/r-GGUF/r.Q4_K_M.gguf",
      "u/r/sub/m-00001-of-00002.gguf": "hf:u/r/sub/m-00001-of-00002.gguf",
      // Those are of a revision, of a registry, and of a registry's host.
      "hf:u/r@v2": "hf:u/r@v2",
      "hf.co/u/r@fp16": "hf:u/r@fp16",
      "https://huggingface.co/u/r/tree/fp16": "hf:u/r@fp16",
      "u/r": "ollama:u/r",
      "host:5000/u/m.gguf": "ollama:host:5000/u/m.gguf",
    };
    for (const [name, source] of Object.entries(names)) expect(sourceOfName(name), name).to.equal(source);
    // What has been pulled goes by its repository, too.
    const also: Readonly<Record<string, readonly string[]>> = {
      "u/r-GGUF": ["hf:u/r-GGUF"],
      "u/r-GGUF:Q4_K_M": ["hf:u/r-GGUF:Q4_K_M"],
      "u/r-GGUF@q8_0": ["hf:u/r-GGUF@q8_0", "hf:u/r-GGUF:q8_0"],
      "hf.co/u/r@q8_0": ["hf:u/r@q8_0", "hf:u/r:q8_0"],
      "u/r:latest": ["hf:u/r"],
      "host/u/m.gguf": ["ollama:host/u/m.gguf", "hf:host/u/m.gguf"],
      u: [],
    };
    for (const [name, sources] of Object.entries(also)) expect(alsoNamed(name), name).to.deep.equal(sources);
  });

  it("that LM Studio has as a key, without an owner, are of what was pulled", () => {
    const written = "hf:Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M";
    const file = "hf:u/Qwen2.5-7B-Instruct-GGUF/qwen2.5-7b-instruct-q4_k_m.gguf";
    const keys: Readonly<Record<string, readonly boolean[]>> = {
      "qwen2.5-7b-instruct": [true, true],
      "Qwen2.5-7B-Instruct-GGUF": [true, true],
      "qwen2.5-7b-instruct@q4_k_m": [true, true],
      "qwen2.5-7b-instruct@q8_0": [false, false],
      "qwen2.5-7b-instruct@k_m": [false, false],
      "qwen2.5-7b": [false, false],
      "qwen2.5-7b-instruct-q4_k_m.gguf": [false, true],
      "qwen2.5-7b-instruct-gguf/qwen2.5-7b-instruct-q4_k_m.gguf": [false, true],
      "instruct-gguf/qwen2.5-7b-instruct-q4_k_m.gguf": [false, false],
      "": [false, false],
    };
    for (const [key, are] of Object.entries(keys))
      expect([hasKey(written, key), hasKey(file, key)], key).to.deep.equal(are);
    expect(hasKey("ollama:qwen2.5-7b-instruct", "qwen2.5-7b-instruct")).to.equal(false);
  });

  it("may say how the weights are written where a revision stands, but not as the address of a page", () => {
    for (const name of ["hf:u/r@Q4_K_M", "hf.co/u/r@iq3_xxs", "https://huggingface.co/u/r@fp16", "hf:u/r@UD-Q4_K_XL"]) {
      const quantisation = name.split("@")[1];
      expect(asQuantisation(name), name).to.include({ repo: "u/r", revision: "main", quantisation });
    }
    for (const name of [
      "hf:u/r@v2",
      "hf:u/r@Q4_K_M/sub",
      "hf:u/r@Q4_K_M:Q8_0",
      "https://huggingface.co/u/r/tree/fp16",
      "hf:u/r",
      "u@q8_0",
    ])
      expect(asQuantisation(name), name).to.equal(undefined);
  });

  it("says whether it is run on the servers of Ollama", () => {
    for (const name of [
      "kimi-k2.5:cloud",
      "gpt-oss:120b-cloud",
      "me/mine:20b:cloud",
      " x:CLOUD ",
      "ollama:x:cloud",
      "https://ollama.com/library/x:cloud",
    ])
      expect(isInCloud(name), name).to.equal(true);
    for (const name of [
      "cloud",
      "cloud:8b",
      "x:cloudy",
      "x-cloud",
      "x:8b",
      "localhost:5000/team/x:on-cloud",
      "ollama:registry.test/team/x:cloud",
      "hf.co/u/r:x-cloud",
    ])
      expect(isInCloud(name), name).to.equal(false);
  });

  it("is near to those that it is a part of, or has as a part", () => {
    const all = ["qwen2.5-0.5b-instruct-q4_k_m", "qwen2.5-7b", "llama3.2:1b", "echo", "e"];
    const near: Readonly<Record<string, readonly string[]>> = {
      "qwen2.5": ["qwen2.5-7b", "qwen2.5-0.5b-instruct-q4_k_m"],
      "Qwen/Qwen2.5-0.5B-Instruct-GGUF": ["qwen2.5-0.5b-instruct-q4_k_m"],
      "llama3.2": ["llama3.2:1b"],
      "Llama-3.2": ["llama3.2:1b"],
      "gpt-4o": [],
      "": [],
    };
    for (const [name, found] of Object.entries(near)) expect(nearlyNamed(name, all), name).to.deep.equal(found);
  });

  it("that is the address of a file's bytes stays that", () => {
    const address = "https://huggingface.co/u/r/resolve/main/m.gguf";
    expect(plainSource(address)).to.equal(address);
    expect(parseRepository(address)).to.equal(undefined);
  });
});
