/** `node test/model/run.ts` checks every configuration of the suite and prints a table; `--large` those that take
 *  minutes, `--all` both; `--model NAME` those of one model; `--trail NAME` prints the steps that lead to a mutation's
 *  harm. The table has the bounds, and the longest way that was followed. `--record` notes in checked.json what ended
 *  as it should, so that `npm test` need not check it again until the model changes. Exit code 1 when one does not end
 *  as it should. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { baselines, mutations } from "./configurations.ts";
import { writeRecord } from "./record.ts";
import { check, findTools, type Checked, type Configuration } from "./spin.ts";
import { inTurns, isAsExpected } from "./turns.ts";

const { values } = parseArgs({
  options: {
    large: { type: "boolean", default: false },
    all: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    model: { type: "string" },
    trail: { type: "string" },
    seconds: { type: "string", default: "600" },
    memory: { type: "string", default: "8000" },
    jobs: { type: "string", default: String(Math.min(2, availableParallelism())) },
  },
});

const describe = ({ outcome }: Checked): string => {
  switch (outcome.status) {
    case "complete":
      return "no violation, complete";
    case "violated":
      return `violation ${outcome.violation}`;
    case "cut off":
      return `cut off (${outcome.reason})`;
  }
};

/** How often each step is taken at most, and what there is at the start; what is not named is `0`. */
const boundsOf = ({ define }: Configuration): string =>
  Object.entries(define)
    .filter(([, value]) => value !== true && value !== 0)
    .map(([bound, value]) => `${bound.toLowerCase().replaceAll("_", " ")} ${value}`)
    .join(", ");

const row = (cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`);

async function main(): Promise<number> {
  const tools = findTools();
  if ("missing" in tools) {
    console.log(`cannot check: ${tools.missing}`);
    return 2;
  }
  const everything = [...baselines, ...mutations].filter(({ model }) => model === (values.model ?? model));
  const chosen =
    values.trail === undefined
      ? everything.filter(({ large = false }) => values.all || large === values.large)
      : everything.filter(({ name }) => name === values.trail);
  if (chosen.length === 0) {
    console.log(`no such configuration. There are:\n${everything.map(({ name }) => `  ${name}`).join("\n")}`);
    return 2;
  }
  const bounds = { limitMs: Number(values.seconds) * 1000, memoryMiB: Number(values.memory) };
  let wrong = 0;
  row(["configuration", "model", "bounds", "search", "states", "transitions", "deepest", "seconds", "result"]);
  row(["---", "---", "---", "---", "---:", "---:", "---:", "---:", "---"]);
  const withTrail = values.trail !== undefined;
  for (const [configuration, checking] of inTurns(chosen, Number(values.jobs), (one) =>
    check(one, tools, bounds, withTrail),
  )) {
    const checked = await checking;
    const good = isAsExpected(configuration, checked);
    if (!good) wrong += 1;
    const { name, model, search = "exact" } = configuration;
    row([
      name,
      model,
      boundsOf(configuration),
      search,
      checked.states.toLocaleString("en"),
      checked.transitions.toLocaleString("en"),
      checked.deepest.toLocaleString("en"),
      checked.searchSeconds.toFixed(1),
      `${describe(checked)}${good ? "" : ": WRONG"}`,
    ]);
    for (const step of checked.trail) console.log(`    ${step}`);
  }
  if (wrong > 0) return 1;
  if (values.record) writeRecord(chosen);
  return 0;
}

process.exitCode = await main();
