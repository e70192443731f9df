/** The models that the cluster keeps on its nodes: one row of the directory, written by admins. */
import { ok, PlexusError, type ModelsView, type StripedView, type WantedModel } from "../../../protocols/index.ts";
import type { ModelStore } from "../../../runtimes/store/port.ts";
import type { Directory } from "../../ports/index.ts";
import { changeRow, watchRow } from "./one-row.ts";
import { asWanted, wantedKey } from "./records.ts";

export interface WantedModels {
  current(): readonly WantedModel[];
  onChange(listener: () => void): () => void;
  /** As the directory has them now. Rejects with DIRECTORY_UNAVAILABLE. */
  read(): Promise<readonly WantedModel[]>;
  /** Replaces the list. Rejects with DIRECTORY_UNAVAILABLE, or OVERLOADED when others keep writing it. */
  set(models: readonly WantedModel[]): Promise<void>;
  stop(): void;
}

/** The models on a node's disk, and those that the cluster wants. */
export interface StoreParts {
  readonly store: ModelStore;
  readonly wanted: Pick<WantedModels, "current" | "set" | "onChange">;
  /** How those stand that are to lie on the storage nodes. */
  readonly striped?: { views(): readonly StripedView[]; onChange(listener: () => void): () => void };
}

/** How a node's models stand. */
export const viewOfStore = ({ store, wanted, striped }: StoreParts, node: string): ModelsView => ({
  node,
  models: store.list(),
  pulls: store.pulls(),
  refused: store.refused(),
  wanted: wanted.current(),
  damaged: store.damaged(),
  ...(striped && { striped: striped.views() }),
});

/** Begins to watch the row. */
export function watchWantedModels(directory: Directory): WantedModels {
  let current: readonly WantedModel[] = [];
  const listeners = new Set<() => void>();
  const take = (models: readonly WantedModel[]): void => {
    if (JSON.stringify(models) === JSON.stringify(current)) return;
    current = models;
    for (const listener of listeners) listener();
  };
  // One that says none is passed over.
  const stop = watchRow(directory, wantedKey, (row) => take(row === undefined ? [] : (asWanted(row) ?? current)));
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async read() {
      const row = await directory.read(wantedKey);
      return (row && asWanted(row)) ?? [];
    },
    async set(models) {
      const set = await changeRow(directory, wantedKey, { make: () => ok({ models }) });
      if (!set.ok) throw new PlexusError(set.error);
      take(models);
    },
    stop,
  };
}
