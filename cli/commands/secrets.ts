import { adminFlags, collect, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface Options extends AdminOptions {
  readonly for?: readonly string[];
  readonly note?: string;
  readonly file?: string;
}
type Self = { optsWithGlobals(): Options };

/** `plexus secrets`. */
export const define: Define = (command, { output, onExit }) => {
  const work = () => import("../settings/secrets.ts");
  const flagsOf = (self: Self) => adminFlags(self.optsWithGlobals());
  const fileOf = (self: Self): string => self.optsWithGlobals().file ?? "-";
  const file =
    "the file with the value (default: standard input). It is never an argument, because everybody on the " +
    "machine can see command lines";
  const list = async (self: Self) => onExit(await (await work()).listSecrets(await flagsOf(self), output));

  withAdminFlags(command)
    .addHelpText(
      "after",
      examples(
        "plexus secrets",
        "plexus secrets set openai --for api.openai.com --file key.txt",
        "plexus endpoints add gpt openai+https://api.openai.com/v1 --key-secret openai",
        "plexus secrets rotate openai < new-key.txt",
      ),
    )
    .action(async (_options: unknown, self: Self) => list(self));

  withAdminFlags(
    command
      .command("list")
      .description("Show the secrets, where they may be sent, which settings use them, and who changed them.")
      .addHelpText("after", examples("plexus secrets list --json")),
  ).action(async (_options: unknown, self: Self) => list(self));

  withAdminFlags(
    command
      .command("set <name>")
      .description("Set a secret; it replaces the one with this name.")
      .requiredOption(
        "--for <host>",
        "a host, or host:port, that it may be sent to, repeatable",
        (text: string, before: readonly string[] | undefined) => collect(text, before),
      )
      .option("--note <text>", "what it is for, shown to admins")
      .option("--file <file>", file)
      .addHelpText(
        "after",
        examples(
          "plexus secrets set smtp --for smtp.example.org --file smtp.txt",
          "pass show openai | plexus secrets set openai --for api.openai.com",
        ),
      ),
  ).action(async (name: string, _options: unknown, self: Self) => {
    const { for: places = [], note } = self.optsWithGlobals();
    onExit(
      await (await work()).setSecret(await flagsOf(self), { name, for: places, note, file: fileOf(self) }, output),
    );
  });

  withAdminFlags(
    command
      .command("rotate <name>")
      .description("Replace the value of a secret; all settings that use it take the new value.")
      .option("--file <file>", file)
      .addHelpText("after", examples("plexus secrets rotate openai --file new-key.txt")),
  ).action(async (name: string, _options: unknown, self: Self) =>
    onExit(await (await work()).rotateSecret(await flagsOf(self), name, fileOf(self), output)),
  );

  withAdminFlags(
    command
      .command("adopt <name> <from>")
      .description(
        "Give a name to a secret that a setting keeps of its own: mail, identity-provider/NAME, audit-sink/NAME.",
      )
      .addHelpText("after", examples("plexus secrets adopt smtp mail")),
  ).action(async (name: string, from: string, _options: unknown, self: Self) =>
    onExit(await (await work()).adoptSecret(await flagsOf(self), name, from, output)),
  );

  withAdminFlags(
    command
      .command("remove <name>")
      .description("Remove a secret that nothing uses.")
      .addHelpText("after", examples("plexus secrets remove openai")),
  ).action(async (name: string, _options: unknown, self: Self) =>
    onExit(await (await work()).removeSecret(await flagsOf(self), name, output)),
  );
};
