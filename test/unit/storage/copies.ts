/** Random lives of an owner's log, done as the kernel does them, and what was shipped to its copies meanwhile. */
import fc from "fast-check";
import type { EntryDraft, Journal, Piece, SlotLog } from "../../../node/storage/index.ts";
import type { ActorId, Failure, SlotId } from "../../../protocols/index.ts";
import { apply, draft, journalOn, openAs, RowStore, shippedBy, slot } from "./fixture.ts";

type Side = EntryDraft["side"][number];

const staying = ["pad/a", "pad/b", "pad/c"] as const;
/** Each gets a slot of its own at most once, and nobody speaks to it here afterwards. */
const leaving = ["pad/m", "pad/n"] as const;

const anyKey = fc.constantFrom("k1", "k2", "k3", "k4", "k5");
const anySide: fc.Arbitrary<Side> = fc.oneof(
  fc.record({ space: fc.constantFrom("record", "reminder" as const), put: anyKey, value: fc.nat(99) }),
  fc.record({ space: fc.constantFrom("record", "reminder" as const), delete: anyKey }),
  fc.record({ space: fc.constant("record" as const), deleteFrom: anyKey, deleteTo: anyKey }),
);

export type Step =
  | { readonly type: "entry"; readonly actor: ActorId; readonly side: readonly Side[] }
  | { readonly type: "snapshot"; readonly actor: ActorId }
  | { readonly type: "trim"; readonly back: number }
  | { readonly type: "leave"; readonly actor: ActorId }
  /** Everything so far is on disk. */
  | { readonly type: "settle" };

const anyActor = fc.constantFrom<ActorId>(...staying, ...leaving);

export const anyLife: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant("entry" as const),
        actor: anyActor,
        side: fc.array(anySide, { maxLength: 3 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant("snapshot" as const), actor: anyActor }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("trim" as const), back: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("leave" as const), actor: fc.constantFrom(...leaving) }) },
    { weight: 4, arbitrary: fc.constant({ type: "settle" as const }) },
  ),
  { maxLength: 40, size: "max" as const },
);

export interface Owner {
  readonly store: RowStore;
  readonly journal: Journal;
  readonly log: SlotLog;
  readonly pieces: readonly Piece[];
  /** Actors that live in this slot. Of one that has left, nothing here means anything any more. */
  readonly present: readonly ActorId[];
  readonly left: readonly ActorId[];
}

/** An actor's state is the texts it was told; a snapshot holds them. `trimApart`: not in one batch with snapshots. */
export async function live(steps: readonly Step[], { trimApart = false } = {}): Promise<Owner> {
  const store = new RowStore();
  const journal = await journalOn(store);
  const log = await openAs(journal, slot, 1);
  const pieces = shippedBy(log);
  const failures: Failure[] = [];
  const hear = (error: Failure | undefined): void => void (error && failures.push(error));
  const told = new Map<ActorId, { readonly seq: number; readonly text: string }[]>();
  const left = new Set<ActorId>();
  const newest = new Map<ActorId, number>();
  let number = 0;

  /** At the actor's last entry, and only when it has one that is not in a snapshot. */
  const fold = (actor: ActorId): void => {
    const seq = told.get(actor)?.at(-1)?.seq ?? 0;
    if (seq <= (newest.get(actor) ?? 0)) return;
    newest.set(actor, seq);
    log.snapshot(1, { actor, seq, body: told.get(actor)?.map(({ text }) => text) }, hear);
  };

  for (const step of steps) {
    if (step.type === "settle") {
      await journal.settled();
    } else if (step.type === "trim") {
      await journal.settled();
      // Everybody's snapshot first; who has left gets none, and keeps its entries.
      const through = Math.max(0, log.durableSeq - step.back);
      const below = log.actorsBelow(through);
      for (const actor of below) fold(actor);
      if (trimApart) await journal.settled();
      const kept = below.filter((actor) => left.has(actor)).map((actor) => log.firstNeeded(actor) - 1);
      log.trim(1, Math.min(through, ...kept), hear);
    } else if (left.has(step.actor)) {
      continue;
    } else if (step.type === "entry") {
      const text = `${(number += 1)}`;
      const { seq } = log.append(1, draft(step.actor, text, { side: step.side }), hear);
      told.set(step.actor, [...(told.get(step.actor) ?? []), { seq, text }]);
    } else if (step.type === "snapshot") {
      fold(step.actor);
    } else {
      // It has come to rest, and its state goes with it.
      await journal.settled();
      left.add(step.actor);
      fold(step.actor);
      log.append(1, { ...draft(step.actor, "", { side: [{ split: step.actor }] }), events: [] }, hear);
      await journal.settled();
      log.append(1, { ...draft(step.actor, "", { side: [{ drop: step.actor }] }), events: [] }, hear);
    }
  }
  await journal.settled();
  if (failures[0]) throw new Error(JSON.stringify(failures));
  const everybody = [...staying, ...leaving];
  return { store, journal, log, pieces, present: everybody.filter((actor) => !left.has(actor)), left: [...left] };
}

export interface Copy {
  readonly store: RowStore;
  readonly journal: Journal;
  readonly log: SlotLog;
}

/** An empty copy that has been asked how it stands in epoch 1. */
export async function emptyCopy(): Promise<Copy> {
  const store = new RowStore();
  const journal = await journalOn(store);
  const log = await journal.openSlot(slot);
  await log.raise(1);
  return { store, journal, log };
}

/** Applies pieces in batches of these sizes, over and over. */
export async function applyAll(copy: Copy, pieces: readonly Piece[], sizes: readonly number[]): Promise<void> {
  let waiting: Promise<Failure | undefined>[] = [];
  for (const [index, piece] of pieces.entries()) {
    waiting.push(apply(copy.log, piece, 1));
    const size = sizes[index % Math.max(1, sizes.length)] ?? 1;
    if (waiting.length < size && index < pieces.length - 1) continue;
    const failed = (await Promise.all(waiting)).find((outcome) => outcome !== undefined);
    if (failed) throw new Error(JSON.stringify(failed));
    waiting = [];
  }
}

/** What an actor has come to, in either slot. */
export async function stateOf(
  { journal }: Pick<Copy, "journal">,
  actor: ActorId,
  name: SlotId = slot,
): Promise<unknown> {
  const { snapshot, entries } = await (await journal.openSlot(name)).reader.recover(actor);
  const texts = entries.flatMap(({ events }) => events.map((event) => (event as { text: string }).text));
  return [...((snapshot?.body as string[] | undefined) ?? []), ...texts];
}
