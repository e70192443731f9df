/** A function, and where its code is: `node/kernel/index.ts:120`, below the folder of Plexus. */
export interface ProfileFrame {
  readonly name: string;
  readonly at: string;
}

/** Calls as a tree. A row is `[frame, parent, self]`: indexes into `frames` and, -1 for the root's children, into the
 *  rows before; what it has by itself. */
export interface ProfileTree {
  /** `microseconds` or `bytes`. */
  readonly unit: "microseconds" | "bytes";
  readonly total: number;
  readonly frames: readonly ProfileFrame[];
  readonly rows: readonly (readonly [frame: number, parent: number, self: number])[];
  /** Of the time, in which the thread waited. Absent for heaps. */
  readonly idle?: number;
}

/** One function, with everything that it took wherever it was called. */
export interface HotFunction extends ProfileFrame {
  readonly self: number;
  /** With what it called. */
  readonly total: number;
}

/** The functions that took the most time by themselves. Pure. */
export function hottest({ frames, rows }: ProfileTree, count: number): readonly HotFunction[] {
  const totals = rows.map(([, , self]) => self);
  for (let at = rows.length - 1; at >= 0; at -= 1) {
    const parent = rows[at]?.[1] ?? -1;
    if (parent >= 0) totals[parent] = (totals[parent] ?? 0) + (totals[at] ?? 0);
  }
  const self = frames.map(() => 0);
  const total = frames.map(() => 0);
  for (const [at, [frame, parent, own]] of rows.entries()) {
    self[frame] = (self[frame] ?? 0) + own;
    // What calls itself is counted once.
    let above = parent;
    while (above >= 0 && rows[above]?.[0] !== frame) above = rows[above]?.[1] ?? -1;
    if (above < 0) total[frame] = (total[frame] ?? 0) + (totals[at] ?? 0);
  }
  return frames
    .map((frame, at) => ({ ...frame, self: self[at] ?? 0, total: total[at] ?? 0 }))
    .toSorted((one, other) => other.self - one.self || (one.at < other.at ? -1 : 1))
    .slice(0, count);
}
