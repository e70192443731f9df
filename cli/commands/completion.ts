import { Argument } from "commander";
import { examples } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus completion`. */
export const define: Define = (command, context) => {
  command
    .addArgument(new Argument("<shell>", "your shell").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      examples(
        "source <(plexus completion bash)",
        "echo 'source <(plexus completion zsh)' >> ~/.zshrc",
        "plexus completion fish > ~/.config/fish/completions/plexus.fish",
      ),
    )
    .action(async (shell: "bash" | "zsh" | "fish") => {
      const { createProgram } = await import("../program.ts");
      const { completionScript } = await import("../completion.ts");
      context.output.print(completionScript(shell, await createProgram("", context)));
      context.onExit(0);
    });
};
