import { Option, type Command } from "commander";
import { dataFolderOf } from "../settings/folders.ts";
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
} from "../terminal/options.ts";
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
    .description(
      "When the cluster is lost: make a data folder for a node from backups, or from disks of storage nodes, " +
        "with the recovery kit.",
    )
    .argument("[files...]", "files with shares (default: you type them)")
    .requiredOption(
      "--from <folder>",
      "a folder of backups, or the data folder of a lost storage node (or a copy of its shards/); repeatable",
      collect<string>,
    )
    .addOption(data())
    .addOption(
      new Option("--snapshot <number>", "this snapshot (its number)")
        .argParser(wholeNumber("The snapshot", 1))
        .conflicts("at"),
    )
    .addOption(new Option("--at <time>", "the newest snapshot of that time").argParser(moment("--at")))
    .addOption(json())
    .addHelpText(
      "after",
      "\nNo node needs to run. The data folder must be empty or absent; a restore that was interrupted begins again\n" +
        "there. The backups are only read. Each thing that cannot be restored is named on a line, and the exit " +
        "code is\n" +
        "then 1.\n" +
        examples(
          "plexus backup restore --from /mnt/backup/ann --data /var/lib/plexus",
          "plexus backup restore --from /mnt/backup/ann --from /mnt/backup/bee --data /var/lib/plexus " +
            "share-1.txt share-2.txt share-4.txt",
          "plexus backup restore --from /mnt/backup/ann --at 2d --data /var/lib/plexus",
          "plexus backup restore --from /disk-of-bee/plexus --from /disk-of-cat/plexus --data /var/lib/plexus",
        ),
    )
    .action(async (files: readonly string[], options: RestoreOptions) => {
      const { restoreBackup } = await import("../backup/restore.ts");
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
    says:
      "Copy backups into a folder, such as a disk that you take away. What the folder already has is not copied " +
      "again.",
    examples: [
      "plexus backup copy --to /media/usb/cluster",
      "plexus backup copy --from /mnt/backup/ann --to /media/usb/ann",
    ],
    more: (inner) =>
      inner
        .option("--from <folder>", "a folder of backups on the node's machine (default: the backups of the cluster)")
        .requiredOption("--to <folder>", "the folder of the copy; it is made if absent"),
    run: async (flags, { from, to }) =>
      (await import("../backup/backup-copies.ts")).copyBackup(flags, { from, to }, output),
  });

  interface DrillOptions extends AdminOptions, TokenOptions {
    readonly from?: readonly string[];
    readonly scratch?: string;
    readonly snapshot?: number;
    readonly kit?: boolean;
  }
  withTokenFlags(withAdminFlags(backup.command("drill")))
    .description(
      "Rehearse a disaster: restore the newest snapshot into a scratch folder, compare it, and delete it again.",
    )
    .argument("[files...]", "with --kit: files with shares (default: you type them)")
    .option(
      "--from <folder>",
      "a folder of backups; with --kit also disks of storage nodes, repeatable (default: the backups of the cluster)",
      collect<string>,
    )
    .option(
      "--scratch <folder>",
      "the scratch folder, empty or absent; it is emptied afterwards (default: inside the data folder of the " +
        "node that does it)",
    )
    .addOption(
      new Option("--snapshot <number>", "this snapshot (its number)").argParser(wholeNumber("The snapshot", 1)),
    )
    .option(
      "--kit",
      "use the shares of the recovery kit: with --from no node is needed, otherwise in addition to the node's own keys",
    )
    .addHelpText(
      "after",
      "\nThe node reads with its own keys. With --kit the shares are checked as well. With --kit and --from " +
        "this command\n" +
        "does everything itself with the shares alone, as after a disaster. The report says whether the disks " +
        "of storage\n" +
        "nodes have what a restore needs.\n" +
        examples(
          "plexus backup drill",
          "plexus backup drill --scratch /var/tmp/drill",
          "plexus backup drill --from /mnt/backup/ann --scratch /tmp/drill",
          "plexus backup drill --scratch /var/tmp/drill --kit share-1.txt share-2.txt share-4.txt",
          "plexus backup drill --from /mnt/backup/ann --scratch /tmp/drill --kit",
        ),
    )
    .action(async (files: readonly string[], options: DrillOptions) => {
      const { drillBackup, drillBackupAndKit, drillWithKit } = await import("../backup/backup-copies.ts");
      const { from = [], scratch, snapshot, kit = false } = options;
      if (!kit && from.length > 1) backup.error("error: a node reads one folder: several --from need --kit");
      const flags = await adminFlags(options);
      if (scratch === undefined) {
        if (kit || from.length > 0 || snapshot !== undefined)
          backup.error("error: with --from, --snapshot or --kit say where it is rehearsed: --scratch FOLDER");
        onExit(await drillBackup(flags, { scratch, snapshot, from: undefined }, output));
        return;
      }
      const told = { scratch, snapshot };
      const source = { files, token: tokenOf(options) };
      if (!kit) onExit(await drillBackup(flags, { ...told, from: from[0] }, output));
      else if (from.length === 0) onExit(await drillBackupAndKit(flags, { ...told, ...source }, output));
      else onExit(await drillWithKit(flags, { ...told, ...source, from }, output));
    });
}
