/** Text as it comes from a server, as parts and one answer. What all providers share; what differs is how an event
 *  becomes deltas. */
import { randomUUID } from "node:crypto";
import type {
  CallPiece as ToldPiece,
  GenerationAnswer,
  GenerationEnd,
  GenerationPart,
  GenerationRequest,
  TokenLogprob,
  ToolCall,
} from "../../protocols/index.ts";
import { parseWithin } from "../../protocols/wire/json-meter.ts";
import { AsWritten } from "../../protocols/wire/written.ts";
import type { Flow } from "../adapter.ts";
import { runtimeLimits } from "../limits.ts";
import { createStopMatcher } from "../stop-strings.ts";
import type { Ask, Call } from "./call.ts";
import { at, fromJson, listAt, numberAt, textAt } from "./json.ts";
import { remoteLimits } from "./limits.ts";
import { damaged } from "./refusals.ts";

/** What one event says. */
export interface Delta {
  readonly text?: string | undefined;
  readonly thought?: string | undefined;
  /** A piece of a call: those of one `index` belong together. */
  readonly call?: CallPiece | undefined;
  readonly logprobs?: readonly TokenLogprob[] | undefined;
  /** Later ones count. */
  readonly usage?: Usage | undefined;
  /** The server has said how it ended. Usage may still follow. */
  readonly end?: GenerationEnd | undefined;
  /** Which stop text ended it. */
  readonly stoppedBy?: string | undefined;
}

/** A piece of a call. Servers give calls that are made together one index: another id, or a name behind arguments that
 *  are whole, begins another call. */
interface CallPiece {
  readonly index: number;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly arguments?: string | undefined;
}

/** What it took, as far as the server says. */
interface Usage {
  readonly promptTokens?: number | undefined;
  readonly completionTokens?: number | undefined;
  readonly cachedTokens?: number | undefined;
}

/** How a provider is asked for text, and what its events say. */
export interface TextMapping {
  readonly ask: Ask;
  /** One for each answer: it may remember what came before. */
  readonly read: (event: unknown) => readonly Delta[];
}

/** Writes one answer. */
export async function writeText(
  request: GenerationRequest,
  {
    call,
    flow,
    contextTokens,
  }: { readonly call: Call; readonly flow: Flow<"generate">; readonly contextTokens: number },
  { ask, read }: TextMapping,
): Promise<GenerationAnswer> {
  const text = new TextInProgress(request, contextTokens);
  const say = (part: GenerationPart | undefined): void => {
    if (part !== undefined) flow.part(part);
  };
  try {
    for await (const event of call.events(ask)) {
      const error = call.errorIn(event);
      if (error !== undefined) throw error;
      say(text.take(read(event)));
      if (text.cut) {
        call.cancel();
        break;
      }
      await flow.ready();
    }
  } catch (thrown) {
    if (!flow.cancelled) throw thrown;
    say(text.rest());
    return { ...text.usage(), end: "stopped" };
  }
  say(text.rest());
  return text.answer();
}

/** What has come of an answer. Pure. */
export class TextInProgress {
  readonly #stops: ReturnType<typeof createStopMatcher>;
  readonly #wanted: readonly string[];
  readonly #tokensMax: number;
  readonly #calls: CallInProgress[] = [];
  /** The newest call of each index. */
  readonly #open = new Map<number, CallInProgress>();
  #stoppedBy: string | undefined;
  /** Whole calls that were given out. */
  #made = 0;
  #tokens = 0;
  #told = 0;
  #chars = 0;
  #usage: Usage = {};
  #end: GenerationEnd | undefined;
  /** The first half of a character whose other half has not come. */
  #half = "";
  #cut = false;

  constructor(request: Pick<GenerationRequest, "stop" | "sampling">, contextTokens: number) {
    this.#wanted = request.stop ?? [];
    this.#stops = createStopMatcher(this.#wanted);
    this.#tokensMax = request.sampling.maxTokens ?? contextTokens;
  }

  /** The answer has ended here, whatever the server goes on to say. */
  get cut(): boolean {
    return this.#cut;
  }

