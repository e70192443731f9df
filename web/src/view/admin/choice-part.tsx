import { useQuery } from "@tanstack/react-query";
import type { ServingRow } from "../../../../protocols/index.ts";
import { request } from "../../wire/index.ts";
import { Part } from "../settings/part.tsx";

const lookMs = 5_000;

/** Which node a call to each model goes to from the node that served the page, and why. */
export function ChoicePart() {
  const { data } = useQuery({
    queryKey: ["serving"],
    refetchInterval: lookMs,
    queryFn: async () => {
      const answer = await request<{ readonly serving: readonly ServingRow[] }>("GET", "/api/v1/admin/engines");
      if (!answer.ok) throw new Error(answer.error.message);
      return answer.value.serving;
    },
  });
  if (data === undefined || data.length === 0) return null;
  // Where a call goes is the same for all that a model does on a node.
  const rows = [...Map.groupBy(data, ({ model, node }) => JSON.stringify([model, node])).values()];
  return (
    <Part
      title="Where calls go"
      about="The first choice of each model is asked first; when it cannot, the next. `plexus routes` sets names that stand for several models."
    >
      <ul className="lines">
        {rows.map((same) => {
          const [row] = same;
          return row === undefined ? null : <Choice key={`${row.model} ${row.node}`} row={row} same={same} />;
        })}
      </ul>
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
