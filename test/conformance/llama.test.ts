/** What llama.cpp promises beyond the port: what it remembers, what it can be loaded with, and calls that a model makes
 *  by itself. */
import { expect } from "chai";
import fc from "fast-check";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getLlama, LlamaGrammar, LlamaLogLevel } from "node-llama-cpp";
import type {
  ChatMessage,
  GenerationAnswer,
  GenerationPart,
  GenerationRequest,
  Said,
  Tool,
} from "../../protocols/index.ts";
import { enginesOf, startInferenceHost, type InferenceHost, type ModelSpec } from "../../runtimes/index.ts";
import { Batches, placeMark } from "../../runtimes/llama/batches.ts";
import { formOf } from "../../runtimes/llama/form.ts";
import { fits } from "../../runtimes/schema.ts";
import { understand } from "../../runtimes/schema-reader.ts";
import { hundredMillion, writeRandomModel } from "../fixtures/random-model.ts";
import { splitAsTool, writeSplit } from "../fixtures/split-model.ts";
import { writeChainLora, writeChainModel, type ChainModel } from "./chain-model.ts";
import { keptLog, realClock, sharedTrials } from "./real-time.ts";
import { TestHosts } from "./test-hosts.ts";
import { ampleMs, answerOf, listen, type Ask, type Heard } from "./runtime.ts";

const tinyModel = join(import.meta.dirname, "../../runtimes/tiny-model/plexus-tiny.gguf");
const clock: Tool = { name: "clock", parameters: { type: "object", properties: { zone: { enum: ["utc", "cet"] } } } };

/** Schemas of all sorts that are kept to. */
const { schema: anySchema } = fc.letrec<{ schema: Readonly<Record<string, unknown>> }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Readonly<Record<string, unknown>>>(
      { type: "boolean" },
      { type: ["integer", "null"] },
      { type: "number", minimum: -1.5, maximum: 2 },
      { type: "string", minLength: 1, maxLength: 3 },
      { type: "string", format: "date-time" },
      { type: "string", format: "uuid" },
      { enum: ["x", 2, { y: [null] }] },
    ),
    fc.tuple(fc.integer({ min: -2_000, max: 2_000 }), fc.nat({ max: 3_000 })).map(([minimum, more]) => ({
      type: "integer",
      minimum,
      maximum: minimum + more,
    })),
    fc.tuple(tie("schema"), fc.nat({ max: 2 }), fc.nat({ max: 2 })).map(([items, minItems, more]) => ({
      type: "array",
      items,
      minItems,
      maxItems: minItems + more,
    })),
    fc.tuple(fc.array(tie("schema"), { maxLength: 3 }), fc.nat({ max: 4 })).map(([prefixItems, minItems]) => ({
      type: "array",
      prefixItems,
      items: { type: "boolean" },
      minItems,
      maxItems: 5,
    })),
    fc
      .dictionary(fc.constantFrom("a", "b c", 'd"e', "ü\n", ""), fc.tuple(tie("schema"), fc.boolean()))
      .map((members) => ({
        type: "object",
        properties: Object.fromEntries(Object.entries(members).map(([key, [part]]) => [key, part])),
        required: Object.entries(members).flatMap(([key, [, required]]) => (required ? [key] : [])),
      })),
    fc.array(tie("schema"), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
}));

