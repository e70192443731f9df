import { adminFlags, collect, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { RoleFlags } from "../people/roles.ts";
import type { Define } from "./index.ts";

type SetOptions = AdminOptions & Omit<RoleFlags, "role" | "permissions">;

/** `plexus roles`. */
export const define: Define = (command, { output, onExit }) => {
  const roles = withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples("plexus roles", "plexus roles show moderator", "plexus roles set support people.see people.manage"),
    )
    .action(async (options: AdminOptions) => {
      const { listRoles } = await import("../people/roles.ts");
      onExit(await listRoles(await adminFlags(options), output));
    });

  withAdminFlags(roles.command("list").description("Show the roles of the cluster."))
    .addHelpText("after", examples("plexus roles list", "plexus roles list --json"))
    .action(async (options: AdminOptions) => {
      const { listRoles } = await import("../people/roles.ts");
      onExit(await listRoles(await adminFlags(options), output));
    });

  withAdminFlags(roles.command("show").description("Show what a role allows, and when.").argument("<role>", "its name"))
    .addHelpText("after", examples("plexus roles show moderator"))
    .action(async (role: string, options: AdminOptions) => {
      const { showRole } = await import("../people/roles.ts");
      onExit(await showRole(await adminFlags(options), role, output));
    });

  withAdminFlags(
    roles
      .command("set")
      .description(
        "Set what a role allows; this replaces what it allowed before. Without permissions it allows nothing.",
      )
      .argument("<role>", "a new name, or moderator, member, guest, service")
      .argument("[permissions...]", "like room.create; docs/reference/commands.md lists them")
      .option("--note <text>", "what the role is for")
      .option("--proved <minutes>", "only within this many minutes after a sign-in")
      .option("--from <range>", "only from this address or range; repeatable", collect<string>)
      .option("--hours <from-to>", "only at these hours of UTC: 08:00-18:00")
      .option("--days <days>", "only on these days: 1 is Monday, 1,2,3,4,5; needs --hours")
      .option("--label <label=value>", "only at nodes with this label; repeatable", collect<string>),
  )
    .addHelpText(
      "after",
      examples(
        "plexus roles set support people.see people.manage --note 'Looks after accounts'",
        "plexus roles set office-admin cluster.see cluster.administer --from 10.0.0.0/8 --hours 08:00-18:00 " +
          "--days 1,2,3,4,5",
      ),
    )
    .action(async (role: string, permissions: readonly string[], options: SetOptions) => {
      const { setRole } = await import("../people/roles.ts");
      onExit(await setRole(await adminFlags(options), { role, permissions, ...options }, output));
    });

  withAdminFlags(
    roles
      .command("remove")
      .description("Remove a role, or undo the change of a built-in one.")
      .argument("<role>", "its name"),
  )
    .addHelpText("after", examples("plexus roles remove support"))
    .action(async (role: string, options: AdminOptions) => {
      const { removeRole } = await import("../people/roles.ts");
      onExit(await removeRole(await adminFlags(options), role, output));
    });
};
