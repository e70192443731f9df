import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface UsageOptions extends AdminOptions {
  readonly mine?: boolean;
  readonly person?: string;
  readonly days?: number;
}

interface DaysOptions extends AdminOptions {
  readonly days: number;
  readonly team?: string;
  readonly csv?: boolean;
}

/** `plexus usage`. */
export const define: Define = (command, { output, onExit }) => {
  const usage = withAdminFlags(
    command
      .enablePositionalOptions()
      .option("--person <name>", "only this person, by keys and agents")
      .option("--mine", "only your own, with --url and the sign-in of `plexus chat`; you need not be an admin")
      .option("--days <count>", "by day, for this many days back", wholeNumber("The number of days", 1, 400)),
  )
    .addHelpText(
      "after",
      examples(
        "plexus usage",
        "plexus usage --person ada --days 7",
        "plexus usage --mine --url http://127.0.0.1:7070",
        "plexus usage --days 31 --json | jq -s 'map(.cost) | add'",
      ),
    )
    .action(async ({ mine = false, person, days, ...options }: UsageOptions) => {
      const { showUsage } = await import("../watching/usage.ts");
      onExit(await showUsage(await adminFlags(options), { mine, person, days }, output));
    });

  withAdminFlags(
    usage
      .command("days")
      .description("Show activity by day: messages, active people, use of models, stored data.")
      .option("--days <count>", "this many days back", wholeNumber("The number of days", 1, 800), 30)
      .option("--team <name>", "only people of this team, which is a budget that names several people")
      .option("--csv", "as CSV, with a row for each team"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus usage days",
        "plexus usage days --days 90 --team sales",
        "plexus usage days --days 365 --csv > activity.csv",
      ),
    )
    .action(async ({ days, team, csv = false, ...options }: DaysOptions) => {
      const { showDays } = await import("../watching/usage-days.ts");
      onExit(await showDays(await adminFlags(options), { days, team, csv }, output));
    });
};
