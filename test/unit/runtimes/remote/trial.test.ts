/** What an endpoint is found to be, and what its test says. */
import { expect } from "chai";
import { failure, type RemoteAdapter } from "../../../../protocols/index.ts";
import { detect, recognise, type Answers } from "../../../../runtimes/remote/detect.ts";
import { explain, tryEndpoint } from "../../../../runtimes/remote/trial.ts";
import { json, startDouble, type Double, type Script } from "../../../fixtures/providers/double.ts";
import { ollamaDouble } from "../../../fixtures/providers/ollama.ts";
import { openAiDouble } from "../../../fixtures/providers/openai.ts";

const running: Double[] = [];
async function serve(script: Script): Promise<Double> {
  const double = await startDouble(script);
  running.push(double);
  return double;
}
/** Answers some paths, and nothing else. */
const paths =
  (answers: Readonly<Record<string, object>>): Script =>
  ({ path }, response) =>
    answers[path] === undefined ? json(response, { error: "no" }, 404) : json(response, answers[path]);
const specOf = (adapter: RemoteAdapter, url: string, model = "*", key?: { readonly env: string }) => ({
  name: "m",
  adapter,
  path: "",
  endpoint: { url, model, ...(key && { key }) },
});
const stepsOf = ({ steps }: Awaited<ReturnType<typeof tryEndpoint>>) =>
  steps.map(({ step, state }) => `${step} ${state}`);

afterEach(async () => void (await Promise.all(running.splice(0).map((double) => double.close()))));

