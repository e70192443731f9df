/** Generations of the directory. One that was recovered by hand is the next one, and may have forgotten what the last
 *  one gave out. So its revisions and epochs begin above all of those: whatever rests on an earlier one is refused as
 *  old. */

/** Revisions, and epochs of one slot, that a generation can give out. */
const span = 2 ** 32;

/** Everything that a generation gives out is above this. */
export const floorOf = (generation: number): number => generation * span;

/** Whether an epoch was given out before the generation of a directory, which has come to this revision, began: it was
 *  recovered since. */
export const isOfEarlier = (epoch: number, revision: number): boolean =>
  Math.floor(epoch / span) < Math.floor(revision / span);

/** The first epoch of a slot, by the revision or the epoch of any row as its directory has it now. */
export const firstEpoch = (current: number): number => Math.floor(current / span) * span + 1;
