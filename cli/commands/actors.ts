import { Option } from "commander";
import { kinds } from "../../protocols/ids.ts";
import {
  adminFlags,
  examples,
  moveOf,
  wholeNumber,
  withAdminFlags,
  withMoveFlags,
  type AdminOptions,
  type MoveOptions,
} from "../options.ts";
import type { Define } from "./index.ts";

/** `plexus actors`. */
export const define: Define = (command, { output, onExit }) => {
  command.addHelpText("after", examples("plexus actors list --status quarantined", "plexus actors show room/lobby"));

  withAdminFlags(
    command
      .command("list")
      .description("List actors.")
      .option("--kind <kind>", `only this kind: ${kinds.join(", ")}`)
      .addOption(
        new Option("--status <status>", "only actors with this status").choices(["active", "idle", "quarantined"]),
      )
      .option("--limit <number>", "how many at most", wholeNumber("The limit", 1), 100),
  )
    .addHelpText("after", examples("plexus actors list --kind room", "plexus actors list --json | jq -r .actor"))
    .action(
      async (options: AdminOptions & { readonly kind?: string; readonly status?: string; readonly limit: number }) => {
        const { listActors } = await import("../actors.ts");
        const { kind, status, limit } = options;
        const filter = { limit, ...(kind !== undefined && { kind }), ...(status !== undefined && { status }) };
        onExit(await listActors(await adminFlags(options), filter, output));
      },
    );

  withAdminFlags(
    command
      .command("show")
      .description("Show one actor with its reminders and dead letters.")
      .argument("<actor>", "kind/key"),
  )
    .addHelpText("after", examples("plexus actors show room/lobby", "plexus actors show agent/ada.helper --json"))
    .action(async (actor: string, options: AdminOptions) => {
      const { showActor } = await import("../actors.ts");
      onExit(await showActor(await adminFlags(options), actor, output));
    });

  withAdminFlags(
    command
      .command("release")
      .description("End the quarantine of an actor, so that it takes messages again.")
      .argument("<actor>", "kind/key")
      .option("--drop", "discard its dead letters instead of delivering them again"),
  )
    .addHelpText("after", examples("plexus actors release room/lobby", "plexus actors release room/lobby --drop"))
    .action(async (actor: string, options: AdminOptions & { readonly drop?: boolean }) => {
      const { releaseActor } = await import("../actors.ts");
      onExit(await releaseActor(await adminFlags(options), { actor, redeliver: options.drop !== true }, output));
    });

  withMoveFlags(
    command
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
      const { moveActor } = await import("../cluster.ts");
      onExit(await moveActor(await adminFlags(options), moveOf(actor, options), output));
    });
};
