/** What the kernel, the journal and the gateway need from the world. `platform/` is the real set; the simulation brings
 *  its own, so one process can replay a node, its disk and its clock from a seed. */
import type { Failure, Role, SlotId } from "../protocols/index.ts";

export interface Clock {
  /** Milliseconds since 1970. May jump; used for time stamps and due times. */
  nowMs(): number;
  /** Milliseconds that never go back. Used for deadlines and durations. */
  monotonicMs(): number;
  /** Calls back once, after at least `delayMs`. The returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back after the current turn of the event loop. Keeps order. */
  soon(callback: () => void): void;
}

export interface Random {
  /** In [0, 1). */
  number(): number;
  bytes(count: number): Uint8Array;
}

export type StoreOp =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: string };

export interface StoreRange {
  readonly gte: string;
  readonly lt: string;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** An ordered key-value store. A batch is atomic; with `sync` it is on disk when the promise resolves. When `batch`
 *  rejects, its outcome is unknown, and what is written after it is as durable as if it had never been. Keys are ASCII and compare by code unit. The bytes of
 *  a batch belong to the store until it settles. */
export interface Store {
  batch(ops: readonly StoreOp[], options: { readonly sync: boolean }): Promise<void>;
  get(key: string): Promise<Uint8Array | undefined>;
  /** The entries of a range, in key order. Callers page with `limit`; a page is held in memory. */
  range(range: StoreRange): Promise<readonly (readonly [key: string, value: Uint8Array])[]>;
  /** Where the bytes are, for error messages. */
  readonly location: string;
  close(): Promise<void>;
}

/** Who owns a slot. Changed only by compare-and-set on `revision`. */
export interface SlotRecord {
  readonly slot: SlotId;
  readonly epoch: number;
  readonly owner: string;
  readonly inSync: readonly string[];
  readonly learners: readonly string[];
  readonly revision: number;
}

/** The cluster's memory of who owns what. Correctness never rests on a clock or a lease of it. */
export interface Directory {
  read(slot: SlotId): Promise<SlotRecord | undefined>;
  /** Writes `next` if the stored revision is still `revision` (0: absent). Resolves with the stored record either way;
   *  `applied` says whether it is `next`; without a stored record and with another revision there is none. */
  compareAndSet(
    next: Omit<SlotRecord, "revision">,
    revision: number,
  ): Promise<
    | { readonly applied: true; readonly record: SlotRecord }
    | { readonly applied: false; readonly record: SlotRecord | undefined }
  >;
  list(): Promise<readonly SlotRecord[]>;
}

/** Where an actor's published events go. Durable events of one topic arrive in the order of `at`. */
export interface Publisher {
  publish(topic: string, event: unknown, at: number | undefined): void;
}

/** Structured log: an event name and facts. Never secrets, never message texts. */
export interface Log {
  debug(event: string, facts?: Readonly<Record<string, unknown>>): void;
  info(event: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(event: string, facts?: Readonly<Record<string, unknown>>): void;
  error(event: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** Counts and durations, named as in docs/operating.md. */
export interface Meter {
  count(name: string, by?: number, labels?: Readonly<Record<string, string>>): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  observeMs(name: string, valueMs: number, labels?: Readonly<Record<string, string>>): void;
}

export type { Failure, Role };
