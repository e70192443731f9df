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
    name: "tasks",
    says: "Show what takes long (backups, pulls, drains); watch, cancel or repeat it.",
    load: () => import("./tasks.ts"),
  },
  {
    name: "profile",
    says: "Look at what a node does with its processor, or keeps in memory, for some seconds.",
    load: () => import("./profile.ts"),
  },
  {
    name: "config",
    says: "Show how the nodes are configured and why; change it for all or for one, and go back.",
    load: () => import("./config.ts"),
  },
  {
    name: "secrets",
    says: "Show, set and replace keys and passwords for other servers, which settings refer to by name.",
    load: () => import("./secrets.ts"),
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
    name: "quotas",
    says: "Show and set how many messages, bytes and tokens people of a role may use.",
    load: () => import("./quotas.ts"),
  },
  {
    name: "prices",
    says: "Show and set what models cost.",
    load: () => import("./prices.ts"),
  },
  {
    name: "shards",
    says: "Show where shards are, what is lost, and whom to trust with them; keep a file in shards; repair.",
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
    name: "roles",
    says: "Show and set what the roles of people grant, and when.",
    load: () => import("./roles.ts"),
  },
  {
    name: "users",
    says: "Show and set who has which roles; invite, suspend and delete people; end sessions and API keys; links for a new password.",
    load: () => import("./users.ts"),
  },
  {
    name: "control",
    says: "Show who you are at the control endpoint; make, list and revoke the tokens that open it.",
    load: () => import("./control.ts"),
  },
  {
    name: "identity",
    says: "Show, set and try the servers by which people sign in: OpenID Connect, GitHub, SAML.",
    load: () => import("./identity.ts"),
  },
  { name: "alerts", says: "Show what was found in the audit, and take note of it.", load: () => import("./alerts.ts") },
  {
    name: "branding",
    says: "Show and set the name, the colour and the logo of the cluster.",
    load: () => import("./branding.ts"),
  },
  {
    name: "mail",
    says: "Say how the cluster sends mail, and try it.",
    load: () => import("./mail.ts"),
  },
  {
    name: "rules",
    says: "Show, try and set rules over events: what is to be an alert.",
    load: () => import("./rules.ts"),
  },
  {
    name: "playbooks",
    says: "Show, set and switch on what is done by itself when there is an alert.",
    load: () => import("./playbooks.ts"),
  },
  {
    name: "audit",
    says: "Show what was done to the cluster, when and by whom, newest first.",
    load: () => import("./audit.ts"),
  },
  {
    name: "logs",
    says: "Show and follow what the nodes log.",
    load: () => import("./logs.ts"),
  },
  {
    name: "traces",
    says: "Show the way of requests through the nodes.",
    load: () => import("./traces.ts"),
  },
  {
    name: "threats",
    says: "Show and set the lists of bad addresses, hosts and files that every node reads.",
    load: () => import("./threats.ts"),
  },
  {
    name: "directory",
    says: "The directory, the record of members and owners: who keeps it, its recovery, and its move to etcd.",
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
    name: "service",
    says: "Run a node as a service of systemd: install it, take it away, see how it is.",
    load: () => import("./service.ts"),
  },
  {
    name: "verify-release",
    says: "Check an archive, or the installed files, against what was signed.",
    load: () => import("./verify-release.ts"),
  },
  {
    name: "backup",
    says: "Back up the cluster, and bring back any of it; make, check and use the recovery kit; rotate the keys.",
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
