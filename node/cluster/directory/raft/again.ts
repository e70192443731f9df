import { failureOf } from "../../../../protocols/index.ts";
import type { Clock, Log } from "../../../ports/index.ts";
import type { DirectoryLimits } from "../limits.ts";
import { describeDisk } from "../row.ts";

/** What failed, and is done again. */
export interface Again {
  failed(error: unknown, retry: () => void): void;
  /** It is done. */
  done(): void;
  reset(): void;
  /** What is wrong with the disk under the directory, and where to mend it; undefined: nothing is known to be. */
  trouble(node?: string): string | undefined;
}

/** What failed is done again after a pause that doubles, since a disk that failed may be well soon. The log is told of
 *  the first failure, and when all has been well for the longest pause: a disk that takes a little and then nothing is
 *  not well. Damage does not heal. */
export function createAgain({
  clock,
  log,
  limits,
}: {
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
  readonly limits: Pick<DirectoryLimits, "reloadMs" | "retryMaxMs">;
}): Again {
  let pauseMs = 0;
  let failed: { readonly error: unknown } | undefined;
  let cancelRetry: (() => void) | undefined;
  let cancelWell: (() => void) | undefined;
  return {
    failed(error, retry) {
      failed = { error };
      const { code } = failureOf(error);
      const isDamage = code === "DATA_DAMAGED" || code === "DATA_FORMAT_UNKNOWN";
      if (isDamage || pauseMs === 0) log.error("directory.voter.unopened", { error });
      cancelWell?.();
      if (isDamage || cancelRetry !== undefined) return;
      pauseMs = Math.min(limits.retryMaxMs, pauseMs * 2 || limits.reloadMs);
      cancelRetry = clock.after(pauseMs, () => {
        cancelRetry = undefined;
        retry();
      });
    },
    done() {
      if (pauseMs === 0) failed = undefined;
      if (failed === undefined) return;
      cancelWell?.();
      cancelWell = clock.after(limits.retryMaxMs, () => {
        failed = undefined;
        pauseMs = 0;
        log.info("directory.voter.opened");
      });
    },
    reset() {
      cancelRetry?.();
      cancelWell?.();
      failed = cancelRetry = undefined;
      pauseMs = 0;
    },
    trouble: (node) => failed && describeDisk("fails", failed.error, node),
  };
}
