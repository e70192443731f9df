import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus status`. */
export const define: Define = (command, { output, onExit }) => {
  withAdminFlags(command)
    .addHelpText("after", examples("plexus status", "plexus status --data /srv/plexus --json"))
    .action(async (options: AdminOptions) => {
      const { showStatus } = await import("../cluster/status.ts");
      onExit(await showStatus(await adminFlags(options), output));
    });
};
