import { Option, type Command } from "commander";
import type { ReportFormat } from "../../protocols/index.ts";
import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface UsageOptions extends AdminOptions {
  readonly mine?: boolean;
  readonly person?: string;
  readonly days?: number;
}

interface DaysOptions extends AdminOptions {
  readonly days: number;
  readonly team?: string;
  readonly csv?: boolean;
}

/** `plexus usage`. */
export const define: Define = (command, { output, onExit }) => {
  const usage = withAdminFlags(
    command
      .enablePositionalOptions()
      .option("--person <name>", "only this person, by keys and agents")
      .option("--mine", "only your own, with --url and the sign-in of `plexus chat`; you need not be an admin")
      .option("--days <count>", "by day, for this many days back", wholeNumber("The number of days", 1, 400)),
  )
    .addHelpText(
      "after",
      examples(
        "plexus usage",
        "plexus usage --person ada --days 7",
        "plexus usage --mine --url http://127.0.0.1:7070",
        "plexus usage --days 31 --json | jq -s 'map(.cost) | add'",
      ),
    )
    .action(async ({ mine = false, person, days, ...options }: UsageOptions) => {
      const { showUsage } = await import("../watching/usage.ts");
      onExit(await showUsage(await adminFlags(options), { mine, person, days }, output));
    });

  withAdminFlags(
    usage
      .command("days")
      .description("Show activity by day: messages, active people, use of models, stored data.")
      .option("--days <count>", "this many days back", wholeNumber("The number of days", 1, 800), 30)
      .option("--team <name>", "only people of this team, which is a budget that names several people")
      .option("--csv", "as CSV, with a row for each team"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus usage days",
        "plexus usage days --days 90 --team sales",
        "plexus usage days --days 365 --csv > activity.csv",
      ),
    )
    .action(async ({ days, team, csv = false, ...options }: DaysOptions) => {
      const { showDays } = await import("../watching/usage-days.ts");
      onExit(await showDays(await adminFlags(options), { days, team, csv }, output));
    });
  withAdminFlags(
    usage
      .command("kept")
      .description("Show how much a person keeps in files of rooms and of conversations with agents.")
      .option("--person <name>", "of this person, for admins; without it your own, with --url")
      .option("--room <key>", "your files in this room, also when you have left it")
      .option(
        "--delete <seq>",
        "with --room: delete your message of this number with its files",
        wholeNumber("The message", 1, Number.MAX_SAFE_INTEGER),
      ),
  )
    .addHelpText(
      "after",
      examples(
        "plexus usage kept --url http://127.0.0.1:7070",
        "plexus usage kept --url http://127.0.0.1:7070 --room lobby",
        "plexus usage kept --url http://127.0.0.1:7070 --room lobby --delete 12",
        "plexus usage kept --person ada",
      ),
    )
    .action(async ({ person, room, delete: seq, ...options }: KeptOptions) => {
      const { showKept, showKeptIn } = await import("../watching/usage.ts");
      const flags = await adminFlags(options);
      onExit(await (room === undefined ? showKept(flags, person, output) : showKeptIn(flags, { room, seq }, output)));
    });
  defineReports(usage, { output, onExit });
  defineFeatures(usage, { output, onExit });
};

interface KeptOptions extends AdminOptions {
  readonly person?: string;
  readonly room?: string;
  readonly delete?: number;
}

interface ReportOptions extends AdminOptions {
  readonly cron: string;
  readonly timeZone?: string;
  readonly days: number;
  readonly format: readonly ReportFormat[];
  readonly to: readonly string[];
}

interface SaveOptions extends AdminOptions {
  readonly format: ReportFormat;
  readonly output?: string;
}

