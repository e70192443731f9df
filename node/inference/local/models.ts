/** The models of this node: those of the configuration, and those of its store. What is pulled is served without a
 *  restart, and what other nodes lack they may have from here. */
import type { Config } from "../../../config/index.ts";
import {
  everyModel,
  type Result,
  type StoredModel,
  type StripedView,
  type StripeRef,
} from "../../../protocols/index.ts";
import { modelSpec, type ModelSpec } from "../../../runtimes/index.ts";
import { openModelStore } from "../../../runtimes/store/index.ts";
import type { ModelPeers, ModelStore } from "../../../runtimes/store/port.ts";
import { contentTree } from "../../bulk/blobs/tree.ts";
import { watchWantedModels, type StoreParts, type WantedModels } from "../../cluster/facts/wanted-models.ts";
import {
  createFromStripes,
  modelClass,
  createModelPeers,
  keepWanted,
  type EndpointsPort,
  serveModels,
  stripedViews,
  stripeModels,
} from "../models/index.ts";
import { watchStripedModels } from "../../cluster/facts/striped-models.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import type { ClusterEndpoints } from "../../cluster/facts/endpoints.ts";
import type { Clock, Directory, Log, Membership, Meter, PutPacing, Random, Stripes } from "../../ports/index.ts";
import type { NamedSecrets } from "../../cluster/facts/secrets.ts";
import { holdEndpointKeys } from "./endpoint-keys.ts";
import { openEndpoints, type NodeEndpoints } from "./endpoints.ts";
import { createFileChecks } from "./file-checks.ts";
import type { Stops } from "../../stops.ts";

/** A node's store, before it knows other nodes. */
export interface NodeModels {
  readonly store: ModelStore;
  /** What the inference host loads now. */
  specs(): readonly ModelSpec[];
  /** From now on what is pulled is served by `inference`, shared with the others, and what the cluster wants is
   *  kept. */
  join(
    peer: {
      readonly exchange: Exchange;
      readonly membership: Membership;
      readonly directory: Directory;
      readonly endpoints: ClusterEndpoints;
    },
    inference: { reload(): void },
    at: ModelStorage & { readonly secrets: NamedSecrets },
  ): {
    readonly wanted: WantedModels;
    readonly endpoints: EndpointsPort;
    /** How the models stand that are to lie on the storage nodes. */
    readonly striped: NonNullable<StoreParts["striped"]>;
  };
}

/** What the storage nodes bring for models. */
export interface ModelStorage {
  readonly shards: { readonly stripes: Stripes; canPlace(of: string): Result<null> };
  readonly readStripe: (stripe: StripeRef) => Promise<Result<Uint8Array>>;
  readonly pacing: { readonly put: PutPacing["part"]; readonly syncedBytes: PutPacing["bytes"] };
}

/** Opens the store. Errors: the system's. */
export async function openModels(
  config: Config,
  at: {
    readonly machine: { readonly clock: Clock; readonly random: Random; readonly log: Log; readonly meter: Meter };
    readonly stops: Stops;
    readonly node: string;
    /** Where files of models are, and whether more of them have room there. */
    readonly folder: string;
    readonly hasRoom: (bytes: number) => boolean;
    /** Where files of keys are. */
    readonly keyFolder: string;
    /** Sets a variable of this process, or takes it away. */
    readonly holdVariable: (name: string, value: string | undefined) => void;
  },
): Promise<NodeModels> {
  const { machine, stops, node, folder, keyFolder, holdVariable } = at;
  const { clock, random, log, meter } = machine;
  const others = Promise.withResolvers<ModelPeers>();
  const store = await openModelStore({
    folder,
    places: { huggingFace: config.huggingFace, ollama: config.ollamaRegistry },
    clock,
    log,
    tree: contentTree,
    checks: createFileChecks({ clock }),
    peers: {
      find: async (name) => (await others.promise).find(name),
      leaves: async (...asked) => (await others.promise).leaves(...asked),
      chunk: async (...asked) => (await others.promise).chunk(...asked),
    },
    hasRoom: at.hasRoom,
  });
  stops.add(() => store.stop());
  const listeners = new Set<() => void>();
  const changed = (): void => listeners.forEach((listener) => listener());
  const endpoints = openEndpoints(config, { clock, log, keyFolder, changed });
  stops.add(() => endpoints.stop());
  const specs = (): readonly ModelSpec[] => servedModels(config, store, endpoints);
  return {
    store,
    specs,
    join(peer, inference, { secrets: named, shards, readStripe, pacing }) {
      const { exchange, membership, directory } = peer;
      const rows = watchStripedModels(directory);
      const tree = contentTree;
      const inStripes = createFromStripes({ rows, read: readStripe, tree });
      others.resolve(createModelPeers({ node, exchange, membership, tree, stripes: inStripes }));
      serveModels({ exchange, store });
      const wanted = watchWantedModels(directory);
      const world = { node, store, wanted, membership, clock, log, meter };
      const stopKeeping = keepWanted({ ...world, striped: rows });
      const stopStriping = stripeModels({
        ...world,
        random,
        rows,
        stripes: shards.stripes,
        pacing: { part: pacing.put, bytes: () => pacing.syncedBytes() },
      });
      let served = JSON.stringify(specs());
      const look = (): void => {
        const next = JSON.stringify(specs());
        if (next === served) return;
        served = next;
        inference.reload();
      };
      const stopWatching = store.watch((what) => what === "models" && look());
      listeners.add(look);
      const keys = holdEndpointKeys({ endpoints: peer.endpoints, named, holdVariable, log });
      stops.add(async () => keys.stop());
      const control = endpoints.join({ node, endpoints: peer.endpoints, membership, named, keys });
      // What a server has listed since the host was started.
      inference.reload();
      stops.add(() => {
        stopWatching();
        stopKeeping();
        stopStriping();
        rows.stop();
        wanted.stop();
      });
      const views = (): readonly StripedView[] =>
        stripedViews(wanted.current(), { rows: rows.current(), canStripe: () => shards.canPlace(modelClass) });
      return { wanted, endpoints: control, striped: { views, onChange: (listener) => rows.onChange(listener) } };
    },
  };
}

/** What is loaded: the models of the configuration first, and those of servers that are offered whole, and those of the
 *  store whose name is free. */
export function servedModels(
  config: Pick<Config, "models" | "contextTokens" | "gpu">,
  store: Pick<ModelStore, "list" | "damaged" | "pathOf">,
  endpoints: Pick<NodeEndpoints, "models" | "more">,
): readonly ModelSpec[] {
  const configured = config.models.flatMap((entry) =>
    entry.model === everyModel ? endpoints.models(entry.name) : [modelSpec(entry, config)],
  );
  const named = new Set(configured.map(({ name }) => name));
  const remote = [...configured, ...endpoints.more().filter(({ name }) => !named.has(name))];
  const taken = new Set(remote.map(({ name }) => name));
  const damaged = new Set(store.damaged());
  const isServed = ({ name, card }: StoredModel): boolean =>
    card.kind === "model" && !taken.has(name) && !damaged.has(name);
  const stored = store.list().filter(isServed);
  const specOf = (model: StoredModel): ModelSpec => ({
    ...modelSpec({ name: model.name, path: store.pathOf(model) }, config),
    version: model.digest.slice(0, 12),
    // Members are told no longer one.
    ...(model.source.length <= 512 && { source: model.source }),
  });
  return [...remote, ...stored.map(specOf)];
}
