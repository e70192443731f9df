/** Which commands people use at this node, and how long their sessions are, until `activity/cluster` was told. Counts
 *  by name of a command: no person, no text. While it is switched off nothing is kept; whether it is on again is asked
 *  every ten seconds while people are there. */
import {
  allCommands,
  sessionClass,
  sessionMinutes,
  wireLimits,
  type Result,
  type UseTold,
} from "../../../protocols/index.ts";
import type { Clock } from "../../ports/index.ts";
import { usageLimits as limits } from "./limits.ts";

/** Counts it. */
interface Use {
  /** A command was done: `room.post`. */
  used(feature: string): void;
  /** Somebody was there for so long. */
  stayed(lengthMs: number): void;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** What pages and programs ask by themselves is no use of anything. */
const byItself: ReadonlySet<string> = new Set(["room.markRead", "user.setPush", "user.addPush"]);

/** The names that are counted: of commands by which people change something. So there are only so many. */
const features: ReadonlySet<string> = new Set(
  allCommands
    .filter(({ row }) => row.effect === "changes")
    .map(({ kind, name }) => `${kind}.${name}`)
    .filter((name) => !byItself.has(name)),
);

const noSessions = (): number[] => Array.from({ length: sessionMinutes.length + 1 }, () => 0);

/** Makes it. */
export function createUse(ports: {
  /** Names this life of this node. */
  readonly reporter: string;
  readonly ask: (message: object, timeoutMs: number) => Promise<Result<unknown>>;
  readonly clock: Pick<Clock, "after">;
}): Use {
  let counts = new Map<string, number>();
  let sessions = noSessions();
  let isOn = true;
  let seq = 0;
  let message: object | undefined;
  let telling: Promise<void> | undefined;
  let cancelTimer: (() => void) | undefined;
  let stopped = false;

  /** What waits, as a message; while it is off, the question whether it is on again. */
  function next(): object {
    const some = [...counts].slice(0, wireLimits.featuresMax);
    for (const [feature] of some) counts.delete(feature);
    const told = { features: some.map(([feature, count]) => ({ feature, count })), sessions };
    sessions = noSessions();
    seq += 1;
    return { type: "tellUse", reporter: ports.reporter, seq, ...told };
  }

  async function tell(): Promise<void> {
    // One that got no answer is sent again as it was: it is counted once.
    message ??= next();
    const answer = await ports.ask(message, limits.settleTimeoutMs);
    if (!answer.ok) return;
    message = undefined;
    ({ isOn } = answer.value as UseTold);
    if (isOn) return;
    counts = new Map();
    sessions = noSessions();
  }
  const flush = (): Promise<void> =>
    (telling ??= tell().finally(() => {
      telling = undefined;
    }));

  function later(): void {
    if (stopped || cancelTimer !== undefined) return;
    cancelTimer = ports.clock.after(limits.useTellMs, () => {
      flush()
        .catch(() => undefined)
        .finally(() => {
          cancelTimer = undefined;
          if (message !== undefined || counts.size > 0) later();
        });
    });
  }

  return {
    used(feature) {
      if (!features.has(feature)) return;
      if (isOn) counts.set(feature, (counts.get(feature) ?? 0) + 1);
      later();
    },
    stayed(lengthMs) {
      const at = sessionClass(lengthMs);
      if (isOn) sessions[at] = (sessions[at] ?? 0) + 1;
      later();
    },
    flush,
    async stop() {
      stopped = true;
      cancelTimer?.();
      await telling;
      if (isOn && (message !== undefined || counts.size > 0 || sessions.some((count) => count > 0))) await flush();
    },
  };
}
