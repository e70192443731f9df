/** The models of servers that are offered whole, and whether the servers are there. An entry whose model is `*` stands
 *  for all that its server lists, each by the name `ENTRY/MODEL`. The servers are asked again and again.
 *
 *      asking ──list──► ready ◄──list── failing ◄── it answers and refuses
 *         │               │                │
 *         └───────────────┴──not reached, `listMissesMax` times──► away: its models are offered no more
 *
 *  One list that cannot be had leaves what was known. */
import {
  everyModel,
  failureOf,
  type EndpointModel,
  type EndpointView,
  type Failure,
  type ServerKind,
} from "../../protocols/index.ts";
import type { Listed, ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import type { RuntimeClock, RuntimeLog } from "../environment.ts";
import { detect } from "./detect.ts";
import { remoteLimits } from "./limits.ts";

/** What a catalogue is made of. */
interface CatalogueOptions {
  readonly clock: Pick<RuntimeClock, "after"> & { nowMs(): number };
  readonly log: RuntimeLog;
  /** The models may be others now. */
  readonly changed: () => void;
}

/** How a server stands. */
export interface Standing extends Pick<EndpointView, "checkedAtMs" | "error" | "server" | "models"> {
  readonly state: "asking" | "ready" | "failing" | "away";
  /** Looks in a row that did not give a list. */
  readonly misses: number;
}

/** The models of the entries. */
interface Catalogue {
  /** From now on these are asked, and no others. An entry that is as it was goes on as it was. */
  set(entries: readonly ModelSpec[]): void;
  /** Of one entry, by its name. */
  models(entry: string): readonly ModelSpec[];
  standing(entry: string): Standing | undefined;
  stop(): void;
}

interface Watched {
  readonly spec: ModelSpec;
  standing: Standing;
  specs: readonly ModelSpec[];
  cancel: () => void;
}

const asking: Standing = { state: "asking", misses: 0, models: [] };

/** Makes it; it asks nobody yet. */
export function watchCatalogue({ clock, log, changed }: CatalogueOptions): Catalogue {
  const watched = new Map<string, Watched>();

  const look = async (one: Watched): Promise<void> => {
    const { spec } = one;
    const before = { standing: one.standing, specs: JSON.stringify(one.specs) };
    const seen = await lookAt(spec, one.standing);
    if (watched.get(spec.name) !== one) return;
    one.standing = after(one.standing, seen, clock.nowMs());
    if (seen.type === "listed") {
      if (seen.listed.length > remoteLimits.modelsPerEntryMax)
        log.warn("models.list.cut", {
          entry: spec.name,
          models: seen.listed.length,
          max: remoteLimits.modelsPerEntryMax,
        });
      one.specs = specsOf(spec, seen.listed);
    } else {
      const { code, details } = seen.error;
      log.warn("models.list.failed", { entry: spec.name, code, ...details });
      if (one.standing.state === "away") one.specs = [];
    }
    if (
      before.standing.state !== one.standing.state &&
      (one.standing.state === "away" || before.standing.state === "away")
    )
      log.warn(one.standing.state === "away" ? "models.server.away" : "models.server.back", { entry: spec.name });
    one.cancel = clock.after(nextLookMs(one.standing), () => void look(one));
    if (JSON.stringify(one.specs) !== before.specs) changed();
  };

  return {
    set(entries) {
      const next = new Map(entries.map((spec) => [spec.name, spec]));
      for (const [name, one] of watched) {
        if (JSON.stringify(next.get(name)) === JSON.stringify(one.spec)) continue;
        one.cancel();
        watched.delete(name);
      }
      for (const spec of next.values()) {
        if (watched.has(spec.name)) continue;
        // One model needs no list to be offered.
        const specs = spec.endpoint?.model === everyModel ? [] : [spec];
        const one: Watched = { spec, standing: asking, specs, cancel: () => undefined };
        watched.set(spec.name, one);
        void look(one);
      }
    },
    models: (entry) => watched.get(entry)?.specs ?? [],
    standing: (entry) => watched.get(entry)?.standing,
    stop() {
      for (const { cancel } of watched.values()) cancel();
      watched.clear();
    },
  };
}

/** What a look at a server gave. */
type Seen =
  | { readonly type: "listed"; readonly listed: readonly Listed[]; readonly server: ServerKind | undefined }
  | { readonly type: "missed"; readonly error: Failure };

async function lookAt(spec: ModelSpec, { state, models, server }: Standing): Promise<Seen> {
  try {
    const listed = await listModels(spec);
    // It may have been started anew, as another version, since it was there last.
    const isNew = state !== "ready" || listed.length !== models.length;
    return { type: "listed", listed, server: isNew ? await serverOf(spec) : server };
  } catch (thrown) {
    return { type: "missed", error: failureOf(thrown) };
  }
}

/** What runs there, as far as it says without a key. */
export async function serverOf({ endpoint }: Pick<ModelSpec, "endpoint">): Promise<ServerKind | undefined> {
  const url = URL.parse(endpoint?.url ?? "");
  if (url === null) return undefined;
  const base = url.pathname.replace(/\/+$/, "");
  return (await detect(url.origin, base === "" ? "/v1" : base))?.server;
}

/** How a server stands after a look. Pure. */
export function after(before: Standing, seen: Seen, atMs: number): Standing {
  if (seen.type === "listed") {
    const models = seen.listed.map(({ model, expected }): EndpointModel => ({
      model,
      ...(expected && { capabilities: expected }),
    }));
    return { state: "ready", misses: 0, models, checkedAtMs: atMs, ...(seen.server && { server: seen.server }) };
  }
  const { error } = seen;
  const misses = before.misses + 1;
  const isAway = isUnreached(error) && (misses >= remoteLimits.listMissesMax || before.state === "away");
  const state = isAway ? "away" : "failing";
  const { server, models } = before;
  return { state, misses, models: isAway ? [] : models, error, checkedAtMs: atMs, ...(server && { server }) };
}

/** Whether nothing of use is at the address: a server that refuses says so with a status. */
const isUnreached = ({ code, details }: Failure): boolean =>
  code === "MODEL_UNAVAILABLE" || (code === "PROVIDER_FAILED" && details?.["status"] === undefined);

/** When to look again. Pure. */
export function nextLookMs({ misses }: Standing): number {
  const { listAgainMs, listAgainMsMax, listMissesMax, listSoonMs } = remoteLimits;
  if (misses === 0) return listAgainMs;
  if (misses < listMissesMax) return listSoonMs;
  return Math.min(listAgainMsMax, listAgainMs * 2 ** Math.min(16, misses - listMissesMax));
}

/** What the server of an entry lists. Throws PlexusErrors. */
export const listModels = async (spec: ModelSpec): Promise<readonly Listed[]> =>
  (await adapterOf(spec).list?.(spec)) ?? [];

/** The models that an entry stands for. Pure. */
export function specsOf(entry: ModelSpec, listed: readonly Listed[]): readonly ModelSpec[] {
  const { endpoint } = entry;
  if (endpoint === undefined) return [];
  if (endpoint.model !== everyModel) return [entry];
  const names = new Set<string>();
  return listed
    .filter(({ expected }) => expected?.length !== 0)
    .filter(({ model }) => {
      const isFine = model !== "" && model.length <= remoteLimits.listedNameCharsMax && !/[\p{Cc}\s]/u.test(model);
      return isFine && !names.has(model) && names.add(model);
    })
    .slice(0, remoteLimits.modelsPerEntryMax)
    .map(({ model, expected }) => ({
      ...entry,
      name: `${entry.name}/${model}`,
      endpoint: { ...endpoint, model },
      preload: false,
      ...(expected !== undefined && { expected }),
    }));
}
