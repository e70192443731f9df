/** Which file or address admins are told where a model could not be loaded: the one that it is about. */
import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelSpec } from "../../../runtimes/adapter.ts";
import { adapterOf } from "../../../runtimes/adapters.ts";
import { namingFile } from "../../../runtimes/host/naming-file.ts";
import { writeSmallModel } from "../../fixtures/small-models.ts";

describe("the reason why a model could not be loaded", () => {
  const folder = mkdtempSync(join(tmpdir(), "plexus-naming-"));
  const at = (name: string): string => join(folder, name);
  before(() => {
    writeSmallModel(at("main.gguf"), "llama");
    writeFileSync(at("cut.gguf"), "GGUF");
  });
  after(() => rmSync(folder, { recursive: true }));

  const reasonOf = (fields: Partial<ModelSpec>): string => {
    const spec: ModelSpec = { name: "m", adapter: "llama", path: at("main.gguf"), ...fields };
    const inspected = adapterOf(spec).inspect(spec);
    if (inspected.type !== "refused") throw new Error(inspected.type);
    return namingFile(inspected.reason, spec);
  };

  it("names the file that is wrong, and no other", () => {
    const cut = at("cut.gguf");
    for (const [about, fields] of Object.entries({
      itself: { path: cut },
      guesser: { draft: cut },
      adapter: { lora: [{ path: cut }] },
    })) {
      const reason = reasonOf(fields);
      expect(reason, about).to.include(cut);
      expect(reason, about).not.to.include(at("main.gguf"));
    }
  });

  it("names the file of what says none, and the server of a model that has none", () => {
    const local = { name: "m", path: at("main.gguf") } as ModelSpec;
    const reasons = ["it needs about 9 MiB", "its calls ended the process", "in a process of its own it ended"];
    for (const reason of reasons) expect(namingFile(reason, local)).to.equal(`${reason} (${local.path})`);
    // Once is enough, wherever it was said first.
    expect(namingFile(namingFile("it is damaged", local), local)).to.equal(`it is damaged (${local.path})`);
    // What a reason ends with can be copied: a command stays the command.
    const command = "it is taken out until somebody loads it: plexus models load m";
    expect(namingFile(command, local)).to.equal(`${command} (${local.path})`);
    const endpoint = { url: "http://user:word@10.0.0.5:8000/v1?key=x", model: "m", key: { file: "/keys/a" } };
    const remote = { name: "m", path: "", endpoint } as ModelSpec;
    expect(namingFile("the server has no model m", remote)).to.equal(
      "the server has no model m (http://10.0.0.5:8000)",
    );
    expect(namingFile("the server has no model monkey-7b", remote)).not.to.include("/keys/a");
    expect(namingFile("the key file is empty", remote)).to.equal(
      "the key file is empty (/keys/a, http://10.0.0.5:8000)",
    );
  });
});
