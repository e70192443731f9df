import { Button, NumberInput, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReportFormat, ReportRun, ReportsView, UsageReportView } from "../../../../../protocols/index.ts";
import { mailsOf } from "../../../../../protocols/words/task-words.ts";
import { notices } from "../../../live/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { useFaults } from "../../parts/faults.ts";
import { formText } from "../../parts/form-text.ts";
import { Form } from "../../parts/form.tsx";
import { momentOf } from "../../parts/time.ts";
import { Part } from "../../settings/part.tsx";
import { useDialogs } from "../../shell/dialogs.tsx";
import { download } from "./download.ts";

const key = ["reports"];
const bothFormats: readonly ReportFormat[] = ["csv", "pdf"];

const states: Readonly<Record<ReportRun["state"], string>> = {
  waiting: "waits",
  running: "is being sent",
  done: "was sent",
  failed: "failed",
  cancelled: "was cancelled",
};

/** While one is on its way. */
const lookAgainMs = 5_000;
const isOpen = (view: ReportsView | undefined): boolean =>
  view?.runs.some(({ state }) => state === "waiting" || state === "running") === true;

/** Reports of usage that are sent by mail. */
export function Reports() {
  const { data } = useQuery({
    queryKey: key,
    queryFn: () => seen("reports.list"),
    refetchInterval: ({ state }) => isOpen(state.data) && lookAgainMs,
  });
  const queries = useQueryClient();
  const again = () => void queries.invalidateQueries({ queryKey: key });
  if (data === undefined) return null;
  const { reports, runs } = data;
  return (
    <Part
      title="Reports by mail"
      about="What people did by day, as a file, sent again and again. Each time is a task; no report names a person."
    >
      {reports.length > 0 && (
        <ul className="lines" aria-label="Reports by mail">
          {reports.map((one) => (
            <Report
              key={one.report}
              report={one}
              last={runs.find((run) => run.report === one.report)}
              onChanged={again}
            />
          ))}
        </ul>
      )}
      <NewReport onSet={again} />
    </Part>
  );
}

function Report({
  report: { report, cron, timeZone = "UTC", days, formats, to, nextMs },
  last,
  onChanged,
}: {
  readonly report: UsageReportView;
  readonly last: ReportRun | undefined;
  readonly onChanged: () => void;
}) {
  const dialogs = useDialogs();
  const act = async (name: "reports.send" | "reports.remove", says: string) => {
    const done = await call(name, { report });
    if (done.ok) notices.show(says);
    else notices.fail(done.error);
    onChanged();
  };
  const remove = async () => {
    const body = <p>It is sent no more, and its addresses are forgotten. This cannot be undone.</p>;
    if (await dialogs.ask({ title: `Remove the report ${report}?`, body, action: "Remove", grave: true }))
      await act("reports.remove", `${report} is sent no more.`);
  };
  const save = async (format: ReportFormat) => {
    const made = await call("reports.file", { report, format });
    if (!made.ok) return notices.fail(made.error);
    const bytes = Uint8Array.from(atob(made.value.base64), (sign) => sign.charCodeAt(0));
    download(bytes, made.value.name, made.value.type);
  };
  return (
    <li className="model-row">
      <span className="line-title break">{report}</span>
      <p className="dim flush break">
        {days} days as {formats.map((one) => one.toUpperCase()).join(" and ")}, at “{cron}” ({timeZone}), to{" "}
        {to.join(", ")}
        {nextMs !== undefined && `; next ${momentOf(nextMs)}`}
      </p>
      {last !== undefined && (
        <p className="dim flush">
          The last one {states[last.state]}: {last.sent} of {mailsOf(last)} mails
          {last.error !== undefined && ` (${last.error.code})`}
        </p>
      )}
      <div className="row wrap">
        {formats.map((format) => (
          <Button
            key={format}
            variant="default"
            size="xs"
            aria-label={`Look at ${report} as ${format.toUpperCase()}`}
            onClick={() => void save(format)}
          >
            {format.toUpperCase()}
          </Button>
        ))}
        <Button
          variant="default"
          size="xs"
          aria-label={`Send ${report} now`}
          onClick={() => void act("reports.send", "It is sent as a task.")}
        >
          Send now
        </Button>
        <Button variant="default" size="xs" aria-label={`Remove ${report}`} onClick={() => void remove()}>
          Remove
        </Button>
      </div>
    </li>
  );
}

const faultTexts = {
  report: "Small letters, digits and dashes.",
  cron: "Five fields: minute, hour, day of the month, month, day of the week.",
  to: "Mail addresses, with commas between.",
};

function NewReport({ onSet }: { readonly onSet: () => void }) {
  const faults = useFaults(faultTexts);
  const set = async (form: HTMLFormElement) => {
    const wanted = bothFormats.filter((format) => new FormData(form).has(format));
    const said = await call("reports.set", {
      report: formText(form, "report").trim(),
      isNew: true,
      cron: formText(form, "cron").trim(),
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      days: Number(formText(form, "days")),
      formats: [...wanted],
      to: formText(form, "to")
        .split(",")
        .map((one) => one.trim())
        .filter((one) => one !== ""),
    });
    if (!said.ok) return void (faults.take(said.error) || notices.fail(said.error));
    form.reset();
    notices.show("It is sent from now on.");
    onSet();
  };
  return (
    <Form id="report" faults={faults} className="stack" onSubmit={set}>
      <div className="row wrap field-row">
        <TextInput name="report" label="Name" placeholder="weekly" required error={faults.of("report")} />
        <TextInput name="cron" label="When (cron)" defaultValue="0 7 * * 1" required error={faults.of("cron")} />
        <NumberInput name="days" label="Days back" defaultValue={7} min={1} max={366} required />
      </div>
      <TextInput
        name="to"
        className="narrow"
        label="To"
        placeholder="ada@example.org"
        required
        error={faults.of("to")}
      />
      <div className="row wrap">
        {bothFormats.map((format) => (
          <label key={format} className="check">
            <input type="checkbox" name={format} defaultChecked />
            {format.toUpperCase()}
          </label>
        ))}
      </div>
      <div className="row">
        <Button type="submit">Send this report</Button>
      </div>
    </Form>
  );
}
