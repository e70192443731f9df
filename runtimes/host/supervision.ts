/** Decisions about a host that died or fell silent. Pure. */
import { runtimeLimits } from "../limits.ts";

/** What is remembered from one host to the next. */
export interface HostHistory {
  /** Hosts that died young, in a row. */
  readonly shortLives: number;
}

/** Doubles from 250 ms to 10 s while hosts die young; one healthy life and it starts over. */
export function afterDeath(history: HostHistory, livedMs: number): HostHistory & { readonly delayMs: number } {
  const shortLives = livedMs >= runtimeLimits.healthyAfterMs ? 1 : history.shortLives + 1;
  // 2 ** 16 is far beyond the longest delay; the exponent stays bounded.
  const delayMs = runtimeLimits.restartDelayMsMin * 2 ** Math.min(shortLives - 1, 16);
  return { shortLives, delayMs: Math.min(delayMs, runtimeLimits.restartDelayMsMax) };
}

/** Whether a host that has left `missedBeats` beats in a row unanswered is to be killed. A host that is not up yet gets
 *  three times as long: it starts a process and reads its code, on a machine that may be busy. */
export function isSilent(missedBeats: number, up: boolean): boolean {
  return missedBeats > runtimeLimits.missedBeatsMax * (up ? 1 : 3);
}

/** Whether a host ended by what ran in it, and not by somebody who ended it: by an assertion of native code, or an
 *  address that is none. */
export const isOwnFault = (how: string): boolean =>
  /^(?:SIG(?:ABRT|SEGV|BUS|ILL|FPE|TRAP|SYS)|exit code [1-9]\d*)$/.test(how);

/** Frames of a stack that native code prints when it ends, and the end of one that was cut off: they say where, and
 *  nothing to people. */
const isFrame = (line: string): boolean => /(?:0x)?[0-9a-f]+\]$/u.test(line);
const isReason = (line: string): boolean => /error|assert|fail|exception|terminate/iu.test(line);
const reasonLines = 2;
const reasonCharsMax = 300;

/** Why a process ended, by the end of what it printed: the last lines that name a fault, else the last ones, without
 *  stacks and places of source files. Empty: it said nothing. */
export function reasonIn(printed: string): string {
  const lines = printed
    .split("\n")
    .map((line) => line.trim().replace(/^\/\S*\/(?=[^/\s]+:\d+: )/u, ""))
    .filter((line) => line !== "" && !isFrame(line));
  const reasons = lines.filter(isReason);
  const last = (reasons.length > 0 ? reasons : lines).slice(-reasonLines);
  return [...new Set(last)].join("; ").slice(0, reasonCharsMax);
}
