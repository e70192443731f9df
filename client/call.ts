/** Typed calls of the node's operations: what a call takes and what it is answered follow from its row
 *  (`protocols/operations`), so no caller writes a path or says the type of an answer.
 *
 *      const call = callsBy(send, new Keys(newKey));
 *      const set = await call("prices.set", { model: "small", input: 1, output: 2 });
 *
 *  Page and terminal each bring what sends a request. */
import { failure, refused, type Result } from "../protocols/errors.ts";
import type { OperationAnswer, OperationInput, OperationName } from "../protocols/operations/index.ts";
import { requestOf, type OperationMethod } from "../protocols/operations/routes.ts";

/** Sends one request. `key`: what a request that changes something is called, its `idempotency-key`. */
export type Send = (
  method: OperationMethod,
  path: string,
  body: object | undefined,
  key: string | undefined,
) => Promise<Result<unknown>>;

/** What follows the name of an operation: nothing where it takes nothing. */
export type CallInput<Name extends OperationName> =
  Record<never, never> extends OperationInput<Name>
    ? readonly [input?: OperationInput<Name>]
    : readonly [input: OperationInput<Name>];

/** Calls an operation. */
export type Call = <Name extends OperationName>(
  name: Name,
  ...input: CallInput<Name>
) => Promise<Result<OperationAnswer<Name>>>;

/** Requests of which nobody knows the end, and whose keys are kept. The oldest is forgotten first. */
const keysMax = 64;

/** Keys of requests that change something. A request that is sent again while it is under way, or after its answer was
 *  lost, has the key of the first one: a second click does nothing twice where the row says `once`. */
export class Keys {
  readonly #open = new Map<string, string>();
  readonly #newKey: () => string;

  constructor(newKey: () => string) {
    this.#newKey = newKey;
  }

  /** Sends a request by its key. */
  async by<Answer>(request: string, send: (key: string) => Promise<Result<Answer>>): Promise<Result<Answer>> {
    const key = this.#open.get(request) ?? this.#newKey();
    this.#open.delete(request);
    this.#open.set(request, key);
    const [oldest] = this.#open.keys();
    if (this.#open.size > keysMax && oldest !== undefined) this.#open.delete(oldest);
    const answer = await send(key);
    const isKnown = answer.ok || answer.error.outcome !== "unknown";
    if (isKnown && this.#open.get(request) === key) this.#open.delete(request);
    return answer;
  }
}

/** Calls by what sends requests. */
export const callsBy =
  (send: Send, keys: Keys): Call =>
  (name, ...[input = {}]) => {
    const { method, path, body } = requestOf(name, input);
    const answer =
      method === "GET"
        ? send(method, path, body, undefined)
        : keys.by(JSON.stringify([method, path, body]), (key) => send(method, path, body, key));
    // The node's handler has the type of the same row.
    return answer as ReturnType<Call>;
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
