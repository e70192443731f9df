import { Argument, Option } from "commander";
import { quotaMeasures, type PeriodName, type QuotaMeasure } from "../../protocols/index.ts";
import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface SetOptions extends AdminOptions {
  readonly messages?: string;
  readonly bytes?: string;
  readonly tokens?: string;
  readonly stored?: string;
  readonly per: PeriodName;
}

const period = (): Option => new Option("--per <period>", "of UTC").choices(["day", "month"]).default("day");

/** `plexus quotas`. */
export const define: Define = (command, { output, onExit }) => {
  const quotas = withAdminFlags(command.enablePositionalOptions())
    .addHelpText("after", examples("plexus quotas", "plexus quotas set guest --messages 100 --per day"))
    .action(async (options: AdminOptions) => {
      const { listQuotas } = await import("../people/quotas.ts");
      onExit(await listQuotas(await adminFlags(options), output));
    });

  withAdminFlags(quotas.command("list").description("Show the quotas."))
    .addHelpText("after", examples("plexus quotas list", "plexus quotas list --json"))
    .action(async (options: AdminOptions) => {
      const { listQuotas } = await import("../people/quotas.ts");
      onExit(await listQuotas(await adminFlags(options), output));
    });

  withAdminFlags(
    quotas
      .command("set")
      .description(
        "Set how much each person with a role may use. The widest quota counts for people with several roles; " +
          "a role without a quota has no limit.",
      )
      .argument("<role>", "a role of the cluster: guest, member, one of your own")
      .option("--messages <count>", "messages that a person may post in rooms: 100, 5k")
      .option("--bytes <count>", "bytes of files, pictures and sounds that a person may upload: 50M, 1G")
      .option("--tokens <count>", "tokens of models, read and written, agents included: 500k, 1M")
      .option(
        "--stored <count>",
        "bytes of files that a person may keep in rooms and conversations: 5G; --per does not count",
      )
      .addOption(period()),
  )
    .addHelpText(
      "after",
      examples(
        "plexus quotas set guest --messages 100 --per day",
        "plexus quotas set member --bytes 1G --per month",
        "plexus quotas set member --tokens 1M",
        "plexus quotas set member --stored 5G",
      ),
    )
    .action(async (role: string, options: SetOptions) => {
      const { setQuota } = await import("../people/quotas.ts");
      onExit(await setQuota(await adminFlags(options), role, options, output));
    });

  withAdminFlags(
    quotas
      .command("remove")
      .description("Remove a quota. It prints the command that sets it again.")
      .argument("<role>", "its name, as it was set")
      .addArgument(new Argument("<measure>", "what it limits").choices(quotaMeasures))
      .addOption(period()),
  )
    .addHelpText("after", examples("plexus quotas remove guest messages --per day"))
    .action(async (role: string, measure: QuotaMeasure, options: AdminOptions & { readonly per: PeriodName }) => {
      const { removeQuota } = await import("../people/quotas.ts");
      onExit(await removeQuota(await adminFlags(options), { role, measure, per: options.per }, output));
    });
};
