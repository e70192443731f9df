/** How long functions are: their own lines, without those of the functions in them. A part that is made of functions, as
 *  most are here, is as long as what it does itself; each of its functions counts alone. */
import { parseSync } from "rolldown/utils";
import type { Source } from "./source.ts";

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Partial<Node>).type === "string";

const functions = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);
const naming = new Set([
  "FunctionDeclaration",
  "VariableDeclarator",
  "MethodDefinition",
  "Property",
  "PropertyDefinition",
]);

/** What a node is called, if it names something. */
function nameOf({ type, id, key }: Node): string | undefined {
  if (!naming.has(type)) return undefined;
  const { name, value } = (id ?? key ?? {}) as { readonly name?: string; readonly value?: string };
  return name ?? value;
}

/** Functions with more own lines than that, as `path name`, with how many. Of several of one name, the longest. Pure. */
export function longFunctions(sources: readonly Source[], linesMax: number): Readonly<Record<string, number>> {
  const long: Record<string, number> = {};
  for (const { path, text } of sources) {
    const { program } = parseSync(path, text, { lang: path.endsWith("x") ? "tsx" : "ts" });
    const linesOf = ({ start, end }: Node): number => text.slice(start, end).split("\n").length;
    /** The lines of functions within a node. */
    const walk = (node: Node, outer: string): number => {
      const name = nameOf(node) ?? outer;
      let inner = 0;
      for (const [key, value] of Object.entries(node))
        if (key !== "parent")
          for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) inner += walk(child, name);
      if (!functions.has(node.type)) return inner;
      const lines = linesOf(node);
      const label = `${path} ${name}`;
      if (lines - inner > linesMax) long[label] = Math.max(long[label] ?? 0, lines - inner);
      // The line on which it begins is one of the function around it.
      return lines - 1;
    };
    walk(program as unknown as Node, "(no name)");
  }
  return long;
}
