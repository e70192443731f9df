import { adminFlags, examples, moment, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import { defineAuditOut } from "./audit-push.ts";
import type { Define } from "./index.ts";

/** `plexus audit`. */
export const define: Define = (command, context) => {
  const { output, onExit } = context;
  withAdminFlags(command.option("--limit <number>", "at most this many", wholeNumber("The limit", 1), 50))
    .addHelpText(
      "after",
      examples(
        "plexus audit",
        "plexus audit --limit 1000 --json | jq 'select(.action==\"evict\")'",
        "plexus audit search --by user/ada --outcome refused",
        "plexus audit export --output audit.jsonl",
        "plexus audit verify audit.jsonl --against last-month.jsonl",
        "plexus audit report --from 2026-07-01 --html --output report.html",
        "plexus audit push set siem syslog+tls://siem.example:6514",
      ),
    )
    .action(async (options: AdminOptions & { readonly limit: number }) => {
      const { showAudit } = await import("../watching/audit.ts");
      onExit(await showAudit(await adminFlags(options), options.limit, output));
    });

  const time = moment("The time");
  withAdminFlags(
    command
      .command("search")
      .description("Find entries of the audit of all nodes: who did what, to whom, from where, when")
      .option("--by <who>", "who did it: user/NAME, operator or node/NAME; a * at the end matches any rest")
      .option("--action <what>", "an action, or an area: signIn, power, cluster, models, backups, keys, data, settings")
      .option("--target <whom>", "what it was done to")
      .option("--address <where>", "the address it came from")
      .option("--node <name>", "the node that wrote it")
      .option("--outcome <how>", "done, refused, or a code")
      .option("--text <text>", "text anywhere in the entry")
      .option("--since <time>", "not before this time", time)
      .option("--until <time>", "before this time", time)
      .option("--limit <number>", "at most this many", wholeNumber("The limit", 1), 50)
      .addHelpText(
        "after",
        examples("plexus audit search --by user/ada", "plexus audit search --action power --since 2026-11-01"),
      ),
  ).action(
    async (
      options: AdminOptions & {
        readonly by?: string;
        readonly action?: string;
        readonly target?: string;
        readonly address?: string;
        readonly node?: string;
        readonly outcome?: string;
        readonly text?: string;
        readonly since?: number;
        readonly until?: number;
      },
      self: { optsWithGlobals(): AdminOptions & { readonly limit: number } },
    ) => {
      const { searchAudit } = await import("../watching/audit-file.ts");
      const { by, action, target, address, node, outcome, text, since: sinceMs, until: untilMs } = options;
      const conditions = { by, action, target, address, node, outcome, text, sinceMs, untilMs };
      const filter = Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== undefined));
      const all = self.optsWithGlobals();
      onExit(await searchAudit(await adminFlags(all), filter, all.limit, output));
    },
  );

  withAdminFlags(
    command
      .command("export")
      .description("Write the audit to a file that can be verified, or as syslog or CEF")
      .option("--format <format>", "jsonl, syslog or cef", "jsonl")
      .option("--output <file>", "the file to write (default: standard output)")
      .addHelpText(
        "after",
        examples("plexus audit export --output audit.jsonl", "plexus audit export --format cef >> audit.cef"),
      ),
  ).action(
    async (
      options: { readonly format: string; readonly output?: string },
      self: { optsWithGlobals(): AdminOptions },
    ) => {
      const { exportAudit } = await import("../watching/audit-file.ts");
      const how = { format: options.format, output: options.output };
      onExit(await exportAudit(await adminFlags(self.optsWithGlobals()), how, output));
    },
  );

  command
    .command("verify <file>")
    .description("Check offline that an export was not changed, or name the first entry that was")
    .option("--against <file>", "an earlier export, whose entries must all still be there")
    .addHelpText(
      "after",
      examples("plexus audit verify audit.jsonl", "plexus audit verify audit.jsonl --against earlier.jsonl"),
    )
    .action(async (file: string, options: { readonly against?: string }, self: { optsWithGlobals(): AdminOptions }) => {
      const { verifyAudit } = await import("../watching/audit-file.ts");
      onExit(await verifyAudit(file, { against: options.against, json: self.optsWithGlobals().json === true }, output));
    });
  defineAuditOut(command, context);
};
