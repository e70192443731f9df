/** A server that speaks like OpenAI, vLLM by its list of models. https://platform.openai.com/docs/api-reference */
import type { ServerResponse } from "node:http";
import {
  floatsOf,
  type ChatMessage,
  type Failure,
  type Media,
  type Tool,
  type ToolCall,
  type ToolChoice,
} from "../../protocols/index.ts";
import { answerTo, soundOf } from "../../runtimes/echo/adapter.ts";
import { at, listAt, numberAt, textAt } from "../../runtimes/remote/json.ts";
import { echoTo, json, textIn, type Asked, type DoubleOptions, type Script } from "./double.ts";

/** The models of the double. */
export const openAiModels = ["echo", "slow", "echo-embed", "echo-rerank", "whisper-1", "tts-1", "dall-e-3"] as const;

const created = 1_700_000_000;
const dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

/** The double, behind `/v1`. */
export const openAiDouble =
  (options: DoubleOptions = {}): Script =>
  (asked, response) => {
    const { contextTokens = 4_096 } = options;
    const { body } = asked;
    const model = textAt(body, "model") ?? "";
    const base = { id: "double", model, timeoutMs: 1 };
    switch (asked.path) {
      case "/v1/models":
        return json(response, {
          object: "list",
          data: openAiModels.map((id) => ({
            id,
            object: "model",
            created,
            owned_by: "vllm",
            max_model_len: contextTokens,
          })),
        });
      case "/v1/chat/completions":
        return complete(asked, response, options);
      case "/v1/embeddings": {
        const inputs = [at(body, "input")].flat() as readonly string[];
        const result = answerTo("embed", { ...base, inputs }, contextTokens);
        if (!result.ok) return refuse(response, result.error);
        const data = result.value.vectors.map((vector, index) => ({
          object: "embedding",
          index,
          embedding:
            textAt(body, "encoding_format") === "base64"
              ? Buffer.from(vector).toString("base64")
              : [...floatsOf(vector)],
        }));
        const { promptTokens } = result.value;
        // In whatever order: the index counts.
        return json(response, {
          object: "list",
          model,
          data: data.toReversed(),
          usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
        });
      }
      case "/v1/rerank": {
        const query = textAt(body, "query") ?? "";
        const documents = listAt(body, "documents") as readonly string[];
        const result = answerTo("rerank", { ...base, query, documents }, contextTokens);
        if (!result.ok) return refuse(response, result.error);
        const { scores, promptTokens } = result.value;
        const results = scores.map((score, index) => ({
          index,
          relevance_score: score,
          document: { text: documents[index] },
        }));
        return json(response, {
          id: "rerank-1",
          model,
          usage: { total_tokens: promptTokens },
          results: results.toSorted((one, other) => other.relevance_score - one.relevance_score),
        });
      }
      case "/tokenize": {
        const result = answerTo("tokenize", { ...base, text: textAt(body, "prompt") ?? "" }, contextTokens);
        if (!result.ok) return refuse(response, result.error);
        const { tokens } = result.value;
        return json(response, { tokens, count: tokens.length, max_model_len: contextTokens, token_strs: null });
      }
      case "/v1/audio/transcriptions":
      case "/v1/audio/translations":
        if (!asked.text.includes('name="file"')) return refuseText(response, 400, "file is missing");
        return json(response, {
          task: "transcribe",
          language: "english",
          duration: 1.5,
          text: "Hello there.",
          segments: [
            { id: 0, start: 0, end: 0.5, text: "Hello" },
            { id: 1, start: 0.5, end: 1.5, text: " there." },
          ],
        });
      case "/v1/audio/speech": {
        response.writeHead(200, { "content-type": "audio/wav" });
        for (const { bytes } of soundOf({ ...base, text: textAt(body, "input") ?? "" })) response.write(bytes);
        return response.end();
      }
      case "/v1/images/generations":
        return json(response, {
          created,
          data: Array.from({ length: numberAt(body, "n") ?? 1 }, () => ({ b64_json: dot })),
        });
      default:
        return refuseText(response, 404, `no such path`);
    }
  };

const refuseText = (response: ServerResponse, status: number, message: string, code: string | null = null): void =>
  json(response, { error: { message, type: "invalid_request_error", param: null, code } }, status);

function refuse(response: ServerResponse, { code, details }: Failure): void {
  if (code !== "CONTEXT_TOO_LONG") return refuseText(response, 500, code);
  const message = `This model's maximum context length is ${String(details?.["contextTokens"])} tokens.`;
  return refuseText(response, 400, message, "context_length_exceeded");
}

