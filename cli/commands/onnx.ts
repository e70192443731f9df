import { examples } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus onnx`. */
export const define: Define = (command, { output, onExit }) => {
  command
    .addHelpText("after", examples("plexus onnx", "plexus onnx install", "plexus onnx remove"))
    .action(async () => onExit((await import("../models/onnx.ts")).showOnnx(output)));
  command
    .command("install")
    .description("Install ONNX Runtime from the npm registry.")
    .addHelpText("after", examples("plexus onnx install"))
    .action(async () => onExit(await (await import("../models/onnx.ts")).installOnnx(output)));
  command
    .command("remove")
    .description("Remove it.")
    .addHelpText("after", examples("plexus onnx remove"))
    .action(async () => onExit(await (await import("../models/onnx.ts")).removeOnnx(output)));
};
