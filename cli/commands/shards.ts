import { Option } from "commander";
import { adminCommands, duration, examples, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface ListOptions extends AdminOptions {
  readonly only?: "lost" | "trash";
}

/** `plexus shards`. */
export const define: Define = (command, { onExit, output }) => {
  command.addHelpText(
    "after",
    examples(
      "plexus shards list",
      "plexus shards list g1.2 --only lost",
      "plexus shards put photo.raw --to photo.ref",
      "plexus shards verify photo.ref",
      "plexus shards heal",
    ),
  );
  const add = adminCommands(command, onExit);
  add<ListOptions>({
    name: "list",
    says:
      "Show the nodes that keep shards and how far they are trusted, and the groups of shard-holders with what " +
      "they hold; or the shards of one holder.",
    argument: ["[holder]", "a holder, group.number"],
    examples: ["plexus shards list", "plexus shards list g1.2 --only lost", "plexus shards list --json"],
    more: (list) =>
      list.addOption(
        new Option("--only <which>", "with a holder: only shards that are lost, or in the trash").choices([
          "lost",
          "trash",
        ]),
      ),
    run: async (flags, { only }, holder) => {
      const { listShards } = await import("../shards/shards.ts");
      return listShards(flags, { holder, only }, output);
    },
  });

  const reference = ["<reference>", "a file that `plexus shards put` has written"] as const;
  const stripes = () => import("../shards/stripes.ts");
  add<AdminOptions & { readonly to?: string; readonly keep?: number }>({
    name: "put",
    says: "Keep a file, encrypted, on the nodes with the role storage, to try them out.",
    argument: ["<file>", "the file to keep"],
    examples: ["plexus shards put photo.raw", "plexus shards put photo.raw --to photo.ref --keep 7d"],
    more: (inner) =>
      inner
        .option("--to <reference>", "the file for the reference (default: FILE.ref)")
        .addOption(
          new Option("--keep <duration>", "how long to keep it (default: until `plexus shards drop`)").argParser(
            duration("The time", { minMs: 60_000, maxMs: 400 * 24 * 3_600_000 }),
          ),
        ),
    run: async (flags, { to, keep }, file) => (await stripes()).putFile(flags, { file, to, keepMs: keep }, output),
  });
  add<AdminOptions & { readonly to: string }>({
    name: "get",
    says: "Bring back a file that was put.",
    argument: reference,
    examples: ["plexus shards get photo.ref --to photo.raw"],
    more: (inner) => inner.requiredOption("--to <file>", "the file to write; it must not exist"),
    run: async (flags, { to }, ref) => (await stripes()).getFile(flags, { reference: ref, to }, output),
  });
  add({
    name: "show",
    says: "Show where the shards of a file are, and whether they are complete.",
    argument: reference,
    examples: ["plexus shards show photo.ref"],
    run: async (flags, _, ref) => (await stripes()).showStripes(flags, { reference: ref, deep: false }, output),
  });
  add({
    name: "verify",
    says: "Read and check every shard of a file, and repair the damaged ones.",
    argument: reference,
    examples: ["plexus shards verify photo.ref"],
    run: async (flags, _, ref) => (await stripes()).showStripes(flags, { reference: ref, deep: true }, output),
  });
  add<AdminOptions & { readonly yes?: boolean }>({
    name: "drop",
    says: "Stop keeping a file. Its shards are deleted some days later.",
    argument: reference,
    examples: ["plexus shards drop photo.ref --yes"],
    more: (inner) => inner.option("--yes", "do not ask"),
    run: async (flags, { yes = false }, ref) => (await stripes()).dropFile(flags, { reference: ref, yes }, output),
  });
  add({
    name: "heal",
    says: "Repair missing shards now, without waiting for nodes that are down.",
    examples: ["plexus shards heal"],
    run: async (flags) => (await stripes()).healShards(flags, output),
  });
  add({
    name: "trust",
    says: "End the probation of a node that keeps shards, because you vouch for it. Audits continue.",
    argument: ["<node>", "its name"],
    examples: ["plexus shards trust node-d"],
    run: async (flags, _, node) => (await stripes()).trustNode(flags, node, output),
  });
};
