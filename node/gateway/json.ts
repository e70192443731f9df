import { failure, ok, refused, type Result } from "../../protocols/index.ts";

const quote = 34;
const backslash = 92;

/** True when arrays and objects lie more than `depthMax` inside each other. Reads the text once, before it is parsed. */
function isTooDeep(text: string, depthMax: number): boolean {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === quote) {
      for (index += 1; index < text.length && text.charCodeAt(index) !== quote; index += 1)
        if (text.charCodeAt(index) === backslash) index += 1;
    } else if (code === 91 || code === 123) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (code === 93 || code === 125) depth -= 1;
  }
  return false;
}

/** True when an object carries a key that would reach a prototype if somebody copied it key by key. */
function isPoisoned(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Object.hasOwn(value, "__proto__")) return true;
  if (Object.hasOwn(value, "constructor")) {
    const made = (value as { constructor: unknown }).constructor;
    if (typeof made === "object" && made !== null && Object.hasOwn(made, "prototype")) return true;
  }
  return Object.values(value).some(isPoisoned);
}

/** Parses JSON from outside. Error: BAD_REQUEST with the problem. */
export function parseJson(text: string, depthMax: number): Result<unknown> {
  const problem = (what: string) => refused(failure("BAD_REQUEST", { path: "", problem: what }));
  if (isTooDeep(text, depthMax)) return problem(`nested deeper than ${depthMax}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return problem("not JSON");
  }
  // The walk is bounded by the depth above; most texts name none of the words and skip it.
  const suspicious = text.includes("proto") || text.includes("\\u");
  return suspicious && isPoisoned(value) ? problem("a forbidden key") : ok(value);
}
