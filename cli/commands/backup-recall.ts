/** `plexus backup recall`: its words, and what they ask for. */
import { Option, type Command } from "commander";
import { adminCommands, moment, recallName, wholeNumber, type AdminOptions } from "../terminal/options.ts";
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

/** Adds where the backups are. */
export const from = <Inner extends Command>(inner: Inner) =>
  inner.option("--from <folder>", "a folder of backups on the node's machine, instead of the backups of the cluster");
export const snapshot = () =>
  new Option("--snapshot <number>", "this snapshot (its number)").argParser(wholeNumber("The snapshot", 1));

/** What is brought back. */
const withQuery = (inner: Command) =>
  from(inner)
    .addOption(new Option("--room <room>", "of this room").conflicts("actor"))
    .option("--actor <actor>", "of this actor, like agent/ada.helper")
    .addOption(
      new Option("--replies <message>", "with --room: only the thread of this message, by its number").argParser(
        wholeNumber("The message", 1),
      ),
    )
    .option("--person <name>", "this person's own data, and what they wrote elsewhere")
    .option("--type <type>", "only records of this type, such as message")
    .option("--search <words>", "only records with this text")
    .addOption(
      new Option("--since <time>", "only what is not older: 2026-11-23, 2026-11-23T09:30, or 7d").argParser(
        moment("--since"),
      ),
    )
    .addOption(new Option("--until <time>", "only what is older").argParser(moment("--until")))
    .addOption(new Option("--at <time>", "the newest snapshot of that time").argParser(moment("--at")))
    .addOption(snapshot().conflicts("at"));

/** Where it goes, and by which rules. */
const withPlace = (inner: Command) =>
  inner
    .option("--to <folder>", "the folder to write; it must be empty or absent")
    .option("--dry-run", "only say how much it would be")
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
    .addOption(
      new Option("--undo <recall>", "delete what this recall brought back with --into-place")
        .argParser(recallName)
        .conflicts("to"),
    );

/** The query of the words. */
function queryOf(options: RecallOptions, actorNamed: (kind: string, name: string) => string) {
  const { room, actor, replies, person, type, search, since, until, at, snapshot: number } = options;
  const thread = room === undefined ? actor : actorNamed("room", room);
  return {
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
}

/** Adds the command. */
export function defineRecall(command: Command, { output, onExit }: Parameters<Define>[1]): void {
  adminCommands(
    command,
    onExit,
  )<RecallOptions>({
    name: "recall",
    says:
      "Bring back data from a backup: into a new folder on the node's machine, or messages into their rooms and " +
      "conversations, as new messages marked as restored.",
    examples: [
      "plexus backup recall --room lobby --at 1d --to ./lobby",
      "plexus backup recall --from /mnt/backup/plexus --person ada --since 2026-11-01 --dry-run",
      "plexus backup recall --from /mnt/backup/plexus --to ./everything",
      "plexus backup recall --into-place --room lobby --since 7d --deleted --dry-run",
      "plexus backup recall --room lobby --replies 120 --at 2026-11-20T12:00 --to ./thread",
    ],
    more: (inner) => withPlace(withQuery(inner)),
    run: async (flags, options) => {
      const { recallBackup, placeBackup, withdrawBackup, actorNamed } = await import("../backup/backups.ts");
      const { to, dryRun = false, room, replies, from: folder } = options;
      const { intoPlace = false, existing, deleted = false, remake = false, id, undo } = options;
      if (!dryRun && to === undefined && !intoPlace && undo === undefined)
        command.error(
          "error: --to says where it is written, --into-place brings messages into their rooms; --dry-run only " +
            "says how much it is",
        );
      if (replies !== undefined && room === undefined) command.error("error: --replies needs --room");
      const query = queryOf(options, actorNamed);
      if (undo !== undefined) return withdrawBackup(flags, { from: folder, query, recall: undo }, output);
      if (intoPlace) return placeBackup(flags, { from: folder, query, existing, deleted, remake, dryRun, id }, output);
      return recallBackup(flags, { from: folder, to: dryRun ? undefined : to, query }, output);
    },
  });
}
