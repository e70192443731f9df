import { DocumentMeter, parseDocument } from "../../protocols/index.ts";
import { atOnce, linesOf, stepsInPiece, type Pieces } from "../pieces.ts";
import { parseRange, type Range } from "./address-set.ts";

/** What a list says. */
export interface Indicators {
  readonly blocked: readonly Range[];
  readonly allowed: readonly Range[];
  /** Names of hosts, in lower case. */
  readonly domains: readonly string[];
  /** Digests of files, in lower-case hex: MD5, SHA-1, SHA-256 or SHA-512, told apart by their length. */
  readonly files: readonly string[];
  /** Entries that say something which is not understood here, and so counts for nothing. */
  readonly skipped: number;
}

/** The sorts of digests that are known, and how long each is in hex. */
export const digestSorts = [
  { sort: "md5", chars: 32 },
  { sort: "sha1", chars: 40 },
  { sort: "sha256", chars: 64 },
  { sort: "sha512", chars: 128 },
] as const;
/** One of them, as Node calls it. */
export type DigestSort = (typeof digestSorts)[number]["sort"];

interface Draft {
  readonly blocked: Range[];
  readonly allowed: Range[];
  readonly domains: string[];
  readonly files: string[];
  skipped: number;
}

const domainPattern = /^(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

const isDigest = (text: string): boolean =>
  digestSorts.some(({ chars }) => text.length === chars) && /^[0-9a-f]+$/.test(text);

/** One entry, of whatever sort it is. False: of none. */
function take(draft: Draft, text: string): boolean {
  const range = parseRange(text);
  const lower = text.toLowerCase();
  if (range !== undefined) draft.blocked.push(range);
  else if (isDigest(lower)) draft.files.push(lower);
  else if (domainPattern.test(lower.replace(/\.$/, ""))) draft.domains.push(lower.replace(/\.$/, ""));
  else return false;
  return true;
}

/** A plain list: one entry a line, the rest of the line and what follows `#` or `;` says something about it. `!` in
 *  front of an address allows it. A line of a hosts file (`0.0.0.0 bad.example`) names the host. */
function* readPlain(text: string, draft: Draft): Pieces<void> {
  let lines = 0;
  for (const line of linesOf(text)) {
    if ((lines += 1) % stepsInPiece === 0) yield;
    const says = line.search(/[#;]/);
    const [first = "", second] = (says < 0 ? line : line.slice(0, says)).trim().split(/[\s,]+/, 2);
    if (first === "") continue;
    if (first.startsWith("!")) {
      const range = parseRange(first.slice(1));
      if (range === undefined) draft.skipped += 1;
      else draft.allowed.push(range);
    } else if (second !== undefined && /^(?:0\.0\.0\.0|127\.0\.0\.1|::1?)$/.test(first)) {
      if (domainPattern.test(second.toLowerCase())) draft.domains.push(second.toLowerCase());
    } else if (!take(draft, first)) draft.skipped += 1;
  }
}

/** One comparison of a pattern: `ipv4-addr:value = '203.0.113.9'`. */
const comparison =
  /^\s*(ipv4-addr:value|ipv6-addr:value|domain-name:value|file:hashes\.(?:'[A-Za-z0-9-]+'|[A-Za-z0-9]+))\s*(=|ISSUBSET)\s*'([^'\\]{1,512})'\s*/;

/** The values of a pattern of STIX 2.1 that any one of which is enough; undefined for a pattern that says more: AND,
 *  FOLLOWEDBY, NOT, times, other things. To read “A and B” as “A or B” would block addresses that nobody accused. */
export function valuesOfPattern(pattern: string): readonly string[] | undefined {
  const values: string[] = [];
  let rest = pattern;
  const eat = (expected: RegExp): boolean => {
    const [found] = expected.exec(rest) ?? [];
    if (found === undefined) return false;
    rest = rest.slice(found.length);
    return true;
  };
  do {
    if (!eat(/^\s*\[/)) return undefined;
    do {
      const found = comparison.exec(rest);
      const [all = "", object = "", operator, value = ""] = found ?? [];
      if (found === null || (operator === "ISSUBSET" && !object.startsWith("ip"))) return undefined;
      rest = rest.slice(all.length);
      values.push(value);
    } while (eat(/^OR\b/));
    if (!eat(/^\]\s*/)) return undefined;
  } while (eat(/^OR\b/));
  return rest === "" ? values : undefined;
}

interface StixObject {
  readonly type?: unknown;
  readonly pattern?: unknown;
  readonly pattern_type?: unknown;
  readonly revoked?: unknown;
  readonly valid_from?: unknown;
  readonly valid_until?: unknown;
}

/** A bundle of STIX 2.1, or what a TAXII server answers: the indicators in it that hold now. */
function* readStix(text: string, nowMs: number, draft: Draft): Pieces<void> {
  yield* countedIn(text);
  let objects = 0;
  for (const one of objectsOf(text)) {
    if ((objects += 1) % stepsInPiece === 0) yield;
    if (one?.type !== "indicator" || one.revoked === true) continue;
    const from = typeof one.valid_from === "string" ? Date.parse(one.valid_from) : Number.NEGATIVE_INFINITY;
    const until = typeof one.valid_until === "string" ? Date.parse(one.valid_until) : Number.POSITIVE_INFINITY;
    if (nowMs < from || nowMs >= until) continue;
    const isStix = one.pattern_type === "stix" && typeof one.pattern === "string";
    const values = isStix ? valuesOfPattern(one.pattern as string) : undefined;
    if (values === undefined) draft.skipped += 1;
    else for (const value of values) if (!take(draft, value)) draft.skipped += 1;
  }
}

/** So much of a text is counted at once. */
const countedChars = 256 * 1024;

/** Counts what a text is made of, before any of it is parsed. Throws where that is too much. */
function* countedIn(text: string): Pieces<void> {
  const meter = new DocumentMeter();
  const encoder = new TextEncoder();
  for (let from = 0; from < text.length; from += countedChars) {
    if (from > 0) yield;
    meter.push(encoder.encode(text.slice(from, from + countedChars)));
  }
}

const [quote, backslash] = ['"', "\\"].map((sign) => sign.charCodeAt(0));

/** Behind the end of a string that has begun before `from`. Each character is looked at once, and a string without an
 *  end is refused at once: a pattern would look for its end again from each quote in it. Throws. */
function endOfString(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) return at + 1;
    if (code === backslash) at += 1;
  }
  throw new Error("a string in it has no end");
}

