import { useQuery } from "@tanstack/react-query";
import type { AgentUsage, AgentUsageRow } from "../../../../protocols/index.ts";
import type { AgentStore } from "../../live/index.ts";
import { lasting } from "../parts/time.ts";

type Sums = Omit<AgentUsageRow, "day">;

/** What an agent took of models in the last month, by model. */
export function Usage({ store }: { readonly store: AgentStore }) {
  const loaded = useQuery({
    queryKey: ["usage", store.agent],
    queryFn: () => store.usage(),
    // It grows with every answer, and is looked at now and then.
    staleTime: 0,
    gcTime: 0,
  });
  const rows = loaded.data?.rows ?? [];
  return (
    <section className="usage" aria-labelledby="usage-title">
      <h3 id="usage-title">Usage in the last 31 days</h3>
      {loaded.isError && <p className="dim">It cannot be loaded now.</p>}
      {loaded.isSuccess && rows.length === 0 && <p className="dim">This agent has not answered yet.</p>}
      {rows.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col">Tokens read</th>
              <th scope="col">Written</th>
              <th scope="col">Time</th>
            </tr>
          </thead>
          <tbody>
            {sums(rows).map((sum) => (
              <tr key={sum.model}>
                <td>{sum.model === "" ? "Default" : sum.model}</td>
                <td title={`${whole(sum.cachedTokens)} of them were already in the model's memory`}>
                  {whole(sum.promptTokens)}
                </td>
                <td>{whole(sum.completionTokens)}</td>
                <td title={`Including waiting, for ${whole(sum.runs)} runs`}>{lasting(sum.ms)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** One row a model, the one that wrote most first. */
function sums(rows: AgentUsage["rows"]): readonly Sums[] {
  const byModel = new Map<string, Sums>();
  for (const { day: _, ...row } of rows) {
    const known = byModel.get(row.model);
    byModel.set(row.model, {
      model: row.model,
      runs: row.runs + (known?.runs ?? 0),
      promptTokens: row.promptTokens + (known?.promptTokens ?? 0),
      cachedTokens: row.cachedTokens + (known?.cachedTokens ?? 0),
      completionTokens: row.completionTokens + (known?.completionTokens ?? 0),
      ms: row.ms + (known?.ms ?? 0),
    });
  }
  return [...byModel.values()].toSorted((one, other) => other.completionTokens - one.completionTokens);
}

const whole = (number: number): string => number.toLocaleString("en-US");
