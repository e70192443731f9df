import { Option } from "commander";
import { kinds } from "../../protocols/ids.ts";
import {
  adminCommands,
  examples,
  moveOf,
  wholeNumber,
  withMoveFlags,
  type AdminOptions,
  type MoveOptions,
} from "../terminal/options.ts";
import type { Define } from "./index.ts";

type ListOptions = AdminOptions & { readonly kind?: string; readonly status?: Status; readonly limit: number };
const statuses = ["active", "idle", "quarantined"] as const;
type Status = (typeof statuses)[number];
const argument = ["<actor>", "kind/key"] as const;

/** `plexus actors`. */
export const define: Define = (command, { output, onExit }) => {
  command.addHelpText("after", examples("plexus actors list --status quarantined", "plexus actors show room/lobby"));
  const add = adminCommands(command, onExit);

  add<ListOptions>({
    name: "list",
    says: "List actors.",
    examples: ["plexus actors list --kind room", "plexus actors list --json | jq -r .actor"],
    more: (list) =>
      list
        .option("--kind <kind>", `only this kind: ${kinds.join(", ")}`)
        .addOption(new Option("--status <status>", "only actors with this status").choices(statuses))
        .option("--limit <number>", "at most this many", wholeNumber("The limit", 1), 100),
    async run(flags, { kind, status, limit }) {
      const { listActors } = await import("../cluster/actors.ts");
      const filter = { limit, ...(kind !== undefined && { kind }), ...(status !== undefined && { status }) };
      return listActors(flags, filter, output);
    },
  });

  add({
    name: "show",
    says: "Show one actor with its reminders and dead letters.",
    argument,
    examples: ["plexus actors show room/lobby", "plexus actors show agent/ada.helper --json"],
    run: async (flags, _, actor) => (await import("../cluster/actors.ts")).showActor(flags, actor, output),
  });

  add<AdminOptions & { readonly drop?: boolean }>({
    name: "release",
    says: "End the quarantine of an actor, so that it takes messages again.",
    argument,
    examples: ["plexus actors release room/lobby", "plexus actors release room/lobby --drop"],
    more: (release) => release.option("--drop", "discard its dead letters instead of delivering them again"),
    async run(flags, options, actor) {
      const { releaseActor } = await import("../cluster/actors.ts");
      return releaseActor(flags, { actor, redeliver: options.drop !== true }, output);
    },
  });

  add<MoveOptions>({
    name: "move",
    says: "Pin an actor to a node and move it there, while people use it.",
    argument,
    examples: [
      "plexus actors move room/lobby --to node-b",
      "plexus actors move agent/ada.helper --to node-c --timeout 5m",
    ],
    more: withMoveFlags,
    run: async (flags, options, actor) =>
      (await import("../cluster/cluster.ts")).moveActor(flags, moveOf(actor, options), output),
  });
};
