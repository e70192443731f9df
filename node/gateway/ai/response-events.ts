/** A response as it is written: its items, and the events that tell of them in their order.
 *
 *      created, in_progress ─► for each item: output_item.added ─► its deltas ─► output_item.done
 *                           ─► completed | incomplete | failed
 *
 *  Whole responses are made by the same steps, with nobody to tell. */
import { parseWithin, type Failure, type GenerationAnswer, type GenerationPart } from "../../../protocols/index.ts";
import { logprobOf } from "./chat.ts";
import {
  add,
  nothingWritten,
  warningsOf,
  type AddedPiece,
  type Fields,
  type Wanted,
  type WrittenCall,
} from "./conversation.ts";
import { responseError } from "./errors.ts";

/** A response as clients see it. */
export type ResponseState = Fields & {
  readonly id: string;
  readonly status: "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";
  readonly output: readonly Fields[];
};

/** How what a model thinks is told: as OpenAI names its events, as the Open Responses specification does, or as a
 *  summary, which it is all of. */
export type Thoughts = "text" | "specified" | "summary";

const messageEvents = { part: "response.content_part", text: "response.output_text", index: "content_index" } as const;
const thoughtEvents = {
  text: {
    part: "response.content_part",
    text: "response.reasoning_text",
    type: "reasoning_text",
    index: "content_index",
  },
  specified: {
    part: "response.content_part",
    text: "response.reasoning",
    type: "reasoning_text",
    index: "content_index",
  },
  summary: {
    part: "response.reasoning_summary_part",
    text: "response.reasoning_summary_text",
    type: "summary_text",
    index: "summary_index",
  },
} as const;

/** Writes one. */
interface ResponseWriter {
  /** True once something of it was told. */
  readonly begun: boolean;
  /** Tells that it is under way, unless it was told. */
  open(): void;
  part(part: GenerationPart): void;
  /** The end: an answer, or why there is none. */
  end(answer: GenerationAnswer | Failure, atSeconds: number, cancelled: boolean): ResponseState;
}

interface OpenText {
  readonly kind: "message" | "reasoning";
  readonly id: string;
  text: string;
  logprobs: object[];
}

interface OpenCall {
  readonly kind: "call";
  readonly id: string;
  readonly call: WrittenCall;
}

/** What an answer took. */
export const responseUsage = (answer: GenerationAnswer): Fields => ({
  input_tokens: answer.promptTokens,
  input_tokens_details: { cached_tokens: answer.cachedTokens ?? 0 },
  output_tokens: answer.completionTokens,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: answer.promptTokens + answer.completionTokens,
});

/** The answer of a model that was asked nothing, which is not even an empty text. */
export const nothingAsked: GenerationAnswer = { end: "complete", promptTokens: 0, completionTokens: 0 };

/** How texts are parts and items, where thoughts are told so. */
const writesTexts = (thoughts: Thoughts) => {
  const isSummary = thoughts === "summary";
  const partOf = ({ kind, text, logprobs }: OpenText): Fields =>
    kind === "message"
      ? { type: "output_text", text, annotations: [], logprobs }
      : { type: thoughtEvents[thoughts].type, text };
  const itemOf = (one: OpenText, status: string, withContent: boolean): Fields => {
    const parts = withContent ? [partOf(one)] : [];
    const { id, kind: type } = one;
    if (type === "message") return { id, type, status, role: "assistant", content: parts };
    return { id, type, status, summary: isSummary ? parts : [], content: isSummary ? [] : parts };
  };
  return { partOf, itemOf };
};

