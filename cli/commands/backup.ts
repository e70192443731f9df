import { Option } from "commander";
import { adminCommands, examples, moment, recallName, wholeNumber, type AdminOptions } from "../options.ts";
import { defineGuards } from "./backup-guards.ts";
import { defineKeys } from "./backup-keys.ts";
import { defineCopies, defineRestore } from "./backup-restore.ts";
import { defineTasks, depths, keepOf, withKeepOptions, type KeepOptions } from "./backup-tasks.ts";
import type { Define } from "./index.ts";

interface RecallOptions extends AdminOptions {
  readonly from?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly room?: string;
  readonly actor?: string;
  readonly replies?: number;
  readonly person?: string;
  readonly type?: string;
  readonly search?: string;
  readonly since?: number;
  readonly until?: number;
  readonly at?: number;
  readonly snapshot?: number;
  readonly intoPlace?: boolean;
  readonly existing: "skip" | "edited" | "again";
  readonly deleted?: boolean;
  readonly remake?: boolean;
  readonly id?: string;
  readonly undo?: string;
}

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
  const load = () => import("../backups.ts");
  const from = (inner: typeof command) =>
    inner.option("--from <folder>", "a folder of backups on the node's machine, instead of the backups of the cluster");
  const snapshot = () =>
    new Option("--snapshot <number>", "this snapshot (its number)").argParser(wholeNumber("The snapshot", 1));

  add<AdminOptions & { readonly to?: string; readonly full?: boolean }>({
    name: "run",
    says: "Back up the cluster onto its storage nodes, or with --to into a folder on the node's machine: everything that this node owns. Unchanged data is not written again.",
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
  add<RecallOptions>({
    name: "recall",
    says: "Bring back data from a backup: into a new folder on the node's machine, or messages into their rooms and conversations, as new messages marked as restored.",
    examples: [
      "plexus backup recall --room lobby --at 1d --to ./lobby",
      "plexus backup recall --from /mnt/backup/plexus --person ada --since 2026-11-01 --dry-run",
      "plexus backup recall --from /mnt/backup/plexus --to ./everything",
      "plexus backup recall --into-place --room lobby --since 7d --deleted --dry-run",
      "plexus backup recall --room lobby --replies 120 --at 2026-11-20T12:00 --to ./thread",
    ],
    more: (inner) =>
      from(inner)
        .option("--to <folder>", "the folder to write; it must be empty or absent")
        .option("--dry-run", "only say how much it would be")
        .addOption(new Option("--room <room>", "of this room").conflicts("actor"))
        .option("--actor <actor>", "of this actor, like agent/ada.helper")
        .addOption(
          new Option("--replies <message>", "with --room: only the thread of this message, by its number")
            .argParser(wholeNumber("The message", 1)),
        )
        .option("--person <name>", "this person's own data, and what they wrote elsewhere")
        .option("--type <type>", "only records of this type, such as message")
        .option("--search <words>", "only records with this text")
        .addOption(
          new Option("--since <time>", "only what is not older: 2026-11-23, 2026-11-23T09:30, or 7d").argParser(
            moment("--since"),
          ),
        ) // prettier-ignore
        .addOption(new Option("--until <time>", "only what is older").argParser(moment("--until")))
        .addOption(new Option("--at <time>", "the newest snapshot of that time").argParser(moment("--at"))) // prettier-ignore
        .addOption(snapshot().conflicts("at"))
        .addOption(
          new Option("--into-place", "bring messages into their rooms; nothing that exists is changed").conflicts([
            "to",
            "type",
          ]),
        )
        .addOption(
          new Option(
            "--existing <rule>",
            "with --into-place, for messages that still exist: skip them, bring those edited since, or bring all again",
          )
            .choices(["skip", "edited", "again"])
            .default("skip"),
        )
        .option("--deleted", "with --into-place, also bring messages that were deleted since")
        .option("--remake", "with --into-place, make a deleted room again, with its members of that time")
        .option("--id <recall>", "with --into-place, continue this recall", recallName)
        .addOption(new Option("--undo <recall>", "delete what this recall brought back with --into-place").argParser(recallName).conflicts("to")), // prettier-ignore
    run: async (flags, options) => {
      const { recallBackup, placeBackup, withdrawBackup, actorNamed } = await load();
      const {
        to,
        dryRun = false,
        room,
        actor,
        replies,
        person,
        type,
        search,
        since,
        until,
        at,
        snapshot: number,
      } = options;
      const { intoPlace = false, existing, deleted = false, remake = false, id, undo } = options;
      if (!dryRun && to === undefined && !intoPlace && undo === undefined) command.error("error: --to says where it is written, --into-place brings messages into their rooms; --dry-run only says how much it is"); // prettier-ignore
      if (replies !== undefined && room === undefined) command.error("error: --replies needs --room");
      const thread = room === undefined ? actor : actorNamed("room", room);
      const query = {
        ...(number !== undefined && { snapshot: number }),
        ...(at !== undefined && { atMs: at }),
        ...(thread !== undefined && { thread }),
        ...(person !== undefined && { person: actorNamed("user", person) }),
        ...(type !== undefined && { type }),
        ...(replies !== undefined && { replies }),
        ...(search !== undefined && { text: search }),
        ...(since !== undefined && { fromMs: since }),
        ...(until !== undefined && { toMs: until }),
      };
      const { from: folder } = options;
      if (undo !== undefined) return withdrawBackup(flags, { from: folder, query, recall: undo }, output);
      if (intoPlace) return placeBackup(flags, { from: folder, query, existing, deleted, remake, dryRun, id }, output);
      return recallBackup(flags, { from: folder, to: dryRun ? undefined : to, query }, output);
    },
  });
  add<PruneOptions>({
    name: "prune",
    says: "Remove old snapshots, and keep those that you name. It shows what it would remove, and asks. Nothing else removes snapshots.",
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
