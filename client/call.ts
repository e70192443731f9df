/** Typed calls of the node's operations: what a call takes and what it is answered follow from its row
 *  (`protocols/operations`), so no caller writes a path or says the type of an answer.
 *
 *      const call = callsBy(send);
 *      const set = await call("prices.set", { model: "small", input: 1, output: 2 });
 *
 *  Page and terminal each bring what sends a request. */
import type { Result } from "../protocols/errors.ts";
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