describe("llama.cpp", function () {
  const hosts = new TestHosts("llama", 5_000);

  /** Those that say the same are one file. */
  const paths = new Map<string, string>();
  const chain = (name: string, fields: Partial<ChainModel> = {}): ModelSpec => {
    const said = JSON.stringify(fields);
    const path = paths.get(said) ?? join(hosts.folder, `${name}.gguf`);
    if (!paths.has(said)) writeChainModel(path, { text: "fine", after: "end", contextTokens: 4_096, ...fields });
    paths.set(said, path);
    return { name, adapter: "llama", path };
  };
  const random = (): ModelSpec => {
    const path = join(hosts.folder, "random.gguf");
    const small = { width: 64, layers: 1, heads: 2, inner: 64, contextTokens: 2_048 };
    if (!existsSync(path)) writeRandomModel(path, { ...hundredMillion, ...small, weights: "F16" });
    return { name: "random", adapter: "llama", path };
  };
  const tiny = (fields: Partial<ModelSpec> = {}): ModelSpec => ({
    name: "tiny",
    adapter: "llama",
    path: tinyModel,
    contextTokens: 512,
    ...fields,
  });
  /** One host has the models of one test after the other: a process of its own for each test would take longer than
   *  most tests. */
  let shared: InferenceHost | undefined;
  after(() => shared?.stop(5_000));
  async function started(...models: readonly ModelSpec[]): Promise<InferenceHost> {
    shared ??= startInferenceHost({ models: [], clock: realClock(), log: keptLog(), trials: sharedTrials });
    for (const { spec } of shared.residents()) await shared.remove(spec.name);
    for (const model of models) {
      expect(shared.add(model)).to.have.property("ok", true);
      await shared.load(model.name);
    }
    await shared.settled();
    return shared;
  }
  const ask = (host: InferenceHost, fields: Ask): Heard => listen(enginesOf(host).generate, fields);
  const parts = ({ said }: Heard): readonly GenerationPart[] =>
    said.flatMap((one) => (one.type === "part" ? [one.part] : []));
  const whole = async (heard: Heard): Promise<GenerationAnswer & { readonly text: string }> => ({
    ...answerOf(await heard.last),
    text: heard.text(),
  });

  it("says what a model can do before it is loaded, and the same afterwards", async () => {
    const models = [chain("writes"), chain("vectors", { reads: { type: "embed" } })];
    const host = hosts.start({ models, trials: sharedTrials });
    const said = (): unknown => host.models().map(({ capabilities }) => capabilities);
    const before = said();
    expect(before).to.deep.equal([
      ["chat", "tools", "json", "logprobs", "continue", "tokenize"],
      ["embed", "tokenize"],
    ]);
    await host.settled();
    expect(host.models().map(({ state }) => state)).to.deep.equal(["ready", "ready"]);
    expect(said()).to.deep.equal(before);
  });

  describe("with tools", () => {
    it("takes what a model writes by itself for a call, as soon as it is one, and its arguments are of the schema", async () => {
      const template =
        "{%- for m in messages %}{{- '<|' + m.role + '|>' + (m.content or '') }}{%- for call in (m.tool_calls or []) %}" +
        '{{- \'\n<tool_call>\n{"name": "\' + call.function.name + \'", "arguments": \' }}{{- call.function.arguments | tojson }}' +
        "{{- '}\n</tool_call>' }}{%- endfor %}{{- '<|end|>' }}{%- endfor %}{%- if tools %}{{- tools | tojson }}{%- endif %}" +
        "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}";
      // Its last token is half a call and half nonsense: what is nonsense is not kept.
      const host = await started(chain("calls", { text: ["One", " moment.", "<tool_", "call>{nonsense"], template }));
      const heard = ask(host, { tools: [clock], sampling: { temperature: 0, maxTokens: 300 } });
      expect(answerOf(await heard.last).end).to.equal("calls");
      expect(heard.text()).to.equal("One moment.");
      const calls = parts(heard).flatMap((part) => part.calls ?? []);
      expect(calls.map(({ name }) => name)).to.include("clock");
      for (const { arguments: said } of calls)
        expect([undefined, "utc", "cet"]).to.include((JSON.parse(said) as { zone?: string }).zone);
    });

    it("says what it wrote of a call that is cut off, and that it was", async () => {
      const host = await started(chain("cut"));
      const note = {
        name: "note",
        parameters: { type: "object", properties: { text: { type: "string", minLength: 200 } }, required: ["text"] },
      };
      const heard = ask(host, { tools: [note], toolChoice: "required", sampling: { seed: 1, maxTokens: 40 } });
      expect(answerOf(await heard.last).end).to.equal("length");
      expect(parts(heard).flatMap((part) => part.calls ?? [])).to.deep.equal([]);
      const pieces = parts(heard).flatMap((part) => part.pieces ?? []);
      // How many pieces it comes in depends on how fast the machine is.
      expect(pieces[0]).to.include({ index: 0, name: "note" });
      expect(pieces.map((piece) => piece.arguments).join("")).to.match(/^\{ *\n? *"text": ?".+/s);
    });

    it("answers a schema or calls, where both are asked for", async () => {
      const host = await started(chain("both"));
      const heard = ask(host, { tools: [clock], format: { type: "schema", schema: { enum: ["yes", "no"] } } });
      const { end, text } = await whole(heard);
      if (end === "complete") expect(JSON.parse(text)).to.be.oneOf(["yes", "no"]);
      else expect(end).to.equal("calls");
    });
  });

  it("tells what a model thinks from what it answers, and thoughts are before calls", async () => {
    const turns =
      "{%- for m in messages %}{%- set parts = (m.content or '').split('</think>') %}{{- '<|' + m.role + '|>' + parts[-1] + '<|end|>' }}{%- endfor %}" +
      "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}{#- <think> and </think> -#}";
    const said = (last: string) => ["<thi", "nk>", "I see", ".</think", ">\n\n", last];
    const host = await started(
      chain("thinks", { text: said("Hi."), template: turns }),
      chain("thinks-and-calls", { text: said("||call: now"), template: turns }),
    );
    const heard = ask(host, {});
    await heard.last;
    const thoughts = (from: Heard): string =>
      parts(from)
        .map(({ thought = "" }) => thought)
        .join("");
    expect([thoughts(heard), heard.text()]).to.deep.equal(["I see.", "Hi."]);
    const calling = ask(host, { model: "thinks-and-calls", tools: [clock], sampling: { maxTokens: 300 } });
    expect(answerOf(await calling.last).end).to.equal("calls");
    expect([thoughts(calling), calling.text()]).to.deep.equal(["I see.", ""]);
  });

  it("says which text ended it, picks among the likeliest, and cuts what it is to embed", async () => {
    const host = await started(chain("ends", { text: "fine<s" }), chain("vectors", { reads: { type: "embed" }, contextTokens: 64 }));
    const stopped = answerOf(await ask(host, { model: "ends", stop: ["ne", "<s"], sampling: { temperature: 0 } }).last);
    expect(stopped).to.include({ end: "complete", stoppedBy: "ne" });
    expect(answerOf(await ask(host, { model: "ends", sampling: { temperature: 0 } }).last)).to.not.have.property("stoppedBy");
    // So hot that every token is about as likely as any other.
    for (const few of [{ topK: 1 }, { minP: 1 }])
      expect((await whole(ask(host, { model: "ends", sampling: { temperature: 2, seed: 1, ...few } }))).text).to.equal("fine<s");
    const long = "word ".repeat(100);
    const vectors = async (fields: { readonly truncate?: true }) => {
      const came = Promise.withResolvers<Said<"embed">>();
      const request = { id: "e", model: "vectors", timeoutMs: ampleMs, inputs: ["short", long], ...fields };
      enginesOf(host).embed.call(request, (said) => void (said.type === "answered" && came.resolve(said)));
      const said = await came.promise;
      return said.type === "answered" && said.result.ok ? said.result.value.promptTokens : JSON.stringify(said);
    };
    expect(await vectors({})).to.contain("CONTEXT_TOO_LONG");
    // The short one's five bytes and its beginning, and as much of the long one as there is room for.
    expect(await vectors({ truncate: true })).to.equal(6 + 63);
  }); // prettier-ignore

  it("writes JSON of any schema that is supported, or says that it did not, whatever the model would say", async () => {
    const host = await started(random());
    let complete = 0;
    await fc.assert(
      fc.asyncProperty(anySchema, fc.nat(), async (schema, seed) => {
        const understood = understand(schema);
        expect(understood.left).to.deep.equal([]);
        const sampling = { temperature: 1.2, seed, maxTokens: 600 };
        const heard = ask(host, { format: { type: "schema", schema, strict: true }, sampling });
        const last = await heard.last;
        if (!last.ok) expect(last.error.code).to.equal("OUTPUT_UNFIT");
        else if (last.value.end === "complete") {
          complete += 1;
          expect(fits(understood.schema, JSON.parse(heard.text())), heard.text()).to.equal(true);
        } else expect(last.value.end).to.equal("length");
      }),
      { numRuns: 40 },
    );
    expect(complete).to.be.greaterThan(20);
  });

  describe("with schemas that say more than a grammar can", () => {
    let host: InferenceHost;
    beforeEach(async () => {
      host = await started(random());
    });
    const twins = { type: "array", items: { const: 1 }, minItems: 2, maxItems: 2, uniqueItems: true };
    const recorded = (name: string): unknown =>
      JSON.parse(readFileSync(join(import.meta.dirname, `../fixtures/schemas/${name}.json`), "utf8"));

    it("writes what the grammar says, and names what does not fit with the answer", async () => {
      const heard = ask(host, { format: { type: "schema", schema: { properties: { a: twins }, required: ["a"] } } });
      expect(answerOf(await heard.last)).to.deep.include({
        end: "complete",
        unfit: [{ at: "/a", keyword: "uniqueItems", problem: "two elements are the same" }],
      });
      expect(JSON.parse(heard.text())).to.deep.equal({ a: [1, 1] });
      const tool: Tool = { name: "look", parameters: { type: "object", properties: { a: twins }, required: ["a"] } };
      const calling = ask(host, { tools: [tool], toolChoice: "required", sampling: { maxTokens: 600 } });
      const { end, unfit = [] } = answerOf(await calling.last);
      expect(end).to.equal("calls");
      expect(unfit[0]).to.deep.equal({ tool: "look", at: "/a", keyword: "uniqueItems", problem: "two elements are the same" });
    }); // prettier-ignore

    it("refuses the tool that is strict, by its path, and no other", async () => {
      const parameters = { type: "object", properties: { a: twins }, required: ["a"] };
      const tools: readonly Tool[] = [
        { name: "fine", parameters },
        { name: "kept", parameters, strict: true },
      ];
      expect(await ask(host, { tools }).last)
        .to.have.nested.property("error.details")
        .that.deep.includes({
          field: "tools.kept.parameters",
          place: "/properties/a/uniqueItems",
        });
    });

    it("reads the grammars of tools of three MCP servers, and of all that zod makes", async () => {
      const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.disabled });
      const syntax = { section: "", opening: "<call>", middle: ":", closing: "</call>", between: "", alternatives: [] };
      const read = (fields: Partial<GenerationRequest>): LlamaGrammar => {
        const request = { id: "r", model: "m", messages: [], sampling: {}, timeoutMs: 1, ...fields };
        const verdict = formOf(request, () => syntax);
        if (verdict.type !== "fine" || verdict.form.type === "text") throw new Error(JSON.stringify(verdict));
        return new LlamaGrammar(llama, { grammar: verdict.form.grammar });
      };
      for (const name of ["filesystem", "playwright", "notion"]) {
        const { tools } = recorded(`mcp-${name}`) as { readonly tools: readonly { readonly name: string; readonly inputSchema: object }[] };
        read({ tools: tools.map((tool) => ({ name: tool.name, parameters: tool.inputSchema as NonNullable<Tool["parameters"]> })) });
      }
      const { schemas } = recorded("zod") as { readonly schemas: Readonly<Record<string, object>> };
      for (const schema of Object.values(schemas)) read({ format: { type: "schema", schema: schema as Readonly<Record<string, unknown>> } });
      const { json: _json, recursive: _recursive, ...properties } = schemas;
      const all = { type: "object", properties, required: Object.keys(properties) };
      const heard = ask(host, { format: { type: "schema", schema: all }, sampling: { maxTokens: 600, seed: 1 } });
      expect(await heard.last).to.have.property("ok", true);
    }); // prettier-ignore
  });

  it("tells tokens that are pieces of characters by their bytes, which together are those of the answer", async () => {
    // Each byte is a token of its own.
    const host = await started(chain("pieces", { text: "aé€😀!" }));
    const heard = ask(host, { logprobs: 2, stop: ["!"] });
    await heard.last;
    const told = parts(heard).flatMap(({ logprobs = [] }) => logprobs);
    expect(heard.text()).to.contain("é€😀");
    expect(Buffer.concat(told.map(({ token, bytes }) => bytes ?? Buffer.from(token))).toString()).to.equal(
      heard.text(),
    );
    expect(told.filter(({ bytes }) => bytes !== undefined)).to.have.length(9);
  });

  describe("remembers", () => {
    it("a conversation: ten turns read less than a fifth of what they hold", async () => {
      const host = await started(chain("turns"));
      const messages: ChatMessage[] = [{ role: "system", content: "Be kind to everybody. ".repeat(10) }];
      let [prompt, read] = [0, 0];
      for (let turn = 0; turn < 10; turn += 1) {
        messages.push({ role: "user", content: `This is what I say in turn ${turn}, and it is not much.` });
        const { text, promptTokens, cachedTokens = 0 } = await whole(ask(host, { messages }));
        messages.push({ role: "assistant", content: text });
        prompt += promptTokens;
        read += promptTokens - cachedTokens;
      }
      expect(prompt / read).to.be.greaterThan(5);
    });

    it("gives the demonstration model no tools, which would only confuse it", async () => {
      const host = await started(tiny());
      expect(host.models()[0]?.capabilities).to.include("json").and.to.not.include("tools");
    });

    it("what another conversation with the same beginning is still busy with, and answers the same", async () => {
      const host = await started(tiny({ sequences: 2 }));
      const persona = {
        role: "system",
        content: "You are a pirate who answers shortly and kindly. ".repeat(8),
      } as const;
      const asked = (content: string, seed?: number): Ask => ({
        messages: [persona, { role: "user", content }],
        sampling: { temperature: 0, ...(seed !== undefined && { seed }) },
      });
      const busy = ask(host, asked("Tell me a long story."));
      await busy.firstText;
      const other = await whole(ask(host, asked("What is a node?")));
      expect(other.cachedTokens).to.be.greaterThan(64);
      const alone = await whole(busy);
      const anew = [
        await whole(ask(host, asked("What is a node?", 1))),
        await whole(ask(host, asked("Tell me a long story.", 1))),
      ];
      expect([other.text, alone.text]).to.deep.equal(anew.map(({ text }) => text));
      expect(anew.map(({ cachedTokens }) => cachedTokens)).to.deep.equal([undefined, undefined]);
    });
  });

  it("evaluates sequences in the order of their numbers, which the library carries to each batch", async () => {
    const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, maxThreads: 1, logLevel: LlamaLogLevel.error }); // prettier-ignore
    try {
      const library = await llama.loadModel({ modelPath: tinyModel, gpuLayers: 0 });
      const made = new Batches();
      const batches: number[][] = [];
      const context = await library.createContext({
        contextSize: 64,
        sequences: 3,
        threads: 1,
        batching: {
          itemPrioritizationStrategy(batch) {
            const chosen = made.choose(batch.items, batch.size);
            batches.push(chosen.map(({ item }) => item.evaluationPriority));
            return chosen;
          },
        },
      });
      const sequences = [0, 1, 2].map(() => context.getSequence());
      expect(sequences).to.have.nested.property("2._sequenceId", 2);
      const tokens = library.tokenize("Hello", false);
      const evaluate = (place: number) =>
        sequences[place]!.evaluateWithoutGeneratingNewTokens(tokens, placeMark(place));
      await Promise.all([2, 0, 1].map(evaluate));
      expect(batches).to.deep.equal([[0, 1, 2]]);
    } finally {
      await llama.dispose();
    }
  });

  describe("is loaded", () => {
    const question: Ask = { question: "What is Plexus?", sampling: { temperature: 0 } };

    it("with a model that guesses ahead, and says what it says without", async () => {
      const host = await started(tiny(), tiny({ name: "guessing", draft: tinyModel }));
      const alone = await whole(ask(host, question));
      expect((await whole(ask(host, { ...question, model: "guessing" }))).text).to.equal(alone.text);
    });

    it("with a model that guesses in another vocabulary not at all", async () => {
      const host = await started(tiny({ draft: chain("other").path }));
      expect(host.models()[0]?.reason).to.match(/another vocabulary/u);
    });

    it("no further when somebody stops it, in its trial and behind it, and by the next call all the same", async () => {
      const host = await started(tiny({ name: "stopped" }));
      await host.unload("stopped");
      const now = () => host.residents().find(({ spec }) => spec.name === "stopped")!;
      const once = (isSo: () => boolean): Promise<void> =>
        new Promise((resolve) => {
          const look = (): void => {
            if (!isSo()) return;
            end();
            resolve();
          };
          const end = host.watch(look);
          look();
        });
      for (const from of [0, 0.5]) {
        const load = host.load("stopped");
        await once(() => now().place === "loading" && (now().share ?? 0) >= from);
        expect(host.stopLoad("stopped").ok, `from ${from}`).to.equal(true);
        expect(await load).to.have.nested.property("error.code", "CANCELLED");
        await once(() => now().place === "idle");
        expect(now().memoryBytes).to.equal(0);
      }
      expect((await whole(ask(host, { ...question, model: "stopped" }))).text).to.not.equal("");
    });

    it("with keys and values in blocks", async () => {
      const base = chain("cache");
      const host = await started(
        ...(["q8_0", "q4_0"] as const).map((cacheType) => ({ ...base, name: cacheType, cacheType })),
      );
      for (const model of ["q8_0", "q4_0"]) expect((await whole(ask(host, { model }))).text).to.equal("fine");
    });

    it("with an adapter, as another model of the same file, which answers otherwise", async () => {
      const base = chain("base");
      const lora = join(hosts.folder, "lora.gguf");
      writeChainLora(lora, { begins: "n" });
      const adapted = { ...base, name: "base+lora", lora: [{ path: lora }] };
      const off = { ...base, name: "base+nothing", lora: [{ path: lora, scale: 0 }] };
      const host = await started(base, adapted, off);
      const texts = [base, adapted, off].map(async ({ name }) => (await whole(ask(host, { model: name }))).text);
      expect(await Promise.all(texts)).to.deep.equal(["fine", "ne", "fine"]);
    });

    it("with an adapter for another model not at all", async () => {
      const lora = join(hosts.folder, "wide.gguf");
      writeChainLora(lora, { begins: "n", width: 256 });
      const host = await started({ ...chain("narrow"), lora: [{ path: lora }] });
      expect(host.models()[0]).to.include({ state: "failed" });
      expect(host.models()[0]?.reason)
        .to.match(/^the adapter: /u)
        .and.to.include(lora);
    });

    it("from several files, as the tool of llama.cpp splits a model, with tensors in the first of them or without", async () => {
      const { path } = chain("whole");
      const models = [false, true].map((emptyFirst): ModelSpec => {
        const name = emptyFirst ? "empty-first" : "split";
        const split = splitAsTool(readFileSync(path), { tensorsPerFile: 5, emptyFirst });
        return { name, adapter: "llama", path: writeSplit(join(hosts.folder, name), split)[0]! };
      });
      const host = await started(...models);
      for (const { name } of models) expect((await whole(ask(host, { model: name }))).text).to.equal("fine");
    });

    it("of BitNet's weights", async () => {
      const small = { width: 256, layers: 2, heads: 4, inner: 512, contextTokens: 512 };
      const models = (["TQ1_0", "TQ2_0"] as const).map((weights): ModelSpec => {
        const path = join(hosts.folder, `${weights}.gguf`);
        writeRandomModel(path, { ...hundredMillion, ...small, architecture: "bitnet", weights });
        return { name: weights, adapter: "llama", path };
      });
      const host = await started(...models);
      const texts = models.map(async ({ name }) => {
        const { text, completionTokens } = await whole(
          ask(host, { model: name, sampling: { maxTokens: 8, temperature: 0 } }),
        );
        expect(completionTokens).to.be.within(1, 8);
        return text;
      });
      // The same weights, kept in two ways.
      const [one, other] = await Promise.all(texts);
      expect(one).to.equal(other);
    });
  });
});
