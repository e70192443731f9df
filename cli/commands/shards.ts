import { Option } from "commander";
import { adminCommands, examples, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

interface ListOptions extends AdminOptions {
  readonly only?: "lost" | "trash";
}

/** `plexus shards`. */
export const define: Define = (command, { onExit, output }) => {
  command.addHelpText("after", examples("plexus shards list", "plexus shards list g1.2 --only lost"));
  const add = adminCommands(command, onExit);
  add<ListOptions>({
    name: "list",
    says: "Show the groups of shard-holders, where they are and what they hold; or what one of them holds.",
    argument: ["[holder]", "a holder, group.number"],
    examples: ["plexus shards list", "plexus shards list g1.2 --only lost", "plexus shards list --json"],
    more: (list) =>
      list.addOption(
        new Option("--only <which>", "of one holder: only shards that are lost, or in the trash").choices([
          "lost",
          "trash",
        ]),
      ),
    run: async (flags, { only }, holder) => {
      const { listShards } = await import("../shards.ts");
      return listShards(flags, { holder, only }, output);
    },
  });
};
