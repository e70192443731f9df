import { adminFlags, examples, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus tasks`. */
export const define: Define = (command, { output, onExit }) => {
  const listed = (one: typeof command): typeof command =>
    withAdminFlags(one)
      .option("--open", "only running ones")
      .action(async (options: AdminOptions & { readonly open?: boolean }) => {
        const { listTasks } = await import("../cluster/tasks.ts");
        onExit(await listTasks(await adminFlags(options), { open: options.open === true }, output));
      });
  const tasks = listed(command.enablePositionalOptions()).addHelpText(
    "after",
    examples("plexus tasks", "plexus tasks watch backup.12", "plexus tasks cancel drain.n3k"),
  );
  listed(tasks.command("list").description("Show the long tasks of all nodes, and their results.")).addHelpText(
    "after",
    examples("plexus tasks list --open --json"),
  );

  const forOne = (
    name: string,
    says: string,
    example: string,
    run: "showTask" | "watchTask" | "cancelTask" | "repeatTask",
  ): void =>
    void withAdminFlags(tasks.command(name).description(says).argument("<task>", "its id, like backup.12"))
      .addHelpText("after", examples(example))
      .action(async (id: string, options: AdminOptions) => {
        const does = (await import("../cluster/tasks.ts"))[run];
        onExit(await does(await adminFlags(options), id, output));
      });
  forOne(
    "show",
    "Show one task: who started it, its progress, its log, its result, and what to do if it failed.",
    "plexus tasks show backup.12",
    "showTask",
  );
  forOne(
    "watch",
    "Follow a task until it ends. Ctrl-C stops following; the task continues.",
    "plexus tasks watch backup.12",
    "watchTask",
  );
  forOne(
    "cancel",
    "Stop a task as soon as it can. What it has done so far stays.",
    "plexus tasks cancel backup.12",
    "cancelTask",
  );
  forOne(
    "again",
    "Start a failed or cancelled task again. What it had done is not done twice.",
    "plexus tasks again backup.12",
    "repeatTask",
  );
};
