import { examples } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus gpu`. */
export const define: Define = (command, { output, onExit }) => {
  command
    .addHelpText("after", examples("plexus gpu", "plexus gpu install cuda", "plexus gpu remove cuda"))
    .action(async () => onExit((await import("../models/gpu.ts")).showGpu(output)));
  command
    .command("install")
    .description("Install the build for a kind of graphics card from the npm registry.")
    .argument("<kind>", "cuda or vulkan")
    .addHelpText("after", examples("plexus gpu install cuda"))
    .action(async (kind: string) => onExit(await (await import("../models/gpu.ts")).installGpu(kind, output)));
  command
    .command("remove")
    .description("Remove a build.")
    .argument("<kind>", "cuda or vulkan")
    .addHelpText("after", examples("plexus gpu remove cuda"))
    .action(async (kind: string) => onExit(await (await import("../models/gpu.ts")).removeGpu(kind, output)));
};