/** The objects of a bundle, each parsed by itself; undefined now and then, so that a long one can be read in pieces.
 *  What stands around them must be JSON, too. Throws on anything else. */
function* objectsOf(text: string): Generator<StixObject | undefined> {
  const rest: string[] = [];
  let [from, depth, taken] = [0, 0, 0];
  let isIn = false;
  const token = /["[\]{},]/g;
  let key = "";
  for (let tokens = 0, found = token.exec(text); found !== null; tokens += 1, found = token.exec(text)) {
    if (tokens % stepsInPiece === stepsInPiece - 1) yield undefined;
    const [mark] = found;
    if (mark === '"') {
      token.lastIndex = endOfString(text, found.index + 1);
      if (depth === 1) key = text.slice(found.index, token.lastIndex);
      continue;
    }
    if (mark === "{" || mark === "[") {
      depth += 1;
      if (!isIn && depth === 2 && mark === "[" && key === '"objects"') {
        isIn = true;
        rest.push(text.slice(taken, found.index + 1));
        from = found.index + 1;
      }
    } else if (mark === "}" || mark === "]") depth -= 1;
    const ends = isIn && ((mark === "," && depth === 2) || (mark === "]" && depth === 1));
    if (!ends) continue;
    const piece = text.slice(from, found.index);
    from = found.index + 1;
    // An empty list has no element.
    const isLast = mark === "]";
    if (!(isLast && piece.trim() === "" && rest.length > 0 && text[from - 2 - piece.length] === "["))
      yield parseDocument(piece) as StixObject;
    if (isLast) {
      isIn = false;
      key = "";
      taken = found.index;
    }
  }
  rest.push(text.slice(taken));
  const { objects } = parseDocument(rest.join("")) as { readonly objects?: unknown };
  if (!Array.isArray(objects)) throw new Error("JSON without the objects of a STIX bundle");
}

/** Reads a list: plain, or STIX 2.1 where it is a JSON object. Throws on JSON that is neither. */
export function* indicatorsIn(text: string, nowMs: number): Pieces<Indicators> {
  const draft: Draft = { blocked: [], allowed: [], domains: [], files: [], skipped: 0 };
  yield* /^\s*\{/.test(text) ? readStix(text, nowMs, draft) : readPlain(text, draft);
  return draft;
}

/** The same at once. */
export const readIndicators = (text: string, nowMs: number): Indicators => atOnce(indicatorsIn(text, nowMs));
