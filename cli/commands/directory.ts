import { Argument, Option, type Command } from "commander";
import { voterCounts } from "../../protocols/admin/directory-info.ts";
import { dataFolderOf, diskKeyFileOf } from "../settings/folders.ts";
import { cliLimits } from "../limits.ts";
import {
  adminFlags,
  data,
  etcdAddresses,
  examples,
  json,
  withAdminFlags,
  type AdminOptions,
} from "../terminal/options.ts";
import type { CommandContext, Define } from "./index.ts";

const votersHelp = `
Three is usual, and needs nothing to be said: with the third manager the directory is on three nodes, and any one of
them may die. With five any two may. With two managers one node keeps it: two would both be needed. 1 goes back to one
node, and told before the third manager joins it keeps the directory where it is.`;

/** `plexus directory`. */
export const define: Define = (command, context) => {
  const { output, onExit } = context;
  const directory = command.addHelpText(
    "after",
    examples(
      "plexus directory voters",
      "plexus directory migrate --etcd http://10.0.0.5:2379",
      "plexus directory migrate --managers",
    ),
  );

  withAdminFlags(
    directory
      .command("voters")
      .description("Show which nodes keep the directory, or set how many should.")
      .addArgument(
        new Argument(
          "[count]",
          "1: one node keeps it; otherwise this many managers, of which any minority may fail",
        ).choices(voterCounts.map(String)),
      ),
  )
    .addHelpText("after", votersHelp)
    .addHelpText("after", examples("plexus directory voters", "plexus directory voters 5"))
    .action(async (count: string | undefined, options: AdminOptions) => {
      const { directoryVoters } = await import("../cluster/directory-voters.ts");
      onExit(await directoryVoters(await adminFlags(options), count === undefined ? undefined : Number(count), output));
    });

  defineMigrate(directory, context);

  directory
    .command("recover")
    .description("Start the directory again at one voter, when a majority of the voters is lost for good.")
    .addOption(data())
    .option("--lost <names...>", "other members that are lost too, besides the voters")
    .option("--keep <names...>", "other voters that are fine, and stay members")
    .option("--disk-key <file>", "the key of an encrypted disk (default: disk.key in the data folder)")
    .option("--yes", "do not ask")
    .addOption(json())
    .addHelpText(
      "after",
      "\nStop the node first. The command says what this node has, what the others may have known in addition, " +
        "and which\n" +
        "slots lost every copy. It changes nothing until you agree. Nodes that are left out are refused from " +
        "then on. If\n" +
        "most voters are only down, start them instead.\n" +
        examples("plexus directory recover --data /var/lib/plexus", "plexus up --data /var/lib/plexus"),
    )
    .action(async (options: RecoverOptions) => {
      const { recoverDirectory } = await import("../cluster/directory-recovery.ts");
      const folder = await dataFolderOf(options.data, process.env);
      const flags = {
        data: folder,
        diskKey: await diskKeyFileOf(options.diskKey, folder, process.env),
        lost: options.lost ?? [],
        kept: options.keep ?? [],
        yes: options.yes ?? false,
        json: options.json ?? false,
      };
      onExit(await recoverDirectory(flags, output));
    });
};

function defineMigrate(directory: Command, { output, onExit }: CommandContext): void {
  withAdminFlags(
    directory
      .command("migrate")
      .description("Move the running cluster's directory to etcd, or from there to the managers.")
      .addOption(
        new Option("--etcd <urls...>", "move it to etcd, at these addresses")
          .argParser(etcdAddresses)
          .conflicts("managers"),
      )
      .option("--managers", "move it from etcd to the nodes with the role manager")
      .option("--yes", "do not ask"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus directory migrate --etcd http://10.0.0.5:2379 http://10.0.0.6:2379 http://10.0.0.7:2379",
        "plexus directory migrate --managers",
      ),
    )
    .action(
      async (
        options: AdminOptions & { readonly etcd?: readonly string[]; readonly managers?: true; readonly yes?: true },
      ) => {
        const { etcd, managers } = options;
        if (etcd === undefined && managers !== true)
          directory.error("error: --etcd URL… says which etcd it moves to, --managers that it comes back from there");
        const { migrateDirectory } = await import("../cluster/cluster.ts");
        const migration = { ...(etcd && { endpoints: etcd }), pollMs: cliLimits.pollMs, yes: options.yes === true };
        onExit(await migrateDirectory(await adminFlags(options), migration, output));
      },
    );
}

interface RecoverOptions {
  readonly data?: string;
  readonly lost?: readonly string[];
  readonly keep?: readonly string[];
  readonly diskKey?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}
