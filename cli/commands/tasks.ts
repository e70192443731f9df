import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../options.ts";
import type { Define } from "./index.ts";

/** `plexus tasks`. */
export const define: Define = (command, { output, onExit }) => {
  const listed = (one: typeof command): typeof command =>
    withAdminFlags(one)
      .option("--open", "only those that are not over")
      .action(async (options: AdminOptions & { readonly open?: boolean }) => {
        const { listTasks } = await import("../tasks.ts");
        onExit(await listTasks(await adminFlags(options), { open: options.open === true }, output));
      });
  const tasks = listed(command.enablePositionalOptions()).addHelpText(
    "after",
    examples("plexus tasks", "plexus tasks watch backup.12", "plexus tasks cancel drain.n3k"),
  );
  listed(tasks.command("list").description("Show what takes long, at all nodes, and what came of it.")).addHelpText("after", examples("plexus tasks list --open --json")); // prettier-ignore

  const forOne = (
    name: string,
    says: string,
    example: string,
    run: "showTask" | "watchTask" | "cancelTask" | "repeatTask",
  ): void =>
    void withAdminFlags(tasks.command(name).description(says).argument("<task>", "its id, like backup.12"))
      .addHelpText("after", examples(example))
      .action(async (id: string, options: AdminOptions) => {
        const does = (await import("../tasks.ts"))[run];
        onExit(await does(await adminFlags(options), id, output));
      });
  forOne(
    "show",
    "Show one task: who began it, how far it is, and what to do if it failed.",
    "plexus tasks show backup.12",
    "showTask",
  );
  forOne(
    "watch",
    "Show how far a task is until it is over. Ctrl-C stops looking; the task goes on.",
    "plexus tasks watch backup.12",
    "watchTask",
  );
  forOne(
    "cancel",
    "End a task as soon as it can. What was done of it stays.",
    "plexus tasks cancel backup.12",
    "cancelTask",
  );
  forOne(
    "again",
    "Begin a task again that failed or was cancelled. What was done of it is not done twice.",
    "plexus tasks again backup.12",
    "repeatTask",
  );
};
