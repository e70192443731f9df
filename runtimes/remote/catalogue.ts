/** The models of servers that are configured whole: an entry whose model is `*` stands for all that its server lists, each by the name
 *  `ENTRY/MODEL`. The lists are asked for again from time to time. A list that cannot be had leaves what was known. */
import { failureOf } from "../../protocols/index.ts";
import type { Listed, ModelSpec } from "../adapter.ts";
import { adapterOf } from "../adapters.ts";
import type { RuntimeClock, RuntimeLog } from "../environment.ts";
import { remoteLimits } from "./limits.ts";

/** What a catalogue is made of. */
export interface CatalogueOptions {
  /** Entries whose model is `*`. */
  readonly entries: readonly ModelSpec[];
  readonly clock: Pick<RuntimeClock, "after">;
  readonly log: RuntimeLog;
  /** The models may be others now. */
  readonly changed: () => void;
}

/** The models of the entries. */
export interface Catalogue {
  /** Of one entry, by its name. */
  models(entry: string): readonly ModelSpec[];
  stop(): void;
}

/** Begins to ask. */
export function watchCatalogue({ entries, clock, log, changed }: CatalogueOptions): Catalogue {
  const known = new Map<string, readonly ModelSpec[]>();
  const timers = new Map<string, () => void>();
  let stopped = false;

  const look = async (spec: ModelSpec): Promise<void> => {
    try {
      const listed = await listModels(spec);
      if (listed.length > remoteLimits.modelsPerEntryMax)
        log.warn("models.list.cut", { entry: spec.name, models: listed.length, max: remoteLimits.modelsPerEntryMax });
      const before = known.get(spec.name);
      known.set(spec.name, specsOf(spec, listed));
      if (!stopped && JSON.stringify(before) !== JSON.stringify(known.get(spec.name))) changed();
    } catch (thrown) {
      const { code, details } = failureOf(thrown);
      log.warn("models.list.failed", { entry: spec.name, code, ...details });
    }
    if (!stopped)
      timers.set(
        spec.name,
        clock.after(remoteLimits.listAgainMs, () => void look(spec)),
      );
  };
  for (const entry of entries) void look(entry);

  return {
    models: (entry) => known.get(entry) ?? [],
    stop() {
      stopped = true;
      for (const stop of timers.values()) stop();
    },
  };
}

/** What the server of an entry lists. Throws PlexusErrors. */
export const listModels = async (spec: ModelSpec): Promise<readonly Listed[]> =>
  (await adapterOf(spec).list?.(spec)) ?? [];

/** The models that an entry stands for. Pure. */
export function specsOf(entry: ModelSpec, listed: readonly Listed[]): readonly ModelSpec[] {
  const { endpoint } = entry;
  if (endpoint === undefined) return [];
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
