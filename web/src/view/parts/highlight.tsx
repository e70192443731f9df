import { common, createLowlight } from "lowlight";
import type { ReactNode } from "react";
import "./highlight.css";

/** Loaded with the first code of which the language is known. */

type Grammar = (typeof common)[string];

/** What a language is called, by all the words that people write for it. */
const names = new Map<string, string>();

const named = (key: string, grammar: Grammar): Grammar => {
  return (highlighter) => {
    const language = grammar(highlighter);
    for (const word of [key, ...(language.aliases ?? [])]) names.set(word.toLowerCase(), language.name ?? key);
    return language;
  };
};
const lowlight = createLowlight(
  Object.fromEntries(Object.entries(common).map(([key, grammar]) => [key, named(key, grammar)])),
);

type Node = ReturnType<typeof lowlight.highlight>["children"][number];

const drawn = (nodes: readonly Node[]): ReactNode =>
  nodes.map((node, index) => {
    if (node.type === "text") return node.value;
    if (node.type !== "element") return null;
    const classes = node.properties["className"];
    return (
      <span key={index} className={Array.isArray(classes) ? classes.join(" ") : undefined}>
        {drawn(node.children as Node[])}
      </span>
    );
  });

/** Code in colours, and what its language is called; undefined: no language of that name is known. */
export function highlighted(
  word: string,
  text: string,
): { readonly name: string; readonly code: ReactNode } | undefined {
  const name = names.get(word);
  if (name === undefined) return undefined;
  return { name, code: drawn(lowlight.highlight(word, text).children) };
}
