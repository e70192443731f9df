/** Why a model cannot be used names nodes and paths of files: it is told to people who may see the cluster, and to
 *  nobody else. */
import { expect } from "chai";
import { withoutPlaces } from "../../../../node/gateway/ai/places.ts";
import { errorTable, failure, refused, type ErrorCode } from "../../../../protocols/index.ts";
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
        call.say({
          type: "answered",
          result: refused(failure("MODEL_LOAD_FAILED", { model: "told", node: "north", reason })),
        });
        const { body } = await asked;
        const text = JSON.stringify(body);
        expect(text, name).to.include("The model could not be loaded");
        expect(text.includes(reason), `${name} reads the path: ${text}`).to.equal(name.startsWith("ada"));
        expect(text.includes("north"), name).to.equal(name.startsWith("ada"));
      }
    });

  it("is told so of every way to fail, whatever its details name", async () => {
    const failures = [
      failure("MODEL_NOT_FOUND", { model: "told", ai: ["north", "south"] }),
      failure("MODEL_UNAVAILABLE", {
        model: "told",
        reason: "the server that runs it does not answer (ECONNREFUSED)",
        at: "http://north:80",
      }),
      failure("RUNTIME_FAULT", { reason: "Error: cannot open /north/x.onnx" }),
      failure("RUNTIME_FAULT", { node: "north", because: "PEER_LOST" }),
      failure("PROVIDER_REFUSED", { model: "told", status: 401, said: "invalid org north" }),
      failure("PROVIDER_FAILED", { model: "told", status: 500, said: "api_error", reason: "open /north/blobs" }),
      failure("BAD_REQUEST", { model: "told", status: 400, field: "tools[0].name", reason: "see http://north/docs" }),
    ];
    for (const error of failures)
      for (const name of ["ada", "bob", "bob's key"]) {
        const body = { model: "told", messages };
        const asked = fixture.request("POST", "/v1/chat/completions", { token: tokens[name] ?? "", body });
        (await told.next()).say({ type: "answered", result: refused(error) });
        const text = JSON.stringify((await asked).body);
        expect(text.includes("north"), `${name} reads of ${error.code}: ${text}`).to.equal(name === "ada");
        // What a caller can do something about stays.
        for (const word of ["tools[0].name", "ECONNREFUSED", "api_error"])
          expect(text.includes(word), text).to.equal(JSON.stringify(error.details).includes(word));
      }
  });

  it("is told in details that are on one list, whatever the code", () => {
    const secret = "secret";
    const names = ["address", "ai", "at", "because", "file", "node", "server", "url"];
    for (const code of Object.keys(errorTable) as ErrorCode[]) {
      const places = Object.fromEntries(names.map((one) => [one, one === "ai" ? [secret] : `http://${secret}`]));
      const relayed = { status: 400, reason: `see ${secret}`, said: `${secret}.example`, path: `/${secret}` };
      const kept = { model: "m", field: "f", capability: "tools", retryAfterMs: 1 };
      const told = withoutPlaces(failure(code, { ...kept, ...places, ...relayed }));
      expect(JSON.stringify(told), code).not.to.include(secret);
      expect(told.details, code).to.include(kept);
      expect([told.code, told.message, told.outcome]).to.deep.equal([
        code,
        failure(code).message,
        failure(code).outcome,
      ]);
    }
    const own = failure("BAD_REQUEST", { path: "/messages/0", problem: "must be a text" });
    expect(withoutPlaces(own)).to.deep.equal(own);
    const filtered = failure("PROVIDER_REFUSED", { said: "content_filter" });
    expect(withoutPlaces(filtered)).to.deep.equal(filtered);
  });
});
