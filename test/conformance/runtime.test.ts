import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enginesOf, startInferenceHost, type InferenceHost, type ModelSpec } from "../../runtimes/index.ts";
import { createEchoRuntime } from "../../runtimes/echo/echo.ts";
import { echoAnswer } from "../../runtimes/echo/reply.ts";
import { type LocalEngine } from "../../runtimes/engine.ts";
import { writeChainModel, type ChainModel } from "./chain-model.ts";
import { keptLog, realClock, sharedTrials } from "./real-time.ts";
import { describeModels } from "./models.ts";
import { describeRuntime, type RuntimeSubject } from "./runtime.ts";

const slots = 4;
const queuedMax = 12;

function echoSubject(runtime: LocalEngine<"generate">): RuntimeSubject {
  // Characters of one to four bytes, joined ones, and a right-to-left word.
  const question = "Ünïcödé 😀 👩‍👩‍👧 שלום, is that all?";
  const words = Array.from({ length: 1_500 }, (_word, index) => `word${index}`).join(" ");
  return {
    runtime,
    brief: { model: "echo", question, answer: echoAnswer([{ role: "user", content: question }]) },
    lengthy: { model: "slow", question: words, passage: "word7 word8 wo" },
    slots,
    queuedMax,
    contextTokens: 4_096,
  };
}

describeRuntime("the echo", () =>
  Promise.resolve(
    echoSubject(
      createEchoRuntime({
        clock: realClock(),
        log: keptLog(),
        models: ["echo", "slow"],
        tokenDelayMs: 1,
        sequences: slots,
        queuedPerModelMax: queuedMax,
      }),
    ),
  ),
);

async function hosted(models: readonly ModelSpec[]): Promise<InferenceHost> {
  const started = startInferenceHost({
    models,
    clock: realClock(),
    log: keptLog(),
    trials: sharedTrials,
    queuedPerModelMax: queuedMax,
  });
  await started.settled();
  return started;
}

async function host(models: readonly ModelSpec[]): Promise<LocalEngine<"generate">> {
  const started = await hosted(models);
  return { ...enginesOf(started).generate, stop: (deadlineMs) => started.stop(deadlineMs) };
}

const echoModel = (name: string, tokenDelayMs: number): ModelSpec => ({
  name,
  adapter: "echo",
  path: "",
  sequences: slots,
  tokenDelayMs,
});

describeRuntime("the echo in an inference host", async () =>
  echoSubject(await host([echoModel("echo", 0), echoModel("slow", 1)])),
);

describeModels("the echo in an inference host", async () => ({ local: await hosted([echoModel("echo", 0)]) }));

/** As Qwen and others have it: tools in the system's turn, calls in tags of their own. */
const toolTemplate =
  "{%- if tools %}{{- '<|system|># Tools' }}{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}{{- '<|end|>' }}{%- endif %}" +
  "{%- for m in messages %}{%- if m.role == 'tool' %}" +
  "{%- if messages[loop.index0 - 1].role != 'tool' %}{{- '<|user|>' }}{%- endif %}" +
  "{{- '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' }}" +
  "{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{- '<|end|>' }}{%- endif %}" +
  "{%- else %}{{- '<|' + m.role + '|>' + (m.content or '') }}{%- for call in (m.tool_calls or []) %}" +
  '{{- \'\\n<tool_call>\\n{"name": "\' + call.function.name + \'", "arguments": \' }}{{- call.function.arguments | tojson }}' +
  "{{- '}\\n</tool_call>' }}{%- endfor %}{{- '<|end|>' }}{%- endif %}{%- endfor %}" +
  "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}";

describe("llama.cpp in an inference host", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-runtime-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  describeRuntime("llama.cpp", async () => {
    const contextTokens = 8_192;
    const answer = "Aé😀, ok!";
    const model = (name: string, after: "end" | "again"): ModelSpec => {
      const path = join(folder, `${name}.gguf`);
      writeChainModel(path, { text: answer, after, contextTokens });
      return { name, adapter: "llama", path, contextTokens, sequences: slots };
    };
    return {
      runtime: await host([model("brief", "end"), model("lengthy", "again")]),
      brief: { model: "brief", question: "Hello.", answer },
      lengthy: { model: "lengthy", question: "Go on.", passage: "k!Aé" },
      slots,
      queuedMax,
      contextTokens,
    };
  });

  describeModels(
    "llama.cpp",
    async () => {
      const model = (name: string, fields: Partial<ChainModel>): ModelSpec => {
        const path = join(folder, `${name}.gguf`);
        writeChainModel(path, { text: "fine", after: "end", contextTokens: 4_096, ...fields });
        return { name, adapter: "llama", path };
      };
      const callsByItself = ["One", " moment.", "\n<tool_call>\n", '{"name"'];
      const local = await hosted([
        model("plain", {}),
        model("calls", { text: callsByItself, template: toolTemplate }),
        model("vectors", { reads: { type: "embed" } }),
        model("ranks", { reads: { type: "rerank", likes: "!" } }),
      ]);
      return { local };
    },
    ["classify"],
  );
});
