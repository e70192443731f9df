import { adminFlags, examples, moment, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus rules`. */
export const define: Define = (command, { output, onExit }) => {
  const listed = (one: typeof command): typeof command =>
    withAdminFlags(one).action(async (options: AdminOptions) => {
      const { listRules } = await import("../watching/rules.ts");
      onExit(await listRules(await adminFlags(options), output));
    });
  const rules = listed(command.enablePositionalOptions()).addHelpText(
    "after",
    `
A rule is a file with JSON: severity (notice, warning, critical), withinMinutes, by (user, address, target) and steps,
each with action (or an area of actions), outcome (done, refused, a code) and count; "ordered": true where one comes
after the other.
${examples(
  "plexus rules",
  "plexus rules try rule.json --since 2026-11-01",
  "plexus rules set guessed rule.json --on",
)}`,
  );
  listed(rules.command("list").description("Show the rules over events.")).addHelpText(
    "after",
    examples("plexus rules list --json"),
  );

  withAdminFlags(
    rules
      .command("try")
      .description("Show what a rule would have found in past audit entries. It changes nothing.")
      .argument("<file>", "the rule as JSON")
      .option("--since <time>", "from this time on (default: the last 30 days)", moment("The time")),
  )
    .addHelpText("after", examples("plexus rules try rule.json", "plexus rules try rule.json --since 2026-11-01"))
    .action(async (file: string, options: AdminOptions & { readonly since?: number }) => {
      const { tryRule } = await import("../watching/rules.ts");
      const told = { file, ...(options.since !== undefined && { sinceMs: options.since }) };
      onExit(await tryRule(await adminFlags(options), told, output));
    });

  withAdminFlags(
    rules
      .command("set")
      .description("Make a rule, or change it. Without --on it is saved but switched off.")
      .argument("<rule>", "its name")
      .argument("<file>", "the rule as JSON")
      .option("--on", "switch it on"),
  )
    .addHelpText("after", examples("plexus rules set guessed rule.json", "plexus rules set guessed rule.json --on"))
    .action(async (name: string, file: string, options: AdminOptions & { readonly on?: boolean }) => {
      const { setRule } = await import("../watching/rules.ts");
      const told = { name, file, ...(options.on !== undefined && { on: options.on }) };
      onExit(await setRule(await adminFlags(options), told, output));
    });

  withAdminFlags(rules.command("remove").description("Remove a rule.").argument("<rule>", "its name"))
    .addHelpText("after", examples("plexus rules remove guessed"))
    .action(async (name: string, options: AdminOptions) => {
      const { removeRule } = await import("../watching/rules.ts");
      onExit(await removeRule(await adminFlags(options), name, output));
    });
};