  /** Takes what one event says; gives what can go out. */
  take(deltas: readonly Delta[]): GenerationPart | undefined {
    let text = "";
    let thought = "";
    const logprobs: TokenLogprob[] = [];
    for (const delta of deltas) {
      if (this.#cut) break;
      this.#usage = { ...this.#usage, ...definedOf(delta.usage) };
      this.#end = delta.end ?? this.#end;
      this.#stoppedBy = delta.stoppedBy ?? this.#stoppedBy;
      if (!this.#counts(delta)) continue;
      thought += delta.thought ?? "";
      text += this.#text(delta.text ?? "");
      logprobs.push(...(delta.logprobs ?? []));
      if (delta.call !== undefined) this.#piece(delta.call);
    }
    const pieces = this.#newPieces(false);
    if (text === "" && thought === "" && logprobs.length === 0 && pieces.length === 0) return undefined;
    return {
      text,
      tokens: this.#untold(),
      ...(pieces.length > 0 && { pieces }),
      ...(thought !== "" && { thought: thought.toWellFormed() }),
      ...(logprobs.length > 0 && { logprobs }),
    };
  }

  /** What was held back, and the calls, which are whole only now. */
  rest(): GenerationPart | undefined {
    const pieces = this.#newPieces(true);
    const calls = this.#wholeCalls();
    const held = this.#cut && this.#end !== "length" ? "" : this.#stops.push(this.#half).text + this.#stops.flush();
    this.#half = "";
    if (held === "" && calls.length === 0 && pieces.length === 0) return undefined;
    return {
      text: held.toWellFormed(),
      tokens: this.#untold(),
      ...(pieces.length > 0 && { pieces }),
      ...(calls.length > 0 && { calls }),
    };
  }

  usage(): Omit<GenerationAnswer, "end"> {
    const { promptTokens = 0, completionTokens = this.#tokens, cachedTokens } = this.#usage;
    return {
      promptTokens,
      completionTokens: this.#cut ? this.#tokens : completionTokens,
      ...(cachedTokens !== undefined && { cachedTokens }),
    };
  }

  /** Throws PROVIDER_FAILED when the server has not said how it ended. */
  answer(): GenerationAnswer {
    const end = this.#end;
    if (end === undefined) throw damaged("its answer breaks off");
    const isCalls = this.#made > 0 && (end === "complete" || end === "calls");
    const stoppedBy = end === "complete" && !isCalls ? this.#stoppedBy : undefined;
    return {
      ...this.usage(),
      end: isCalls ? "calls" : end === "calls" ? "complete" : end,
      ...(stoppedBy !== undefined && this.#wanted.includes(stoppedBy) && { stoppedBy }),
    };
  }

  /** The server has said all that it wanted to. */
  get #isThrough(): boolean {
    return this.#end === "complete" || this.#end === "calls";
  }

  /** Whether there is anything in it, and room for it. An event with text is at least a token. */
  #counts({ text = "", thought = "", call, logprobs }: Delta): boolean {
    if (text === "" && thought === "" && call === undefined && logprobs === undefined) return false;
    const chars = text.length + thought.length + (call?.arguments?.length ?? 0);
    if (
      this.#tokens === this.#tokensMax ||
      this.#chars + chars > this.#tokensMax * runtimeLimits.promptCharsPerTokenMax
    ) {
      this.#end = "length";
      this.#cut = true;
      return false;
    }
    this.#tokens += 1;
    this.#chars += chars;
    return true;
  }

  /** Tokens since the last part. */
  #untold(): number {
    const count = this.#tokens - this.#told;
    this.#told = this.#tokens;
    return count;
  }

  #text(piece: string): string {
    let text = this.#half + piece;
    const last = text.charCodeAt(text.length - 1);
    this.#half = last >= 0xd8_00 && last <= 0xdb_ff ? text.slice(-1) : "";
    text = this.#half === "" ? text : text.slice(0, -1);
    const { text: ready, matched, stop } = this.#stops.push(text.toWellFormed());
    if (matched) {
      this.#stoppedBy = stop;
      this.#end = "complete";
      this.#cut = true;
    }
    return ready;
  }

  #piece(piece: CallPiece): void {
    const { index, id = "", name = "", arguments: said = "" } = piece;
    let call = this.#open.get(index);
    if (call === undefined || isAnother(call, piece)) {
      if (this.#calls.length === remoteLimits.callsMax) throw damaged("it makes too many calls");
      call = { id: "", toldId: "", name: "", arguments: "", toldChars: 0, isOver: false };
      this.#open.set(index, call);
      this.#calls.push(call);
    }
    if (call.isOver) return;
    call.id ||= id;
    call.name ||= name;
    call.arguments += said;
    if (call.name.length > remoteLimits.nameCharsMax) throw damaged("the name of a call is too long");
  }

