/** When a phase is ended before it is over. Nothing is decided by the clock: a machine that is slow, or stalls, ends
 *  nothing.
 *
 *      every second or later ──►  look: processor seconds of the phase's processes, and whether a test has ended
 *                                   │
 *                                   ├─ more processor seconds than the phase may take  →  it runs in a circle
 *                                   ├─ `idleLooks` in a row without an ended test and without work  →  it waits for nothing
 *                                   └─ `silentLooks` in a row without an ended test  →  the same, beside nodes that idle */

/** What was seen of a phase. */
export interface Look {
  /** Processor seconds of its processes that are there, with what they have waited for; undefined where the system does
   *  not tell. */
  readonly seconds: number | undefined;
  /** Changes whenever a test or a hook begins or ends. */
  readonly progress: number;
}

export interface GuardLimits {
  /** Time between two looks. */
  readonly lookMs: number;
  /** Processor seconds; undefined: any number. */
  readonly secondsMax: number | undefined;
  readonly idleLooks: number;
  /** Who uses less in all of `idleLooks` does not work. */
  readonly idleSeconds: number;
  readonly silentLooks: number;
}

/** By how much a phase may exceed what it usually takes. */
export const usualFactor = 5;

export const guardLimits = { lookMs: 1_000, idleLooks: 180, idleSeconds: 1, silentLooks: 900 } as const;

/** Takes looks; gives why the phase is to be ended, or undefined while it goes on. */
export function createGuard(limits: GuardLimits): (look: Look) => string | undefined {
  let used = 0;
  let last = 0;
  let progress: number | undefined;
  let silent = 0;
  let idle = 0;
  let usedBefore = 0;
  return (look) => {
    // A process that dies without anybody waiting for it takes its seconds with it.
    used += Math.max(0, (look.seconds ?? 0) - last);
    last = look.seconds ?? 0;
    if (limits.secondsMax !== undefined && used > limits.secondsMax)
      return `used more than ${limits.secondsMax} s of processors, ${usualFactor} times what it usually takes`;
    if (look.progress !== progress) {
      progress = look.progress;
      silent = 0;
      idle = 0;
      usedBefore = used;
      return undefined;
    }
    silent += 1;
    if (silent >= limits.silentLooks) return "hung: no test ended for a long time";
    idle += 1;
    if (look.seconds === undefined || idle < limits.idleLooks) return undefined;
    if (used - usedBefore < limits.idleSeconds) return "hung: no test ended, and nothing was done";
    idle = 0;
    usedBefore = used;
    return undefined;
  };
}
