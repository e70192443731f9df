/** Which of the servers that speak like OpenAI one is, where their ways differ: how a beginning is continued, how
 *  thinking is switched on and off, and what they take beyond OpenAI's own fields. Pure. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { Capability, GenerationRequest, Thinking, ToolCall } from "../../protocols/index.ts";
import { isSigned, noSignature, type Kept } from "../remote/kept.ts";

const dialects = [
  "openai",
  "azure",
  "mistral",
  "deepseek",
  "openrouter",
  "groq",
  "gemini",
  "vllm",
  "llamacpp",
  "plexus",
  "other",
] as const;
/** One of them. `other`: LM Studio, SGLang, and whatever else somebody runs. */
export type Dialect = (typeof dialects)[number];

const hosts: readonly (readonly [RegExp, Dialect])[] = [
  [/^api\.openai\.com$/, "openai"],
  [/\.(?:openai|services\.ai|cognitiveservices)\.azure\.com$/, "azure"],
  [/^(?:api|codestral)\.mistral\.ai$/, "mistral"],
  [/^api\.deepseek\.com$/, "deepseek"],
  [/^openrouter\.ai$/, "openrouter"],
  [/^api\.groq\.com$/, "groq"],
  [/^generativelanguage\.googleapis\.com$/, "gemini"],
];

/** By the server's address, else by what it says of the owner of its models. */
export function dialectOf({ hostname }: URL, owner?: unknown): Dialect {
  const known = hosts.find(([pattern]) => pattern.test(hostname))?.[1];
  return known ?? (owner === "vllm" || owner === "llamacpp" || owner === "plexus" ? owner : "other");
}

/** What those offer that go on with an answer which was begun elsewhere; the others begin another one behind it.
 *  Another Plexus says it itself. */
export const continuing = (dialect: Dialect): readonly Capability[] =>
  ["mistral", "openrouter", "vllm", "llamacpp"].includes(dialect) ? ["continue"] : [];

/** The fields that ask for it. */
export function continuation(dialect: Dialect): { readonly body: object; readonly message: object } {
  if (dialect === "vllm") return { body: { add_generation_prompt: false, continue_final_message: true }, message: {} };
  return { body: {}, message: dialect === "mistral" ? { prefix: true } : {} };
}

/** Those that refuse a field which they do not know. */
const strict: readonly Dialect[] = ["openai", "azure", "mistral", "deepseek", "groq", "gemini"];

/** The fields of sampling that OpenAI has not. Error: BAD_REQUEST. */
export function furtherSampling({ sampling: { topK, minP } }: GenerationRequest, dialect: Dialect): object {
  const asked = { top_k: topK, min_p: minP };
  const [field] = Object.entries(asked).find(([, value]) => value !== undefined) ?? [];
  if (field !== undefined && strict.includes(dialect))
    throw new PlexusError(failure("BAD_REQUEST", { field, reason: "the server of this model does not take it" }));
  return asked;
}

/** The fields that say whether it thinks, and how much. A model that does not think there is asked as if nothing had
 *  been said. */
export function thinkingFields(thinking: Thinking | undefined, dialect: Dialect, model: string): object {
  if (thinking === undefined) return {};
  const effort = typeof thinking === "string" ? thinking : undefined;
  switch (dialect) {
    case "openai":
    case "azure":
      return effortOf(model, thinking);
    case "groq":
      if (/qwen/i.test(model)) return { reasoning_effort: thinking === false ? "none" : "default" };
      return /gpt-oss/i.test(model) && effort !== undefined ? { reasoning_effort: effort } : {};
    case "gemini":
      return { reasoning_effort: thinking === false ? "none" : (effort ?? "medium") };
    case "deepseek":
      return { thinking: { type: thinking === false ? "disabled" : "enabled" } };
    case "openrouter":
      return { reasoning: effort === undefined ? { enabled: thinking } : { effort } };
    // Its models that think do so always.
    case "mistral":
      return {};
    default:
      return {
        chat_template_kwargs: { enable_thinking: thinking !== false, thinking: thinking !== false },
        ...(effort !== undefined && { reasoning_effort: effort }),
      };
  }
}

/** Of OpenAI's models only those that think know the field, and the older ones of them cannot do without. */
function effortOf(model: string, thinking: Thinking): object {
  if (!/^(?:gpt-5|o\d)/.test(model)) return {};
  if (typeof thinking === "string") return { reasoning_effort: thinking };
  if (thinking) return {};
  return { reasoning_effort: /^gpt-5\.\d/.test(model) ? "none" : model.startsWith("gpt-5") ? "minimal" : "low" };
}

/** Whether a server wants something back with the calls that its model made. */
export const wantsBack = (dialect: Dialect): boolean => dialect === "gemini" || dialect === "deepseek";

/** What goes back to a server with the calls that its model made. */
export interface GivenBack {
  readonly call: (id: string, place: number) => object;
  readonly message: (calls: readonly ToolCall[]) => object;
}

/** Gemini wants its signature with the first of calls that were made together, DeepSeek what was thought before them.
 *  Both refuse a conversation without. */
export function givenBack(
  dialect: Dialect,
  kept: Kept,
  { model, thinking }: { readonly model: string; readonly thinking: Thinking | undefined },
): GivenBack {
  const signed = (id: string, place: number): object => {
    const signature = kept.of(id).signature ?? (isSigned(model) && place === 0 ? noSignature : undefined);
    return signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } };
  };
  const thought = (calls: readonly ToolCall[]): object => ({
    reasoning_content: calls.map(({ id }) => kept.of(id).thought).find((one) => one !== undefined) ?? "",
  });
  return {
    call: dialect === "gemini" ? signed : () => ({}),
    message: dialect === "deepseek" && thinking !== false ? thought : () => ({}),
  };
}
