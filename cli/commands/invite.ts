import { newcomerRoles, roles, type Role } from "../../protocols/ids.ts";
import {
  adminFlags,
  collect,
  duration,
  examples,
  labelsFrom,
  namedValue,
  roleList,
  size,
  withAdminFlags,
  type AdminOptions,
} from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus invite`. */
export const define: Define = (command, { output, onExit }) => {
  withAdminFlags(
    command
      .option(
        "--role <role>",
        `what the new node does: ${roles.join(", ")}; repeatable (default: ${newcomerRoles.join(", ")})`,
        roleList,
      )
      .option("--label <name=value>", "label of the new node, repeatable", namedValue)
      .option(
        "--quota <size>",
        "with the role storage: the most that it may keep of shards, like 200gb",
        size("--quota"),
      )
      .option(
        "--class <class>",
        "with the role storage: only new data of this class, such as backup; repeatable",
        collect<string>,
      )
      .option(
        "--expires <duration>",
        "how long it is valid: 10m, 2d, at most 7d (default: 1h)",
        duration("The time", { minMs: 1_000, maxMs: 7 * 24 * 3_600_000 }),
      ),
  )
    .addHelpText(
      "after",
      examples(
        "plexus invite --role ai",
        "plexus invite --role chat,gateway --label zone=b --expires 10m",
        "plexus invite --role storage --quota 200gb --class backup",
        "TOKEN=$(plexus invite --json | jq -r .token)",
      ),
    )
    .action(
      async (
        options: AdminOptions & {
          readonly role?: readonly Role[];
          readonly label?: readonly string[];
          readonly expires?: number;
          readonly quota?: number;
          readonly class?: readonly string[];
        },
      ) => {
        const { invite } = await import("../cluster/cluster.ts");
        const { role, expires, quota, class: classes } = options;
        const storage = {
          ...(quota !== undefined && { quotaBytes: quota }),
          ...(classes && { classes: [...classes] }),
        };
        const isLimited = quota !== undefined || classes !== undefined;
        const labels = labelsFrom(options.label ?? []);
        const terms = { roles: role, labels, expiresInMs: expires, ...(isLimited && { storage }) };
        onExit(await invite(await adminFlags(options), terms, output));
      },
    );
};
