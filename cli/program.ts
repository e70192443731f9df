import { Command } from "commander";
import { commandRows, type CommandContext } from "./commands/index.ts";
import { examples, handDown, remoteFlags } from "./terminal/options.ts";

/** The command line of `plexus`, as far as `words` need it: of every command its name and what it is for, and of the
 *  one that is named the rest. Without words it is the whole tree. */
export async function createProgram(
  version: string,
  context: CommandContext,
  words?: readonly string[],
): Promise<Command> {
  const { output } = context;
  const program = new Command("plexus")
    .description("Self-hosted chat and AI on durable actors, with no central server.")
    .version(version)
    // Else `plexus nodes` would take the flags of `plexus nodes drain`.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.print(text.trimEnd()),
      writeErr: (text) => output.printError(text.trimEnd()),
    })
    .showHelpAfterError("(add --help for usage)")
    .addHelpText(
      "after",
      examples("plexus up", "plexus chat --room lobby", "plexus demo", "plexus top", "plexus doctor"),
    );
  for (const flag of remoteFlags()) program.addOption(flag);
  program.hook("preAction", (_, called) => handDown(called));
  const named = words && commandIn(words);
  for (const { name, says, load } of commandRows) {
    const command = program.command(name).description(says);
    if (words === undefined || name === named) {
      (await load()).define(command, context);
      refuseStrayWords(command);
    }
  }
  return program;
}

/** The command that is named: the first word that is neither a flag nor what stands behind one of the flags before all
 *  commands. */
function commandIn(words: readonly string[]): string | undefined {
  const taking: readonly (string | undefined)[] = remoteFlags().map(({ long }) => long);
  return words.find((word, at) => !word.startsWith("-") && word !== "help" && !taking.includes(words[at - 1]));
}

/** `plexus nodes drian`: a command that works by itself and has subcommands takes a wrong one for an argument too many,
 *  and commander would only say so. */
function refuseStrayWords(command: Command): void {
  const names = command.commands.map((inner) => inner.name());
  if (names.length === 0 || command.registeredArguments.length > 0) return;
  command.allowExcessArguments().hook("preAction", async (_, called) => {
    const [word] = called.args;
    if (called !== command || word === undefined) return;
    const { didYouMean } = await import("./models/suggest.ts");
    const meant = didYouMean(word, names);
    called.error(`error: unknown command '${word}'${meant === undefined ? "" : `\n(${meant})`}`, {
      code: "commander.unknownCommand",
    });
  });
}
