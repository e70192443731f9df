import { isIP } from "node:net";
import { Type, type Static } from "typebox";
import { chosenRoles, hash32, roles, schema, schemesFrom, withoutScanner } from "../protocols/index.ts";
import { modelEntry } from "./models.ts";
import { parseSizeBytes } from "./units.ts";

const path = Type.String({ minLength: 1, maxLength: 4096 });

/** A node's name: what a DNS label allows. */
const nodeNamePattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

/** `10.0.0.2`, `10.0.0.0/8`, `fd00::/8`. A range of no bits would take everybody for a proxy. */
function isAddressOrRange(text: string): boolean {
  const [address = "", bits = "1", ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || address.includes("%") || more.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return Number(bits) >= 1 && Number(bits) <= (version === 4 ? 32 : 128);
}
const trustedProxy = Type.Refine(
  Type.String({ maxLength: 64, description: "like 127.0.0.1, 10.0.0.0/8 or fd00::/8" }),
  isAddressOrRange,
  () => "must be the address of a proxy or a range of addresses",
);

const adminAddress = Type.Refine(
  Type.String({ maxLength: 64, description: "like 127.0.0.1, 10.0.0.0/8 or fd00::/8" }),
  isAddressOrRange,
  () => "must be an address or a range of addresses",
);

const allowedHost = Type.String({
  pattern: "^\\.?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,250}[A-Za-z0-9_])?$",
  description: "a name without port, like chat.example.org; .example.org for all below it, too",
});

const allowedOrigin = Type.String({
  pattern: "^(\\*|[a-z][a-z0-9+.-]{0,31}://[^\\s/,]{1,253})$",
  description: "an origin as browsers send it, like https://app.example.org; * for any",
});

const shardScheme = Type.Refine(
  Type.String({
    maxLength: 64,
    description: "schemes like 8+4/4+4/3, the widest first, each k+m or a number of copies",
  }),
  (text) => schemesFrom(text) !== undefined,
  () =>
    "must be schemes like 8+4/4+4/3: each k+m or a number of copies, each narrower than the one before, 12 " +
    "shards at the most",
);

const size = Type.Refine(
  Type.String({ maxLength: 32, description: "a size like 500gb" }),
  (text) => parseSizeBytes(text) !== undefined,
  () => "must be a size like 500gb, in kb, mb, gb or tb",
);

const logSchema = schema.object({
  level: Type.Union([
    Type.Literal("debug"),
    Type.Literal("info"),
    Type.Literal("warn"),
    Type.Literal("error"),
    Type.Literal("silent"),
  ]),
  /** `auto`: readable on a terminal, JSON otherwise. */
  format: Type.Union([Type.Literal("auto"), Type.Literal("json"), Type.Literal("pretty")]),
});

const tracingSchema = schema.object({
  /** The share of requests whose way through the nodes is told; 0: nothing is traced. */
  ratio: Type.Number({ minimum: 0, maximum: 1, description: "a share from 0 to 1, like 0.01" }),
  /** Where spans are sent by OTLP over HTTP. */
  url: Type.Optional(
    Type.String({
      pattern: "^https?://[^\\s]+$",
      maxLength: 500,
      description: "an address like http://127.0.0.1:4318/v1/traces",
    }),
  ),
});

const limitsSchema = schema.object({
  /** From the signal to the forced end: turns and appends under way get this long. */
  drainTimeoutMs: Type.Integer({
    minimum: 100,
    maximum: 600_000,
    description: "in milliseconds, or with a unit, like 10s",
  }),
  /** On slow machines: how many times longer than usual the node waits for other nodes. */
  patience: Type.Number({ minimum: 1, maximum: 10, description: "a number from 1 to 10" }),
});

/** A multiaddr that TCP can dial, and the peer id that must answer there where `peer` asks for one. */
const multiaddr = (peer: "named" | "unnamed") =>
  Type.String({
    pattern:
      "^/(ip4|ip6|dns|dns4|dns6)/[^/\\s]{1,253}/tcp/\\d{1,5}" + `${peer === "named" ? "/p2p/[A-Za-z0-9]{1,128}" : ""}$`,
    maxLength: 500,
    description: `a multiaddr like /ip4/10.0.0.5/tcp/7071${peer === "named" ? "/p2p/12D3KooW…" : ""}`,
  });

const meshSchema = schema.object({
  /** Where this node listens for other nodes. 127.0.0.1: nodes of this machine only. */
  host: Type.String({ minLength: 1, maxLength: 253 }),
  /** 0 takes any free port: for tries, because the others look for a restarted node where it was. */
  port: Type.Integer({ minimum: 0, maximum: 65_535 }),
  /** Addresses to be known by, where they are not those it listens at: behind address translation, in containers. */
  announce: Type.Array(multiaddr("unnamed"), { maxItems: 8 }),
  /** Nodes to look for at the start, beside those that the node remembers. */
  peers: Type.Array(multiaddr("named"), { maxItems: 64 }),
  /** Look for nodes of the cluster in the local network. */
  mdns: Type.Boolean(),
});

const webPlace = (example: string) =>
  Type.String({
    pattern: "^https?://[^\\s/@?#]{1,253}(/[^\\s?#]*[^\\s?#/])?$",
    maxLength: 300,
    description: `an address without a slash at its end, like ${example}`,
  });

const mailDomainName = Type.String({
  pattern: "^\\.?[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?)*$",
  maxLength: 253,
  description: "a domain in lower case, like example.org, or .example.org for all below it",
});

/** How this node looks for servers with models. */
const findingSchema = schema.object({
  /** Ask the local network. */
  mdns: Type.Boolean(),
  /** Domains whose services are asked for, or names with a type. */
  dns: Type.Array(
    Type.String({
      pattern: "^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,250}[A-Za-z0-9])?$",
      description: "a domain like example.org, or a name like _ollama._tcp.example.org",
    }),
    { maxItems: 16 },
  ),
  /** DNS servers that are asked instead of the machine's. */
  dnsServers: Type.Array(
    Type.String({
      pattern: "^(\\[[0-9A-Fa-f:]{2,45}\\](:\\d{1,5})?|[0-9.]{7,15}(:\\d{1,5})?|[0-9A-Fa-f:]{2,45})$",
      description: "an address like 10.0.0.1, or with its port like 127.0.0.1:8600",
    }),
    { maxItems: 4 },
  ),
  /** Where Consul is. */
  consul: Type.Optional(webPlace("http://127.0.0.1:8500")),
  /** The file with Consul's token. */
  consulTokenFile: Type.Optional(path),
  /** What was found is used without a question: `all`; or offered to admins: `none`. */
  accept: Type.Union([Type.Literal("none"), Type.Literal("all")]),
});

const etcdEndpoint = Type.String({
  // With its port: without one, 443 would be asked.
  pattern: "^https?://[^\\s/@]{1,253}:\\d{1,5}/?$",
  maxLength: 300,
  description: "an address with its port, like http://10.0.0.5:2379",
});
const etcdEndpoints = Type.Array(etcdEndpoint, { minItems: 1, maxItems: 9, uniqueItems: true });
const directoryKind = Type.Union([Type.Literal("embedded"), Type.Literal("etcd")]);

/** Where the cluster remembers its members and who owns what. */
const directorySchema = Type.Union([
  schema.object({ kind: Type.Literal("embedded") }),
  schema.object({ kind: Type.Literal("etcd"), endpoints: etcdEndpoints }),
]);

/** Certificates, as PEM. */
const tlsSchema = schema.object({
  /** The certificate with those between it and its authority. */
  cert: Type.Optional(path),
  key: Type.Optional(path),
  /** Authorities of client certificates, for the control endpoint. */
  clientCa: Type.Optional(path),
});

/** Where a control endpoint listens: `HOST:PORT`, `PORT` on this machine alone, `unix:/path`. Undefined: nowhere that
 *  could be. */
export function parseControl(
  text: string,
): { readonly host: string; readonly port: number } | { readonly path: string } | undefined {
  if (text.startsWith("unix:")) {
    const file = text.slice("unix:".length);
    // The system takes no longer one.
    return file.startsWith("/") && Buffer.byteLength(file) <= 100 ? { path: file } : undefined;
  }
  const [, host = "", port = ""] =
    /^(?:(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252})?:)?(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535) return undefined;
  return { host: host === "" ? "127.0.0.1" : host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** Files that people send. */
const filesSchema = schema.object({
  /** They are checked before others get them, where a node has a scanner. */
  scan: Type.Boolean(),
  /** What becomes of those that none can check. */
  withoutScanner,
});

/** Everything one node can be told. `configSchema` is JSON Schema, so a file editor can use it as it is. */
export const configSchema = schema.object({
  data: path,
  /** The file with the key of the node's disk; absent: `disk.key` in the data folder. */
  diskKey: Type.Optional(path),
  /** What people call the node; unique in its cluster. */
  name: Type.String({ pattern: nodeNamePattern, description: "lower-case letters, digits and -, like node-b" }),
  host: Type.String({ minLength: 1, maxLength: 253 }),
  /** 0 takes any free port. */
  port: Type.Integer({ minimum: 0, maximum: 65_535 }),
  /** The proxies in front, as this node sees them: what they say in X-Forwarded-For counts. */
  trustedProxies: Type.Array(trustedProxy, { maxItems: 64, description: "a list like [127.0.0.1, 10.0.0.0/8]" }),
  /** Lists of addresses that are refused, as files or URLs, read again while the node runs. */
  blockLists: Type.Array(Type.String({ minLength: 1, maxLength: 2_048 }), {
    maxItems: 32,
    description: "a list like [/etc/plexus/blocked.txt, https://feeds.example.org/drop.txt]",
  }),
  /** From where admins and the operator's commands may reach the node; none: from everywhere. */
  adminAddresses: Type.Array(adminAddress, { maxItems: 64, description: "a list like [127.0.0.1, 10.0.0.0/8]" }),
  /** Names by which people and programs reach the node, beside its addresses and the names of its machine. */
  allowedHosts: Type.Array(allowedHost, { maxItems: 64, description: "a list like [chat.example.org]" }),
  /** Origins of other sites whose pages may use the interfaces of OpenAI, Ollama and Anthropic. */
  allowedOrigins: Type.Array(allowedOrigin, { maxItems: 64, description: "a list like [https://app.example.org]" }),
  /** Where metrics are read without a token. */
  metricsListen: Type.Optional(
    Type.String({
      pattern: "^(\\[[0-9A-Fa-f:.]{2,45}\\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252}):\\d{1,5}$",
      description: "an address with its port, like 127.0.0.1:9464",
    }),
  ),
  /** Where programs come in by gRPC. A port alone is one of this machine only. */
  grpc: Type.Optional(
    Type.String({
      pattern: "^((\\[[0-9A-Fa-f:.]{2,45}\\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252}):)?\\d{1,5}$",
      description: "an address with its port, like 127.0.0.1:7080, or a port",
    }),
  ),
  /** Where the control endpoint is: an address, of this machine where it names none, or a socket of the file system. */
  control: Type.Optional(
    Type.Refine(
      Type.String({ maxLength: 300, description: "like 127.0.0.1:7072, 7072 or unix:/run/plexus/control.sock" }),
      (text) => parseControl(text) !== undefined,
      () =>
        "must be an address with its port, like 127.0.0.1:7072, or unix: with an absolute path of at most 100 bytes",
    ),
  ),
  /** What the gateway and the control endpoint speak TLS with: files, read again when they change. */
  tls: tlsSchema,
  roles: chosenRoles,
  labels: Type.Record(Type.String({ pattern: "^[a-z0-9][a-z0-9._-]{0,62}$" }), Type.String({ maxLength: 64 }), {
    maxProperties: 32,
  }),
  /** The first one is the default. Empty: the node serves no model. */
  models: Type.Array(modelEntry, { maxItems: 64 }),
  gpu: Type.Union([Type.Literal("off"), Type.Literal("auto")]),
  /** Which of several nodes with a model is asked first: the fastest, the cheapest, the cluster's own; `balanced`: the
   *  one with the fewest calls. */
  prefer: Type.Union([Type.Literal("balanced"), Type.Literal("speed"), Type.Literal("cost"), Type.Literal("local")]),
  /** What all models together may take; 0: four fifths of the machine's memory, or what its control group allows. */
  modelMemoryMiB: Type.Integer({ minimum: 0, maximum: 16_777_216 }),
  /** On how many threads all models together may compute; 0: all cores but one, within the quota of the control
   *  group. */
  modelThreads: Type.Integer({ minimum: 0, maximum: 1_024 }),
  /** On how many threads they compute at least, however busy the node is with other work. */
  modelThreadsMin: Type.Integer({ minimum: 1, maximum: 1_024 }),
  /** Upper bound of a model's context window; a model that was trained with less gets less. */
  contextTokens: Type.Integer({ minimum: 64, maximum: 1_048_576 }),
  /** Where repositories of models are. */
  huggingFace: webPlace("https://huggingface.co"),
  /** Where models are by name and tag. */
  ollamaRegistry: webPlace("https://registry.ollama.ai"),
  finding: findingSchema,
  /** The people who may make an account: everybody, people with a mail address of a domain, people with an invitation,
   *  nobody. */
  signUp: Type.Union([
    Type.Literal("open"),
    Type.Literal("domain"),
    Type.Literal("invitation"),
    Type.Literal("closed"),
  ]),
  /** Domains of mail addresses that `signUp: domain` lets in. */
  signUpDomains: Type.Array(mailDomainName, {
    maxItems: 64,
    uniqueItems: true,
    description: "a list like [example.org, .example.org]; a dot in front: all below it",
  }),
  /** Where people find the page. Links in mail begin with it, whatever name a request was sent to. */
  publicUrl: Type.Optional(
    Type.String({
      pattern: "^https?://[^\\s/@?#]{1,253}(?:/[\\w.~-]{1,64}){0,8}$",
      description: "an address without a slash at its end, like https://chat.example.org or https://example.org/chat",
    }),
  ),
  /** Whether people share conversations with agents by read-only links, which need no account. */
  sharedLinks: Type.Union([Type.Literal("on"), Type.Literal("off")]),
  /** Whether people are told in browsers whose page is closed, by the push services of these browsers. */
  webPush: Type.Union([Type.Literal("on"), Type.Literal("off")]),
  /** What mail to people who were away may say: nothing is sent, how much there is, or who wrote what as well. */
  mailDigest: Type.Union([Type.Literal("off"), Type.Literal("counts"), Type.Literal("text")]),
  /** Whether nodes read the pages that messages link to. */
  linkPreviews: Type.Union([Type.Literal("on"), Type.Literal("off")]),
  /** Whether nodes open pictures and documents that people send, and make small pictures of them. */
  filePreviews: Type.Union([Type.Literal("on"), Type.Literal("off")]),
  /** Passwords that nobody may take: one a line, or SHA-1 hashes. */
  leakedPasswords: Type.Optional(path),
  /** Folders on this machine in which admins may keep backups; the operator's commands may use any. */
  backupFolders: Type.Array(path, { maxItems: 16, description: "a list like [/mnt/backup/plexus]" }),
  /** A file that says where addresses are, for the detector of impossible travel. */
  addressPlaces: Type.Optional(path),
  /** Where clamd listens: this node is one of those that scan files. */
  antivirus: Type.Optional(
    Type.Refine(
      Type.String({ maxLength: 300, description: "like unix:/run/clamav/clamd.ctl or 127.0.0.1:3310" }),
      (text) => parseControl(text) !== undefined,
      () =>
        "must be an address with its port, like 127.0.0.1:3310, or unix: with an absolute path of at most 100 bytes",
    ),
  ),
  files: filesSchema,
  /** The token of an invitation. Used once, when the data folder belongs to no cluster yet. */
  join: Type.Optional(Type.String({ pattern: "^\\S+$", maxLength: 4096, description: "a token of `plexus invite`" })),
  mesh: meshSchema,
  directory: directorySchema,
  /** On how many nodes each slot should be, its owner included. */
  replicas: Type.Integer({ minimum: 1, maximum: 7 }),
  /** With fewer replicas in sync than this a slot refuses writes. */
  minInSync: Type.Integer({ minimum: 1, maximum: 7 }),
  /** How bulk is coded, by its class; `default` for the others: the first scheme that there are enough nodes for. */
  shardSchemes: Type.Record(Type.String({ pattern: "^[a-z][a-z0-9.-]{0,31}$" }), shardScheme, { maxProperties: 32 }),
  /** What shards may take on this node's disk; absent: what is free. */
  shardQuota: Type.Optional(size),
  /** The node's share of slots compared to the others'. */
  weight: Type.Number({ minimum: 0.01, maximum: 100 }),
  log: logSchema,
  tracing: tracingSchema,
  limits: limitsSchema,
});

/** A complete, checked configuration. Paths are absolute. */
export type Config = Static<typeof configSchema>;

/** One layer: any part of it. A file may hold durations as text (`10s`). */
export type ConfigInput = {
  readonly [K in Exclude<keyof Config, "directory">]?: Partial<Config[K]> | Config[K] | undefined;
} & {
  readonly directory?: Readonly<{ kind?: Config["directory"]["kind"]; endpoints?: readonly string[] }> | undefined;
};

/** The shape of one layer: the same fields, none required. */
export const layerSchema = Type.Object(
  Object.fromEntries(
    Object.entries({
      ...configSchema.properties,
      mesh: Type.Partial(meshSchema, { additionalProperties: false }),
      finding: Type.Partial(findingSchema, { additionalProperties: false }),
      directory: Type.Object(
        { kind: Type.Optional(directoryKind), endpoints: Type.Optional(etcdEndpoints) },
        { additionalProperties: false },
      ),
      log: Type.Partial(logSchema, { additionalProperties: false }),
      tracing: Type.Partial(tracingSchema, { additionalProperties: false }),
      files: Type.Partial(filesSchema, { additionalProperties: false }),
      tls: Type.Partial(tlsSchema, { additionalProperties: false }),
      limits: Type.Partial(limitsSchema, { additionalProperties: false }),
    }).map(([name, field]) => [name, Type.Optional(field)]),
  ),
  { additionalProperties: false },
);

/** The JSON Schema of one key by its dotted name. */
export function settingSchema(name: string): Readonly<Record<string, unknown>> {
  let node: Readonly<Record<string, unknown>> | undefined = layerSchema as unknown as Readonly<Record<string, unknown>>;
  for (const part of name.split("."))
    node = (node?.["properties"] as Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined)?.[part];
  // A plain copy: what checks it stays here.
  return JSON.parse(JSON.stringify(node ?? {})) as Readonly<Record<string, unknown>>;
}

/** What holds when nobody says otherwise. The data folder, the name and the bundled model depend on the machine: the
 *  cli knows them. The port for other nodes follows the port for people, see `meshPortFor`. */
export const configDefaults = {
  /** This machine only: a node that others can reach is a decision, not an accident. */
  host: "127.0.0.1",
  port: 7070,
  trustedProxies: [],
  blockLists: [],
  backupFolders: [],
  adminAddresses: [],
  tls: {},
  allowedHosts: [],
  allowedOrigins: [],
  roles: [...roles],
  labels: {},
  gpu: "off",
  prefer: "balanced",
  modelMemoryMiB: 0,
  modelThreads: 0,
  modelThreadsMin: 1,
  contextTokens: 4096,
  huggingFace: "https://huggingface.co",
  ollamaRegistry: "https://registry.ollama.ai",
  finding: { mdns: false, dns: [], dnsServers: [], accept: "none" },
  signUp: "open",
  webPush: "on",
  mailDigest: "counts",
  sharedLinks: "on",
  linkPreviews: "on",
  filePreviews: "on",
  signUpDomains: [],
  files: { scan: true, withoutScanner: "allow" },
  mesh: { host: "127.0.0.1", announce: [], peers: [], mdns: false },
  directory: { kind: "embedded" },
  replicas: 3,
  minInSync: 1,
  shardSchemes: {},
  weight: 1,
  log: { level: "info", format: "auto" },
  tracing: { ratio: 0 },
  limits: { drainTimeoutMs: 10_000, patience: 1 },
} satisfies ConfigInput;

/** The port for other nodes when none is named: beside the port for people, so that two nodes of one machine differ in
 *  one flag only; any free one when that one is. */
export function meshPortFor(port: number): number {
  if (port === 0) return 0;
  return port === 65_535 ? port - 1 : port + 1;
}

/** A node's name when none is given: the machine's, as far as it is one. `seed` tells machines without a name apart. */
export function nodeNameFrom(hostname: string, seed: string): string {
  const label = (hostname.split(".")[0] ?? "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, "");
  if (label !== "" && label !== "localhost") return label;
  return `node-${(hash32(seed) & 0xffff).toString(16).padStart(4, "0")}`;
}
