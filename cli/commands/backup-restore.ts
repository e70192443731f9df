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
    .description(
      "When the cluster is gone: make a node's data folder of backups, or disks of storage nodes, and the recovery kit.",
    )
    .argument("[files...]", "files with shares; none: they are typed")
    .requiredOption(
      "--from <folder>",
      "a folder of backups, or the data folder of a storage node that is gone (or a copy of shards/ in it); several times for several",
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
          "plexus backup restore --from /disk-of-bee/plexus --from /disk-of-cat/plexus --data /var/lib/plexus",
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
    readonly from?: readonly string[];
    readonly scratch?: string;
    readonly snapshot?: number;
    readonly kit?: boolean;
  }
  withTokenFlags(withAdminFlags(backup.command("drill")))
    .description("Rehearse a disaster: restore the newest snapshot into a scratch folder, compare, and delete it.")
    .argument("[files...]", "with --kit: files with shares; none: they are typed")
    .option(
      "--from <folder>",
      "a folder of backups; with --kit several times, also of disks of storage nodes; default: the backups of the cluster",
      collect<string>,
    )
    .option(
      "--scratch <folder>",
      "where it is rehearsed; empty or absent, and so again afterwards; default: in the data folder of the node that works on it",
    )
    .addOption(new Option("--snapshot <number>", "this snapshot").argParser(wholeNumber("The snapshot", 1)))
    .option("--kit", "with the shares of the recovery kit: with --from without a node, else beside the node's own keys")
    .addHelpText(
      "after",
      "\nThe node reads with its own keys. With --kit the shares are checked as well; with --kit and --from this command does all of it, with\n" +
        "the shares alone, as after a disaster. Whether storage nodes have on their disks what a restore needs is in the report.\n" +
        examples(
          "plexus backup drill",
          "plexus backup drill --scratch /var/tmp/drill",
          "plexus backup drill --from /mnt/backup/ann --scratch /tmp/drill",
          "plexus backup drill --scratch /var/tmp/drill --kit share-1.txt share-2.txt share-4.txt",
          "plexus backup drill --from /mnt/backup/ann --scratch /tmp/drill --kit",
        ),
    )
    .action(async (files: readonly string[], options: DrillOptions) => {
      const { drillBackup, drillBackupAndKit, drillWithKit } = await import("../backup-copies.ts");
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
