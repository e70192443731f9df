/** Lets the work of backups through, piece by piece, as often as `pacer.ts` says.
 *
 *      piece ─► nobody is there: at once          people are: one at a time ─► rest ─► the next
 *
 *  A piece is short and whole: a page that is read, rows that are cut in the pool, a shard that is written and synced.
 *  None has another one in it, and none waits for a rest of another node: while it waited nothing would be done, and
 *  changes that were not late would count for work that disturbs nobody.
 *
 *  So a stripe that is put is many pieces: it is coded, and each chunk of its shards is brought. They go before others,
 *  and rest for a shorter time at the most, since a put has to end in time.
 *
 *  A shard that another node brings waits for the rest alone, once, and for no piece: two nodes that store shards at
 *  each other would wait for each other. What each of its chunks takes is rested behind as well. */
import type { Clock } from "../../ports/index.ts";
import { paceLimits, type PaceLimits } from "../limits.ts";
import { Pacer } from "./pacer.ts";
import type { BackupStripes } from "../ports.ts";

/** Does a piece of work when its time has come. Errors: those of the work. */
export type Piece = <Answer>(work: () => Promise<Answer>) => Promise<Answer>;

/** Does it at once. */
export const unpaced: Piece = (work) => work();

/** How what is read from a journal is let through. */
export interface ReadPacing {
  readonly piece: Piece;
  /** Reads as a piece the next part of something larger: of so many bytes at the most, and fewer where a part takes
   *  long. */
  part<Answer>(
    most: number,
    work: (bytes: number) => Promise<Answer>,
    bytesOf: (answer: Answer) => number,
  ): Promise<Answer>;
}

/** Reads all that there may be, at once. */
export const unpacedReads: ReadPacing = { piece: unpaced, part: (most, work) => work(most) };

export interface Pacing extends ReadPacing {
  /** Does a part of a stripe that is put: as a piece before all others, behind `putRestMsMax` at the most. */
  readonly put: Piece;
  /** Does what another node's backup asks of this node: once the rest is over, which is `restMsMax` at the most. */
  readonly guest: Piece;
  /** Does a part of that at once. */
  readonly counted: Piece;
  /** Is told of each change of people's data that is on the disk now: what it took. */
  heard(tookMs: number): void;
  /** Is told how many nodes one change of people's data waits for: one until then. */
  among(places: number): void;
  /** Whether nobody is there. */
  readonly isAlone: () => boolean;
  /** Of a shard that is written, how many bytes are synced at once; undefined: all of it, since nobody is there. */
  readonly syncedBytes: () => number | undefined;
  /** Of the time, how much is work. 100: nobody is in its way. */
  percent(): number;
  /** Nothing waits any more. */
  stop(): void;
}

/** One for a node: all that backups do there is one piece after the other. */
export const createPacing = (options: { readonly clock: Clock; readonly limits?: PaceLimits }): Pacing =>
  new NodePacing(options);

