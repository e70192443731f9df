import { describeForecast, describeFree, scarceAdvice, scarceNouns } from "../../protocols/words/forecast-words.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** `plexus nodes forecast`. */
export async function listForecasts(flags: AdminFlags, output: Output): Promise<number> {
  const said = await operate(flags, "forecasts.list");
  if (flags.json) output.print(jsonLine(said));
  else if (said.forecasts.length === 0)
    output.print("Nothing was measured yet. A node is measured each hour, first when it has been up for some seconds.");
  else {
    const rows = said.forecasts.map((one) => [
      withoutControls(one.node),
      scarceNouns[one.of],
      describeFree(one),
      describeForecast(one),
    ]);
    const heads = [
      { head: "Node" },
      { head: "" },
      { head: "Free", align: "right" as const },
      { head: "", wraps: true as const },
    ];
    const ends = [...new Set(said.forecasts.filter(({ says }) => says === "ends").map(({ of }) => of))];
    output.print([renderTable(heads, rows, output), ...ends.map((of) => scarceAdvice[of])].join("\n"));
  }
  return exitCodes.ok;
}
