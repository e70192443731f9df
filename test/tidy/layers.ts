import { kinds } from "../../protocols/ids.ts";

/** Who may import whom: the style guide's first section as data. */
export interface Layer {
  /** A folder and what is below it (or one file), unless a longer row matches. */
  readonly folder: string;
  /** Folders it may import values from: their entrances only. */
  readonly values: readonly string[];
  /** Folders it may import types from, beyond those. */
  readonly types?: readonly string[];
  /** Folders any file of which it may import, not the entrance alone. */
  readonly insides?: readonly string[];
  /** May it use `node:` modules? */
  readonly nodeModules: boolean;
  /** May it read clock, chance, environment and network? */
  readonly world: boolean;
}

/** Files by themselves that several folders may import. */
const sharedFiles = [
  "actors/behavior.ts",
  "runtimes/children.ts",
  "runtimes/engine.ts",
  "runtimes/fair-queue.ts",
  "runtimes/folders.ts",
  // Opens what strangers send: it needs nothing of the models.
  "runtimes/opened/index.ts",
  "runtimes/silence.ts",
  "runtimes/turns.ts",
  "runtimes/store/names.ts",
  "runtimes/store/port.ts",
  "node/ports/index.ts",
  "node/pieces.ts",
  "node/stops.ts",
  "node/waiting.ts",
  // What is stored of a secret.
  "node/keys/secret-text.ts",
  "node/data-folder/seal.ts",
  // What a blob is called.
  "node/bulk/blobs/hash.ts",
  "node/bulk/blobs/tree.ts",
];

const clusterFacts = [
  "records",
  "slot-table",
  "slot-owner",
  "whose-rows",
  "policy",
  "generation",
  "identity",
  "model-routes",
  "roles",
  "configuration-operations",
  "control-operations",
  "control-tokens",
  "mail",
  "push-keys",
  "memory",
  "people",
  "people-operations",
  "branding",
  "identity-providers",
  "endpoints",
  "token-keys",
  "budgets",
  "groups",
  "trust",
  "reach",
  "wanted-models",
  "striped-models",
  "sign-up-invitations",
  "audit-rules",
  "settings",
  "node-settings",
  "secrets",
  "adopted-secrets",
  "key-roles",
  "members",
  "all",
  "operations",
].map((name) => `node/cluster/facts/${name}.ts`);

/** What all parts of a node stand on. */
const belowParts = ["protocols", "protocols/mesh", "config", ...sharedFiles];

/** Parts of a node meet in `node/composition` only; they know each other's types at most. */
const nodePart = (folder: string): Layer => ({
  folder,
  values: [...belowParts, "node/cluster/exchange", "node/cluster/facts"],
  types: ["node/kernel/api.ts", "node/cluster/placement/api.ts", "node/storage", "node/identity"],
  nodeModules: true,
  world: false,
});

/** What the rooms around backups stand on. */
const backupPart = [...nodePart("").values, "node/backup/index.ts", "runtimes/backup"];

/** Kinds meet through messages. */
const kind = (folder: string): Layer => ({
  folder,
  values: ["protocols"],
  types: ["config"],
  nodeModules: false,
  world: false,
});

