/** Servers with models, as this node uses them: those of its configuration, those of the cluster, and what it found if
 *  its operator accepts that. It asks them as long as it has the role `ai`, or the configuration names them.
 *
 *  Each sort has names of its own; where two are the same, the configuration counts, then the cluster. */
import { join } from "node:path";
import { modelProblem, type Config, type ModelEntry } from "../../../config/index.ts";
import {
  everyModel,
  failure,
  ok,
  refused,
  type Endpoint,
  type EndpointCandidate,
  type EndpointView,
  type Result,
} from "../../../protocols/index.ts";
import { createFinder, modelSpec, tryEndpoint, watchCatalogue, type ModelSpec } from "../../../runtimes/index.ts";
import type { ClusterEndpoints } from "../../cluster/facts/endpoints.ts";
import { destinationOf, secretFault, type NamedSecrets } from "../../cluster/facts/secrets.ts";
import type { EndpointKeys } from "./endpoint-keys.ts";
import type { EndpointsPort } from "../models/index.ts";
import type { Clock, Log, Membership } from "../../ports/index.ts";

/** The endpoints of a node, before it knows others. */
export interface NodeEndpoints {
  /** The models of one entry of the configuration that stands for a whole server. */
  models(entry: string): readonly ModelSpec[];
  /** The models of all others. */
  more(): readonly ModelSpec[];
  /** From now on the endpoints of the cluster are among them. */
  join(at: {
    readonly node: string;
    readonly endpoints: ClusterEndpoints;
    readonly membership: Pick<Membership, "members" | "onChange">;
    /** Secrets that keys may be; absent: a key that is one is never there. */
    readonly named?: Pick<NamedSecrets, "list">;
    readonly keys?: Pick<EndpointKeys, "variableOf" | "onChange">;
  }): EndpointsPort;
  stop(): void;
}

interface Entry {
  readonly from: EndpointView["from"];
  readonly view: Pick<EndpointView, "name" | "adapter" | "url" | "model" | "key" | "labels" | "capabilities">;
  /** Absent: this node does not ask it. */
  readonly spec?: ModelSpec;
  /** It is asked again and again. */
  readonly isWatched: boolean;
}

const trialsMax = 4;
/** A variable that is never set. */
const noKey = "PLEXUS_HELD_NOTHING_0_API_KEY";

