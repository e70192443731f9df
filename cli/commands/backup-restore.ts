import { Option, type Command } from "commander";
import { dataFolderOf } from "../folders.ts";
import {
  adminCommands,
  adminFlags,
  collect,
  data,
  examples,
  json,
  moment,
  tokenOf,
  wholeNumber,
  withAdminFlags,
  withTokenFlags,
  type AdminOptions,
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

/** `plexus backup copy` and `drill`. */
export function defineCopies(backup: Command, { output, onExit }: Parameters<Define>[1]): void {
  adminCommands(
    backup,
    onExit,
  )<AdminOptions & { readonly from?: string; readonly to: string }>({
    name: "copy",
    says: "Copy backups into a folder that leaves the cluster; what is in it already is not copied again.",
    examples: [
      "plexus backup copy --to /media/usb/cluster",
      "plexus backup copy --from /mnt/backup/ann --to /media/usb/ann",
    ],
    more: (inner) =>
      inner
        .option("--from <folder>", "a folder of backups on the node's machine; default: the backups of the cluster")
        .requiredOption("--to <folder>", "the folder of the copy; it is made where it is absent"),
    run: async (flags, { from, to }) => (await import("../backup-copies.ts")).copyBackup(flags, { from, to }, output),
  });

  interface DrillOptions extends AdminOptions, TokenOptions {
    readonly from?: string;
    readonly scratch: string;
    readonly snapshot?: number;
    readonly kit?: boolean;
  }
  withTokenFlags(withAdminFlags(backup.command("drill")))
    .description("Rehearse a disaster: restore the newest snapshot into a scratch folder, compare, and delete it.")
    .argument("[files...]", "with --kit: files with shares; none: they are typed")
    .option("--from <folder>", "a folder of backups; default: the backups of the cluster")
    .requiredOption("--scratch <folder>", "where it is rehearsed; empty or absent, and so again afterwards")
    .addOption(new Option("--snapshot <number>", "this snapshot").argParser(wholeNumber("The snapshot", 1)))
    .option("--kit", "with the shares of the recovery kit and without a node, as after a disaster")
    .addHelpText(
      "after",
      "\nThe node reads with its own keys; the shares stay on paper. With --kit this command does all of it, with the shares.\n" +
        examples(
          "plexus backup drill --scratch /var/tmp/drill",
          "plexus backup drill --from /mnt/backup/ann --scratch /tmp/drill",
          "plexus backup drill --from /mnt/backup/ann --scratch /tmp/drill --kit",
        ),
    )
    .action(async (files: readonly string[], options: DrillOptions) => {
      const { drillBackup, drillWithKit } = await import("../backup-copies.ts");
      const { from, scratch, snapshot } = options;
      const told = { from, scratch, snapshot };
      if (options.kit === true && from === undefined) backup.error("error: --kit needs --from: without a node a folder has the backups"); // prettier-ignore
      const flags = await adminFlags(options);
      onExit(
        options.kit === true
          ? await drillWithKit(flags, { ...told, from: from as string, files, token: tokenOf(options) }, output)
          : await drillBackup(flags, told, output),
      );
    });
}
