/** Entries of all logs as one list by time, the newest first, and those among them that somebody looks for. Times never
 *  fall within a log, so a time is found in it by halving. */
import {
  auditActionOf,
  type AuditFilter,
  type AuditFound,
  type AuditQuery,
  type AuditRecord,
  folded,
} from "../../protocols/index.ts";
import type { AuditBook } from "./book.ts";
import { recordOf } from "./chain.ts";

/** Entries that one page looks at; a page that found fewer says where to go on. */
const lookedAtMax = 20_000;
const pageEntries = 50;
/** Lines read at once from a log. A page whose filter leaves nothing out needs few, so a reader begins with as many as
 *  its page has, and doubles. */
const bufferLines = 256;

/** Where an entry is in the list. */
interface Place {
  readonly atMs: number;
  readonly log: string;
  readonly seq: number;
}

const placeText = ({ atMs, log, seq }: Place): string => `${atMs}.${log}.${seq}`;
function placeOf(text: string): Place {
  const [atMs, log = "", seq] = text.split(".");
  return { atMs: Number(atMs), log, seq: Number(seq) };
}
const isLater = (one: Place, other: Place): boolean =>
  one.atMs !== other.atMs ? one.atMs > other.atMs : one.log !== other.log ? one.log > other.log : one.seq > other.seq;

const fits = (pattern: string | undefined, value: string | undefined): boolean =>
  pattern === undefined ||
  (pattern.endsWith("*") ? value?.startsWith(pattern.slice(0, -1)) === true : value === pattern);

/** Whether an entry is one that a filter looks for. */
function matches(filter: AuditFilter, record: AuditRecord): boolean {
  const { by, action, target, address, session, node, outcome, text, sinceMs, untilMs } = filter;
  return (
    fits(by, record.by) &&
    (action === undefined || fits(action, record.action) || auditActionOf(record.action)?.area === action) &&
    fits(target, record.target) &&
    fits(address, record.address) &&
    fits(session, record.session) &&
    fits(node, record.node) &&
    (outcome === undefined || (outcome === "refused" ? record.outcome !== "done" : fits(outcome, record.outcome))) &&
    (sinceMs === undefined || record.atMs >= sinceMs) &&
    (untilMs === undefined || record.atMs < untilMs) &&
    (text === undefined || folded(JSON.stringify(record)).includes(folded(text)))
  );
}

/** How many entries of a log are at or before a time (with `inclusive`), or before it. */
export async function countUntil(book: AuditBook, log: string, atMs: number, inclusive: boolean): Promise<number> {
  const stand = book.of(log);
  if (stand === undefined) return 0;
  let [low, high] = [stand.from - 1, stand.end.seq];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [line] = await book.read(log, middle - 1, 1);
    const record = line === undefined ? undefined : recordOf(line);
    // Removed meanwhile: what is left is later.
    const isBefore = record === undefined || (inclusive ? record.atMs <= atMs : record.atMs < atMs);
    if (isBefore) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** One log, read backwards. */
class Backwards {
  readonly #book: AuditBook;
  readonly #log: string;
  #before: number;
  #atOnce: number;
  #lines: AuditRecord[] = [];
  #ended = false;

  constructor(book: AuditBook, log: string, { before, atOnce }: { readonly before: number; readonly atOnce: number }) {
    this.#book = book;
    this.#log = log;
    this.#before = before;
    this.#atOnce = Math.min(atOnce, bufferLines);
  }

  async peek(): Promise<AuditRecord | undefined> {
    // A batch of which nothing can be read does not end the log.
    while (this.#lines.length === 0 && !this.#ended) {
      const lines = await this.#book.readBack(this.#log, this.#before, this.#atOnce);
      this.#lines = lines.flatMap((line) => recordOf(line) ?? []).toReversed();
      this.#before = Math.min(this.#lines[0]?.seq ?? Infinity, this.#before - lines.length);
      this.#ended = lines.length < this.#atOnce;
      this.#atOnce = Math.min(2 * this.#atOnce, bufferLines);
    }
    return this.#lines.at(-1);
  }

  take(): void {
    this.#lines.pop();
  }
}

/** A page of the entries that a query looks for. */
export async function search(book: AuditBook, query: AuditQuery): Promise<AuditFound> {
  const { before, limit = pageEntries, ...filter } = query;
  const start = before === undefined ? undefined : placeOf(before);
  const readers: Backwards[] = [];
  for (const { log, end } of book.logs()) {
    let upTo = filter.untilMs === undefined ? end.seq : await countUntil(book, log, filter.untilMs, false);
    if (start !== undefined) {
      const known = log === start.log ? start.seq - 1 : await countUntil(book, log, start.atMs, log < start.log);
      upTo = Math.min(upTo, known);
    }
    readers.push(new Backwards(book, log, { before: upTo + 1, atOnce: limit + 1 }));
  }
  const entries: AuditRecord[] = [];
  let last: AuditRecord | undefined;
  for (let looked = 0; looked < lookedAtMax; looked += 1) {
    let newest: { readonly reader: Backwards; readonly record: AuditRecord } | undefined;
    for (const reader of readers) {
      const record = await reader.peek();
      if (record !== undefined && (newest === undefined || isLater(record, newest.record))) newest = { reader, record };
    }
    if (newest === undefined || newest.record.atMs < (filter.sinceMs ?? 0)) return { entries };
    if (entries.length === limit) break;
    newest.reader.take();
    last = newest.record;
    if (matches(filter, last)) entries.push(last);
  }
  return { entries, ...(last !== undefined && { next: placeText(last) }) };
}

/** Every entry of all logs that a filter looks for, the oldest first. */
export async function* oldestFirst(book: AuditBook, filter: AuditFilter): AsyncGenerator<AuditRecord> {
  const readers = await Promise.all(
    book.logs().map(async ({ log }) => ({
      log,
      after: filter.sinceMs === undefined ? 0 : await countUntil(book, log, filter.sinceMs, false),
      records: [] as AuditRecord[],
      ended: false,
    })),
  );
  for (;;) {
    let oldest: (typeof readers)[number] | undefined;
    for (const reader of readers) {
      if (reader.records.length === 0 && !reader.ended) {
        const lines = await book.read(reader.log, reader.after, bufferLines);
        reader.records = lines.flatMap((line) => recordOf(line) ?? []);
        reader.after = reader.records.at(-1)?.seq ?? reader.after;
        reader.ended = lines.length < bufferLines;
      }
      const [record] = reader.records;
      if (record === undefined) continue;
      if (oldest?.records[0] === undefined || isLater(oldest.records[0], record)) oldest = reader;
    }
    const record = oldest?.records.shift();
    if (record === undefined || (filter.untilMs !== undefined && record.atMs >= filter.untilMs)) return;
    if (matches(filter, record)) yield record;
  }
}
