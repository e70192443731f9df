/** Texts that are cancelled together, on models that are made of everything a model can be made of: each is free within
 *  one token, and its place serves the next one. The model is in this process, so that what comes after the
 *  cancellation can be counted. */
import { expect } from "chai";
import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GenerationPart, GenerationRequest } from "../../protocols/index.ts";
import type { Doing, Flow, LoadedModel, LoadPlan, ModelSpec } from "../../runtimes/adapter.ts";
import { loadLlama } from "../../runtimes/llama/llama.ts";
import { depth, isAll } from "../depth.ts";
import { writeChainLora, writeChainModel } from "./chain-model.ts";
import { ampleMs } from "./runtime.ts";

const places = 8;
const contextTokens = 4_096;
const caches = ["f16", "q8_0", "q4_0"] as const;
/** What a model guesses ahead with: nothing, one that is always right, and one that is wrong now and then. */
const drafts = ["none", "same", "other"] as const;
/** What is asked for. */
const forms: readonly Partial<GenerationRequest>[] = [
  {},
  { format: { type: "schema", schema: { type: "array", items: { type: "integer" } } } },
  {
    tools: [{ name: "clock", parameters: { type: "object", properties: { zone: { type: "string" } } } }],
    toolChoice: "required",
  },
  { tools: [{ name: "clock" }] },
  { logprobs: 2 },
  { stop: ["never said"] },
];

/** The way of one text, which its test cancels. */
class Heard implements Flow<"generate"> {
  cancelled = false;
  tokens = 0;
  text = "";
  after = 0;
  readonly done: string[] = [];
  readonly #some: () => void;
  constructor(some: () => void) {
    this.#some = some;
  }
  doing(what: Doing): void {
    this.done.push(what);
  }
  part(part: GenerationPart): void {
    this.tokens += part.tokens;
    this.text += part.text;
    if (this.cancelled) this.after += part.tokens;
    this.#some();
  }
  ready(): undefined {
    return undefined;
  }
  onCancel(): void {
    // It looks at `cancelled`.
  }
}

describe("texts that are cancelled together", function () {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-cancelled-"));
    for (const [name, text] of Object.entries({ model: "abcdefgh", other: "abcdxyz" }))
      writeChainModel(join(folder, `${name}.gguf`), { text, after: "again", contextTokens });
    writeChainLora(join(folder, "lora.gguf"), { begins: "d" });
  });
  after(() => rmSync(folder, { recursive: true }));

  async function loaded(fields: Partial<ModelSpec>): Promise<LoadedModel> {
    const plan: LoadPlan = { contextTokens, sequences: places, threads: 1, sizeBytes: 1, architecture: "llama", memoryBytes: 1 }; // prettier-ignore
    const spec: ModelSpec = { name: "m", adapter: "llama", path: join(folder, "model.gguf"), ...fields };
    const load = await loadLlama(spec, plan, 0);
    if (load.type === "failed") throw new Error(load.reason);
    return load.model;
  }

  /** Begins a text in each place, cancels all when they have written so many tokens together, and waits for all of
   *  them. */
  async function cancelled(model: LoadedModel, begun: readonly Partial<GenerationRequest>[], atTokens: number) {
    const reached = Promise.withResolvers<void>();
    const flows = begun.map(
      () =>
        new Heard(() => {
          if (flows.reduce((sum, one) => sum + one.tokens, 0) >= atTokens) reached.resolve();
        }),
    );
    const texts = begun.map((fields, index) => write(model, flows[index]!, fields));
    const all = Promise.all(texts);
    // What is asked for with a grammar is held back until it is whole: a text that writes nothing visible is one of
    // many here.
    await Promise.race([reached.promise, all]);
    for (const flow of flows) flow.cancelled = true;
    return { ends: await all, flows };
  }

  function write(model: LoadedModel, flow: Heard, fields: Partial<GenerationRequest> = {}) {
    const request: GenerationRequest = {
      id: "x",
      model: "m",
      messages: [{ role: "user", content: "Tell me a long story." }],
      sampling: { maxTokens: 2_000 },
      timeoutMs: ampleMs,
      ...fields,
    };
    return model.serves.generate!(request, flow);
  }

  // Each of them, and in the long runs each with each.
  const combinations = drafts.flatMap((draft) =>
    caches.flatMap((cacheType) => [false, true].map((adapted) => ({ draft, cacheType, adapted }))),
  );
  for (const [index, { draft, cacheType, adapted }] of combinations.entries())
    if (isAll || index % 7 === 1)
      it(`end within one token: guesses ${draft}, cache ${cacheType}, ${adapted ? "an adapter" : "no adapter"}`, async () => {
        const model = await loaded({
          cacheType,
          ...(draft !== "none" && { draft: join(folder, draft === "same" ? "model.gguf" : "other.gguf") }),
          ...(adapted && { lora: [{ path: join(folder, "lora.gguf") }] }),
        });
        try {
          const alone = new Heard(() => undefined);
          await write(model, alone, { sampling: { maxTokens: 12 } });
          // It says what it does before it does it, so that nobody is blamed for what is not native.
          expect(alone.done).to.deep.equal(["form", "prompt", "native", "check"]);
          const run = fc.asyncProperty(
            fc.array(fc.constantFrom(...forms), { minLength: places, maxLength: places }),
            fc.integer({ min: 1, max: 400 }),
            async (others, atTokens) => {
              const { ends, flows } = await cancelled(model, [{}, ...others.slice(1)], atTokens);
              for (const end of ends)
                expect(end.ok || end.error.code === "OUTPUT_UNFIT", JSON.stringify(end)).to.equal(true);
              for (const { after } of flows) expect(after).to.be.at.most(1);
              // Each place writes what it wrote before.
              const again = others.map(() => new Heard(() => undefined));
              await Promise.all(again.map((flow) => write(model, flow, { sampling: { maxTokens: 12 } })));
              expect(new Set(again.map(({ text }) => text))).to.deep.equal(new Set([alone.text]));
            },
          );
          await fc.assert(run, { numRuns: depth(3, 40), seed: 7, endOnFailure: true });
        } finally {
          await model.unload();
        }
      });
});
