/** What a node runs with, which value of what comes from where, and what a change would do. Holds no file and no clock:
 *  its caller reads files, hears of changes, and tells it. */
import { planReload, valueAt, type ReloadPlan } from "./reload.ts";
import { fields, type Field } from "./fields.ts";
import {
  explainConfig,
  refusedKey,
  type ClusterValues,
  type ConfigContext,
  type ConfigLayers,
  type Explained,
  type SettingSource,
} from "./layers.ts";
import type { Config } from "./schema.ts";

/** How one key stands at a node. */
export interface SettingState {
  readonly key: string;
  /** What the node runs with. Absent: nothing is set. Secrets are hidden. */
  readonly value?: unknown;
  readonly source: SettingSource;
  /** The file or the variable. */
  readonly at?: string;
  /** What counts from the next start on, where that is something else. */
  readonly next?: { readonly value?: unknown; readonly source: SettingSource };
  /** Why what the cluster says of it does not count here. */
  readonly notApplied?: string;
}

/** What a change would do to one key. */
export interface SettingEffect {
  readonly key: string;
  readonly before?: unknown;
  readonly after?: unknown;
  /** `now`: a running node takes it; `restart`: it counts from the next start on; `none`: nothing changes, and
   *  `why`. */
  readonly takes: "now" | "restart" | "none";
  readonly why?: string;
}

/** The configuration of a node that runs. */
export interface Settings {
  /** What it runs with now. */
  current(): Config;
  /** Every key, in the order of the table. */
  view(): readonly SettingState[];
  /** What these values of the cluster would do, key by key, of those that differ. */
  plan(cluster: ClusterValues): readonly SettingEffect[];
  /** From now on the cluster says this. */
  take(cluster: ClusterValues): ReloadPlan;
  /** File, environment or flags are others now. Throws CONFIG_INVALID, and keeps what was. */
  reread(layers: ConfigLayers): ReloadPlan;
  /** The node did not start with a value. True: it is the cluster's, and is left out from now on, until it is another
   *  one. */
  leaveOut(key: string, reason: string): boolean;
  /** Called when a running node is to take something. */
  onChange(listener: (config: Config) => void): () => void;
}

