/** Anthropic's Messages. https://docs.anthropic.com/en/api/messages */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type {
  Capability,
  ChatMessage,
  GenerationEnd,
  GenerationRequest,
  Thinking,
  Tool,
  ToolChoice,
} from "../../protocols/index.ts";
import { remoteAdapter, type Provider } from "../remote/adapter.ts";
import { at, countAt, listAt, numberAt, textAt } from "../remote/json.ts";
import { sentSchema } from "../written-schema.ts";
import { createSeam, flowOf } from "../seam.ts";
import { remoteLimits } from "../remote/limits.ts";
import { argumentsOf, base64Of, writeText, type Delta, type TextMapping } from "../remote/text.ts";

const provider: Provider = {
  name: "anthropic",
  capabilities: ["chat", "tools", "json", "vision", "continue"],
  wire: {
    base: (url) => url.href.replace(/\/v1\/?$/, ""),
    headers: (key) => ({ "anthropic-version": "2023-06-01", ...(key !== undefined && { "x-api-key": key }) }),
    stream: "sse",
  },
  async list(call) {
    const rows = listAt(await call.json({ path: "/v1/models?limit=1000" }), "data");
    return rows.map((row) => ({ model: textAt(row, "id") ?? "", expected: abilitiesIn(row) }));
  },
  async describe(call, { endpoint }) {
    const row = await call.json({ path: `/v1/models/${encodeURIComponent(endpoint.model)}` });
    return { capabilities: abilitiesIn(row), contextTokens: countAt(row, "max_input_tokens") ?? 200_000 };
  },
  answers: () => ({
    generate: (request, here) =>
      writeText(request, { ...here, flow: flowOf(request, here.flow) }, messagesMapping(request, here)),
  }),
};

/** The row of Anthropic. */
export const anthropic = remoteAdapter(provider);

/** All its models call tools; those that read no images say so. */
function abilitiesIn(row: unknown): readonly Capability[] {
  const isBlind = at(row, "capabilities", "image_input", "supported") === false;
  return provider.capabilities.filter((one) => !(isBlind && one === "vision"));
}

/** The tool whose input is the text, where the text must be JSON: older models know no other way to be held to a
 *  schema. */
const answerTool = "final_answer";

/** How Anthropic is asked for text. */
export function messagesMapping(
  request: GenerationRequest,
  { model, contextTokens }: { readonly model: string; readonly contextTokens: number },
): TextMapping {
  const { messages, sampling, stop = [], format, thinking } = request;
  const {
    temperature,
    topP,
    topK,
    minP,
    maxTokens = Math.min(remoteLimits.maxTokensDefault, contextTokens),
  } = sampling;
  if (minP !== undefined)
    throw new PlexusError(
      failure("BAD_REQUEST", { field: "min_p", reason: "the server of this model does not take it" }),
    );
  const budget = budgetFor(thinking, maxTokens);
  const { tools, tool_choice } = toolsOf(request);
  const system = messages
    .filter(({ role }) => role === "system")
    .map(({ content }) => content)
    .join("\n\n");
  // Space alone is refused as a stop string; it is looked for here.
  const stops = stop.filter((one) => one.trim() !== "");
  const body = {
    model,
    max_tokens: maxTokens,
    stream: true,
    messages: turnsOf(messages),
    ...(system !== "" && { system }),
    // Its scale ends at 1. Newer models take one of the two only.
    ...(budget === undefined
      ? {
          ...(temperature !== undefined && { temperature: Math.min(1, temperature) }),
          ...(topP !== undefined && temperature === undefined && { top_p: topP }),
          ...(topK !== undefined && { top_k: topK }),
        }
      : // While it thinks it takes neither.
        { thinking: { type: "enabled", budget_tokens: budget } }),
    ...(stops.length > 0 && { stop_sequences: stops }),
    ...(tools.length > 0 && { tools, tool_choice }),
  };
  return { ask: { path: "/v1/messages", body }, read: createReader(format !== undefined) };
}

const budgetMin = 1_024;

/** How many tokens it may think, of those that it may write; undefined: it does not, as without a word of it. */
function budgetFor(thinking: Thinking | undefined, maxTokens: number): number | undefined {
  if (thinking === undefined || thinking === false || maxTokens <= budgetMin) return undefined;
  const share = { low: 0.2, medium: 0.5, high: 0.8 } as const;
  return Math.max(budgetMin, Math.floor(maxTokens * share[thinking === true ? "medium" : thinking]));
}

