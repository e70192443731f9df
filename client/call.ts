/** Typed calls of the node's operations: what a call takes and what it is answered follow from its row
 *  (`protocols/operations`), so no caller writes a path or says the type of an answer.
 *
 *      const call = callsBy(send);
 *      const set = await call("prices.set", { model: "small", input: 1, output: 2 });
 *
 *  Page and terminal each bring what sends a request. */
import { failure, refused, type Result } from "../protocols/errors.ts";
import type { OperationAnswer, OperationInput, OperationName } from "../protocols/operations/index.ts";
import { requestOf, type OperationMethod } from "../protocols/operations/routes.ts";

/** Sends one request. */
export type Send = (method: OperationMethod, path: string, body?: object) => Promise<Result<unknown>>;

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

/** Calls by what sends requests. */
export const callsBy =
  (send: Send): Call =>
  (name, ...[input = {}]) => {
    const { method, path, body } = requestOf(name, input);
    // The node's handler has the type of the same row.
    return send(method, path, ...(body === undefined ? [] : [body])) as ReturnType<Call>;
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