/** Begins to ask those of the configuration, and to look for others if it says so. */
export function openEndpoints(
  config: Config,
  at: {
    readonly clock: Clock;
    readonly log: Log;
    /** Where files of keys are. */
    readonly keyFolder: string;
    readonly changed: () => void;
  },
): NodeEndpoints {
  const { clock, log, changed, keyFolder } = at;
  const listeners = new Set<() => void>();
  const tell = (): void => listeners.forEach((listener) => listener());
  let cluster: readonly Endpoint[] = [];
  let own: { readonly isAi: boolean; readonly labels: Readonly<Record<string, string>> } | undefined;
  let members: readonly string[] = [];
  let trials = 0;
  let keys: Pick<EndpointKeys, "variableOf"> | undefined;

  const configured = config.models.flatMap((entry): readonly Entry[] => {
    const { name, adapter, url, model = name, key, capabilities } = entry;
    if (url === undefined || adapter === undefined) return [];
    const view = { name, adapter, url, model, ...keyView(key), ...(capabilities && { capabilities }) };
    return [{ from: "configuration", view, spec: modelSpec(entry, config), isWatched: model === everyModel }];
  });
  const entries = (): readonly Entry[] => {
    const all = [...configured];
    const add = (entry: Entry): void => {
      if (!all.some(({ view }) => view.name === entry.view.name)) all.push(entry);
    };
    for (const endpoint of cluster) add(entryOf(endpoint));
    if (config.finding.accept === "all" && own?.isAi === true)
      for (const candidate of finder.candidates()) if (isAcceptable(candidate)) add(foundEntry(candidate));
    return all;
  };
  const entryOf = (endpoint: Endpoint): Entry => {
    const { name, adapter, url, model = everyModel, key, labels, capabilities } = endpoint;
    const view = {
      name,
      adapter,
      url,
      model,
      ...keyView(key),
      ...(labels && { labels }),
      ...(capabilities && { capabilities }),
    };
    const isOurs =
      own?.isAi === true && Object.entries(labels ?? {}).every(([label, value]) => own?.labels[label] === value);
    const entry = modelEntryOf(endpoint);
    const isAsked = isOurs && modelProblem(entry) === undefined;
    return { from: "cluster", view, isWatched: true, ...(isAsked && { spec: modelSpec(entry, config) }) };
  };
  const foundEntry = ({ name, adapter, url }: EndpointCandidate): Entry => ({
    from: "found",
    view: { name, adapter, url, model: everyModel },
    spec: modelSpec({ name, adapter, url, model: everyModel }, config),
    isWatched: true,
  });
  /** As this node asks it: a file of a key is one of its own. */
  const modelEntryOf = (endpoint: Endpoint): ModelEntry => {
    const { labels: _, key, model = everyModel, ...rest } = endpoint;
    return { ...rest, model, ...placeOf(key, endpoint.url) };
  };
  const placeOf = (key: Endpoint["key"], url: string): Pick<ModelEntry, "key"> => {
    if (key === undefined) return {};
    if (key.secret !== undefined) return { key: { env: keys?.variableOf(key.secret, url) ?? noKey } };
    const { env, file } = key;
    return {
      key: file === undefined ? { ...(env !== undefined && { env }) } : { file: join(keyFolder, file) },
    };
  };

  const catalogue = watchCatalogue({ clock, log, changed });
  const { mdns, dns, dnsServers, consul, consulTokenFile } = config.finding;
  const finder = createFinder({
    ways: {
      ...(mdns && { mdns: {} }),
      ...(dns.length > 0 && { dns: { names: dns, servers: dnsServers } }),
      ...(consul !== undefined && { consul: { url: consul, tokenFile: consulTokenFile } }),
    },
    clock,
    log,
    isOwnNode: (node) => members.includes(node),
    taken: () => entries().map(({ view }) => view.name),
    changed: () => follow(),
  });
  const follow = (): void => {
    const before = JSON.stringify(more());
    catalogue.set(entries().flatMap(({ spec, isWatched }) => (spec !== undefined && isWatched ? [spec] : [])));
    if (JSON.stringify(more()) !== before) changed();
    tell();
  };
  const more = (): readonly ModelSpec[] =>
    entries().flatMap(({ from, view }) => (from === "configuration" ? [] : catalogue.models(view.name)));
  follow();

  const viewOf = ({ from, view, spec, isWatched }: Entry): EndpointView => {
    if (!isWatched) return { ...view, from, state: "unasked", models: [{ model: view.model ?? view.name }] };
    const standing = spec === undefined ? undefined : catalogue.standing(view.name);
    if (standing === undefined) return { ...view, from, state: "elsewhere", models: [] };
    const { misses: _, ...seen } = standing;
    return { ...view, from, ...seen };
  };

  return {
    models: (entry) => catalogue.models(entry),
    more,
    stop() {
      finder.stop();
      catalogue.stop();
    },
    join({ node, endpoints, membership, named, keys: held }) {
      keys = held;
      const look = (): void => {
        const all = membership.members().members;
        const row = all.find((one) => one.node === node);
        members = [node, ...all.map((one) => one.node)];
        const next = row && { isAi: row.roles.includes("ai"), labels: row.labels };
        const same = JSON.stringify([next, endpoints.current()]) === JSON.stringify([own, cluster]);
        own = next;
        cluster = endpoints.current();
        if (!same) follow();
      };
      endpoints.onChange(look);
      membership.onChange(look);
      held?.onChange(() => follow());
      look();
      return {
        view() {
          const all = entries();
          const known = new Set(all.map(({ view }) => URL.parse(view.url)?.origin));
          const search = finder.search();
          return {
            endpoints: all.map(viewOf),
            candidates: finder.candidates().filter(({ url }) => !known.has(URL.parse(url)?.origin)),
            ...(search !== undefined && { search }),
          };
        },
        async set(endpoint, seen) {
          const problem = modelProblem(modelEntryOf(endpoint));
          if (problem !== undefined) return refused(failure("BAD_REQUEST", { ...problem }));
          const lacking =
            endpoint.key?.secret === undefined
              ? undefined
              : secretFault(named?.list() ?? [], endpoint.key.secret, destinationOf(endpoint.url));
          if (lacking !== undefined) return refused(failure("BAD_REQUEST", { path: "/key/secret", problem: lacking }));
          const taken = configured.some(({ view }) => view.name === endpoint.name);
          if (taken)
            return refused(
              failure("NAME_TAKEN", {
                name: endpoint.name,
                reason: "the configuration of this node has an endpoint of this name",
              }),
            );
          return endpoints.set(endpoint, seen);
        },
        remove: (name) => endpoints.remove(name),
        async test({ name, endpoint, model, speed = true }) {
          const found = specFor(name, endpoint);
          if (!found.ok) return found;
          if (trials >= trialsMax) return refused(failure("OVERLOADED", { trialsMax }));
          trials += 1;
          try {
            return ok(await tryEndpoint(found.value, { model, speed }));
          } finally {
            trials -= 1;
          }
        },
        begin: (search) => finder.begin(search),
        cancel: (id) => finder.cancel(id),
        watch(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      };
    },
  };

  function specFor(name: string | undefined, endpoint: Omit<Endpoint, "name"> | undefined): Result<ModelSpec> {
    if ((name === undefined) === (endpoint === undefined))
      return refused(failure("BAD_REQUEST", { field: "name", reason: "name an endpoint, or give one" }));
    if (endpoint !== undefined) {
      const entry = modelEntryOf({ name: "test", ...endpoint });
      const problem = modelProblem(entry);
      return problem === undefined ? ok(modelSpec(entry, config)) : refused(failure("BAD_REQUEST", { ...problem }));
    }
    const known = entries().find(({ view }) => view.name === name);
    // One that other nodes ask can be tried from here all the same.
    const row = cluster.find((one) => one.name === name);
    const spec = known?.spec ?? (row && modelSpec(modelEntryOf(row), config));
    return spec === undefined ? refused(failure("NOT_FOUND", { endpoint: name })) : ok(spec);
  }
}

/** What may be used without a question: what tells its models to everybody, and was not found by a search that somebody
 *  asked for. */
const isAcceptable = ({ needsKey, by }: EndpointCandidate): boolean => !needsKey && by !== "range";

const keyView = (key: Endpoint["key"]): { readonly key?: string } =>
  key === undefined
    ? {}
    : {
        key:
          key.secret !== undefined
            ? `secret:${key.secret}`
            : key.env === undefined
              ? `file ${key.file}`
              : `env ${key.env}`,
      };
