/** Which names files export although nobody but the file itself uses them. Tests count as users. */
import { dirname, join } from "node:path/posix";
import { parseSync } from "rolldown/utils";
import type { Source } from "./source.ts";

/** What a file exports of its own, and what it takes of others, by their paths. `*`: everything. */
interface Names {
  readonly exported: readonly string[];
  readonly taken: readonly (readonly [path: string, name: string])[];
}

const all = "*";

/** The parser's list of imports and exports says it: the tree of the file is not looked at, which would take most of the
 *  time. */
function namesOf({ path, text }: Source): Names {
  const { module } = parseSync(path, text, { lang: path.endsWith("x") ? "tsx" : "ts" });
  const exported: string[] = [];
  const taken: (readonly [string, string])[] = [];
  const take = (specifier: string, name: string): void => {
    if (specifier.startsWith(".")) taken.push([join(dirname(path), specifier), name]);
  };
  for (const { moduleRequest, entries } of module.staticImports)
    for (const { importName } of entries) take(moduleRequest.value, named(importName));
  for (const { entries } of module.staticExports)
    for (const { moduleRequest, importName, exportName } of entries) {
      if (moduleRequest !== null) take(moduleRequest.value, named(importName));
      else if (exportName.kind === "Name" && exportName.name !== null) exported.push(exportName.name);
    }
  // `import("…")` as a value and in a type: whatever it has may be used.
  for (const [, specifier = ""] of text.matchAll(/\bimport\(\s*["'`]([^"'`]+)["'`]/g)) take(specifier, all);
  return { exported, taken };
}

const named = ({ kind, name }: { readonly kind: string; readonly name: string | null }): string =>
  kind === "Default" ? "default" : (name ?? all);

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