/** Makes it. Throws CONFIG_INVALID of what the node itself is told. */
export function createSettings(first: ConfigLayers, context: ConfigContext, remembered: ClusterValues): Settings {
  let layers = first;
  let cluster = remembered;
  /** By `refusedKey`, with the value that it is about. */
  const failed = new Map<string, { readonly value: string; readonly reason: string }>();
  const failures = (of: ClusterValues): ReadonlyMap<string, string> =>
    new Map(
      (["all", "node"] as const).flatMap((set) =>
        Object.entries(of[set]).flatMap(([name, value]) => {
          const known = failed.get(refusedKey(set, name));
          return known?.value === JSON.stringify(value) ? [[refusedKey(set, name), known.reason] as const] : [];
        }),
      ),
    );
  const explain = (of: ClusterValues, from = layers): Explained => explainConfig(from, context, of, failures(of));
  let wanted = explain(cluster);
  let running = wanted.config;
  /** Where what runs is from: of live keys that is what is wanted. */
  let sources = wanted.sources;
  const listeners = new Set<(config: Config) => void>();

  function adopt(next: Explained): ReloadPlan {
    const plan = planReload(running, next.config);
    wanted = next;
    running = withLive(running, next.config);
    sources = new Map(
      fields.map(({ name, live }) => {
        const isTaken = live || !plan.restart.includes(name);
        return [name, (isTaken ? next.sources : sources).get(name) ?? "default"];
      }),
    );
    if (plan.apply.length > 0) for (const listener of listeners) listener(running);
    return plan;
  }

  function whyNot(of: ClusterValues, by: Explained, name: string): string | undefined {
    const set = name in of.node ? "node" : name in of.all ? "all" : undefined;
    if (set === undefined) return undefined;
    const refusal = by.refused.get(refusedKey(set, name));
    if (refusal !== undefined) return refusal;
    const source = by.sources.get(name);
    if (source === "environment") return `${variableOf(name)} in the node's environment counts instead`;
    return source === "flags" ? "a flag that the node was started with counts instead" : undefined;
  }

  return {
    current: () => running,
    view: () =>
      fields.map((field): SettingState => {
        const { name } = field;
        const source = sources.get(name) ?? "default";
        const value = shownSetting(name, valueAt(running, name));
        const later = shownSetting(name, valueAt(wanted.config, name));
        const at = source === "environment" ? field.variable : source === "file" ? layers.file?.path : undefined;
        const notApplied = whyNot(cluster, wanted, name);
        return {
          key: name,
          ...(value !== undefined && { value }),
          source,
          ...(at !== undefined && { at }),
          ...(!isSame(valueAt(running, name), valueAt(wanted.config, name)) && {
            next: { ...(later !== undefined && { value: later }), source: wanted.sources.get(name) ?? "default" },
          }),
          ...(notApplied !== undefined && { notApplied }),
        };
      }),
    plan(proposed) {
      const by = explain(proposed);
      const names = new Set(
        [...(["all", "node"] as const)].flatMap((set) => [...Object.keys(proposed[set]), ...Object.keys(cluster[set])]),
      );
      return [...names]
        .filter((name) => !isSame([proposed.all[name], proposed.node[name]], [cluster.all[name], cluster.node[name]]))
        .map((name): SettingEffect => {
          const before = shownSetting(name, valueAt(running, name));
          const after = shownSetting(name, valueAt(by.config, name));
          const why = whyNot(proposed, by, name);
          const isChange = !isSame(valueAt(running, name), valueAt(by.config, name));
          const takes = !isChange ? "none" : fieldOf(name)?.live === true ? "now" : "restart";
          const same =
            why ??
            (name in proposed.node || !(name in cluster.node || by.sources.get(name) === "node")
              ? "it has this value already"
              : undefined);
          const said = isChange ? why : same;
          return {
            key: name,
            ...(before !== undefined && { before }),
            ...(after !== undefined && { after }),
            takes,
            ...(said !== undefined && { why: said }),
          };
        });
    },
    take(next) {
      cluster = next;
      return adopt(explain(next));
    },
    reread(next) {
      const by = explain(cluster, next);
      layers = next;
      return adopt(by);
    },
    leaveOut(key, reason) {
      const source = wanted.sources.get(key);
      if (source !== "cluster" && source !== "node") return false;
      const set = source === "cluster" ? "all" : "node";
      failed.set(refusedKey(set, key), {
        value: JSON.stringify(cluster[set][key]),
        reason: `the node did not start with it: ${reason}`,
      });
      wanted = explain(cluster);
      running = wanted.config;
      sources = wanted.sources;
      return true;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** A configuration that runs, with those keys of another that a running node takes. */
function withLive(running: Config, next: Config): Config {
  const taken: Record<string, unknown> = { ...running };
  for (const { name } of fields.filter((field) => field.live)) {
    const [group = "", inner] = name.split(".");
    if (inner === undefined) taken[group] = valueAt(next, name);
    else taken[group] = { ...(taken[group] as object), [inner]: valueAt(next, name) };
  }
  return taken as Config;
}

const fieldOf = (name: string): Field | undefined => fields.find((one) => one.name === name);
const variableOf = (name: string): string => fieldOf(name)?.variable ?? name;
const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** A value as admins may see it: without what opens something. */
export function shownSetting(name: string, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (name === "join") return "(hidden)";
  if (name === "blockLists") return (value as readonly string[]).map(withoutQuery);
  if (name !== "models") return value;
  return (value as Config["models"]).map((entry) => {
    const { key: _, url, ...rest } = entry;
    return { ...rest, ...(url !== undefined && { url: withoutQuery(url) }) };
  });
}

/** An address without what may be a password or a token. Of a file, its path. */
function withoutQuery(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return text;
  if (url.username === "" && url.password === "" && url.search === "") return text;
  return `${url.protocol}//${url.host}${url.pathname}${url.search === "" ? "" : "?…"}`;
}