/** Turns that alternate: neighbours of one role are one turn, and what a tool answered is a turn of the user. */
export function turnsOf(messages: readonly ChatMessage[]): readonly object[] {
  const turns: { role: "user" | "assistant"; content: object[] }[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const content = contentOf(message);
    if (content.length === 0) continue;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content });
  }
  return turns;
}

function contentOf({ role, content: said, continues, media = [], calls = [], callId }: ChatMessage): object[] {
  // A beginning that ends with a space is refused.
  const content = continues === true ? createSeam(said).begun : said;
  if (role === "tool") return [{ type: "tool_result", tool_use_id: callId, content }];
  return [
    ...media.map(({ mediaType, bytes }) => ({
      type: "image",
      source: { type: "base64", media_type: mediaType, data: base64Of(bytes) },
    })),
    // An empty text is refused.
    ...(content.trim() === "" ? [] : [{ type: "text", text: content }]),
    ...calls.map((call) => ({ type: "tool_use", id: call.id, name: call.name, input: argumentsOf(call) })),
  ];
}

function toolsOf({ tools = [], toolChoice = "auto", format }: GenerationRequest): {
  readonly tools: readonly object[];
  readonly tool_choice: object;
} {
  if (format === undefined) return { tools: tools.map(toolOf), tool_choice: choiceOf(toolChoice) };
  const parameters = format.type === "schema" ? sentSchema(format.schema, format.written) : { type: "object" };
  const answer = {
    name: answerTool,
    description: "Gives the final answer, in the form that is asked for.",
    parameters,
  };
  if (tools.length === 0 || toolChoice === "none")
    return { tools: [toolOf(answer)], tool_choice: choiceOf({ name: answerTool }) };
  // Whatever it calls, it does not answer without the form.
  const choice = typeof toolChoice === "string" ? "required" : toolChoice;
  return { tools: [...tools, answer].map(toolOf), tool_choice: choiceOf(choice) };
}

const toolOf = ({ name, description, parameters = {}, written, strict }: Tool): object => ({
  name,
  ...(description !== undefined && { description }),
  input_schema: { type: "object", ...sentSchema(parameters, written) },
  ...(strict && { strict }),
});

function choiceOf(choice: ToolChoice): object {
  if (typeof choice !== "string") return { type: "tool", name: choice.name };
  return { type: choice === "required" ? "any" : choice };
}

const ends: Readonly<Record<string, GenerationEnd>> = {
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "calls",
};

/** What the events of one answer say. With `hasForm` the input of the answer's own tool is the text. */
function createReader(hasForm: boolean): TextMapping["read"] {
  /** The block whose input is the text. */
  let formed = -1;
  return (event): readonly Delta[] => {
    const index = numberAt(event, "index") ?? 0;
    switch (textAt(event, "type")) {
      case "message_start":
        return [{ usage: usageOf(at(event, "message", "usage")) }];
      case "content_block_start": {
        const block = at(event, "content_block");
        if (textAt(block, "type") !== "tool_use")
          return [{ text: textAt(block, "text"), thought: textAt(block, "thinking") }];
        const name = textAt(block, "name");
        if (hasForm && name === answerTool) formed = index;
        return formed === index ? [] : [{ call: { index, id: textAt(block, "id"), name } }];
      }
      case "content_block_delta": {
        const piece = textAt(event, "delta", "partial_json");
        if (piece !== undefined) return [formed === index ? { text: piece } : { call: { index, arguments: piece } }];
        // What it says beside the form is not of the form.
        const text = hasForm ? undefined : textAt(event, "delta", "text");
        return [{ text, thought: textAt(event, "delta", "thinking") }];
      }
      case "message_delta": {
        const reason = textAt(event, "delta", "stop_reason");
        if (reason === "refusal") throw new PlexusError(failure("PROVIDER_REFUSED", { said: reason }));
        const end = reason === undefined ? undefined : (ends[reason] ?? "complete");
        const stoppedBy = textAt(event, "delta", "stop_sequence");
        return [
          { usage: usageOf(at(event, "usage")), end: end === "calls" && formed >= 0 ? "complete" : end, stoppedBy },
        ];
      }
      default:
        return [];
    }
  };
}

/** Of the prompt, what was in its cache and what came into it are counted apart. */
function usageOf(usage: unknown): Delta["usage"] {
  const input = countAt(usage, "input_tokens");
  const cached = countAt(usage, "cache_read_input_tokens");
  const stored = countAt(usage, "cache_creation_input_tokens") ?? 0;
  return {
    promptTokens: input === undefined ? undefined : input + (cached ?? 0) + stored,
    completionTokens: countAt(usage, "output_tokens"),
    cachedTokens: cached,
  };
}
