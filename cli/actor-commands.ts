import { Option, type Command } from "commander";
import {
  adminFlags,
  examples,
  moveOf,
  wholeNumber,
  withAdminFlags,
  withMoveFlags,
  type AdminOptions,
  type MoveOptions,
} from "./options.ts";
import type { Output } from "./output.ts";

/** Adds `plexus actors`. */
export function addActorCommands(program: Command, output: Output, onExit: (code: number) => void): void {
  const actors = program.command("actors").description("Look at actors, move them, and release quarantined ones.");
  actors.addHelpText("after", examples("plexus actors list --status quarantined", "plexus actors show room/lobby"));

  withAdminFlags(
    actors
      .command("list")
      .description("List actors.")
      .option("--kind <kind>", "only this kind: room, user, agent …")
      .addOption(new Option("--status <status>", "only these").choices(["active", "idle", "quarantined"]))
      .option("--limit <number>", "how many at most", wholeNumber("The limit", 1), 100),
  )
    .addHelpText("after", examples("plexus actors list --kind room", "plexus actors list --json | jq -r .actor"))
    .action(
      async (options: AdminOptions & { readonly kind?: string; readonly status?: string; readonly limit: number }) => {
        const { listActors } = await import("./admin.ts");
        const { kind, status, limit } = options;
        const filter = { limit, ...(kind !== undefined && { kind }), ...(status !== undefined && { status }) };
        onExit(await listActors(await adminFlags(options), filter, output));
      },
    );

  withAdminFlags(
    actors
      .command("show")
      .description("Show one actor with its reminders and dead letters.")
      .argument("<actor>", "kind/key"),
  )
    .addHelpText("after", examples("plexus actors show room/lobby", "plexus actors show agent/ada.helper --json"))
    .action(async (actor: string, options: AdminOptions) => {
      const { showActor } = await import("./admin.ts");
      onExit(await showActor(await adminFlags(options), actor, output));
    });

  withAdminFlags(
    actors
      .command("release")
      .description("End a quarantine: the actor takes messages again.")
      .argument("<actor>", "kind/key")
      .option("--drop", "do not deliver its dead letters again"),
  )
    .addHelpText("after", examples("plexus actors release room/lobby", "plexus actors release room/lobby --drop"))
    .action(async (actor: string, options: AdminOptions & { readonly drop?: boolean }) => {
      const { releaseActor } = await import("./admin.ts");
      onExit(await releaseActor(await adminFlags(options), { actor, redeliver: options.drop !== true }, output));
    });

  withMoveFlags(
    actors
      .command("move")
      .description("Pin an actor to a node and move it there, while people use it.")
      .argument("<actor>", "kind/key"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus actors move room/lobby --to node-b",
        "plexus actors move agent/ada.helper --to node-c --timeout 5m",
      ),
    )
    .action(async (actor: string, options: MoveOptions) => {
      const { moveActor } = await import("./cluster.ts");
      onExit(await moveActor(await adminFlags(options), moveOf(actor, options), output));
    });
}
