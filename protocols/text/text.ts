/** Text that people and models write: what is taken at the entrances. The schema types `line`, `text` and `prompt` ask
 *  here, so no command can forget it; what a model wrote goes through `cleaned` before it is kept.
 *
 *  Why so: docs/decisions/0014-text-and-mentions.md. */

/** - line: shown within a line of something else, as titles, names, topics and reasons.
 *  - lines: shown by itself, as messages and personas.
 *  - prompt: given to a model and shown to nobody. */
export type TextKind = "line" | "lines" | "prompt";

// Half of a pair has no encoding: on disk it would become another character. A program may take NUL for the end.
const refused: Readonly<Record<TextKind, RegExp>> = {
  line: /[\p{Cs}\p{Cc}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u202a-\u202e\u2066-\u2069]/gu,
  lines: /\p{Cs}|(?!\t|\n|\r\n)\p{Cc}/gu,
  prompt: /[\p{Cs}\0]/gu,
};

const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Cs}\u2800]/u;

const directional = /[\u202a-\u202e\u2066-\u2069]/;
const lineEnd = /[\n\r\u2029]/;
const [popEmbedding, popIsolate] = ["\u202c", "\u2069"];

interface Fault {
  readonly at: number;
  readonly problem: string;
}

/** What is wrong with a text, for the person who sent it; undefined: nothing. An empty text is for the schema's
 *  length. */
export function textFault(text: string, kind: TextKind): string | undefined {
  // Of what models read there are megabytes, and hardly ever a fault.
  if (kind === "prompt" && text.isWellFormed() && !text.includes("\0")) return undefined;
  const first = text.search(refused[kind]);
  if (first >= 0) return `${nameOf(text, first)} at position ${first}`;
  const [unmatched] = kind === "lines" ? unmatchedIn(text) : [];
  if (unmatched !== undefined) return `${unmatched.problem} at position ${unmatched.at}`;
  return kind !== "prompt" && text !== "" && !visible.test(text) ? "has nothing visible in it" : undefined;
}

/** The text with U+FFFD in the place of what would be refused; directional controls without their counterpart are left
 *  out. */
export function cleaned(text: string, kind: TextKind): string {
  const replaced = text.replace(refused[kind], "\ufffd");
  const unmatched = kind === "lines" ? unmatchedIn(replaced) : [];
  if (unmatched.length === 0) return replaced;
  const places = new Set(unmatched.map(({ at }) => at));
  // Directional controls are single units.
  return replaced
    .split("")
    .filter((_, at) => !places.has(at))
    .join("");
}

/** A name that somebody gave, for a text that is read as Markdown: as code it mentions nobody and is no link. */
export const asCode = (name: string): string => `\`${cleaned(name, "line").replaceAll("`", "'")}\``;

/** What is sent of what somebody wrote: without the whole blank lines before and after it, and with every other space,
 *  so that code keeps its indentation. Every client sends this. Nothing but space is "". */
export function asWritten(text: string): string {
  const lines = text.split("\n");
  const isWritten = (line: string): boolean => line.trim() !== "";
  const first = lines.findIndex(isWritten);
  if (first < 0) return "";
  const last = lines.findLastIndex(isWritten);
  const kept = lines.slice(first, last + 1).join("\n");
  return last < lines.length - 1 && kept.endsWith("\r") ? kept.slice(0, -1) : kept;
}

/** The beginning of a text, at most so many UTF-16 units: no pair is cut in half. */
export function cut(text: string, unitsMax: number): string {
  const last = text.charCodeAt(unitsMax - 1);
  const splits = text.length > unitsMax && last >= 0xd800 && last < 0xdc00;
  return text.slice(0, splits ? unitsMax - 1 : unitsMax);
}

function nameOf(text: string, at: number): string {
  const code = text.codePointAt(at) ?? 0;
  const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  if (code >= 0xd800 && code <= 0xdfff) return `has half of a surrogate pair (${name})`;
  return directional.test(text.charAt(at))
    ? `has the directional control ${name}`
    : `has the control character ${name}`;
}

/** Directional embeddings, overrides and isolates that are not closed in their line, and what closes none. What follows
 *  the text on the same line of a terminal or a list would be turned round by them. */
function unmatchedIn(text: string): readonly Fault[] {
  if (!directional.test(text)) return [];
  const faults: Fault[] = [];
  let open: { readonly at: number; readonly closer: string }[] = [];
  const endLine = (): void => {
    for (const { at } of open) faults.push({ at, problem: `${nameOf(text, at)} without its end` });
    open = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charAt(at);
    if (lineEnd.test(unit)) endLine();
    else if (!directional.test(unit)) continue;
    else if (unit !== popEmbedding && unit !== popIsolate)
      open.push({ at, closer: unit >= "\u2066" ? popIsolate : popEmbedding });
    else if (open.at(-1)?.closer === unit) open.pop();
    else faults.push({ at, problem: `${nameOf(text, at)} that ends nothing` });
  }
  endLine();
  return faults;
}
