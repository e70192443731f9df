/** Answers that routes keep and give again. In memory, of this node alone: a restart loses them, and another node makes
 *  its own.
 *
 *      request ─► key (whose, route, everything that makes the answer) ─► kept ─► said again
 *                    └► frame (the same without the question) + vector ─► the most alike that is kept, if alike enough
 *
 *  Invariant: an answer is given to its person only, unless the route says `shared`. A semantic one is never given to
 *  another. */
import { createHash } from "node:crypto";
import {
  traitsOf,
  type AnswerFrom,
  type CacheRow,
  type EngineAnswer,
  type EngineName,
  type EnginePart,
  type EngineRequest,
  type GenerationPart,
  type GenerationRequest,
  type ModelRoute,
} from "../../../protocols/index.ts";
import type { RouteLimits } from "./limits.ts";

/** Under what an answer is kept. */
export interface CacheKey {
  /** Whose it is; empty: everybody's. */
  readonly scope: string;
  readonly exact: string;
  /** Everything but the question, and the question: where questions that mean the same may be answered. */
  readonly alike?: { readonly frame: string; readonly question: string };
}

/** An answer that is kept. */
export interface Kept {
  readonly engine: EngineName;
  readonly parts: readonly EnginePart[];
  readonly answer: EngineAnswer;
}

/** Engines whose models say the same when they are asked the same. */
const sure: ReadonlySet<EngineName> = new Set<EngineName>(["embed", "rerank", "classify", "tokenize"]);

/** Whether an answer may be given again: chance has no part in it (no temperature, or a seed), or the route or the
 *  caller wants it all the same. What is asked for nobody is never kept. */
export function mayCache(row: CacheRow, engine: EngineName, request: EngineRequest): boolean {
  if (request.cache === "skip" || (request.person === undefined && row.shared !== true)) return false;
  if (sure.has(engine)) return true;
  if (engine !== "generate") return false;
  const { sampling } = request as GenerationRequest;
  const isCertain = sampling.temperature === 0 || sampling.seed !== undefined;
  return isCertain || row.always === true || request.cache === "use";
}

/** Text with one form for each character and each end of a line, fields in one order, bytes by what they are. */
function normal(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll("\r\n", "\n").normalize("NFC");
  if (value instanceof Uint8Array) return { bytes: createHash("sha256").update(value).digest("hex") };
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(
    fields.toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([name, field]) => [name, normal(field)]),
  );
}

const hashOf = (value: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(normal(value)))
    .digest("base64url");

/** The key of a request. It has everything of the request except the person, the time and how long they wait, and
 *  everything of the route: a route that was changed gives no answers from before. */
export function keyOf(route: ModelRoute, engine: EngineName, request: EngineRequest): CacheKey {
  const {
    id: _id,
    model: _model,
    timeoutMs: _time,
    silenceMs: _silence,
    person = "",
    key: _key,
    priority: _priority,
    keepAliveMs: _keep,
    cache: _cache,
    balance: _balance,
    prefer: _prefer,
    trace: _trace,
    onPlace: _place,
    partOf: _part,
    ...asked
  } = request;
  // Tools that must not be called, and none, are the same; so are a choice of `auto` and none.
  const { tools, toolChoice, ...rest } = asked as Partial<GenerationRequest>;
  const used =
    tools !== undefined && tools.length > 0 && toolChoice !== "none" ? { tools, toolChoice: toolChoice ?? "auto" } : {};
  const all = { route, engine, asked: { ...rest, ...used } };
  const scope = route.cache?.shared === true ? "" : person;
  const exact = hashOf({ scope, ...all });
  const last = engine === "generate" ? (request as GenerationRequest).messages.at(-1) : undefined;
  if (route.cache?.semantic === undefined || last?.role !== "user" || (last.media?.length ?? 0) > 0 || person === "")
    return { scope, exact };
  const messages = (request as GenerationRequest).messages.slice(0, -1);
  const frame = hashOf({ scope: person, ...all, asked: { ...rest, ...used, messages } });
  return { scope, exact, alike: { frame, question: last.content } };
}

/** How alike two vectors are: 1 for those of one direction. */
export function likeness(one: Float32Array, other: Float32Array): number {
  if (one.length !== other.length || one.length === 0) return 0;
  let [product, ofOne, ofOther] = [0, 0, 0];
  for (let index = 0; index < one.length; index += 1) {
    const [x, y] = [one[index] ?? 0, other[index] ?? 0];
    product += x * y;
    ofOne += x * x;
    ofOther += y * y;
  }
  const size = Math.sqrt(ofOne * ofOther);
  return size > 0 && Number.isFinite(size) ? product / size : 0;
}

interface Entry extends Kept {
  readonly key: CacheKey;
  readonly vector: Float32Array | undefined;
  readonly bytes: number;
  readonly untilMs: number;
}

/** What an entry is counted for, besides its texts. */
const entryBytes = 512;

function sizeOf(value: unknown): number {
  if (typeof value === "string") return 2 * value.length + 16;
  if (ArrayBuffer.isView(value)) return value.byteLength + 64;
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + sizeOf(one), 16);
  if (typeof value === "object" && value !== null) return sizeOf(Object.values(value)) + 32;
  return 8;
}

/** The answers that are kept. */
export class AnswerCache {
  /** By use, the longest unused first. */
  readonly #entries = new Map<string, Entry>();
  readonly #people = new Map<string, { bytes: number; readonly keys: Set<string> }>();
  readonly #frames = new Map<string, Set<string>>();
  readonly #limits: Pick<RouteLimits, "cacheBytesMax" | "cachePersonBytesMax" | "cacheEntryBytesMax" | "cacheAlikeMax">;
  #bytes = 0;

