import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface InviteOptions extends AdminOptions {
  readonly uses: number;
  readonly hours: number;
  readonly note?: string;
  readonly guest?: boolean;
  readonly room?: string;
  readonly days: number;
}

interface DeleteOptions extends AdminOptions {
  readonly atOnce?: boolean;
  readonly yes?: boolean;
}

interface ExportOptions extends AdminOptions {
  readonly file?: string;
}

/** `plexus users`. */
export const define: Define = (command, { output, onExit }) => {
  const users = withAdminFlags(command.enablePositionalOptions())
    .addHelpText("after", examples("plexus users", "plexus users roles ada admin", "plexus users sessions ada"))
    .action(async (options: AdminOptions) => {
      const { listUsers } = await import("../people/roles.ts");
      onExit(await listUsers(await adminFlags(options), output));
    });

  withAdminFlags(users.command("list").description("Show people who have other roles than member."))
    .addHelpText("after", examples("plexus users list --json"))
    .action(async (options: AdminOptions) => {
      const { listUsers } = await import("../people/roles.ts");
      onExit(await listUsers(await adminFlags(options), output));
    });

  withAdminFlags(
    users
      .command("roles")
      .description("Set the roles of a person; they replace the roles before. `member` alone removes all others.")
      .argument("<name>", "the person")
      .argument("<roles...>", "owner, admin, moderator, member, guest, service, or one of your own")
      .option(
        "--seen <roles>",
        "only if the person still has these roles now, separated by commas, so that you do not overwrite " +
          "somebody else's change",
      ),
  )
    .addHelpText(
      "after",
      examples("plexus users roles ada admin", "plexus users roles bob member support --seen member"),
    )
    .action(async (name: string, roles: readonly string[], options: AdminOptions & { readonly seen?: string }) => {
      const { setUserRoles } = await import("../people/roles.ts");
      const seen = options.seen?.split(",").map((role) => role.trim());
      onExit(await setUserRoles(await adminFlags(options), { user: name, roles, ...(seen && { seen }) }, output));
    });

  withAdminFlags(
    users
      .command("sessions")
      .description("Show the devices and API keys of a person.")
      .argument("<name>", "the person"),
  )
    .addHelpText("after", examples("plexus users sessions ada"))
    .action(async (name: string, options: AdminOptions) => {
      const { listSessions } = await import("../people/roles.ts");
      onExit(await listSessions(await adminFlags(options), name, output));
    });

  addEnds(users, { output, onExit });

  withAdminFlags(
    users.command("reset").description("Make a link with which a person sets a new password, once.").argument("<name>"),
  )
    .addHelpText("after", examples("plexus users reset ada", "plexus users reset ada --url https://chat.example.org"))
    .action(async (name: string, options: AdminOptions) => {
      const { resetPassword } = await import("../people/users.ts");
      onExit(await resetPassword(await adminFlags(options), name, output));
    });

  withAdminFlags(
    users
      .command("invite")
      .description("Make an invitation link with which people create accounts.")
      .option(
        "--uses <count>",
        "for how many accounts it is valid",
        wholeNumber("The number of accounts", 1, 10_000),
        1,
      )
      .option("--hours <count>", "how long it is valid", wholeNumber("The number of hours", 1, 8_760), 72)
      .option("--note <text>", "what it is for, as the list shows it")
      .option("--guest", "for guests: they talk only in rooms they are brought into, and their accounts expire")
      .option("--room <room>", "the room for the guests")
      .option("--days <count>", "how long a guest's account lasts", wholeNumber("The number of days", 1, 366), 30),
  )
    .addHelpText(
      "after",
      examples(
        "plexus users invite",
        "plexus users invite --uses 20 --hours 48 --note 'new team'",
        "plexus users invite --guest --room project --days 14",
      ),
    )
    .action(async ({ uses, hours, note, guest, room, days, ...options }: InviteOptions) => {
      const { inviteUsers } = await import("../people/users.ts");
      const asGuest = guest === true || room !== undefined ? { room, lifeMs: days * 86_400_000 } : undefined;
      const choice = { uses, expiresInMs: hours * 3_600_000, note, guest: asGuest };
      onExit(await inviteUsers(await adminFlags(options), choice, output));
    });

  withAdminFlags(
    users
      .command("delete")
      .description("Delete a person's account. For two weeks `restore` can undo it, unless you say --at-once.")
      .argument("<name>")
      .option("--at-once", "at once, so that it cannot be undone")
      .option("--yes", "do not ask"),
  )
    .addHelpText("after", examples("plexus users delete ada", "plexus users delete ada --at-once --yes"))
    .action(async (user: string, { atOnce = false, yes = false, ...options }: DeleteOptions) => {
      const { deleteUser } = await import("../people/users.ts");
      onExit(await deleteUser(await adminFlags(options), { user, atOnce, yes }, output));
    });

  withAdminFlags(
    users
      .command("export")
      .description("Write the data of a person's account into a file, as JSON lines; without messages to others.")
      .argument("<name>")
      .option("--file <file>", "the new file (default: standard output)"),
  )
    .addHelpText("after", examples("plexus users export ada --file ada.jsonl"))
    .action(async (user: string, { file, ...options }: ExportOptions) => {
      const { exportUser } = await import("../people/users.ts");
      onExit(await exportUser(await adminFlags(options), { user, file }, output));
    });

  for (const [verb, suspended, says] of [
    ["suspend", true, "Suspend a person: end their sessions and API keys, and refuse their sign-in."],
    ["restore", false, "Let a suspended person sign in again, or cancel a deletion."],
  ] as const)
    withAdminFlags(users.command(verb).description(says).argument("<name>"))
      .addHelpText("after", examples(`plexus users ${verb} ada`))
      .action(async (user: string, options: AdminOptions) => {
        const { setSuspended } = await import("../people/users.ts");
        onExit(await setSuspended(await adminFlags(options), { user, suspended }, output));
      });
};

/** What ends what a person has opened: sessions, keys, links. */
function addEnds(users: Parameters<Define>[0], { output, onExit }: Parameters<Define>[1]): void {
  withAdminFlags(
    users
      .command("revoke")
      .description("End a session or API key of a person, or all of them, with their connections.")
      .argument("<name>", "the person")
      .argument("[session]", "its id (default: all)"),
  )
    .addHelpText("after", examples("plexus users revoke ada", "plexus users revoke ada 3f2a"))
    .action(async (name: string, session: string | undefined, options: AdminOptions) => {
      const { revokeSessions } = await import("../people/roles.ts");
      onExit(await revokeSessions(await adminFlags(options), name, session, output));
    });

  withAdminFlags(
    users
      .command("unshare")
      .description("End all read-only links of a person to conversations with agents, for good.")
      .argument("<name>", "the person"),
  )
    .addHelpText("after", examples("plexus users unshare ada"))
    .action(async (name: string, options: AdminOptions) => {
      const { endSharedLinks } = await import("../people/roles.ts");
      onExit(await endSharedLinks(await adminFlags(options), name, output));
    });
}
