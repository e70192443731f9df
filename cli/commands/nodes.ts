import { InvalidArgumentError, Option } from "commander";
import { roles, type Role } from "../../protocols/ids.ts";
import { cliLimits } from "../limits.ts";
import {
  adminFlags,
  collect,
  decimal,
  duration,
  examples,
  roleList,
  size,
  wholeNumber,
  withAdminFlags,
  type AdminOptions,
} from "../terminal/options.ts";
import type { PlanOptions } from "../cluster/nodes-plan.ts";
import type { Define } from "./index.ts";

/** `node-b=2` and more as a table; the last of one name wins. */
const namedWith =
  <Value>(read: (text: string) => Value) =>
  (text: string, before: Readonly<Record<string, Value>> | undefined): Readonly<Record<string, Value>> => {
    const at = text.lastIndexOf("=");
    if (at < 1) throw new InvalidArgumentError("It must have a name and a value: node-b=….");
    return { ...before, [text.slice(0, at)]: read(text.slice(at + 1)) };
  };

/** `200gb`, or `none`. */
const quota = (text: string): number | null => (text === "none" ? null : size("The size")(text));

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
      const { listNodes } = await import("../cluster/cluster-members.ts");
      onExit(await listNodes(await adminFlags(options), output));
    });

  withAdminFlags(
    nodes
      .command("drain")
      .description("Move everything away from nodes. They keep serving until then.")
      .argument("<nodes...>", "their names")
      .option("--wait", "show the progress, and wait until they are empty")
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
        const { drainNodes, undrainNodes } = await import("../cluster/cluster-members.ts");
        const { wait = false, undo = false, timeout: timeoutMs } = options;
        const flags = await adminFlags(options);
        const choice = { nodes: named, wait, timeoutMs, pollMs: cliLimits.pollMs };
        onExit(undo ? await undrainNodes(flags, named, output) : await drainNodes(flags, choice, output));
      },
    );

  withAdminFlags(
    nodes
      .command("undrain")
      .description("Undo a drain: the nodes take their share again.")
      .argument("<nodes...>", "their names"),
  )
    .addHelpText("after", examples("plexus nodes undrain node-b", "plexus nodes undrain node-a node-b node-c"))
    .action(async (named: readonly string[], options: AdminOptions) => {
      const { undrainNodes } = await import("../cluster/cluster-members.ts");
      onExit(await undrainNodes(await adminFlags(options), named, output));
    });

  withAdminFlags(
    nodes
      .command("evict")
      .description("Remove nodes from the cluster for good: they are refused from then on.")
      .argument("<nodes...>", "their full names or ids")
      .option(
        "--force",
        "even if a node is up and owns slots, is the last with a role, or has the only copy of data, which is lost",
      ),
  )
    .addHelpText("after", examples("plexus nodes evict node-b", "plexus nodes evict node-b --force"))
    .action(async (named: readonly string[], options: AdminOptions & { readonly force?: boolean }) => {
      const { evictNodes } = await import("../cluster/cluster-members.ts");
      onExit(await evictNodes(await adminFlags(options), { nodes: named, force: options.force ?? false }, output));
    });

  withAdminFlags(nodes.command("forecast").description("Forecast when disk, memory and places of models run out."))
    .addHelpText(
      "after",
      examples("plexus nodes forecast", "plexus nodes forecast --json | jq '.forecasts[] | select(.says==\"ends\")'"),
    )
    .action(async (options: AdminOptions) => {
      const { listForecasts } = await import("../cluster/nodes-forecast.ts");
      onExit(await listForecasts(await adminFlags(options), output));
    });

  withAdminFlags(
    nodes
      .command("plan")
      .description("Show what would happen if nodes were added or removed, or had other weights. Nothing is changed.")
      .option(
        "--add <roles>",
        "add a node with these roles; repeatable",
        (text, before?: readonly (readonly Role[])[]) => collect(roleList(text, undefined), before),
      )
      .option("--zone <name>", "the zone of the added nodes")
      .option("--remove <name>", "drain and remove this node; repeatable", (text, before?: readonly string[]) =>
        collect(text, before),
      )
      .option(
        "--weight <name=number>",
        "give a node another weight; repeatable",
        namedWith(decimal("The weight", { min: 0.01, max: 100 })),
      )
      .option(
        "--roles <name=roles>",
        "give a node other roles; repeatable",
        namedWith((text) => roleList(text, undefined)),
      )
      .option("--replicas <count>", "this number of copies", wholeNumber("The number of copies", 1, 7))
      .option(
        "--min-in-sync <count>",
        "this number of copies in sync that writes need",
        wholeNumber("The number of copies in sync", 1, 7),
      ),
  )
    .addHelpText(
      "after",
      examples(
        "plexus nodes plan --remove node-c",
        "plexus nodes plan --add chat,gateway --add chat,gateway --zone b",
        "plexus nodes plan --weight node-a=2 --weight node-b=0.5",
        "plexus nodes plan --remove node-a --remove node-b --replicas 2",
      ),
    )
    .action(async (options: AdminOptions & PlanOptions) => {
      const { planNodes } = await import("../cluster/nodes-plan.ts");
      onExit(await planNodes(await adminFlags(options), options, output));
    });

  withAdminFlags(
    nodes
      .command("storage")
      .description("Change how much a node may keep of shards, while it runs.")
      .argument("<node>", "its name")
      .argument("<size>", "the most that shards may take there, like 200gb; none: what its operator gives", quota),
  )
    .addHelpText("after", examples("plexus nodes storage node-b 200gb", "plexus nodes storage node-b none"))
    .action(async (node: string, quotaBytes: number | null, options: AdminOptions) => {
      const { setNodeStorage } = await import("../cluster/nodes-storage.ts");
      onExit(await setNodeStorage(await adminFlags(options), { node, quotaBytes }, output));
    });

  withAdminFlags(
    nodes
      .command("roles")
      .description("Change the roles of a node while it runs.")
      .argument("<node>", "its name")
      .argument("<roles>", `all roles it has from now on, separated by commas: ${roles.join(", ")}`, roleList)
      .option(
        "--seen <roles>",
        "only if it still has these roles now, so that you do not overwrite somebody else's change",
        roleList,
      ),
  )
    .addHelpText("after", examples("plexus nodes roles node-b chat,ai,gateway --seen chat,gateway"))
    .action(
      async (node: string, named: readonly Role[], options: AdminOptions & { readonly seen?: readonly Role[] }) => {
        const { setNodeRoles } = await import("../cluster/cluster-members.ts");
        const { seen } = options;
        onExit(await setNodeRoles(await adminFlags(options), { node, roles: named, ...(seen && { seen }) }, output));
      },
    );
};
