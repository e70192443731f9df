/** The log that this node writes. Entries that come together go to the disk together; each gets its number and its hash
 *  then, so a batch that the disk refused leaves no hole. */
import { failure, PlexusError, type AuditEvent, type AuditRecord } from "../../protocols/index.ts";
import type { Clock, Log, Meter, Random } from "../ports/index.ts";
import type { AuditBook } from "./book.ts";
import { chainStart, headOf, headText, extended, lineOf, type AuditHead } from "./chain.ts";
import type { AuditLimits } from "./limits.ts";

/** The key of this node. */
export interface AuditSigner {
  /** The id that the key is known by. */
  peer(): Promise<string>;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
  isSigned(peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** What writing a log needs of the node. */
export interface LogPorts {
  /** Its id. */
  readonly node: string;
  /** What the node is called. */
  name(): string;
  readonly signer: AuditSigner;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
}

interface WriterPorts extends LogPorts {
  readonly book: AuditBook;
  readonly limits: AuditLimits;
  /** Hears of each entry once it is on the disk. Must not throw. */
  readonly written: (record: AuditRecord) => void;
}

interface Waiting {
  readonly event: AuditEvent;
  readonly atMs: number;
  readonly done: PromiseWithResolvers<void>;
}

/** Writes the log of this node. */
export interface OwnLog {
  write(event: AuditEvent): Promise<void>;
  /** The log's name. */
  current(): string;
  /** Signs how far the log has come; undefined: there is nothing new. */
  seal(): Promise<AuditHead | undefined>;
  /** Goes on in another log: what is on this node's disk is not what others have seen. */
  beginAnew(event: (before: string) => AuditEvent): Promise<void>;
  stop(): Promise<void>;
}

export async function openOwnLog(ports: WriterPorts): Promise<OwnLog> {
  const { book, node, signer, clock, random, log, meter, limits, written } = ports;
  const newName = (): string => `${node}-${Buffer.from(random.bytes(4)).toString("hex")}`;
  let own = await book.own();
  if (own === undefined) {
    own = newName();
    await book.setOwn(own);
  }
  let waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;
  let sealing: Promise<unknown> = Promise.resolve();
  let isStopped = false;
  let isDoubtful = false;
  let missing = 0;
  let tokens = limits.strangersBurst;
  let filledMs = clock.monotonicMs();

  const isLetIn = (event: AuditEvent): boolean => {
    if (waiting.length >= limits.waitingMax) return false;
    if (event.by !== "stranger") return true;
    const nowMs = clock.monotonicMs();
    tokens = Math.min(limits.strangersBurst, tokens + ((nowMs - filledMs) * limits.strangersPerMinute) / 60_000);
    filledMs = nowMs;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };

  const writeBatch = async (batch: readonly Waiting[]): Promise<void> => {
    const name = own as string;
    if (isDoubtful) {
      // What the disk did with the last batch is not known: the log is read again from there.
      await book.load(name, book.of(name)?.from);
      isDoubtful = false;
    }
    let state = book.of(name)?.end ?? chainStart;
    const lines: string[] = [];
    const records: AuditRecord[] = [];
    for (const { event, atMs } of batch) {
      const { line, record } = lineOf(event, { log: name, node: ports.name(), atMs, state });
      state = extended(state, line, record.atMs);
      lines.push(line);
      records.push(record);
    }
    try {
      const fault = await book.append(name, lines);
      if (fault !== undefined) throw new PlexusError(failure("INTERNAL", { reason: fault.reason }));
    } catch (error) {
      isDoubtful = true;
      throw error;
    }
    meter.count("audit_entries", lines.length);
    for (const record of records) written(record);
  };

  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, limits.batchMax);
      waiting = waiting.slice(batch.length);
      try {
        await writeBatch(batch);
        for (const { done } of batch) done.resolve();
      } catch (error) {
        log.error("audit.not.written", { entries: batch.length, error: String(error) });
        meter.count("audit_not_written", batch.length);
        for (const { done } of batch) done.reject(error);
      }
    }
    writing = undefined;
    const stand = book.of(own as string);
    if (stand !== undefined && stand.end.seq - (stand.head?.seq ?? 0) >= limits.headEntries)
      void seal().catch(() => undefined);
  };

  const write = (event: AuditEvent): Promise<void> => {
    if (isStopped || !isLetIn(event)) {
      missing += 1;
      meter.count("audit_missing");
      if (isStopped) return Promise.reject(new PlexusError(failure("STOPPING")));
      return event.by === "stranger" ? Promise.resolve() : Promise.reject(new PlexusError(failure("OVERLOADED")));
    }
    const done = Promise.withResolvers<void>();
    // A caller that does not wait for it must not end by its failure.
    done.promise.catch(() => undefined);
    waiting.push({ event, atMs: Math.floor(clock.nowMs()), done });
    writing ??= Promise.resolve().then(flush);
    return done.promise;
  };

  const sealNow = async (): Promise<AuditHead | undefined> => {
    const name = own as string;
    const stand = book.of(name);
    if (stand === undefined || stand.end.seq === 0 || stand.head?.seq === stand.end.seq) return undefined;
    const unsigned = headOf(stand.end, { log: name, peer: await signer.peer(), atMs: Math.floor(clock.nowMs()) });
    const signature = Buffer.from(await signer.sign(Buffer.from(headText(unsigned)))).toString("base64");
    const head: AuditHead = { ...unsigned, signature };
    await book.addHead(head);
    return head;
  };
  const seal = (): Promise<AuditHead | undefined> => {
    const next = sealing.then(sealNow);
    sealing = next.catch((error: unknown) => log.warn("audit.not.sealed", { error: String(error) }));
    return next;
  };

  let cancel = (): void => undefined;
  const every = (): void => {
    if (isStopped) return;
    if (missing > 0) {
      const facts = { entries: missing };
      missing = 0;
      void write({ action: "auditMissing", by: `node/${ports.name()}`, outcome: "done", facts });
    }
    void seal().catch(() => undefined);
    cancel = clock.after(limits.headEveryMs, every);
  };
  cancel = clock.after(limits.headEveryMs, every);

  const beginAnew: OwnLog["beginAnew"] = async (event) => {
    await writing;
    const before = own as string;
    const next = newName();
    await book.setOwn(next);
    own = next;
    await write(event(before));
  };
  const fault = book.of(own)?.fault;
  if (fault !== undefined) {
    log.error("audit.damaged", { log: own, ...fault });
    await beginAnew((before) => ({
      action: "auditForked",
      by: `node/${ports.name()}`,
      outcome: "damaged",
      facts: { log: before, entry: fault.seq, reason: fault.reason },
    }));
  }

  return {
    write,
    current: () => own as string,
    seal,
    beginAnew,
    async stop() {
      isStopped = true;
      cancel();
      await writing;
      await seal().catch(() => undefined);
    },
  };
}
