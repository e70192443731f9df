import { Option } from "commander";
import { resolve } from "node:path";
import { dataFolderOf } from "../settings/folders.ts";
import { data, examples, json } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface SalvageOptions {
  readonly data?: string;
  readonly to: string;
  readonly diskKey?: string;
  readonly json?: boolean;
}

/** `plexus salvage`. */
export const define: Define = (command, { output, onExit }) => {
  command
    .addOption(data())
    .addOption(new Option("--to <folder>", "the new data folder; it must be empty or absent").makeOptionMandatory())
    .option("--disk-key <file>", "the key of an encrypted disk (default: disk.key in the damaged folder)")
    .addOption(json())
    .addHelpText(
      "after",
      "\nStop the node first. The damaged folder is only read. Each thing that cannot be read is named on a " +
        "line. A node\n" +
        "that was alone keeps its identity. A node that was one of many becomes a cluster of its own; to " +
        "return to the\n" +
        "old cluster, it joins with an empty folder and an invitation instead.\n" +
        examples(
          "plexus salvage --data /var/lib/plexus --to /var/lib/plexus-salvaged",
          "plexus up --data /var/lib/plexus-salvaged",
        ),
    )
    .action(async (options: SalvageOptions) => {
      const { salvageFolder } = await import("../disk/salvage.ts");
      const from = await dataFolderOf(options.data, process.env);
      onExit(
        await salvageFolder(
          { from, to: resolve(options.to), diskKey: options.diskKey, json: options.json ?? false },
          output,
        ),
      );
    });
};
