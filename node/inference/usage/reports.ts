/** Sends reports by mail: what people did by day, as CSV and PDF. `activity/cluster` says what is due, and hears what
 *  came of it; what is made here is kept nowhere. docs/decisions/0235-reports-by-mail.md. */
import { activityActor, type ErrorCode, type ReportTaken, type Result } from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { Kernel } from "../../kernel/api.ts";
import type { Clock, Log, MailRequest, Meter } from "../../ports/index.ts";
import { daysOf, fileOf } from "./report-files.ts";

/** What sending stands on. */
interface ReportPorts {
  readonly kernel: Pick<Kernel, "ask">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly log: Log;
  readonly meter: Meter;
  readonly askTimeoutMs: number;
  /** What the cluster is called. */
  readonly brand: () => string;
  /** Calls back when a report waits. */
  readonly onDue: (listener: () => void) => () => void;
  /** Sends one now, once. Errors: those of `Outbound.send`. */
  readonly send: (request: MailRequest) => Promise<Result<unknown>>;
}

/** Reports at one node: one after the other. */
interface ReportSender {
  /** Sends all that wait. */
  look(): Promise<void>;
  stop(): void;
}

/** After these the mail server has taken nothing, and may take it later. */
const passing: ReadonlySet<ErrorCode> = new Set(["MAIL_AWAY", "MAIL_OFF", "OVERLOADED"]);

/** Makes it. */
export function createReports(at: ReportPorts): ReportSender {
  const { kernel, clock, log, meter } = at;
  let stopped = false;
  let looking: Promise<void> | undefined;

  const ask = async <Answer>(message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to: activityActor, from: "node", message, timeoutMs: at.askTimeoutMs })) as Result<Answer>;

  async function send({ run, report }: ReportTaken): Promise<void> {
    let sent = 0;
    let code: ErrorCode | undefined;
    const left: string[] = [];
    const task = `report.${run.id}`;
    log.info("report.began", { task, mails: run.left.length });
    try {
      const days = await daysOf({ ...at, ask, nowMs: () => clock.nowMs() }, report.days);
      const attachments = report.formats.map((one) => fileOf(one, report, { days, brand: at.brand() }));
      const [from = "", until = ""] = [days[0]?.day, days.at(-1)?.day];
      for (const to of run.left) {
        const result = stopped
          ? undefined
          : await at.send({ what: "report", to, report: report.report, from, until, attachments });
        if (result?.ok === true) sent += 1;
        else if (result === undefined || passing.has(result.error.code)) left.push(to);
        code = result?.ok === false ? result.error.code : code;
      }
    } catch (error) {
      log.warn("report.failed", { task, report: report.report, error: String(error) });
      // It failed before anything was sent: making it did, no mail.
      left.push(...run.left);
      code = "OVERLOADED";
    }
    log.info("report.sent", { task, sent, left: left.length, ...(code !== undefined && { code }) });
    meter.count("reports", 1, { outcome: left.length > 0 ? "away" : sent === run.left.length ? "sent" : "refused" });
    await ask({ type: "settleReport", id: run.id, sent, left, ...(code !== undefined && { code }) });
  }

  async function lookOnce(): Promise<void> {
    while (!stopped) {
      const taken = await ask<ReportTaken>({ type: "takeReport" });
      if (!taken.ok) return;
      await send(taken.value);
    }
  }

  function look(): Promise<void> {
    looking ??= lookOnce()
      .catch((error: unknown) => log.error("reports.failed", { error: String((error as Error)?.stack ?? error) }))
      .finally(() => (looking = undefined));
    return looking;
  }

  const stopListening = at.onDue(() => void look());
  return {
    look,
    stop() {
      stopped = true;
      stopListening();
    },
  };
}
