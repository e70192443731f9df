/** Which names files export although nobody but the file itself uses them. Tests count as users. */
import { dirname, join } from "node:path/posix";
import { parseSync } from "rolldown/utils";
import type { Source } from "./source.ts";

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

const nameOf = (node: unknown): string => {
  const { name, value } = (node ?? {}) as { readonly name?: string; readonly value?: string };
  return name ?? value ?? "";
};

/** What a file exports of its own, and what it takes of others, by their paths. `*`: everything. */
interface Names {
  readonly exported: readonly string[];
  readonly taken: readonly (readonly [path: string, name: string])[];
}

const all = "*";

function namesOf({ path, text }: Source): Names {
  const { program } = parseSync(path, text, { lang: path.endsWith("x") ? "tsx" : "ts" });
  const exported: string[] = [];
  const taken: (readonly [string, string])[] = [];
  const take = (source: unknown, names: readonly string[]): void => {
    const specifier = nameOf(source);
    if (!specifier.startsWith(".")) return;
    for (const name of names) taken.push([join(dirname(path), specifier), name]);
  };
  const walk = (node: Node): void => {
    if (node.type === "ImportDeclaration")
      take(
        node["source"],
        (node["specifiers"] as readonly Node[]).map((one) =>
          one.type === "ImportSpecifier"
            ? nameOf(one["imported"])
            : one.type === "ImportDefaultSpecifier"
              ? "default"
              : all,
        ),
      );
    if (node.type === "ExportAllDeclaration") take(node["source"], [all]);
    // `import("…")` as a value and in a type: whatever it has may be used.
    if (node.type === "ImportExpression" || node.type === "TSImportType") take(node["source"], [all]);
    if (node.type === "ExportNamedDeclaration") {
      const specifiers = node["specifiers"] as readonly Node[];
      if (node["source"])
        take(
          node["source"],
          specifiers.map(({ local }) => nameOf(local)),
        );
      else exported.push(...specifiers.map((one) => nameOf(one["exported"])), ...declared(node["declaration"]));
    }
    for (const [key, value] of Object.entries(node))
      if (key !== "parent") for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child);
  };
  walk(program as unknown as Node);
  return { exported, taken };
}

/** The names that a declaration gives; patterns are passed over. */
function declared(node: unknown): readonly string[] {
  if (!isNode(node)) return [];
  if (node.type !== "VariableDeclaration") return [nameOf(node["id"])];
  return (node["declarations"] as readonly Node[]).map(({ id }) => nameOf(id)).filter((name) => name !== "");
}

/** Names that are exported and that no other file takes, as `path name`. Pure. */
export function loneExports(sources: readonly Source[]): readonly string[] {
  const files = sources.map((source) => ({ path: source.path, ...namesOf(source) }));
  const taken = new Set(files.flatMap((file) => file.taken.map(([path, name]) => `${path} ${name}`)));
  return files
    .filter(({ path }) => !taken.has(`${path} ${all}`))
    .flatMap(({ path, exported }) =>
      exported.filter((name) => !taken.has(`${path} ${name}`)).map((name) => `${path} ${name}`),
    );
}
