import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Command } from "commander";
import type { Define } from "./index.ts";

interface Options extends AdminOptions {
  readonly node?: string;
  readonly dryRun?: true;
  readonly all?: true;
}
type Self = { optsWithGlobals(): Options };

/** `plexus config`. */
export const define: Define = (command, { output, onExit }) => {
  const work = () => import("../settings/config.ts");
  const flagsOf = (self: Self) => adminFlags(self.optsWithGlobals());
  const targetOf = (self: Self) => {
    const { node, dryRun = false } = self.optsWithGlobals();
    return { node, dryRun };
  };
  const forNode = (inner: Command) => inner.option("--node <name>", "for this node only (default: all nodes)");
  const dry = (inner: Command) =>
    forNode(inner).option("--dry-run", "show what it would do at each node, and change nothing");
  const list = async (self: Self) => {
    const { node, all = false } = self.optsWithGlobals();
    onExit(await (await work()).listConfig(await flagsOf(self), { node, all }, output));
  };

  withAdminFlags(command)
    .addHelpText(
      "after",
      examples(
        "plexus config",
        "plexus config show signUp",
        "plexus config set signUp invitation --dry-run",
        "plexus config set log.level debug --node node-b",
        "plexus config rollback 3",
      ),
    )
    .action(async (_options: unknown, self: Self) => list(self));

  withAdminFlags(
    command
      .command("list")
      .description("Show the configuration of a node, and where each value comes from.")
      .option("--node <name>", "this node (default: the one that is asked)")
      .option("--all", "also keys that have their default value")
      .addHelpText("after", examples("plexus config list --all", "plexus config list --node node-b")),
  ).action(async (_options: unknown, self: Self) => list(self));

  withAdminFlags(
    command
      .command("show <key>")
      .description("Show what a key means, who set it, and its value at each node.")
      .addHelpText("after", examples("plexus config show signUp")),
  ).action(async (key: string, _options: unknown, self: Self) =>
    onExit(await (await work()).showConfig(await flagsOf(self), key, output)),
  );

  withAdminFlags(
    dry(
      command
        .command("set <key> <value>")
        .description("Set a key for all nodes, or for one. Flags and environment variables of a node override it."),
    ).addHelpText(
      "after",
      examples(
        "plexus config set signUp closed",
        "plexus config set signUpDomains example.org,example.com",
        "plexus config set log.level debug --node node-b --dry-run",
      ),
    ),
  ).action(async (key: string, value: string, _options: unknown, self: Self) =>
    onExit(await (await work()).setConfig(await flagsOf(self), { ...targetOf(self), key, value }, output)),
  );

  withAdminFlags(
    dry(command.command("unset <key>").description("Remove the cluster's value of a key.")).addHelpText(
      "after",
      examples("plexus config unset signUp"),
    ),
  ).action(async (key: string, _options: unknown, self: Self) =>
    onExit(await (await work()).unsetConfig(await flagsOf(self), { ...targetOf(self), key }, output)),
  );

  withAdminFlags(
    forNode(command.command("history").description("Show what was changed, when and by whom.")).addHelpText(
      "after",
      examples("plexus config history", "plexus config history --node node-b"),
    ),
  ).action(async (_options: unknown, self: Self) =>
    onExit(await (await work()).configHistory(await flagsOf(self), self.optsWithGlobals().node, output)),
  );

  withAdminFlags(
    dry(
      command
        .command("rollback")
        .description("Set everything back to how it was after a change; 0 is before the first change.")
        .argument("<revision>", "the number of the change, from `plexus config history`", wholeNumber("A revision")),
    ).addHelpText("after", examples("plexus config rollback 3 --dry-run")),
  ).action(async (to: number, _options: unknown, self: Self) =>
    onExit(await (await work()).rollBackConfig(await flagsOf(self), { ...targetOf(self), to }, output)),
  );
};
