/** Servers of KServe's Open Inference Protocol, version 2, over HTTP: Triton, TorchServe, OpenVINO, MLServer, KServe
 *  itself. https://github.com/kserve/open-inference-protocol, and Triton's extension of it that streams text.
 *
 *  Such a server knows tensors and not what they are for. The metadata decides:
 *
 *      one input of BYTES, one output of BYTES           writes text: the conversation goes in as one text
 *      … called text_input and text_output               the same, streamed
 *      one input of BYTES, one output of FP32 (or 16, 64)
 *        of the shape [texts, numbers]                    embeds
 *
 *  Inputs beside it that such models commonly have (`max_tokens`, `temperature`, `stream` …) are filled; a model that
 *  needs others is refused. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { ChatMessage, EmbedRequest, GenerationRequest } from "../../protocols/index.ts";
import { remoteAdapter, type At, type Described, type Provider } from "../remote/adapter.ts";
import type { Call } from "../remote/call.ts";
import { listAt, textAt } from "../remote/json.ts";
import { damaged } from "../remote/refusals.ts";
import { writeText, type Delta, type TextMapping } from "../remote/text.ts";
import { numbersOf, vectorOf, wholeVectors } from "../remote/vectors.ts";

/** What is known of a model's tensors. */
export interface Shape {
  readonly input: string;
  readonly output: string;
  readonly makes: "text" | "stream" | "vectors";
  /** Inputs beside the text. */
  readonly settings: readonly { readonly name: string; readonly datatype: string }[];
}

const provider: Provider = {
  name: "kserve",
  capabilities: ["chat", "embed"],
  wire: {
    base: (url) => url.href.replace(/\/v2\/?$/, ""),
    headers: (key): Record<string, string> => (key === undefined ? {} : { authorization: `Bearer ${key}` }),
    stream: "sse",
  },
  async list(call) {
    // Of Triton's and MLServer's extension for repositories; others have no list.
    const rows = listAt([await call.json({ path: "/v2/repository/index", body: {} })], 0);
    return rows.map((row) => ({ model: textAt(row, "name") ?? "", expected: provider.capabilities }));
  },
  describe: async (call, { endpoint }) => described(await shapeOf(call, endpoint.model)),
  answers: () => ({
    async generate(request, here) {
      const shape = await shapeAt(here);
      if (shape.makes === "stream") return writeText(request, here, streamMapping(request, here.model, shape));
      return writeText(request, here, textMapping(request, here.model, shape));
    },
    embed,
  }),
};

/** The row of Open Inference Protocol servers. */
export const kserve = remoteAdapter(provider);

const pathOf = (model: string): string => `/v2/models/${encodeURIComponent(model)}`;

const described = (shape: Shape): Described => ({
  capabilities: [shape.makes === "vectors" ? "embed" : "chat"],
  facts: shape,
});

/** The shape found when the model was loaded, or asked for now where the server did not answer then. */
const shapeAt = async ({ call, facts, model }: Pick<At, "call" | "facts" | "model">): Promise<Shape> =>
  (facts as Shape | undefined) ?? shapeOf(call, model);

async function shapeOf(call: Call, model: string): Promise<Shape> {
  const shape = readMetadata(await call.json({ path: pathOf(model) }));
  if (typeof shape !== "string") return shape;
  throw new PlexusError(failure("MODEL_UNSUPPORTED", { model, reason: shape }));
}

const settingNames =
  /^(?:stream|max_tokens|max_output_tokens|temperature|top_p|seed|random_seed|sampling_parameters|exclude_input_in_output|stop_words|bad_words|return_finish_reason|return_num_output_tokens|return_num_input_tokens)$/;
const floats: Readonly<Record<string, true>> = { FP16: true, FP32: true, FP64: true };

/** What a model is for, by its metadata; or why that cannot be told. */
export function readMetadata(metadata: unknown): Shape | string {
  const tensors = (list: string) =>
    listAt(metadata, list).map((one) => ({
      name: textAt(one, "name") ?? "",
      datatype: textAt(one, "datatype") ?? "",
      shape: listAt(one, "shape"),
    }));
  const inputs = tensors("inputs");
  const outputs = tensors("outputs");
  const settings = inputs.filter(({ name }) => settingNames.test(name));
  const texts = inputs.filter((input) => !settings.includes(input));
  const [text] = texts;
  if (text === undefined || texts.length > 1 || text.datatype !== "BYTES")
    return "only models that take one text are known: one input of BYTES";
  const output = outputs.find(({ name }) => name === "text_output") ?? outputs[0];
  if (output?.datatype === "BYTES") {
    const makes = text.name === "text_input" && output.name === "text_output" ? "stream" : "text";
    return { input: text.name, output: output.name, makes, settings };
  }
  if (output !== undefined && floats[output.datatype] === true && output.shape.length <= 2)
    return { input: text.name, output: output.name, makes: "vectors", settings };
  return "only models that make a text (BYTES) or one vector for each text ([texts, numbers] of FP32) are known";
}

