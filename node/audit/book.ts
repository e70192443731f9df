/** The logs that a node has, its own and copies of others', in its store:
 *
 *      audit/own                      which log this node writes
 *      audit/entry/LOG/SEQ            an entry's line, as it is
 *      audit/head/LOG/SEQ             a signed head; the newest, and one of each day before
 *      audit/witness/LOG/NODE         the newest word of another node on how far it has seen the log come
 *      audit/sent/SINK/LOG            up to which entry a system of others has confirmed the log (push.ts)
 *
 *  Entries are appended and, from the beginning on up to a head, removed; nothing else ever changes them. */
import { assert } from "../../protocols/index.ts";
import type { Store, StoreOp } from "../ports/index.ts";
import {
  chainStart,
  extended,
  isHeadSound,
  recordOf,
  stateOfHead,
  type AuditHead,
  type AuditWitness,
  type ChainState,
} from "./chain.ts";
import type { AuditLimits } from "./limits.ts";

const padded = (seq: number): string => String(seq).padStart(16, "0");
const entryKey = (log: string, seq: number): string => `audit/entry/${log}/${padded(seq)}`;
const headKey = (log: string, seq: number): string => `audit/head/${log}/${padded(seq)}`;
const witnessKey = (log: string, by: string): string => `audit/witness/${log}/${by}`;
const ownKey = "audit/own";
const bytesOf = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value), "utf8");
const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
const seqOf = (key: string): number => Number(key.slice(-16));

/** How a log stands here. */
export interface LogStand {
  readonly log: string;
  /** The first entry that is here; after `end.seq`: none is. */
  readonly from: number;
  readonly end: ChainState;
  readonly head: AuditHead | undefined;
  readonly witnesses: readonly AuditWitness[];
  /** What is on the disk does not continue here: nothing is added to it any more. */
  readonly fault?: ChainFault;
}

/** Why lines do not continue a log. */
interface ChainFault {
  readonly seq: number;
  readonly reason: string;
}

/** What a log may be called: 16 digits of the node, 8 of the log. */
export const logName = /^[0-9a-f]{8,64}-[0-9a-f]{8}$/;
/** The node that writes a log. */
export const writerOf = (log: string): string => log.slice(0, log.lastIndexOf("-"));

const linesOfPage = 1_000;

/** Logs in a store. */
export class AuditBook {
  readonly #store: Store;
  readonly #limits: AuditLimits;
  readonly #logs = new Map<string, LogStand>();

