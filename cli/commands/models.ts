import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

/** `plexus models`. */
export const define: Define = (command, { output, onExit }) => {
  withAdminFlags(command)
    .addHelpText("after", examples("plexus models", "plexus models --json"))
    .action(async (options: AdminOptions) => {
      const { showModels } = await import("../models.ts");
      onExit(await showModels(await adminFlags(options), output));
    });
};
