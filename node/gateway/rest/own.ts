/** Handlers of the gateway itself: what they get beside the fields, and what they may answer beside a result. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Done, GatewayOperation, OperationHandlers, Result } from "../../../protocols/index.ts";
import { demand } from "../edge/refusals.ts";

/** The request and its answer, for what the gateway itself does: cookies, devices, answers of two kinds. */
export interface Wire {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** A change that is answered once its entry is written: nobody gets a cookie, and nothing follows from a change, of
 *  which nothing is written down. */
export interface Noted<Answer> extends Done<unknown> {
  /** Asked where it was done. It may reject with a failure. */
  readonly answer: () => Answer | Promise<Answer>;
  /** Writes the entry of what was done, where that is another than of the own account. */
  readonly entry?: () => Promise<void> | undefined;
}

/** Makes one: what was done, and the answer of it. */
export const noted = <Value, Answer>(
  result: Result<Value>,
  answer: (value: Value) => Answer | Promise<Answer>,
  more: Pick<Noted<Answer>, "facts" | "action" | "entry"> = {},
): Noted<Answer> => ({ ...more, result, answer: () => answer(demand(result)) });

type Answered<Handler extends (...of: never) => unknown> =
  Awaited<ReturnType<Handler>> extends Done<infer Answer> ? Promise<Done<Answer> | Noted<Answer>> : ReturnType<Handler>;

/** The handlers that the gateway itself has. */
export type OwnHandlers = {
  readonly [Name in GatewayOperation]: (
    ...args: [...Parameters<OperationHandlers[Name]>, Wire]
  ) => Answered<OperationHandlers[Name]>;
};
