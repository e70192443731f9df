/** Typed calls of the node's operations: what a call takes and what it is answered follow from its row
 *  (`protocols/operations`), so no caller writes a path or says the type of an answer.
 *
 *      const call = callsBy(send, new Keys(newKey, nowMs));
 *      const set = await call("prices.set", { model: "small", input: 1, output: 2 });
 *
 *  Page and terminal each bring what sends a request. */
import { failure, refused, type Result } from "../protocols/errors.ts";
import type { OperationAnswer, OperationInput, OperationName } from "../protocols/operations/index.ts";
import {
  lookOperations,
  onceOperations,
  requestOf,
  requestTo,
  type OperationMethod,
} from "../protocols/operations/routes.ts";
import { questions, type Question, type QuestionAnswer, type QuestionInput } from "../protocols/kinds/questions.ts";

/** Sends one request. `key`: the `idempotency-key` of one that is to be done once. `looks`: it changes nothing,
 *  whatever its method. */
export type Send = (
  method: OperationMethod,
  path: string,
  body: object | undefined,
  key: string | undefined,
  looks: boolean,
) => Promise<Result<unknown>>;

/** The arguments behind the name of an operation: none where the operation takes none. */
export type CallInput<Name extends OperationName> =
  Record<never, never> extends OperationInput<Name>
    ? readonly [input?: OperationInput<Name>]
    : readonly [input: OperationInput<Name>];

/** Calls an operation. */
export type Call = <Name extends OperationName>(
  name: Name,
  ...input: CallInput<Name>
) => Promise<Result<OperationAnswer<Name>>>;

/** Requests whose keys are kept. The oldest is forgotten first. */
const keysMax = 64;
/** How long the key of a request is kept whose answer was lost: as long as somebody tries again, and not so long that
 *  they may mean something new by the same words. */
const keptMs = 120_000;

/** Keys of requests that are to be done once. A request that is sent again while it is under way, or soon after its
 *  answer was lost, has the key of the first one; any other has a new one. */
export class Keys {
  readonly #open = new Map<string, { readonly key: string; readonly sinceMs: number }>();
  readonly #newKey: () => string;
  readonly #nowMs: () => number;

  /** `nowMs`: a clock that only goes on. */
  constructor(newKey: () => string, nowMs: () => number) {
    this.#newKey = newKey;
    this.#nowMs = nowMs;
  }

  /** Sends a request under its key. */
  async by<Answer>(request: string, send: (key: string) => Promise<Result<Answer>>): Promise<Result<Answer>> {
    const key = this.#keyOf(request);
    const answer = await send(key);
    // An address that did not answer may have done it all the same.
    const isLost = !answer.ok && (answer.error.outcome === "unknown" || answer.error.code === "UNREACHABLE");
    if (!isLost && this.#open.get(request)?.key === key) this.#open.delete(request);
    return answer;
  }

  #keyOf(request: string): string {
    const nowMs = this.#nowMs();
    for (const [one, { sinceMs }] of this.#open) if (nowMs - sinceMs > keptMs) this.#open.delete(one);
    const key = this.#open.get(request)?.key ?? this.#newKey();
    this.#open.delete(request);
    this.#open.set(request, { key, sinceMs: nowMs });
    const [oldest] = this.#open.keys();
    if (this.#open.size > keysMax && oldest !== undefined) this.#open.delete(oldest);
    return key;
  }
}

/** Makes the calls of operations from a function that sends requests. */
export const callsBy =
  (send: Send, keys: Keys): Call =>
  (name, ...[input = {}]) => {
    const { method, path, body } = requestOf(name, input);
    const looks = method === "GET" || lookOperations.has(name);
    const answer = onceOperations.has(name)
      ? keys.by(JSON.stringify([method, path, body]), (key) => send(method, path, body, key, looks))
      : send(method, path, body, undefined, looks);
    // The node's handler has the type of the same row.
    return answer as ReturnType<Call>;
  };

/** Asks an actor. */
export type Ask = <Name extends Question>(
  name: Name,
  ...input: Record<never, never> extends QuestionInput<Name>
    ? readonly [input?: QuestionInput<Name>]
    : readonly [input: QuestionInput<Name>]
) => Promise<Result<QuestionAnswer<Name>>>;

/** Makes the questions to actors from a function that sends requests. */
export const asksBy =
  (send: Send): Ask =>
  (name, ...[input = {}]) => {
    const { method, path, body } = requestTo("GET", questions[name][1], input);
    // The actor's row has the type of the same command.
    return send(method, path, body, undefined, true) as ReturnType<Ask>;
  };

/** Calls an operation with a body as somebody has written it; the node refuses what does not fit. `path`: the fields of
 *  the path, which say what it is about. A body that has one of them could name another thing. Error: BAD_REQUEST. */
export function callWritten<Name extends OperationName>(
  call: Call,
  name: Name,
  path: Partial<OperationInput<Name>>,
  body: object,
): ReturnType<typeof call<Name>> {
  const field = Object.keys(path).find((one) => Object.hasOwn(body, one));
  if (field === undefined) return call(name, ...([{ ...body, ...path }] as unknown as CallInput<Name>));
  const problem = `the text has a field \`${field}\`; take it out, since the name stands beside the text`;
  return Promise.resolve(refused(failure("BAD_REQUEST", { path: `/${field}`, problem })));
}
