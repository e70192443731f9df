import { useQuery } from "@tanstack/react-query";
import {
  describeForecast,
  describeFree,
  scarceAdvice,
  scarceNouns,
} from "../../../../../protocols/words/forecast-words.ts";
import type { Forecast } from "../../../../../protocols/index.ts";
import { seen } from "../../../wire/index.ts";
import { Note } from "../../parts/note.tsx";
import { Part } from "../../settings/part.tsx";
import { live } from "../look.ts";
import { Pager, usePaged } from "../pages.tsx";
import { Table, type Column } from "../table.tsx";

const lookMs = 60_000;
const pageRows = 15;

const columns: readonly Column<Forecast>[] = [
  { head: "Node", cell: ({ node }) => node },
  { head: "What", cell: ({ of }) => scarceNouns[of] },
  { head: "Free", align: "end", cell: describeFree },
  { head: "Forecast", cell: describeForecast },
];

/** When disk, memory and places of models run out. */
export function Forecasts() {
  const { data, error } = useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "forecasts"],
    queryFn: () => seen("forecasts.list"),
  });
  const all = data?.forecasts ?? [];
  const { shown, trail, next } = usePaged(all, pageRows, "");
  const ends = [...new Set(all.filter(({ says }) => says === "ends").map(({ of }) => of))];
  return (
    <Part
      title="What runs out"
      about={
        "Measured every hour. A forecast never looks further ahead than the measurements go back. You get an " +
        "alert when something will run out within a week."
      }
    >
      {error !== null && <Note tone="warn">{error.message}</Note>}
      {ends.map((of) => (
        <Note key={of} tone="warn" title={`${scarceNouns[of]} will run out`}>
          {scarceAdvice[of]}
        </Note>
      ))}
      <Table
        label="What runs out"
        columns={columns}
        rows={shown}
        keyOf={({ node, of }) => `${node} ${of}`}
        nothing={data === undefined ? "Loading …" : "Nothing was measured yet."}
      />
      <Pager trail={trail} next={next} waits={false} back="Previous" on="Next" />
    </Part>
  );
}
