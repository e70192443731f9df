/** Limits that hold for the cluster, however many gateways somebody asks: each gateway counts at once and alone, and
 *  tells the others of keys that are near their limit.
 *
 *      take ─► own bucket (all acts that this gateway knows of) ─► share (own acts that others do not know of) ─► go on
 *                    ▲                                                │ above a quarter of the share
 *                    └──────── rates.tell of others ◄─────────────────┴─► rates.tell to all, once a second or soon
 *
 *  What others have not heard of fits into this gateway's share: of n gateways one n-th of the burst, and a quarter of
 *  one n-th of the rate. So no key passes more often, in any time T and at all gateways together, than
 *
 *      1.25 × rate × T  +  2 bursts  +  n
 *
 *  where one gateway alone lets pass rate × T + 1 burst (docs/decisions/0082-limits-of-the-cluster.md has the proof,
 *  and test/unit/gateway/shared-rates.test.ts tries to break it). A key that is used at one gateway has all of its rate
 *  there. Keys that are far from their limit cost no message.
 *
 *  That holds also where gateways are silent or cut off for what is guessed (passwords, tokens, new accounts): a
 *  gateway that does not reach most of the others has one n-th of each rate and burst, which no other can use up, and
 *  so has one beside a gateway that seems to be up and does not answer. What people do who are signed in must not
 *  become slow by a node that is silent or lies: there, each gateway that cannot be told goes on at the whole rate, and
 *  the bound has one rate and one burst more for it. */
import type { Result } from "../../../protocols/index.ts";
import type { Clock, Meter, Random } from "../../ports/index.ts";
import type { GatewayLimits, Rate } from "../limits.ts";
import {
  createRateLimit,
  type News,
  type RateLimit,
  type SharedRateLimit,
  type Sharing,
  type Unheard,
} from "./rates.ts";

/** What gateways tell one another: acts of a key under a limit. */
export interface RateNews {
  readonly limit: string;
  readonly key: string;
  readonly count: number;
}

/** The other gateways, as limits need them. */
export interface RatePeers {
  /** How many gateways the cluster has, this one included. */
  count(): number;
  /** The others that seem to be up. */
  up(): readonly string[];
  /** Calls back when either may be another. */
  onChange(listener: () => void): () => void;
  /** Errors: of the way, and VERSION_UNSUPPORTED where that node cannot count with others. */
  tell(node: string, rows: readonly RateNews[]): Promise<Result<unknown>>;
  /** Hears the others. Called once. */
  serve(heard: (rows: readonly RateNews[]) => void): void;
}

/** All limits of a gateway by which keys act so often. */
export interface Rates {
  /** A new one. The name is the same at all gateways. `unheard`: `waits` when absent. */
  limit(name: string, rate: Rate, unheard?: Unheard): RateLimit;
  stop(): void;
}

/** Longest key that is told; a longer one has its share at each gateway. */
const keyCharsMax = 200;

/** Makes them. Without peers each limit is this gateway's own. */
export function createRates(at: {
  readonly ratePeers?: RatePeers | undefined;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly meter: Meter;
}): Rates {
  const { ratePeers: peers, limits, clock, random, meter } = at;
  const shared = new Map<string, SharedRateLimit & { readonly unheard: Unheard }>();
  let standing: ReturnType<Sharing["now"]>;
  let cancel: (() => void) | undefined;
  let dueAtMs = Number.POSITIVE_INFINITY;
  let isTelling = false;
  let isSoon = false;
  let isStopped = false;

  function look(): void {
    const nodes = peers?.count() ?? 1;
    const reached = 1 + (peers?.up().length ?? 0);
    standing = nodes > 1 ? { nodes, inTouch: 2 * reached > nodes } : undefined;
  }

  function due(soon: boolean): void {
    if (isTelling) isSoon ||= soon;
    if (isStopped || isTelling) return;
    const nextMs = clock.monotonicMs() + (soon ? limits.rateTellSoonMs : limits.rateTellMs);
    if (nextMs >= dueAtMs) return;
    cancel?.();
    dueAtMs = nextMs;
    cancel = clock.after(nextMs - clock.monotonicMs(), () => void tell());
  }

  async function tell(): Promise<void> {
    cancel = undefined;
    isTelling = true;
    isSoon = false;
    const news: { readonly limit: SharedRateLimit; readonly own: readonly News[]; readonly unheard: Unheard }[] = [];
    const rows: RateNews[] = [];
    for (const [limit, one] of shared) {
      const own = one.news(limits.rateNewsRowsMax - rows.length).filter(({ key }) => key.length <= keyCharsMax);
      news.push({ limit: one, own, unheard: one.unheard });
      for (const { key, count } of own) rows.push({ limit, key, count });
    }
    if (rows.length > 0 && peers !== undefined) {
      const answers = await Promise.all(peers.up().map((node) => peers.tell(node, rows)));
      meter.count("gateway_rates_told", rows.length);
      // A node of an older version counts for itself, and hears nothing.
      const heard = answers.every((answer) => answer.ok || answer.error.code === "VERSION_UNSUPPORTED");
      for (const one of news) if (heard || one.unheard === "passes") one.limit.heardByAll(one.own);
    }
    isTelling = false;
    dueAtMs = Number.POSITIVE_INFINITY;
    // What came meanwhile, and what had no room.
    if ([...shared.values()].some((one) => one.hasNews())) due(isSoon || rows.length >= limits.rateNewsRowsMax);
  }

  look();
  const forget = peers?.onChange(look);
  peers?.serve((rows) => {
    for (const { limit, key, count } of rows) shared.get(limit)?.heard(key, count);
  });
  return {
    limit(name, rate, unheard = "waits") {
      const sharing: Sharing | undefined = peers && { unheard, now: () => standing, due, limits };
      const one = createRateLimit(rate, limits.rateRows, clock, random, sharing);
      shared.set(name, { ...one, unheard });
      return one;
    },
    stop() {
      isStopped = true;
      cancel?.();
      forget?.();
    },
  };
}
