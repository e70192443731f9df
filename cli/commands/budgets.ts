import { Option } from "commander";
import type { BudgetSubject } from "../../protocols/index.ts";
import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { BudgetFlags } from "../settings/budgets.ts";
import type { Define } from "./index.ts";

type SetOptions = AdminOptions & Omit<BudgetFlags, "name" | "of" | "names">;

/** `plexus budgets`. */
export const define: Define = (command, { output, onExit }) => {
  const budgets = withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples(
        "plexus budgets",
        "plexus budgets set daily person --tokens 1M --per day",
        "plexus budgets set openai provider api.openai.com --cost 50 --per month --instead qwen",
        "plexus budgets remove daily",
      ),
    )
    .action(async (options: AdminOptions) => {
      const { listBudgets } = await import("../settings/budgets.ts");
      onExit(await listBudgets(await adminFlags(options), output));
    });

  withAdminFlags(budgets.command("list").description("Show the budgets, and how much of each is used."))
    .addHelpText("after", examples("plexus budgets list", "plexus budgets list --json"))
    .action(async (options: AdminOptions) => {
      const { listBudgets } = await import("../settings/budgets.ts");
      onExit(await listBudgets(await adminFlags(options), output));
    });

  withAdminFlags(
    budgets
      .command("set")
      .description("Set a budget: how much models may be used a day or a month, and what happens beyond that.")
      .argument("<name>", "what the budget is called")
      .argument(
        "<of>",
        "what it limits: person, key or agent (each one separately), team, model or provider (all named ones " +
          "together), cluster",
      )
      .argument(
        "[names...]",
        "which ones: people, ids of API keys, OWNER.AGENT, models, providers (default: each of them)",
      )
      .addOption(new Option("--tokens <count>", "tokens, read and written: 500k, 1M").conflicts(["cost", "calls"]))
      .addOption(new Option("--cost <amount>", "cost, in the currency of your prices: 20, 0.5").conflicts("calls"))
      .option("--calls <count>", "calls: 1000")
      .addOption(new Option("--per <period>", "of UTC").choices(["day", "month"]).default("day"))
      .option("--warn <percent>", "warn people from this share on", wholeNumber("The percentage", 1, 100), 80)
      .addOption(new Option("--only-warn", "only warn, and stop nothing").conflicts("instead"))
      .option("--instead <model>", "once it is used up, use this model or route instead"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus budgets set daily person --tokens 1M --per day      # each person",
        "plexus budgets set ada person ada --tokens 5M --per day    # in place of it for ada",
        "plexus budgets set bots key --calls 1000 --per day         # each API key",
        "plexus budgets set team team ada bob --cost 100 --per month --only-warn",
        "plexus budgets set openai provider api.openai.com --cost 50 --per month --instead qwen",
      ),
    )
    .action(async (name: string, subject: BudgetSubject, names: readonly string[], options: SetOptions) => {
      const { setBudget } = await import("../settings/budgets.ts");
      onExit(await setBudget(await adminFlags(options), { name, of: subject, names, ...options }, output));
    });

  withAdminFlags(
    budgets
      .command("remove")
      .description("Remove a budget. It prints the command that sets it again.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus budgets remove daily"))
    .action(async (name: string, options: AdminOptions) => {
      const { removeBudget } = await import("../settings/budgets.ts");
      onExit(await removeBudget(await adminFlags(options), name, output));
    });
};
