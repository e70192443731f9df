import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { ServingRow } from "../../../../protocols/index.ts";
import { finder } from "../../../../protocols/text/names.ts";
import { seen } from "../../wire/index.ts";
import { Part } from "../settings/part.tsx";
import { Pager, SearchField, usePaged } from "./pages.tsx";

const lookMs = 5_000;
const pageRows = 25;

/** Which node a call to each model goes to from the node that served the page, and why. */
export function ChoicePart() {
  const { data } = useQuery({
    queryKey: ["serving"],
    refetchInterval: lookMs,
    queryFn: async () => (await seen("engines.list")).serving,
  });
  const [text, setText] = useState("");
  // Where a call goes is the same for all that a model does on a node.
  const rows = useMemo(
    () => [...Map.groupBy(data ?? [], ({ model, node }) => JSON.stringify([model, node])).values()],
    [data],
  );
  const found = rows.filter(([row]) => finder(text)(row?.model, row?.node));
  const { shown, trail, next } = usePaged(found, pageRows, text);
  if (rows.length === 0) return null;
  return (
    <Part
      title="Where calls go"
      about={
        "A request goes to the first server of a model, and to the next one if the first cannot answer. To give " +
        "several models one name, run `plexus routes` in a terminal."
      }
    >
      {rows.length > pageRows && (
        <SearchField label="Search calls" placeholder="Model or node" text={text} onText={setText} />
      )}
      <ul className="lines">
        {shown.map((same) => {
          const [row] = same;
          return row === undefined ? null : <Choice key={`${row.model} ${row.node}`} row={row} same={same} />;
        })}
      </ul>
      <Pager trail={trail} next={next} waits={false} back="Previous" on="Next" />
    </Part>
  );
}

function Choice({ row, same }: { readonly row: ServingRow; readonly same: readonly ServingRow[] }) {
  const { model, node, rank, state, calls, places, tokensPerSecond, because } = row;
  const facts = [
    state,
    same.map(({ engine }) => engine).join(", "),
    ...(calls === undefined ? [] : [`${calls}${places === undefined ? "" : ` of ${places}`} calls`]),
    ...(tokensPerSecond === undefined ? [] : [`${Math.round(tokensPerSecond)} tokens a second`]),
    because,
  ].filter((fact) => fact !== undefined && fact !== "");
  return (
    <li>
      <span className="grow">
        <span className="ellipsis line-title">
          {model || "No model"} <span className="dim">on {node}</span>
        </span>
        <span className={rank === undefined ? "pull-error break" : "dim break"}>
          {[rank === undefined ? "never" : `choice ${rank}`, ...facts].join(" · ")}
        </span>
      </span>
    </li>
  );
}
