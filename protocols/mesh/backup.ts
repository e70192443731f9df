/** Backups between nodes (node/backup): the node that makes a snapshot asks the owners of slots for their parts of
 *  it. */
import { Type } from "typebox";
import { stripeRef } from "../admin/shards.ts";
import { actor, bytes, call, closed, count, done, failed, slot } from "./parts.ts";

const part = {
  task: Type.String({ minLength: 1, maxLength: 32 }),
  /** Of the task: a later one ends what an earlier one began. */
  turn: count,
  /** Its name within the turn. */
  part: Type.String({ minLength: 1, maxLength: 32 }),
};

const progress = { slotsDone: count, actors: count, units: count, bytes: count };
/** Of the time, how much the node works for it; absent: as much as it can. People come first. */
const workPercent = Type.Optional(count);

/** What a part came to: the list of what it changed is a sealed object in a stripe. */
const partDone = closed({
  list: closed({ stripe: stripeRef, sealedKey: bytes, epoch: count }),
  /** Slots that were not read, and why. */
  missed: Type.Array(closed({ slot, error: failed }), { maxItems: 64 }),
  /** Files of actors that were not there to be read. */
  missedFiles: closed({
    total: count,
    named: Type.Array(closed({ actor, hash: Type.String({ maxLength: 128 }), error: failed }), { maxItems: 16 }),
  }),
  ...progress,
  storedBytes: count,
});

export const backupMessages = {
  /** Reads slots of the asked node since the snapshot `base` (0: from the start), and stores what changed. The answer
   *  comes within seconds; without `done` the part is under way, and the same question asks again. A part that nobody
   *  asks for is given up. Errors: BACKUP_CHANGED (the newest snapshot is another one), OVERLOADED (so many parts are
   *  under way here), KEY_MISSING, TASK_TAKEN (a later turn was here), those of storing. */
  "backup.part": call(
    "message",
    {
      ...part,
      base: count,
      slots: Type.Array(slot, { minItems: 1, maxItems: 64 }),
      /** The asking node reads units that are sealed together. */
      together: Type.Optional(Type.Boolean()),
      /** The slots are read from their beginnings, and what lies in these stripes, or with `full` all, is stored anew:
       *  it is lost. */
      anew: Type.Optional(
        closed({ lost: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 1_024 }), full: Type.Boolean() }),
      ),
    },
    closed({ progress: closed({ ...progress, workPercent }), done: Type.Optional(partDone) }),
  ),
  /** The part is not asked for again: what is under way of it is given up. */
  "backup.end": call("message", part, done),
  /** What a backup carries of the keys, in pieces. `madeAtMs` of the first piece is 0, of the others what the first
   *  answer said. Errors: NOT_FOUND (that one is not kept any more: begin again), FORBIDDEN (for a node that keeps no
   *  shards), KEY_MISSING. */
  "backup.keys": call(
    "message",
    { madeAtMs: count, start: count },
    closed({ madeAtMs: count, sizeBytes: count, bytes }),
  ),
  /** What the asked node has on its disk beside its shards, for a restore without nodes. */
  "backup.kept": call(
    "message",
    {},
    closed({
      head: Type.Optional(closed({ number: count, hash: Type.String({ maxLength: 64 }) })),
      /** When the keys there were written down; 0: there are none. */
      keysAtMs: count,
    }),
  ),
} as const;
