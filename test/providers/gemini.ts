/** Gemini, as its documentation has it. https://ai.google.dev/api */
import type { ServerResponse } from "node:http";
import { floatsOf, type ChatMessage, type Failure, type ToolChoice } from "../../protocols/index.ts";
import { answerTo } from "../../runtimes/echo/adapter.ts";
import { at, fromJson, listAt, numberAt, textAt } from "../../runtimes/remote/json.ts";
import { echoTo, json, textIn, type Asked, type DoubleOptions, type Script } from "./double.ts";

const methods: Readonly<Record<string, readonly string[]>> = {
  echo: ["generateContent", "countTokens"],
  slow: ["generateContent", "countTokens"],
  "gemini-3-echo": ["generateContent", "countTokens"],
  "echo-embed": ["embedContent", "batchEmbedContents"],
};

/** The double. A call that `gemini-3-echo` made must come back with its signature. */
export const geminiDouble =
  (options: DoubleOptions = {}): Script =>
  (asked, response) => {
    const { contextTokens = 4_096 } = options;
    if (asked.headers["x-goog-api-key"] === undefined)
      return refuse(response, 403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.");
    const [, model = "", method] = /^\/v1beta\/models\/([^:?]+)(?::(\w+))?/.exec(asked.path) ?? [];
    if (methods[model] === undefined) return refuse(response, 404, "NOT_FOUND", `models/${model} is not found`);
    if (method === undefined)
      return json(response, {
        name: `models/${model}`,
        displayName: model,
        inputTokenLimit: contextTokens,
        outputTokenLimit: contextTokens,
        supportedGenerationMethods: methods[model],
        thinking: model.startsWith("gemini-3"),
      });
    if (method === "batchEmbedContents") {
      const inputs = listAt(asked.body, "requests").map((one) => textIn(at(one, "content", "parts")));
      const result = answerTo("embed", { id: "double", model, timeoutMs: 1, inputs }, contextTokens);
      if (!result.ok) return tooLong(response, result.error);
      // Shortened vectors are not of length 1.
      return json(response, {
        embeddings: result.value.vectors.map((vector) => ({ values: [...floatsOf(vector)].map((one) => 3 * one) })),
      });
    }
    return write(asked, response, { ...options, model });
  };

const refuse = (response: ServerResponse, code: number, status: string, message: string): void =>
  json(response, { error: { code, message, status } }, code);

const tooLong = (response: ServerResponse, { code }: Failure): void =>
  code === "CONTEXT_TOO_LONG"
    ? refuse(
        response,
        400,
        "INVALID_ARGUMENT",
        "The input token count exceeds the maximum number of tokens allowed (4096).",
      )
    : refuse(response, 500, "INTERNAL", code);

function messagesIn(content: unknown): readonly ChatMessage[] {
  const parts = listAt(content, "parts");
  const calls = parts.flatMap((part, index) => {
    const name = textAt(part, "functionCall", "name");
    return name === undefined
      ? []
      : [{ id: String(index), name, arguments: JSON.stringify(at(part, "functionCall", "args")) }];
  });
  const answered = parts.flatMap((part): ChatMessage[] => {
    const said = textAt(part, "functionResponse", "response", "result");
    return said === undefined ? [] : [{ role: "tool", callId: "0", content: said }];
  });
  const role = textAt(content, "role") === "model" ? "assistant" : "user";
  const text = textIn(parts);
  if (answered.length > 0 && text === "") return answered;
  return [...answered, { role, content: text, ...(calls.length > 0 && { calls }) }];
}

function choiceOf(config: unknown): ToolChoice {
  const [name] = listAt(config, "allowedFunctionNames");
  const mode = textAt(config, "mode");
  if (mode === "ANY") return typeof name === "string" ? { name } : "required";
  return mode === "NONE" ? "none" : "auto";
}

function write({ body }: Asked, response: ServerResponse, options: DoubleOptions & { readonly model: string }): void {
  const { model } = options;
  const contents = listAt(body, "contents");
  const unsigned = contents.flatMap((content) => {
    const [first] = listAt(content, "parts").filter((part) => at(part, "functionCall") !== undefined);
    return first !== undefined && textAt(first, "thoughtSignature") === undefined ? [first] : [];
  });
  if (model.startsWith("gemini-3") && unsigned.length > 0)
    return refuse(
      response,
      400,
      "INVALID_ARGUMENT",
      "Function call is missing a thought_signature in functionCall parts.",
    );
  const config = at(body, "generationConfig");
  const maxTokens = numberAt(config, "maxOutputTokens");
  const schema = at(config, "responseJsonSchema");
  const isJson = textAt(config, "responseMimeType") === "application/json";
  const system = textIn(at(body, "systemInstruction", "parts"));
  const say = (parts: readonly object[], more: object = {}, usage: object = {}): void => {
    if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
    const candidates = [{ content: { parts, role: "model" }, index: 0, ...more }];
    response.write(`data: ${JSON.stringify({ candidates, modelVersion: model, responseId: "1", ...usage })}\r\n\r\n`);
  };
  const request = {
    model,
    messages: [
      ...(system === "" ? [] : [{ role: "system" as const, content: system }]),
      ...contents.flatMap(messagesIn),
    ],
    stop: listAt(config, "stopSequences") as readonly string[],
    sampling: maxTokens === undefined ? {} : { maxTokens },
    tools: listAt(body, "tools", 0, "functionDeclarations").map((tool) => ({
      name: textAt(tool, "name") ?? "",
      parameters: (at(tool, "parametersJsonSchema") ?? { type: "object" }) as Readonly<Record<string, unknown>>,
    })),
    toolChoice: choiceOf(at(body, "toolConfig", "functionCallingConfig")),
    ...(isJson && {
      format:
        schema === undefined
          ? ({ type: "json" } as const)
          : ({ type: "schema", schema: schema as Readonly<Record<string, unknown>> } as const),
    }),
  };
  if (at(config, "thinkingConfig", "includeThoughts") === true) say([{ text: "Let me think.", thought: true }]);
  echoTo(request, response, options, {
    part(part) {
      if (part.text !== "") say([{ text: part.text }]);
      const calls = (part.calls ?? []).map(({ name, arguments: said }, index) => ({
        functionCall: { name, args: fromJson(said) },
        ...(index === 0 && model.startsWith("gemini-3") && { thoughtSignature: "c2lnbmVk" }),
      }));
      if (calls.length > 0) say(calls);
    },
    end({ end, promptTokens, completionTokens }) {
      const usageMetadata = {
        promptTokenCount: promptTokens,
        candidatesTokenCount: completionTokens,
        totalTokenCount: promptTokens + completionTokens,
      };
      say([{ text: "" }], { finishReason: end === "length" ? "MAX_TOKENS" : "STOP" }, { usageMetadata });
      response.end();
    },
    refuse: (error) => (response.headersSent ? response.destroy() : tooLong(response, error)),
  });
}
