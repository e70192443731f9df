/** Why a model cannot be used names nodes and paths of files: it is told to people who may see the cluster, and to nobody else. */
import { expect } from "chai";
import { failure, refused } from "../../../../protocols/index.ts";
import { startFixture, type Fixture } from "../fixture.ts";
import { toldEngines } from "./told.ts";

describe("gateway: why a model cannot be used", () => {
  const told = toldEngines();
  const reason = "there is no such file: /models/big.gguf";
  const tokens: Record<string, string> = {};
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ engines: told.engines });
    for (const name of ["ada", "bob"]) tokens[name] = (await fixture.signUp(name)).token;
    for (const name of ["ada", "bob"]) {
      const made = await fixture.request("POST", "/api/v1/me/keys", {
        token: tokens[name] ?? "",
        body: { label: "script" },
      });
      tokens[`${name}'s key`] = made.body.key;
    }
  });
  after(() => fixture.stop());

  const messages = [{ role: "user", content: "hello" }];
  for (const [path, fields] of [
    ["/v1/chat/completions", { messages }],
    ["/v1/chat/completions", { messages, stream: true }],
    ["/v1/responses", { input: "hello" }],
    ["/v1/responses", { input: "hello", stream: true }],
    ["/v1/messages", { max_tokens: 9, messages }],
    ["/v1/messages", { max_tokens: 9, messages, stream: true }],
    ["/api/chat", { messages, stream: false }],
    ["/api/chat", { messages }],
    ["/api/generate", { prompt: "hello" }],
  ] as const)
    it(`is told to those who may see the cluster alone: ${path}${"stream" in fields ? `, stream ${fields.stream}` : ""}`, async () => {
      for (const name of ["ada", "ada's key", "bob", "bob's key"]) {
        const asked = fixture.request("POST", path, { token: tokens[name] ?? "", body: { model: "told", ...fields } });
        const call = await told.next();
        call.say({ type: "answered", result: refused(failure("MODEL_LOAD_FAILED", { model: "told", node: "north", reason })) }); // prettier-ignore
        const { body } = await asked;
        const text = JSON.stringify(body);
        expect(text, name).to.include("The model could not be loaded");
        expect(text.includes(reason), `${name} reads the path: ${text}`).to.equal(name.startsWith("ada"));
        expect(text.includes("north"), name).to.equal(name.startsWith("ada"));
      }
    });
});
