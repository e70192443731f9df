/** When disk, memory and places of models run out, by how they went so far: `GET /api/v1/admin/forecasts`. */

/** What of a node may run out. `models`: places for calls of models, of which what is free is what the busiest moment
 *  of an hour left. */
export const scarceThings = ["disk", "memory", "models"] as const;
export type ScarceThing = (typeof scarceThings)[number];

/** How one of them goes. */
export interface Forecast {
  /** The node's name. */
  readonly node: string;
  readonly of: ScarceThing;
  /** Bytes; of models, places. */
  readonly free: number;
  readonly total: number;
  /** `unknown`: too little is known yet. `steady`: it falls in no clear way. `falls`: it does, and does not run out
   *  within as long as that was seen. `ends`: it does. */
  readonly says: "unknown" | "steady" | "falls" | "ends";
  /** How much goes in a day. Absent unless it falls. */
  readonly perDay?: number;
  /** For so long that is seen, in days. */
  readonly overDays?: number;
  /** In so many days nothing is left if it goes on like that: likely, at the earliest, and at the latest (absent: it
   *  may well not). */
  readonly daysLeft?: { readonly likely: number; readonly earliest: number; readonly latest?: number };
}

/** Answer of `GET /api/v1/admin/forecasts`: what runs out first comes first. */
export interface Forecasts {
  readonly forecasts: readonly Forecast[];
}