/** The conversation as one text; a single message as it is. */
export function promptOf(messages: readonly ChatMessage[]): string {
  const [only] = messages;
  if (messages.length === 1 && only !== undefined) return only.content;
  const names = { system: "System", user: "User", assistant: "Assistant", tool: "Tool" } as const;
  return [...messages.map(({ role, content }) => `${names[role]}: ${content}`), "Assistant:"].join("\n");
}

/** The settings of a request, by the names that servers have for them. */
function settingsOf({ sampling, stop = [] }: GenerationRequest): Readonly<Record<string, unknown>> {
  const { maxTokens, temperature, topP, topK, minP, seed } = sampling;
  return definedOf({
    max_tokens: maxTokens,
    temperature,
    top_p: topP,
    top_k: topK,
    min_p: minP,
    ...(seed !== undefined && { seed, random_seed: seed }),
    ...(stop.length > 0 && { stop_words: stop }),
  });
}

const definedOf = (values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** How a server that streams text is asked. A setting that is an input of the model is one here; any other is a
 *  parameter. */
export function streamMapping(request: GenerationRequest, model: string, shape: Shape): TextMapping {
  const wanted = { ...settingsOf(request), stream: true };
  const isInput = ([name]: readonly [string, unknown]): boolean => shape.settings.some((one) => one.name === name);
  const entries = Object.entries(wanted);
  const body = {
    text_input: promptOf(request.messages),
    ...Object.fromEntries(entries.filter(isInput)),
    parameters: Object.fromEntries(entries.filter((entry) => !isInput(entry) && entry[0] !== "random_seed")),
    ...(shape.settings.some(({ name }) => name === "exclude_input_in_output") && { exclude_input_in_output: true }),
  };
  const read = (event: unknown): readonly Delta[] => {
    const text = textAt(event, shape.output);
    if (text === undefined) throw damaged("an event of its answer has no text");
    // It does not say how it ended: that the stream closes in order is all there is.
    return [{ text, end: "complete" }];
  };
  return { ask: { path: `${pathOf(model)}/generate_stream`, body }, read };
}

/** How a server that gives a text at once is asked. */
export function textMapping(request: GenerationRequest, model: string, shape: Shape): TextMapping {
  const settings = settingsOf(request);
  const tensors = shape.settings
    .filter(({ name }) => settings[name] !== undefined)
    .map(({ name, datatype }) => ({ name, shape: [1], datatype, data: [settings[name]].flat() }));
  const body = {
    id: request.id,
    inputs: [...inputsOf([promptOf(request.messages)], shape), ...tensors],
    parameters: settings,
    outputs: [{ name: shape.output }],
  };
  const read = (answer: unknown): readonly Delta[] => {
    const text = listAt(outputIn(answer, shape.output), "data")[0];
    if (typeof text !== "string") throw damaged("its answer has no text");
    return [{ text, end: "complete" }];
  };
  return { ask: { path: `${pathOf(model)}/infer`, body }, read };
}

const inputsOf = (texts: readonly unknown[], { input }: Shape): readonly object[] => [
  { name: input, shape: [texts.length], datatype: "BYTES", data: texts },
];

function outputIn(answer: unknown, name: string): unknown {
  const output = listAt(answer, "outputs").find((one) => textAt(one, "name") === name);
  if (output === undefined) throw damaged("its answer lacks the output that was asked for");
  return output;
}

async function embed({ inputs }: EmbedRequest, here: At<"embed">) {
  const { call, model } = here;
  const shape = await shapeAt(here);
  const body = { inputs: inputsOf(inputs, shape), outputs: [{ name: shape.output }] };
  const output = outputIn(await call.json({ path: `${pathOf(model)}/infer`, body }), shape.output);
  // Flat or nested: both are allowed.
  const numbers = numbersOf(listAt(output, "data").flat(2));
  const width = numbers.length / inputs.length;
  if (!Number.isInteger(width) || width < 1) throw damaged("its vectors do not fit the number of texts");
  const vectors = inputs.map((_input, index) => vectorOf(numbers.slice(index * width, (index + 1) * width)));
  return { vectors: wholeVectors(vectors, inputs.length), promptTokens: 0 };
}
