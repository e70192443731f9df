import { Option } from "commander";
import { cliLimits } from "../limits.ts";
import { adminFlags, duration, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus top`. */
export const define: Define = (command, { output, onExit }) => {
  withAdminFlags(
    command
      .option("--once", "print it once and exit, as without a terminal")
      .addOption(
        new Option("--interval <duration>", "time between two updates")
          .default(cliLimits.topIntervalMs, "1s")
          .argParser(duration("The interval", { minMs: 200, maxMs: 3_600_000 })),
      ),
  )
    .addHelpText("after", examples("plexus top", "plexus top --interval 5s", "plexus top --once"))
    .action(async (options: AdminOptions & { readonly once?: boolean; readonly interval: number }) => {
      const { top } = await import("../cluster/top.ts");
      const choice = { once: options.once ?? false, intervalMs: options.interval };
      onExit(await top(await adminFlags(options), choice, output));
    });
};