function messageOf(message: unknown): ChatMessage {
  const role = textAt(message, "role") as ChatMessage["role"];
  const calls = listAt(message, "tool_calls").map((call): ToolCall => ({
    id: textAt(call, "id") ?? "",
    name: textAt(call, "function", "name") ?? "",
    arguments: textAt(call, "function", "arguments") ?? "{}",
  }));
  const callId = textAt(message, "tool_call_id");
  const media = listAt(message, "content").flatMap((part): Media[] =>
    textAt(part, "type") === "image_url" ? [{ type: "image", mediaType: "image/png", bytes: new Uint8Array() }] : [],
  );
  return {
    role,
    content: textIn(at(message, "content")),
    ...(calls.length > 0 && { calls }),
    ...(media.length > 0 && { media }),
    ...(callId !== undefined && { callId }),
  };
}

/** A tool as OpenAI has it. */
export const toolIn = (tool: unknown): Tool => ({
  name: textAt(tool, "function", "name") ?? "",
  parameters: (at(tool, "function", "parameters") ?? { type: "object" }) as Readonly<Record<string, unknown>>,
});

function complete({ body }: Asked, response: ServerResponse, options: DoubleOptions): void {
  const model = textAt(body, "model") ?? "";
  if (!(openAiModels as readonly string[]).includes(model))
    return refuseText(response, 404, `The model ${model} does not exist.`, "model_not_found");
  const choice = at(body, "tool_choice");
  const schema = at(body, "response_format", "json_schema", "schema");
  const format = textAt(body, "response_format", "type");
  const logprobs = at(body, "logprobs") === true ? (numberAt(body, "top_logprobs") ?? 0) : undefined;
  const maxTokens = numberAt(body, "max_tokens") ?? numberAt(body, "max_completion_tokens");
  const isStream = at(body, "stream") === true;
  const frame = { id: "chatcmpl-1", created, model };
  const chunk = (choices: readonly object[], more: object = {}): string =>
    `data: ${JSON.stringify({ ...frame, object: "chat.completion.chunk", choices, ...more })}\n\n`;
  let text = "";
  let calls: readonly object[] = [];
  const tell = (delta: object, more: object = {}): void => {
    if (!isStream) return;
    if (!response.headersSent) {
      response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      response.write(chunk([{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }]));
    }
    response.write(chunk([{ index: 0, delta, finish_reason: null, ...more }]));
  };
  const request = {
    model,
    messages: listAt(body, "messages").map(messageOf),
    stop: [at(body, "stop") ?? []].flat().filter((one) => typeof one === "string"),
    sampling: maxTokens === undefined ? {} : { maxTokens },
    tools: listAt(body, "tools").map(toolIn),
    toolChoice: (typeof choice === "object"
      ? { name: textAt(choice, "function", "name") ?? "" }
      : (choice ?? "auto")) as ToolChoice,
    ...(format === "json_object" && { format: { type: "json" } as const }),
    ...(format === "json_schema" && {
      format: { type: "schema", schema: schema as Readonly<Record<string, unknown>> } as const,
    }),
    ...(logprobs !== undefined && { logprobs }),
  };
  echoTo(request, response, options, {
    part(part) {
      text += part.text;
      calls = (part.calls ?? []).map(({ id, name, arguments: said }) => ({
        id,
        type: "function",
        function: { name, arguments: said },
      }));
      const told = part.logprobs?.map(({ token, logprob, top = [] }) => ({
        token,
        logprob,
        bytes: [...Buffer.from(token)],
        top_logprobs: top.map((one) => ({ ...one, bytes: [...Buffer.from(one.token)] })),
      }));
      if (part.text !== "") tell({ content: part.text }, told ? { logprobs: { content: told, refusal: null } } : {});
      // As OpenAI does it: the name first, the arguments in pieces.
      for (const [index, { id, name, arguments: said }] of (part.calls ?? []).entries()) {
        tell({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] });
        for (const piece of said.match(/.{1,7}/gsu) ?? [])
          tell({ tool_calls: [{ index, function: { arguments: piece } }] });
      }
    },
    end({ end, promptTokens, completionTokens }) {
      const reason = { complete: "stop", length: "length", stopped: "stop", calls: "tool_calls" }[end];
      const usage = {
        prompt_tokens: promptTokens,
        completion_tokens: completionTokens,
        total_tokens: promptTokens + completionTokens,
        prompt_tokens_details: { cached_tokens: 0 },
      };
      if (!isStream) {
        const message = {
          role: "assistant",
          content: calls.length > 0 ? null : text,
          ...(calls.length > 0 && { tool_calls: calls }),
        };
        const choices = [{ index: 0, message, finish_reason: reason, logprobs: null }];
        return json(response, { ...frame, object: "chat.completion", choices, usage });
      }
      tell({});
      response.write(chunk([{ index: 0, delta: {}, finish_reason: reason }]));
      if (at(body, "stream_options", "include_usage") === true) response.write(chunk([], { usage }));
      response.end("data: [DONE]\n\n");
    },
    refuse: (error) => refuse(response, error),
  });
}
