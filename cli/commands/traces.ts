import { duration, examples, adminCommands, wholeNumber, type AdminOptions } from "../terminal/options.ts";
import { Option } from "commander";
import type { Define } from "./index.ts";

interface ListOptions extends AdminOptions {
  readonly node?: string;
  readonly name?: string;
  readonly min?: number;
  readonly failed?: boolean;
  readonly limit: number;
}

/** `plexus traces`. */
export const define: Define = (command, { output, onExit }) => {
  const add = adminCommands(command, onExit);
  add<ListOptions>({
    name: "list",
    says: "Show the newest traced requests of all nodes, newest first.",
    examples: ["plexus traces list", "plexus traces list --failed", "plexus traces list --min 200ms --name room.post"],
    more: (one) =>
      one
        .option("--node <name>", "only those that came in at this node")
        .option("--name <text>", "only requests whose name begins with this")
        .addOption(
          new Option("--min <duration>", "only those that took at least this long").argParser(
            duration("The time", { minMs: 1, maxMs: 3_600_000 }),
          ),
        )
        .option("--failed", "only those that ended with an error")
        .option("--limit <number>", "at most this many", wholeNumber("The limit", 1, 200), 50),
    run: async (flags, options) => {
      const { listTraces } = await import("../watching/traces.ts");
      return listTraces(flags, options, output);
    },
  });
  add({
    name: "show",
    says: "Show how one request went through the nodes: each step, where it ran, and how long it took.",
    argument: ["<trace>", "its id, from the list"],
    examples: ["plexus traces show 4bf92f3577b34da6a3ce929d0e0e4736"],
    run: async (flags, _options, trace) => {
      const { showTrace } = await import("../watching/traces.ts");
      return showTrace(flags, trace, output);
    },
  });
  command.addHelpText("after", examples("plexus traces list", "plexus traces show 4bf92f3577b34da6a3ce929d0e0e4736"));
};
