/** How a model writes that it wants functions called, as data: what opens a call, what is around the name and the
 *  arguments, what is between two calls. Grammar and reader are made of the same data, so that what the one lets
 *  through the other understands. Pure.
 *
 *      …text <opening> name <middle> {arguments} <closing> <between> <opening> name …
 */
import { createRules, literal, oneOf } from "./grammar.ts";
import { runtimeLimits } from "../limits.ts";
import { fits, type Schema } from "../schema.ts";
import { parseExact } from "../../protocols/wire/exact-number.ts";
import { parseWithin } from "../../protocols/wire/json-meter.ts";
import { faultsOf, type Fault } from "../schema-check.ts";
import { Steps } from "../steps.ts";

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
  readonly schema: Schema;
  /** The schema as it came. */
  readonly document: unknown;
  /** Arguments that do not fit are none; else what does not fit is named. */
  readonly strict: boolean;
}

/** A call as it was written. */
interface WrittenCall {
  readonly name: string;
  /** An object, as JSON. */
  readonly arguments: string;
}

/** What a call begins with in text that is written freely: enough to know it by. A model may leave out white space that
 *  its template has, so it is as much of the opening as has none. */
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

/** The grammar of calls behind the first opening. `instead`: words of the grammar that stand for the whole text
 *  instead. */
export function callsGrammar(
  syntax: CallSyntax,
  tools: readonly Callable[],
  { instead, steps }: { readonly instead?: Schema | undefined; readonly steps?: Steps } = {},
): string {
  const rules = createRules(steps);
  const { opening, middle, closing, between, section } = syntax;
  const call = rules.add(
    tools
      .map(
        ({ name, schema }) =>
          `${literal(name)} ${literal(named(middle, name))} ${rules.value(schema)} ${literal(named(closing, name))}`,
      )
      .join(" | "),
  );
  const more =
    between === undefined ? "" : ` (${literal(between + opening)} ${call}){0,${runtimeLimits.callsPerAnswerMax - 1}}`;
  const calls = `${call}${more}`;
  if (instead === undefined) return rules.grammar(calls);
  return rules.grammar(oneOf([rules.value(instead), `${literal(section + opening)} ${calls}`]));
}

/** A piece of the arguments of a call; the first is the beginning of the call, as soon as its name is certain. */
interface WrittenPiece {
  /** Which call it is of, from 0. */
  readonly index: number;
  readonly name: string;
  readonly arguments: string;
}

/** Reads calls while they are written. */
export interface CallReader {
  /** The calls that are whole so far. */
  readonly calls: readonly WrittenCall[];
  /** Takes what comes next; gives what is new of arguments. */
  push(text: string): readonly WrittenPiece[];
}

/** A reader of a text that was written by that grammar. However the text is cut into pieces, the arguments are the
 *  same. */
export function createCallReader(syntax: CallSyntax, tools: readonly Callable[]): CallReader {
  // Of two names that begin alike, the longer one first.
  const longestFirst = tools.toSorted((one, other) => other.name.length - one.name.length);
  const next = (syntax.between ?? "") + syntax.opening;
  const calls: WrittenCall[] = [];
  let text = "";
  let at = 0;
  let open: { readonly name: string; readonly from: number; readonly end: ObjectEnd } | undefined;
  /** What has to stand here before the next name. */
  let awaited = "";

  const begin = (pieces: WrittenPiece[]): boolean => {
    // Whatever else comes, there are no more calls.
    if (calls.length > 0 && syntax.between === undefined) return false;
    if (text.length < at + awaited.length || !text.startsWith(awaited, at)) return false;
    const from = at + awaited.length;
    const heads = longestFirst.map(({ name }) => ({
      name,
      to: from + name.length + named(syntax.middle, name).length,
    }));
    // Where the arguments begin it is certain that the name has ended.
    const head = heads.find(
      ({ name, to }) => text.startsWith(name + named(syntax.middle, name), from) && /[{[\s]/.test(text[to] ?? ""),
    );
    if (head === undefined) return false;
    open = { name: head.name, from: head.to, end: new ObjectEnd() };
    at = head.to;
    pieces.push({ index: calls.length, name: head.name, arguments: "" });
    return true;
  };
  const go = (pieces: WrittenPiece[]): boolean => {
    if (open === undefined) return begin(pieces);
    const to = open.end.find(text, at);
    const { name, from } = open;
    if (to > at) pieces.push({ index: calls.length, name, arguments: text.slice(at, to) });
    at = to;
    if (!open.end.reached) return false;
    calls.push({ name, arguments: text.slice(from, to) });
    open = undefined;
    awaited = named(syntax.closing, name) + next;
    return true;
  };
  return {
    calls,
    push(more) {
      text += more;
      const pieces: WrittenPiece[] = [];
      while (go(pieces));
      return pieces;
    },
  };
}

/** The calls that are whole in such a text. */
export function readCalls(syntax: CallSyntax, tools: readonly Callable[], text: string): readonly WrittenCall[] {
  const reader = createCallReader(syntax, tools);
  reader.push(text);
  return reader.calls;
}

/** What of a call's arguments does not fit the schema of its tool; undefined: it is no call at all. */
export function faultsIn(call: WrittenCall, tools: readonly Callable[], steps: Steps): readonly Fault[] | undefined {
  const tool = tools.find(({ name }) => name === call.name);
  return tool && faultsOfJson(tool, call.arguments, steps);
}

/** What of a text does not fit a schema; undefined: it is not JSON, or not of a schema that is strict. */
export function faultsOfJson(
  { schema, document, strict }: Omit<Callable, "name">,
  text: string,
  steps = new Steps(),
): readonly Fault[] | undefined {
  let value: unknown;
  try {
    value = parseWithin(text, parseExact);
  } catch {
    return undefined;
  }
  if (!strict) return faultsOf(document, value, steps);
  return fits(schema, value, steps) ? [] : undefined;
}

const named = (text: string, name: string): string => text.replaceAll("{{functionName}}", name);

/** Where an object ends, looked for in a text that grows. */
class ObjectEnd {
  reached = false;
  #depth = 0;
  #inText = false;
  #escaped = false;

  /** Goes on from a place; gives the place behind the end, or behind all that there is. */
  find(text: string, from: number): number {
    for (let at = from; at < text.length; at += 1) {
      const char = text[at];
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (char === "\\") this.#escaped = true;
        else if (char === '"') this.#inText = false;
      } else if (char === '"') this.#inText = true;
      else if (char === "{" || char === "[") this.#depth += 1;
      else if (char === "}" || char === "]") {
        this.#depth -= 1;
        this.reached = this.#depth === 0;
        if (this.reached) return at + 1;
      }
    }
    return text.length;
  }
}
