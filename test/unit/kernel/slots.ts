/** Slots of one node alone, over its journal; a test may play the replicas. The one place where these tests know how a
 *  log is made servable. */
import type { ServedLog, Slots } from "../../../node/kernel/api.ts";
import type { Journal } from "../../../node/storage/index.ts";
import { failure, PlexusError, type Failure, type SlotId } from "../../../protocols/index.ts";

export interface SoloSlots extends Slots {
  /** This node, as the kernel knows it. */
  readonly node: string;
  /** False: turns that appended nothing wait until `answerConfirmations`. */
  alone: boolean;
  /** Questions that nobody has answered. */
  readonly confirmations: ((error: Failure | undefined) => void)[];
  /** While set, appends are on disk but not yet durable everywhere; `releaseAppends` makes them so. */
  holdAppends: boolean;
  readonly heldAppends: (() => void)[];
  /** Ends the log of a slot, as a newer owner would. */
  end(slot: SlotId, error: Failure): void;
  /** Runs while an actor is given a slot of its own, before the old one forgets it. */
  splitting: () => Promise<void>;
  /** Set: `open` fails with it. */
  refusal: Failure | undefined;
}

export function createSoloSlots(journal: Journal): SoloSlots {
  const ends = new Map<SlotId, (error: Failure) => void>();
  const solo: SoloSlots = {
    node: "n1",
    alone: true,
    confirmations: [],
    holdAppends: false,
    heldAppends: [],
    splitting: () => Promise.resolve(),
    refusal: undefined,
    async open(slot, ended) {
      if (solo.refusal) throw new PlexusError(solo.refusal);
      const present = await journal.openSlot(slot);
      const log = present.failed ? await journal.reopen(slot) : present;
      const epoch = log.fence + 1;
      await log.raise(epoch);
      await log.lead(epoch);
      ends.set(slot, ended);
      const served: ServedLog = {
        slot,
        epoch,
        get lastSeq() {
          return log.lastSeq;
        },
        get durableSeq() {
          return log.durableSeq;
        },
        get length() {
          return log.length;
        },
        get bytes() {
          return log.bytes;
        },
        uncommitted: 0,
        get alone() {
          return solo.alone;
        },
        append: (draft, done) =>
          log.append(epoch, draft, (error) => {
            if (solo.holdAppends) solo.heldAppends.push(() => done(error));
            else done(error);
          }),
        snapshot: (actor, seq, body, done) => log.snapshot(epoch, { actor, seq, body }, done),
        trim: (throughSeq, done) => log.trim(epoch, throughSeq, done),
        recover: (actor) => log.reader.recover(actor),
        readSide: (space, actor, range) => log.reader.readSide(space, actor, range),
        readSpace: (space) => log.reader.readSpace(space),
        trimPoint: (window) => log.trimPoint(window),
        actorsBelow: (seq) => log.actorsBelow(seq),
        firstNeeded: (actor) => log.firstNeeded(actor),
        actorsWithTail: () => log.actorsWithTail(),
        actorsWithSnapshot: (range) => log.reader.actorsWithSnapshot(range),
        confirm: (done) => void solo.confirmations.push(done),
        async split(actor, to) {
          await solo.splitting();
          const dropped = new Promise<void>((resolve, reject) => {
            const side = [{ space: "wake", delete: "pending" }] as const;
            const done = (error: Failure | undefined): void => (error ? reject(new PlexusError(error)) : resolve());
            log.append(epoch, { atMs: 0, actor, events: [], answers: [], side }, (error) => {
              if (solo.holdAppends) solo.heldAppends.push(() => done(error));
              else done(error);
            });
          });
          return { owner: to ?? solo.node, dropped };
        },
      };
      return served;
    },
    owned: () => journal.slots(),
    give: () => undefined,
    end: (slot, error) => ends.get(slot)?.(error),
  };
  return solo;
}

export const movedTo = (owner: string, epoch: number): Failure => failure("MOVED", { owner, epoch });
