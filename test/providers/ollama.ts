/** Ollama, as its documentation has it. https://docs.ollama.com/api */
import type { ServerResponse } from "node:http";
import { floatsOf, type ChatMessage, type Failure, type ToolCall } from "../../protocols/index.ts";
import { answerTo } from "../../runtimes/echo/adapter.ts";
import { fromJson, at, listAt, numberAt, textAt } from "../../runtimes/remote/json.ts";
import { echoTo, json, textIn, type Asked, type DoubleOptions, type Script } from "./double.ts";
import { toolIn } from "./openai.ts";

const created = "2026-01-01T00:00:00.000000Z";
const details = {
  parent_model: "",
  format: "gguf",
  family: "echo",
  families: ["echo"],
  parameter_size: "0",
  quantization_level: "F16",
};
const abilities: Readonly<Record<string, readonly string[]>> = {
  echo: ["completion", "tools", "vision"],
  slow: ["completion", "tools"],
  "echo-embed": ["embedding"],
};
const base = "/api";

/** The double. `pulled` are models that a pull has brought. */
export function ollamaDouble(options: DoubleOptions = {}): Script {
  const { contextTokens = 4_096 } = options;
  const pulled = new Set(Object.keys(abilities));
  return (asked, response) => {
    const { body, path } = asked;
    const model = textAt(body, "model") ?? "";
    if (path !== `${base}/pull` && asked.method === "POST" && !pulled.has(model))
      return json(response, { error: `model '${model}' not found` }, 404);
    switch (path) {
      case `${base}/version`:
        return json(response, { version: "0.15.2" });
      case `${base}/tags`:
        return json(response, {
          models: [...pulled].map((name) => ({
            name,
            model: name,
            modified_at: created,
            size: 1,
            digest: "0",
            details,
          })),
        });
      case `${base}/show`:
        return json(response, {
          license: "",
          modelfile: "",
          parameters: "",
          template: "",
          details,
          model_info: { "general.architecture": "echo", "echo.context_length": contextTokens },
          capabilities: abilities[model] ?? ["completion"],
          modified_at: created,
        });
      case `${base}/chat`:
        return chat(asked, response, options);
      case `${base}/embed`: {
        const inputs = [at(body, "input")].flat() as readonly string[];
        const result = answerTo("embed", { id: "double", model, timeoutMs: 1, inputs }, contextTokens);
        if (!result.ok) return refuse(response, result.error);
        const { vectors, promptTokens } = result.value;
        const embeddings = vectors.map((vector) => [...floatsOf(vector)]);
        return json(response, {
          model,
          embeddings,
          total_duration: 1,
          load_duration: 1,
          prompt_eval_count: promptTokens,
        });
      }
      case `${base}/pull`: {
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        const say = (line: object): boolean => response.write(`${JSON.stringify(line)}\n`);
        if (model.startsWith("no-such"))
          return response.end(`${JSON.stringify({ error: "pull model manifest: file does not exist" })}\n`);
        say({ status: "pulling manifest" });
        for (const completed of [0, 50, 100])
          say({ status: "pulling 0123", digest: "sha256:0123", total: 100, completed });
        pulled.add(model);
        return response.end(`${JSON.stringify({ status: "success" })}\n`);
      }
      default:
        return json(response, { error: "not found" }, 404);
    }
  };
}

const refuse = (response: ServerResponse, { code }: Failure): void =>
  json(response, { error: code === "CONTEXT_TOO_LONG" ? "the input length exceeds the context length" : code }, 400);

function messageOf(message: unknown): ChatMessage {
  const calls = listAt(message, "tool_calls").map((call, index): ToolCall => ({
    id: String(index),
    name: textAt(call, "function", "name") ?? "",
    arguments: JSON.stringify(at(call, "function", "arguments") ?? {}),
  }));
  return {
    role: textAt(message, "role") as ChatMessage["role"],
    content: textIn(at(message, "content")),
    ...(calls.length > 0 && { calls }),
  };
}

function chat({ body }: Asked, response: ServerResponse, options: DoubleOptions): void {
  const model = textAt(body, "model") ?? "";
  const format = at(body, "format");
  const schema = typeof format === "string" ? fromJson(format) : format;
  const logprobs = at(body, "logprobs") === true ? (numberAt(body, "top_logprobs") ?? 0) : undefined;
  const maxTokens = numberAt(body, "options", "num_predict");
  const isStream = at(body, "stream") !== false;
  let whole = "";
  let calls: readonly object[] = [];
  const say = (message: object, more: object = { done: false }): void => {
    if (!response.headersSent) response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.write(
      `${JSON.stringify({ model, created_at: created, message: { role: "assistant", content: "", ...message }, ...more })}\n`,
    );
  };
  const request = {
    model,
    messages: listAt(body, "messages").map(messageOf),
    stop: listAt(body, "options", "stop") as readonly string[],
    sampling: maxTokens === undefined ? {} : { maxTokens },
    tools: listAt(body, "tools").map(toolIn),
    ...(format === "json" && { format: { type: "json" } as const }),
    ...(typeof schema === "object" &&
      schema !== null && { format: { type: "schema", schema: schema as Readonly<Record<string, unknown>> } as const }),
    ...(logprobs !== undefined && { logprobs }),
  };
  echoTo(
    request,
    response,
    { ...options, contextTokens: numberAt(body, "options", "num_ctx") ?? 4_096 },
    {
      part(part) {
        whole += part.text;
        // It gives calls no ids.
        calls = (part.calls ?? []).map(({ name, arguments: said }) => ({
          function: { name, arguments: fromJson(said) },
        }));
        const told = part.logprobs?.map(({ token, logprob, top }) => ({
          token,
          logprob,
          ...(top && { top_logprobs: top }),
        }));
        if (isStream)
          say(
            { content: part.text, ...(calls.length > 0 && { tool_calls: calls }) },
            { done: false, ...(told && { logprobs: told }) },
          );
      },
      end({ end, promptTokens, completionTokens }) {
        const last = {
          done: true,
          done_reason: end === "length" ? "length" : "stop",
          total_duration: 1,
          load_duration: 1,
          prompt_eval_count: promptTokens,
          prompt_eval_duration: 1,
          eval_count: completionTokens,
          eval_duration: 1,
        };
        if (isStream) {
          say({}, last);
          response.end();
        } else
          json(response, {
            model,
            created_at: created,
            message: { role: "assistant", content: whole, ...(calls.length > 0 && { tool_calls: calls }) },
            ...last,
          });
      },
      refuse: (error) => refuse(response, error),
    },
  );
}
