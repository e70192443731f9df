/** What `plexus` can be told: one row per command, and one file that says what its flags are called and what runs. A
 *  command's file is loaded when it is typed, and what does its work when it runs: on a busy machine what is loaded for
 *  nothing is most of what a command costs. */
import type { Command } from "commander";
import type { Output } from "../terminal/output.ts";

/** Where a command prints, and where its exit code goes. */
export interface CommandContext {
  readonly output: Output;
  readonly onExit: (code: number) => void;
}

/** Adds arguments, flags, help and subcommands to a command that has its name and its description. */
export type Define = (command: Command, context: CommandContext) => void;

/** One command. */
interface CommandRow {
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
    says: "Show long tasks (backups, downloads, drains); watch, cancel or repeat them.",
    load: () => import("./tasks.ts"),
  },
  {
    name: "profile",
    says: "Measure for some seconds what uses a node's processor or memory.",
    load: () => import("./profile.ts"),
  },
  {
    name: "config",
    says: "Show how the nodes are configured and why; change settings for all nodes or for one; undo changes.",
    load: () => import("./config.ts"),
  },
  {
    name: "secrets",
    says: "Show, set and replace keys and passwords for other servers. Settings refer to them by name.",
    load: () => import("./secrets.ts"),
  },
  {
    name: "models",
    says: "Show which node serves which model; pull, list, check and remove models.",
    load: () => import("./models.ts"),
  },
  {
    name: "routes",
    says: "Show and set routes: names that stand for several models, with fallbacks, shares and shadows.",
    load: () => import("./routes.ts"),
  },
  {
    name: "usage",
    says: "Show how much people, keys and agents used models, today and this month.",
    load: () => import("./usage.ts"),
  },
  {
    name: "endpoints",
    says: "Show, add, test and find other servers with models.",
    load: () => import("./endpoints.ts"),
  },
  {
    name: "budgets",
    says: "Show and set budgets: how much people, keys, agents and teams may use models.",
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
    name: "files",
    says: "Show, release and delete files in which a scanner has found something; show the scanners.",
    load: () => import("./files.ts"),
  },
  {
    name: "shards",
    says:
      "Show where stored pieces (shards) of backups are and what is lost; repair them; trust nodes; keep a file " +
      "in shards.",
    load: () => import("./shards.ts"),
  },
  {
    name: "gpu",
    says: "Install the builds of llama.cpp for graphics cards, or remove them.",
    load: () => import("./gpu.ts"),
  },
  {
    name: "onnx",
    says: "Install or remove ONNX Runtime, which ONNX models need.",
    load: () => import("./onnx.ts"),
  },
  {
    name: "roles",
    says: "Show and set what the roles of people allow, and when.",
    load: () => import("./roles.ts"),
  },
  {
    name: "users",
    says:
      "Show and set people's roles; invite, suspend and delete people; end sessions and API keys; make links for " +
      "new passwords.",
    load: () => import("./users.ts"),
  },
  {
    name: "control",
    says: "Show who you are at the control endpoint; make, list and revoke the tokens that open it.",
    load: () => import("./control.ts"),
  },
  {
    name: "identity",
    says: "Show, set and test the servers that people sign in with: OpenID Connect, GitHub, SAML.",
    load: () => import("./identity.ts"),
  },
  { name: "alerts", says: "Show alerts from the audit, and acknowledge them.", load: () => import("./alerts.ts") },
  {
    name: "branding",
    says: "Show and set the name, the colour and the logo of the cluster.",
    load: () => import("./branding.ts"),
  },
  { name: "emoji", says: "List, add and remove the cluster's own emoji.", load: () => import("./emoji.ts") },
  {
    name: "mail",
    says: "Set how the cluster sends mail, and test it.",
    load: () => import("./mail.ts"),
  },
  {
    name: "rules",
    says: "Show, test and set rules: which events raise an alert.",
    load: () => import("./rules.ts"),
  },
  {
    name: "playbooks",
    says: "Show, set and switch on playbooks, which act by themselves when an alert comes.",
    load: () => import("./playbooks.ts"),
  },
  {
    name: "audit",
    says: "Show who changed what in the cluster and when, newest first.",
    load: () => import("./audit.ts"),
  },
  {
    name: "logs",
    says: "Show and follow what the nodes log.",
    load: () => import("./logs.ts"),
  },
  {
    name: "requests",
    says: "Show what came of requests, by route, kind of actor or API key.",
    load: () => import("./requests.ts"),
  },
  {
    name: "traces",
    says: "Show how requests went through the nodes.",
    load: () => import("./traces.ts"),
  },
  {
    name: "threats",
    says: "Show and set the lists of bad addresses, hosts and files that every node reads.",
    load: () => import("./threats.ts"),
  },
  {
    name: "directory",
    says: "The directory, which records members and owners: show who keeps it, recover it, move it to etcd.",
    load: () => import("./directory.ts"),
  },
  {
    name: "top",
    says: "Watch the cluster: load of the nodes, slots with problems, busiest actors. q quits.",
    load: () => import("./top.ts"),
  },
  {
    name: "demo",
    says: "Run a cluster of three nodes on this machine, with a room and an agent, to try out and break.",
    load: () => import("./demo.ts"),
  },
  {
    name: "doctor",
    says: "Check the machine, the data folder, the models and the port.",
    load: () => import("./doctor.ts"),
  },
  {
    name: "service",
    says: "Run a node as a systemd service: install, remove, or show it.",
    load: () => import("./service.ts"),
  },
  {
    name: "verify-release",
    says: "Check an archive, or the installed files, against what was signed.",
    load: () => import("./verify-release.ts"),
  },
  {
    name: "backup",
    says: "Back up the cluster and bring data back; make, check and use the recovery kit; rotate the keys.",
    load: () => import("./backup.ts"),
  },
  {
    name: "disk",
    says: "Show whether a node's disk is encrypted; encrypt it, or decrypt it, while the node runs.",
    load: () => import("./disk.ts"),
  },
  {
    name: "salvage",
    says: "Copy everything readable from a damaged data folder into a new one.",
    load: () => import("./salvage.ts"),
  },
  {
    name: "completion",
    says: "Print the script that completes commands in bash, zsh or fish.",
    load: () => import("./completion.ts"),
  },
];