describe("what answers at an address", () => {
  const list = (owner: string) => ({ object: "list", data: [{ id: "m", owned_by: owner }] });
  const rows: readonly (readonly [kind: string, answers: Readonly<Record<string, object>>, found: object])[] = [
    ["ollama", { "/api/version": { version: "0.15.2" }, "/api/tags": { models: [{ model: "llama3:8b" }] }, "/v1/models": list("library") }, { adapter: "ollama", server: { kind: "ollama", version: "0.15.2" }, models: ["llama3:8b"], needsKey: false }],
    ["vllm", { "/version": { version: "0.11.0" }, "/v1/models": list("vllm") }, { adapter: "openai", server: { kind: "vllm", version: "0.11.0" }, models: ["m"] }],
    ["llama-server", { "/props": { default_generation_settings: {}, build_info: "b6700" }, "/v1/models": list("llamacpp") }, { adapter: "openai", server: { kind: "llama-server", version: "b6700" } }],
    ["what only speaks like OpenAI", { "/v1/models": list("somebody") }, { adapter: "openai", server: { kind: "openai" }, models: ["m"] }],
    ["KServe", { "/v2": { name: "triton", version: "2.60.0", extensions: ["model_repository"] } }, { adapter: "kserve", server: { kind: "triton", version: "2.60.0" } }],
    ["a Plexus", { "/api/v1/setup": { version: "0.1.0", node: "ab12", signUp: "open" }, "/api/version": { version: "0.12.6" } }, { adapter: "openai", server: { kind: "plexus", version: "0.1.0" }, needsKey: true, node: "ab12" }],
  ]; // prettier-ignore
  for (const [kind, answers, found] of rows)
    it(`is recognised: ${kind}`, async () => {
      const double = await serve(paths(answers));
      const detected = await detect(double.url);
      expect(detected).to.deep.include(found);
      expect(detected?.url).to.equal(detected?.adapter === "openai" ? `${double.url}/v1` : double.url);
      expect(double.asked.every(({ headers }) => headers.authorization === undefined)).to.equal(true);
    });

  it("is nobody: a page, a registry of containers, a wiki that wants a password, silence, a flood, another address", async () => {
    const page: Script = (_asked, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>");
    const flood: Script = (_asked, response) => json(response, { data: [{ id: "x".repeat(1_000_000) }] });
    const elsewhere: Script = (_asked, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
    const locked: Script = (_asked, response) => response.writeHead(401).end("who are you?");
    for (const script of [page, paths({ "/v2": {}, "/api/version": { version: "1" } }), locked, flood, elsewhere])
      expect(await detect((await serve(script)).url)).to.equal(undefined);
    const gone = await startDouble();
    await gone.close();
    expect(await detect(gone.url)).to.equal(undefined);
  });

  it("is one that wants a key, if it says so as such servers do", async () => {
    const double = await serve((_asked, response) =>
      json(response, { error: { type: "invalid_request_error", message: "no key" } }, 401),
    );
    expect(await detect(double.url)).to.deep.include({ needsKey: true, models: [], server: { kind: "openai" } });
  });

  it("says what it likes, and is shown as words of a bounded length", () => {
    const nothing = { type: "nothing" } as const;
    const none = { setup: nothing, version: nothing, tags: nothing, props: nothing, kserve: nothing, vllm: nothing, models: nothing }; // prettier-ignore
    const body = { data: Array.from({ length: 500 }, () => ({ id: `\u001b[2J${"x".repeat(500)}` })) };
    const answers: Answers = { ...none, models: { type: "json", body } };
    const found = recognise(answers, "http://10.0.0.5:8000");
    expect(found?.models).to.have.length(32);
    for (const model of found?.models ?? []) expect(model).to.match(/^[^\p{Cc}]{1,90}$/u);
    for (const odd of [null, 7, [], "x", { data: 7 }, { data: [null] }, { data: [{ id: 7 }] }])
      expect(
        recognise({ ...none, models: { type: "json", body: odd } }, "http://10.0.0.5"),
        JSON.stringify(odd),
      ).to.equal(undefined);
  });
});

describe("the test of an endpoint", () => {
  it("says that all is well, with the models, what one can do, and how fast it is", async () => {
    const double = await serve(ollamaDouble());
    const report = await tryEndpoint(specOf("ollama", double.url), { speed: true });
    expect(stepsOf(report)).to.deep.equal(["reachable fine", "key skipped", "models fine", "model fine", "speed fine"]);
    expect(report).to.deep.include({ ok: true, server: { kind: "ollama", version: "0.15.2" } });
    expect(report.models.map(({ model }) => model)).to.include("echo");
    expect(report.model).to.deep.include({ name: "echo", contextTokens: 4_096 });
    expect(report.speed?.tokens).to.be.greaterThan(5);
    expect(report.speed?.tokensPerSecond).to.be.greaterThan(0);
  });

  it("generates nothing unless it is asked to, and nothing with a model that embeds", async () => {
    const double = await serve(openAiDouble());
    const quiet = await tryEndpoint(specOf("openai", `${double.url}/v1`), { speed: false });
    expect(stepsOf(quiet).at(-1)).to.equal("speed skipped");
    const vectors = await tryEndpoint(specOf("openai", `${double.url}/v1`, "echo-embed"), { speed: true });
    expect(stepsOf(vectors).at(-1)).to.equal("speed skipped");
    expect(double.asked.filter(({ path }) => path.includes("completions"))).to.deep.equal([]);
  });

  it("says what is wrong, where, and what helps; never the key", async () => {
    process.env["TRIAL_API_KEY"] = "sk-never-seen-0123456789";
    const key = { env: "TRIAL_API_KEY" };
    const refusing = await serve((_asked, response) =>
      json(response, { error: { type: "invalid_api_key", message: process.env["TRIAL_API_KEY"] } }, 401),
    );
    const refused = await tryEndpoint(specOf("openai", `${refusing.url}/v1`, "*", key), { speed: true });
    expect(stepsOf(refused)).to.deep.equal(["reachable fine", "key failed"]);
    expect(JSON.stringify(refused)).to.include("check the key").and.not.include("sk-never");
    delete process.env["TRIAL_API_KEY"];
    const unset = await tryEndpoint(specOf("openai", `${refusing.url}/v1`, "*", key), { speed: true });
    expect(unset.steps[0]?.says).to.match(/TRIAL_API_KEY is not set.+Set TRIAL_API_KEY/u);
    const gone = await startDouble();
    await gone.close();
    const away = await tryEndpoint(specOf("openai", `${gone.url}/v1`), { speed: true });
    expect(away).to.include({ ok: false });
    expect(away.steps[0]?.says).to.match(/nothing listens.+ECONNREFUSED/u);
    const empty = await serve(paths({ "/v1/models": { data: [] } }));
    expect(stepsOf(await tryEndpoint(specOf("openai", `${empty.url}/v1`), { speed: true }))).to.include(
      "models failed",
    );
    const wrong = await tryEndpoint(specOf("ollama", empty.url), { speed: true });
    expect(wrong.steps.at(-1)?.says).to.match(/no list of models.+adapter/u);
  });

  it("has advice for certificates, names and networks", () => {
    const says = (reason: string): string =>
      explain(failure("MODEL_UNAVAILABLE", { reason: `the server that runs it does not answer (${reason})` }), "u")
        .says;
    expect(says("DEPTH_ZERO_SELF_SIGNED_CERT")).to.include("NODE_EXTRA_CA_CERTS");
    expect(says("CERT_HAS_EXPIRED")).to.include("renew");
    expect(says("ERR_TLS_CERT_ALTNAME_INVALID")).to.include("another name");
    expect(says("ENOTFOUND")).to.include("name leads nowhere");
    expect(says("EHOSTUNREACH")).to.include("firewalls");
  });
});
