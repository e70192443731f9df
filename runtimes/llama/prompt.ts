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
import type { ChatMessage } from "../../protocols/index.ts";

export interface Prompt {
  readonly tokens: Token[];
  /** Control tokens that end the answer, besides those the model marks as ends itself. */
  readonly stopTokens: ReadonlySet<Token>;
  /** Texts that end the answer, of templates that have no control tokens. */
  readonly stopTexts: readonly string[];
}

export interface PromptRenderer {
  render(messages: readonly ChatMessage[]): Prompt;
}

/** Errors: throws what the template throws at an order of roles that it does not know. */
export function createPromptRenderer(model: LlamaModel, onWarning: (text: string) => void): PromptRenderer {
  const [wrapper, second] = chooseWrappers(model, onWarning);
  return {
    render(messages) {
      const chatHistory: ChatHistoryItem[] = [...messages.map(historyItem), { type: "model", response: [] }];
      try {
        return promptOf(wrapper.generateContextState({ chatHistory }), model);
      } catch (thrown) {
        if (second === undefined) throw thrown;
        return promptOf(second.generateContextState({ chatHistory }), model);
      }
    },
  };
}

function promptOf(context: ChatWrapperGeneratedContextState, model: LlamaModel): Prompt {
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
  return { type: message.role, text: message.content };
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
