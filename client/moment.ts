import type { ClientPorts } from "./ports.ts";

/** An instant on both clocks of a machine. Neither is enough: on many systems the monotonic clock stands still while
 *  the machine sleeps, and the wall clock may be set, also back. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** This instant. */
export const momentOf = (ports: ClientPorts): Moment => ({ wallMs: ports.nowMs(), monotonicMs: ports.monotonicMs() });

/** How long ago that was, by the clock that has gone further: rather too long than too short, where waiting longer is
 *  the risk. */
export const sinceMs = ({ wallMs, monotonicMs }: Moment, ports: ClientPorts): number =>
  Math.max(ports.nowMs() - wallMs, ports.monotonicMs() - monotonicMs);
