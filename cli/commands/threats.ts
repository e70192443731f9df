import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

type Globals = { optsWithGlobals(): AdminOptions };

/** `plexus threats`. */
export const define: Define = (command, { output, onExit }) => {
  const load = () => import("../watching/threats.ts");
  const flagsOf = (self: Globals) => adminFlags(self.optsWithGlobals());
  withAdminFlags(command)
    .addHelpText("after", examples("plexus threats", "plexus threats set drop https://lists.example/drop.txt"))
    .action(async (options: AdminOptions) =>
      onExit(await (await load()).listThreats(await adminFlags(options), output)),
    );
  withAdminFlags(
    command
      .command("set <name> <url>")
      .description("Let every node read a list of bad addresses, host names and file digests.")
      .addHelpText("after", examples("plexus threats set drop https://feeds.example.org/drop.txt")),
  ).action(async (name: string, url: string, _options: unknown, self: Globals) =>
    onExit(await (await load()).setThreats(await flagsOf(self), name, url, output)),
  );
  withAdminFlags(
    command
      .command("remove <name>")
      .description("Remove such a list.")
      .addHelpText("after", examples("plexus threats remove drop")),
  ).action(async (name: string, _options: unknown, self: Globals) =>
    onExit(await (await load()).removeThreats(await flagsOf(self), name, output)),
  );
};
