/** What the guides for people name, against what is there: controls of the page, keys, commands of the terminal, words
 *  that narrow a search. */
import { parseSync } from "rolldown/utils";
import type { Source } from "./source.ts";

/** What there is. */
export interface Named {
  /** Texts of the page, as `pageTexts` gives them. */
  readonly texts: ReadonlySet<string>;
  /** Commands of `plexus chat`, without the slash. */
  readonly commands: readonly string[];
  /** Combinations in the page's list of keys, as `Ctrl+K`. */
  readonly keys: readonly string[];
  readonly filters: readonly string[];
}

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** As a control is called: where a value is put in stands `{}`, and one that asks for more ends without its `…`. */
const called = (text: string): string => text.replaceAll(/\s+/g, " ").trim().replace(/ ?…$/, "");

const pieceOf = (node: Node): string => {
  if (node.type === "JSXText") return String(node["value"]);
  if (node.type === "JSXElement") return textOf(node["children"] as Node[]);
  return node.type === "JSXExpressionContainer" ? "{}" : "";
};
const textOf = (children: readonly Node[]): string => children.map(pieceOf).join("");

/** Every text that the page may show: strings, templates, and what stands in an element. */
export function pageTexts(sources: readonly Source[]): ReadonlySet<string> {
  const texts = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit);
    if (!isNode(value)) return;
    if (value.type === "Literal" && typeof value["value"] === "string") texts.add(called(value["value"]));
    if (value.type === "JSXText") texts.add(called(String(value["value"])));
    if (value.type === "JSXElement") texts.add(called(textOf(value["children"] as Node[])));
    if (value.type === "TemplateLiteral") {
      const quasis = value["quasis"] as readonly { readonly value: { readonly cooked: string } }[];
      texts.add(called(quasis.map((one) => one.value.cooked).join("{}")));
    }
    Object.values(value).forEach(visit);
  };
  for (const { path, text } of sources)
    visit(parseSync(path, text, { lang: path.endsWith(".tsx") ? "tsx" : "ts" }).program);
  return texts;
}

/** Combinations in the source of the page's list of keys. */
export const keysIn = (source: string): readonly string[] =>
  [...source.matchAll(/\[\[((?:"[^"]+"(?:, )?)+)\],/g)].map(([, keys = ""]) =>
    [...keys.matchAll(/"([^"]+)"/g)].map(([, key]) => key).join("+"),
  );

/** Keys of the browser itself, and those that mean the same in every list and field. */
const everywhere = new Set(["Ctrl+Z", "Ctrl+C", "Ctrl+D", "Cmd+K"]);

/** What stands between the marks of emphasis and is the name of a control: no heading of a paragraph, which ends with a
 *  full stop, and nothing with numbers in it. */
const isControl = (name: string): boolean => /\p{L}/u.test(name) && !/[.:]$|\d/.test(name);

const withoutCode = (text: string): string => text.replaceAll(/```.*?```/gs, "").replaceAll(/`[^`]*`/g, "");

const pattern = (text: string): RegExp =>
  new RegExp(
    `^${text
      .split("{}")
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".+")}$`,
    "u",
  );

/** Whether the page says that, or it with something else where a value is put in: “Change Bob” for `Change …`. */
function isSaid(name: string, texts: ReadonlySet<string>): boolean {
  if (texts.has(called(name))) return true;
  const open = [...texts].filter((text) => /^\p{L}{4,}.*\{\}/u.test(text));
  const parts = (text: string): string => text.slice(0, text.indexOf("{}"));
  return open.some((text) => name.startsWith(parts(text)) && pattern(text).test(name));
}

/** What a guide names that is not there. */
export function guideViolations({ path, text }: Source, { texts, commands, keys, filters }: Named): readonly string[] {
  const plain = withoutCode(text);
  const named = [...plain.matchAll(/[“"]([^“”"]+)[”"]/g)]
    .map(([, name = ""]) => name.replace(/[,.]$/, ""))
    .filter((name) => /\p{L}/u.test(name));
  const bold = [...plain.matchAll(/\*\*([^*]+)\*\*/g)].flatMap(([, name = ""]) => name.split(" → ").filter(isControl));
  const code = [...text.matchAll(/`([^`\n]+)`/g)].map(([, said = ""]) => said);
  const said = code.flatMap((one) => /^\/([a-z]+)(?: |$)/.exec(one)?.[1] ?? []);
  const narrowing = code.flatMap((one) => /^([a-z]+):[^:/]+$/.exec(one)?.[1] ?? []);
  const combinations = [...text.matchAll(/\b(?:(?:Ctrl|Cmd|Shift|Alt)\+)+[A-Za-z]\w*/g)].map(([keysOf]) => keysOf);
  return [
    ...[...named, ...bold].filter((name) => !isSaid(name, texts)).map((name) => `${path}: no text “${name}”`),
    ...said.filter((name) => !commands.includes(name)).map((name) => `${path}: no command /${name}`),
    ...narrowing.filter((name) => !filters.includes(name)).map((name) => `${path}: no filter ${name}:`),
    ...combinations
      .filter((one) => !keys.includes(one) && !everywhere.has(one))
      .map((one) => `${path}: ${one} is not in the list of keys`),
  ];
}
