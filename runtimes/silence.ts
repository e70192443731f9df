/** A wait that each sign of life begins anew. */

/** What it goes by: any clock of ours. */
interface SilenceClock {
  monotonicMs(): number;
  after(delayMs: number, fire: () => void): () => void;
}

/** A limit of silence, and of the whole. */
export interface Silence {
  /** Something was said. */
  heard(): void;
  stop(): void;
}

/** Calls back once, when nothing was heard for `silenceMs`, or `wholeMs` are over. What is heard often costs no timer
 *  each time. */
export function limitSilence(
  clock: SilenceClock,
  {
    silenceMs = Number.POSITIVE_INFINITY,
    wholeMs,
  }: { readonly silenceMs?: number | undefined; readonly wholeMs: number },
  late: (limitMs: number) => void,
): Silence {
  const endsMs = clock.monotonicMs() + wholeMs;
  let heardMs = clock.monotonicMs();
  const listen = (): (() => void) =>
    clock.after(Math.max(0, Math.min(endsMs, heardMs + silenceMs) - clock.monotonicMs()), () => {
      const nowMs = clock.monotonicMs();
      if (nowMs >= endsMs) late(wholeMs);
      else if (nowMs >= heardMs + silenceMs) late(silenceMs);
      else cancel = listen();
    });
  let cancel = listen();
  return { heard: () => void (heardMs = clock.monotonicMs()), stop: () => cancel() };
}
