import { saltedHash32 } from "../../../protocols/index.ts";
import type { Clock, Random } from "../../ports/index.ts";
import type { Rate } from "../limits.ts";

/** A limit on how often each key may act. Both answers are 0 (go on) or the wait in milliseconds. */
export interface RateLimit {
  /** Counts one act, if it is allowed now. */
  take(key: string): number;
  /** Says what `take` would, and counts nothing. */
  wait(key: string): number;
  /** Takes back one act that was counted. */
  giveBack(key: string): void;
}

/** A limit of units that are taken several at once, and before they are there: each taker has its turn behind those who
 *  came before. All answers are the wait in milliseconds until so many are there. */
interface Reservations {
  /** Says what `take` would, and takes nothing. */
  wait(key: string, count: number): number;
  take(key: string, count: number): number;
  giveBack(key: string, count: number): void;
}

/** A limit that other gateways count with: see shared-rates.ts. */
export interface SharedRateLimit extends RateLimit {
  /** Acts of a key at another gateway; fewer than none: so many were taken back there. */
  heard(key: string, count: number): void;
  /** What the others have to hear, of so many keys at most. It is told from now on: what not all have heard counts as
   *  untold, and is not told again, because some may have heard it. */
  news(max: number): readonly News[];
  hasNews(): boolean;
  /** All of them have heard it. */
  heardByAll(news: readonly News[]): void;
}

/** Acts of one key that other gateways have not heard of. */
export interface News {
  readonly key: string;
  /** What others count: the untold acts, less those that were taken back of told ones. */
  readonly count: number;
  readonly acts: number;
  readonly row: number;
}

/** What becomes of acts of which other gateways cannot be told. `waits`: they fit into this gateway's share, and no
 *  more: for guesses. `passes`: they go on at the whole rate, so that no node that is silent or away slows people
 *  down. */
export type Unheard = "waits" | "passes";

/** How a limit is shared between gateways. */
export interface Sharing {
  readonly unheard: Unheard;
  /** How it stands now; undefined: this is the only gateway. */
  now():
    | {
        /** Gateways of the cluster. */
        readonly nodes: number;
        /** This one reaches most of them. One that does not has its share and nothing else. */
        readonly inTouch: boolean;
      }
    | undefined;
  /** There is news. `soon`: acts are about to wait until it is told. */
  due(soon: boolean): void;
  readonly limits: {
    /** Part of its share that a gateway may use up without telling. */
    readonly rateSilentShare: number;
    /** Keys with news, of one limit. */
    readonly rateNewsKeysMax: number;
    /** The wait of a caller that waits until others were told. */
    readonly rateTellSoonMs: number;
  };
}

/** What sums of fractions of milliseconds are wrong by, and more: a wait of less is none. */
const roundingMs = 0.01;

/** Bursts that a key can be behind at most, whatever others say; more than what gateways let pass together. */
const behindMax = 4;

/** The generic cell rate algorithm (ITU-T I.371): one number a key, the time at which its burst is whole again.
 *
 *  The table has a fixed number of rows, so that no flood of addresses fills memory. Two keys that meet in a row share
 *  its limit; the hash is salted, so that nobody can choose whom to meet. It answers at once and not by a promise,
 *  because commands of one connection must keep their order.
 *
 *  A shared limit has a second number a key: by when the acts are forgotten of which no other gateway has heard. They
 *  must fit into this gateway's share of the burst. */
