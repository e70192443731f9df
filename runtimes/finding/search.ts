/** Asks a range of addresses who is there: slowly, boundedly, until it is through, cancelled, or its time is up.
 *
 *      targets ──so many a second──► does it accept a connection? ──yes──► who is it? (detect) ──► found */
import { connect } from "node:net";
import type { Detected } from "../remote/detect.ts";
import { Turns } from "../turns.ts";
import { findingLimits } from "./limits.ts";
import { hostOf, type Target } from "./range.ts";

/** How a search goes on. */
interface SearchPorts {
  readonly detect: (origin: string) => Promise<Detected | undefined>;
  /** One more was asked. */
  readonly asked: () => void;
  readonly found: (detected: Detected, target: Target) => void;
  readonly signal: AbortSignal;
  /** Pause between two targets. */
  readonly pauseMs?: number;
}

/** Searches. Never throws; resolves when nothing of it is under way any more. */
export async function searchTargets(targets: readonly Target[], ports: SearchPorts): Promise<void> {
  const { signal, pauseMs = 1_000 / findingLimits.searchesPerSecond } = ports;
  const running = new Set<Promise<void>>();
  const turns = new Turns(findingLimits.asksAtOnceMax);
  for (const target of targets) {
    if (signal.aborted) break;
    const one = askTarget(target, ports, turns).finally(() => running.delete(one));
    running.add(one);
    await pause(pauseMs, signal);
  }
  await Promise.all(running);
}

async function askTarget(target: Target, { detect, asked, found, signal }: SearchPorts, turns: Turns): Promise<void> {
  if ((await accepts(target, signal)) && !signal.aborted) {
    const detected = await turns.take(() => detect(`http://${hostOf(target.address)}:${target.port}`));
    if (detected !== undefined && !signal.aborted) found(detected, target);
  }
  asked();
}

/** Whether somebody listens there. */
function accepts({ address, port }: Target, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (is: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      socket.destroy();
      resolve(is);
    };
    const stop = (): void => end(false);
    const timer = setTimeout(stop, findingLimits.connectMsMax);
    signal.addEventListener("abort", stop);
    socket.once("connect", () => end(true));
    socket.once("error", stop);
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
