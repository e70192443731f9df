import { Option } from "commander";
import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

interface ListOptions extends AdminOptions {
  readonly acknowledged?: boolean;
  readonly limit: number;
}

interface SetOptions {
  readonly defaults?: boolean;
  readonly off?: boolean;
  readonly on?: boolean;
}

/** `plexus alerts`. */
export const define: Define = (command, { output, onExit }) => {
  const listed = (one: typeof command): typeof command =>
    withAdminFlags(one)
      .option("--acknowledged", "those that somebody took note of, in place of the open ones")
      .option("--limit <number>", "how many at most", wholeNumber("The limit", 1), 50)
      .action(async (options: ListOptions) => {
        const { listAlerts } = await import("../alerts.ts");
        const wanted = { acknowledged: options.acknowledged === true, limit: options.limit };
        onExit(await listAlerts(await adminFlags(options), wanted, output));
      });
  const alerts = listed(command.enablePositionalOptions()).addHelpText(
    "after",
    examples(
      "plexus alerts",
      "plexus alerts show 7",
      "plexus alerts acknowledge 7 --note 'Bob forgot his password'",
      "plexus alerts detectors",
      "plexus alerts set refused-person count=20 minutes=30",
    ),
  );

  listed(alerts.command("list").description("Show what was found in the audit and nobody took note of yet.")).addHelpText("after", examples("plexus alerts list --json")); // prettier-ignore

  withAdminFlags(
    alerts
      .command("show")
      .description("Show one alert: what was found, how often, and where in the audit.")
      .argument("<alert>", "its number"),
  )
    .addHelpText("after", examples("plexus alerts show 7"))
    .action(async (id: string, options: AdminOptions) => {
      const { showAlert } = await import("../alerts.ts");
      onExit(await showAlert(await adminFlags(options), id, output));
    });

  withAdminFlags(
    alerts
      .command("acknowledge")
      .description("Take note of an alert. What is found of its subject from now on is another one.")
      .argument("<alert>", "its number")
      .option("--note <text>", "what came of it"),
  )
    .addHelpText("after", examples("plexus alerts acknowledge 7 --note 'Bob forgot his password'"))
    .action(async (id: string, options: AdminOptions & { readonly note?: string }) => {
      const { acknowledgeAlert } = await import("../alerts.ts");
      const told = { id, ...(options.note !== undefined && { note: options.note }) };
      onExit(await acknowledgeAlert(await adminFlags(options), told, output));
    });

  withAdminFlags(
    alerts
      .command("detectors")
      .description("Show what is always watched for, from which thresholds on, and which are built in."),
  )
    .addHelpText("after", examples("plexus alerts detectors", "plexus alerts detectors --json"))
    .action(async (options: AdminOptions) => {
      const { listDetectors } = await import("../detectors.ts");
      onExit(await listDetectors(await adminFlags(options), output));
    });

  withAdminFlags(
    alerts
      .command("set")
      .description("Set thresholds of a detector. Those that are not named stay as they are.")
      .argument("<detector>", "its name")
      .argument("[thresholds...]", "name=number, like count=20")
      .option("--defaults", "back to the built-in thresholds, but for those that are named here")
      .addOption(new Option("--off", "it finds nothing any more").conflicts("on"))
      .option("--on", "it finds again"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus alerts set refused-person count=20 minutes=30",
        "plexus alerts set unusual-acts --off",
        "plexus alerts set refused-person --on --defaults",
      ),
    )
    .action(async (name: string, thresholds: readonly string[], options: AdminOptions & SetOptions) => {
      const { setDetector } = await import("../detectors.ts");
      const { defaults, off, on } = options;
      const wish = { name, thresholds, defaults: defaults === true, ...((off ?? on) && { off: off === true }) };
      onExit(await setDetector(await adminFlags(options), wish, output));
    });
};