export function createRateLimit(rate: Rate, rows: number, clock: Clock, random: Random): RateLimit;
export function createRateLimit(
  rate: Rate,
  rows: number,
  clock: Clock,
  random: Random,
  sharing: Sharing | undefined,
): SharedRateLimit;
export function createRateLimit(
  rate: Rate,
  rows: number,
  clock: Clock,
  random: Random,
  sharing?: Sharing,
): SharedRateLimit {
  const bursts = new Bursts(rate, rows, random);
  const { intervalMs } = bursts;
  const untoldUntilMs = new Float64Array(sharing === undefined ? 0 : rows);
  /** Rows with news: whose it is, and what was taken back of what was told. */
  const hot = new Map<number, { readonly key: string; back: number }>();
  /** Of the untold acts of a row, those that are on their way, or that not all have heard. */
  const sent = new Map<number, number>();

  /** This gateway's share: of the burst, and how long an untold act counts. */
  function share() {
    const standing = sharing?.now();
    if (sharing === undefined || standing === undefined) return undefined;
    const { nodes, inTouch } = standing;
    if (!inTouch && sharing.unheard === "passes") return undefined;
    const burst = Math.max(1, Math.floor(rate.count / nodes));
    return { inTouch, burst, actMs: (intervalMs * nodes) / (inTouch ? sharing.limits.rateSilentShare : 1) };
  }

  const untold = (at: number, nowMs: number, actMs: number): number =>
    Math.max(0, (untoldUntilMs[at] as number) - nowMs) / actMs;

  /** The wait until one act more of which nobody has heard fits into the share. */
  function shareWaitMs(at: number, nowMs: number): number {
    const own = share();
    if (own === undefined || sharing === undefined) return 0;
    const over = untold(at, nowMs, own.actMs) + 1 - own.burst - roundingMs;
    if (over <= 0) return 0;
    return own.inTouch ? sharing.limits.rateTellSoonMs : Math.ceil(over * own.actMs);
  }

  function note(at: number, key: string, soon: boolean): { back: number } | undefined {
    if (sharing === undefined) return undefined;
    const known = hot.get(at);
    const one = known ?? { key, back: 0 };
    // One key more has its share until there is room again.
    if (known === undefined && hot.size >= sharing.limits.rateNewsKeysMax) return undefined;
    hot.set(at, one);
    sharing.due(soon);
    return one;
  }

  function count(at: number, key: string, nowMs: number): void {
    bursts.take(at, 1, nowMs);
    const own = share();
    if (own === undefined || sharing === undefined) return;
    untoldUntilMs[at] = Math.max(untoldUntilMs[at] as number, nowMs) + own.actMs;
    if (!own.inTouch) return;
    const level = untold(at, nowMs, own.actMs);
    if (level > own.burst * sharing.limits.rateSilentShare) note(at, key, level > own.burst / 2);
  }

  return {
    take(key) {
      const at = bursts.row(key);
      const nowMs = clock.monotonicMs();
      const wait = bursts.waitMs(at, 1, nowMs) || shareWaitMs(at, nowMs);
      if (wait === 0) count(at, key, nowMs);
      return wait;
    },
    wait(key) {
      const at = bursts.row(key);
      const nowMs = clock.monotonicMs();
      return bursts.waitMs(at, 1, nowMs) || shareWaitMs(at, nowMs);
    },
    giveBack(key) {
      const at = bursts.row(key);
      const nowMs = clock.monotonicMs();
      bursts.giveBack(at, 1);
      const own = share();
      if (own === undefined) return;
      if (untold(at, nowMs, own.actMs) - (sent.get(at) ?? 0) >= 1 - roundingMs) {
        untoldUntilMs[at] = (untoldUntilMs[at] as number) - own.actMs;
        return;
      }
      // The others count it.
      const one = note(at, key, false);
      if (one !== undefined) one.back += 1;
    },
    heard(key, acts) {
      const at = bursts.row(key);
      const nowMs = clock.monotonicMs();
      bursts.heard(at, acts, nowMs);
    },
    hasNews: () => hot.size > 0,
    news(max) {
      const own = share();
      const nowMs = clock.monotonicMs();
      const all: News[] = [];
      // A node that is alone, or cut off, has nobody to tell.
      if (own?.inTouch !== true) {
        hot.clear();
        sent.clear();
        return all;
      }
      for (const at of sent.keys()) if ((untoldUntilMs[at] as number) <= nowMs) sent.delete(at);
      for (const [at, { key, back }] of hot) {
        if (all.length >= max) break;
        hot.delete(at);
        const acts = Math.floor(untold(at, nowMs, own.actMs) + roundingMs);
        const before = Math.min(acts, sent.get(at) ?? 0);
        if (acts > 0) sent.set(at, acts);
        if (acts - before - back !== 0) all.push({ key, row: at, acts: acts - before, count: acts - before - back });
      }
      return all;
    },
    heardByAll(news) {
      const own = share();
      const nowMs = clock.monotonicMs();
      for (const { row: at, acts } of news) {
        const left = (sent.get(at) ?? 0) - acts;
        if (left > 0) sent.set(at, left);
        else sent.delete(at);
        if (own !== undefined) untoldUntilMs[at] = Math.max(nowMs, (untoldUntilMs[at] as number) - acts * own.actMs);
      }
    },
  };
}

/** The address as a key: IPv6 by its /64, because one household has 2^64 of them. */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail = ""] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return groups.slice(0, 4).join(":");
}

/** The same algorithm, for what is taken in its turn. */
export function createReservations(rate: Rate, rows: number, clock: Clock, random: Random): Reservations {
  const bursts = new Bursts(rate, rows, random);
  const wait = (key: string, count: number): number => bursts.waitMs(bursts.row(key), count, clock.monotonicMs());
  return {
    wait,
    take(key, count) {
      const waitMs = wait(key, count);
      bursts.take(bursts.row(key), count, clock.monotonicMs());
      return waitMs;
    },
    giveBack: (key, count) => bursts.giveBack(bursts.row(key), count),
  };
}

/** The rows of a limit: when the burst of each is whole again. */
class Bursts {
  readonly intervalMs: number;
  readonly #windowMs: number;
  readonly #fullAtMs: Float64Array;
  readonly #salt: number;

  constructor({ count, windowMs }: Rate, rows: number, random: Random) {
    this.intervalMs = windowMs / count;
    this.#windowMs = windowMs;
    this.#fullAtMs = new Float64Array(rows);
    this.#salt = Buffer.from(random.bytes(4)).readUInt32LE();
  }

  row(key: string): number {
    return saltedHash32(key, this.#salt) % this.#fullAtMs.length;
  }

  /** Until so many acts more fit. */
  waitMs(row: number, count: number, nowMs: number): number {
    const behindMs = Math.max((this.#fullAtMs[row] as number) - nowMs, 0);
    return Math.max(0, Math.ceil(behindMs + count * this.intervalMs - this.#windowMs - roundingMs));
  }

  take(row: number, count: number, nowMs: number): void {
    this.#fullAtMs[row] = Math.max(this.#fullAtMs[row] as number, nowMs) + count * this.intervalMs;
  }

  giveBack(row: number, count: number): void {
    this.#fullAtMs[row] = (this.#fullAtMs[row] as number) - count * this.intervalMs;
  }

  /** Acts elsewhere; fewer than none: so many were taken back there. */
  heard(row: number, acts: number, nowMs: number): void {
    const until = Math.max(this.#fullAtMs[row] as number, acts > 0 ? nowMs : 0) + acts * this.intervalMs;
    this.#fullAtMs[row] = Math.min(until, nowMs + behindMax * this.#windowMs);
  }
}
