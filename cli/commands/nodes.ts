import { Option } from "commander";
import { roles, type Role } from "../../protocols/ids.ts";
import { cliLimits } from "../limits.ts";
import { adminFlags, duration, examples, roleList, withAdminFlags, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

/** `plexus nodes`. */
export const define: Define = (command, { output, onExit }) => {
  const nodes = withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples(
        "plexus nodes",
        "plexus nodes --json | jq -r '.nodes[] | select(.up|not).name'",
        "plexus nodes drain node-b --wait",
      ),
    )
    .action(async (options: AdminOptions) => {
      const { listNodes } = await import("../cluster.ts");
      onExit(await listNodes(await adminFlags(options), output));
    });

  withAdminFlags(
    nodes
      .command("drain")
      .description("Let a node give away everything it holds; it goes on serving what it still has.")
      .argument("<node>", "its name")
      .option("--wait", "show how far it is, and end when it holds nothing")
      .option("--undo", "let it take its share again")
      .addOption(
        new Option("--timeout <duration>", "how long --wait waits")
          .default(cliLimits.drainWaitMs, "1h")
          .argParser(duration("The timeout", { minMs: 1_000, maxMs: 7 * 24 * 3_600_000 })),
      ),
  )
    .addHelpText("after", examples("plexus nodes drain node-b --wait", "plexus nodes drain node-b --undo"))
    .action(
      async (
        node: string,
        options: AdminOptions & { readonly wait?: boolean; readonly undo?: boolean; readonly timeout: number },
      ) => {
        const { drainNode } = await import("../cluster.ts");
        const { wait = false, undo = false, timeout: timeoutMs } = options;
        const wish = { node, wait, undo, timeoutMs, pollMs: cliLimits.pollMs };
        onExit(await drainNode(await adminFlags(options), wish, output));
      },
    );

  withAdminFlags(
    nodes
      .command("evict")
      .description("End a node's membership for good: it is refused from then on.")
      .argument("<node>", "its name")
      .option(
        "--force",
        "also when it is up and owns slots, or is the last of a role, or holds the last copy of a slot, which is lost then",
      ),
  )
    .addHelpText("after", examples("plexus nodes evict node-b", "plexus nodes evict node-b --force"))
    .action(async (node: string, options: AdminOptions & { readonly force?: boolean }) => {
      const { evictNode } = await import("../cluster.ts");
      onExit(await evictNode(await adminFlags(options), { node, force: options.force ?? false }, output));
    });

  withAdminFlags(
    nodes
      .command("roles")
      .description("Change what a node does, while it runs.")
      .argument("<node>", "its name")
      .argument("<roles>", `all that it does from now on, separated by commas: ${roles.join(", ")}`, roleList),
  )
    .addHelpText("after", examples("plexus nodes roles node-b chat,ai,gateway"))
    .action(async (node: string, named: readonly Role[], options: AdminOptions) => {
      const { setNodeRoles } = await import("../cluster.ts");
      onExit(await setNodeRoles(await adminFlags(options), { node, roles: named }, output));
    });
};
