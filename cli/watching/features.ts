/** `plexus usage features` and `plexus usage feedback`: which commands people use, how long their sessions are, and
 *  what they say of the program. */
import { csvOfUse, sessionClasses, type FeedbackView, type UseDay, type UseView } from "../../protocols/index.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** `plexus usage features`. With --json one line a day. */
export async function showFeatures(
  flags: AdminFlags,
  { days, csv }: { readonly days: number; readonly csv: boolean },
  output: Output,
): Promise<number> {
  const rows: UseDay[] = [];
  let isOn = true;
  for (let before: string | undefined, more = true; more && rows.length < days;) {
    const page: UseView = await operate(flags, "use.list", {
      days: Math.min(days - rows.length, 100),
      ...(before !== undefined && { before }),
    });
    rows.push(...page.days);
    ({ isOn } = page);
    before = page.next;
    more = before !== undefined;
  }
  if (csv) output.print(csvOfUse(rows).trimEnd());
  else if (flags.json) for (const row of rows) output.print(jsonLine(row));
  else output.print(describeUse({ isOn, days: rows }, output));
  return exitCodes.ok;
}

/** What `plexus usage features` prints. */
function describeUse(
  { isOn, days }: Pick<UseView, "isOn" | "days">,
  { color, columns }: Pick<Output, "color" | "columns">,
): string {
  const sums = new Map<string, number>();
  for (const { features } of days)
    for (const [name, count] of Object.entries(features)) sums.set(name, (sums.get(name) ?? 0) + count);
  const sessions = sessionClasses.map((_, at) => days.reduce((sum, day) => sum + (day.sessions[at] ?? 0), 0));
  const state = isOn
    ? "Counted: `plexus usage features off` ends it."
    : "Switched off: nothing is counted. `plexus usage features on` begins again.";
  if (days.length === 0) return `${state}\nNothing was counted yet.`;
  const rows = [...sums].toSorted(([, one], [, other]) => other - one).map(([name, count]) => [name, String(count)]);
  return [
    state,
    renderTable([{ head: "command" }, { head: "times", align: "right" }], rows, { color, columns }),
    renderTable(
      [{ head: "session" }, { head: "times", align: "right" }],
      sessionClasses.map((name, at) => [name, String(sessions[at])]),
      { color, columns },
    ),
  ].join("\n");
}

/** `plexus usage features on` and `off`. */
export async function setFeatures(flags: AdminFlags, isOn: boolean, output: Output): Promise<number> {
  const set = await operate(flags, "use.set", { isOn });
  const says = isOn
    ? "Use is counted from now on, and people can give feedback."
    : "Nothing is counted from now on. `plexus usage features remove` deletes what was.";
  output.print(flags.json ? jsonLine(set) : says);
  return exitCodes.ok;
}

/** `plexus usage features remove`. */
export async function removeFeatures(flags: AdminFlags, output: Output): Promise<number> {
  await operate(flags, "use.remove", {});
  output.print(flags.json ? jsonLine({ removed: true }) : "All counts and all feedback are deleted.");
  return exitCodes.ok;
}

/** `plexus usage feedback`. */
export async function showFeedback(flags: AdminFlags, output: Output): Promise<number> {
  const view = await operate(flags, "feedback.list", {});
  output.print(flags.json ? jsonLine(view) : describeFeedback(view));
  return exitCodes.ok;
}

/** What `plexus usage feedback` prints. */
function describeFeedback({ isOn, feedback }: FeedbackView): string {
  if (feedback.length === 0)
    return isOn ? "Nobody has said anything." : "Feedback is switched off: `plexus usage features on`.";
  return feedback
    .map(({ id, text, atMs, done }) =>
      [
        `${id}  ${new Date(atMs).toISOString().slice(0, 10)}${done === true ? "  done" : ""}`,
        `  ${withoutControls(text)}`,
      ].join("\n"),
    )
    .join("\n");
}

/** `plexus usage feedback done`. */
export async function endFeedback(flags: AdminFlags, id: number, output: Output): Promise<number> {
  await operate(flags, "feedback.end", { id });
  output.print(flags.json ? jsonLine({ done: id }) : `${id} is done.`);
  return exitCodes.ok;
}
