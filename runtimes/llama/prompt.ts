/** Renders a conversation with the model's own chat template. What people wrote is never read as a control token,
 *  whatever it contains; nothing is added that the template does not add, no default system prompt in particular. */
import {
  GeneralChatWrapper,
  JinjaTemplateChatWrapper,
  LlamaText,
  resolveChatWrapper,
  SpecialToken,
  type ChatHistoryItem,
  type ChatModelFunctions,
  type ChatModelResponse,
  type ChatWrapper,
  type ChatWrapperGeneratedContextState,
  type LlamaModel,
  type Token,
  type Tokenizer,
} from "node-llama-cpp";
import { setImmediate } from "node:timers/promises";
import type { ChatMessage, Thinking, Tool } from "../../protocols/index.ts";
import { parseReplacing } from "../../protocols/wire/written.ts";
import type { CallSyntax } from "./calls.ts";
import { tokensBeyond } from "../measure.ts";
import { createSeam } from "../seam.ts";
import { boundedEngine } from "./template.ts";
import { endFor, thoughtsOf, variablesOf } from "./thinking.ts";
import { createMarks, type Marks } from "./written-json.ts";
import type { ThoughtMarks } from "./thoughts.ts";

export interface Prompt {
  readonly tokens: Token[];
  /** Control tokens that end the answer, besides those the model marks as ends itself. */
  readonly stopTokens: ReadonlySet<Token>;
  /** Texts that end the answer, of templates that have no control tokens. */
  readonly stopTexts: readonly string[];
  /** How thoughts are marked in what follows; undefined: there are none. */
  readonly thoughts: ThoughtMarks | undefined;
}

/** What a prompt is made of, beside the messages. */
interface Rendering {
  /** That the model may call; without any, as if there were no such thing. */
  readonly tools: readonly Tool[];
  readonly thinking: Thinking | undefined;
  readonly tokensMax: number;
}

/** A prompt of which no more was read than it took to know that it is too long: it has at least so many tokens. */
export interface TooLong {
  readonly promptTokensMin: number;
}

/** Renders the conversations of one model. */
export interface PromptRenderer {
  render(messages: readonly ChatMessage[], how: Rendering): Promise<Prompt | TooLong>;
  /** How the model writes a call. */
  callSyntax(): CallSyntax;
  /** What begins a call, as the model reads it: control tokens where the template has them. */
  opening(): Token[];
}

/** Errors: throws what the template throws at an order of roles that it does not know. */
export function createPromptRenderer(model: LlamaModel, onWarning: (text: string) => void): PromptRenderer {
  const made = new Map<string, readonly ChatWrapper[]>();
  // Made when first asked for: the library renders a dozen probes to learn the syntax of calls and thoughts.
  const wrappers: Wrappers = (syntax, thinking) => {
    const key = `${syntax} ${String(thinking)}`;
    const known = made.get(key) ?? chooseWrappers(model, { syntax, thinking }, onWarning);
    made.set(key, known);
    return known;
  };
  // The plain ones cost little, and a template that cannot be read is said when the model is loaded.
  wrappers("noJinja");
  const settings = () => wrappers("auto")[0]!.settings.functions;
  // What is wrong with the template is found while the model is loaded.
  wrappers("noJinja");
  return {
    render(messages, how) {
      const { context, thoughts } = contextOf(messages, how, wrappers);
      return promptOf(context, { ...how, thoughts }, model);
    },
    callSyntax() {
      const { call, parallelism } = settings();
      return {
        section: textOf(parallelism?.call.sectionPrefix),
        opening: textOf(call.prefix),
        middle: textOf(call.paramsPrefix),
        closing: textOf(call.suffix),
        between: parallelism === undefined ? undefined : textOf(parallelism.call.betweenCalls),
        alternatives: [
          ...(call.prefixAlternateMatches ?? []),
          ...(parallelism?.call.sectionPrefixAlternateMatches ?? []),
        ].map(textOf),
      };
    },
    opening() {
      const { call, parallelism } = settings();
      return LlamaText([parallelism?.call.sectionPrefix ?? "", call.prefix]).tokenize(model.tokenizer);
    },
  };
}

