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
      const { listNodes } = await import("../cluster-members.ts");
      onExit(await listNodes(await adminFlags(options), output));
    });

  withAdminFlags(
    nodes
      .command("drain")
      .description("Move everything away from nodes. They keep serving what they still have.")
      .argument("<nodes...>", "their names")
      .option("--wait", "show the progress, and end when they hold nothing")
      .option("--undo", "the same as `plexus nodes undrain`")
      .addOption(
        new Option("--timeout <duration>", "how long --wait waits")
          .default(cliLimits.drainWaitMs, "1h")
          .argParser(duration("The timeout", { minMs: 1_000, maxMs: 7 * 24 * 3_600_000 })),
      ),
  )
    .addHelpText("after", examples("plexus nodes drain node-b --wait", "plexus nodes drain node-b node-c"))
    .action(
      async (
        named: readonly string[],
        options: AdminOptions & { readonly wait?: boolean; readonly undo?: boolean; readonly timeout: number },
      ) => {
        const { drainNodes, undrainNodes } = await import("../cluster-members.ts");
        const { wait = false, undo = false, timeout: timeoutMs } = options;
        const flags = await adminFlags(options);
        const wish = { nodes: named, wait, timeoutMs, pollMs: cliLimits.pollMs };
        onExit(undo ? await undrainNodes(flags, named, output) : await drainNodes(flags, wish, output));
      },
    );

  withAdminFlags(
    nodes
      .command("undrain")
      .description("Let drained nodes take their share again.")
      .argument("<nodes...>", "their names"),
  )
    .addHelpText("after", examples("plexus nodes undrain node-b", "plexus nodes undrain node-a node-b node-c"))
    .action(async (named: readonly string[], options: AdminOptions) => {
      const { undrainNodes } = await import("../cluster-members.ts");
      onExit(await undrainNodes(await adminFlags(options), named, output));
    });

  withAdminFlags(
    nodes
      .command("evict")
      .description("Remove nodes from the cluster for good: they are refused from then on.")
      .argument("<nodes...>", "their full names or ids")
      .option(
        "--force",
        "even if a node is up and owns slots, is the last with a role, or has the only copy of a slot, whose contents are lost then",
      ),
  )
    .addHelpText("after", examples("plexus nodes evict node-b", "plexus nodes evict node-b --force"))
    .action(async (named: readonly string[], options: AdminOptions & { readonly force?: boolean }) => {
      const { evictNodes } = await import("../cluster-members.ts");
      onExit(await evictNodes(await adminFlags(options), { nodes: named, force: options.force ?? false }, output));
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
      const { setNodeRoles } = await import("../cluster-members.ts");
      onExit(await setNodeRoles(await adminFlags(options), { node, roles: named }, output));
    });
};
