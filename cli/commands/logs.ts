import { Option } from "commander";
import { logLevels } from "../../protocols/words/log-words.ts";
import { adminFlags, examples, moment, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { LogChoice } from "../watching/logs.ts";
import type { Define } from "./index.ts";

/** Commander leaves a flag out that was not given. */
type LogOptions = AdminOptions & Omit<LogChoice, "follow"> & Partial<Pick<LogChoice, "follow">>;

/** `plexus logs`. */
export const define: Define = (command, { output, onExit }) => {
  withAdminFlags(
    command
      .option("--node <name>", "only the log of this node")
      .addOption(new Option("--level <level>", "this level and worse").choices(logLevels))
      .option("--name <text>", "events whose name begins with this, such as mesh.")
      .option("--about <id>", "only lines about this: the id of a request or a trace, or an actor")
      .option("--since <time>", "not before this time", moment("The time"))
      .option("--limit <number>", "at most this many", wholeNumber("The limit", 1, 1_000), 100)
      .option("--follow", "show new lines as they come, until Ctrl-C"),
  )
    .addHelpText(
      "after",
      examples("plexus logs", "plexus logs --level warn --follow", "plexus logs --node nyx --name membership."),
    )
    .action(async (options: LogOptions) => {
      const { showLogs } = await import("../watching/logs.ts");
      onExit(await showLogs(await adminFlags(options), { ...options, follow: options.follow === true }, output));
    });
};