export const layers: readonly Layer[] = [
  { folder: "protocols", values: [], nodeModules: false, world: false },
  { folder: "config", values: ["protocols"], nodeModules: true, world: false },
  { folder: "actors", values: ["protocols"], types: ["config"], nodeModules: false, world: false },
  // The list of kinds, for whoever composes a node.
  { folder: "actors/index.ts", values: ["actors"], nodeModules: false, world: false },
  ...kinds.map((name) => kind(`actors/${name}`)),
  // Single files: an inference host and each of its threads would load every schema with the index, and use none.
  {
    folder: "runtimes",
    values: ["protocols"],
    types: ["config"],
    insides: ["protocols"],
    nodeModules: true,
    world: true,
  },
  // What a backup is: the node's part of it (node/backup) stands on it.
  {
    folder: "runtimes/backup",
    values: ["protocols"],
    insides: ["protocols"],
    nodeModules: true,
    world: true,
  },
  // Waiting.
  { folder: "node", values: ["protocols", "protocols/mesh"], types: ["node/ports"], nodeModules: false, world: false },
  // What parts need from outside themselves.
  { folder: "node/ports", values: ["protocols", "protocols/mesh"], nodeModules: false, world: false },
  { folder: "node/data-folder", values: [...belowParts, "node/platform"], nodeModules: true, world: false },
  { folder: "node/cluster/exchange", values: belowParts, nodeModules: false, world: false },
  // What the directory says, as every part sees it.
  {
    folder: "node/cluster/facts",
    values: belowParts,
    types: ["node/cluster/exchange"],
    nodeModules: false,
    world: false,
  },
  nodePart("node/bulk/blobs"),
  // What commands make a kit with, too.
  {
    folder: "node/keys",
    values: [...belowParts, "node/cluster/facts"],
    types: ["node/cluster/exchange"],
    nodeModules: true,
    world: false,
  },
  { ...nodePart("node/bulk/shards"), values: [...nodePart("").values, "node/bulk/blobs", "node/bulk/shards/coding"] },
  nodePart("node/bulk/shards/coding"),
  // How many copies a stripe stands for, its scheme says.
  { ...nodePart("node/bulk/attachments"), values: [...nodePart("").values, "node/bulk/shards/coding"] },
  nodePart("node/kernel"),
  nodePart("node/storage"),
  // Where it is, the folder of the node remembers.
  { ...nodePart("node/cluster/directory"), values: [...nodePart("").values, "node/data-folder"] },
  nodePart("node/gateway"),
  // Of the gateway, only the file that puts it together knows a wire.
  {
    ...nodePart("node/gateway/wires"),
    insides: ["node/gateway"],
    values: [...nodePart("node/gateway").values, "node/gateway"],
  },
  nodePart("node/cluster/mesh"),
  nodePart("node/cluster/membership"),
  // Replication is the journal's other half: it ships what the one writes, and reads what the other shipped.
  { ...nodePart("node/replication"), values: [...nodePart("").values, "node/storage"] },
  nodePart("node/routing"),
  nodePart("node/cluster/placement"),
  // What orders the wrappers around a call of a model.
  nodePart("node/inference"),
  nodePart("node/inference/calls"),
  nodePart("node/inference/files"),
  { ...nodePart("node/inference/routes"), values: [...nodePart("").values, "node/inference/calls"] },
  nodePart("node/inference/models"),
  // The only room of inference that knows engines.
  {
    ...nodePart("node/inference/local"),
    values: [...nodePart("").values, "node/inference/models", "runtimes"],
  },
  nodePart("node/tasks"),
  // It follows the journal, as replication does, and reads the same entries and records.
  { ...nodePart("node/search"), values: [...nodePart("").values, "node/storage"] },
  nodePart("node/inference/usage"),
  { ...nodePart("node/backup"), values: [...nodePart("").values, "runtimes/backup"] },
  // What a backup has of a node: it knows actors and the journal, and no disk, folder or key.
  {
    ...nodePart("node/backup/content"),
    values: [...backupPart, "actors", "node/kernel", "node/storage"],
  },
  // Where backups lie: it knows disks, and no actor.
  {
    ...nodePart("node/backup/places"),
    values: [
      ...backupPart,
      "node/backup/content/index.ts",
      "node/bulk/blobs",
      "node/bulk/shards/coding",
      "node/keys",
      "node/platform",
    ],
  },
  // A folder that is made of backups: no node runs on it, so neither kernel nor mesh is asked.
  {
    ...nodePart("node/backup/restore"),
    values: [
      ...backupPart,
      "node/backup/content/index.ts",
      "node/backup/places/index.ts",
      "node/bulk/blobs",
      "node/bulk/shards/coding",
      "node/cluster/directory",
      "node/data-folder",
      "node/keys",
      "node/platform",
      "node/storage",
    ],
  },
  // What is done with them at one node: it opens no file by itself.
  {
    ...nodePart("node/backup/tasks"),
    values: [
      ...backupPart,
      "node/backup/content/index.ts",
      "node/backup/places/index.ts",
      "node/backup/restore/index.ts",
      "node/keys",
    ],
  },
  // Folders of nodes that are stopped: no other node is asked.
  {
    ...nodePart("node/salvage"),
    values: [
      ...belowParts,
      "actors",
      "node/cluster/directory",
      "node/cluster/facts",
      "node/data-folder",
      "node/keys",
      "node/platform",
      "node/storage",
    ],
  },
  nodePart("node/accounts"),
  nodePart("node/inference/quality"),
  nodePart("node/scanning"),
  // It reads texts as people see them.
  { ...nodePart("node/previews"), values: [...nodePart("").values, "protocols"] },
  nodePart("node/threats"),
  nodePart("node/identity"),
  nodePart("node/audit"),
  nodePart("node/watch"),
  nodePart("node/observe"),
  nodePart("node/mail"),
  nodePart("node/telling"),
  { ...nodePart("node/platform"), world: true },
  // The one place that knows all parts.
  {
    folder: "node/composition",
    values: ["protocols", "config", "actors", "runtimes", "node"],
    nodeModules: true,
    world: false,
  },
  {
    folder: "cli",
    values: ["protocols", "config", "runtimes", "node", "client", "cli/release"],
    // Single files, like the page: the index brings every schema, and most of what a command costs is what it loads.
    insides: ["protocols"],
    nodeModules: true,
    world: true,
  },
  // The commands in the page: bundled by web/commands.ts, with something in the place of every module of Node.
  {
    folder: "cli/page",
    values: ["protocols", "cli"],
    insides: ["protocols", "cli"],
    nodeModules: false,
    world: true,
  },
  // What an installation checks a release with.
  { folder: "cli/release", values: [], nodeModules: true, world: false },
  // What makes one.
  { folder: "release", values: ["cli/release"], nodeModules: true, world: true },
  // Single files, here and on the page: the index brings schemas and the codec, which would make the page larger for
  // nothing.
  { folder: "client", values: ["protocols"], insides: ["protocols"], nodeModules: false, world: false },
  { folder: "client/standard.ts", values: ["protocols", "client"], insides: ["protocols", "client"], nodeModules: false, world: true }, // prettier-ignore
  // What people start from: it sees what they see, the package.
  { folder: "client/examples", values: [], nodeModules: true, world: true },
  {
    folder: "web/src",
    values: ["protocols", "client"],
    types: ["cli/page/terminal.ts"],
    insides: ["protocols"],
    nodeModules: false,
    world: true,
  },
  { folder: "web", values: [], nodeModules: true, world: true },
  {
    folder: "test",
    values: ["protocols", "client", "config", "actors", "runtimes", "node", "cli", "web", "release", "test"],
    nodeModules: true,
    world: true,
  },
];

