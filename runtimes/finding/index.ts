/** Finding servers with models. Each way names services; each service is asked, without a key, what it is; a service
 *  with models is a candidate.
 *
 *      mdns.ts, dns-sd.ts, consul.ts ──► services (service.ts) ─┐
 *                                                               ├─► detect (remote/detect.ts) ─► candidates
 *      range.ts, search.ts: a range that an admin names ────────┘
 *
 *  A candidate is an opinion of this node and is kept in its memory. Nothing is sent there but the questions who it is,
 *  until somebody accepts it (`node/inference/local/endpoints.ts`). What decides is pure and apart: `range.ts`,
 *  `service.ts`, `candidatesAfter`. */
import {
  failure,
  failureOf,
  ok,
  refused,
  type EndpointCandidate,
  type EndpointSearch,
  type Result,
  type SearchEndpoints,
} from "../../protocols/index.ts";
import type { RuntimeClock, RuntimeLog } from "../environment.ts";
import { detect, type Detected } from "../remote/detect.ts";
import { findByConsul, type ConsulPlace } from "./consul.ts";
import { findByDns, type DnsPlaces } from "./dns-sd.ts";
import { findingLimits } from "./limits.ts";
import { findByMdns, type MdnsOptions } from "./mdns.ts";
import { targetsOf } from "./range.ts";
import { Turns } from "../turns.ts";
import { searchTargets } from "./search.ts";
import { baseOf, nameFor, originOf, type Service } from "./service.ts";

/** The ways that a node looks by itself. */
export interface FindingWays {
  readonly mdns?: MdnsOptions | undefined;
  readonly dns?: DnsPlaces | undefined;
  readonly consul?: ConsulPlace | undefined;
}

/** What a finder is made of. */
interface FinderOptions {
  readonly ways: FindingWays;
  readonly clock: Pick<RuntimeClock, "after"> & { nowMs(): number };
  readonly log: RuntimeLog;
  /** Nodes of the own cluster are no candidates. */
  readonly isOwnNode: (node: string) => boolean;
  /** Names that endpoints have. */
  readonly taken: () => readonly string[];
  readonly changed: () => void;
}

/** Looks for servers with models. */
interface Finder {
  candidates(): readonly EndpointCandidate[];
  search(): EndpointSearch | undefined;
  /** Begins a search: of a range, or of all ways again. Errors: BAD_REQUEST, TOO_LARGE, LIMIT_REACHED while one is
   *  under way. */
  begin(search: SearchEndpoints): Result<EndpointSearch>;
  /** Ends the search. Errors: NOT_FOUND. */
  cancel(id: string): Result<EndpointSearch>;
  stop(): void;
}

type Way = EndpointCandidate["by"];

