/** A response as it is written: its items, and the events that tell of them in their order.
 *
 *      created, in_progress ─► for each item: output_item.added ─► its deltas ─► output_item.done ─► completed | incomplete | failed
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

/** Writes one. */
export interface ResponseWriter {
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

/** Begins one. */
export function writeResponse(
  state: ResponseState,
  at: {
    say(event: Fields & { readonly type: string }): void;
    newId(prefix: string): string;
    readonly wanted: Pick<Wanted, "parallel">;
  },
): ResponseWriter {
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

  const partOf = ({ kind, text, logprobs }: OpenText) =>
    kind === "message" ? { type: "output_text", text, annotations: [], logprobs } : { type: "reasoning_text", text };
  const itemOf = (one: OpenText, status: string, withContent: boolean): Fields => ({
    id: one.id,
    type: one.kind,
    status,
    ...(one.kind === "message" ? { role: "assistant" } : { summary: [] }),
    content: withContent ? [partOf(one)] : [],
  });
  /** Where the open item and its only part are. */
  const place = (): Fields => ({ item_id: open?.id, output_index: output.length, content_index: 0 });

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
    open = { kind, id: at.newId(kind === "message" ? "msg_" : "rs_"), text: "", logprobs: [] };
    say("response.output_item.added", { output_index: output.length, item: itemOf(open, "in_progress", false) });
    say("response.content_part.added", { ...place(), part: partOf(open) });
    return open;
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
    if (kind === "message") say("response.output_text.done", { ...place(), text, logprobs });
    else say("response.reasoning_text.done", { ...place(), text });
    say("response.content_part.done", { ...place(), part: partOf(one) });
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
        enter("reasoning").text += thought;
        say("response.reasoning_text.delta", { ...place(), delta: thought });
      }
      if (text !== "" || logprobs.length > 0) {
        const one = enter("message");
        const told = logprobs.map(logprobOf);
        one.text += text;
        one.logprobs.push(...told);
        say("response.output_text.delta", { ...place(), delta: text, logprobs: told });
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
