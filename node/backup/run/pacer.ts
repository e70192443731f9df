/** How much of the time a backup works while people use the node, and how much it reads at once: a pure rule.
 *
 *      nobody has changed anything for a while ─► all of the time
 *      people come                             ─► a little of it, and from there:
 *        a change beside its work was as fast as usual ─► a little more        (additive increase)
 *        one was late                                  ─► half as much, down to a floor: it always ends
 *                                                                               (multiplicative decrease)
 *
 *  Late is what took more than 1.2 times what the slowest hundredth of the changes took while nothing was done for a
 *  backup. Where x of the changes beside its work are late, the share settles where x · share / 2 is the increase: so
 *  of all changes about twice the increase is late because of a backup, 0.4 %, however much each piece of its work
 *  disturbs. That is what keeps the 99th percentile where it was. In a cluster one change waits for several nodes, each
 *  of which works for the backup: the increase is divided by their number, so that it is 0.4 % of all of them together.
 *
 *  A change that waits behind a long piece of work is late however seldom that is, and all that come meanwhile are. So
 *  what is read is read in parts: one that took longer than it may, because the disk or the event loop was slow, is
 *  followed by one half as large, down to a least, and each other one by one that is a little larger.
 *
 *  What is measured is the time from when a change is asked for until the node's thread hears that it is on the disk.
 *  So it has the disk in it, and every turn of the event loop that was too long. */
import type { PaceLimits } from "../limits.ts";

export class Pacer {
  readonly #limits: PaceLimits;
  /** What changes took while no backup worked: the last ones, the oldest overwritten. */
  readonly #usual: number[] = [];
  #next = 0;
  /** Undefined: too many have come since, and it is to be counted anew. */
  #lateMs: number | undefined = Infinity;
  /** When the last changes were, as many as it takes for somebody to be there. */
  #heardMs: number[] = [];
  #share: number;
  #partBytes: number;

  constructor(limits: PaceLimits) {
    this.#limits = limits;
    this.#share = limits.shareFirst;
    this.#partBytes = limits.partBytesFirst;
  }

  /** Takes in one change: what it took, whether a backup was at work meanwhile, and how many nodes such a change waits
   *  for. */
  heard(tookMs: number, nowMs: number, isBeside: boolean, places = 1): void {
    const { changesPresent, usualKept, shareFirst, shareMin, shareMore, partBytesFirst } = this.#limits;
    // People who come back find a backup at full speed: what it did to their first changes says nothing of how fast it
    // may be from here.
    if (this.isAlone(nowMs)) [this.#share, this.#partBytes] = [shareFirst, partBytesFirst];
    else if (isBeside)
      this.#share =
        tookMs > this.#late() ? Math.max(shareMin, this.#share / 2) : Math.min(1, this.#share + shareMore / places);
    this.#heardMs.push(nowMs);
    if (this.#heardMs.length > changesPresent) this.#heardMs.shift();
    if (isBeside) return;
    this.#usual[this.#next] = tookMs;
    this.#next = (this.#next + 1) % usualKept;
    if (this.#next % this.#limits.countedAnew === 0 || this.#usual.length < this.#limits.countedAnew)
      this.#lateMs = undefined;
  }

  /** Whether nobody is in its way. Now and then a node changes something by itself: that is nobody. */
  isAlone(nowMs: number): boolean {
    const { changesPresent, presentMs } = this.#limits;
    const [first = -Infinity] = this.#heardMs;
    return this.#heardMs.length < changesPresent || nowMs - first > presentMs;
  }

  /** The share of the time in which it may work, up to 1. */
  share(nowMs: number): number {
    return this.isAlone(nowMs) ? 1 : this.#share;
  }

  /** How long it rests after so much work. */
  restMs(workedMs: number, nowMs: number): number {
    const share = this.share(nowMs);
    return Math.min(this.#limits.restMsMax, workedMs * (1 / share - 1));
  }

  /** How many bytes it reads at once, of those that there may be. */
  partBytes(most: number, nowMs: number): number {
    return this.isAlone(nowMs) ? most : Math.min(most, this.#partBytes);
  }

  /** Takes in one part: how many bytes it came to, and what it took. */
  tookPart(bytes: number, tookMs: number): void {
    const { partMs, partBytesMin, partBytesMax, partBytesMore } = this.#limits;
    if (tookMs > partMs) this.#partBytes = Math.max(partBytesMin, this.#partBytes / 2);
    // A short one at the end of a range says nothing of longer ones.
    else if (2 * bytes >= this.#partBytes) this.#partBytes = Math.min(partBytesMax, this.#partBytes + partBytesMore);
  }

  #late(): number {
    if (this.#lateMs !== undefined) return this.#lateMs;
    const inOrder = this.#usual.toSorted((one, other) => one - other);
    const usual = inOrder[Math.ceil(inOrder.length * 0.99) - 1];
    this.#lateMs = usual === undefined ? Infinity : usual * this.#limits.lateFactor;
    return this.#lateMs;
  }
}
