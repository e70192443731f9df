/** What a search needs from others. */
import type { ActorId, SearchedSlot } from "../../protocols/index.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Hit, Query } from "./query.ts";

/** What all nodes found. */
interface Hits {
  /** In the order of the query, at most as many as it asked for. */
  readonly hits: readonly Hit[];
  /** There may be more behind them. */
  readonly more: boolean;
  readonly covered: readonly SearchedSlot[];
  /** The places that could not be searched. */
  readonly unreachable: readonly ActorId[];
}

/** Searches some places. */
export type Find = (query: Query, places: readonly ActorId[], reader: ActorId) => Promise<Hits>;

/** What the handler needs. */
export interface SearchParts {
  readonly kernel: Pick<Kernel, "ask">;
  readonly limits: { readonly askTimeoutMs: number };
  /** Absent: the newest messages of each place are looked through. */
  readonly find?: Find;
}
