import { Option } from "commander";
import { cliLimits } from "../limits.ts";
import { adminFlags, etcdAddresses, examples, withAdminFlags, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

/** `plexus directory`. */
export const define: Define = (command, { output, onExit }) => {
  const directory = command.addHelpText("after", examples("plexus directory migrate --etcd http://10.0.0.5:2379"));

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
      const { migrateDirectory } = await import("../cluster.ts");
      const migration = { endpoints: options.etcd, pollMs: cliLimits.pollMs };
      onExit(await migrateDirectory(await adminFlags(options), migration, output));
    });
};
