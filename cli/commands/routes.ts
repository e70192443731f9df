import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

/** `plexus routes`. */
export const define: Define = (command, { output, onExit }) => {
  const routes = withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples("plexus routes", "plexus routes set smart qwen:95,new:5 tiny", "plexus routes remove smart"),
    )
    .action(async (options: AdminOptions) => {
      const { listRoutes } = await import("../model-routes.ts");
      onExit(await listRoutes(await adminFlags(options), output));
    });

  withAdminFlags(
    routes
      .command("set")
      .description("Make a name stand for models: tried step by step, each one model or several by weight.")
      .argument("<name>", "what people and agents call it")
      .argument("<steps...>", "MODEL, or MODEL:WEIGHT,MODEL:WEIGHT")
      .option("--shadow <model:percent>", "also send so many of a hundred calls there, and throw the answers away"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus routes set smart big small          # small when big refuses",
        "plexus routes set smart qwen:95,new:5 tiny # 5 of 100 conversations try the new one",
        "plexus routes set smart qwen --shadow new:10",
      ),
    )
    .action(async (name: string, steps: readonly string[], options: AdminOptions & { readonly shadow?: string }) => {
      const { setRoute } = await import("../model-routes.ts");
      onExit(await setRoute(await adminFlags(options), { name, steps, shadow: options.shadow }, output));
    });

  withAdminFlags(
    routes
      .command("remove")
      .description("End a route. What it was is printed as the command that brings it back.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus routes remove smart"))
    .action(async (name: string, options: AdminOptions) => {
      const { removeRoute } = await import("../model-routes.ts");
      onExit(await removeRoute(await adminFlags(options), name, output));
    });
};
