import { saltedHash32 } from "../../protocols/index.ts";
import type { Clock, Random } from "../ports.ts";
import type { Rate } from "./limits.ts";

/** A limit on how often each key may act. Both answers are 0 (go on) or the wait in milliseconds. */
export interface RateLimit {
  /** Counts one act, if it is allowed now. */
  take(key: string): number;
  /** Says what `take` would, and counts nothing. */
  wait(key: string): number;
  /** Takes back one act that was counted. */
  giveBack(key: string): void;
}

/** What sums of fractions of milliseconds are wrong by, and more: a wait of less is none. */
const roundingMs = 0.01;

/** The generic cell rate algorithm (ITU-T I.371): one number a key, the time at which its burst is whole again.
 *
 *  The table has a fixed number of rows, so that no flood of addresses fills memory. Two keys that meet in a row share
 *  its limit; the hash is salted, so that nobody can choose whom to meet. It answers at once and not by a promise,
 *  because commands of one connection must keep their order. */
export function createRateLimit(rate: Rate, rows: number, clock: Clock, random: Random): RateLimit {
  const intervalMs = rate.windowMs / rate.count;
  const fullAtMs = new Float64Array(rows);
  const salt = Buffer.from(random.bytes(4)).readUInt32LE();
  const row = (key: string) => saltedHash32(key, salt) % rows;
  const waitMs = (at: number, nowMs: number) =>
    Math.max(0, Math.ceil(Math.max((fullAtMs[at] as number) - nowMs, 0) + intervalMs - rate.windowMs - roundingMs));
  return {
    take(key) {
      const at = row(key);
      const nowMs = clock.monotonicMs();
      const wait = waitMs(at, nowMs);
      if (wait === 0) fullAtMs[at] = Math.max(fullAtMs[at] as number, nowMs) + intervalMs;
      return wait;
    },
    wait: (key) => waitMs(row(key), clock.monotonicMs()),
    giveBack(key) {
      const at = row(key);
      fullAtMs[at] = (fullAtMs[at] as number) - intervalMs;
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
