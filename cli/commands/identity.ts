import { Option } from "commander";
import { providerKinds, type ProviderKind } from "../../protocols/authority/identity-provider.ts";
import { adminFlags, collect, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { IdentityFlags } from "../people/identity.ts";
import type { Define } from "./index.ts";

/** `plexus identity`. */
export const define: Define = (command, { output, onExit }) => {
  const work = () => import("../people/identity.ts");
  const list = async (options: AdminOptions): Promise<void> =>
    onExit(await (await work()).listProviders(await adminFlags(options), output));
  const google =
    "plexus identity set google oidc --issuer https://accounts.google.com --client-id ID --secret-file " +
    "secret.txt --label Google";
  const identity = withAdminFlags(command.enablePositionalOptions())
    .addHelpText("after", examples("plexus identity", google, "plexus identity test google"))
    .action(list);

  withAdminFlags(identity.command("list").description("Show the servers that people can sign in with."))
    .addHelpText("after", examples("plexus identity list --json"))
    .action(list);

  withAdminFlags(
    identity
      .command("show")
      .description("Show one of them, without its secret, and the address to enter there.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus identity show google"))
    .action(async (name: string, options: AdminOptions) =>
      onExit(await (await work()).showProvider(await adminFlags(options), name, output)),
    );

  withAdminFlags(
    identity
      .command("set")
      .description("Let people sign in with another server. It replaces the one set under this name.")
      .argument("<name>", "its name, which is part of the address that people return to: google")
      .argument("<kind>", `its kind: ${providerKinds.join(", ")}`)
      .option("--issuer <url>", "oidc: its issuer address; github: a GitHub Enterprise server")
      .option("--metadata <file or url>", "saml: its metadata; an address is read once, and its certificates are shown")
      .option(
        "--fingerprint <sha256>",
        "saml: trust this certificate of the address without a question; repeatable",
        collect<string>,
      )
      .requiredOption("--client-id <id>", "the id of this cluster there; saml: the entity id")
      .option(
        "--secret-file <file>",
        "the file with the client secret; - reads standard input (default: the present secret stays)",
      )
      .requiredOption("--label <text>", "the text of the button: Google")
      .addOption(
        new Option(
          "--registration <rule>",
          "who gets a new account by it: everybody, people with an invitation, or nobody",
        )
          .choices(["create", "invitation", "link-only"])
          .default("link-only"),
      )
      .option(
        "--mail-domain <domain>",
        "with create: only confirmed mail addresses of this domain; repeatable",
        collect<string>,
      )
      .option("--scope <scope>", "oidc: ask for this scope, instead of profile and email; repeatable", collect<string>)
      .option("--group-claim <name>", "the claim with the groups: groups, realm_access.roles")
      .option("--role <group=role>", "the role of people in a group there; repeatable", collect<string>)
      .option(
        "--two-by <method>",
        "trust that it asked for two factors, when it names this method (amr): mfa; repeatable",
        collect<string>,
      )
      .option("--two-class <class>", "the same, when it names this class (acr); repeatable", collect<string>)
      .option("--sign-out", "people who sign out here sign out there too"),
  )
    .addHelpText(
      "after",
      examples(
        google,
        "plexus identity set github github --client-id ID --secret-file secret.txt --label GitHub " +
          "--registration create --role octo/core=moderator",
        "plexus identity set company oidc --issuer https://sso.example.org/realms/main --client-id plexus " +
          "--secret-file - --label Company --registration create --group-claim groups --role admins=admin " +
          "--sign-out",
        "plexus identity set school saml --metadata metadata.xml --client-id https://chat.example.org --label School",
        "plexus identity set school saml --metadata https://sso.example.org/metadata --client-id " +
          "https://chat.example.org --label School",
      ),
    )
    .action(async (name: string, kind: ProviderKind, options: IdentityFlags & AdminOptions) =>
      onExit(await (await work()).setProvider(await adminFlags(options), { ...options, name, kind }, output)),
    );

  withAdminFlags(
    identity
      .command("remove")
      .description("Remove a server, so that nobody signs in with it. Links of accounts to it stay.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus identity remove google"))
    .action(async (name: string, options: AdminOptions) =>
      onExit(await (await work()).removeProvider(await adminFlags(options), name, output)),
    );

  withAdminFlags(
    identity
      .command("test")
      .description("Test a server as far as possible without a person, and say what was found.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus identity test google"))
    .action(async (name: string, options: AdminOptions) =>
      onExit(await (await work()).testProvider(await adminFlags(options), name, output)),
    );
};
