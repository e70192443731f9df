/** Which models are at fault when the process of native models ends by what runs in it. Nobody can tell where in a
 *  process native code failed: all whose calls ran are suspects. One that was alone is at fault. Of several, each is
 *  asked the same again in a process of its own: one that ends that, too, is at fault, and the others are not.
 *
 *      ended ─┬─ one suspect   ─► at fault
 *             └─ several ─► each alone: the same calls ─┬─ the process ends ─► at fault, in this and what follows
 *                                                       └─ they end         ─► cleared */
import { runtimeLimits } from "../limits.ts";
import type { Question } from "./messages.ts";

/** The processes that calls of a model ended. */
export interface Ended {
  /** Nothing else ran. */
  readonly alone: number;
  /** Others ran as well. */
  readonly among: number;
  /** Its calls have ended one by themselves, so it was this model among the others. */
  readonly proven: boolean;
  /** How the last one ended. */
  readonly how: string;
}

/** Where they are counted. */
export interface Counts {
  get(model: string): Ended | undefined;
  set(model: string, ended: Ended): unknown;
}

const none: Ended = { alone: 0, among: 0, proven: false, how: "" };

/** As many processes as calls of a model have ended for certain. */
export const endedBy = ({ alone, among, proven }: Ended): number => alone + (proven ? among : 0);

/** What its calls did, for people. */
export const strikesSaid = (ended: Ended): string =>
  `its calls ended the process that models share ${endedBy(ended) === 1 ? "once" : `${endedBy(ended)} times`} ` +
  `(${ended.how})`;

/** Why a model was taken out, and which command brings it back. */
export const whyOut = (model: string, ended: Ended): string =>
  `${strikesSaid(ended)}, so it is taken out until somebody loads it: plexus models load ${model}`;

/** Asks a model what it was asked, in a process of its own, and tells whether that ended the process. The returned
 *  function ends the trial. */
export type Retry = (model: string, asked: readonly Question[], tell: (ended: boolean) => void) => () => void;

/** Counts what models ended. */
export class Suspects {
  readonly #retry: Retry;
  readonly #strikes: Counts;
  /** Those that wait for their trial, with what they were asked last. */
  readonly #waiting = new Map<string, readonly Question[]>();
  #stopTrial: (() => void) | undefined;

  constructor(retry: Retry, strikes: Counts) {
    this.#retry = retry;
    this.#strikes = strikes;
  }

  /** The process has ended like that while these calls of these models ran. `others`: whether there was more in it that
   *  may have ended it. */
  blame(
    asked: ReadonlyMap<string, readonly Question[]>,
    { how, others }: { readonly how: string; readonly others: boolean },
  ): void {
    const isAlone = asked.size === 1 && !others;
    for (const [model, questions] of asked) {
      const before = { ...this.#of(model), how };
      this.#strikes.set(
        model,
        isAlone ? { ...before, alone: before.alone + 1 } : { ...before, among: before.among + 1 },
      );
      if (!isAlone && !before.proven) this.#waiting.set(model, questions.slice(0, runtimeLimits.sequencesMax));
    }
    this.#next();
  }

  /** Of these models, those that are taken out, with what each has ended. */
  guilty(models: Iterable<string>): ReadonlyMap<string, Ended> {
    const counts = [...models].map((model) => [model, this.#of(model)] as const);
    return new Map(counts.filter(([, ended]) => endedBy(ended) >= runtimeLimits.hostsEndedMax));
  }

  /** What a model has ended for certain; undefined: nothing. */
  of(model: string): Ended | undefined {
    const ended = this.#of(model);
    return endedBy(ended) > 0 ? ended : undefined;
  }

  /** A call of it has ended well: what ended a process among several was another one, unless it was proven. */
  answered(model: string): void {
    const before = this.#of(model);
    if (!before.proven && before.among > 0) this.#strikes.set(model, { ...before, among: 0 });
  }

  /** It is not tried any more. */
  leave(model: string): void {
    this.#waiting.delete(model);
  }

  stop(): void {
    this.#waiting.clear();
    this.#stopTrial?.();
  }

  #of(model: string): Ended {
    return this.#strikes.get(model) ?? none;
  }

  /** One at a time: each takes the memory of its model. */
  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#stopTrial !== undefined) return;
    const [model, questions] = first;
    this.#waiting.delete(model);
    this.#stopTrial = this.#retry(model, questions, (ended) => {
      this.#stopTrial = undefined;
      const before = this.#strikes.get(model);
      if (before !== undefined) this.#strikes.set(model, ended ? { ...before, proven: true } : { ...before, among: 0 });
      this.#next();
    });
  }
}