class NodePacing implements Pacing {
  readonly #clock: Clock;
  readonly #limits: PaceLimits;
  readonly #pacer: Pacer;
  readonly #waiting: { readonly begin: () => void; readonly restMsMax: number }[] = [];
  /** What other nodes brought, and waits for the rest. */
  readonly #resting = new Set<() => void>();
  /** Pieces, and what other nodes brought. */
  #running = 0;
  /** A piece has ended, and the loop has not turned since. */
  #isTurning = false;
  #guests = 0;
  #beganMs = -Infinity;
  #endedMs = -Infinity;
  /** Rest that is owed. It is taken when it is long enough for a timer. */
  #owedMs = 0;
  #restUntilMs = -Infinity;
  /** Since when the first piece that waits has been the first. */
  #firstMs: number | undefined;
  #places = 1;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor({ clock, limits = paceLimits }: { readonly clock: Clock; readonly limits?: PaceLimits }) {
    this.#clock = clock;
    this.#limits = limits;
    this.#pacer = new Pacer(limits);
  }

  readonly piece: Piece = async (work) => {
    await new Promise<void>((begin) => {
      this.#waiting.push({ begin, restMsMax: this.#limits.restMsMax });
      this.#next();
    });
    return this.#work(work);
  };

  readonly put: Piece = async (work) => {
    await new Promise<void>((begin) => {
      const { putRestMsMax: restMsMax } = this.#limits;
      // Behind others of the same stripe.
      const place = this.#waiting.findIndex((one) => one.restMsMax !== restMsMax);
      this.#waiting.splice(place === -1 ? this.#waiting.length : place, 0, { begin, restMsMax });
      this.#next();
    });
    return this.#work(work);
  };

  async #work<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    try {
      return await work();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#worked(this.#beganMs);
      if (this.#stopped || this.isAlone()) this.#next();
      else this.#turn();
    }
  }

  /** Where somebody is there, what came meanwhile is before the next piece, also where no rest is due, and where the
   *  caller asks for the next one at once. */
  #turn(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.#clock.soon(() => {
      this.#isTurning = false;
      this.#next();
    });
  }

  readonly guest: Piece = async (work) => {
    await this.#rest();
    return this.counted(work);
  };

  readonly counted: Piece = async (work) => {
    this.#guests += 1;
    const sinceMs = this.#clock.monotonicMs();
    try {
      return await work();
    } finally {
      this.#guests -= 1;
      this.#worked(sinceMs);
    }
  };

  readonly part: Pacing["part"] = (most, work, bytesOf) =>
    this.piece(async () => {
      const startMs = this.#clock.monotonicMs();
      const answer = await work(this.#pacer.partBytes(most, startMs));
      this.#pacer.tookPart(bytesOf(answer), this.#clock.monotonicMs() - startMs);
      return answer;
    });

  heard(tookMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    // The disk goes on for a moment behind what it was given.
    const isBeside = this.#running + this.#guests > 0 || this.#endedMs + this.#limits.tailMs >= nowMs - tookMs;
    this.#pacer.heard(tookMs, nowMs, isBeside, this.#places);
  }

  among(places: number): void {
    this.#places = places;
  }

  readonly isAlone = (): boolean => this.#pacer.isAlone(this.#clock.monotonicMs());

  readonly syncedBytes = (): number | undefined => (this.isAlone() ? undefined : this.#limits.syncedBytes);

  percent(): number {
    return Math.ceil(100 * this.#pacer.share(this.#clock.monotonicMs()));
  }

  stop(): void {
    this.#stopped = true;
    for (const goOn of this.#resting) goOn();
    this.#next();
  }

  /** What is left of the rest for work that waits since then: what other nodes bring meanwhile prolongs the rest, and
   *  nothing may wait for ever. */
  #restLeftMs(nowMs: number, sinceMs: number, restMsMax = this.#limits.restMsMax): number {
    if (this.#stopped || this.#pacer.isAlone(nowMs)) return 0;
    return Math.max(0, Math.min(this.#restUntilMs, sinceMs + restMsMax) - nowMs);
  }

  #next(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const nowMs = this.#clock.monotonicMs();
      const isBusy = this.#running > 0 || this.#isTurning;
      if (isBusy && !this.#stopped && !this.#pacer.isAlone(nowMs)) return;
      this.#firstMs ??= nowMs;
      const leftMs = this.#restLeftMs(nowMs, this.#firstMs, first.restMsMax);
      if (leftMs > 0) {
        this.#cancel = this.#clock.after(leftMs, () => this.#next());
        return;
      }
      if (this.#running === 0) this.#beganMs = nowMs;
      this.#running += 1;
      this.#firstMs = undefined;
      this.#waiting.shift();
      first.begin();
    }
  }

  async #rest(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const leftMs = this.#restLeftMs(nowMs, nowMs);
    if (leftMs === 0) return;
    await new Promise<void>((over) => {
      const cancel = this.#clock.after(leftMs, goOn);
      const resting = this.#resting;
      function goOn(): void {
        cancel();
        resting.delete(goOn);
        over();
      }
      resting.add(goOn);
    });
  }

  /** Takes in that something ended that began then. */
  #worked(sinceMs: number): void {
    this.#endedMs = this.#clock.monotonicMs();
    this.#owedMs += this.#pacer.restMs(this.#endedMs - sinceMs, this.#endedMs);
    if (this.#owedMs < this.#limits.restMsMin) return;
    const restedMs = Math.max(this.#restUntilMs, this.#endedMs) + this.#owedMs;
    this.#restUntilMs = Math.min(restedMs, this.#endedMs + this.#limits.restMsMax);
    this.#owedMs = 0;
  }
}

/** How the stripes of a backup make room for people. */
export type StripePacing = Pick<Pacing, "piece" | "put" | "isAlone" | "syncedBytes">;

/** Stripes, each put in parts, and read as a piece; their holders are asked for some at a time. */
export const pacedStripes = (stripes: BackupStripes, { piece, put, syncedBytes }: StripePacing): BackupStripes => ({
  ...stripes,
  put: (bytes, how) => stripes.put(bytes, { ...how, pacing: { part: put, bytes: syncedBytes } }),
  read: (ref, memory) => piece(() => stripes.read(ref, memory)),
  inspect: (ref, deep) => piece(() => stripes.inspect(ref, deep)),
  ...(stripes.standing && {
    async standing(refs) {
      const there = new Set<string>();
      for (let at = 0; at < refs.length;) {
        const asked = syncedBytes() === undefined ? refs.length : paceLimits.stripesAsked;
        const some = refs.slice(at, at + asked);
        at += some.length;
        for (const id of (await piece(async () => stripes.standing?.(some))) ?? []) there.add(id);
      }
      return there;
    },
  }),
});
