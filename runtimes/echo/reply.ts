/** What the echo answers: the last message again, in the form that is asked for. Of the same request it makes the same
 *  answer. */
import type { ChatMessage, GenerationRequest, Tool, ToolCall } from "../../protocols/index.ts";
import { parseWithin } from "../../protocols/wire/json-meter.ts";
import { exactSchema } from "../written-schema.ts";
import { exampleOf } from "./example.ts";

/** A text, or calls of tools. */
interface Reply {
  readonly text: string;
  readonly calls: readonly ToolCall[];
}

/** A token of the echo: up to 12 characters of a word, with the space before it. Together they are the text. */
export function echoTokens(text: string): readonly string[] {
  return text.match(/\s?\S{1,12}|\s/gu) ?? [];
}

const isBlank = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);

/** How many they are. A prompt is only counted, and is most of what the echo reads. */
export function echoTokenCount(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; count += 1) {
    if (isBlank(text.charCodeAt(index))) index += 1;
    const end = Math.min(index + 12, text.length);
    for (; index < end; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 32 && code < 128) continue;
      if (isBlank(code)) break;
      // Beyond ASCII a character may be blank, or half of one.
      if (code > 127) return echoTokens(text).length;
    }
  }
  return count;
}

/** The words of a text, for what compares texts. */
export const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

const lastOf = (messages: readonly ChatMessage[], role: ChatMessage["role"]): string =>
  messages.findLast((message) => message.role === role)?.content ?? "";

/** The answer to plain messages depends on the last user message alone. */
export function echoAnswer(messages: readonly ChatMessage[]): string {
  const said = lastOf(messages, "user");
  const words = said.split(/\s+/u).filter((word) => word !== "").length;
  return `You said: ${said}\nThese were ${words} words, repeated without a model.`;
}

/** What it answers to a request.
 *
 *  It calls a tool when it must, when the last message has a line `call NAME {json}`, or when a word of the tool's name
 *  is in that message. Arguments that are not given are the smallest that the tool's schema allows. What a tool
 *  answered it repeats. */
export function replyTo(request: GenerationRequest): Reply {
  const { messages, format } = request;
  const calls = callsOf(request);
  if (calls.length > 0) return { text: "", calls };
  const answered = messages.at(-1)?.role === "tool";
  if (format?.type === "schema")
    return { text: JSON.stringify(exampleOf(exactSchema(format.schema, format.written))), calls };
  if (format?.type === "json")
    return { text: JSON.stringify({ said: lastOf(messages, answered ? "tool" : "user") }), calls };
  return { text: answered ? `The tool said: ${lastOf(messages, "tool")}` : echoAnswer(messages), calls };
}

/** What is left of an answer that has been begun; else all of it. */
export function restOf(request: GenerationRequest): Reply {
  const begun = request.messages.at(-1);
  if (begun?.continues !== true) return replyTo(request);
  const { text, calls } = replyTo({ ...request, messages: request.messages.slice(0, -1) });
  // What it would not have begun with, it repeats nothing of.
  return { text: text.startsWith(begun.content) ? text.slice(begun.content.length) : text, calls };
}

function callsOf({ messages, tools = [], toolChoice = "auto" }: GenerationRequest): readonly ToolCall[] {
  const last = messages.at(-1);
  if (tools.length === 0 || toolChoice === "none" || last === undefined) return [];
  // Ids are unique within the conversation.
  const before = messages.reduce((sum, { calls = [] }) => sum + calls.length, 0);
  const call = (tool: Tool, index: number, given?: string): ToolCall => ({
    id: `call_${before + index + 1}`,
    name: tool.name,
    arguments: given ?? JSON.stringify(exampleOf(exactSchema(tool.parameters ?? { type: "object" }, tool.written))),
  });
  const orderOf = (tool: Tool): Order | undefined => orderFor(tool.name, lastOf(messages, "user"));
  if (typeof toolChoice === "object") {
    const tool = tools.find(({ name }) => name === toolChoice.name);
    return tool === undefined ? [] : [call(tool, 0, orderOf(tool)?.arguments)];
  }
  const asked = last.role === "tool" ? [] : tools.filter((tool) => orderOf(tool) !== undefined);
  if (asked.length > 0) return asked.map((tool, index) => call(tool, index, orderOf(tool)?.arguments));
  const words = new Set(wordsOf(last.role === "user" ? last.content : ""));
  const named = tools.find(({ name }) =>
    wordsOf(name.replaceAll("_", " ")).some((word) => word.length > 3 && words.has(word)),
  );
  const tool = named ?? (toolChoice === "required" ? tools[0] : undefined);
  return tool === undefined ? [] : [call(tool, 0)];
}

/** What a line `call NAME {json}` asks for. */
interface Order {
  readonly arguments: string | undefined;
}

function orderFor(name: string, text: string): Order | undefined {
  if (!text.includes("call")) return undefined;
  for (const line of text.split("\n")) {
    const [, called, text = ""] = /^call\s+(\S+)\s*(.*)$/u.exec(line.trim()) ?? [];
    if (called !== name) continue;
    if (text === "") return { arguments: undefined };
    try {
      const given = parseWithin(text);
      if (typeof given === "object" && given !== null && !Array.isArray(given)) return { arguments: text };
    } catch {
      continue;
    }
  }
  return undefined;
}
