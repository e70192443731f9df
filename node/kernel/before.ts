import { failureOf, refused, type Result } from "../../protocols/index.ts";
import type { KernelServices } from "./host.ts";

type Send = KernelServices["ask"];

/** What stands before an ask that an actor makes; undefined: nothing does. What it answers is told how the ask ended.
 *  Errors are those of the ask. */
export type Before = (
  ask: Pick<Parameters<Send>[0], "from" | "to" | "message" | "operationId">,
) => Promise<Result<((isDone: boolean) => void) | undefined>> | undefined;

/** Sends asks behind what stands before some of them. */
export const behind =
  (before: Before, send: Send): Send =>
  (ask, timeoutMs, settle) => {
    const waits = before(ask);
    if (waits === undefined) return send(ask, timeoutMs, settle);
    waits.then(
      (admitted) => {
        if (!admitted.ok) return settle(refused(admitted.error));
        send(ask, timeoutMs, (result) => {
          admitted.value?.(result.ok);
          settle(result);
        });
      },
      (error: unknown) => settle(refused(failureOf(error))),
    );
  };
