/** A log and a meter for tests that look at neither. */
import type { Log, Meter } from "../node/ports.ts";

const silent = (): void => undefined;

export const quietLog: Log = { debug: silent, info: silent, warn: silent, error: silent };
export const quietMeter: Meter = { count: silent, gauge: silent, observeMs: silent };
