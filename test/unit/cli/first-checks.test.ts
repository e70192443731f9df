import { expect } from "chai";
import { checkModels } from "../../../cli/up/first-checks.ts";
import { failureOf } from "../../../protocols/errors.ts";

describe("the models of a start", () => {
  const refusal = (models: Parameters<typeof checkModels>[0]["models"], roles: "ai"[] = ["ai"]) =>
    checkModels({ models, roles }).then(() => undefined, failureOf);

  it("that are not there end it, with what was looked for and what to do", async () => {
    const path = `${import.meta.dirname}/no-such-model.gguf`;
    const refused = await refusal([
      { name: "echo", path: "echo" },
      { name: "mine", path },
    ]);
    expect(refused?.code).to.equal("CONFIG_INVALID");
    expect(refused?.message).to.include(`The model mine cannot be read at ${path}: `);
    expect(refused?.details).to.include({ field: "models.1.path", value: path });
    expect(refused?.details?.["hint"]).to.match(/GGUF.*plexus models list.*plexus models pull/);
  });

  it("that need no file, or that this node does not run, are not looked for", async () => {
    expect(await refusal([{ name: "echo", path: "/no/echo" }])).to.equal(undefined);
    expect(await refusal([{ name: "far", adapter: "ollama", url: "http://127.0.0.1:1" }])).to.equal(undefined);
    expect(await refusal([{ name: "mine", path: "/no/such" }], [])).to.equal(undefined);
  });
});
