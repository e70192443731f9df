import { profileSecondsMax, type ProfileKind } from "../../protocols/profiles.ts";
import { adminCommands, examples, wholeNumber, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

interface Options extends AdminOptions {
  readonly node?: string;
  readonly seconds: number;
  readonly output?: string;
}

/** `plexus profile`. */
export const define: Define = (command, { output, onExit }) => {
  command.addHelpText(
    "after",
    examples("plexus profile cpu --node node-b", "plexus profile heap --seconds 30 --output b.heapprofile"),
  );
  const add = adminCommands(command, onExit);
  const take = (of: ProfileKind, says: string): void =>
    add<Options>({
      name: of,
      says,
      examples: [`plexus profile ${of} --node node-b --seconds 30`, `plexus profile ${of} --output node.${of}profile`],
      more: (one) =>
        one
          .option("--node <name>", "which node; the one that is asked without it")
          .option("--seconds <number>", "for how long", wholeNumber("The time", 1, profileSecondsMax), 10)
          .option("--output <file>", "write it there, for the developer tools of a browser"),
      run: async (flags, options) => (await import("../profile.ts")).takeProfile(flags, { ...options, of }, output),
    });
  take("cpu", "Say where a node spends its time. It goes on meanwhile.");
  take("heap", "Say which code of a node made what is still in memory, by samples.");
  add({
    name: "list",
    says: "Show the profiles that nodes have.",
    examples: ["plexus profile list"],
    run: async (flags) => (await import("../profile.ts")).listProfiles(flags, output),
  });
  add<Options>({
    name: "show",
    says: "Show the functions that took the most in a profile that was taken.",
    argument: ["<profile>", "its id, as the list has it"],
    examples: ["plexus profile show profile.n3k.a1"],
    more: (one) => one.option("--output <file>", "write it there, for the developer tools of a browser"),
    run: async (flags, options, id) => (await import("../profile.ts")).showProfile(flags, { ...options, id }, output),
  });
};
