/** Which models an end of the process of native models is counted against: those that it was in the native code of, or
 *  in the template, which is a program of the model's file. What the thread of a model does in our own code (forms,
 *  checks) has budgets of its own, and the caller chose what it did there: nobody is struck for it. Pure.
 *
 *  A worker says what it does before it does it, over the channel of the call. What it said last is what its one thread
 *  is at. */
import type { Doing } from "../adapter.ts";
import { isOwnFault } from "./supervision.ts";
import type { Question } from "./messages.ts";

/** What a worker says of a call: what comes now. `at`: how often it has said something before, in all of its calls. */
interface Said {
  readonly run: number;
  readonly doing: Doing;
  readonly at: number;
}

/** What calls are at. One that has said nothing is in native code: most engines have no other. */
export class Doings {
  readonly #said = new Map<number, Said & { readonly model: string }>();

  told(model: string, { run, doing, at }: Said): void {
    this.#said.set(run, { model, run, doing, at });
  }

  ended(run: number): void {
    this.#said.delete(run);
  }

  of(run: number): Doing {
    return this.#said.get(run)?.doing ?? "native";
  }

  /** What the one thread of a model is at: a call that waits for native code leaves it to the others. */
  ofThread(model: string): Doing {
    const said = [...this.#said.values()].filter((one) => one.model === model);
    return said.toSorted((one, other) => other.at - one.at)[0]?.doing ?? "native";
  }
}

/** A call that ran. */
export interface Ran extends Question {
  readonly model: string;
}

/** How the process ended, and what was in it. */
interface End {
  readonly how: string;
  /** It was killed, as a call of this model did not end. */
  readonly stuck: { readonly model: string; readonly doing: Doing } | undefined;
  readonly ran: ReadonlyMap<number, Ran>;
  /** Native code was loading models. */
  readonly loads: boolean;
}

/** What is counted. */
interface Blame {
  readonly asked: ReadonlyMap<string, readonly Question[]>;
  /** There was more in it that may have ended it. */
  readonly others: boolean;
  /** Calls ran in it that may have ended it as well as a load. */
  readonly unsure: boolean;
}

/** What is done by the model's file: its native code, and its template, behind which text is read as tokens. */
const ofTheFile: ReadonlySet<Doing> = new Set<Doing>(["native", "prompt"]);
const nobody: ReadonlyMap<string, readonly Question[]> = new Map();

/** The calls and models that are to blame for it. */
export function blameOf({ how, stuck, ran, loads }: End, doings: Doings): Blame {
  // It was no load, which is what `unsure` says to those that were loading.
  if (stuck !== undefined)
    return { asked: ofTheFile.has(stuck.doing) ? new Map([[stuck.model, []]]) : nobody, others: false, unsure: true };
  if (!isOwnFault(how)) return { asked: nobody, others: false, unsure: false };
  const calls = [...ran].filter(([run]) => ofTheFile.has(doings.of(run))).map(([, call]) => call);
  const asked = new Map(calls.map(({ model }) => [model, calls.filter((call) => call.model === model)] as const));
  return { asked, others: loads, unsure: asked.size > 0 };
}
