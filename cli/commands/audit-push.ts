import { Option, type Command } from "commander";
import {
  adminFlags,
  collect,
  examples,
  moment,
  wholeNumber,
  withAdminFlags,
  type AdminOptions,
} from "../terminal/options.ts";
import type { RetentionFlags, SinkFlags } from "../watching/audit-push.ts";
import type { CommandContext } from "./index.ts";

type Globals = { optsWithGlobals(): AdminOptions };
const flagsOf = (self: Globals) => adminFlags(self.optsWithGlobals());

/** `plexus audit push`, `plexus audit retention` and `plexus audit report`. */
export function defineAuditOut(command: Command, { output, onExit }: CommandContext): void {
  const load = () => import("../watching/audit-push.ts");
  const push = command.command("push").description("Send the audit to a monitoring system (SIEM) as it is written");
  push.addHelpText(
    "after",
    examples(
      "plexus audit push set siem syslog+tls://siem.example:6514 --ca siem-ca.pem",
      "plexus audit push set splunk https://collector.example/audit --auth hmac --secret-file secret.txt",
      "plexus audit push test siem",
      "plexus audit push list",
    ),
  );
  withAdminFlags(
    push
      .command("list")
      .description("Show where the audit is sent, and how far each node is.")
      .addHelpText("after", examples("plexus audit push list", "plexus audit push list --json")),
  ).action(async (_options: unknown, self: Globals) =>
    onExit(await (await load()).listSinks(await flagsOf(self), output)),
  );
  withAdminFlags(
    push
      .command("set <name> <url>")
      .description("Send the audit there: syslog+tcp://host:port, syslog+tls://host:port, https://host/path.")
      .option("--format <format>", "syslog, cef or jsonl")
      .option("--secret-file <file>", "a file with the secret for https://")
      .option("--auth <how>", "bearer: the secret is a token; hmac: it signs each batch", "bearer")
      .option("--ca <file>", "certificates (PEM) that the receiver's is signed with")
      .option("--since <time>", "leave out older entries (default: send everything)", moment("The time"))
      .addOption(
        new Option(
          "--begin <where>",
          "where to start: at the beginning of each log, now, or after the last confirmed entry (a new address " +
            "starts at the beginning)",
        ).choices(["start", "now", "kept"]),
      )
      .addHelpText(
        "after",
        examples(
          "plexus audit push set siem syslog+tls://siem.example:6514 --ca siem-ca.pem",
          "plexus audit push set siem syslog+tls://other.example:6514 --begin now",
          "plexus audit push set splunk https://collector.example/audit --auth hmac --secret-file secret.txt",
        ),
      ),
  ).action(async (name: string, url: string, options: SinkFlags, self: Globals) => {
    const { auth, ...choice } = options;
    const used = options.secretFile === undefined ? choice : { ...choice, ...(auth && { auth }) };
    onExit(await (await load()).setSink(await flagsOf(self), name, url, used, output));
  });
  withAdminFlags(
    push
      .command("remove <name>")
      .description("Stop sending the audit there.")
      .addHelpText("after", examples("plexus audit push remove siem")),
  ).action(async (name: string, _options: unknown, self: Globals) =>
    onExit(await (await load()).removeSink(await flagsOf(self), name, output)),
  );
  withAdminFlags(
    push
      .command("test <name>")
      .description("Send a test message, and wait for the confirmation.")
      .addHelpText("after", examples("plexus audit push test siem")),
  ).action(async (name: string, _options: unknown, self: Globals) =>
    onExit(await (await load()).testSink(await flagsOf(self), name, output)),
  );

  withAdminFlags(
    command
      .command("retention")
      .description("Show how long the audit is kept, or change it")
      .option("--days <number>", "for every entry", wholeNumber("The days", 1))
      .option("--area <area=days>", "longer for an area, such as power=3650; repeatable", collect<string>)
      .option("--severity <severity=days>", "longer for a severity, such as alert=3650", collect<string>)
      .option("--size <MiB>", "the most that one node's log may take", wholeNumber("The size", 1))
      .option("--reset", "go back to the defaults")
      .addHelpText(
        "after",
        examples("plexus audit retention", "plexus audit retention --days 730 --area power=3650 --area keys=3650"),
      ),
  ).action(async (options: RetentionFlags, self: Globals) =>
    onExit(await (await load()).auditRetention(await flagsOf(self), options, output)),
  );

  withAdminFlags(
    command
      .command("report")
      .description("Report on a period: which power people had, and what was changed, refused, exported or erased")
      .requiredOption("--from <time>", "its beginning", moment("The beginning"))
      .option("--to <time>", "its end (default: now)", moment("The end"))
      .option("--html", "write a page that can be printed")
      .option("--output <file>", "the file to write (default: standard output)")
      .addHelpText(
        "after",
        examples(
          "plexus audit report --from 2026-07-01 --to 2026-10-01",
          "plexus audit report --from 2026-07-01 --html --output third-quarter.html",
        ),
      ),
  ).action(
    async (
      options: { readonly from: number; readonly to?: number; readonly html?: boolean; readonly output?: string },
      self: Globals,
    ) => {
      const { from, to, html = false, output: file } = options;
      onExit(await (await load()).auditReport(await flagsOf(self), { from, to, html, file }, output));
    },
  );
}
