import { useQuery } from "@tanstack/react-query";
import { counted } from "../../../../protocols/words/amounts.ts";
import type { QualityAlert, QualityRow } from "../../../../protocols/index.ts";
import { seen } from "../../wire/index.ts";
import { Icon } from "../parts/icons.tsx";
import { Part } from "../settings/part.tsx";

const refreshMs = 60_000;

/** How good the answers of models are: one line a model, with what got worse. */
export function Quality() {
  const { data } = useQuery({
    queryKey: ["quality"],
    refetchInterval: refreshMs,
    queryFn: () => seen("quality.show"),
  });
  if (data === undefined || data.rows.length === 0) return null;
  const missing = data.unanswered ?? [];
  return (
    <Part
      title="Quality"
      about={
        "The last two hours compared with the week before, over all nodes, and the ratings people gave in the " +
        "last day."
      }
    >
      <ul className="lines">
        {data.rows.map((row) => (
          <li key={`${row.model} ${row.version}`}>
            <span className="grow">
              <span className="ellipsis line-title">
                {row.model} {row.version !== "" && <span className="dim">{row.version}</span>}
              </span>
              <span className="dim">{figures(row)}</span>
              {row.alerts.map((alert) => (
                <span key={alert.what} className="end failed">
                  <Icon name="warning" size={15} /> {worse(alert)}
                </span>
              ))}
            </span>
          </li>
        ))}
      </ul>
      {missing.length > 0 && <p className="dim">{`No answer from ${missing.join(", ")}.`}</p>}
    </Part>
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
const seconds = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;

function figures({ now }: QualityRow): string {
  return [
    counted(now.calls, "call"),
    ...(now.errorShare === undefined ? [] : [`${percent(now.errorShare)} errors`]),
    ...(now.refusalShare === undefined ? [] : [`${percent(now.refusalShare)} refusals`]),
    ...(now.firstMs === undefined ? [] : [`first text after ${seconds(now.firstMs)}`]),
    ...(now.tokensPerSecond === undefined ? [] : [`${Math.round(now.tokensPerSecond)} tokens a second`]),
    ...(now.tokensPerAnswer === undefined ? [] : [`${Math.round(now.tokensPerAnswer)} tokens an answer`]),
    ...(now.up + now.down === 0 ? [] : [`${now.up} thumbs up, ${now.down} down`]),
  ].join(", ");
}

function worse({ what, before, now }: QualityAlert): string {
  switch (what) {
    case "errors":
    case "refusals":
      return `More ${what}: ${percent(before)} before, ${percent(now)} now.`;
    case "thumbs":
      return `More thumbs down: ${percent(before)} before, ${percent(now)} now.`;
    case "first":
      return `Slower to begin: ${seconds(before)} before, ${seconds(now)} now.`;
    case "pace":
      return `Slower: ${seconds(before)} for 100 tokens before, ${seconds(now)} now.`;
    default:
      return `Answers of another length: ${Math.round(before)} tokens before, ${Math.round(now)} now.`;
  }
}
