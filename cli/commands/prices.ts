import { adminFlags, decimal, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface SetOptions extends AdminOptions {
  readonly in: number;
  readonly out: number;
  readonly cached?: number;
  readonly call?: number;
}

const rate = decimal("A price", { min: 0, max: 1_000_000 });

/** `plexus prices`. */
export const define: Define = (command, { output, onExit }) => {
  const prices = withAdminFlags(command.enablePositionalOptions())
    .addHelpText("after", examples("plexus prices", "plexus prices set gpt-5 --in 1.25 --cached 0.125 --out 10"))
    .action(async (options: AdminOptions) => {
      const { listPrices } = await import("../settings/budgets.ts");
      onExit(await listPrices(await adminFlags(options), output));
    });

  withAdminFlags(
    prices
      .command("set")
      .description("Set what a model costs, in your currency. Usage and budgets count it from then on.")
      .argument("<model>", "its name, or the beginning of names: 'openai/*'")
      .requiredOption("--in <amount>", "price of a million tokens that it reads", rate)
      .requiredOption("--out <amount>", "price of a million tokens that it writes", rate)
      .option(
        "--cached <amount>",
        "price of a million tokens that it had already read (cached; default: the same)",
        rate,
      )
      .option("--call <amount>", "price of each call, in addition to its tokens", rate),
  )
    .addHelpText(
      "after",
      examples(
        "plexus prices set gpt-5 --in 1.25 --cached 0.125 --out 10",
        "plexus prices set 'openai/*' --in 5 --out 20",
      ),
    )
    .action(async (model: string, options: SetOptions) => {
      const { setPrice } = await import("../settings/budgets.ts");
      const { in: input, out, cached, call } = options;
      onExit(await setPrice(await adminFlags(options), { model, input, output: out, cached, call }, output));
    });

  withAdminFlags(
    prices
      .command("remove")
      .description("Remove a model's price. What was counted so far stays.")
      .argument("<model>", "its name, as it was set"),
  )
    .addHelpText("after", examples("plexus prices remove gpt-5"))
    .action(async (model: string, options: AdminOptions) => {
      const { removePrice } = await import("../settings/budgets.ts");
      onExit(await removePrice(await adminFlags(options), model, output));
    });
};