/** The wrappers of a model's template, the best one first, that are told whether it thinks. */
type Wrappers = (syntax: Syntax, thinking?: Thinking) => readonly ChatWrapper[];
/** Of calls: the template's own, or none. */
type Syntax = "auto" | "noJinja";

/** The conversation as the model reads it, and how its thoughts are marked behind that. */
export function contextOf(
  messages: readonly ChatMessage[],
  { tools, thinking }: Pick<Rendering, "tools" | "thinking">,
  wrappers: Wrappers,
): { readonly context: Rendered; readonly thoughts: ThoughtMarks | undefined } {
  const withCalls = tools.length > 0 || messages.some(({ calls }) => calls !== undefined);
  const syntax = withCalls ? "auto" : "noJinja";
  // A template that cannot be told has its end written for it.
  const all = [...(thinking === undefined ? [] : wrappers(syntax, thinking)), ...wrappers(syntax)];
  const context = firstThatCan(all, (wrapper) => rendered(wrapper, messages, tools));
  const thoughts = thoughtsOf(wrappers(syntax)[0]!);
  const isBegun = messages.at(-1)?.continues === true;
  if (thoughts === undefined || thinking === undefined || isBegun) return { context, thoughts };
  const end = endFor(context.contextText, thoughts, thinking !== false);
  return { context: { ...context, contextText: end.text }, thoughts: end.thoughts };
}

/** What the first of these makes that does not throw; else what the last one throws. */
function firstThatCan<T>(wrappers: readonly ChatWrapper[], make: (wrapper: ChatWrapper) => T): T {
  const [first, ...others] = wrappers;
  try {
    return make(first!);
  } catch (thrown) {
    if (others.length === 0) throw thrown;
    return firstThatCan(others, make);
  }
}

/** As the model writes it. That it ends its turn is not said: it does so by itself. */
function textOf(text: string | LlamaText | undefined): string {
  return LlamaText(text ?? "")
    .values.map((value) => (typeof value === "string" ? value : value instanceof SpecialToken ? "" : value.value))
    .join("");
}

const functionsOf = (tools: readonly Tool[], marks: Marks): ChatModelFunctions =>
  Object.fromEntries(
    tools.map(({ name, description, parameters, written }) => [
      name,
      // The library's type knows fewer schemas than templates do, which get it as it is.
      {
        ...(description !== undefined && { description }),
        ...(parameters && {
          params: (written === undefined ? parameters : parseReplacing(written, marks.mark)) as never,
        }),
      },
    ]),
  );

/** What the library makes of a conversation, less what is not looked at. */
type Rendered = Pick<ChatWrapperGeneratedContextState, "contextText" | "stopGenerationTriggers">;

/** Renders a conversation, with the arguments and results of its calls, and the numbers of its tools, as they were
 *  written. */
function rendered(wrapper: ChatWrapper, messages: readonly ChatMessage[], tools: readonly Tool[]): Rendered {
  const marks = createMarks();
  const ask = {
    ...(tools.length > 0 && { availableFunctions: functionsOf(tools, marks) }),
    documentFunctionParams: true,
  };
  const { contextText, stopGenerationTriggers } = wrapper.generateContextState({
    chatHistory: historyOf(messages, marks),
    ...ask,
  });
  return { contextText: marks.fill(contextText), stopGenerationTriggers };
}

async function promptOf(
  context: Rendered,
  { tools, thoughts, tokensMax }: Pick<Rendering, "tools" | "tokensMax"> & Pick<Prompt, "thoughts">,
  model: LlamaModel,
): Promise<Prompt | TooLong> {
  // What the template adds are a few control tokens and the tools; what people wrote is text.
  const texts = context.contextText.values.filter((value) => typeof value === "string");
  const count = (piece: string): number => model.tokenize(piece, false).length;
  const beyond = await tokensBeyond([...texts, ...described(tools)], tokensMax, count, () => setImmediate());
  if (beyond !== undefined) return { promptTokensMin: beyond };
  const stopTokens = new Set<Token>();
  const stopTexts: string[] = [];
  for (const trigger of context.stopGenerationTriggers) {
    const [token, ...more] = trigger.tokenize(model.tokenizer);
    if (token !== undefined && more.length === 0 && model.isSpecialToken(token)) stopTokens.add(token);
    else if (token !== undefined) stopTexts.push(trigger.toString());
  }
  return { tokens: context.contextText.tokenize(model.tokenizer), stopTokens, stopTexts, thoughts };
}

