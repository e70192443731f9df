import { useQueryClient, type QueryKey } from "@tanstack/react-query";
import { useCallback } from "react";
import type { Failure, Result } from "../../../../protocols/index.ts";
import { notices } from "../../live/index.ts";
import { useDialogs } from "../shell/dialogs.tsx";
import { proveAgain } from "../shell/prove-again.tsx";

/** Does something at the node; undefined: it was refused, and told. `on` takes a refusal that has its own place. */
export type Act = <Value>(
  send: () => Promise<Result<Value>>,
  on?: (refusal: Failure) => boolean,
) => Promise<Value | undefined>;

/** How to send something: the person proves again who it is where the node wants that, and what hangs on it is loaded
 *  anew. `stale` must be the same array each time. */
export function useActOn(stale: QueryKey): Act {
  const { ask } = useDialogs();
  const queries = useQueryClient();
  return useCallback(
    async (send, on) => {
      let result = await send();
      while (!result.ok && result.error.code === "SIGN_IN_AGAIN") {
        if (!(await proveAgain(ask))) return undefined;
        result = await send();
      }
      await queries.invalidateQueries({ queryKey: stale });
      if (result.ok) {
        notices.worked();
        return result.value;
      }
      if (on?.(result.error) !== true) notices.fail(result.error);
      return undefined;
    },
    [ask, queries, stale],
  );
}