/** Makes it. It looks at once, and again from time to time, if it has a way to. */
export function createFinder({ ways, clock, log, isOwnNode, taken, changed }: FinderOptions): Finder {
  let candidates: readonly EndpointCandidate[] = [];
  let search: EndpointSearch | undefined;
  let aborter = new AbortController();
  let cancelTimer = (): void => undefined;
  let stopped = false;
  let searches = 0;
  const turns = new Turns(findingLimits.asksAtOnceMax);

  const add = (detected: Detected, by: Way, label: string): void => {
    if (stopped || (detected.node !== undefined && isOwnNode(detected.node))) return;
    const next = candidatesAfter(candidates, { detected, by, label, atMs: clock.nowMs() }, new Set(taken()));
    const same = JSON.stringify(next.map(withoutTime)) === JSON.stringify(candidates.map(withoutTime));
    candidates = next;
    if (!same) changed();
  };

  const ask = async (service: Service, by: Way): Promise<void> => {
    const origin = originOf(service);
    if (origin === undefined) return;
    const detected = await turns.take(() => detect(origin, baseOf(service)));
    if (detected !== undefined) add(detected, by, service.label);
  };

  /** Asks all ways; what could not be asked comes back as words. */
  const look = async (count: (services: number, asked: number) => void): Promise<readonly string[]> => {
    const { mdns, dns, consul } = ways;
    const all: readonly (readonly [Way, () => Promise<readonly Service[]>])[] = [
      ...(mdns === undefined ? [] : [["mdns", () => findByMdns(mdns)] as const]),
      ...(dns === undefined ? [] : [["dns", () => findByDns(dns)] as const]),
      ...(consul === undefined ? [] : [["consul", () => findByConsul(consul)] as const]),
    ];
    const problems = await Promise.all(
      all.map(async ([by, find]): Promise<readonly string[]> => {
        try {
          const services = await find();
          count(services.length, 0);
          await Promise.all(services.map((service) => ask(service, by).finally(() => count(0, 1))));
          return [];
        } catch (thrown) {
          const says = wordsOf(thrown);
          log.warn("endpoints.look.failed", { by, reason: says });
          return [`${by}: ${says}`];
        }
      }),
    );
    const fresh = candidates.filter(({ seenAtMs }) => seenAtMs + findingLimits.candidateLifeMs > clock.nowMs());
    if (fresh.length < candidates.length) {
      candidates = fresh;
      changed();
    }
    return problems.flat();
  };

  const hasWays = Object.values(ways).some((way) => way !== undefined);
  const lookAgain = async (): Promise<void> => {
    await look(() => undefined);
    if (!stopped) cancelTimer = clock.after(findingLimits.lookAgainMs, () => void lookAgain());
  };
  if (hasWays) void lookAgain();

  const tell = (more: Partial<EndpointSearch>): void => {
    if (search === undefined) return;
    search = { ...search, ...more };
    changed();
  };

  return {
    candidates: () => candidates,
    search: () => search,
    begin({ range, ports }) {
      if (stopped) return refused(failure("STOPPING"));
      if (search?.state === "running")
        return refused(
          failure("LIMIT_REACHED", {
            searches: 1,
            reason: "a search is under way: wait for it, or cancel it",
            id: search.id,
          }),
        );
      const targets = range === undefined ? ok([]) : targetsOf(range, ports);
      if (!targets.ok) return targets;
      if (range === undefined && !hasWays) {
        const reason = "this node has no way to look for servers: name a range, or set `finding` in its configuration";
        return refused(failure("BAD_REQUEST", { field: "range", reason }));
      }
      const id = (searches += 1).toString(36);
      const { signal } = (aborter = new AbortController());
      const begun: EndpointSearch = {
        id,
        state: "running",
        ...(range !== undefined && { range }),
        total: targets.value.length,
        asked: 0,
        found: 0,
        startedAtMs: clock.nowMs(),
        problems: [],
      };
      search = begun;
      const stopTimer = clock.after(findingLimits.searchMsMax, () => aborter.abort());
      let asked = 0;
      let found = 0;
      const run = async (): Promise<readonly string[]> => {
        if (range === undefined) {
          let total = 0;
          const before = new Set(candidates.map(({ url }) => url));
          return look((services, done) => {
            total += services;
            asked += done;
            tell({ total, asked, found: candidates.filter(({ url }) => !before.has(url)).length });
          });
        }
        await searchTargets(targets.value, {
          detect: (origin) => detect(origin),
          asked: () => void ((asked += 1) % 16 === 0 && tell({ asked })),
          found: (detected, { address }) => {
            add(detected, "range", `${detected.server.kind}-${address}`);
            tell({ asked, found: (found += 1) });
          },
          signal,
        });
        return signal.aborted && asked < targets.value.length ? ["it was ended before its end"] : [];
      };
      void run()
        .then((problems) =>
          tell({ state: signal.aborted ? "cancelled" : "done", ...(range !== undefined && { asked }), problems }),
        )
        .catch((thrown: unknown) => tell({ state: "failed", problems: [wordsOf(thrown)] }))
        .finally(stopTimer);
      return ok(begun);
    },
    cancel(id) {
      if (search?.id !== id) return refused(failure("NOT_FOUND", { search: id }));
      aborter.abort();
      return ok(search);
    },
    stop() {
      stopped = true;
      cancelTimer();
      aborter.abort();
    },
  };
}

const withoutTime = (candidate: EndpointCandidate): object => ({ ...candidate, seenAtMs: 0 });

/** What went wrong on a way, without its addresses' secrets: there are none in codes. */
function wordsOf(thrown: unknown): string {
  const { code, details } = failureOf(thrown);
  const reason = details?.["reason"];
  if (typeof reason === "string") return reason;
  const system = (thrown as { readonly code?: unknown } | null)?.code;
  return typeof system === "string" ? system : code;
}

/** The candidates with one more, or one that was seen again: it keeps its name. Pure. */
export function candidatesAfter(
  known: readonly EndpointCandidate[],
  seen: { readonly detected: Detected; readonly by: Way; readonly label: string; readonly atMs: number },
  taken: ReadonlySet<string>,
): readonly EndpointCandidate[] {
  const { detected, by, label, atMs } = seen;
  const { adapter, url, server, models, needsKey } = detected;
  const before = known.find((one) => one.url === url);
  const names = new Set([...taken, ...known.map(({ name }) => name)]);
  const name = before?.name ?? nameFor(label === "" ? server.kind : label, names);
  const next: EndpointCandidate = {
    name,
    adapter,
    url,
    server,
    models,
    needsKey,
    by: before?.by ?? by,
    seenAtMs: atMs,
  };
  return [next, ...known.filter((one) => one !== before)]
    .toSorted((one, other) => other.seenAtMs - one.seenAtMs)
    .slice(0, findingLimits.candidatesMax)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
