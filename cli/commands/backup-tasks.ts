import { Option, type Command } from "commander";
import type { BackupWish, PruneBackup } from "../../protocols/index.ts";
import { adminCommands, duration, examples, wholeNumber, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

type Kept = "last" | "hourly" | "daily" | "weekly" | "monthly" | "yearly";

/** What a prune is to keep, as options. */
export type KeepOptions = { readonly keepWithin?: number } & {
  readonly [Name in Kept as `keep${Capitalize<Name>}`]?: number;
};

const keepable: readonly (readonly [Kept, string])[] = [
  ["last", "keep this many of the newest"],
  ["hourly", "keep the newest of this many hours"],
  ["daily", "keep the newest of this many days"],
  ["weekly", "keep the newest of this many weeks"],
  ["monthly", "keep the newest of this many months"],
  ["yearly", "keep the newest of this many years"],
];

/** Adds them. */
export function withKeepOptions(command: Command): Command {
  for (const [name, says] of keepable)
    command.addOption(
      new Option(`--keep-${name} <number>`, `keep ${says}`).argParser(wholeNumber("The number", 0, 10_000)),
    );
  return command.addOption(
    new Option("--keep-within <duration>", "keep all that are younger than this").argParser(
      duration("The time", { minMs: 1_000, maxMs: 3_650 * 24 * 3_600_000 }),
    ),
  );
}

/** What they say. */
export function keepOf(options: KeepOptions): PruneBackup["keep"] {
  const numbers = keepable.flatMap(([name]) => {
    const value = options[`keep${name[0]!.toUpperCase()}${name.slice(1)}` as keyof KeepOptions];
    return value === undefined ? [] : [[name, value] as const];
  });
  const { keepWithin } = options;
  return { ...Object.fromEntries(numbers), ...(keepWithin !== undefined && { withinMs: keepWithin }) };
}

/** Depths of a check. */
export const depths = ["manifest", "shards", "data"] as const;

interface SetOptions extends AdminOptions, KeepOptions {
  readonly cron: string;
  readonly timeZone?: string;
  readonly task: "run" | "verify" | "prune" | "drill";
  readonly depth: (typeof depths)[number];
}

function wishOf(options: SetOptions, command: Command): BackupWish {
  const { task, depth } = options;
  if (task === "run" || task === "drill") return { sort: task };
  if (task === "verify") return { sort: "verify", depth };
  const keep = keepOf(options);
  if (Object.keys(keep).length === 0) command.error("error: --keep-last 7, --keep-daily 30, … say what a prune keeps");
  return { sort: "prune", keep, apply: true };
}

const load = () => import("../backup/backup-tasks.ts");

/** What is done to one task, by its number. */
const changes = [
  {
    name: "cancel",
    says: "Stop a task with the backups of the cluster as soon as it can. Snapshots that it finished stay.",
    change: async () => (await load()).cancelTask,
  },
  {
    name: "resume",
    says:
      "Go on with a run or a check of the cluster's backups that failed or was cancelled, from where it was. " +
      "`plexus backup tasks` says which can.",
    change: async () => (await load()).resumeTask,
  },
] as const;

/** Tasks with the backups of the cluster, and the schedules that begin them. */
export function defineTasks(command: Command, { output, onExit }: Parameters<Define>[1]): void {
  const add = adminCommands(command, onExit);
  add<AdminOptions & { readonly limit: number }>({
    name: "tasks",
    says:
      "Show the tasks with the backups of the cluster, newest first. With a number: follow that task until it " +
      "ends.",
    argument: ["[task]", "the number of a task"],
    examples: ["plexus backup tasks", "plexus backup tasks 12", "plexus backup tasks --json"],
    more: (inner) => inner.option("--limit <number>", "this many of the newest", wholeNumber("The number", 1, 200), 20),
    run: async (flags, { limit }, id: string | undefined) => (await load()).showTasks(flags, { id, limit }, output),
  });
  for (const { name, says, change } of changes)
    add({
      name,
      says,
      argument: ["<task>", "the number of the task"],
      examples: [`plexus backup ${name} 12`],
      run: async (flags, _, id) => (await change())(flags, id, output),
    });
  const schedule = command
    .command("schedule")
    .description("Schedules, by which tasks with the backups of the cluster start by themselves.")
    .addHelpText(
      "after",
      examples("plexus backup schedule set nightly --cron '0 3 * * *'", "plexus backup schedule list"),
    );
  const addSchedule = adminCommands(schedule, onExit);
  addSchedule<SetOptions>({
    name: "set",
    says: "Make a schedule, or change the one with this name.",
    argument: ["<name>", "the name of the schedule"],
    examples: [
      "plexus backup schedule set nightly --cron '0 3 * * *'",
      "plexus backup schedule set nightly --cron '0 3 * * *' --time-zone Europe/Vienna",
      "plexus backup schedule set check --cron '0 5 * * 0' --task verify --depth shards",
      "plexus backup schedule set drill --cron '0 4 1 * *' --task drill",
      "plexus backup schedule set tidy --cron '@weekly' --task prune --keep-daily 14 --keep-monthly 12",
    ],
    more: (inner) =>
      withKeepOptions(
        inner
          .requiredOption("--cron <times>", "minute, hour, day, month and weekday as in cron, or @daily and the like")
          .option("--time-zone <zone>", "the time zone, such as Europe/Vienna (default: UTC)")
          .addOption(
            new Option("--task <task>", "the task that it starts")
              .choices(["run", "verify", "prune", "drill"])
              .default("run"),
          )
          .addOption(new Option("--depth <depth>", "how deep a check reads").choices(depths).default("shards")),
      ),
    run: async (flags, options, name) => {
      const { cron, timeZone } = options;
      const body = { name, cron, ...(timeZone !== undefined && { timeZone }), wish: wishOf(options, schedule) };
      return (await load()).setSchedule(flags, body, output);
    },
  });
  addSchedule({
    name: "list",
    says: "Show the schedules, and when each starts its next task.",
    examples: ["plexus backup schedule list"],
    run: async (flags) => (await load()).listSchedules(flags, output),
  });
  addSchedule({
    name: "remove",
    says: "Remove a schedule; a task that it started continues.",
    argument: ["<name>", "the name of the schedule"],
    examples: ["plexus backup schedule remove nightly"],
    run: async (flags, _, name) => (await load()).removeSchedule(flags, name, output),
  });
}
