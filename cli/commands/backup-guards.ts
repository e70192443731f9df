/** `plexus backup requests`, `approve`, `decline`, `holds`, `hold` and `lift`: what guards backups beside
 *  permissions. */
import type { Command } from "commander";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { adminCommands, wholeNumber, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface HoldOptions extends AdminOptions {
  readonly snapshot?: number;
  readonly person?: string;
  readonly room?: string;
  readonly actor?: string;
  readonly reason: string;
}

/** Adds them below `plexus backup`. */
export function defineGuards(backup: Command, { output, onExit }: Parameters<Define>[1]): void {
  const add = adminCommands(backup, onExit);
  const load = () => import("../backup/backup-guards.ts");

  add({
    name: "requests",
    says: "Show the recalls of what others wrote in private, which a second admin has to approve.",
    examples: ["plexus backup requests"],
    run: async (flags) => (await load()).listRequests(flags, output),
  });
  for (const [name, says] of [
    [
      "approve",
      "Approve a recall that another admin asks for. Without another admin, the operator does it on the node's " +
        "machine.",
    ],
    ["decline", "Decline a recall, or withdraw your own."],
  ] as const)
    add({
      name,
      says,
      argument: ["<request>", "its id"],
      examples: [`plexus backup ${name} 3f2a9c41`, `plexus backup ${name} 3f2a9c41 --url https://chat.example.com`],
      run: async (flags, _options, id) => (await load()).answerRequest(flags, { id, how: name }, output),
    });
  add({
    name: "holds",
    says: "Show the legal holds.",
    examples: ["plexus backup holds"],
    run: async (flags) => (await load()).listHolds(flags, output),
  });
  add<HoldOptions>({
    name: "hold",
    says: "Set a legal hold: no prune and no erasure removes what it keeps.",
    examples: [
      "plexus backup hold --room lobby --reason 'case 12'",
      "plexus backup hold --person ada --reason 'case 12'",
      "plexus backup hold --snapshot 41 --reason 'before the migration'",
    ],
    more: (inner) =>
      inner
        .option("--snapshot <number>", "one snapshot of the cluster's backups", wholeNumber("The snapshot", 1))
        .option("--person <name>", "all snapshots with data of this person")
        .option("--room <name>", "all snapshots with a room")
        .option("--actor <kind/key>", "all snapshots with an actor, such as agent/ada.helper")
        .requiredOption("--reason <text>", "why"),
    run: async (flags, { reason, ...told }) => {
      const { heldThing, setHold } = await load();
      const on = heldThing(told);
      if (on === undefined)
        throw new PlexusError(
          failure("BAD_REQUEST", {
            field: "--room",
            reason: "name one thing: --snapshot, --person, --room or --actor",
          }),
        );
      return setHold(flags, { on, reason }, output);
    },
  });
  add({
    name: "lift",
    says: "Lift a legal hold.",
    argument: ["<hold>", "its id"],
    examples: ["plexus backup lift 3f2a9c41"],
    run: async (flags, _options, id) => (await load()).liftHold(flags, id, output),
  });
}
