/** Which callers wait, and which is next: shares take turns, and within a share its lanes do.
 *
 *      share   lane      waiting                     taken
 *      ada     phone     a1 a2 ─┐
 *              key       a3     ├──────────────────► a1 b1 a3 b2 a2
 *      bob     phone     b1 b2 ─┘
 *
 *  A share is what must not suffer from others (a person), a lane what must not suffer within it (one of its keys). A
 *  newcomer stands behind one turn of each other share at most, however much those have waiting: each takes its next
 *  turn from the end of the ring.
 *
 *  Places are bounded in all and for each share, and given out so that the smallest have most: when none is left, who
 *  has at least two more than the newcomer would gives up its youngest. So `n` shares have `max / n` places each,
 *  whatever they ask for. */

/** Places, in all and for each share. */
export interface FairQueueLimits {
  readonly max: number;
  readonly perShareMax: number;
}

/** What came of a newcomer. */
export type Joined<Item> =
  | { readonly type: "waits" }
  /** It waits in the place of another, which is in the queue no more. */
  | { readonly type: "displaced"; readonly item: Item }
  | { readonly type: "full"; readonly limit: keyof FairQueueLimits };

interface Share<Item> {
  /** In the order of their turns. */
  readonly lanes: Map<string, Item[]>;
  count: number;
}

export class FairQueue<Item> {
  /** In the order of their turns. Those with nothing waiting are not kept. */
  readonly #shares = new Map<string, Share<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many of a share wait. */
  waitingOf(share: string): number {
    return this.#shares.get(share)?.count ?? 0;
  }

  /** Shares that have something waiting. */
  get shares(): number {
    return this.#shares.size;
  }

  /** Turns that surely come before the one that a newcomer would have: those of its lane, and as many of every
   *  other. */
  turnsBefore(share: string, lane: string): number {
    const lanes = this.#shares.get(share)?.lanes;
    const ahead = lanes?.get(lane)?.length ?? 0;
    // Then nobody else has one before it either.
    if (ahead === 0) return 0;
    const mine = sumOf(lanes?.values() ?? [], ({ length }) => Math.min(length, ahead));
    return sumOf(this.#shares.values(), ({ count }) => Math.min(count, mine));
  }

  /** Whether a newcomer would wait, in a place of its own or of another. */
  hasPlace(share: string, lane: string, limits: FairQueueLimits): boolean {
    const own = this.#shares.get(share);
    const mine = own?.count ?? 0;
    const isFull = mine >= limits.perShareMax || this.#size >= limits.max;
    if (!isFull) return true;
    if (mine < limits.perShareMax && this.#largest(mine + 2) !== undefined) return true;
    const largest = Math.max(0, ...[...(own?.lanes.values() ?? [])].map(({ length }) => length));
    return largest >= (own?.lanes.get(lane)?.length ?? 0) + 2;
  }

  join(share: string, lane: string, item: Item, limits: FairQueueLimits): Joined<Item> {
    const own = this.#shares.get(share);
    const mine = own?.count ?? 0;
    let place: Joined<Item> = { type: "waits" };
    if (mine >= limits.perShareMax) {
      const freed = this.#displaceWithin(share, lane);
      place = freed ?? { type: "full", limit: "perShareMax" };
    } else if (this.#size >= limits.max) {
      const freed = this.#displaceOther(mine) ?? this.#displaceWithin(share, lane);
      place = freed ?? { type: "full", limit: "max" };
    }
    if (place.type !== "full") this.#add(share, lane, item);
    return place;
  }

  /** Takes out who is next. */
  next(): Item | undefined {
    for (const [name, share] of this.#shares) {
      for (const [lane, items] of share.lanes) {
        const item = items.shift() as Item;
        // Behind all others, for its next turn.
        share.lanes.delete(lane);
        if (items.length > 0) share.lanes.set(lane, items);
        share.count -= 1;
        this.#size -= 1;
        this.#shares.delete(name);
        if (share.count > 0) this.#shares.set(name, share);
        return item;
      }
    }
    return undefined;
  }

  /** All that wait, in the order of their turns if nobody comes or goes. */
  inOrder(): readonly Item[] {
    const copy = new FairQueue<Item>();
    for (const [name, { lanes, count }] of this.#shares)
      copy.#shares.set(name, { lanes: new Map([...lanes].map(([lane, items]) => [lane, [...items]])), count });
    copy.#size = this.#size;
    return copy.takeAll();
  }

  /** Takes one out of the line. False when it was not in it. */
  leave(share: string, lane: string, item: Item): boolean {
    const at = this.#shares.get(share)?.lanes.get(lane)?.indexOf(item) ?? -1;
    if (at < 0) return false;
    this.#take(share, lane, at);
    return true;
  }

  /** Takes out all, in the order of their turns. */
  takeAll(): Item[] {
    const all: Item[] = [];
    while (this.#size > 0) all.push(this.next() as Item);
    return all;
  }

  /** Takes out the youngest of the share, or of the one that has most waiting. */
  giveUp(share?: string): Item | undefined {
    const name = share ?? this.#largest(0)?.[0];
    const found = name === undefined ? undefined : this.#shares.get(name);
    return name === undefined || found === undefined ? undefined : this.#displace(name, found).item;
  }

  #add(name: string, lane: string, item: Item): void {
    const share = this.#shares.get(name) ?? { lanes: new Map<string, Item[]>(), count: 0 };
    this.#shares.set(name, share);
    const items = share.lanes.get(lane) ?? [];
    share.lanes.set(lane, items);
    items.push(item);
    share.count += 1;
    this.#size += 1;
  }

  #take(name: string, lane: string, at: number): Item {
    const share = this.#shares.get(name) as Share<Item>;
    const items = share.lanes.get(lane) as Item[];
    const [item] = items.splice(at, 1) as [Item];
    if (items.length === 0) share.lanes.delete(lane);
    share.count -= 1;
    this.#size -= 1;
    if (share.count === 0) this.#shares.delete(name);
    return item;
  }

  /** The youngest of the largest share, if that has at least two more than one with `mine`. */
  #displaceOther(mine: number): Joined<Item> | undefined {
    const largest = this.#largest(mine + 2);
    return largest && this.#displace(...largest);
  }

  /** The share that has most waiting, if that is at least so much. */
  #largest(least: number): [name: string, share: Share<Item>] | undefined {
    let largest: [name: string, share: Share<Item>] | undefined;
    for (const [name, share] of this.#shares) if (share.count >= (largest?.[1].count ?? least)) largest = [name, share];
    return largest;
  }

  /** The same among the lanes of one share. */
  #displaceWithin(name: string, lane: string): Joined<Item> | undefined {
    const share = this.#shares.get(name);
    const largest = Math.max(0, ...[...(share?.lanes.values() ?? [])].map(({ length }) => length));
    return share !== undefined && largest >= (share.lanes.get(lane)?.length ?? 0) + 2
      ? this.#displace(name, share)
      : undefined;
  }

  #displace(name: string, share: Share<Item>): { readonly type: "displaced"; readonly item: Item } {
    let largest: [lane: string, items: Item[]] | undefined;
    for (const [lane, items] of share.lanes) if (items.length >= (largest?.[1].length ?? 0)) largest = [lane, items];
    const [lane, items] = largest as [string, Item[]];
    return { type: "displaced", item: this.#take(name, lane, items.length - 1) };
  }
}

function sumOf<Item>(items: Iterable<Item>, of: (item: Item) => number): number {
  let sum = 0;
  for (const item of items) sum += of(item);
  return sum;
}