/** Begins one. */
export function writeResponse(
  state: ResponseState,
  at: {
    say(event: Fields & { readonly type: string }): void;
    newId(prefix: string): string;
    readonly wanted: Pick<Wanted, "parallel">;
    readonly thoughts: Thoughts;
  },
): ResponseWriter {
  const told = { message: messageEvents, reasoning: thoughtEvents[at.thoughts] };
  const output: Fields[] = [];
  const written = nothingWritten();
  let open: OpenText | OpenCall | undefined;
  let begun = false;
  let number = 0;
  const say = (type: string, fields: Fields): void => {
    at.say({ type, sequence_number: number, ...fields });
    number += 1;
  };
  const begin = (): void => {
    if (begun) return;
    begun = true;
    say("response.created", { response: state });
    say("response.in_progress", { response: state });
  };

  const { partOf, itemOf } = writesTexts(at.thoughts);
  /** Where the open text and its only part are. */
  const place = ({ id, kind }: OpenText): Fields => ({
    item_id: id,
    output_index: output.length,
    [told[kind].index]: 0,
  });

  const callOf = ({ id, call }: OpenCall, status: string, text: string): Fields => ({
    id,
    type: "function_call",
    call_id: call.id,
    name: call.name,
    status,
    arguments: text,
  });
  const isOpenText = (kind: OpenText["kind"]): OpenText | undefined =>
    open?.kind === kind ? (open as OpenText) : undefined;

  const enter = (kind: OpenText["kind"]): OpenText => {
    const same = isOpenText(kind);
    if (same !== undefined) return same;
    close("completed");
    const one: OpenText = { kind, id: at.newId(kind === "message" ? "msg_" : "rs_"), text: "", logprobs: [] };
    open = one;
    say("response.output_item.added", { output_index: output.length, item: itemOf(one, "in_progress", false) });
    say(`${told[kind].part}.added`, { ...place(one), part: partOf(one) });
    return one;
  };
  const close = (status: string): void => {
    if (open === undefined) return;
    const item = open.kind === "call" ? closeCall(open, status) : closeText(open, status);
    say("response.output_item.done", { output_index: output.length, item });
    output.push(item);
    open = undefined;
  };
  const closeText = (one: OpenText, status: string): Fields => {
    const { kind, text, logprobs } = one;
    say(`${told[kind].text}.done`, { ...place(one), text, ...(kind === "message" && { logprobs }) });
    say(`${told[kind].part}.done`, { ...place(one), part: partOf(one) });
    return itemOf(one, status, true);
  };
  const closeCall = (one: OpenCall, status: string): Fields => {
    const { name, arguments: text } = one.call;
    const where = { item_id: one.id, output_index: output.length };
    say("response.function_call_arguments.done", { ...where, name, arguments: text });
    // Of an answer that was cut off, a call may be whole all the same.
    return callOf(one, status === "completed" || isWhole(text) ? "completed" : "incomplete", text);
  };
  const piece = ({ begins, call, text }: AddedPiece): void => {
    if (begins) {
      close("completed");
      open = { kind: "call", id: at.newId("fc_"), call };
      say("response.output_item.added", { output_index: output.length, item: callOf(open, "in_progress", "") });
    }
    if (open?.kind !== "call" || text === "") return;
    const where = { item_id: open.id, output_index: output.length };
    say("response.function_call_arguments.delta", { ...where, delta: text });
  };

  return {
    get begun() {
      return begun;
    },
    open: begin,
    part(part) {
      const { text, thought, logprobs = [], pieces } = add(written, part, at.wanted);
      begin();
      if (thought !== undefined && thought !== "") {
        const one = enter("reasoning");
        one.text += thought;
        say(`${told.reasoning.text}.delta`, { ...place(one), delta: thought });
      }
      if (text !== "" || logprobs.length > 0) {
        const one = enter("message");
        const likely = logprobs.map(logprobOf);
        one.text += text;
        one.logprobs.push(...likely);
        say(`${told.message.text}.delta`, { ...place(one), delta: text, logprobs: likely });
      }
      for (const one of pieces) piece(one);
    },
    end(answer, atSeconds, cancelled) {
      begin();
      if ("code" in answer) {
        close("incomplete");
        const { code, message } = responseError(answer);
        const status = cancelled ? ("cancelled" as const) : ("failed" as const);
        const failed: ResponseState = { ...state, status, output, error: cancelled ? null : { code, message } };
        say("response.failed", { response: failed });
        return failed;
      }
      const isThrough = answer.end === "complete" || answer.end === "calls";
      // A model that says nothing has answered with an empty text.
      if (output.length === 0 && open === undefined && answer !== nothingAsked) enter("message");
      close(isThrough ? "completed" : "incomplete");
      const ended: ResponseState = {
        ...state,
        status: cancelled ? "cancelled" : isThrough ? "completed" : "incomplete",
        completed_at: isThrough ? atSeconds : null,
        incomplete_details: answer.end === "length" ? { reason: "max_output_tokens" } : null,
        output,
        ...warningsOf(answer),
        usage: responseUsage(answer),
      };
      say(isThrough ? "response.completed" : "response.incomplete", { response: ended });
      return ended;
    },
  };
}

function isWhole(text: string): boolean {
  try {
    parseWithin(text);
    return true;
  } catch {
    return false;
  }
}
