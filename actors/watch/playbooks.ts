/** Which playbooks run for an alert, and which of their acts may be done: a pure function of the alert, the playbooks
 *  and what was done in the last hour. */
import {
  alertSeverities,
  playbookActs,
  type Alert,
  type Playbook,
  type PlaybookAct,
  type PlaybookRun,
  type PlaybookStep,
} from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";

/** An act that was done, or is about to be. */
export interface Acted {
  readonly do: PlaybookAct;
  readonly atMs: number;
}

const hourMs = 3_600_000;

/** What was done within the last hour. */
const recentActs = (acted: readonly Acted[], nowMs: number): readonly Acted[] =>
  acted.filter(({ atMs }) => nowMs - atMs < hourMs);

/** Whether a playbook is for an alert. */
export function isFor(
  { when: { sources, severity } }: Pick<Playbook, "when">,
  alert: Pick<Alert, "source" | "severity">,
): boolean {
  const wanted = sources?.some(
    (one) => one === alert.source || (one.endsWith("/*") && alert.source.startsWith(one.slice(0, -1))),
  );
  return (
    wanted !== false &&
    (severity === undefined || alertSeverities.indexOf(alert.severity) >= alertSeverities.indexOf(severity))
  );
}

/** Where an act sends something, as a run says it: no address of a page, and of a mail's address the domain. */
const placeOf = (act: Playbook["acts"][number]): string | undefined => {
  if (act.do === "page") return act.host;
  if (act.do !== "mail") return undefined;
  return "role" in act ? `role ${act.role}` : act.to.slice(act.to.lastIndexOf("@"));
};

/** The runs that new alerts begin. Those that find no room, because so many wait, are counted. Invariant: of no act
 *  more are planned than its `perHourMax`, with those of the last hour. */
export function runsOf(
  at: {
    readonly playbooks: readonly Playbook[];
    readonly acted: readonly Acted[];
    readonly runs: number;
    readonly open: number;
  },
  alerts: readonly Alert[],
  nowMs: number,
): { readonly runs: readonly PlaybookRun[]; readonly acted: readonly Acted[]; readonly dropped: number } {
  const acted = [...recentActs(at.acted, nowMs)];
  const runs: PlaybookRun[] = [];
  let dropped = 0;
  for (const alert of alerts)
    for (const playbook of at.playbooks.filter((one) => isFor(one, alert))) {
      if (at.open + runs.length >= limits.playbookRunsOpenMax) {
        dropped += 1;
        continue;
      }
      const steps = playbook.acts.map((act): PlaybookStep => {
        const { of, perHourMax } = playbookActs[act.do];
        const to = placeOf(act);
        const what = { do: act.do, ...(to !== undefined && { to }) };
        const skipped = (reason: string): PlaybookStep => ({ ...what, status: "skipped", reason });
        if (of !== undefined && !alert.about.startsWith(`${of}/`)) return skipped(`the alert is about no ${of}`);
        if (acted.filter((one) => one.do === act.do).length >= perHourMax)
          return skipped(`more than ${perHourMax} in an hour are left to people`);
        if (playbook.mode === "dryRun") return { ...what, status: "rehearsed" };
        acted.push({ do: act.do, atMs: nowMs });
        return { ...what, status: "planned" };
      });
      const id = String(at.runs + runs.length + 1);
      runs.push({
        id,
        playbook: playbook.name,
        alert: alert.id,
        about: alert.about,
        mode: playbook.mode,
        atMs: nowMs,
        steps,
        ...(playbook.mode === "on" && playbook.switchedBy !== undefined && { switchedBy: playbook.switchedBy }),
      });
    }
  return { runs, acted, dropped };
}
