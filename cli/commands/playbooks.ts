import { Argument } from "commander";
import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus playbooks`. */
export const define: Define = (command, { output, onExit }) => {
  const listed = (one: typeof command): typeof command =>
    withAdminFlags(one).action(async (options: AdminOptions) => {
      const { listPlaybooks } = await import("../watching/rules.ts");
      onExit(await listPlaybooks(await adminFlags(options), output));
    });
  const playbooks = listed(command.enablePositionalOptions()).addHelpText(
    "after",
    `
A playbook is a file with JSON: when (sources like detector/refused-person or rule/*, severity) and acts:
{ "do": "revokeSessions" }, suspend, isolate, backup, { "do": "page", "url": "https://…" } or
{ "do": "mail", "role": "owner" } (or "to": an address). It rehearses until it is switched on.
Of the address of a page only the host is shown afterwards: { "do": "page", "host": "…" } keeps it when the playbook is
changed.
${examples("plexus playbooks", "plexus playbooks set lock playbook.json", "plexus playbooks switch lock on")}`,
  );
  listed(playbooks.command("list").description("Show the playbooks.")).addHelpText(
    "after",
    examples("plexus playbooks list --json"),
  );

  withAdminFlags(
    playbooks
      .command("set")
      .description("Make a playbook, or change it. It then only rehearses.")
      .argument("<playbook>", "its name")
      .argument("<file>", "the playbook as JSON"),
  )
    .addHelpText("after", examples("plexus playbooks set lock playbook.json"))
    .action(async (name: string, file: string, options: AdminOptions) => {
      const { setPlaybook } = await import("../watching/rules.ts");
      onExit(await setPlaybook(await adminFlags(options), { name, file }, output));
    });

  withAdminFlags(
    playbooks
      .command("switch")
      .description("Switch a playbook on, so that it acts by itself, or back to rehearsing.")
      .argument("<playbook>", "its name")
      .addArgument(new Argument("<mode>", "on: it acts; off: it rehearses").choices(["on", "off"])),
  )
    .addHelpText("after", examples("plexus playbooks switch lock on", "plexus playbooks switch lock off"))
    .action(async (name: string, mode: string, options: AdminOptions) => {
      const { switchPlaybook } = await import("../watching/rules.ts");
      onExit(await switchPlaybook(await adminFlags(options), { name, on: mode === "on" }, output));
    });

  withAdminFlags(playbooks.command("remove").description("Remove a playbook.").argument("<playbook>", "its name"))
    .addHelpText("after", examples("plexus playbooks remove lock"))
    .action(async (name: string, options: AdminOptions) => {
      const { removePlaybook } = await import("../watching/rules.ts");
      onExit(await removePlaybook(await adminFlags(options), name, output));
    });

  withAdminFlags(
    playbooks
      .command("runs")
      .description("Show what playbooks did, or would have done.")
      .option("--limit <number>", "at most this many", wholeNumber("The limit", 1), 50),
  )
    .addHelpText("after", examples("plexus playbooks runs"))
    .action(async (options: AdminOptions & { readonly limit: number }) => {
      const { listRuns } = await import("../watching/rules.ts");
      onExit(await listRuns(await adminFlags(options), options.limit, output));
    });
};
