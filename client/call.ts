/** Typed calls of the node's operations: what a call takes and what it is answered follow from its row (`protocols/operations`), so no caller writes a path
 *  or says the type of an answer.
 *
 *      const call = callsBy(send);
 *      const set = await call("prices.set", { model: "small", input: 1, output: 2 });
 *
 *  Page and terminal each bring what sends a request. */
import { apiPrefix as prefix } from "../protocols/api.ts";
import type { Result } from "../protocols/errors.ts";
import type { OperationAnswer, OperationInput, OperationName } from "../protocols/operations/index.ts";
import { routeOf, type OperationMethod } from "../protocols/operations/routes.ts";

/** Sends one request. */
export type Send = (method: OperationMethod, path: string, body?: object) => Promise<Result<unknown>>;

/** What follows the name of an operation: nothing where it takes nothing. */
export type CallInput<Name extends OperationName> =
  Record<never, never> extends OperationInput<Name>
    ? readonly [input?: OperationInput<Name>]
    : readonly [input: OperationInput<Name>];

/** Calls an operation. */
export type Call = <Name extends OperationName>(name: Name, ...input: CallInput<Name>) => Promise<Result<OperationAnswer<Name>>>; // prettier-ignore

/** Calls by what sends requests. */
export const callsBy =
  (send: Send): Call =>
  (name, ...[input = {}]) =>
    // The node's handler has the type of the same row.
    send(...requestOf(name, input as Fields)) as ReturnType<Call>;

type Fields = Readonly<Record<string, unknown>>;

/** The request of a call: fields that the path names stand in it; the others are the query of GET and DELETE, else the body. */
function requestOf(name: OperationName, input: Fields): readonly [OperationMethod, string, object?] {
  const { method, path } = routeOf(name);
  const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
  const filled = path.replaceAll(/:(\w+)/g, (_, field: string) => {
    const value = rest.get(field);
    rest.delete(field);
    return encodeURIComponent(String(value));
  });
  if (method === "PUT" || method === "POST") return [method, prefix + filled, Object.fromEntries(rest)];
  const query = new URLSearchParams([...rest].map(([field, value]) => [field, String(value)])).toString();
  return [method, query === "" ? prefix + filled : `${prefix + filled}?${query}`];
}
