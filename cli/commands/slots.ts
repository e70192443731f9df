import { Option } from "commander";
import { roles } from "../../protocols/ids.ts";
import {
  adminCommands,
  adminFlags,
  examples,
  moveOf,
  withAdminFlags,
  withMoveFlags,
  type AdminOptions,
  type MoveOptions,
} from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus slots`. */
export const define: Define = (command, { output, onExit }) => {
  const slots = withAdminFlags(
    command
      .enablePositionalOptions()
      .addOption(new Option("--role <role>", "only slots of this role").choices(roles))
      .option("--node <node>", "only slots that this node owns or has a copy of; the beginning of its name is enough")
      .option("--not-ok", "only slots that are moving, short of copies, blocked or down")
      .option("--pinned", "only slots of single actors"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus slots --not-ok",
        "plexus slots --role chat --node node-b",
        "plexus slots move chat/17 --to node-b",
        "plexus slots release chat/17",
      ),
    )
    .action(
      async (
        options: AdminOptions & {
          readonly role?: string;
          readonly node?: string;
          readonly notOk?: boolean;
          readonly pinned?: boolean;
        },
      ) => {
        const { listSlots } = await import("../cluster/cluster.ts");
        const { role, node, notOk = false, pinned = false } = options;
        const filter = { notOk, pinned, ...(role !== undefined && { role }), ...(node !== undefined && { node }) };
        onExit(await listSlots(await adminFlags(options), filter, output));
      },
    );

  const add = adminCommands(slots, onExit);
  add<MoveOptions>({
    name: "move",
    says: "Move a slot to a node, while people use its actors.",
    argument: ["<slot>", "role/number"],
    examples: ["plexus slots move chat/17 --to node-b"],
    more: withMoveFlags,
    run: async (flags, options, slot) =>
      (await import("../cluster/cluster.ts")).moveSlot(flags, moveOf(slot, options), output),
  });

  add({
    name: "release",
    says: "Unpin a slot or actor that was moved by hand: the cluster places it again.",
    argument: ["<slot>", "role/number, or kind/key of an actor that was moved"],
    examples: ["plexus slots release chat/17", "plexus slots release room/lobby"],
    run: async (flags, _, slot) => (await import("../cluster/cluster.ts")).releaseSlot(flags, slot, output),
  });
};
