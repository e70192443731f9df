import { Option } from "commander";
import { adminCommands, examples, type AdminOptions } from "../terminal/options.ts";
import { defineGuards } from "./backup-guards.ts";
import { defineKeys } from "./backup-keys.ts";
import { defineRecall, from, snapshot } from "./backup-recall.ts";
import { defineCopies, defineRestore } from "./backup-restore.ts";
import { defineTasks, depths, keepOf, withKeepOptions, type KeepOptions } from "./backup-tasks.ts";
import type { Define } from "./index.ts";

type PruneOptions = AdminOptions &
  KeepOptions & {
    readonly timeZone?: string;
    readonly from?: string;
    readonly dryRun?: boolean;
    readonly yes?: boolean;
  };

/** Backups of the cluster, or in a folder on the node's machine. */
function defineBackups(command: Parameters<Define>[0], { output, onExit }: Parameters<Define>[1]): void {
  const add = adminCommands(command, onExit);
  const load = () => import("../backup/backups.ts");
  add<AdminOptions & { readonly to?: string; readonly full?: boolean }>({
    name: "run",
    says:
      "Back up the cluster onto its storage nodes, or with --to into a folder on the node's machine: everything " +
      "that this node owns. Unchanged data is not written again.",
    examples: ["plexus backup run", "plexus backup run --to /mnt/backup/plexus", "plexus backup run --full"],
    more: (inner) =>
      inner
        .option("--to <folder>", "the folder of this node's backups; it is made if absent")
        .option("--full", "store everything again, also unchanged data"),
    run: async (flags, { to, full = false }) => (await load()).runBackup(flags, { to, full }, output),
  });
  add<AdminOptions & { readonly from?: string }>({
    name: "list",
    says: "Show the snapshots of the cluster, or those in a folder.",
    examples: ["plexus backup list", "plexus backup list --from /mnt/backup/plexus --json"],
    more: from,
    run: async (flags, options) => (await load()).listBackups(flags, options.from, output),
  });
  add<AdminOptions & { readonly from?: string; readonly snapshot?: number }>({
    name: "show",
    says: "Show what is in a snapshot, and what is missing in it (default: the newest).",
    examples: ["plexus backup show", "plexus backup show --from /mnt/backup/plexus --snapshot 3"],
    more: (inner) => from(inner).addOption(snapshot()),
    run: async (flags, options) =>
      (await load()).showBackup(flags, { from: options.from, snapshot: options.snapshot }, output),
  });
  add<
    AdminOptions & {
      readonly from?: string;
      readonly snapshot?: number;
      readonly depth: "manifest" | "shards" | "data";
    }
  >({
    name: "verify",
    says: "Check that all snapshots, or one, are complete and can be read.",
    examples: ["plexus backup verify", "plexus backup verify --from /mnt/backup/plexus --depth data"],
    more: (inner) =>
      from(inner)
        .addOption(snapshot())
        .addOption(
          new Option("--depth <depth>", "manifest: check the lists; shards: read every file; data: decrypt everything")
            .choices(depths)
            .default("shards"),
        ),
    run: async (flags, { from: folder, depth, snapshot: number }) =>
      (await load()).verifyBackup(
        flags,
        {
          depth,
          ...(folder !== undefined && { from: folder }),
          ...(number !== undefined && { snapshot: number }),
        },
        output,
      ),
  });
  defineRecall(command, { output, onExit });
  add<PruneOptions>({
    name: "prune",
    says:
      "Remove old snapshots, and keep those that you name. It shows what it would remove, and asks. Nothing else " +
      "removes snapshots.",
    examples: [
      "plexus backup prune --keep-last 7 --dry-run",
      "plexus backup prune --from /mnt/backup/plexus --keep-daily 7 --keep-weekly 8 --keep-monthly 24 --yes",
    ],
    more: (inner) =>
      withKeepOptions(from(inner))
        .option(
          "--time-zone <zone>",
          "the time zone of days and months, such as Europe/Vienna (default: that of the schedule, otherwise UTC)",
        )
        .option("--dry-run", "only say what would be removed")
        .option("--yes", "do not ask"),
    run: async (flags, options) => {
      const { pruneBackup } = await load();
      const { from: folder, timeZone, dryRun = false, yes = false } = options;
      return pruneBackup(flags, { from: folder, keep: keepOf(options), timeZone, dryRun, yes }, output);
    },
  });
}

/** `plexus backup`. */
export const define: Define = (command, { output, onExit }) => {
  const backup = command
    .enablePositionalOptions()
    .addHelpText(
      "after",
      examples(
        "plexus backup kit make --to ./kit",
        "plexus backup run",
        "plexus backup schedule set nightly --cron '0 3 * * *'",
        "plexus backup list",
        "plexus backup recall --room lobby --at 1d --to ./lobby",
        "plexus backup keys",
        "plexus backup rotate",
      ),
    );
  defineRestore(backup, { output, onExit });
  defineCopies(backup, { output, onExit });
  defineBackups(command, { output, onExit });
  defineTasks(command, { output, onExit });
  defineKeys(backup, { output, onExit });
  defineGuards(backup, { output, onExit });
};
