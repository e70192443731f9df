import { Option, type Command } from "commander";
import { newcomerRoles, roles, type Role } from "../protocols/index.ts";
import { cliLimits } from "./limits.ts";
import {
  adminFlags,
  duration,
  etcdAddresses,
  examples,
  json,
  labelsFrom,
  moveOf,
  namedValue,
  roleList,
  wholeNumber,
  withAdminFlags,
  withMoveFlags,
  type AdminOptions,
  type MoveOptions,
} from "./options.ts";
import type { Output } from "./output.ts";

type OnExit = (code: number) => void;

/** Adds `plexus invite`, `nodes`, `slots`, `audit`, `directory`, `top` and `demo`. */
export function addClusterCommands(program: Command, output: Output, onExit: OnExit): void {
  addInvite(program, output, onExit);
  addNodes(program, output, onExit);
  addSlots(program, output, onExit);
  addAudit(program, output, onExit);
  addDirectory(program, output, onExit);
  addTop(program, output, onExit);
  addDemo(program, output, onExit);
}

function addInvite(program: Command, output: Output, onExit: OnExit): void {
  withAdminFlags(
    program
      .command("invite")
      .description("Make an invitation: a token that admits one node to the cluster.")
      .option(
        "--role <role>",
        `what the new node does: ${roles.join(", ")}; repeatable (default: ${newcomerRoles.join(", ")})`,
        roleList,
      )
      .option("--label <name=value>", "label of the new node, repeatable", namedValue)
      .option(
        "--expires <duration>",
        "until when it can be used: 10m, 2d, at most 7d (default: 1h)",
        duration("The time", { minMs: 1_000, maxMs: 7 * 24 * 3_600_000 }),
      ),
  )
    .addHelpText(
      "after",
      examples(
        "plexus invite --role ai",
        "plexus invite --role chat,gateway --label zone=b --expires 10m",
        "TOKEN=$(plexus invite --json | jq -r .token)",
      ),
    )
    .action(
      async (
        options: AdminOptions & {
          readonly role?: readonly Role[];
          readonly label?: readonly string[];
          readonly expires?: number;
        },
      ) => {
        const { invite } = await import("./cluster.ts");
        const terms = { roles: options.role, labels: labelsFrom(options.label ?? []), expiresInMs: options.expires };
        onExit(await invite(await adminFlags(options), terms, output));
      },
    );
}

function addNodes(program: Command, output: Output, onExit: OnExit): void {
  const nodes = withAdminFlags(
    program
      .command("nodes")
      .description("Show the nodes of the cluster; drain, evict, change roles.")
      .enablePositionalOptions(),
  )
    .addHelpText(
      "after",
      examples(
        "plexus nodes",
        "plexus nodes --json | jq -r '.nodes[] | select(.up|not).name'",
        "plexus nodes drain node-b --wait",
      ),
    )
    .action(async (options: AdminOptions) => {
      const { listNodes } = await import("./cluster.ts");
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
        const { drainNode } = await import("./cluster.ts");
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
      const { evictNode } = await import("./cluster.ts");
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
      const { setNodeRoles } = await import("./cluster.ts");
      onExit(await setNodeRoles(await adminFlags(options), { node, roles: named }, output));
    });
}

