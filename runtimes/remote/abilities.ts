/** What a model can do, read from what its server says of it, or from its name. Pure. */
import { capabilities, type Capability } from "../../protocols/engines/generation.ts";
import { at, listAt } from "./json.ts";

const chat: readonly Capability[] = ["chat", "tools", "json"];

/** What a model of this name can do, most likely. */
export function abilitiesByName(model: string): readonly Capability[] {
  const name = model.toLowerCase();
  if (/rerank/.test(name)) return ["rerank"];
  if (/embed|minilm|(?:^|[/:_-])(?:bge|e5|gte|jina)-/.test(name)) return ["embed"];
  if (/whisper|transcribe|parakeet|voxtral-mini-transcribe/.test(name)) return ["transcribe"];
  if (/(?:^|[/:_-])tts(?:$|[:_-])|kokoro|piper/.test(name)) return ["speak"];
  if (/dall-e|gpt-image|flux|stable-diffusion|sdxl|imagen/.test(name)) return ["draw"];
  return /gpt-4o|gpt-4\.1|gpt-5|^o[34]|vision|llava|pixtral|[-_]vl(?:$|[-_:])/.test(name) ? [...chat, "vision"] : chat;
}

/** The words that servers use: Mistral's, Ollama's, llama-server's, OpenRouter's, LM Studio's. */
const words: Readonly<Record<string, readonly Capability[]>> = {
  completion: chat,
  completion_chat: chat,
  function_calling: ["tools"],
  tool_use: ["tools"],
  multimodal: ["vision"],
  image: ["vision"],
  audio: ["hearing"],
  embedding: ["embed"],
  embeddings: ["embed"],
  llm: chat,
  vlm: [...chat, "vision"],
  logprobs: ["logprobs"],
  structured_outputs: ["json"],
};

/** What a row of a server's list says, in our words; undefined where it says nothing. */
export function abilitiesOf(row: unknown): readonly Capability[] | undefined {
  const told = at(row, "capabilities");
  const flags = Array.isArray(told)
    ? told
    : Object.entries(typeof told === "object" && told !== null ? told : {}).flatMap(([name, is]) =>
        is === true ? [name] : [],
      );
  const said = [
    ...flags,
    at(row, "type"),
    ...listAt(row, "architecture", "input_modalities"),
    ...listAt(row, "supported_parameters"),
  ].filter((one): one is string => typeof one === "string");
  const own = said.filter((one): one is Capability => (capabilities as readonly string[]).includes(one));
  const found = new Set([...own, ...said.flatMap((one) => (Object.hasOwn(words, one) ? words[one]! : []))]);
  // A word beside the main one says nothing alone: a model that reads images may still be one that embeds them.
  const isWhole = ["chat", "embed", "rerank", "transcribe", "speak", "draw"].some((one) =>
    found.has(one as Capability),
  );
  if (isWhole) return [...found];
  return found.size > 0 ? [...new Set([...chat, ...found])] : undefined;
}
