import { Option, type Command } from "commander";
import { adminFlags, collect, examples, moment, wholeNumber, withAdminFlags, type AdminOptions } from "../options.ts";
import type { RetentionFlags, SinkFlags } from "../audit-push.ts";
import type { CommandContext } from "./index.ts";

type Globals = { optsWithGlobals(): AdminOptions };
const flagsOf = (self: Globals) => adminFlags(self.optsWithGlobals());

/** `plexus audit push`, `plexus audit retention` and `plexus audit report`. */
export function defineAuditOut(command: Command, { output, onExit }: CommandContext): void {
  const load = () => import("../audit-push.ts");
  const push = command.command("push").description("Send the audit to a system that watches (SIEM), as it is written");
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
      .description("Send it there: syslog+tcp://host:port, syslog+tls://host:port, https://host/path.")
      .option("--format <format>", "syslog, cef or jsonl")
      .option("--secret-file <file>", "a file with the secret for https://")
      .option("--auth <how>", "bearer: the secret is a token; hmac: it signs each batch", "bearer")
      .option("--ca <file>", "certificates (PEM) that the receiver's is signed with")
      .option("--since <time>", "leave out what is older; everything is sent when absent", moment("The time"))
      .addOption(
        new Option(
          "--begin <where>",
          "where each log is sent from: its beginning, now, or on behind what was confirmed; a new address begins at the start",
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
    const { auth, ...wish } = options;
    const used = options.secretFile === undefined ? wish : { ...wish, ...(auth && { auth }) };
    onExit(await (await load()).setSink(await flagsOf(self), name, url, used, output));
  });
  withAdminFlags(
    push
      .command("remove <name>")
      .description("Send it there no more.")
      .addHelpText("after", examples("plexus audit push remove siem")),
  ).action(async (name: string, _options: unknown, self: Globals) =>
    onExit(await (await load()).removeSink(await flagsOf(self), name, output)),
  );
  withAdminFlags(
    push
      .command("test <name>")
      .description("Send one message that stands for nothing, and wait for the confirmation.")
      .addHelpText("after", examples("plexus audit push test siem")),
  ).action(async (name: string, _options: unknown, self: Globals) =>
    onExit(await (await load()).testSink(await flagsOf(self), name, output)),
  );

  withAdminFlags(
    command
      .command("retention")
      .description("Show how long the audit is kept, or change it")
      .option("--days <number>", "for every entry", wholeNumber("The days", 1))
      .option("--area <area=days>", "longer for an area, as power=3650; several times for several", collect<string>)
      .option("--severity <severity=days>", "longer for a severity, as alert=3650", collect<string>)
      .option("--size <MiB>", "the most that one node's log may take", wholeNumber("The size", 1))
      .option("--reset", "as if nobody had ever set anything")
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
      .description("Report a period: who had power, what changed, was refused, exported, erased")
      .requiredOption("--from <time>", "the beginning", moment("The beginning"))
      .option("--to <time>", "the end; now when absent", moment("The end"))
      .option("--html", "as a page that can be printed")
      .option("--output <file>", "where to; standard output when absent")
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
