import { adminFlags, collect, duration, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface CreateOptions extends AdminOptions {
  readonly scope?: readonly string[];
  readonly role?: string;
  readonly subject?: string;
  readonly expires?: number;
}

/** `plexus control`. */
export const define: Define = (command, { output, onExit }) => {
  const control = withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples(
        "plexus control",
        "plexus control token create ops --scope admin --expires 90d > ops.token",
        "plexus --endpoint https://10.0.0.5:7072 --ca ca.pem --token-file ops.token nodes",
      ),
    )
    .action(async (options: AdminOptions) => {
      const { showSelf } = await import("../cluster/control-tokens.ts");
      onExit(await showSelf(await adminFlags(options), output));
    });
  const token = control
    .command("token")
    .description("Make, list and revoke control tokens.")
    .addHelpText("after", examples("plexus control token create ops --scope admin --expires 90d > ops.token"));

  withAdminFlags(
    token
      .command("create")
      .description("Make a token, or let a client certificate take its place. The secret is printed once.")
      .argument("<name>", "its name, which the audit shows: lower-case letters, digits and -")
      .option(
        "--scope <scope>",
        "what it allows, repeatable: a permission (cluster.see), or a set: read, models, admin",
        collect<string>,
      )
      .option("--role <role>", "allow what this role allows, under its conditions, instead of --scope")
      .option("--subject <subject>", "use a client certificate with this subject instead of a secret: CN=ops,O=Example")
      .option(
        "--expires <duration>",
        "when it expires, such as 90d (default: never, until it is revoked)",
        duration("The time", { minMs: 60_000, maxMs: 5 * 366 * 86_400_000 }),
      ),
  )
    .addHelpText(
      "after",
      examples(
        "plexus control token create ops --scope admin --expires 90d > ops.token",
        "plexus control token create prometheus --scope cluster.see",
        "plexus control token create deploy --role admin --subject CN=deploy",
      ),
    )
    .action(async (name: string, { scope, role, subject, expires, ...options }: CreateOptions) => {
      const { createToken } = await import("../cluster/control-tokens.ts");
      const wanted = {
        name,
        ...(scope && { scopes: [...scope] }),
        ...(role !== undefined && { role }),
        ...(subject !== undefined && { subject }),
        ...(expires !== undefined && { expiresInMs: expires }),
      };
      onExit(await createToken(await adminFlags(options), wanted, output));
    });

  withAdminFlags(token.command("list").description("Show the valid tokens, and when each was last used."))
    .addHelpText("after", examples("plexus control token list", "plexus control token list --json"))
    .action(async (options: AdminOptions) => {
      const { listTokens } = await import("../cluster/control-tokens.ts");
      onExit(await listTokens(await adminFlags(options), output));
    });

  withAdminFlags(
    token.command("revoke").description("Revoke a token, everywhere at once.").argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus control token revoke ops"))
    .action(async (name: string, options: AdminOptions) => {
      const { revokeToken } = await import("../cluster/control-tokens.ts");
      onExit(await revokeToken(await adminFlags(options), name, output));
    });
};
