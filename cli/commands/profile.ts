import { profileSecondsMax, type ProfileKind } from "../../protocols/admin/profiles.ts";
import { adminCommands, examples, wholeNumber, type AdminOptions } from "../terminal/options.ts";
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
          .option("--node <name>", "which node (default: the one that is asked)")
          .option("--seconds <number>", "for how long", wholeNumber("The time", 1, profileSecondsMax), 10)
          .option("--output <file>", "write the profile to this file, for the developer tools of a browser"),
      run: async (flags, options) =>
        (await import("../watching/profile.ts")).takeProfile(flags, { ...options, of }, output),
    });
  take("cpu", "Measure where a node spends its time. It keeps working.");
  take("heap", "Measure which code of a node fills its memory, by samples.");
  add({
    name: "list",
    says: "Show the profiles that nodes have.",
    examples: ["plexus profile list"],
    run: async (flags) => (await import("../watching/profile.ts")).listProfiles(flags, output),
  });
  add<Options>({
    name: "show",
    says: "Show the functions that took the most in a profile.",
    argument: ["<profile>", "its id, from the list"],
    examples: ["plexus profile show profile.n3k.a1"],
    more: (one) =>
      one.option("--output <file>", "write the profile to this file, for the developer tools of a browser"),
    run: async (flags, options, id) =>
      (await import("../watching/profile.ts")).showProfile(flags, { ...options, id }, output),
  });
};
