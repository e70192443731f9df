import { Option } from "commander";
import { resolve } from "node:path";
import { dataFolderOf } from "../folders.ts";
import { data, examples, json } from "../options.ts";
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
    .addOption(
      new Option(
        "--to <folder>",
        "where the new data folder is made; it must be empty or absent",
      ).makeOptionMandatory(),
    )
    .option("--disk-key <file>", "the key of an encrypted disk; default: disk.key in the damaged folder")
    .addOption(json())
    .addHelpText(
      "after",
      "\nThe damaged folder is only read. What could not be read is named, one line each. A node that was alone stays who it\n" +
        "is. Of one of many nodes a cluster of its own is made: the node itself comes back to its cluster with an empty folder\n" +
        "and an invitation. Stop the node first.\n" +
        examples(
          "plexus salvage --data /var/lib/plexus --to /var/lib/plexus-salvaged",
          "plexus up --data /var/lib/plexus-salvaged",
        ),
    )
    .action(async (options: SalvageOptions) => {
      const { salvageFolder } = await import("../salvage.ts");
      const from = await dataFolderOf(options.data, process.env);
      onExit(
        await salvageFolder(
          { from, to: resolve(options.to), diskKey: options.diskKey, json: options.json ?? false },
          output,
        ),
      );
    });
};
