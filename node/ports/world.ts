/** What a part needs from the world: clock, chance, store, files, mail, log, traces and metrics. `platform/` is the
 *  real set; the simulation brings its own, so one process can replay a node, its disk and its clock from a seed. */
import type { Alert, MissedConcern, Result, SeenEntry, SpanFacts, TraceContext } from "../../protocols/index.ts";

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

/** A store as it was at one moment; what is written later does not show. Holds resources until it is closed. */
export interface StoreView {
  get(key: string): Promise<Uint8Array | undefined>;
  range(range: StoreRange): Promise<readonly (readonly [key: string, value: Uint8Array])[]>;
  /** All of a range in order, in pages of about `bytes`, or of fewer where `now` says so before one is read: for who
   *  reads much. What cannot be read is told at the end at the latest, so what was given is not all before that.
   *  Absent: pages of `range` do the same. */
  scan?(range: Pick<StoreRange, "gte" | "lt">, bytes: number, now?: () => number): AsyncGenerator<StorePage, void>;
  close(): Promise<void>;
}

/** Rows of a store, in the order of their keys. */
export type StorePage = readonly (readonly [key: string, value: Uint8Array])[];

/** An ordered key-value store. A batch is atomic; with `sync` it is on disk when the promise resolves. When `batch`
 *  rejects, its outcome is unknown, and what is written after it is as durable as if it had never been. Keys are ASCII
 *  and compare by code unit. The bytes of a batch belong to the store until it settles. */
export interface Store {
  batch(ops: readonly StoreOp[], options: { readonly sync: boolean }): Promise<void>;
  get(key: string): Promise<Uint8Array | undefined>;
  /** The entries of a range, in key order. Callers page with `limit`; a page is held in memory. */
  range(range: StoreRange): Promise<readonly (readonly [key: string, value: Uint8Array])[]>;
  /** The keys of a range, without reading the values. */
  keys(range: StoreRange): Promise<readonly string[]>;
  /** Everything as it is now: every batch that has settled, and perhaps those that have not. */
  view(): StoreView;
  /** Where the bytes are, for error messages. */
  readonly location: string;
  /** What is left of the disk is needed to go on reading: nothing more may be begun that ends in a write. Absent: it
   *  never is. */
  isFull?(): boolean;
  /** Rewrites what lies on the disk, so that nothing is left there of values that were replaced. Takes its time, and
   *  room. */
  compact?(): Promise<void>;
  close(): Promise<void>;
}

