/** A node's mail server that takes nothing is left alone for a while; then one mail tries it, and the others follow. */
import type { Clock, Random } from "../ports/index.ts";
import { backoffMs, withJitter } from "../waiting.ts";
import type { TellingLimits } from "./limits.ts";

/** What is known of the mail server. */
interface MailPause {
  /** 0: somebody may try, and says then what came of it; or the wait until somebody may. */
  waitMs(): number;
  /** Before a try. */
  begin(): void;
  /** After a try: whether the mail server took part in it; undefined: it was not asked. */
  end(answered: boolean | undefined): void;
}

/** Makes it. */
export function createMailPause(
  clock: Pick<Clock, "nowMs">,
  random: Random,
  { digestPauseMs, digestPauseMsMax }: TellingLimits,
): MailPause {
  let failures = 0;
  let untilMs = 0;
  let trying = 0;
  return {
    waitMs() {
      if (failures === 0) return 0;
      const leftMs = untilMs - clock.nowMs();
      // A clock that was set back must not make the pause longer.
      if (leftMs > 0 && leftMs <= digestPauseMsMax) return leftMs;
      return trying > 0 ? digestPauseMs : 0;
    },
    begin() {
      trying += 1;
    },
    end(answered) {
      trying -= 1;
      if (answered === true) failures = 0;
      if (answered !== false) return;
      failures += 1;
      const pauseMs = backoffMs(failures - 1, { firstMs: digestPauseMs, maxMs: digestPauseMsMax });
      untilMs = clock.nowMs() + withJitter(pauseMs, random);
    },
  };
}