  /** What was not told yet of calls, one after the other: some servers write several at once. */
  #newPieces(isLast: boolean): readonly ToldPiece[] {
    const pieces: ToldPiece[] = [];
    for (const [index, call] of this.#calls.entries()) {
      if (call.isOver || (call.name === "" && isLast)) continue;
      if (call.name === "") break;
      const text = untoldOf(call, isLast, this.#isThrough);
      if (call.toldId === "") {
        const isFine = call.id !== "" && call.id.length <= remoteLimits.nameCharsMax;
        call.toldId = isFine ? call.id : `call_${randomUUID()}`;
        pieces.push({ index, id: call.toldId, name: call.name, arguments: text.toWellFormed() });
      } else if (text !== "") pieces.push({ index, arguments: text.toWellFormed() });
      call.toldChars += text.length;
      // The next one is told when this one is whole: there is nothing behind it but white space.
      const isNext = this.#calls.length > index + 1;
      if (!isLast && (!isNext || !isObject(fromJson(call.arguments)))) break;
      call.isOver = isNext;
    }
    return pieces;
  }

  /** Of an answer that was not through, those that are whole; of any other all must be. */
  #wholeCalls(): readonly ToolCall[] {
    const whole: ToolCall[] = [];
    for (const { toldId: id, name, arguments: said } of this.#calls.splice(0)) {
      const text = said.trim() === "" && this.#isThrough ? "{}" : said.toWellFormed();
      if (name !== "" && isObject(fromJson(text))) whole.push({ id, name, arguments: text });
      else if (this.#isThrough) throw damaged("a call's arguments are not JSON");
    }
    this.#made += whole.length;
    return whole;
  }
}

/** A call of which pieces have come. */
interface CallInProgress {
  /** As the server calls it; and as it was told, once it was. */
  id: string;
  toldId: string;
  name: string;
  arguments: string;
  /** What of the arguments was told. */
  toldChars: number;
  /** Whatever else comes is not of it. */
  isOver: boolean;
}

/** What can be told of the arguments. Some servers say nothing where there are none, and some halve a character. */
function untoldOf({ arguments: said, toldChars }: CallInProgress, isLast: boolean, isThrough: boolean): string {
  if (toldChars === 0 && said.trim() === "") return isLast && isThrough ? "{}" : "";
  const last = said.charCodeAt(said.length - 1);
  const isHalf = !isLast && last >= 0xd8_00 && last <= 0xdb_ff;
  return said.slice(toldChars, isHalf ? -1 : undefined);
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a piece begins another call than the one that its index had before. */
function isAnother(
  call: Readonly<Record<"id" | "name" | "arguments", string>>,
  { id = "", name = "" }: CallPiece,
): boolean {
  if (id !== "" && call.id !== "") return id !== call.id;
  return name !== "" && call.name !== "" && isObject(fromJson(call.arguments));
}

function definedOf(usage: Usage | undefined): Usage {
  return Object.fromEntries(Object.entries(usage ?? {}).filter(([, value]) => value !== undefined));
}

/** The bytes of a medium as a text. */
export const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

/** The arguments of a call as an object to be sent, character by character; an empty one where they are none. */
export function argumentsOf({ arguments: text }: Pick<ToolCall, "arguments">): object {
  try {
    const value = parseWithin(text);
    return typeof value === "object" && value !== null ? new AsWritten(text) : {};
  } catch {
    return {};
  }
}

/** The arguments in an event: a text, as most servers give it; the text of an object, which the call has put in its
 *  place; or an object that came in another way. */
export const argumentsIn = (value: unknown): string | undefined =>
  typeof value === "string" ? value : value === undefined || value === null ? undefined : JSON.stringify(value);

/** A token with its bytes, where the server says other ones than those of its text. */
function namedIn(entry: unknown): Pick<TokenLogprob, "token" | "bytes"> {
  const token = (textAt(entry, "token") ?? "").toWellFormed();
  const given = listAt(entry, "bytes").slice(0, remoteLimits.nameCharsMax);
  const isByte = (one: unknown): one is number =>
    Number.isInteger(one) && (one as number) >= 0 && (one as number) < 256;
  if (given.length === 0 || !given.every(isByte) || Buffer.from(token).equals(Uint8Array.from(given))) return { token };
  return { token, bytes: Uint8Array.from(given) };
}

/** The log probabilities of OpenAI's form, which others have too. */
export function logprobsIn(entries: readonly unknown[]): readonly TokenLogprob[] | undefined {
  const one = (entry: unknown) => ({
    ...namedIn(entry),
    logprob: numberAt(entry, "logprob") ?? Number.NaN,
  });
  const all = entries.map((entry) => {
    const top = at(entry, "top_logprobs");
    return {
      ...one(entry),
      ...(Array.isArray(top) && top.length > 0 && { top: top.slice(0, remoteLimits.likeliestMax).map(one) }),
    };
  });
  const fine = all.filter(({ logprob }) => !Number.isNaN(logprob));
  return fine.length === 0 ? undefined : fine;
}