  private constructor(store: Store, limits: AuditLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** Reads where each log ends. */
  static async open(store: Store, limits: AuditLimits): Promise<AuditBook> {
    const book = new AuditBook(store, limits);
    for (let after = "audit/entry/"; ;) {
      const [key] = await store.keys({ gte: after, lt: "audit/entry0", limit: 1 });
      if (key === undefined) break;
      const log = key.slice("audit/entry/".length, -17);
      await book.load(log, seqOf(key));
      after = `audit/entry/${log}0`;
    }
    // A log of which all entries were removed still has its newest head.
    for (let after = "audit/head/"; ;) {
      const [key] = await store.keys({ gte: after, lt: "audit/head0", limit: 1 });
      if (key === undefined) break;
      const log = key.slice("audit/head/".length, -17);
      if (!book.#logs.has(log)) await book.load(log, undefined);
      after = `audit/head/${log}0`;
    }
    return book;
  }

  /** Reads a log from its newest head on. */
  async load(log: string, first: number | undefined): Promise<void> {
    const [row] = await this.#store.range({ gte: headKey(log, 0), lt: `audit/head/${log}0`, limit: 1, reverse: true });
    const head = row && (JSON.parse(textOf(row[1])) as AuditHead);
    const witnesses = (await this.#store.range({ gte: witnessKey(log, ""), lt: `audit/witness/${log}0` })).map(
      ([, value]) => JSON.parse(textOf(value)) as AuditWitness,
    );
    let end = head === undefined ? chainStart : stateOfHead(head);
    const from = first ?? end.seq + 1;
    assert(from <= end.seq + 1, "what was removed of a log is before a head");
    let fault: ChainFault | undefined;
    for (let more = true; more && fault === undefined;) {
      const lines = await this.read(log, end.seq, linesOfPage);
      for (const line of lines) {
        const record = recordOf(line);
        if (record === undefined || record.seq !== end.seq + 1 || record.prev !== end.hash) {
          fault = { seq: end.seq + 1, reason: "the chain is broken here" };
          break;
        }
        end = extended(end, line, record.atMs);
      }
      more = lines.length === linesOfPage;
    }
    this.#logs.set(log, { log, from, end, head, witnesses, ...(fault && { fault }) });
  }

  /** Which log this node writes; undefined: none yet. */
  async own(): Promise<string | undefined> {
    const bytes = await this.#store.get(ownKey);
    return bytes && textOf(bytes);
  }

  async setOwn(log: string): Promise<void> {
    await this.#store.batch([{ type: "put", key: ownKey, value: bytesOf(log) }], { sync: true });
  }

  logs(): readonly LogStand[] {
    return [...this.#logs.values()];
  }

  of(log: string): LogStand | undefined {
    return this.#logs.get(log);
  }

  /** Lines after an entry, oldest first. */
  async read(log: string, after: number, limit: number): Promise<readonly string[]> {
    const rows = await this.#store.range({ gte: entryKey(log, after + 1), lt: `audit/entry/${log}0`, limit });
    return rows.map(([, value]) => textOf(value));
  }

  /** Lines before an entry, newest first. */
  async readBack(log: string, before: number, limit: number): Promise<readonly string[]> {
    const range = { gte: entryKey(log, 0), lt: entryKey(log, before), limit, reverse: true };
    return (await this.#store.range(range)).map(([, value]) => textOf(value));
  }

  /** Heads of a log from an entry on, oldest first. */
  async heads(log: string, from = 0): Promise<readonly AuditHead[]> {
    const rows = await this.#store.range({ gte: headKey(log, from), lt: `audit/head/${log}0` });
    return rows.map(([, value]) => JSON.parse(textOf(value)) as AuditHead);
  }

  /** Adds lines that continue a log; on the disk when it resolves. What does not continue it is told, and nothing is
   *  added. Heads among the lines must say what they come to. Only one call at a time for a log. */
  async append(
    log: string,
    lines: readonly string[],
    heads: readonly AuditHead[] = [],
  ): Promise<ChainFault | undefined> {
    const before = this.#logs.get(log);
    if (before?.fault !== undefined) return before.fault;
    let end = before?.end ?? chainStart;
    const states = new Map<number, ChainState>([[end.seq, end]]);
    const ops: StoreOp[] = [];
    for (const line of lines) {
      const record = recordOf(line);
      if (record === undefined || record.log !== log) return { seq: end.seq + 1, reason: "no entry of this log" };
      if (record.seq !== end.seq + 1) return { seq: end.seq + 1, reason: `entry ${record.seq} is in its place` };
      if (record.prev !== end.hash) return { seq: record.seq, reason: "it does not continue the entry before" };
      end = extended(end, line, record.atMs);
      states.set(end.seq, end);
      ops.push({ type: "put", key: entryKey(log, end.seq), value: bytesOf(line) });
    }
    for (const head of heads) {
      const state = states.get(head.seq);
      if (
        state === undefined ||
        state.hash !== head.hash ||
        !isHeadSound(head) ||
        state.peaks.join() !== head.peaks.join()
      )
        return { seq: head.seq, reason: "the head is not that of these entries" };
    }
    if (ops.length > 0) await this.#store.batch(ops, { sync: true });
    const now = this.#logs.get(log);
    this.#logs.set(log, {
      log,
      from: now?.from ?? 1,
      end,
      head: now?.head,
      witnesses: now?.witnesses ?? [],
    });
    for (const head of heads) await this.addHead(head);
    return undefined;
  }

  /** Keeps a head of a log that is here, which was compared with its entries. The newest stays, and one of each day: up
   *  to there it can be removed what is older. */
  async addHead(head: AuditHead): Promise<void> {
    const { log } = head;
    const newest = this.#logs.get(log)?.head;
    if (newest !== undefined && head.seq <= newest.seq) return;
    const ops: StoreOp[] = [{ type: "put", key: headKey(log, head.seq), value: bytesOf(head) }];
    if (newest !== undefined && (await this.#isSuperseded(log, newest, head)))
      ops.push({ type: "del", key: headKey(log, newest.seq) });
    await this.#store.batch(ops, { sync: true });
    const now = this.#logs.get(log);
    assert(now !== undefined && head.seq <= now.end.seq, "a head is of entries that are here");
    this.#logs.set(log, { ...now, head });
  }

  async #isSuperseded(log: string, newest: AuditHead, next: AuditHead): Promise<boolean> {
    const range = { gte: headKey(log, 0), lt: headKey(log, newest.seq), limit: 1, reverse: true };
    const [row] = await this.#store.range(range);
    const keptMs = row === undefined ? Number.NEGATIVE_INFINITY : (JSON.parse(textOf(row[1])) as AuditHead).atMs;
    return next.atMs - keptMs < this.#limits.headKeptEveryMs;
  }

  /** Begins the copy of a log whose first entries were removed where it comes from: a head says what they came to. */
  async adopt(head: AuditHead): Promise<void> {
    assert(!this.#logs.has(head.log), "a copy begins once");
    assert(isHeadSound(head), "a head was looked at before it is taken for a beginning");
    await this.#store.batch([{ type: "put", key: headKey(head.log, head.seq), value: bytesOf(head) }], { sync: true });
    this.#logs.set(head.log, { log: head.log, from: head.seq + 1, end: stateOfHead(head), head, witnesses: [] });
  }

  /** Keeps what another node has seen of a log, if it is newer than what is known. */
  async witness(witness: AuditWitness): Promise<boolean> {
    const stand = this.#logs.get(witness.log);
    if (stand === undefined) return false;
    const known = stand.witnesses.find(({ by }) => by === witness.by);
    if (known !== undefined && known.seq >= witness.seq) return false;
    const op: StoreOp = { type: "put", key: witnessKey(witness.log, witness.by), value: bytesOf(witness) };
    await this.#store.batch([op], { sync: false });
    const now = this.#logs.get(witness.log) ?? stand;
    const others = now.witnesses.filter(({ by }) => by !== witness.by);
    this.#logs.set(witness.log, { ...now, witnesses: [...others, witness] });
    return true;
  }

  /** What each sink has confirmed of each log, as this node knows it. */
  async sent(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#store.range({ gte: "audit/sent/", lt: "audit/sent0" });
    return new Map(rows.map(([key, value]) => [key.slice("audit/sent/".length), Number(textOf(value))]));
  }

  /** Keeps it; undefined: forgets it. A node that loses one sends again. */
  async setSent(place: string, seq: number | undefined): Promise<void> {
    const key = `audit/sent/${place}`;
    const op: StoreOp = seq === undefined ? { type: "del", key } : { type: "put", key, value: bytesOf(String(seq)) };
    await this.#store.batch([op], { sync: false });
  }

  /** Removes the entries up to the newest head for which `isOld` says so, and says up to where. */
  async prune(log: string, isOld: (head: AuditHead) => boolean): Promise<number | undefined> {
    const stand = this.#logs.get(log);
    if (stand === undefined) return undefined;
    const heads = await this.heads(log, stand.from);
    const upTo = heads.findLast(isOld);
    if (upTo === undefined || upTo.seq < stand.from) return undefined;
    for (let from = stand.from; from <= upTo.seq; from += linesOfPage) {
      const until = Math.min(upTo.seq, from + linesOfPage - 1);
      const ops: StoreOp[] = [];
      for (let seq = from; seq <= until; seq += 1) ops.push({ type: "del", key: entryKey(log, seq) });
      await this.#store.batch(ops, { sync: false });
    }
    // Last: until then they say what was removed.
    const older = heads.filter(({ seq }) => seq < upTo.seq);
    const ops = older.map(({ seq }): StoreOp => ({ type: "del", key: headKey(log, seq) }));
    if (ops.length > 0) await this.#store.batch(ops, { sync: true });
    const now = this.#logs.get(log) ?? stand;
    this.#logs.set(log, { ...now, from: upTo.seq + 1 });
    return upTo.seq;
  }

  /** About how many bytes a log's entries take: by the first and the last of them. */
  async bytes(log: string): Promise<number> {
    const stand = this.#logs.get(log);
    if (stand === undefined || stand.from > stand.end.seq) return 0;
    const [first] = await this.read(log, stand.from - 1, 1);
    const [last] = await this.readBack(log, stand.end.seq + 1, 1);
    const mean = ((first?.length ?? 0) + (last?.length ?? 0)) / 2;
    return Math.round(mean * (stand.end.seq - stand.from + 1));
  }
}
