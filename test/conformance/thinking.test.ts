/** Templates of models that think, as their makers wrote them: the source of llama.cpp, which comes with the library,
 *  has them. */
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SpecialTokensText, type ChatWrapper } from "node-llama-cpp";
import type { ChatMessage, Thinking } from "../../protocols/index.ts";
import { contextOf, templateWrappers } from "../../runtimes/llama/prompt.ts";

/** What marks the end of a thought, of those whose template the library can read. */
const templates: Readonly<Record<string, string>> = {
  "Bielik-11B-v3.0-Instruct": "</think>",
  "CohereForAI-c4ai-command-r7b-12-2024-tool_use": "<|END_THINKING|>",
  "GLM-4.6": "</think>",
  "GLM-4.7-Flash": "</think>",
  "HuggingFaceTB-SmolLM3-3B": "</think>",
  "Kimi-K2-Thinking": "</think>",
  "MiniMax-M2": "</think>",
  "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": "</think>",
  "NVIDIA-Nemotron-Nano-v2": "</think>",
  "Qwen-QwQ-32B": "</think>",
  "Qwen-Qwen3-0.6B": "</think>",
  "Qwen3.5-4B": "</think>",
  "StepFun3.5-Flash": "</think>",
  "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B": "</think>",
  "deepseek-ai-DeepSeek-V3.1": "</think>",
  "deepseek-ai-DeepSeek-V3.2": "</think>",
  "ibm-granite-granite-3.3-2B-Instruct": "</think>",
  "mistralai-Ministral-3-14B-Reasoning-2512": "[/THINK]",
  "openbmb-MiniCPM5-1B": "</think>",
};

describe("templates of models that think", () => {
  let folder: string;
  before(function () {
    folder = mkdtempSync(join(tmpdir(), "plexus-templates-"));
    const library = dirname(dirname(createRequire(import.meta.url).resolve("node-llama-cpp")));
    try {
      execFileSync("git", ["clone", "-q", "--no-checkout", join(library, "llama/gitRelease.bundle"), folder], {
        stdio: "ignore",
      });
    } catch {
      this.skip();
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  const template = (name: string): string =>
    execFileSync("git", ["-C", folder, "show", `HEAD:models/templates/${name}.jinja`], { encoding: "utf8" });
  const wrappersOf = (name: string) => {
    const text = template(name);
    const made = new Map<string, readonly ChatWrapper[]>();
    return (syntax: "auto" | "noJinja", thinking?: Thinking): readonly ChatWrapper[] => {
      const key = `${syntax}${String(thinking)}`;
      const known = made.get(key) ?? templateWrappers(text, { syntax, thinking });
      made.set(key, known);
      return known;
    };
  };
  const hello: readonly ChatMessage[] = [{ role: "user", content: "Hello." }];
  /** What the template writes behind the last thing that was said, and how the thoughts behind it are marked. */
  const end = (wrappers: ReturnType<typeof wrappersOf>, thinking: Thinking | undefined, messages = hello) => {
    const { context, thoughts } = contextOf(messages, { tools: [], thinking }, wrappers);
    const last = context.contextText.values.at(-1);
    return { text: last instanceof SpecialTokensText ? last.value : "", thoughts };
  };

  for (const [name, mark] of Object.entries(templates))
    it(`${name}: has thought already where it is not to think, and has not where it is`, () => {
      const wrappers = wrappersOf(name);
      const off = end(wrappers, false);
      expect(off.text.trimEnd()).to.satisfy((text: string) => text.endsWith(mark), off.text);
      // Nothing that follows is a thought, unless the model begins one.
      expect(off.thoughts?.begins).to.satisfy(
        (begins: string | undefined) => off.thoughts === undefined || begins !== undefined,
      );
      for (const thinking of [true, "high"] as const)
        expect(end(wrappers, thinking).text.trimEnd().endsWith(mark), end(wrappers, thinking).text).to.equal(false);
    });

  it("leave an answer that was begun as it is", () => {
    const wrappers = wrappersOf("Qwen-QwQ-32B");
    const { context } = contextOf(
      [...hello, { role: "assistant", content: "He", continues: true }],
      { tools: [], thinking: false },
      wrappers,
    );
    expect(context.contextText.values.at(-1)).to.equal("He");
  });
});
