import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

/** `plexus audit`. */
export const define: Define = (command, { output, onExit }) => {
  withAdminFlags(command.option("--limit <number>", "how many at most", wholeNumber("The limit", 1), 50))
    .addHelpText(
      "after",
      examples("plexus audit", "plexus audit --limit 1000 --json | jq 'select(.action==\"evict\")'"),
    )
    .action(async (options: AdminOptions & { readonly limit: number }) => {
      const { showAudit } = await import("../audit.ts");
      onExit(await showAudit(await adminFlags(options), options.limit, output));
    });
};
