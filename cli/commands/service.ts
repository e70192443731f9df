import { examples } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface InstallOptions {
  readonly user?: boolean;
  readonly runAs?: string;
  readonly dryRun?: boolean;
  readonly start: boolean;
}

/** `plexus service`. */
export const define: Define = (command, { onExit, output }) => {
  const forUser = "a service of your user, without root, instead of the machine's";
  command.addHelpText("after", examples("plexus service install", "plexus service status", "plexus service uninstall"));
  command
    .command("install")
    .description("Write a systemd unit that runs a node, and start it.")
    .argument("[flags...]", "flags of plexus up, after --")
    .option("--user", forUser)
    .option("--run-as <account>", "run as this existing account (default: one that systemd makes while it runs)")
    .option("--no-start", "start it with the machine, not now")
    .option("--dry-run", "print the unit and change nothing")
    .addHelpText(
      "after",
      "\nThe data folder is /var/lib/plexus (with --user: the state folder of systemd), unless --data names " +
        "another.\n" +
        examples("plexus service install --dry-run", "plexus service install -- --port 8080 --trusted-proxy 127.0.0.1"),
    )
    .action(async (words: readonly string[], { user = false, runAs, dryRun = false, start }: InstallOptions) => {
      const { installService } = await import("../up/service.ts");
      onExit(await installService({ user, words, dryRun, start, ...(runAs !== undefined && { runAs }) }, output));
    });
  command
    .command("uninstall")
    .description("Stop the node and remove the unit. The data stays.")
    .option("--user", forUser)
    .addHelpText("after", examples("plexus service uninstall"))
    .action(async ({ user = false }: { readonly user?: boolean }) => {
      const { uninstallService } = await import("../up/service.ts");
      onExit(await uninstallService(user, output));
    });
  command
    .command("status")
    .description("Show whether the service is installed and runs.")
    .option("--user", forUser)
    .addHelpText("after", examples("plexus service status", "plexus service status --user"))
    .action(async ({ user = false }: { readonly user?: boolean }) => {
      const { showService } = await import("../up/service.ts");
      onExit(showService(user, output));
    });
};
