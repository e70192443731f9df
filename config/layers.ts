import { isAbsolute, join, resolve } from "node:path";
import { Value } from "typebox/value";
import { parseDocument } from "yaml";
import { assert, failure, failureOf, isLoopback, PlexusError } from "../protocols/index.ts";
import { cliVariables, fields, type Field } from "./fields.ts";
import {
  configDefaults,
  configSchema,
  layerSchema,
  meshPortFor,
  nodeNameFrom,
  parseControl,
  type Config,
  type ConfigInput,
} from "./schema.ts";
import { meshProblem, withoutBrackets } from "./addresses.ts";
import { modelFromText, modelProblem, splitAt, type ModelEntry } from "./models.ts";
import { valueAt } from "./reload.ts";
import { parseDurationMs } from "./units.ts";

/** What the cli collected. Later ones win. */
export interface ConfigLayers {
  readonly file?: { readonly path: string; readonly content: unknown };
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly flags?: ConfigInput;
}

/** What only the machine knows. */
export interface ConfigContext {
  /** Where relative paths of flags and environment start. Those of a file start at the file's folder. */
  readonly workFolder: string;
  readonly dataFolder: string;
  /** What the machine is called; see `nodeNameFrom`. */
  readonly hostname: string;
  readonly models: Config["models"];
}

/** A layer on its way: nested plain data, not yet known to be valid. */
type Raw = Readonly<Record<string, unknown>>;

/** Where a value comes from. `cluster`: what admins set for all nodes; `node`: what they set for this one. */
export type SettingSource = "default" | "file" | "cluster" | "node" | "environment" | "flags";

/** What admins have set, by dotted names, as the cluster has it. */
export interface ClusterValues {
  readonly all: Readonly<Record<string, unknown>>;
  readonly node: Readonly<Record<string, unknown>>;
}

/** A configuration, and how it came about. */
export interface Explained {
  readonly config: Config;
  readonly sources: ReadonlyMap<string, SettingSource>;
  /** Values of the cluster that cannot be taken here, by the set and the name: why. They count as if nobody had set
   *  them. */
  readonly refused: ReadonlyMap<string, string>;
}

/** How `Explained.refused` names a value. */
export const refusedKey = (of: keyof ClusterValues, name: string): string => `${of} ${name}`;

/** Nothing that admins have set. */
export const noClusterValues: ClusterValues = { all: {}, node: {} };

/** Checks the layers and merges them into one configuration. Throws CONFIG_INVALID, details `{ field, from, reason
 *  }`. */
export const parseConfig = (layers: ConfigLayers, context: ConfigContext): Config =>
  explainConfig(layers, context, noClusterValues).config;

/** The same, with what the cluster says: over the file, below environment and flags. Only what the node itself is told
 *  is an error; what is wrong with the cluster's values is told, and they are left out (`failed`: those with which a
 *  start has failed, and why). */
export function explainConfig(
  layers: ConfigLayers,
  context: ConfigContext,
  cluster: ClusterValues,
  failed: ReadonlyMap<string, string> = new Map(),
): Explained {
  const { file, environment = {}, flags = {} } = layers;
  const { workFolder } = context;
  const refused = new Map<string, string>();
  const fromCluster = (of: keyof ClusterValues): Raw => {
    let layer: Raw = {};
    for (const [name, value] of Object.entries(cluster[of])) {
      const key = refusedKey(of, name);
      const checked = checkSetting(name, value);
      const reason = failed.get(key) ?? ("reason" in checked ? checked.reason : undefined);
      if (reason !== undefined) refused.set(key, reason);
      else if ("value" in checked) layer = merge(layer, nested(name, checked.value));
    }
    return layer;
  };
  const checked: { readonly source: SettingSource; layer: Raw }[] = [
    {
      source: "file",
      layer:
        file === undefined
          ? {}
          : checkLayer(file.content, { from: `file ${file.path}`, folder: join(file.path, "..") }),
    },
    { source: "cluster", layer: fromCluster("all") },
    { source: "node", layer: fromCluster("node") },
    {
      source: "environment",
      layer: checkLayer(readEnvironment(environment), { from: "environment", folder: workFolder }),
    },
    { source: "flags", layer: checkLayer(withoutAbsent(flags), { from: "flags", folder: workFolder }) },
  ];
  const base: Raw = { ...configDefaults, data: context.dataFolder, models: context.models };
  const merged = (): Raw => withDerived(checked.map(({ layer }) => layer).reduce(merge, base), context);
  const copies = ["replicas", "minInSync"] as const;
  const { minInSync, replicas } = merged() as Partial<Config>;
  const isOfCluster = copies.some((name) =>
    checked.some(({ source, layer }) => (source === "cluster" || source === "node") && name in layer),
  );
  if (isOfCluster && Number(minInSync) > Number(replicas))
    for (const set of ["all", "node"] as const)
      for (const name of copies) {
        const held = checked.find(({ source }) => source === (set === "all" ? "cluster" : "node"));
        if (held === undefined || !(name in held.layer)) continue;
        refused.set(refusedKey(set, name), `minInSync (${minInSync}) would be more than replicas (${replicas})`);
        held.layer = Object.fromEntries(Object.entries(held.layer).filter(([other]) => other !== name));
      }
  const config = merged();
  checkTogether(config as Partial<Config>);
  assert(Value.Check(configSchema, config), "checked layers over complete defaults are a complete configuration");
  assert(isAbsolute(config.data), "the data folder is an absolute path");
  const sources = new Map(
    fields.map(({ name }) => {
      const from = checked.findLast(({ layer }) => valueAt(layer, name) !== undefined);
      return [name, from?.source ?? "default"] as const;
    }),
  );
  return { config, sources, refused };
}

