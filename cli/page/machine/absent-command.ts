/** In place of a command that acts on a machine. */
import type { Define } from "../../commands/index.ts";
import { notHere } from "./run.ts";

/** It takes whatever is typed, and says where it runs. */
export const define: Define = (command) => {
  command
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      throw notHere(`plexus ${command.name()} acts on the machine on which it is typed`);
    });
};
