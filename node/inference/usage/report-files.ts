/** What a report is made of: the days that are over, as a file. It is kept nowhere. */
import {
  csvOfDays,
  type ActivityDay,
  type ActivityView,
  type ReportFormat,
  type Result,
  type UsageReport,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { pdfOfDays } from "./report-pdf.ts";

/** Bytes with what they are called. */
interface ReportBytes {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** What it is made with. */
export interface ReportSource {
  readonly ask: (message: Message) => Promise<Result<unknown>>;
  readonly nowMs: () => number;
  /** What the cluster is called. */
  readonly brand: () => string;
}

/** The days that a report has, the oldest first. Rejects where nobody can say. */
export async function daysOf({ ask, nowMs }: ReportSource, days: number): Promise<readonly ActivityDay[]> {
  const today = new Date(nowMs()).toISOString().slice(0, 10);
  const found: ActivityDay[] = [];
  for (let before: string | undefined = today, more = true; more && found.length < days;) {
    const page = (await ask({ type: "days", days: days + 1, before } as Message)) as Result<ActivityView>;
    if (!page.ok) throw new Error(page.error.code);
    found.push(...page.value.days.filter(({ day }) => day < today));
    before = page.value.next;
    more = before !== undefined;
  }
  return found.slice(0, days).toReversed();
}

/** A report as a file. */
export function fileOf(
  format: ReportFormat,
  { report }: Pick<UsageReport, "report">,
  { days, brand }: { readonly days: readonly ActivityDay[]; readonly brand: string },
): ReportBytes {
  const name = `usage-${report}-${days.at(-1)?.day ?? "nothing"}.${format}`;
  return format === "csv"
    ? { name, type: "text/csv", bytes: Buffer.from(csvOfDays(days)) }
    : { name, type: "application/pdf", bytes: pdfOfDays(days, { title: report, brand }) };
}
