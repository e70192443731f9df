/** Every text of a source that a person may read: strings, templates and what stands in JSX. */
import { parseSync } from "rolldown/utils";
import type { Source } from "./source.ts";

/** A text as it is in the source; where a value is put in, it has `…`. */
export interface Sentence {
  /** From the root of the repository, with the line: `cli/up/index.ts:12`. */
  readonly at: string;
  readonly text: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** Attributes of the page that nobody reads. */
const unread = new Set(["className", "href", "to", "type", "id", "name", "d", "viewBox", "style", "role", "key"]);

/** Texts with at least two words. Names, keys, paths and selectors have one, or signs of code. */
const isProse = (text: string): boolean =>
  /[A-Za-z…]{2,}[,;:.]? +\S/.test(text) && /[a-z]{2,} [a-z…`“"']|^[A-Z][a-z]+ [a-z]/.test(text);

/** `assert(…)` says what the code holds true; only its programmers read that. */
const isAssertion = (node: Node): boolean =>
  node.type === "CallExpression" && (node["callee"] as { name?: string }).name === "assert";

const inOneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

/** The texts of a source, in order. */
export function sentencesOf({ path, text }: Source): readonly Sentence[] {
  const { program } = parseSync(path, text, { lang: path.endsWith(".tsx") ? "tsx" : "ts" });
  const found: Sentence[] = [];
  const say = (node: Node, said: string): void => {
    const line = inOneLine(said);
    if (isProse(line)) found.push({ at: `${path}:${text.slice(0, node.start).split("\n").length}`, text: line });
  };
  /** What an expression says as a text, and its parts that are looked at by themselves. */
  const plain = (node: Node): string | undefined => {
    if (node.type === "Literal") return typeof node["value"] === "string" ? node["value"] : undefined;
    if (node.type === "TemplateLiteral")
      return (node["quasis"] as readonly { value: { cooked: string } }[]).map(({ value }) => value.cooked).join("…");
    if (node.type === "BinaryExpression" && node["operator"] === "+") {
      const [left, right] = [plain(node["left"] as Node), plain(node["right"] as Node)];
      return left === undefined && right === undefined ? undefined : `${left ?? "…"}${right ?? "…"}`;
    }
    return undefined;
  };
  /** The words between the tags of an element, through the tags within a line of text. */
  const between = (children: readonly Node[]): string =>
    children
      .map((child) => {
        if (child.type === "JSXText") return child["value"] as string;
        if (child.type === "JSXExpressionContainer") return plain(child["expression"] as Node) ?? "…";
        return child.type === "JSXElement" ? between(child["children"] as readonly Node[]) : "";
      })
      .join("");
  const walk = (node: Node, inText: boolean): void => {
    if (/^(Import|ExportAll|ExportNamed)Declaration$/.test(node.type) && node["source"]) return;
    if (isAssertion(node)) return;
    if (node.type === "JSXAttribute" && unread.has((node["name"] as { name: string }).name)) return;
    let within = false;
    if (node.type === "JSXElement" || node.type === "JSXFragment") {
      const children = node["children"] as readonly Node[];
      within = children.some((child) => child.type === "JSXText" && /[A-Za-z]/.test(child["value"] as string));
      if (within && !inText) say(node, between(children));
    } else {
      const said = plain(node);
      if (said !== undefined && !inText) say(node, said);
      if (node.type === "BinaryExpression" && said !== undefined) return;
    }
    for (const [key, value] of Object.entries(node)) {
      if (key === "parent") continue;
      for (const child of Array.isArray(value) ? value : [value])
        if (isNode(child)) walk(child, child.type === "JSXExpressionContainer" ? false : within);
    }
  };
  walk(program as unknown as Node, false);
  return found;
}

/** Words and shapes over which strangers stumbled, and why. */
const shapes: readonly (readonly [RegExp, string])[] = [
  [/\bdetails? (?:may )?(?:say|name|give|have|show|tell)|\bin the details\b|\bdetails\.\w/i, "no details are shown"],
  [/\bwhoever\b|(?:^|[.:;] )who (?:is|was|has|had|may|can|wanted|asked|asks|runs|signs)\b[^?]*$/i, "say which people"],
  [/(?:^|[.:;] )what (?:was|is|you) (?:named|found|asked|set|put|proven|there|taken|took|gone)\b[^?]*$/i, "name it"],
  [/\banew\b/, "say again"],
  [/\b(?:called|begins?|is|are|stands?) so[.,]?$|\b(?:called|begin|begins) so\b/, "say how"],
  [/\bit is well\b|\b(?:all|everything) is well\b|\bare well[.,]/i, "say what is in order"],
  [/\blets? go of\b/, "say what happens to it"],
  [/\bmade? good\b|\bmade up for\b|\bmade again of\b/, "say repaired, or done later"],
  [/\b(?:is|are) to be\b/, "say must be, or will be"],
  [/\b(?:uses?|reads?|is|are|counts?|keeps?|in|there|nodes) no more\./, "say no longer"],
  [/(?<!\bthere )\b(?:is|are) no (?!longer|more\b|less\b|such|room|backup)[a-z]/i, "say that it is not one"],
  [/\b(?:takes?|took|taken) of\b/, "say used"],
  [/\bholds? (?:for|at once|until)\b/, "say how long it works"],
  [/\bhas not (?:the|a|an|its)\b/, "say does not have"],
  [/\b(?:this|it) is no (?:URL|recall|download|export|list of)\b/, "say is not a"],
  [/\bstarted of it\b|\bof it was started\b/, "say from it"],
  [/\byou have not\b[.,]|\bno more\?|\bcan not\b/, "say do not have, stop, or cannot"],
  [/\bnobody else is left\b|\bwould go\b|\bof then\b/, "say who or what"],
];

/** Signs of code, which no text of the page has. */
const code: readonly (readonly [RegExp, string])[] = [
  [/`/, "a backquote"],
  [/\\d|\[a-z0-9|\[A-Za-z|\{\d+,\d*\}|\bmatch pattern\b|\banyOf\b|\bschema\b/, "a pattern or schema"],
];

/** Commands, flags and names of log events, which the pages of admins show as code (`told.tsx`). */
const shownAsCode = /`(?:plexus |--)[^`]*`|`\w+\.\w+`/g;

/** Words of our own, and the places that explain them. */
const privateWords: readonly (readonly [RegExp, RegExp])[] = [
  [/\b(?:shards?|stripes?)\b/i, /shard|stripe|nodes\/invite|people\/words/],
  [/\bepochs?\b/i, /\/actors\//],
  [/\bvoters?\b/i, /nodes/],
  [/\bslots?\b/i, /actors|nodes|overview|move|agent-page/],
];

/** What is wrong with a sentence, one line for each fault. The page has no signs of code and few private words;
 *  commands may name both. */
export function stumblesIn({ at, text }: Sentence): readonly string[] {
  const ofPage = at.startsWith("web/");
  const said = at.startsWith("web/src/view/admin/") ? text.replaceAll(shownAsCode, "") : text;
  return [
    ...shapes.filter(([shape]) => shape.test(text)).map(([, why]) => why),
    ...(ofPage ? code.filter(([shape]) => shape.test(said)).map(([, what]) => `it has ${what}`) : []),
    ...(ofPage
      ? privateWords
          .filter(([word, where]) => word.test(text) && !where.test(at))
          .map(([word]) => `a private word, ${word.source}`)
      : []),
  ].map((why) => `${at}: ${text} (${why})`);
}