const paths: readonly string[] = ["leakedPasswords", "addressPlaces", "finding.consulTokenFile"];

/** A value that is to be set for the cluster, as it would be kept; or why it cannot be. */
export function checkSetting(name: string, value: unknown): { readonly value: unknown } | { readonly reason: string } {
  const field = fields.find((one) => one.name === name);
  if (field === undefined) return { reason: "there is no such field" };
  if (field.own !== undefined)
    return { reason: `it is set at the node itself (${field.variable}, a flag or a file): ${field.own}` };
  if (value === undefined || value === null) return { reason: "has no value; unset it instead" };
  // Nor may a refusal repeat it.
  if (/:\/\/[^/\s"]*@/.test(JSON.stringify(value)))
    return {
      reason: "has a name or a password in its address; what is set here is shown to admins and kept in the history",
    };
  if (paths.includes(name) && !(typeof value === "string" && isAbsolute(value)))
    return { reason: "must be an absolute path, which is the same on each node" };
  try {
    return { value: valueAt(checkLayer(nested(name, value), { from: "the cluster", folder: "/" }), name) };
  } catch (thrown) {
    const refusal = failureOf(thrown);
    if (refusal.code !== "CONFIG_INVALID") throw thrown;
    return { reason: String(refusal.details?.["reason"]) };
  }
}

/** A value as somebody types it, in the form of the field's variable. */
export function settingFromText(name: string, text: string): unknown {
  const field = fields.find((one) => one.name === name);
  return field === undefined ? text : readText(field, text);
}

function nested(name: string, value: unknown): Raw {
  const [group = "", inner] = name.split(".");
  return inner === undefined ? { [group]: value } : { [group]: { [inner]: value } };
}

/** Fields that follow others when nobody names them. */
function withDerived(config: Raw, context: ConfigContext): Raw {
  const { name, data, host, port, mesh } = config as Pick<Config, "data" | "port"> & Partial<Config>;
  return {
    ...config,
    ...(host !== undefined && { host: withoutBrackets(host) }),
    name: name ?? nodeNameFrom(context.hostname, data),
    mesh: {
      port: meshPortFor(port),
      ...mesh,
      ...(mesh?.host !== undefined && { host: withoutBrackets(mesh.host) }),
    },
  };
}

/** What each layer could not know: whether fields fit one another. */
function checkTogether(config: Partial<Config>): void {
  const { port, mesh, replicas = 0, minInSync = 0, directory, control, grpc, tls = {} } = config;
  const refuse = (field: string, reason: string): never => {
    throw invalid(field, "all layers together", reason);
  };
  if (minInSync > replicas)
    refuse("minInSync", `must not be more than replicas, which is ${replicas}; it is ${minInSync}`);
  const names = (config.models ?? []).map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    refuse("models", `two models are called ${twice}; give one of them another name (--model FILE,NAME)`);
  if (port !== 0 && port === mesh?.port)
    refuse("mesh.port", `is port as well (${port}); people and nodes need one each`);
  const unusable = mesh === undefined ? undefined : meshProblem(mesh);
  if (unusable !== undefined) refuse(unusable.field, unusable.reason);
  if ((tls.cert === undefined) !== (tls.key === undefined))
    refuse(
      tls.cert === undefined ? "tls.cert" : "tls.key",
      "a certificate and its key belong together (--tls-cert, --tls-key)",
    );
  if (tls.clientCa !== undefined && (tls.cert === undefined || (control === undefined && grpc === undefined)))
    refuse(
      "tls.clientCa",
      "clients show certificates at the control endpoint and by gRPC, over TLS: it needs --tls-cert, and " +
        "--control or --grpc",
    );
  const place = control === undefined ? undefined : parseControl(control);
  if (place !== undefined && "host" in place) {
    if (!isLoopback(place.host.includes(":") ? `[${place.host}]` : place.host) && tls.cert === undefined)
      refuse(
        "control",
        `tokens would cross the network for all to read: ${place.host} needs TLS (--tls-cert, --tls-key), or ` +
          "listen on 127.0.0.1 or unix:/path",
      );
    if (place.port !== 0 && (place.port === port || place.port === mesh?.port))
      refuse("control", `its port is taken by ${place.port === port ? "port" : "mesh.port"} (${place.port})`);
  }
  if (directory?.kind === "etcd" && !("endpoints" in directory))
    refuse("directory.endpoints", "etcd needs at least one address, like http://10.0.0.5:2379 (--etcd, PLEXUS_ETCD)");
}

/** Reads YAML text. Throws CONFIG_INVALID with line and column. */
export function parseConfigFile(text: string, path: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const problem = document.errors[0];
  if (problem !== undefined) throw invalid("", `file ${path}`, problem.message.split("\n")[0] ?? problem.message);
  try {
    // Aliases can blow a small file up to gigabytes; a configuration needs none.
    return (document.toJS({ maxAliasCount: 0 }) as unknown) ?? {};
  } catch (thrown) {
    throw invalid("", `file ${path}`, String((thrown as Error).message));
  }
}

/** Variables that carry our prefix and mean nothing: probably a typing error. Worth a warning, never a refusal, because
 *  Kubernetes adds PLEXUS_SERVICE_HOST and the like to a pod beside a service of that name. */
export function unknownVariables(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const known = new Set([...fields.map((field) => field.variable), ...cliVariables]);
  return Object.keys(environment).filter((name) => name.startsWith("PLEXUS_") && !known.has(name));
}

function readEnvironment(environment: Readonly<Record<string, string | undefined>>): Raw {
  let layer: Raw = {};
  for (const field of fields) {
    const text = environment[field.variable];
    // An empty variable is how shells and compose files say "not set".
    if (text === undefined || text === "") continue;
    layer = merge(layer, nested(field.name, readText(field, text)));
  }
  return layer;
}

function readText(field: Field, text: string): unknown {
  switch (field.form) {
    case "text":
    case "duration":
      return text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "number":
      return /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : text;
    case "integer":
      return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
    case "list":
      return text.split(",").map((part) => part.trim());
    case "labels":
      return Object.fromEntries(text.split(",").map((part) => splitAt(part.trim(), "=")));
    case "models":
      return text
        .split(";")
        .filter((part) => part !== "")
        .map((part) => modelFromText(part));
  }
}

function checkLayer(content: unknown, place: { readonly from: string; readonly folder: string }): Raw {
  const layer = readDurations(content, place.from);
  if (!isGroup(layer))
    throw invalid("", place.from, `must be fields with values, like \`port: 7070\`, not ${shown(layer)}`);
  const [worst] = Value.Errors(layerSchema, layer)
    .map((error) => ({ ...error, field: error.instancePath.slice(1).replaceAll("/", ".") }))
    // An unknown field is reported twice, at the field and at its parent; the deeper path names it.
    .toSorted((one, other) => other.field.length - one.field.length);
  if (worst !== undefined) throw invalid(worst.field, place.from, explain(layer, worst));
  for (const [index, entry] of ((layer["models"] ?? []) as readonly ModelEntry[]).entries()) {
    const problem = modelProblem(entry);
    if (problem !== undefined) throw invalid(`models.${index}.${problem.field}`, place.from, problem.reason);
  }
  return absolutePaths(withDirectoryKind(layer, place.from), place.folder);
}

/** A layer that names etcd's addresses means etcd. Endpoints beside `embedded` are a contradiction. */
function withDirectoryKind(layer: Raw, from: string): Raw {
  const directory = layer["directory"] as { readonly kind?: string; readonly endpoints?: unknown } | undefined;
  if (directory?.endpoints === undefined) return layer;
  if (directory.kind === "embedded")
    throw invalid("directory.endpoints", from, "belongs to kind etcd, not to embedded");
  return { ...layer, directory: { ...directory, kind: "etcd" } };
}

function explain(
  layer: Raw,
  { field, keyword, message }: { readonly field: string; readonly keyword: string; readonly message: string },
): string {
  if (!fields.some((row) => row.name === field || row.name.startsWith(`${field}.`) || field.startsWith(`${row.name}.`)))
    return "there is no such field";
  const allowed = field.split(".").reduce<Raw | undefined>(childSchema, layerSchema as unknown as Raw);
  // What it holds may be a key.
  if (allowed === undefined && field.startsWith("models.")) return "there is no such field";
  const choices = (allowed?.["anyOf"] as readonly Raw[] | undefined)?.map((choice) => choice["const"]);
  // A token or a key is a secret also where it is malformed.
  const isSecret = field === "join" || /^models\.\d+\.(key|url)/.test(field);
  const given = isSecret ? "what was given" : shown(valueAt(layer, field));
  const description = allowed?.["description"];
  const described = typeof description === "string" ? `${message} (${description})` : message;
  // A pattern says in signs what its description says in words.
  const wanted = keyword === "pattern" && typeof description === "string" ? `must be ${description}` : described;
  return choices === undefined ? `${wanted}, not ${given}` : `must be one of ${choices.join(", ")}, not ${given}`;
}

const shown = (value: unknown): string | undefined => JSON.stringify(value)?.slice(0, 100);

const childSchema = (node: Raw | undefined, part: string): Raw | undefined =>
  ((node?.["properties"] as Raw | undefined)?.[part] ?? node?.["items"]) as Raw | undefined;

function readDurations(content: unknown, from: string): unknown {
  if (!isGroup(content)) return content;
  let layer: Raw = content;
  for (const field of fields.filter((row) => row.form === "duration")) {
    const [group = "", name = ""] = field.name.split(".");
    const values = layer[group];
    if (!isGroup(values) || typeof values[name] !== "string") continue;
    const durationMs = parseDurationMs(values[name]);
    if (durationMs === undefined) throw invalid(field.name, from, `not a duration: ${values[name].slice(0, 100)}`);
    layer = { ...layer, [group]: { ...values, [name]: durationMs } };
  }
  return layer;
}

function absolutePaths(layer: Raw, folder: string): Raw {
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  const { data, models, finding, leakedPasswords, addressPlaces, backupFolders, tls } = layer as Partial<Config>;
  const tokenFile = finding?.consulTokenFile;
  return {
    ...layer,
    ...(data !== undefined && { data: absolute(data) }),
    ...(leakedPasswords !== undefined && { leakedPasswords: absolute(leakedPasswords) }),
    ...(addressPlaces !== undefined && { addressPlaces: absolute(addressPlaces) }),
    ...(backupFolders !== undefined && { backupFolders: backupFolders.map((one) => resolve(absolute(one))) }),
    ...(tls !== undefined && {
      tls: Object.fromEntries(Object.entries(tls).map(([name, file]) => [name, absolute(file)])),
    }),
    ...(tokenFile !== undefined && { finding: { ...finding, consulTokenFile: absolute(tokenFile) } }),
    ...(models !== undefined && { models: models.map((model) => withAbsolute(model, absolute)) }),
  };
}

const withAbsolute = (model: ModelEntry, absolute: (path: string) => string): ModelEntry => ({
  ...model,
  ...(model.path !== undefined && { path: absolute(model.path) }),
  ...(model.key?.file !== undefined && { key: { file: absolute(model.key.file) } }),
  ...(model.draft !== undefined && { draft: absolute(model.draft) }),
  ...(model.lora !== undefined && { lora: model.lora.map((one) => ({ ...one, path: absolute(one.path) })) }),
});

const isGroup = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.getPrototypeOf(value) !== null;

function merge(base: Raw, layer: Raw): Raw {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(layer)) {
    const before = merged[name];
    // An embedded directory has no endpoints, whatever a lower layer named.
    const whole = name === "directory" && isGroup(value) && value["kind"] === "embedded";
    merged[name] = !whole && isGroup(before) && isGroup(value) ? { ...before, ...value } : value;
  }
  return merged;
}

function withoutAbsent(value: unknown): unknown {
  if (!isGroup(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => (inner === undefined ? [] : [[name, withoutAbsent(inner)]])),
  );
}

function invalid(field: string, from: string, reason: string): PlexusError {
  return new PlexusError(failure("CONFIG_INVALID", { field, from, reason }));
}
