/** An actor as a backup has it: the rows of its units that are no records. Here they become parts to fold, in one place
 *  for all readers. */
import { behaviors } from "../../../actors/index.ts";
import { contained, parseActorId, type ActorId } from "../../../protocols/index.ts";
import { foldRestored, foldState } from "../../kernel/index.ts";
import type { Entry } from "../../storage/index.ts";

/** Rows of an actor's state, as they are in its units: `snapshot` is `[seq, body]`, `entry/…` an entry of the
 *  journal. */
type StateRows = readonly (readonly [key: string, value: unknown])[];

/** What folds an actor; undefined: of a kind that this version does not know. */
export const behaviorOf = (actor: string) => behaviors.find(({ kind }) => actor.startsWith(`${kind}/`));

function partsOf(rows: StateRows) {
  const [seq, body] = (rows.find(([name]) => name === "snapshot")?.[1] ?? []) as [number?, unknown?];
  const entries = rows
    .filter(([name]) => name.startsWith("entry/"))
    .map(([, value]) => {
      const [epoch, at, atMs, of, events, answers] = value as [
        number,
        number,
        number,
        ActorId,
        unknown[],
        Entry["answers"],
      ];
      return { epoch, seq: at, atMs, actor: of, events, answers, side: [] };
    });
  return { snapshot: seq === undefined ? undefined : { seq, body }, entries };
}

const keyOf = (actor: ActorId): string => (parseActorId(actor) ?? { key: "" }).key;

/** What an actor was. Throws what the behavior throws: an actor that cannot be folded is its supervisor's to
 *  quarantine, and ends no node here. */
export function stateOf(actor: ActorId, rows: StateRows): unknown {
  const behavior = behaviorOf(actor);
  return behavior && contained((): unknown => foldState(behavior, keyOf(actor), partsOf(rows)));
}

/** An actor as it goes on in a restored cluster, and up to which entry. Throws as `stateOf`. */
export function restoredOf(
  actor: ActorId,
  rows: StateRows,
): { readonly epoch: number; readonly seq: number; readonly body: unknown } {
  const behavior = behaviorOf(actor);
  const parts = partsOf(rows);
  const { epoch = 0, seq = parts.snapshot?.seq ?? 0 } = parts.entries.at(-1) ?? {};
  return { epoch, seq, body: behavior && contained(() => foldRestored(behavior, keyOf(actor), parts)) };
}
