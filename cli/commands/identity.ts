import { Option } from "commander";
import { providerKinds, type ProviderKind } from "../../protocols/identity-provider.ts";
import { adminFlags, collect, examples, withAdminFlags, type AdminOptions } from "../options.ts";
import type { IdentityFlags } from "../identity.ts";
import type { Define } from "./index.ts";

/** `plexus identity`. */
export const define: Define = (command, { output, onExit }) => {
  const work = () => import("../identity.ts");
  const list = async (options: AdminOptions): Promise<void> =>
    onExit(await (await work()).listProviders(await adminFlags(options), output));
  const google = "plexus identity set google oidc --issuer https://accounts.google.com --client-id ID --secret-file secret.txt --label Google"; // prettier-ignore
  const identity = withAdminFlags(command.enablePositionalOptions())
    .addHelpText("after", examples("plexus identity", google, "plexus identity test google"))
    .action(list);

  withAdminFlags(identity.command("list").description("Show the servers by which people can sign in."))
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
      .description("Let people sign in by another server, in place of what was set under this name.")
      .argument("<name>", "a name that is part of the address to which people come back: google")
      .argument("<kind>", `what it is: ${providerKinds.join(", ")}`)
      .option("--issuer <url>", "oidc: as it calls itself; github: a GitHub Enterprise server")
      .option(
        "--metadata <file or url>",
        "saml: its metadata; an address is asked once, and its certificates are shown",
      ) // prettier-ignore
      .option(
        "--fingerprint <sha256>",
        "saml: trust a certificate that the address gives, without being asked; may be repeated",
        collect<string>,
      ) // prettier-ignore
      .requiredOption("--client-id <id>", "what this cluster is called there; saml: the entity id")
      .option(
        "--secret-file <file>",
        "the file with the client secret; - reads it from standard input. Without it the one of before stays",
      ) // prettier-ignore
      .requiredOption("--label <text>", "what the button says: Google")
      .addOption(
        new Option(
          "--registration <rule>",
          "whose accounts are made: of everybody, of who has an invitation, of nobody",
        )
          .choices(["create", "invitation", "link-only"])
          .default("link-only"),
      )
      .option(
        "--mail-domain <domain>",
        "with create: only for confirmed mail addresses of it; may be repeated",
        collect<string>,
      ) // prettier-ignore
      .option("--scope <scope>", "oidc: beside openid, in place of profile and email; may be repeated", collect<string>)
      .option("--group-claim <name>", "what it says groups in: groups, realm_access.roles")
      .option("--role <group=role>", "the role of whoever is in a group there; may be repeated", collect<string>)
      .option(
        "--two-by <method>",
        "trust that two factors were asked for, by this method (amr): mfa; may be repeated",
        collect<string>,
      ) // prettier-ignore
      .option("--two-class <class>", "the same by this class (acr); may be repeated", collect<string>)
      .option("--sign-out", "whoever signs out here does so there"),
  )
    .addHelpText(
      "after",
      examples(
        google,
        "plexus identity set github github --client-id ID --secret-file secret.txt --label GitHub --registration create --role octo/core=moderator",
        "plexus identity set company oidc --issuer https://sso.example.org/realms/main --client-id plexus --secret-file - --label Company --registration create --group-claim groups --role admins=admin --sign-out",
        "plexus identity set school saml --metadata metadata.xml --client-id https://chat.example.org --label School",
        "plexus identity set school saml --metadata https://sso.example.org/metadata --client-id https://chat.example.org --label School",
      ),
    )
    .action(async (name: string, kind: ProviderKind, options: IdentityFlags & AdminOptions) =>
      onExit(await (await work()).setProvider(await adminFlags(options), { ...options, name, kind }, output)),
    );

  withAdminFlags(
    identity
      .command("remove")
      .description("Let nobody sign in by a server any more. Links of accounts to it stay.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus identity remove google"))
    .action(async (name: string, options: AdminOptions) =>
      onExit(await (await work()).removeProvider(await adminFlags(options), name, output)),
    );

  withAdminFlags(
    identity
      .command("test")
      .description("Ask a server what can be asked without a person, and say what was found.")
      .argument("<name>", "its name"),
  )
    .addHelpText("after", examples("plexus identity test google"))
    .action(async (name: string, options: AdminOptions) =>
      onExit(await (await work()).testProvider(await adminFlags(options), name, output)),
    );
};
