/** Renders a conversation with the model's own chat template. What people wrote is never read as a control token, whatever
 *  it contains; nothing is added that the template does not add, no default system prompt in particular. */
import {
  GeneralChatWrapper,
  JinjaTemplateChatWrapper,
  resolveChatWrapper,
  type ChatHistoryItem,
  type ChatWrapper,
  type ChatWrapperGeneratedContextState,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import { setImmediate } from "node:timers/promises";
import type { ChatMessage } from "../../protocols/index.ts";
import { tokensBeyond } from "./measure.ts";

export interface Prompt {
  readonly tokens: Token[];
  /** Control tokens that end the answer, besides those the model marks as ends itself. */
  readonly stopTokens: ReadonlySet<Token>;
  /** Texts that end the answer, of templates that have no control tokens. */
  readonly stopTexts: readonly string[];
}

/** A prompt of which no more was read than it took to know that it is too long: it has at least so many tokens. */
export interface TooLong {
  readonly promptTokensMin: number;
}

export interface PromptRenderer {
  render(messages: readonly ChatMessage[], tokensMax: number): Promise<Prompt | TooLong>;
}

/** Errors: throws what the template throws at an order of roles that it does not know. */
export function createPromptRenderer(model: LlamaModel, onWarning: (text: string) => void): PromptRenderer {
  const [wrapper, second] = chooseWrappers(model, onWarning);
  return {
    render(messages, tokensMax) {
      const chatHistory: ChatHistoryItem[] = [...messages.map(historyItem), { type: "model", response: [] }];
      const state = (): ChatWrapperGeneratedContextState => {
        try {
          return wrapper.generateContextState({ chatHistory });
        } catch (thrown) {
          if (second === undefined) throw thrown;
          return second.generateContextState({ chatHistory });
        }
      };
      return promptOf(state(), model, tokensMax);
    },
  };
}

async function promptOf(
  context: ChatWrapperGeneratedContextState,
  model: LlamaModel,
  tokensMax: number,
): Promise<Prompt | TooLong> {
  // What the template adds are a few control tokens; what people wrote is text.
  const texts = context.contextText.values.filter((value) => typeof value === "string");
  const count = (piece: string): number => model.tokenize(piece, false).length;
  const beyond = await tokensBeyond(texts, tokensMax, count, () => setImmediate());
  if (beyond !== undefined) return { promptTokensMin: beyond };
  const stopTokens = new Set<Token>();
  const stopTexts: string[] = [];
  for (const trigger of context.stopGenerationTriggers) {
    const [token, ...more] = trigger.tokenize(model.tokenizer);
    if (token !== undefined && more.length === 0 && model.isSpecialToken(token)) stopTokens.add(token);
    else if (token !== undefined) stopTexts.push(trigger.toString());
  }
  return { tokens: context.contextText.tokenize(model.tokenizer), stopTokens, stopTexts };
}

function historyItem(message: ChatMessage): ChatHistoryItem {
  if (message.role === "assistant") return { type: "model", response: [message.content] };
  return { type: message.role === "system" ? "system" : "user", text: message.content };
}

/** The model's template as it is; then, for templates that insist on turns by turns, with neighbours of one role joined. */
function chooseWrappers(
  model: LlamaModel,
  onWarning: (text: string) => void,
): readonly [wrapper: ChatWrapper, second?: ChatWrapper] {
  const template = model.fileInfo.metadata.tokenizer?.chat_template;
  const { tokenizer } = model;
  if (template !== undefined)
    try {
      const settings = { template, tokenizer, functionCallMessageTemplate: "noJinja" } as const;
      return [
        new JinjaTemplateChatWrapper({ ...settings, joinAdjacentMessagesOfTheSameType: false }),
        new JinjaTemplateChatWrapper(settings),
      ];
    } catch (thrown) {
      onWarning(`the chat template of the model is not usable, a similar one is used: ${String(thrown)}`);
    }
  return [resolveChatWrapper(model) ?? new GeneralChatWrapper()];
}