  constructor(limits: RouteLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }
  get count(): number {
    return this.#entries.size;
  }

  /** The answer to just this request. */
  exact({ exact }: CacheKey, nowMs: number): Kept | undefined {
    const entry = this.#entries.get(exact);
    if (entry === undefined) return undefined;
    this.#entries.delete(exact);
    if (entry.untilMs <= nowMs) {
      this.#forget(entry);
      return undefined;
    }
    this.#entries.set(exact, entry);
    return entry;
  }

  /** The answer to the question most like this one, if it is alike enough. */
  alike({ alike }: CacheKey, vector: Float32Array, threshold: number, nowMs: number): Kept | undefined {
    let best: Entry | undefined;
    let most = threshold;
    for (const name of (alike && this.#frames.get(alike.frame)) ?? []) {
      const entry = this.#entries.get(name);
      if (entry?.vector === undefined || entry.untilMs <= nowMs) continue;
      const how = likeness(vector, entry.vector);
      if (how >= most) [best, most] = [entry, how];
    }
    return best && this.exact(best.key, nowMs);
  }

  /** Keeps an answer in place of the one with its key. False: it is larger than what is kept. */
  keep(key: CacheKey, kept: Kept, untilMs: number, vector?: Float32Array): boolean {
    const before = this.#entries.get(key.exact);
    if (before !== undefined) this.#drop(before);
    const parts = traitsOf(kept.engine).join(kept.parts);
    const bytes = entryBytes + sizeOf(parts) + sizeOf(kept.answer) + (vector?.byteLength ?? 0);
    const { cacheBytesMax, cachePersonBytesMax, cacheEntryBytesMax, cacheAlikeMax } = this.#limits;
    if (bytes > Math.min(cacheEntryBytesMax, cacheBytesMax)) return false;
    const personMax = key.scope === "" ? cacheBytesMax : cachePersonBytesMax;
    if (bytes > personMax) return false;
    const frame = key.alike && this.#frames.get(key.alike.frame);
    if (vector !== undefined && frame !== undefined && frame.size >= cacheAlikeMax) this.#dropFirst(frame);
    // Within one's own share first, so that nobody's answers go because another asks much.
    for (
      let own = this.#people.get(key.scope);
      own !== undefined && own.bytes + bytes > personMax;
      own = this.#people.get(key.scope)
    )
      this.#dropFirst(own.keys);
    while (this.#bytes + bytes > cacheBytesMax) this.#dropFirst(this.#entries.keys());
    const entry: Entry = { ...kept, parts, key, vector, bytes, untilMs };
    this.#entries.set(key.exact, entry);
    this.#bytes += bytes;
    const own = this.#people.get(key.scope) ?? { bytes: 0, keys: new Set<string>() };
    own.bytes += bytes;
    own.keys.add(key.exact);
    this.#people.set(key.scope, own);
    if (vector !== undefined && key.alike !== undefined)
      this.#frames.set(key.alike.frame, (this.#frames.get(key.alike.frame) ?? new Set()).add(key.exact));
    return true;
  }

  #dropFirst(keys: Iterable<string>): void {
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) return this.#drop(entry);
    }
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.key.exact);
    this.#forget(entry);
  }

  #forget({ key, bytes }: Entry): void {
    this.#bytes -= bytes;
    const own = this.#people.get(key.scope);
    if (own !== undefined) {
      own.bytes -= bytes;
      own.keys.delete(key.exact);
      if (own.keys.size === 0) this.#people.delete(key.scope);
    }
    const frame = key.alike && this.#frames.get(key.alike.frame);
    frame?.delete(key.exact);
    if (key.alike !== undefined && frame?.size === 0) this.#frames.delete(key.alike.frame);
  }
}

/** Longest piece in which an answer is said again: about what a model says at once. */
const pieceChars = 256;

/** What is said of an answer that was kept: its text in pieces, so that a stream is one, and where it comes from. */
export function saidAgain(
  { engine, parts, answer }: Kept,
  cache: NonNullable<AnswerFrom["cache"]>,
): { readonly parts: readonly EnginePart[]; readonly answer: EngineAnswer } {
  const from: AnswerFrom = { ...("from" in answer ? answer.from : undefined), cache };
  if (engine !== "generate") return { parts, answer: { ...answer, from } as EngineAnswer };
  const { promptTokens = 0 } = answer as { readonly promptTokens?: number };
  const pieces = (parts as readonly GenerationPart[]).flatMap(piecesOf);
  const [first, ...rest] = pieces;
  return {
    parts: first === undefined ? [] : [{ ...first, from }, ...rest],
    answer: { ...answer, cachedTokens: promptTokens, from } as EngineAnswer,
  };
}

function piecesOf(part: GenerationPart): readonly GenerationPart[] {
  if (part.text.length <= pieceChars || part.logprobs !== undefined) return [part];
  const chars = Array.from(part.text);
  const count = Math.ceil(chars.length / pieceChars);
  const texts = Array.from({ length: count }, (_, index) =>
    chars.slice(index * pieceChars, (index + 1) * pieceChars).join(""),
  );
  const { text: _text, tokens, calls, pieces, ...before } = part;
  return texts.map((text, index) => ({
    ...(index === 0 && before),
    text,
    tokens: index === 0 ? tokens : 0,
    ...(index === count - 1 && { ...(pieces && { pieces }), ...(calls && { calls }) }),
  }));
}
