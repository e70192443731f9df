import { Option } from "commander";
import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
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
      .option("--acknowledged", "the acknowledged ones instead of the open ones")
      .option("--limit <number>", "at most this many", wholeNumber("The limit", 1), 50)
      .action(async (options: ListOptions) => {
        const { listAlerts } = await import("../watching/alerts.ts");
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

  listed(alerts.command("list").description("Show the alerts that nobody has acknowledged yet.")).addHelpText(
    "after",
    examples("plexus alerts list --json"),
  );

  withAdminFlags(
    alerts
      .command("show")
      .description("Show one alert: its cause, how often it came, and its audit entries.")
      .argument("<alert>", "its number"),
  )
    .addHelpText("after", examples("plexus alerts show 7"))
    .action(async (id: string, options: AdminOptions) => {
      const { showAlert } = await import("../watching/alerts.ts");
      onExit(await showAlert(await adminFlags(options), id, output));
    });

  withAdminFlags(
    alerts
      .command("acknowledge")
      .description("Acknowledge an alert. Anything found about its subject from now on raises a new one.")
      .argument("<alert>", "its number")
      .option("--note <text>", "a note on what the cause was"),
  )
    .addHelpText("after", examples("plexus alerts acknowledge 7 --note 'Bob forgot his password'"))
    .action(async (id: string, options: AdminOptions & { readonly note?: string }) => {
      const { acknowledgeAlert } = await import("../watching/alerts.ts");
      const told = { id, ...(options.note !== undefined && { note: options.note }) };
      onExit(await acknowledgeAlert(await adminFlags(options), told, output));
    });

  withAdminFlags(
    alerts
      .command("detectors")
      .description(
        "Show the detectors, which watch the cluster all the time, with their thresholds and the built-in ones.",
      ),
  )
    .addHelpText("after", examples("plexus alerts detectors", "plexus alerts detectors --json"))
    .action(async (options: AdminOptions) => {
      const { listDetectors } = await import("../watching/detectors.ts");
      onExit(await listDetectors(await adminFlags(options), output));
    });

  withAdminFlags(
    alerts
      .command("set")
      .description("Set thresholds of a detector. Thresholds that you do not name stay as they are.")
      .argument("<detector>", "its name")
      .argument("[thresholds...]", "name=number, like count=20")
      .option("--defaults", "go back to the built-in thresholds, except those that you name")
      .addOption(new Option("--off", "switch it off").conflicts("on"))
      .option("--on", "switch it on"),
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
      const { setDetector } = await import("../watching/detectors.ts");
      const { defaults, off, on } = options;
      const choice = { name, thresholds, defaults: defaults === true, ...((off ?? on) && { off: off === true }) };
      onExit(await setDetector(await adminFlags(options), choice, output));
    });
};
