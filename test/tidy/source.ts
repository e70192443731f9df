/** A source file as the rules see it. */
export interface Source {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** One import, re-export or dynamic import. */
export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** Which parts of a text are kept by `blank`. */
type Keep = { readonly strings: boolean };

/** What is found in a text, looked for once: many rules ask it of the same files. */
function once<Found>(find: (text: string) => Found): (text: string) => Found {
  const known = new Map<string, Found>();
  return (text) => {
    const found = known.get(text) ?? find(text);
    known.set(text, found);
    return found;
  };
}

/** The text with comments (and, unless kept, the insides of strings) replaced by spaces, so that line numbers hold.
 *  There is no parser to call: TypeScript 7 has no JavaScript interface. */
export const blank = (text: string, { strings }: Keep): string => (strings ? withStrings : withoutStrings)(text);

const withStrings = once((text) => blanked(text, { strings: true }));
const withoutStrings = once((text) => blanked(text, { strings: false }));

function blanked(text: string, keep: Keep): string {
  let out = "";
  let index = 0;
  // Depths of `${` inside template strings, so that a `}` is known to go back into one.
  const templates: number[] = [];
  let depth = 0;
  const space = (piece: string): string => piece.replaceAll(/[^\n]/g, " ");
  const take = (end: number, kept: boolean): void => {
    const piece = text.slice(index, end);
    out += kept ? piece : space(piece);
    index = end;
  };
  const endOfTemplate = (from: number): number => {
    for (let at = from; at < text.length; at += 1) {
      if (text[at] === "\\") at += 1;
      else if (text[at] === "`") return at + 1;
      else if (text[at] === "$" && text[at + 1] === "{") {
        templates.push(depth);
        depth += 1;
        return at + 2;
      }
    }
    return text.length;
  };
  while (index < text.length) {
    const here = text[index] ?? "";
    const next = text[index + 1];
    if (here === "/" && next === "/") take(endOf(text, "\n", index), false);
    else if (here === "/" && next === "*") take(endOf(text, "*/", index + 2, 2), false);
    else if (here === '"' || here === "'") take(endOfQuoted(text, index), keep.strings);
    else if (here === "`") take(endOfTemplate(index + 1), keep.strings);
    else if (here === "}" && templates.at(-1) === depth - 1) {
      depth -= 1;
      templates.pop();
      take(endOfTemplate(index + 1), keep.strings);
    } else if (here === "/" && startsRegex(out)) take(endOfRegex(text, index), keep.strings);
    else {
      if (here === "{") depth += 1;
      if (here === "}") depth -= 1;
      usual.lastIndex = index;
      take(usual.test(text) ? usual.lastIndex : index + 1, true);
    }
  }
  return out;
}

/** What begins and ends nothing. */
const usual = /[^/"'`{}]+/y;

function endOf(text: string, mark: string, from: number, length = 0): number {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at + length;
}

function endOfQuoted(text: string, from: number): number {
  const quote = text[from];
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === quote || text[at] === "\n") return at + 1;
  }
  return text.length;
}

/** A slash begins a regular expression where a value may begin. */
const startsRegex = (before: string): boolean =>
  /(?:^|[(,=:[!&|?{};<>+\-*%]|\b(?:return|typeof|case))\s*$/.test(before.slice(-40));

function endOfRegex(text: string, from: number): number {
  let inClass = false;
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "\n") return at;
    else if (text[at] === "[") inClass = true;
    else if (text[at] === "]") inClass = false;
    else if (text[at] === "/" && !inClass) return at + 1;
  }
  return text.length;
}

/** Everything a file imports. */
export const importsOf = once((text): readonly Import[] => {
  const code = blank(text, { strings: true });
  const found: Import[] = [];
  for (const match of code.matchAll(/\b(?:import|export)\s+(type\s+)?([\w*{}\s,$]*?)\s*from\s*["']([^"']+)["']/g)) {
    const names = match[2] ?? "";
    const braces = /^\s*\{([^}]*)\}\s*$/.exec(names)?.[1];
    const all = braces
      ?.split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    const typeOnly =
      match[1] !== undefined || (all !== undefined && all.length > 0 && all.every((name) => name.startsWith("type ")));
    found.push({ specifier: match[3] ?? "", typeOnly });
  }
  for (const match of code.matchAll(/\bimport\s*["']([^"']+)["']/g))
    found.push({ specifier: match[1] ?? "", typeOnly: false });
  for (const match of code.matchAll(/\bimport\s*\(\s*["']([^"']+)["']/g)) {
    // `import("…").Name` after a colon or in a type is erased; after `await` it is not.
    const before = code.slice(0, match.index).trimEnd();
    found.push({ specifier: match[1] ?? "", typeOnly: /[:<|&]$|readonly$/.test(before) });
  }
  return found;
});
