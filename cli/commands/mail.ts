import { Option } from "commander";
import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface SetOptions extends AdminOptions {
  readonly from: string;
  readonly fromName?: string;
  readonly port?: number;
  readonly security: "starttls" | "tls" | "plain";
  readonly user?: string;
  readonly passwordFile?: string;
}

const ports = { starttls: 587, tls: 465, plain: 25 };

/** `plexus mail`. */
export const define: Define = (command, { output, onExit }) => {
  const work = () => import("../people/mail.ts");
  const mail = withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples(
        "plexus mail",
        "plexus mail set smtp.example.org --user plexus --password-file secret.txt --from plexus@example.org",
        "plexus mail test ada@example.org",
      ),
    )
    .action(async (options: AdminOptions) => onExit(await (await work()).showMail(await adminFlags(options), output)));

  withAdminFlags(mail.command("show").description("Show how the cluster sends mail, without the password."))
    .addHelpText("after", examples("plexus mail show --json"))
    .action(async (options: AdminOptions) => onExit(await (await work()).showMail(await adminFlags(options), output)));

  withAdminFlags(
    mail
      .command("set")
      .description("Set how the cluster sends mail.")
      .argument("<host>", "the mail server (SMTP)")
      .requiredOption("--from <address>", "the sender's address")
      .option("--from-name <name>", "the sender's name")
      .option("--port <number>", "587 for starttls, 465 for tls, 25 for plain", wholeNumber("A port", 1, 65_535))
      .addOption(
        new Option("--security <how>", "starttls or tls, with a certificate that is checked; plain: without encryption")
          .choices(["starttls", "tls", "plain"])
          .default("starttls"),
      )
      .option("--user <name>", "the user name at the mail server (default: no sign-in)")
      .option("--password-file <file>", "the file with the password; - reads standard input"),
  )
    .addHelpText(
      "after",
      examples("plexus mail set smtp.example.org --user plexus --password-file secret.txt --from plexus@example.org"),
    )
    .action(async (host: string, { from, fromName, port, security, user, passwordFile, ...options }: SetOptions) => {
      const { setMail } = await work();
      const choice = {
        host,
        port: port ?? ports[security],
        security,
        from,
        ...(fromName !== undefined && { fromName }),
        ...(user !== undefined && { user }),
        passwordFile,
      };
      onExit(await setMail(await adminFlags(options), choice, output));
    });

  withAdminFlags(mail.command("remove").description("Stop sending mail, and delete the password."))
    .addHelpText("after", examples("plexus mail remove"))
    .action(async (options: AdminOptions) =>
      onExit(await (await work()).removeMail(await adminFlags(options), output)),
    );

  withAdminFlags(
    mail.command("test").description("Send a test mail now, and show the answer of the mail server.").argument("<to>"),
  )
    .addHelpText("after", examples("plexus mail test ada@example.org"))
    .action(async (to: string, options: AdminOptions) =>
      onExit(await (await work()).testMail(await adminFlags(options), to, output)),
    );
};
