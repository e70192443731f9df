/** Models on other servers keep the promises of the port: against doubles of their providers, in an inference host. */
import { expect } from "chai";
import { readFileSync } from "node:fs";
import type { Capability } from "../../protocols/index.ts";
import { enginesOf, startInferenceHost, type InferenceHost, type ModelSpec, listModels } from "../../runtimes/index.ts";
import { echoAnswer } from "../../runtimes/echo/reply.ts";
import { specsOf } from "../../runtimes/remote/catalogue.ts";
import { anthropicDouble } from "../fixtures/providers/anthropic.ts";
import { json, startDouble, type Double, type Script } from "../fixtures/providers/double.ts";
import { geminiDouble } from "../fixtures/providers/gemini.ts";
import { kserveDouble } from "../fixtures/providers/kserve.ts";
import { ollamaDouble } from "../fixtures/providers/ollama.ts";
import { openAiDouble, openAiModels } from "../fixtures/providers/openai.ts";
import { describeModels } from "./models.ts";
import { keptLog, realClock } from "./real-time.ts";
import { codeOf, describeRuntime, endOf, listen } from "./runtime.ts";

interface Subject {
  readonly adapter: string;
  readonly script: Script;
  /** Behind the address of the double. */
  readonly path?: string;
  readonly models: readonly string[];
  /** Whether it says what a call took, which the suite of the runtime asks for. */
  readonly counts: boolean;
  /** What its interface has not. */
  readonly lacks: readonly Capability[];
}

const subjects: readonly Subject[] = [
  { adapter: "openai", script: openAiDouble(), path: "/v1", models: openAiModels, counts: true, lacks: ["classify"] },
  {
    adapter: "ollama",
    script: ollamaDouble(),
    models: ["echo", "slow", "echo-embed"],
    counts: true,
    lacks: ["classify", "rerank", "tokenize"],
  },
  {
    adapter: "anthropic",
    script: anthropicDouble(),
    models: ["echo", "slow"],
    counts: true,
    lacks: ["classify", "embed", "logprobs", "rerank", "tokenize"],
  },
  {
    adapter: "gemini",
    script: geminiDouble(),
    models: ["echo", "slow", "gemini-3-echo", "echo-embed"],
    counts: true,
    lacks: ["classify", "logprobs", "rerank", "tokenize"],
  },
  {
    adapter: "kserve",
    script: kserveDouble(),
    models: ["echo", "whole", "vectors"],
    counts: false,
    lacks: ["classify", "json", "logprobs", "rerank", "tokenize", "tools"],
  },
];

const slots = 4;
const queuedMax = 12;
const contextTokens = 4_096;

for (const { adapter, script, path = "", models, counts, lacks } of subjects) {
  const key = { env: "PLEXUS_TEST_PROVIDER_KEY" };
  describe(`with a double of ${adapter}`, () => {
    let double: Double;
    before(async () => {
      process.env[key.env] = "key-of-the-double";
      double = await startDouble(script);
    });
    after(async () => {
      delete process.env[key.env];
      await double.close();
    });

    async function hosted(names: readonly string[]): Promise<InferenceHost> {
      const specs = names.map((name): ModelSpec => ({
        name,
        adapter,
        path: "",
        endpoint: { url: `${double.url}${path}`, model: name, key },
        contextTokens,
        sequences: slots,
      }));
      const host = startInferenceHost({
        models: specs,
        clock: realClock(),
        log: keptLog(),
        queuedPerModelMax: queuedMax,
      });
      await host.settled();
      return host;
    }

    describeModels(`${adapter}'s double`, async () => ({ local: await hosted(models) }), lacks);

    if (counts)
      describeRuntime(`${adapter}'s double`, async () => {
        const host = await hosted(["echo", "slow"]);
        const question = "Ünïcödé 😀 👩‍👩‍👧 שלום, is that all?";
        return {
          runtime: { ...enginesOf(host).generate, stop: (deadlineMs) => host.stop(deadlineMs) },
          brief: { model: "echo", question, answer: echoAnswer([{ role: "user", content: question }]) },
          lengthy: {
            model: "slow",
            question: Array.from({ length: 1_500 }, (_word, index) => `word${index}`).join(" "),
            passage: "word7 word8 wo",
          },
          slots,
          queuedMax,
          contextTokens,
        };
      });
  });
}

describe("the key of a model on another server", () => {
  const secret = "sk-never-seen-0123456789";
  const variable = "PLEXUS_TEST_SECRET";
  let double: Double;
  before(async () => {
    process.env[variable] = secret;
    double = await startDouble(openAiDouble());
  });
  after(async () => {
    delete process.env[variable];
    await double.close();
  });

  it("reaches the server, and is in no log, list, message, environment or command line on its way", async () => {
    const log = keptLog();
    const endpoint = { url: `${double.url}/v1`, model: "echo", key: { env: variable } };
    const spec: ModelSpec = { name: "echo", adapter: "openai", path: "", endpoint };
    const host = startInferenceHost({ models: [spec], clock: realClock(), log });
    await host.settled();
    const { generate } = enginesOf(host);
    await listen(generate, {}).last;
    double.script = (_asked, response) =>
      json(response, { error: { type: "authentication_error", message: secret } }, 401);
    expect(codeOf(await listen(generate, {}).last)).to.equal("PROVIDER_REFUSED");
    double.script = (_asked, response) => json(response, { error: { message: `${secret} is wrong` } }, 400);
    const bad = await listen(generate, {}).last;
    expect(bad).to.have.nested.property("error.details.reason", "… is wrong");
    const shownOf = (pid: number, what: string): string => readFileSync(`/proc/${pid}/${what}`, "utf8");
    const commandLine = Object.values(host.pids).map((pid) => [shownOf(pid, "cmdline"), shownOf(pid, "environ")]);
    expect(commandLine.flat().join()).to.match(/PATH=/);
    expect(double.asked.every(({ headers }) => headers.authorization === `Bearer ${secret}`)).to.equal(true);
    expect(JSON.stringify([log.lines, host.models(), spec, bad, commandLine])).to.not.include(secret);
    await host.stop(5_000);
  });
});

describe("a model that its server lists", () => {
  it("is loaded when it is called, and shows before what it most likely can do", async () => {
    const double = await startDouble(ollamaDouble());
    const entry: ModelSpec = { name: "there", adapter: "ollama", path: "", endpoint: { url: double.url, model: "*" } };
    const host = startInferenceHost({
      models: specsOf(entry, await listModels(entry)),
      clock: realClock(),
      log: keptLog(),
    });
    await host.settled();
    const [first, , vectors] = host.models();
    expect(first).to.deep.include({ model: "there/echo", state: "idle", capabilities: ["chat", "tools", "json"] });
    expect(vectors).to.deep.include({ model: "there/echo-embed", capabilities: ["embed"] });
    const heard = listen(enginesOf(host).generate, { model: "there/echo" });
    expect(endOf(await heard.last)).to.equal("complete");
    const [loaded] = host.models();
    expect(loaded).to.include({ state: "ready", device: "remote" });
    expect(loaded?.capabilities).to.include.members(["vision", "logprobs"]);
    await host.stop(5_000);
    await double.close();
  });
});
