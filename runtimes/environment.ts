/** What inference needs from the node around it. The node's own clock and log fit; so does a simulated clock. */
export interface RuntimeClock {
  /** Milliseconds that never go back. */
  monotonicMs(): number;
  /** Calls back once, after at least `delayMs`. The returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

export interface RuntimeLog {
  debug(event: string, facts?: Readonly<Record<string, unknown>>): void;
  info(event: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(event: string, facts?: Readonly<Record<string, unknown>>): void;
  error(event: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** What happened, for metrics. Durations in milliseconds of the given clock. */
export type RuntimeEvent =
  | { readonly type: "started"; readonly model: string; readonly queuedMs: number }
  | { readonly type: "firstText"; readonly model: string; readonly afterMs: number }
  | {
      readonly type: "ended";
      readonly model: string;
      /** `complete`, `length`, `stopped`, or the code of the failure. */
      readonly end: string;
      readonly promptTokens: number;
      readonly completionTokens: number;
      readonly totalMs: number;
    }
  | { readonly type: "hostRestarted" };

/** Totals since the start, and what is there now. */
export interface RuntimeStats {
  readonly started: number;
  readonly finished: number;
  readonly failed: number;
  readonly queued: number;
  readonly running: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly hostRestarts: number;
}
