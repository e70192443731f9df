/** The models that the cluster keeps on its nodes: one row of the directory, written by admins. */
import { failure, PlexusError, type ModelsView, type WantedModel } from "../../../protocols/index.ts";
import type { ModelStore } from "../../../runtimes/store/port.ts";
import type { Directory } from "../../ports/index.ts";
import { asWanted, wantedKey } from "./records.ts";

export interface WantedModels {
  current(): readonly WantedModel[];
  onChange(listener: () => void): () => void;
  /** Replaces the list. Rejects with DIRECTORY_UNAVAILABLE, or OVERLOADED when others keep writing it. */
  set(models: readonly WantedModel[]): Promise<void>;
  stop(): void;
}

/** The models on a node's disk, and those that the cluster wants. */
export interface StoreParts {
  readonly store: ModelStore;
  readonly wanted: Pick<WantedModels, "current" | "set" | "onChange">;
}

/** How a node's models stand. */
export const viewOfStore = ({ store, wanted }: StoreParts, node: string): ModelsView => ({
  node,
  models: store.list(),
  pulls: store.pulls(),
  refused: store.refused(),
  wanted: wanted.current(),
  damaged: store.damaged(),
});

const attemptsMax = 4;

/** Begins to watch the row. */
export function watchWantedModels(directory: Directory): WantedModels {
  let current: readonly WantedModel[] = [];
  const listeners = new Set<() => void>();
  const take = (models: readonly WantedModel[]): void => {
    if (JSON.stringify(models) === JSON.stringify(current)) return;
    current = models;
    for (const listener of listeners) listener();
  };
  const stop = directory.watch(wantedKey, {
    reset: (rows) => take(rows.map(asWanted).find((models) => models !== undefined) ?? []),
    changed: (row) => take(asWanted(row) ?? current),
    removed: (key) => {
      if (key === wantedKey) take([]);
    },
    stale: () => undefined,
  });
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async set(models) {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const row = await directory.read(wantedKey);
        const { applied } = await directory.compareAndSet(wantedKey, { models }, row?.revision ?? 0);
        if (applied) return take(models);
      }
      throw new PlexusError(failure("OVERLOADED", { row: wantedKey }));
    },
    stop,
  };
}
