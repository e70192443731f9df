import type { Clock, Meter } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";

/** What waits to be read: the one governor of the memory that answers and events take between an actor and a socket.
 *
 *      command ──admit──► asked ──answer──► encoded, in turn ──write──► queued ──► read
 *                 │ waits while what its person has, or all have, is too much       │
 *                 └─────────────────────────────────────◄──────────────────────────┘
 *
 *  Refuse before work: a reader that does not read stops being asked for, because nothing is begun for him whose answer
 *  would have to wait. So each person has so many bytes here and all together have; what is asked for counts by what it
 *  may become, what is queued by what it is. Waiting requests are served in order, people by turns. What cannot be held
 *  back (events of a topic) counts as well: beyond the bound the person with most bytes waiting is cut, and resumes by
 *  their cursors when they read again. */
export interface OutputMemory {
  /** Room for an answer of up to `bytes`. Undefined: there was none for as long as an ask may take. `over` is called
   *  when the room is given back, or the answer has taken too long to keep it. */
  admit(user: string, bytes: number, over?: () => void): Promise<Permit | undefined>;
  /** The same, now or not at all. */
  tryAdmit(user: string, bytes: number, over?: () => void): Permit | undefined;
  /** As `admit`, and the room is kept however long it takes: for answers that only their end counts. */
  keep(user: string, bytes: number): Promise<Permit | undefined>;
  /** So many bytes more wait on this connection, or fewer. */
  count(reader: Reader, change: number): void;
  /** A connection is cut because it reads too slowly. */
  slow(): void;
  /** Runs what encodes a large answer, with others in slices of time. */
  inTurn(job: () => void): void;
  /** Bytes that wait, and that have been promised room. */
  readonly bytes: number;
}

/** Gives the room back; what was written is counted by then. Twice is once. */
export interface Permit {
  (): void;
  /** The answer is there, and its room is kept until it is given back. False: it came late, and needs new room. */
  keep(): boolean;
}

/** A connection with bytes that wait. */
export interface Reader {
  readonly user: string;
  /** Bytes that were counted for it. */
  readonly waiting: number;
  readonly open: boolean;
  /** Ends it, because it reads too slowly. */
  cut(): void;
}

/** What somebody needs room for. */
interface Claim {
  readonly user: string;
  readonly bytes: number;
  readonly over?: (() => void) | undefined;
  readonly kept?: boolean;
}

interface Waiter {
  readonly bytes: number;
  give(): void;
}

interface Share {
  /** Queued and promised. */
  bytes: number;
  queued: number;
  /** Promised, and neither there in time nor given up. */
  late: number;
  readonly readers: Set<Reader>;
  readonly waiters: Waiter[];
}

