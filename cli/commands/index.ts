/** What `plexus` can be told: one row per command, and one file that says what its flags are called and what runs. A command's
 *  file is loaded when it is typed, and what does its work when it runs: on a busy machine what is loaded for nothing is most
 *  of what a command costs. */
import type { Command } from "commander";
import type { Output } from "../output.ts";

/** Where a command prints, and where its exit code goes. */
export interface CommandContext {
  readonly output: Output;
  readonly onExit: (code: number) => void;
}

/** Adds arguments, flags, help and subcommands to a command that has its name and its description. */
export type Define = (command: Command, context: CommandContext) => void;

/** One command. */
export interface CommandRow {
  readonly name: string;
  /** What `plexus --help` says of it. */
  readonly says: string;
  readonly load: () => Promise<{ readonly define: Define }>;
}

/** Every command, as `plexus --help` lists them. */
export const commandRows: readonly CommandRow[] = [
  { name: "up", says: "Run a node until Ctrl-C.", load: () => import("./up.ts") },
  { name: "chat", says: "Talk to people and agents in the terminal.", load: () => import("./chat.ts") },
  { name: "status", says: "Show what a running node is doing.", load: () => import("./status.ts") },
  {
    name: "actors",
    says: "Look at actors, move them, and release quarantined ones.",
    load: () => import("./actors.ts"),
  },
  {
    name: "invite",
    says: "Create an invitation: a token with which one node joins the cluster.",
    load: () => import("./invite.ts"),
  },
  {
    name: "nodes",
    says: "Show the nodes of the cluster; drain or evict them, change their roles.",
    load: () => import("./nodes.ts"),
  },
  {
    name: "slots",
    says: "Show which nodes own and copy each slot; move slots.",
    load: () => import("./slots.ts"),
  },
  {
    name: "models",
    says: "Show which node serves which model; pull, list, check and remove models.",
    load: () => import("./models.ts"),
  },
  {
    name: "routes",
    says: "Show and set names that stand for several models: fallbacks, shares, shadows.",
    load: () => import("./routes.ts"),
  },
  {
    name: "usage",
    says: "Show what people, keys and agents took of models, today and this month.",
    load: () => import("./usage.ts"),
  },
  {
    name: "endpoints",
    says: "Show, add, test and find servers that have models.",
    load: () => import("./endpoints.ts"),
  },
  {
    name: "budgets",
    says: "Show and set what people, keys, agents and teams may take of models and providers.",
    load: () => import("./budgets.ts"),
  },
  {
    name: "prices",
    says: "Show and set what models cost.",
    load: () => import("./prices.ts"),
  },
  {
    name: "shards",
    says: "Show the holders of shards: where they are, what they hold, what is lost.",
    load: () => import("./shards.ts"),
  },
  {
    name: "gpu",
    says: "Install the builds of llama.cpp for graphics cards, or remove them.",
    load: () => import("./gpu.ts"),
  },
  {
    name: "onnx",
    says: "Install ONNX Runtime, which models of ONNX need, or remove it.",
    load: () => import("./onnx.ts"),
  },
  {
    name: "audit",
    says: "Show what was done to the cluster, when and by whom, newest first.",
    load: () => import("./audit.ts"),
  },
  {
    name: "directory",
    says: "Move the directory, the record of members and owners, from a node to etcd.",
    load: () => import("./directory.ts"),
  },
  {
    name: "top",
    says: "Watch the cluster: load of the nodes, slots that are not ok, busiest actors. q quits.",
    load: () => import("./top.ts"),
  },
  {
    name: "demo",
    says: "Run a cluster of three nodes on this machine, with a room and an agent, to try out and to break.",
    load: () => import("./demo.ts"),
  },
  {
    name: "doctor",
    says: "Check the machine, the data folder, the models and the port.",
    load: () => import("./doctor.ts"),
  },
  {
    name: "backup",
    says: "Back up a node's slots, and bring them back; make, check and use the recovery kit; rotate the keys.",
    load: () => import("./backup.ts"),
  },
  {
    name: "disk",
    says: "Show whether a node's disk is encrypted; encrypt it, or decrypt it, while the node runs.",
    load: () => import("./disk.ts"),
  },
  {
    name: "salvage",
    says: "Copy what can be read of a damaged data folder into a new one.",
    load: () => import("./salvage.ts"),
  },
  {
    name: "completion",
    says: "Print the script that completes commands in bash, zsh or fish.",
    load: () => import("./completion.ts"),
  },
];
