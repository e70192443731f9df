import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

interface UsageOptions extends AdminOptions {
  readonly mine?: boolean;
  readonly person?: string;
  readonly days?: number;
}

/** `plexus usage`. */
export const define: Define = (command, { output, onExit }) => {
  withAdminFlags(
    command
      .option("--person <name>", "of one person, by keys and agents")
      .option("--mine", "your own, with --url and the sign-in of `plexus chat`; takes no admin")
      .option("--days <count>", "by day, so many days back", wholeNumber("The number of days", 1, 400)),
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
      const { showUsage } = await import("../usage.ts");
      onExit(await showUsage(await adminFlags(options), { mine, person, days }, output));
    });
};
