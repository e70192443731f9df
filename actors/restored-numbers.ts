/** What becomes of an actor's numbers when a cluster begins anew from a backup.
 *
 *  The old cluster went on after the backup was taken: clients know positions, and other actors know mail, that the
 *  restored actor has never given out. If it counted on from where the backup ends, it would give the same numbers to
 *  other things: a client would take a new event for one that it has, and a receiver new mail for old. So numbers that
 *  others remember skip a gap that is wider than what the old cluster can have used. A client's position is then
 *  behind the window of kept events: `CURSOR_EXPIRED`, and it loads the state anew. */
import type { Outbox } from "./outbox.ts";

/** How far. A million restores fit into what numbers can hold. */
export const restoreGap = 2 ** 30;

/** Mail that is owed keeps its number: a receiver that has had it knows it again. */
export const outboxAfterRestore = (outbox: Outbox): Outbox => ({ ...outbox, next: outbox.next + restoreGap });