/** Makes the governor of one node. */
export function createOutputMemory(at: {
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly meter: Meter;
}): OutputMemory {
  const { limits, clock, meter } = at;
  const shares = new Map<string, Share>();
  /** Whose turn it is. */
  const lines = new Map<string, Share>();
  let total = 0;
  const jobs: (() => void)[] = [];

  function shareOf(user: string): Share {
    const share = shares.get(user) ?? { bytes: 0, queued: 0, late: 0, readers: new Set(), waiters: [] };
    shares.set(user, share);
    return share;
  }

  function add(user: string, share: Share, change: number): void {
    share.bytes += change;
    total += change;
    if (share.bytes === 0 && share.late === 0 && share.waiters.length === 0) shares.delete(user);
  }

  // A person with nothing here gets any answer: else one larger than the bound would wait for ever.
  const fits = ({ bytes }: Share, more: number): boolean =>
    (bytes === 0 || bytes + more <= limits.outflowPersonBytesMax) &&
    (total === 0 || total + more <= limits.outflowBytesMax);

  function take({ user, bytes, over, kept }: Claim): Permit {
    const share = shareOf(user);
    add(user, share, bytes);
    let state: "promised" | "late" | "kept" | "over" = kept === true ? "kept" : "promised";
    const end = (): void => {
      if (state === "over") return;
      const wasLate = state === "late";
      state = "over";
      cancel();
      if (wasLate) share.late -= bytes;
      add(user, share, wasLate ? 0 : -bytes);
      if (!wasLate) over?.();
      grant();
    };
    // Its actor is slow or away: that is no reason for others to wait. But only so much may come late, all at once
    // perhaps.
    const expire = (): void => {
      if (share.late + bytes > limits.outflowPersonBytesMax) {
        cancel = clock.after(limits.outflowPromiseMs, expire);
        return;
      }
      state = "late";
      share.late += bytes;
      add(user, share, -bytes);
      over?.();
      grant();
    };
    let cancel = state === "kept" ? () => undefined : clock.after(limits.outflowPromiseMs, expire);
    const keep = (): boolean => {
      if (state !== "promised") return state === "kept";
      cancel();
      state = "kept";
      return true;
    };
    return Object.assign(end, { keep });
  }

  function grant(): void {
    let passed = 0;
    while (lines.size > passed && total < limits.outflowBytesMax) {
      const [user, share] = lines.entries().next().value as [string, Share];
      lines.delete(user);
      const [first] = share.waiters;
      if (first === undefined) continue;
      if (fits(share, first.bytes)) {
        passed = 0;
        share.waiters.shift();
        first.give();
      } else passed += 1;
      if (share.waiters.length > 0) lines.set(user, share);
    }
  }

  function cutLargest(readers: Iterable<Reader>): boolean {
    let largest: Reader | undefined;
    for (const reader of readers) if (reader.open && reader.waiting > (largest?.waiting ?? 0)) largest = reader;
    largest?.cut();
    return largest !== undefined;
  }

  /** Cuts until what is left would fit. Those that were cut are gone within the time of a closing handshake. */
  function relieve(share: Share): void {
    const open = (readers: Iterable<Reader>): number => {
      let bytes = 0;
      for (const reader of readers) if (reader.open) bytes += reader.waiting;
      return bytes;
    };
    while (open(share.readers) > limits.outflowPersonBytesMax && cutLargest(share.readers));
    if (total <= limits.outflowBytesMax) return;
    const queues = (): Share[] => [...shares.values()].filter(({ readers }) => open(readers) > 0);
    const all = (): number => queues().reduce((sum, { readers }) => sum + open(readers), 0);
    while (all() > limits.outflowBytesMax) {
      const [most] = queues().toSorted((one, other) => open(other.readers) - open(one.readers));
      if (most === undefined || !cutLargest(most.readers)) return;
    }
  }

  function runJobs(): void {
    const startedAtMs = clock.monotonicMs();
    while (jobs.length > 0 && clock.monotonicMs() - startedAtMs < limits.encodeSliceMs) jobs.shift()?.();
    if (jobs.length > 0) clock.soon(runJobs);
  }

  function now(claim: Claim): Permit | undefined {
    const share = shareOf(claim.user);
    const permit = share.waiters.length === 0 && fits(share, claim.bytes) ? take(claim) : undefined;
    if (permit === undefined) add(claim.user, share, 0);
    return permit;
  }

  function later(claim: Claim): Promise<Permit | undefined> {
    const { user, bytes } = claim;
    const share = shareOf(user);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        bytes,
        give() {
          cancel();
          resolve(take(claim));
        },
      };
      const cancel = clock.after(limits.askTimeoutMs, () => {
        share.waiters.splice(share.waiters.indexOf(waiter), 1);
        add(user, share, 0);
        resolve(undefined);
      });
      // What is there already goes before what is still to be asked for.
      if (claim.kept === true) share.waiters.unshift(waiter);
      else share.waiters.push(waiter);
      lines.set(user, share);
    });
  }

  return {
    get bytes() {
      return total;
    },
    tryAdmit: (user, bytes, over) => now({ user, bytes, over }),
    admit: async (user, bytes, over) => now({ user, bytes, over }) ?? later({ user, bytes, over }),
    keep: async (user, bytes) => now({ user, bytes, kept: true }) ?? later({ user, bytes, kept: true }),
    count(reader, change) {
      const share = shareOf(reader.user);
      share.queued += change;
      if (reader.waiting > 0) share.readers.add(reader);
      else share.readers.delete(reader);
      add(reader.user, share, change);
      meter.gauge("gateway_outflow_bytes", total);
      if (change < 0) grant();
      else if (share.queued > limits.outflowPersonBytesMax || total > limits.outflowBytesMax) relieve(share);
    },
    slow: () => meter.count("gateway_slow_readers"),
    inTurn(job) {
      jobs.push(job);
      if (jobs.length === 1) clock.soon(runJobs);
    },
  };
}
