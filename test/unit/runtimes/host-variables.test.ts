import { expect } from "chai";
import { hostVariables, keyVariables } from "../../../runtimes/host/variables.ts";
import { namingFile } from "../../../runtimes/host/naming-file.ts";

const all = {
  PATH: "/bin",
  HOME: "/home/p",
  LC_ALL: "C",
  NODE_COMPILE_CACHE: "/home/p/.cache/compiled",
  CUDA_VISIBLE_DEVICES: "0",
  HTTPS_PROXY: "http://u:p@proxy",
  OPENAI_API_KEY: "sk-1",
  PLEXUS_PASSWORD: "p",
  AWS_SECRET_ACCESS_KEY: "s",
  DATABASE_URL: "postgres://u:p@h",
  HF_TOKEN: "t",
  CUDA_TOKEN: "t",
  GGML_VK_VISIBLE_DEVICES: "1",
};

describe("the environment of an inference host", () => {
  it("has what libraries and drivers need, and no secret of the node", () => {
    expect(Object.keys(hostVariables(all, "native"))).to.have.members(["PATH", "HOME", "LC_ALL", "NODE_COMPILE_CACHE", "CUDA_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"]); // prettier-ignore
    expect(Object.keys(hostVariables(all, "light"))).to.have.members([
      "PATH",
      "HOME",
      "LC_ALL",
      "NODE_COMPILE_CACHE",
      "HTTPS_PROXY",
    ]);
  });

  it("has the key of a model's server for that model alone", () => {
    const endpoint = { url: "https://h", model: "m" };
    expect(keyVariables({ endpoint: { ...endpoint, key: { env: "OPENAI_API_KEY" } } }, all)).to.deep.equal({
      OPENAI_API_KEY: "sk-1",
    });
    expect(keyVariables({ endpoint: { ...endpoint, key: { env: "UNSET" } } }, all)).to.deep.equal({});
    expect(keyVariables({ endpoint: { ...endpoint, key: { file: "/key" } } }, all)).to.deep.equal({});
    expect(keyVariables({}, all)).to.deep.equal({});
  });
});

describe("the reason of a failed load", () => {
  it("names the model's file, unless it names one of its files already", () => {
    const spec = { name: "m", adapter: "llama", path: "/srv/models/m.gguf", lora: [{ path: "/srv/models/m.lora" }] };
    expect(namingFile("it is empty", spec)).to.equal("it is empty (/srv/models/m.gguf)");
    for (const named of ["/srv/models/m.gguf is cut off", "there is no such file: /srv/models/m.lora"])
      expect(namingFile(named, spec)).to.equal(named);
    expect(namingFile("no file", { ...spec, path: "" })).to.equal("no file");
  });
});
