import { Option, type Command } from "commander";
import { dataFolderOf } from "../folders.ts";
import {
  collect,
  data,
  examples,
  json,
  moment,
  tokenOf,
  wholeNumber,
  withTokenFlags,
  type TokenOptions,
} from "../options.ts";
import type { Define } from "./index.ts";

interface RestoreOptions extends TokenOptions {
  readonly from: readonly string[];
  readonly data?: string;
  readonly snapshot?: number;
  readonly at?: number;
  readonly json?: boolean;
}

/** `plexus backup restore`. */
export function defineRestore(backup: Command, { output, onExit }: Parameters<Define>[1]): void {
  withTokenFlags(backup.command("restore"))
    .description("When the cluster is gone: make a node's data folder of backups and the shares of the recovery kit.")
    .argument("[files...]", "files with shares; none: they are typed")
    .requiredOption(
      "--from <folder>",
      "a folder of backups; several times where nodes had folders of their own",
      collect<string>,
    )
    .addOption(data())
    .addOption(
      new Option("--snapshot <number>", "this snapshot").argParser(wholeNumber("The snapshot", 1)).conflicts("at"),
    )
    .addOption(new Option("--at <time>", "as it was then: the newest snapshot of that time").argParser(moment("--at")))
    .addOption(json())
    .addHelpText(
      "after",
      "\nNo node needs to run. The data folder must be empty or absent; a restore that was broken off begins again there. The\n" +
        "backups are only read. What could not be brought back is named, one line each, and the command ends with 1.\n" +
        examples(
          "plexus backup restore --from /mnt/backup/ann --data /var/lib/plexus",
          "plexus backup restore --from /mnt/backup/ann --from /mnt/backup/bee --data /var/lib/plexus share-1.txt share-2.txt share-4.txt",
          "plexus backup restore --from /mnt/backup/ann --at 2d --data /var/lib/plexus",
        ),
    )
    .action(async (files: readonly string[], options: RestoreOptions) => {
      const { restoreBackup } = await import("../restore.ts");
      const { from, snapshot, at, json: asJson = false } = options;
      const to = await dataFolderOf(options.data, process.env);
      const which = { ...(snapshot !== undefined && { snapshot }), ...(at !== undefined && { atMs: at }) };
      onExit(await restoreBackup({ from, to, files, token: tokenOf(options), json: asJson, ...which }, output));
    });
}
