import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

type Globals = { optsWithGlobals(): AdminOptions };

/** `plexus files`. */
export const define: Define = (command, { output, onExit }) => {
  command.addHelpText("after", examples("plexus files scanners", "plexus files quarantine list"));
  const load = () => import("../watching/quarantine.ts");
  const flagsOf = (self: Globals) => adminFlags(self.optsWithGlobals());
  withAdminFlags(
    command
      .command("scanners")
      .description("Show the nodes that check files, and what becomes of files that none can check.")
      .addHelpText("after", examples("plexus files scanners")),
  ).action(async (_options: unknown, self: Globals) =>
    onExit(await (await load()).listScanners(await flagsOf(self), output)),
  );
  const quarantine = command
    .command("quarantine")
    .description("Files in which a scanner has found something.")
    .addHelpText("after", examples("plexus files quarantine list"));
  withAdminFlags(
    quarantine
      .command("list")
      .description("List them, newest first, each with its signature, sender and room.")
      .option("--after <cursor>", "those that are older than a page ends, as that page says")
      .option("--limit <number>", "at most this many", wholeNumber("The limit", 1, 200))
      .addHelpText("after", examples("plexus files quarantine list", "plexus files quarantine list --limit 200")),
  ).action(async (wanted: { readonly after?: string; readonly limit?: number }, self: Globals) =>
    onExit(await (await load()).listQuarantine(await flagsOf(self), wanted, output)),
  );
  const id = "20f1a3b94c5d6e7f8091.lobby";
  withAdminFlags(
    quarantine
      .command("release <file>")
      .description("Let everybody who may read its message fetch a file.")
      .addHelpText("after", examples(`plexus files quarantine release ${id}`)),
  ).action(async (file: string, _options: unknown, self: Globals) =>
    onExit(await (await load()).settleFile(await flagsOf(self), "quarantine.release", file, output)),
  );
  withAdminFlags(
    quarantine
      .command("delete <file>")
      .description("Delete the bytes of a file; its message keeps the name.")
      .addHelpText("after", examples(`plexus files quarantine delete ${id}`)),
  ).action(async (file: string, _options: unknown, self: Globals) =>
    onExit(await (await load()).settleFile(await flagsOf(self), "quarantine.remove", file, output)),
  );
};
