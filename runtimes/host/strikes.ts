/** The processes that calls of a model have ended, for code that looks at its file and does not load it. */
import type { ModelSpec } from "../adapter.ts";
import { endedBy, strikesSaid, whyOut } from "./suspects.ts";
import { isOut, Tried, type KeptTrials } from "./tried.ts";

/** What is counted against a model. */
export interface Strikes {
  /** A node takes no call of it. */
  readonly isOut: boolean;
  /** For people: what its calls ended, and where it is out, which command brings it back. */
  readonly says: string;
}

/** What a node remembers against a file, under whatever name it was called; undefined: nothing. Throws what the file
 *  system throws. */
export async function keptStrikes(spec: ModelSpec, kept: KeptTrials): Promise<Strikes | undefined> {
  const silent = (): void => undefined;
  const ended = await new Tried(kept, { debug: silent, info: silent, warn: silent, error: silent }).strikesOf(spec);
  if (ended === undefined || endedBy(ended) === 0) return undefined;
  return isOut(ended) ? { isOut: true, says: whyOut(spec.name, ended) } : { isOut: false, says: strikesSaid(ended) };
}
