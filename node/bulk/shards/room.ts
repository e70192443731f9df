/** Memory for stripes: so many bytes at a time, the rest waits, owners in turn. */
import { assert, failure, ok, refused, type Result } from "../../../protocols/index.ts";
import { FairQueue } from "../../../runtimes/fair-queue.ts";

/** Gives room back: all but `kept` bytes, which are given back later. */
export type Leave = (kept?: number) => void;

interface Waiting {
  readonly bytes: number;
  readonly settle: (entered: Result<Leave>) => void;
}

interface StripeRoom {
  /** Resolves with what gives the room back. Error: OVERLOADED. */
  enter(share: string, bytes: number): Promise<Result<Leave>>;
  readonly usedBytes: number;
  /** Whether somebody waits. */
  readonly isWanted: boolean;
}

/** Makes it. What is larger than all of it may enter alone. */
export function createStripeRoom(limits: { readonly bytesMax: number; readonly waitingMax: number }): StripeRoom {
  const queue = new FairQueue<Waiting>();
  let used = 0;
  let next: Waiting | undefined;

  const leaver = (bytes: number): Leave => {
    let mine = bytes;
    return (kept = 0) => {
      const freed = mine - Math.min(mine, kept);
      if (freed === 0) return;
      mine -= freed;
      used -= freed;
      assert(used >= 0, "room that is given back was taken");
      admit();
    };
  };
  function admit(): void {
    for (;;) {
      // The next in line stays next: a large one must not wait for ever behind small ones.
      next ??= queue.next();
      if (next === undefined || (used > 0 && used + next.bytes > limits.bytesMax)) return;
      const { bytes, settle } = next;
      next = undefined;
      used += bytes;
      settle(ok(leaver(bytes)));
    }
  }

  return {
    get usedBytes() {
      return used;
    },
    get isWanted() {
      return next !== undefined || queue.size > 0;
    },
    enter: (share, bytes) =>
      new Promise((settle) => {
        const max = limits.waitingMax;
        const joined = queue.join(share, "", { bytes, settle }, { max, perShareMax: Math.ceil(max / 2) });
        const full = (limit: string) => refused(failure("OVERLOADED", { limit }));
        if (joined.type === "full") settle(full(joined.limit));
        if (joined.type === "displaced") joined.item.settle(full("max"));
        admit();
      }),
  };
}
