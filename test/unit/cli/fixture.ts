import type { Command } from "commander";
import type { Output } from "../../../cli/terminal/output.ts";
import type { ModelInfo, NodeStatus } from "../../../protocols/index.ts";
import { nodeRow, summaryOf } from "../gateway/cluster-fixture.ts";

/** Where a command prints in a test: a pipe, or a terminal of so many columns. */
export const collected = (columns = Infinity): Output & { readonly out: string[]; readonly err: string[] } => {
  const out: string[] = [];
  const err: string[] = [];
  return {
    out,
    err,
    print: (text) => void out.push(text),
    printError: (text) => void err.push(text),
    color: false,
    columns,
  };
};

const three = [
  nodeRow("node-a", { roles: ["manager", "gateway"], directory: true, self: true, turnsPerSecond: 0 }),
  nodeRow("node-b", { labels: { zone: "b" }, slotsOwned: 130, slotsReplicated: 126, actors: 7, turnsPerSecond: 40.25 }),
  nodeRow("node-c", { up: false, state: "draining", slotsOwned: 2, slotsReplicated: 254 }),
];
/** A cluster of which one node is down. */
export const summary = summaryOf(three, { slots: { total: 256, ok: 254, moving: 1, short: 0, blocked: 0, down: 1 } });

/** A model that answers. */
export const model: ModelInfo = {
  model: "m",
  runtime: "llama",
  capabilities: ["chat"],
  contextTokens: 1024,
  sizeBytes: 2_340_992,
  demonstration: false,
  state: "ready",
};

/** A node that runs, as it tells of itself. */
export const status: NodeStatus = {
  version: "1",
  node: "5f3c2a1b",
  name: "node-b",
  url: "http://x",
  startedAtMs: 0,
  uptimeMs: 0,
  roles: ["chat"],
  models: [
    { ...model, node: "node-c" },
    {
      ...model,
      model: "near",
      demonstration: true,
      label: { short: "tiny demonstration model", says: "A tiny demonstration model." },
    },
  ],
  actors: { active: 0, quarantined: 0 },
  slots: { open: 0, quarantined: [] },
  connections: 0,
  journal: { entries: 0, bytes: 0, location: "/data/journal" },
  eventLoopLagMs: 0,
  memoryBytes: 0,
};

/** Every command by its words, with what may follow: subcommands and flags. */
export const everyPlace = (
  command: Command,
  path: readonly string[] = [],
): readonly (readonly [string[], string[]])[] => {
  const flags = command.createHelp().visibleOptions(command);
  const inner = command.createHelp().visibleCommands(command);
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  return [
    [[...path], [...inner.map((one) => one.name()), ...choices, ...flags.flatMap(({ long }) => long ?? [])]],
    ...command.commands.flatMap((one) => everyPlace(one, [...path, one.name()])),
  ];
};
