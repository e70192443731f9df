import type { ProfileTree } from "../../../../../protocols/index.ts";

/** A call in the picture: where it lies in the width of 1, and how deep. */
interface Box {
  readonly row: number;
  readonly left: number;
  readonly width: number;
  readonly depth: number;
}

/** Narrower calls are left out: nobody sees or hits them. */
const widthMin = 1 / 500;
const depthMax = 60;

/** What each row took, with all that it called. */
export function totalsOf({ rows }: ProfileTree): readonly number[] {
  const totals = rows.map(([, , self]) => self);
  for (let at = rows.length - 1; at >= 0; at -= 1) {
    const parent = rows[at]?.[1] ?? -1;
    if (parent >= 0) totals[parent] = (totals[parent] ?? 0) + (totals[at] ?? 0);
  }
  return totals;
}

/** The picture of a tree, or of what is below one of its rows: a call lies below its caller, as wide as its share.
 *  Pure. */
export function boxesOf(tree: ProfileTree, from = -1): readonly Box[] {
  const totals = totalsOf(tree);
  const whole = from < 0 ? tree.total : (totals[from] ?? 0);
  if (whole <= 0) return [];
  const children = new Map<number, number[]>();
  for (const [at, [, parent]] of tree.rows.entries()) {
    const list = children.get(parent) ?? [];
    children.set(parent, list);
    list.push(at);
  }
  const boxes: Box[] = [];
  const open = from < 0 ? [{ row: -1, left: 0, depth: -1 }] : [{ row: from, left: 0, depth: 0 }];
  if (from >= 0) boxes.push({ row: from, left: 0, width: 1, depth: 0 });
  for (let one = open.shift(); one !== undefined; one = open.shift()) {
    let { left } = one;
    const below = (children.get(one.row) ?? []).toSorted((a, b) => (totals[b] ?? 0) - (totals[a] ?? 0));
    for (const row of below) {
      const width = (totals[row] ?? 0) / whole;
      if (width >= widthMin && one.depth < depthMax) {
        boxes.push({ row, left, width, depth: one.depth + 1 });
        open.push({ row, left, depth: one.depth + 1 });
      }
      left += width;
    }
  }
  return boxes;
}

/** Where a function took the most in one place. */
export function largestOf(tree: ProfileTree, frame: number): number {
  const totals = totalsOf(tree);
  return tree.rows.reduce(
    (best, [of], at) => (of === frame && (best < 0 || (totals[at] ?? 0) > (totals[best] ?? 0)) ? at : best),
    -1,
  );
}
