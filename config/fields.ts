/** How a field is written in an environment variable. */
type Form = "text" | "integer" | "number" | "boolean" | "duration" | "list" | "labels" | "models";

/** One row of the table of fields. */
export interface Field {
  /** Dotted, as errors name it: `log.level`. */
  readonly name: string;
  readonly variable: string;
  readonly form: Form;
  /** True when a running node takes a change (SIGHUP); otherwise it waits for the next start. */
  readonly live: boolean;
  readonly says: string;
  /** Why only the node itself can be told, not by the cluster. Absent: admins can set it for all nodes or for one. */
  readonly own?: string;
  /** It decides who becomes whom: setting it for the cluster takes what making owners takes. */
  readonly ofOwners?: true;
}

const machine = "it says where the node is on its machine";
const early = "the node needs it before it knows its cluster";
const reach = "with a wrong one the node would not find its cluster";

/** Every field of the configuration. `docs/operating.md` shows this table; a test compares it with the schema. */
export const fields: readonly Field[] = [
  { name: "data", variable: "PLEXUS_DATA", form: "text", live: false, says: "data folder", own: early },
  {
    name: "diskKey",
    variable: "PLEXUS_DISK_KEY",
    form: "text",
    live: false,
    says: "file with the disk's key",
    own: early,
  },
  { name: "name", variable: "PLEXUS_NAME", form: "text", live: false, says: "what people call the node", own: early },
  { name: "host", variable: "PLEXUS_HOST", form: "text", live: false, says: "address to listen on", own: machine },
  {
    name: "port",
    variable: "PLEXUS_PORT",
    form: "integer",
    live: false,
    says: "port, 0 for any free one",
    own: machine,
  },
  { name: "trustedProxies", variable: "PLEXUS_TRUSTED_PROXIES", form: "list", live: false, says: "proxies, by commas" },
  { name: "blockLists", variable: "PLEXUS_BLOCK_LISTS", form: "list", live: false, says: "files and URLs, by commas" },
  { name: "adminAddresses", variable: "PLEXUS_ADMIN_ADDRESSES", form: "list", live: true, says: "ranges, by commas" },
  { name: "allowedHosts", variable: "PLEXUS_ALLOWED_HOSTS", form: "list", live: false, says: "names, by commas" },
  { name: "allowedOrigins", variable: "PLEXUS_ALLOWED_ORIGINS", form: "list", live: true, says: "origins, by commas" },
  {
    name: "metricsListen",
    variable: "PLEXUS_METRICS_LISTEN",
    form: "text",
    live: false,
    says: "127.0.0.1:9464",
    own: machine,
  },
  { name: "grpc", variable: "PLEXUS_GRPC", form: "text", live: false, says: "gRPC: 127.0.0.1:7080", own: machine },
  {
    name: "roles",
    variable: "PLEXUS_ROLES",
    form: "list",
    live: false,
    says: "roles, separated by commas",
    own: "`plexus nodes` sets the roles of a node",
  },
  {
    name: "labels",
    variable: "PLEXUS_LABELS",
    form: "labels",
    live: false,
    says: "zone=a,disk=fast",
    own: "placement and members have it from the node",
  },
  {
    name: "models",
    variable: "PLEXUS_MODELS",
    form: "models",
    live: false,
    says: "PATH or ADAPTER+URL, by ;",
    own: "`plexus models` and `plexus endpoints` say which models the cluster has",
  },
  {
    name: "control",
    variable: "PLEXUS_CONTROL",
    form: "text",
    live: false,
    says: "127.0.0.1:7072 or unix:/path",
    own: machine,
  },
  {
    name: "tls.cert",
    variable: "PLEXUS_TLS_CERT",
    form: "text",
    live: false,
    says: "file with the certificate",
    own: machine,
  },
  { name: "tls.key", variable: "PLEXUS_TLS_KEY", form: "text", live: false, says: "file with its key", own: machine },
  {
    name: "tls.clientCa",
    variable: "PLEXUS_TLS_CLIENT_CA",
    form: "text",
    live: true,
    says: "file with the authorities of client certificates",
    own: machine,
  },
  { name: "gpu", variable: "PLEXUS_GPU", form: "text", live: false, says: "off or auto" },
  {
    name: "prefer",
    variable: "PLEXUS_PREFER",
    form: "text",
    live: false,
    says: "which node with a model is asked first: balanced, speed, cost or local",
  },
  {
    name: "modelMemoryMiB",
    variable: "PLEXUS_MODEL_MEMORY_MIB",
    form: "integer",
    live: false,
    says: "memory of all models together; 0: what the machine leaves",
  },
  {
    name: "modelThreads",
    variable: "PLEXUS_MODEL_THREADS",
    form: "integer",
    live: false,
    says: "threads of all models together; 0: all cores but one",
  },
  {
    name: "modelThreadsMin",
    variable: "PLEXUS_MODEL_THREADS_MIN",
    form: "integer",
    live: false,
    says: "threads that models keep while the node is busy",
  },
  { name: "contextTokens", variable: "PLEXUS_CONTEXT_TOKENS", form: "integer", live: false, says: "context per model" },
  {
    name: "huggingFace",
    variable: "PLEXUS_HUGGING_FACE",
    form: "text",
    live: false,
    says: "where repositories of models are",
  },
  {
    name: "ollamaRegistry",
    variable: "PLEXUS_OLLAMA_REGISTRY",
    form: "text",
    live: false,
    says: "where models are by name and tag",
  },
  { name: "finding.mdns", variable: "PLEXUS_FINDING_MDNS", form: "boolean", live: false, says: "true or false" },
  { name: "finding.dns", variable: "PLEXUS_FINDING_DNS", form: "list", live: false, says: "domains, by commas" },
  {
    name: "finding.dnsServers",
    variable: "PLEXUS_FINDING_DNS_SERVERS",
    form: "list",
    live: false,
    says: "DNS servers for that, by commas",
  },
  { name: "finding.consul", variable: "PLEXUS_FINDING_CONSUL", form: "text", live: false, says: "Consul's address" },
  {
    name: "finding.consulTokenFile",
    variable: "PLEXUS_FINDING_CONSUL_TOKEN_FILE",
    form: "text",
    live: false,
    says: "file with Consul's token",
  },
  { name: "finding.accept", variable: "PLEXUS_FINDING_ACCEPT", form: "text", live: false, says: "none or all" },
  { name: "signUp", variable: "PLEXUS_SIGN_UP", form: "text", live: true, says: "open, domain, invitation or closed" },
  { name: "signUpDomains", variable: "PLEXUS_SIGN_UP_DOMAINS", form: "list", live: true, says: "domains, by commas" },
  {
    name: "publicUrl",
    variable: "PLEXUS_PUBLIC_URL",
    form: "text",
    live: true,
    says: "where people find the page",
    ofOwners: true,
  },
  {
    name: "addressPlaces",
    variable: "PLEXUS_ADDRESS_PLACES",
    form: "text",
    live: false,
    says: "file: CIDR,latitude,longitude,place",
  },
  {
    name: "leakedPasswords",
    variable: "PLEXUS_LEAKED_PASSWORDS",
    form: "text",
    live: false,
    says: "file with passwords that nobody may take",
  },
  {
    name: "join",
    variable: "PLEXUS_JOIN",
    form: "text",
    live: false,
    says: "token of an invitation, used once",
    own: early,
  },
  {
    name: "mesh.host",
    variable: "PLEXUS_MESH_HOST",
    form: "text",
    live: false,
    says: "address for other nodes",
    own: machine,
  },
  {
    name: "mesh.port",
    variable: "PLEXUS_MESH_PORT",
    form: "integer",
    live: false,
    says: "port for other nodes",
    own: machine,
  },
  {
    name: "mesh.announce",
    variable: "PLEXUS_MESH_ANNOUNCE",
    form: "list",
    live: false,
    says: "multiaddrs, by commas",
    own: reach,
  },
  {
    name: "mesh.peers",
    variable: "PLEXUS_MESH_PEERS",
    form: "list",
    live: false,
    says: "multiaddrs, by commas",
    own: reach,
  },
  { name: "mesh.mdns", variable: "PLEXUS_MESH_MDNS", form: "boolean", live: false, says: "true or false", own: reach },
  {
    name: "directory.kind",
    variable: "PLEXUS_DIRECTORY",
    form: "text",
    live: false,
    says: "embedded or etcd",
    own: reach,
  },
  {
    name: "directory.endpoints",
    variable: "PLEXUS_ETCD",
    form: "list",
    live: false,
    says: "etcd's addresses, by commas",
    own: reach,
  },
  {
    name: "shardSchemes",
    variable: "PLEXUS_SHARD_SCHEMES",
    form: "labels",
    live: false,
    says: "how bulk is coded: default=8+4/4+4/3,backup=4+4",
  },
  {
    name: "shardQuota",
    variable: "PLEXUS_SHARD_QUOTA",
    form: "text",
    live: false,
    says: "most that shards take here: 500gb",
  },
  { name: "replicas", variable: "PLEXUS_REPLICAS", form: "integer", live: true, says: "copies of each slot" },
  {
    name: "minInSync",
    variable: "PLEXUS_MIN_IN_SYNC",
    form: "integer",
    live: true,
    says: "copies in sync that a slot needs",
  },
  { name: "weight", variable: "PLEXUS_WEIGHT", form: "number", live: true, says: "share compared to other nodes" },
  {
    name: "log.level",
    variable: "PLEXUS_LOG_LEVEL",
    form: "text",
    live: true,
    says: "debug, info, warn, error, silent",
  },
  { name: "log.format", variable: "PLEXUS_LOG_FORMAT", form: "text", live: false, says: "auto, json, pretty" },
  {
    name: "tracing.ratio",
    variable: "PLEXUS_TRACING_RATIO",
    form: "number",
    live: false,
    says: "share of requests that are traced, like 0.01",
  },
  {
    name: "tracing.url",
    variable: "PLEXUS_TRACING_URL",
    form: "text",
    live: false,
    says: "where spans are sent by OTLP: http://127.0.0.1:4318/v1/traces",
  },
  {
    name: "limits.drainTimeoutMs",
    variable: "PLEXUS_DRAIN_TIMEOUT",
    form: "duration",
    live: true,
    says: "how long a stop may take, for example 10s",
  },
  {
    name: "limits.patience",
    variable: "PLEXUS_PATIENCE",
    form: "number",
    live: false,
    says: "how many times longer than usual a node waits for others, 1 to 10",
  },
];

/** Variables with our prefix that are not configuration of a node: the cli itself reads them. */
export const cliVariables: readonly string[] = [
  "PLEXUS_CONFIG",
  "PLEXUS_URL",
  "PLEXUS_USER",
  "PLEXUS_PASSWORD",
  "PLEXUS_ENDPOINT",
  // What it was called before.
  "PLEXUS_NODE",
  "PLEXUS_TOKEN",
  "PLEXUS_TOKEN_FILE",
  "PLEXUS_CA",
  "PLEXUS_CLIENT_CERT",
  "PLEXUS_CLIENT_KEY",
];