function addSlots(program: Command, output: Output, onExit: OnExit): void {
  const slots = withAdminFlags(
    program
      .command("slots")
      .description("Show who owns and copies which slot; move one, and let it go again.")
      .enablePositionalOptions()
      .addOption(new Option("--role <role>", "only slots of this role").choices(roles))
      .option("--node <node>", "only slots that this node owns or copies; the beginning of its name is enough")
      .option("--not-ok", "only slots that are moving, short of copies, blocked or down")
      .option("--pinned", "only slots of single actors"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus slots --not-ok",
        "plexus slots --role chat --node node-b",
        "plexus slots move chat/17 --to node-b",
        "plexus slots release chat/17",
      ),
    )
    .action(
      async (
        options: AdminOptions & {
          readonly role?: string;
          readonly node?: string;
          readonly notOk?: boolean;
          readonly pinned?: boolean;
        },
      ) => {
        const { listSlots } = await import("./cluster.ts");
        const { role, node, notOk = false, pinned = false } = options;
        const filter = { notOk, pinned, ...(role !== undefined && { role }), ...(node !== undefined && { node }) };
        onExit(await listSlots(await adminFlags(options), filter, output));
      },
    );

  withMoveFlags(
    slots
      .command("move")
      .description("Move a slot to a node, while people use its actors.")
      .argument("<slot>", "role/number"),
  )
    .addHelpText("after", examples("plexus slots move chat/17 --to node-b"))
    .action(async (slot: string, options: MoveOptions) => {
      const { moveSlot } = await import("./cluster.ts");
      onExit(await moveSlot(await adminFlags(options), moveOf(slot, options), output));
    });

  withAdminFlags(
    slots
      .command("release")
      .description("Let a slot that was moved by hand be placed like any other again.")
      .argument("<slot>", "role/number, or kind/key of an actor that was moved"),
  )
    .addHelpText("after", examples("plexus slots release chat/17", "plexus slots release room/lobby"))
    .action(async (slot: string, options: AdminOptions) => {
      const { releaseSlot } = await import("./cluster.ts");
      onExit(await releaseSlot(await adminFlags(options), slot, output));
    });
}

function addAudit(program: Command, output: Output, onExit: OnExit): void {
  withAdminFlags(
    program
      .command("audit")
      .description("Show what was done to the cluster, and by whom, the newest first.")
      .option("--limit <number>", "how many at most", wholeNumber("The limit", 1), 50),
  )
    .addHelpText(
      "after",
      examples("plexus audit", "plexus audit --limit 1000 --json | jq 'select(.action==\"evict\")'"),
    )
    .action(async (options: AdminOptions & { readonly limit: number }) => {
      const { showAudit } = await import("./audit.ts");
      onExit(await showAudit(await adminFlags(options), options.limit, output));
    });
}

function addDirectory(program: Command, output: Output, onExit: OnExit): void {
  const directory = program
    .command("directory")
    .description("Where the cluster remembers its members and who owns what.")
    .addHelpText("after", examples("plexus directory migrate --etcd http://10.0.0.5:2379"));

  withAdminFlags(
    directory
      .command("migrate")
      .description("Move the running cluster's directory from a node to etcd.")
      .addOption(
        new Option("--etcd <urls...>", "addresses of etcd's members").argParser(etcdAddresses).makeOptionMandatory(),
      ),
  )
    .addHelpText(
      "after",
      examples("plexus directory migrate --etcd http://10.0.0.5:2379 http://10.0.0.6:2379 http://10.0.0.7:2379"),
    )
    .action(async (options: AdminOptions & { readonly etcd: readonly string[] }) => {
      const { migrateDirectory } = await import("./cluster.ts");
      const migration = { endpoints: options.etcd, pollMs: cliLimits.pollMs };
      onExit(await migrateDirectory(await adminFlags(options), migration, output));
    });
}

function addTop(program: Command, output: Output, onExit: OnExit): void {
  withAdminFlags(
    program
      .command("top")
      .description("Watch the cluster: nodes with their load, slots that are not ok, busiest actors. q quits.")
      .option("--once", "print it once and end, as without a terminal")
      .addOption(
        new Option("--interval <duration>", "between two looks")
          .default(cliLimits.topIntervalMs, "1s")
          .argParser(duration("The interval", { minMs: 200, maxMs: 3_600_000 })),
      ),
  )
    .addHelpText("after", examples("plexus top", "plexus top --interval 5s", "plexus top --once"))
    .action(async (options: AdminOptions & { readonly once?: boolean; readonly interval: number }) => {
      const { top } = await import("./top.ts");
      const wish = { once: options.once ?? false, intervalMs: options.interval };
      onExit(await top(await adminFlags(options), wish, output));
    });
}

function addDemo(program: Command, output: Output, onExit: OnExit): void {
  program
    .command("demo")
    .description("Run a cluster of three nodes on this machine, with a chat and an agent, to look at and to break.")
    .option("--data <folder>", "keep the data there, and go on with it next time (default: temporary)")
    .addOption(json())
    .addHelpText("after", examples("plexus demo", "plexus demo --data ~/plexus-demo"))
    .action(async (options: { readonly data?: string; readonly json?: boolean }) => {
      const { demo } = await import("./demo/index.ts");
      onExit(await demo({ data: options.data, json: options.json ?? false }, output));
    });
}