/** Files that outsiders of a folder may import, beside its `index.ts`. */
export const entrances: readonly string[] = [
  ...sharedFiles,
  ...clusterFacts,
  "config/units.ts",
  // Calls of operations: the index brings what keeps a connection, which a command has no use for.
  "client/call.ts",
  // Sentences of tasks: the index brings every schema to what says one.
  "protocols/words/task-words.ts",
  // What the page and the commands in it have between them.
  "cli/page/terminal.ts",
  // A thread that reads files needs nothing of the inference host, nor does the command that suggests models.
  "runtimes/store/index.ts",
  "actors/index.ts",
  "protocols/mesh/index.ts",
  "protocols/times/index.ts",
  "protocols/telling/index.ts",
  // The page has it before anything is told.
  "protocols/telling/rooms.ts",
  // With the words of the search, which the page loads for those alone who are shown notices.
  "protocols/telling/keywords.ts",
  // With a library of cron patterns: not for clients.
  "protocols/backup-times/index.ts",
  // The reader of texts: few need its parser.
  "protocols/reading/index.ts",
  // Not in the index, which clients load, too.
  "protocols/wire/check.ts",
  "node/data-folder/home.ts",
  // Loaded before the mesh is, which is large.
  "node/cluster/mesh/node-id.ts",
  "node/cluster/mesh/port.ts",
  "node/kernel/api.ts",
  "node/cluster/placement/api.ts",
  // Loaded only where something is traced.
  "node/observe/tracer.ts",
  "node/platform/otlp.ts",
];