/** `plexus usage reports`. */
function defineReports(usage: Command, { output, onExit }: Pick<Parameters<Define>[1], "output" | "onExit">): void {
  const work = () => import("../watching/usage-reports.ts");
  const show = async (options: AdminOptions) =>
    onExit(await (await work()).showReports(await adminFlags(options), output));
  const reports = withAdminFlags(
    usage.command("reports").enablePositionalOptions().description("Show the reports that are sent by mail."),
  )
    .addHelpText("after", examples("plexus usage reports"))
    .action(show);
  withAdminFlags(
    reports
      .command("set")
      .description("Send a report by mail, again and again.")
      .argument("<name>")
      .requiredOption("--cron <fields>", "when: minute, hour, day of the month, month, day of the week")
      .option("--time-zone <name>", "by the clock of this zone (default: UTC)")
      .requiredOption("--to <addresses...>", "mail addresses")
      .option("--days <count>", "this many days back", wholeNumber("The number of days", 1, 366), 7)
      .addOption(
        new Option("--format <formats...>", "csv, pdf or both").choices(["csv", "pdf"]).default(["csv", "pdf"]),
      ),
  )
    .addHelpText("after", examples("plexus usage reports set weekly --cron '0 7 * * 1' --to ada@example.org"))
    .action(async (name: string, { cron, timeZone, days, format, to, ...options }: ReportOptions) => {
      const said = { cron, days, formats: [...format], to: [...to], ...(timeZone !== undefined && { timeZone }) };
      onExit(await (await work()).setReport(await adminFlags(options), name, said, output));
    });
  withAdminFlags(
    reports
      .command("save")
      .description("Write a report as it would be sent now.")
      .argument("<name>")
      .addOption(new Option("--format <format>", "csv or pdf").choices(["csv", "pdf"]).default("csv"))
      .option("--output <file>", "the file to write (default: CSV to standard output, PDF under its own name)"),
  )
    .addHelpText("after", examples("plexus usage reports save weekly", "plexus usage reports save weekly --format pdf"))
    .action(async (report: string, { format, output: path, ...options }: SaveOptions) =>
      onExit(await (await work()).saveReport(await adminFlags(options), { report, format, path }, output)),
    );
  withAdminFlags(reports.command("send").description("Send a report now.").argument("<name>"))
    .addHelpText("after", examples("plexus usage reports send weekly"))
    .action(async (name: string, options: AdminOptions) =>
      onExit(await (await work()).sendReport(await adminFlags(options), name, output)),
    );
  withAdminFlags(reports.command("remove").description("Send a report no more.").argument("<name>"))
    .addHelpText("after", examples("plexus usage reports remove weekly"))
    .action(async (name: string, options: AdminOptions) =>
      onExit(await (await work()).removeReport(await adminFlags(options), name, output)),
    );
}

interface FeaturesOptions extends AdminOptions {
  readonly days: number;
  readonly csv?: boolean;
}

/** `plexus usage features` and `plexus usage feedback`. */
function defineFeatures(usage: Command, { output, onExit }: Pick<Parameters<Define>[1], "output" | "onExit">): void {
  const work = () => import("../watching/features.ts");
  const features = withAdminFlags(
    usage
      .command("features")
      .enablePositionalOptions()
      .description("Show which commands people use, and how long their sessions are.")
      .option("--days <count>", "this many days back", wholeNumber("The number of days", 1, 400), 30)
      .option("--csv", "as CSV, with a row for each command of each day"),
  )
    .addHelpText("after", examples("plexus usage features", "plexus usage features --days 90 --csv > use.csv"))
    .action(async ({ days, csv = false, ...options }: FeaturesOptions) =>
      onExit(await (await work()).showFeatures(await adminFlags(options), { days, csv }, output)),
    );
  for (const [name, isOn, says] of [
    ["on", true, "Count use from now on, and take feedback."],
    ["off", false, "Count nothing from now on, and take no feedback."],
  ] as const)
    withAdminFlags(features.command(name).description(says))
      .addHelpText("after", examples(`plexus usage features ${name}`))
      .action(async (options: AdminOptions) =>
        onExit(await (await work()).setFeatures(await adminFlags(options), isOn, output)),
      );
  withAdminFlags(features.command("remove").description("Delete all counts of use, and all feedback."))
    .addHelpText("after", examples("plexus usage features remove"))
    .action(async (options: AdminOptions) =>
      onExit(await (await work()).removeFeatures(await adminFlags(options), output)),
    );
  const feedback = withAdminFlags(
    usage.command("feedback").enablePositionalOptions().description("Show what people said of the program."),
  )
    .addHelpText("after", examples("plexus usage feedback"))
    .action(async (options: AdminOptions) =>
      onExit(await (await work()).showFeedback(await adminFlags(options), output)),
    );
  withAdminFlags(feedback.command("done").description("Mark what somebody said as done.").argument("<id>"))
    .addHelpText("after", examples("plexus usage feedback done 481516"))
    .action(async (id: string, options: AdminOptions) =>
      onExit(await (await work()).endFeedback(await adminFlags(options), Number(id), output)),
    );
}
