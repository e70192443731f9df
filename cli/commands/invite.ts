import { newcomerRoles, roles, type Role } from "../../protocols/ids.ts";
import {
  adminFlags,
  duration,
  examples,
  labelsFrom,
  namedValue,
  roleList,
  withAdminFlags,
  type AdminOptions,
} from "../options.ts";
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
        const { invite } = await import("../cluster.ts");
        const terms = { roles: options.role, labels: labelsFrom(options.label ?? []), expiresInMs: options.expires };
        onExit(await invite(await adminFlags(options), terms, output));
      },
    );
};