/** What is certainly in the prompt of each tool, however the template shows it. */
const described = (tools: readonly Tool[]): readonly string[] =>
  tools.flatMap(({ name, description }) => (description === undefined ? [name] : [name, description]));

/** The conversation as the library has it: a call and what came of it are parts of what the model said, and what it
 *  says behind the call goes on in the same turn. */
function historyOf(messages: readonly ChatMessage[], marks: Marks): ChatHistoryItem[] {
  const results = new Map(messages.flatMap(({ callId, content }) => (callId === undefined ? [] : [[callId, content]])));
  const history: ChatHistoryItem[] = [];
  const goesOn = (): ChatModelResponse["response"] | undefined => {
    const last = history.at(-1);
    if (last?.type !== "model") return undefined;
    const part = last.response.at(-1);
    return typeof part === "object" && part.type === "functionCall" ? last.response : undefined;
  };
  for (const { role, content, calls = [], callId, continues = false } of messages)
    switch (role) {
      case "system":
      case "user":
        history.push({ type: role, text: content });
        break;
      case "tool":
        if (callId === undefined || goesOn() === undefined) throw new Error("a tool answers no open call before it");
        break;
      case "assistant": {
        const parts: ChatModelResponse["response"] = calls.map(({ id, name, arguments: params }, index) => ({
          type: "functionCall",
          name,
          params: marks.mark(params),
          result: marks.mark(results.get(id) ?? ""),
          startsNewChunk: index === 0,
        }));
        // The library leaves the last turn open.
        const text = continues ? createSeam(content).begun : content;
        if (text !== "" || parts.length === 0) parts.unshift(text);
        const before = goesOn();
        if (before !== undefined) before.push(...parts);
        else history.push({ type: "model", response: parts });
      }
    }
  const isOpen = messages.at(-1)?.continues === true || goesOn() !== undefined;
  if (!isOpen) history.push({ type: "model", response: [] });
  return history;
}

function chooseWrappers(
  model: LlamaModel,
  how: { readonly syntax: Syntax; readonly thinking: Thinking | undefined },
  onWarning: (text: string) => void,
): readonly ChatWrapper[] {
  const { tokenizer, fileInfo } = model;
  const { chat_template: template, ...words } = fileInfo.metadata.tokenizer ?? {};
  if (template !== undefined)
    try {
      return templateWrappers(template, { ...how, tokenizer });
    } catch (thrown) {
      onWarning(`the chat template of the model is not usable, a similar one is used: ${String(thrown)}`);
    }
  // Without the template: the library would render it by code that has no budget.
  const metadata = { ...fileInfo.metadata, tokenizer: words } as typeof fileInfo.metadata;
  const about = { fileInfo: { ...fileInfo, metadata }, architecture: metadata.general.architecture, tokenizer };
  return [resolveChatWrapper(about) ?? new GeneralChatWrapper()];
}

/** The model's template as it is; then, for templates that insist on turns by turns, with neighbours of one role
 *  joined. Throws what is wrong with the template. */
export function templateWrappers(
  template: string,
  {
    syntax,
    thinking,
    ...vocabulary
  }: { readonly syntax: Syntax; readonly thinking: Thinking | undefined; readonly tokenizer?: Tokenizer },
): readonly ChatWrapper[] {
  const told =
    thinking === undefined ? {} : { reasoning: thinking !== false, additionalRenderParameters: variablesOf(thinking) };
  const settings = {
    template,
    ...vocabulary,
    functionCallMessageTemplate: syntax,
    ...told,
    ...boundedEngine(),
  } as const;
  let fault: unknown;
  const wrappers = [{ joinAdjacentMessagesOfTheSameType: false }, {}].flatMap((joins) => {
    try {
      return [new JinjaTemplateChatWrapper({ ...settings, ...joins })];
    } catch (thrown) {
      fault ??= thrown;
      return [];
    }
  });
  if (wrappers.length === 0) throw fault;
  return wrappers;
}
