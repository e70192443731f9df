/** What an actor is made of, folded: the state by its events, the answers by the turns that gave them. */
import type { AnyBehavior } from "../../actors/behavior.ts";
import type { Result } from "../../protocols/index.ts";
import type { Recovered } from "../storage/index.ts";
import { AnswerWindow, type AnswerBounds, type DumpedAnswers } from "./answers.ts";
import { kernelLimits } from "./limits.ts";

/** State as it is snapshotted. */
export interface SnapshotBody {
  readonly state: unknown;
  readonly answers: DumpedAnswers;
}

/** What is folded: a snapshot, and the entries after it. */
type Parts = Pick<Recovered, "snapshot" | "entries">;

/** The state of an actor. Throws what the behavior throws. */
export function foldState(behavior: AnyBehavior, key: string, { snapshot, entries }: Parts): unknown {
  const body = snapshot?.body as SnapshotBody | undefined;
  let state: unknown = body ? body.state : behavior.initial(key);
  for (const { events } of entries) for (const event of events) state = behavior.evolve(state, event);
  return state;
}

/** The body of a snapshot of an actor as it goes on in a restored cluster. Throws what the behavior throws. */
export function foldRestored(
  behavior: AnyBehavior,
  key: string,
  parts: Parts,
  bounds: AnswerBounds = kernelLimits,
): SnapshotBody {
  const window = new AnswerWindow(bounds);
  const body = parts.snapshot?.body as SnapshotBody | undefined;
  if (body !== undefined) window.load(body.answers);
  for (const { atMs, answers } of parts.entries)
    for (const [operation, result] of answers) window.add(operation, atMs, result as Result<unknown>);
  const state = foldState(behavior, key, parts);
  return {
    state: behavior.restored === undefined ? state : (behavior.restored(state) as unknown),
    answers: window.dump(),
  };
}
