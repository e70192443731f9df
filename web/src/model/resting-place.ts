/** A stretch of the screen, from its upper edge to its lower one. */
export interface Stretch {
  readonly topPx: number;
  readonly bottomPx: number;
}

// One line of a notice with its button.
const leastPx = 64;

/** Where the notices stand: the lowest free stretch of the screen that has room for them, otherwise the highest one, in
 *  which they scroll. `taken` is what they must not cover: where one writes, and what sends it. They never take more
 *  than a third of the screen. Where everything is taken, as by a menu full of buttons, they stand at the bottom: what
 *  cannot be read is of no use. */
export function restingPlace(screen: Stretch, wantedPx: number, taken: readonly Stretch[]): Stretch {
  const heightPx = Math.min(wantedPx, heightOf(screen) / 3);
  const free = freeOf(screen, taken);
  const roomiest = free.reduce((best, one) => (heightOf(one) > heightOf(best) ? one : best), screenless);
  const usable = heightOf(roomiest) >= Math.min(heightPx, leastPx) ? roomiest : screen;
  const { topPx, bottomPx } = free.findLast((one) => heightOf(one) >= heightPx) ?? usable;
  return { topPx: Math.max(topPx, bottomPx - heightPx), bottomPx };
}

const screenless: Stretch = { topPx: 0, bottomPx: 0 };
const heightOf = ({ topPx, bottomPx }: Stretch): number => bottomPx - topPx;

/** What of the screen is not taken, from above to below. */
function freeOf(screen: Stretch, taken: readonly Stretch[]): readonly Stretch[] {
  const free: Stretch[] = [];
  let fromPx = screen.topPx;
  const end = { topPx: screen.bottomPx, bottomPx: screen.bottomPx };
  for (const { topPx, bottomPx } of [...taken, end].toSorted((one, other) => one.topPx - other.topPx)) {
    const untilPx = Math.min(topPx, screen.bottomPx);
    if (untilPx > fromPx) free.push({ topPx: fromPx, bottomPx: untilPx });
    fromPx = Math.max(fromPx, bottomPx);
  }
  return free;
}
