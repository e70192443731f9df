/** How long entries are kept. A log only ever loses its beginning, so an entry stays until all before it may go. */
import { auditActionOf, type AuditRecord, type AuditRetention } from "../../protocols/index.ts";
import type { AuditBook } from "./book.ts";
import { recordOf } from "./chain.ts";
import type { AuditLimits } from "./limits.ts";
import { countUntil } from "./search.ts";

const dayMs = 24 * 3_600_000;
const pageLines = 1_000;

/** How long an entry is kept by rules: the longest time that fits it. Pure. */
function keptMsOf({ action }: Pick<AuditRecord, "action">, rules: AuditRetention): number {
  const row = auditActionOf(action);
  const days = [
    rules.days,
    row === undefined ? 0 : (rules.areas?.[row.area] ?? 0),
    row === undefined ? 0 : (rules.severities?.[row.severity] ?? 0),
  ];
  return Math.max(...days) * dayMs;
}

/** Up to which entry a log may be removed at a time, by age. */
async function agedUpTo(
  book: AuditBook,
  log: string,
  at: { readonly nowMs: number; readonly rules: AuditRetention; readonly looksMax: number },
): Promise<number> {
  const { nowMs, rules, looksMax } = at;
  const from = book.of(log)?.from ?? 1;
  const old = await countUntil(book, log, nowMs - rules.days * dayMs, false);
  const isSame = rules.areas === undefined && rules.severities === undefined;
  if (isSame || old < from) return old;
  for (let after = from - 1; after < old && after - from < looksMax;) {
    const lines = await book.read(log, after, Math.min(pageLines, old - after));
    if (lines.length === 0) break;
    for (const line of lines) {
      const record = recordOf(line);
      if (record !== undefined && record.atMs >= nowMs - keptMsOf(record, rules)) return record.seq - 1;
    }
    after += lines.length;
  }
  return Math.min(old, from + looksMax);
}

/** Up to which entry a log is to be removed now, and up to which of them a sink has confirmed it. */
export async function removableUpTo(
  book: AuditBook,
  log: string,
  at: {
    readonly nowMs: number;
    readonly rules: AuditRetention;
    readonly limits: Pick<AuditLimits, "unsentKeptMs" | "pruneLooksMax">;
    /** What all sinks have confirmed. */
    readonly confirmed: number;
  },
): Promise<number> {
  const { nowMs, rules, limits, confirmed } = at;
  const stand = book.of(log);
  if (stand === undefined) return 0;
  const bytes = await book.bytes(log);
  const entries = stand.end.seq - stand.from + 1;
  const beyond = (most: number): number =>
    bytes <= most || entries === 0 ? 0 : stand.from - 1 + Math.ceil(((bytes - most) / bytes) * entries);
  const aged = (whenMs: number) => agedUpTo(book, log, { nowMs: whenMs, rules, looksMax: limits.pruneLooksMax });
  const wanted = Math.max(beyond(rules.logBytesMax), await aged(nowMs));
  if (wanted <= confirmed) return wanted;
  // Not confirmed: it waits, but not for ever, and not until the disk is full.
  const forced = Math.max(beyond(2 * rules.logBytesMax), await aged(nowMs - limits.unsentKeptMs));
  return Math.min(wanted, Math.max(confirmed, forced));
}
