/** How a model writes that it wants functions called, as data: what opens a call, what is around the name and the arguments, what is
 *  between two calls. Grammar and reader are made of the same data, so that what the one lets through the other understands. Pure.
 *
 *      …text <opening> name <middle> {arguments} <closing> <between> <opening> name …
 */
import { createRules, literal, oneOf } from "./grammar.ts";
import { runtimeLimits } from "../limits.ts";
import { fits, type Schema } from "../schema.ts";

/** The syntax of one model's calls. */
export interface CallSyntax {
  /** Before the first call of an answer. */
  readonly section: string;
  /** Before a call's name. */
  readonly opening: string;
  /** Between name and arguments; `{{functionName}}` in it is the name. */
  readonly middle: string;
  readonly closing: string;
  /** Between a call and the next; undefined: a model that makes one call at a time. */
  readonly between: string | undefined;
  /** What else models were seen to begin with. */
  readonly alternatives: readonly string[];
}

/** A function that may be called, with the schema of its arguments. */
export interface Callable {
  readonly name: string;
  readonly parameters: Schema;
}

/** A call as it was written. */
export interface WrittenCall {
  readonly name: string;
  /** An object, as JSON. */
  readonly arguments: string;
}

/** What a call begins with in text that is written freely: enough to know it by. A model may leave out white space that its
 *  template has, so it is as much of the opening as has none. */
export function triggersOf({ section, opening, alternatives }: CallSyntax): readonly string[] {
  const known = [section.trim() === "" ? opening : section, ...alternatives].map((text) => {
    const trimmed = text.trim();
    const [word = ""] = trimmed.split(/\s/u);
    return word.length >= triggerCharsMin ? word : trimmed;
  });
  return [...new Set(known.filter((text) => text !== ""))];
}

/** So short a text occurs in answers that are none. */
const triggerCharsMin = 4;

/** The grammar of calls behind the first opening. `before`: words of the grammar that stand for the whole text instead. */
export function callsGrammar(syntax: CallSyntax, tools: readonly Callable[], instead?: Schema): string {
  const rules = createRules();
  const { opening, middle, closing, between, section } = syntax;
  const call = rules.add(
    tools
      .map(
        ({ name, parameters }) =>
          `${literal(name)} ${literal(named(middle, name))} ${rules.value(parameters)} ${literal(named(closing, name))}`,
      )
      .join(" | "),
  );
  const more =
    between === undefined ? "" : ` (${literal(between + opening)} ${call}){0,${runtimeLimits.callsPerAnswerMax - 1}}`;
  const calls = `${call}${more}`;
  if (instead === undefined) return rules.grammar(calls);
  return rules.grammar(oneOf([rules.value(instead), `${literal(section + opening)} ${calls}`]));
}

/** The calls that are whole in a text that was written by that grammar. */
export function readCalls(syntax: CallSyntax, tools: readonly Callable[], text: string): readonly WrittenCall[] {
  const calls: WrittenCall[] = [];
  // Of two names that begin alike, the longer one first.
  const longestFirst = tools.toSorted((one, other) => other.name.length - one.name.length);
  for (let at = 0; ;) {
    const tool = longestFirst.find(({ name }) => text.startsWith(name + named(syntax.middle, name), at));
    if (tool === undefined) return calls;
    const from = at + tool.name.length + named(syntax.middle, tool.name).length;
    const to = endOfObject(text, from);
    if (to === undefined) return calls;
    calls.push({ name: tool.name, arguments: text.slice(from, to) });
    at = to + named(syntax.closing, tool.name).length;
    const next = (syntax.between ?? "") + syntax.opening;
    if (syntax.between === undefined || !text.startsWith(next, at)) return calls;
    at += next.length;
  }
}

/** Whether a call has arguments of its tool's schema. */
export function isFit(call: WrittenCall, tools: readonly Callable[]): boolean {
  const tool = tools.find(({ name }) => name === call.name);
  try {
    return tool !== undefined && fits(tool.parameters, JSON.parse(call.arguments));
  } catch {
    return false;
  }
}

const named = (text: string, name: string): string => text.replaceAll("{{functionName}}", name);

/** Where an object ends that begins here; undefined while it has not. */
function endOfObject(text: string, from: number): number | undefined {
  let depth = 0;
  let inText = false;
  for (let at = from; at < text.length; at += 1) {
    const char = text[at];
    if (inText) {
      if (char === "\\") at += 1;
      else if (char === '"') inText = false;
    } else if (char === '"') inText = true;
    else if (char === "{" || char === "[") depth += 1;
    else if (char === "}" || char === "]") {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}
