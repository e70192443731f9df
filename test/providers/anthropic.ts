/** Anthropic's Messages, as their documentation has them. https://docs.anthropic.com/en/api/messages */
import type { ServerResponse } from "node:http";
import type { ChatMessage, ToolChoice } from "../../protocols/index.ts";
import { at, fromJson, listAt, numberAt, textAt } from "../../runtimes/remote/json.ts";
import { echoTo, json, textIn, type Asked, type DoubleOptions, type Script } from "./double.ts";

const models = ["echo", "slow"];

/** The double. It demands a version and a key, as the real one does. */
export const anthropicDouble =
  (options: DoubleOptions = {}): Script =>
  (asked, response) => {
    const { contextTokens = 4_096 } = options;
    // Older clients give the key in a header of its own.
    if (asked.headers["x-api-key"] === undefined && asked.headers.authorization === undefined)
      return refuse(response, 401, "authentication_error", "x-api-key is required");
    if (asked.headers["anthropic-version"] === undefined)
      return refuse(response, 400, "invalid_request_error", "anthropic-version is required");
    const row = (id: string) => ({
      type: "model",
      id,
      display_name: id,
      created_at: "2026-01-01T00:00:00Z",
      max_input_tokens: contextTokens,
    });
    const [, named] = /^\/v1\/models\/(.+)$/.exec(asked.path) ?? [];
    if (named !== undefined)
      return models.includes(named)
        ? json(response, row(named))
        : refuse(response, 404, "not_found_error", `model: ${named}`);
    if (asked.path.startsWith("/v1/models"))
      return json(response, { data: models.map(row), has_more: false, first_id: models[0], last_id: models.at(-1) });
    if (asked.path !== "/v1/messages") return refuse(response, 404, "not_found_error", "no such path");
    return write(asked, response, options);
  };

const refuse = (response: ServerResponse, status: number, type: string, message: string): void =>
  json(response, { type: "error", error: { type, message }, request_id: "req_1" }, status);

/** A turn may hold several of our messages: what tools answered, and what was said behind it. */
function messagesIn(turn: unknown): readonly ChatMessage[] {
  const role = textAt(turn, "role") as "user" | "assistant";
  const blocks = listAt(turn, "content");
  const ofType = (type: string) => blocks.filter((block) => textAt(block, "type") === type);
  const calls = ofType("tool_use").map((block) => ({
    id: textAt(block, "id") ?? "",
    name: textAt(block, "name") ?? "",
    arguments: JSON.stringify(at(block, "input") ?? {}),
  }));
  const answered = ofType("tool_result").map((block): ChatMessage => ({
    role: "tool",
    callId: textAt(block, "tool_use_id") ?? "",
    content: textIn(at(block, "content")),
  }));
  const content = textIn(at(turn, "content"));
  if (answered.length > 0 && content === "") return answered;
  return [...answered, { role, content, ...(calls.length > 0 && { calls }) }];
}

function choiceOf(choice: unknown): ToolChoice {
  const type = textAt(choice, "type") ?? "auto";
  if (type === "tool") return { name: textAt(choice, "name") ?? "" };
  return type === "any" ? "required" : type === "none" ? "none" : "auto";
}

function write({ body }: Asked, response: ServerResponse, options: DoubleOptions): void {
  const model = textAt(body, "model") ?? "";
  const maxTokens = numberAt(body, "max_tokens");
  const turns = listAt(body, "messages");
  if (maxTokens === undefined) return refuse(response, 400, "invalid_request_error", "max_tokens: Field required");
  if (turns.some((turn, index) => textAt(turn, "role") !== (index % 2 === 0 ? "user" : "assistant")))
    return refuse(response, 400, "invalid_request_error", "messages: roles must alternate");
  const system = textIn(at(body, "system"));
  const isStream = at(body, "stream") === true;
  const say = (event: { readonly type: string; readonly [field: string]: unknown }): boolean =>
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  const message = { id: "msg_1", type: "message", role: "assistant", model, stop_sequence: null };
  const content: object[] = [];
  let text = "";
  let open = -1;
  const begin = (): void => {
    if (response.headersSent || !isStream) return;
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    const usage = { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
    say({ type: "message_start", message: { ...message, content: [], stop_reason: null, usage } });
    say({ type: "ping" });
  };
  const block = (index: number, whole: object, deltas: readonly object[]): void => {
    begin();
    if (index !== open) {
      if (open >= 0) say({ type: "content_block_stop", index: open });
      say({ type: "content_block_start", index, content_block: whole });
      open = index;
    }
    for (const delta of deltas) say({ type: "content_block_delta", index, delta });
  };
  const request = {
    model,
    messages: [...(system === "" ? [] : [{ role: "system" as const, content: system }]), ...turns.flatMap(messagesIn)],
    stop: listAt(body, "stop_sequences") as readonly string[],
    sampling: { maxTokens },
    tools: listAt(body, "tools").map((tool) => ({
      name: textAt(tool, "name") ?? "",
      parameters: (at(tool, "input_schema") ?? {}) as Readonly<Record<string, unknown>>,
    })),
    toolChoice: choiceOf(at(body, "tool_choice")),
  };
  echoTo(request, response, options, {
    part(part) {
      text += part.text;
      if (isStream && part.text !== "") block(0, { type: "text", text: "" }, [{ type: "text_delta", text: part.text }]);
      for (const [index, { id, name, arguments: said }] of (part.calls ?? []).entries()) {
        content.push({ type: "tool_use", id, name, input: fromJson(said) });
        const pieces = (said.match(/.{1,7}/gsu) ?? []).map((piece) => ({
          type: "input_json_delta",
          partial_json: piece,
        }));
        if (isStream) block(index + (text === "" ? 0 : 1), { type: "tool_use", id, name, input: {} }, pieces);
      }
    },
    end({ end, promptTokens, completionTokens }) {
      const reason = { complete: "end_turn", length: "max_tokens", stopped: "end_turn", calls: "tool_use" }[end];
      const usage = { input_tokens: promptTokens, output_tokens: completionTokens };
      if (!isStream)
        return json(response, {
          ...message,
          content: [...(text === "" ? [] : [{ type: "text", text }]), ...content],
          stop_reason: reason,
          usage,
        });
      begin();
      if (open >= 0) say({ type: "content_block_stop", index: open });
      say({ type: "message_delta", delta: { stop_reason: reason, stop_sequence: null }, usage });
      say({ type: "message_stop" });
      response.end();
    },
    refuse: (error) =>
      error.code === "CONTEXT_TOO_LONG"
        ? refuse(response, 400, "invalid_request_error", "prompt is too long: 5000 tokens > 4096 maximum")
        : refuse(response, 500, "api_error", error.code),
  });
}
