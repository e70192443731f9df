/** A queue of classes, in each of which people take turns (`fair-queue.ts`).
 *
 *      class 0   ada bob ada …  ─┐ eight turns
 *      class 1   cyd …          ─┼─────────────► then one of a later class, if any waits there
 *      class 2   …              ─┘
 *
 *  An earlier class goes first, and still nobody waits for ever: every ninth turn is given on. Places are for all
 *  classes together: a call that comes to a full queue takes the place of somebody of a later class before one of its
 *  own. */
import { FairQueue, type FairQueueLimits, type Joined } from "./fair-queue.ts";
import { runtimeLimits } from "./limits.ts";

/** Where an item waits. */
export interface Stand {
  /** The class: 0 goes first. */
  readonly priority: number;
  readonly share: string;
  readonly lane: string;
}

/** The queue. */
export class ClassQueue<Item> {
  readonly #classes = Array.from({ length: runtimeLimits.priorityMax + 1 }, () => ({
    line: new FairQueue<Item>(),
    /** Turns taken while a later class waited. */
    turns: 0,
  }));

  get size(): number {
    return this.#classes.reduce((all, { line }) => all + line.size, 0);
  }

  /** Shares that wait in any class; one that waits in two counts twice. */
  get shares(): number {
    return this.#classes.reduce((all, { line }) => all + line.shares, 0);
  }

  join(stand: Stand, item: Item, limits: FairQueueLimits): Joined<Item> {
    const { priority, share, lane } = stand;
    const { line } = this.#at(priority);
    const crowded = this.#classes.reduce((all, one) => all + one.line.waitingOf(share), 0) >= limits.perShareMax;
    if (!crowded && this.size < limits.max)
      return line.join(share, lane, item, { max: Infinity, perShareMax: Infinity });
    for (const later of this.#classes.slice(priority + 1).toReversed()) {
      const freed = later.line.giveUp(crowded ? share : undefined);
      if (freed === undefined) continue;
      line.join(share, lane, item, { max: Infinity, perShareMax: Infinity });
      return { type: "displaced", item: freed };
    }
    // Its own class has no more places than it has now.
    const perShareMax = crowded ? line.waitingOf(share) : Infinity;
    return line.join(share, lane, item, { max: crowded ? Infinity : line.size, perShareMax });
  }

  /** Takes out who is next. */
  next(): Item | undefined {
    for (const [index, one] of this.#classes.entries()) {
      if (one.line.size === 0) {
        one.turns = 0;
        continue;
      }
      const laterWait = this.#classes.slice(index + 1).some(({ line }) => line.size > 0);
      if (laterWait && one.turns >= runtimeLimits.turnsBeforeLater) {
        one.turns = 0;
        continue;
      }
      one.turns = laterWait ? one.turns + 1 : 0;
      return one.line.next();
    }
    return undefined;
  }

  /** All that wait, about in the order of their turns if nobody comes or goes: those of earlier classes first. */
  inOrder(): readonly Item[] {
    return this.#classes.flatMap(({ line }) => line.inOrder());
  }

  /** Takes one out of the line. False when it was not in it. */
  leave({ priority, share, lane }: Stand, item: Item): boolean {
    return this.#at(priority).line.leave(share, lane, item);
  }

  /** Takes out all, in the order of their turns. */
  takeAll(): Item[] {
    const all: Item[] = [];
    for (let item = this.next(); item !== undefined; item = this.next()) all.push(item);
    return all;
  }

  /** Turns that surely come before the one that a newcomer would have. */
  turnsBefore({ priority, share, lane }: Stand): number {
    const within = this.#at(priority).line.turnsBefore(share, lane);
    const earlier = this.#classes.slice(0, priority).reduce((all, { line }) => all + line.size, 0);
    return within + Math.min(earlier, runtimeLimits.turnsBeforeLater * within);
  }

  #at(priority: number): { readonly line: FairQueue<Item> } {
    return this.#classes[Math.min(Math.max(0, Math.trunc(priority)), runtimeLimits.priorityMax)]!;
  }
}
