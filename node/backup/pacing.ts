/** Lets the work of backups through, piece by piece, as often as `pacer.ts` says.
 *
 *      piece ─► nobody is there: at once          people are: one at a time ─► rest ─► the next
 *
 *  A piece is short and whole: a page that is read, rows that are cut in the pool, a shard that is written and synced. None has another one in it. */
import type { Clock } from "../ports.ts";
import type { SlotSource } from "./sources.ts";
import { paceLimits, type PaceLimits } from "./limits.ts";
import { Pacer } from "./pacer.ts";
import type { BackupStripes } from "./ports.ts";

/** Does a piece of work when its time has come. Errors: those of the work. */
export type Piece = <Answer>(work: () => Promise<Answer>) => Promise<Answer>;

/** Does it at once. */
export const unpaced: Piece = (work) => work();

/** How what is read from a journal is let through. */
export interface ReadPacing {
  readonly piece: Piece;
  /** Reads as a piece the next part of something larger: of so many bytes at the most, and fewer where a part takes long. */
  part<Answer>(
    most: number,
    work: (bytes: number) => Promise<Answer>,
    bytesOf: (answer: Answer) => number,
  ): Promise<Answer>;
}

/** Reads all that there may be, at once. */
export const unpacedReads: ReadPacing = { piece: unpaced, part: (most, work) => work(most) };

export interface Pacing extends ReadPacing {
  /** Is told of each change of people's data that is on the disk now: what it took. */
  heard(tookMs: number): void;
  /** Of the time, how much is work. 100: nobody is in its way. */
  percent(): number;
  /** Nothing waits any more. */
  stop(): void;
}

/** One for a node: all that backups do there is one piece after the other. */
export function createPacing({
  clock,
  limits = paceLimits,
}: {
  readonly clock: Clock;
  readonly limits?: PaceLimits;
}): Pacing {
  const pacer = new Pacer(limits);
  const waiting: (() => void)[] = [];
  let running = 0;
  let [beganMs, endedMs] = [-Infinity, -Infinity];
  /** Rest that is owed. It is taken when it is long enough for a timer. */
  let owedMs = 0;
  let restUntilMs = -Infinity;
  let cancel: (() => void) | undefined;
  let stopped = false;

  const next = (): void => {
    cancel?.();
    cancel = undefined;
    while (waiting.length > 0) {
      const nowMs = clock.monotonicMs();
      if (!stopped && !pacer.isAlone(nowMs)) {
        if (running > 0) return;
        if (nowMs < restUntilMs) {
          cancel = clock.after(restUntilMs - nowMs, next);
          return;
        }
      }
      if (running === 0) beganMs = nowMs;
      running += 1;
      waiting.shift()?.();
    }
  };
  const ended = (): void => {
    running -= 1;
    if (running === 0) {
      endedMs = clock.monotonicMs();
      owedMs += pacer.restMs(endedMs - beganMs, endedMs);
      if (owedMs >= limits.restMsMin) {
        restUntilMs = endedMs + Math.min(owedMs, limits.restMsMax);
        owedMs = 0;
      }
    }
    next();
  };

  const piece: Piece = async (work) => {
    await new Promise<void>((begin) => {
      waiting.push(begin);
      next();
    });
    try {
      return await work();
    } finally {
      ended();
    }
  };

  return {
    piece,
    part: (most, work, bytesOf) =>
      piece(async () => {
        const startMs = clock.monotonicMs();
        const answer = await work(pacer.partBytes(most, startMs));
        pacer.tookPart(bytesOf(answer), clock.monotonicMs() - startMs);
        return answer;
      }),
    heard(tookMs) {
      const nowMs = clock.monotonicMs();
      // The disk goes on for a moment behind what it was given.
      const isBeside = running > 0 || endedMs + limits.tailMs >= nowMs - tookMs;
      pacer.heard(tookMs, nowMs, isBeside);
    },
    percent: () => Math.ceil(100 * pacer.share(clock.monotonicMs())),
    stop() {
      stopped = true;
      next();
    },
  };
}

/** Slots that are read page by page, each a piece. */
export const pacedSource = <Source extends Pick<SlotSource, "open">>(source: Source, pacing: ReadPacing): Source => ({
  ...source,
  open: (slot) => source.open(slot, pacing),
});

/** Stripes, each put or read as a piece. */
export const pacedStripes = (stripes: BackupStripes, piece: Piece): BackupStripes => ({
  ...stripes,
  put: (bytes, how) => piece(() => stripes.put(bytes, how)),
  read: (ref) => piece(() => stripes.read(ref)),
  inspect: (ref, deep) => piece(() => stripes.inspect(ref, deep)),
  ...(stripes.standing && { standing: (refs) => piece(async () => (await stripes.standing?.(refs)) ?? new Set<string>()) }), // prettier-ignore
});
