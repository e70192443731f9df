import { examples, json } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus demo`. */
export const define: Define = (command, { output, onExit }) => {
  command
    .option("--data <folder>", "keep the data in this folder, and use it again next time (default: a temporary folder)")
    .addOption(json())
    .addHelpText("after", examples("plexus demo", "plexus demo --data ~/plexus-demo"))
    .action(async (options: { readonly data?: string; readonly json?: boolean }) => {
      const { demo } = await import("../demo/index.ts");
      onExit(await demo({ data: options.data, json: options.json ?? false }, output));
    });
};
