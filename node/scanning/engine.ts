/** This node's scanner, as an engine: people take turns, two files at a time. Whether it is there is asked now and
 *  then, and stands in what the node offers, so that others send files where they are looked at. */
import {
  failure,
  refused,
  scanner,
  type EngineRequest,
  type ModelInfo,
  type Result,
  type Said,
  type ScanAnswer,
  type SealedFile,
} from "../../protocols/index.ts";
import type { LocalEngine } from "../../runtimes/engine.ts";
import { FairQueue } from "../../runtimes/fair-queue.ts";
import type { Clock, Log, Meter } from "../ports/index.ts";
import { whyOf, type Clamd } from "./clamd.ts";
import { scanningLimits, type ScanningLimits } from "./limits.ts";

interface ScannerPorts {
  readonly clamd: Clamd;
  /** The bytes of a file, opened. Throws where they cannot be read. */
  readonly read: (file: SealedFile) => AsyncIterable<Uint8Array>;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<ScanningLimits>;
}

/** A file that waits or is looked at. */
interface Scan {
  readonly request: EngineRequest<"scan">;
  readonly hear: (said: Said<"scan">) => void;
  readonly ended: AbortController;
  isOver: boolean;
  cancelTimeout: () => void;
}

type State = Pick<ModelInfo, "state" | "reason" | "version">;

/** Starts to look after it. */
export function createScanner(ports: ScannerPorts): LocalEngine<"scan"> {
  const { clamd, read, clock, log, meter } = ports;
  const limits: ScanningLimits = { ...scanningLimits, ...ports.limits };
  const queue = new FairQueue<Scan>();
  const places = { max: limits.scansWaitingMax, perShareMax: limits.scansWaitingPerPersonMax };
  const watchers = new Set<() => void>();
  const open = new Set<Scan>();
  let running = 0;
  let stopped = false;
  let state: State = { state: "loading" };
  let looking: Promise<void> | undefined;
  let cancelLook = (): void => undefined;

  const settle = (scan: Scan, result: Result<ScanAnswer>): void => {
    if (scan.isOver) return;
    scan.isOver = true;
    scan.cancelTimeout();
    open.delete(scan);
    const { person = "", key = "" } = scan.request;
    queue.leave(person, key, scan);
    scan.ended.abort();
    clock.soon(() => scan.hear({ type: "answered", result }));
  };

  const become = (next: State): void => {
    if (JSON.stringify(next) === JSON.stringify(state)) return;
    if (next.state !== state.state)
      log[next.state === "failed" ? "warn" : "info"](`scanner.${next.state}`, {
        ...(next.reason !== undefined && { reason: next.reason }),
        ...(next.version !== undefined && { version: next.version }),
      });
    state = next;
    meter.gauge("scanner_ready", next.state === "ready" ? 1 : 0);
    for (const listener of watchers) listener();
  };

  const look = (): Promise<void> => {
    looking ??= clamd
      .works()
      .then((answer) => {
        if (answer.ok) become({ state: "ready", version: answer.value.slice(0, 64) });
        // One that is busy is no worse for it: else large files would open the way for what nobody has looked at.
        else if (answer.error.details?.["isLate"] !== true || running === 0)
          become({ state: "failed", reason: whyOf(answer.error) });
      })
      .finally(() => {
        looking = undefined;
        cancelLook();
        if (!stopped) cancelLook = clock.after(limits.scannerLookMs, () => void look());
      });
    return looking;
  };

  const run = async (scan: Scan): Promise<void> => {
    const sinceMs = clock.monotonicMs();
    // Its time begins with its turn: what it has waited says nothing of the scanner.
    scan.cancelTimeout();
    scan.cancelTimeout = clock.after(scan.request.timeoutMs, () =>
      settle(scan, refused(failure("SCAN_FAILED", { reason: "it took too long" }))),
    );
    const result = await clamd.scan(read(scan.request.file), scan.ended.signal);
    if (!scan.isOver) {
      const verdict = result.ok ? (result.value.signature === undefined ? "clean" : "found") : "failed";
      meter.count("files_scanned", 1, { verdict });
      meter.observeMs("file_scan", clock.monotonicMs() - sinceMs);
      if (result.ok && result.value.signature !== undefined)
        log.warn("scan.found", { file: scan.request.file.id, signature: result.value.signature });
      if (!result.ok && result.error.code === "SCAN_FAILED") void look();
    }
    settle(scan, result);
  };

  const next = (): void => {
    while (running < limits.scansMax) {
      const scan = queue.next();
      if (scan === undefined) return;
      running += 1;
      void run(scan).finally(() => {
        running -= 1;
        next();
      });
    }
  };

  void look();
  return {
    models: () => [
      {
        model: scanner,
        runtime: "clamd",
        capabilities: [],
        contextTokens: 0,
        sizeBytes: 0,
        demonstration: false,
        places: limits.scansMax,
        ...state,
      },
    ],
    watch(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    call(request, hear) {
      const scan: Scan = { request, hear, ended: new AbortController(), isOver: false, cancelTimeout: () => undefined };
      open.add(scan);
      scan.cancelTimeout = clock.after(request.timeoutMs, () =>
        settle(scan, refused(failure("QUEUE_FULL", { reason: "its turn did not come" }))),
      );
      if (stopped) settle(scan, refused(failure("STOPPING")));
      else {
        const { person = "", key = "" } = request;
        const joined = queue.join(person, key, scan, places);
        const full = refused(failure("QUEUE_FULL", { scansWaitingMax: limits.scansWaitingMax }));
        if (joined.type === "full") settle(scan, full);
        if (joined.type === "displaced") settle(joined.item, full);
        next();
      }
      return { cancel: () => settle(scan, refused(failure("CANCELLED"))) };
    },
    async stop() {
      stopped = true;
      cancelLook();
      for (const scan of open) settle(scan, refused(failure("STOPPING")));
    },
  };
}
