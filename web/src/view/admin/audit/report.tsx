import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { at } from "../../../wire/index.ts";
import { Part } from "../../settings/part.tsx";

const dayMs = 24 * 3_600_000;

const dayOf = (date: Date): string => {
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
};
/** The beginning of a day here; undefined: it is none. */
const beginOf = (day: string): number | undefined => {
  const ms = new Date(`${day}T00:00`).getTime();
  return Number.isNaN(ms) ? undefined : ms;
};

/** The report of a period, to read or to keep. */
export function Report() {
  const now = new Date();
  const [from, setFrom] = useState(() => dayOf(new Date(now.getFullYear(), now.getMonth() - 1, 1)));
  const [to, setTo] = useState(() => dayOf(now));
  const [fromMs, lastMs] = [beginOf(from), beginOf(to)];
  const isPeriod = fromMs !== undefined && lastMs !== undefined && fromMs <= lastMs;
  const link = (format: "html" | "text"): string =>
    at(`/api/v1/admin/audit/report?fromMs=${fromMs ?? 0}&untilMs=${(lastMs ?? 0) + dayMs}&format=${format}`);
  return (
    <Part
      title="Report"
      about="People with power, and what was changed, refused, exported and erased, with signed heads as proof."
    >
      <div className="row field-row">
        <TextInput type="date" label="From" value={from} onChange={(event) => setFrom(event.currentTarget.value)} />
        <TextInput
          type="date"
          label="To, that day too"
          value={to}
          onChange={(event) => setTo(event.currentTarget.value)}
          error={isPeriod ? undefined : "The period ends before it begins."}
        />
        {isPeriod && (
          <>
            <Button component="a" href={link("html")} target="_blank" rel="noreferrer">
              Open
            </Button>
            <Button component="a" variant="default" href={link("text")} download={`audit-${from}-${to}.txt`}>
              Download
            </Button>
          </>
        )}
      </div>
      <p className="dim flush">The audit also records that you asked for it.</p>
    </Part>
  );
}
