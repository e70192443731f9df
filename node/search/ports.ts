/** What a search needs from others. */
import type { ActorId, SearchedSlot } from "../../protocols/index.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Clock } from "../ports/index.ts";
import type { Found, Query } from "./query.ts";

/** What all nodes found. */
export interface Hits extends Found {
  readonly covered: readonly SearchedSlot[];
  /** The places that could not be searched. */
  readonly unreachable: readonly ActorId[];
}

/** Searches some places. */
export type Find = (query: Query, places: readonly ActorId[]) => Promise<Hits>;

/** What the handler needs. */
export interface SearchParts {
  readonly kernel: Pick<Kernel, "ask">;
  readonly clock: Pick<Clock, "soon" | "monotonicMs">;
  readonly limits: { readonly askTimeoutMs: number };
  readonly find: Find;
}