/** A file that is being written, from its beginning on. */
export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** What was written is on the disk when it resolves. After a rejection nothing is known of any of it. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FileReader {
  readonly size: number;
  /** The bytes from `position` on, fewer at the end of the file; in `into` where that is given, which has room for
   *  them. */
  read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Plain files below one folder; paths are relative to it, with `/`. What the system refuses rejects with its code
 *  (ENOSPC). */
export interface Files {
  readonly location: string;
  /** Makes a folder, which may be there. That it was made is on the disk once the folder above it is synced. */
  makeFolder(path: string): Promise<void>;
  /** Rejects when the file is there. */
  create(path: string): Promise<FileWriter>;
  /** Undefined: there is none. */
  open(path: string): Promise<FileReader | undefined>;
  /** In bytes; undefined: there is none. */
  size(path: string): Promise<number | undefined>;
  /** Replaces what is at `to`. At a power loss a name is the old or the new one, until its folder is synced. */
  rename(from: string, to: string): Promise<void>;
  /** A file that is not there is as good as removed. */
  remove(path: string): Promise<void>;
  /** The names in a folder, in order; none where the folder is not there. */
  names(folder: string): Promise<readonly string[]>;
  /** What was made, renamed or removed in a folder is so on the disk when it resolves. */
  sync(folder: string): Promise<void>;
  /** Whether so much more may be written without taking the room that the journal needs. */
  hasRoom(bytes: number): boolean;
  /** How much may be written so; undefined: the file system does not say. */
  freeBytes(): number | undefined;
}

/** Structured log: an event name and facts. Never secrets, never message texts. */
export interface Log {
  debug(event: string, facts?: Readonly<Record<string, unknown>>): void;
  info(event: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(event: string, facts?: Readonly<Record<string, unknown>>): void;
  error(event: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** One step of a trace that is under way. */
export interface Span {
  /** What goes on under it. */
  readonly context: TraceContext;
  /** `error`: the code with which it ended. Called once. */
  end(error?: string, facts?: SpanFacts): void;
}

/** Traces: the way of one request through the nodes. Facts are names, counts and codes, never what somebody wrote. A
 *  request that is not traced has no context, and code without a context asks for no span: so tracing that is off costs
 *  nothing but that look. */
export interface Tracer {
  /** A request comes in, perhaps with a trace of its own (W3C `traceparent`). Undefined: it is not traced. */
  enter(name: string, traceparent: string | undefined, facts: SpanFacts): Span | undefined;
  /** A step below another one, which may have been at another node. `sinceMs`: when it began by the monotonic clock, if
   *  that is not now. */
  under(parent: TraceContext, name: string, facts: SpanFacts, sinceMs?: number): Span | undefined;
}

/** Counts and durations, named as in docs/operate/metrics.md. */
export interface Meter {
  count(name: string, by?: number, labels?: Readonly<Record<string, string>>): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  observeMs(name: string, valueMs: number, labels?: Readonly<Record<string, string>>): void;
}

/** What is written to people by mail. */
export type MailRequest =
  | {
      readonly what: "reset";
      readonly to: string;
      readonly user: string;
      readonly secret: string;
      readonly lifeMs: number;
    }
  | {
      readonly what: "confirm";
      readonly to: string;
      readonly user: string;
      readonly secret: string;
      readonly lifeMs: number;
    }
  | { readonly what: "signUp"; readonly to: string; readonly proof: string; readonly lifeMs: number }
  | { readonly what: "known"; readonly to: string; readonly user: string }
  | { readonly what: "changed"; readonly to: string; readonly user: string }
  | { readonly what: "passwordSet"; readonly to: string; readonly user: string }
  | {
      readonly what: "deletion";
      readonly to: string;
      readonly user: string;
      readonly atMs: number;
      readonly byAdmin: boolean;
    }
  | {
      readonly what: "alert";
      readonly to: string;
      readonly alert: Alert;
      /** Entries of the audit that it came of. */
      readonly seen: readonly SeenEntry[];
      readonly playbook: string;
    }
  | {
      readonly what: "digest";
      readonly to: string;
      readonly user: string;
      /** How many of each sort there are. */
      readonly counts: DigestCounts;
      readonly rooms: number;
      /** The newest first; none where the mail says counts alone. */
      readonly lines: readonly DigestLine[];
      /** Ends these mails, and does nothing else. */
      readonly token: string;
    }
  | {
      readonly what: "report";
      readonly to: string;
      readonly report: string;
      /** The first and the last day; empty: nobody has done anything. */
      readonly from: string;
      readonly until: string;
      readonly attachments: readonly MailAttachment[];
    }
  | { readonly what: "test"; readonly to: string };

/** A file that goes with a mail. */
export interface MailAttachment {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** How many messages concern somebody, by why. */
export type DigestCounts = Readonly<Partial<Record<MissedConcern["why"], number>>>;

/** A message, as a mail shows it. */
export interface DigestLine {
  readonly author: string;
  /** Absent: it is written to the person alone. */
  readonly room?: string;
  readonly text: string;
  /** The place in the page, below its address. */
  readonly path: string;
}

/** Sends mail. */
export interface Outbound {
  /** Puts a letter into the queue. Nobody waits for its end, which the log and the metrics say. Errors: MAIL_OFF (links
   *  have no address), OVERLOADED. */
  post(request: MailRequest): Result<unknown>;
  /** Sends one now, once, past the queue. Errors: MAIL_OFF, MAIL_REFUSED, MAIL_AWAY, MAIL_UNKNOWN. */
  send(request: MailRequest): Promise<Result<unknown>>;
  waiting(): number;
  /** Sends no more; what waits is dropped, and told. */
  stop(): void;
}
