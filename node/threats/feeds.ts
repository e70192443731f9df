import { createHash } from "node:crypto";
import type { Clock, Log, Meter } from "../ports/index.ts";
import { inPieces, setInPieces } from "../pieces.ts";
import { addressSetOf, createAddressSet, parseRange, type AddressSet } from "./address-set.ts";
import { digestSorts, indicatorsIn, type DigestSort, type Indicators } from "./indicators.ts";
import { threatLimits } from "./limits.ts";
import { watchOthers } from "./others.ts";
import { packed, type SharedLists } from "./sharing.ts";
import type { ThreatListState } from "../../protocols/index.ts";

/** Reads the text behind a path or URL; rejects with the reason why it cannot. */
export type ThreatSource = (
  source: string,
  bounds: { readonly bytesMax: number; readonly timeoutMs: number },
) => Promise<string>;

/** What the lists say, now. */
export interface Threats {
  isBlocked(address: string): boolean;
  /** Whether a host, or one above it, is listed. */
  hasDomain(name: string): boolean;
  /** Whether a file is listed, by a digest in lower-case hex. */
  hasFile(digest: string): boolean;
  /** The sorts of digests by which files are listed. Empty: no file is. */
  fileSorts(): readonly DigestSort[];
  /** Whether a list was never read yet, and is being read for the first time. */
  isPending(): boolean;
  /** Whether it is not known what some list says: it was never read, or could not be. */
  isUnread(): boolean;
  /** Calls back when other addresses are listed. */
  onChange(listener: () => void): void;
  /** What is in force of each list, and what failed last. */
  states(): readonly ThreatListState[];
  /** Resolves when each list was read once, or could not be. */
  readonly first: Promise<void>;
  /** Reads all lists again, now. */
  reload(): Promise<void>;
  stop(): void;
}

/** What is in force of a list. */
interface Known {
  readonly digest: string;
  readonly says: Indicators;
  readonly entries: number;
  readonly readAtMs: number;
  readonly untilMs: number;
  /** The node that it is from; absent: from where it lies. */
  readonly from?: string;
  /** What other nodes are given, compressed; empty: it is too large. Absent: there was nobody to give it to. */
  readonly gives?: Uint8Array;
}

/** The addresses of the machine itself. */
const loopback = ["127.0.0.0/8", "::1/128"].flatMap((text) => parseRange(text) ?? []);

/** A list that is given to others. */
const given = (one: Known | undefined) =>
  one?.gives === undefined || one.gives.length === 0 ? undefined : { digest: one.digest, packed: one.gives };

/** What is said of a list; `failed`: why it could not be read the last time. */
function stateOf(source: string, known: Known | undefined, failed: string | undefined): ThreatListState {
  const { entries = 0, says, digest = "", readAtMs = 0, from } = known ?? {};
  return {
    source,
    entries,
    skipped: says?.skipped ?? 0,
    digest,
    readAtMs: Math.floor(readAtMs),
    ...(from && { from }),
    ...(failed && { failed }),
  };
}

/** Which lists are read, and with what. */
interface Watched {
  readonly sources: readonly string[];
  /** Lists that every node of the cluster reads. Absent: there are none. */
  readonly shared?: SharedLists;
  readonly read: ThreatSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: { readonly [Name in keyof typeof threatLimits]?: number };
}

/** Reads the lists and goes on reading them. */
export function watchThreats(at: Watched): Threats {
  const { read, shared, clock, log, meter } = at;
  const sources = (): readonly string[] => [...new Set([...at.sources, ...(shared?.lists() ?? [])])];
  const limits = { ...threatLimits, ...at.limits };
  /** Of each list what was read last, and what of that is joined with the others: it holds from then on. */
  const known = new Map<string, Known>();
  let inForce: ReadonlyMap<string, Known> = new Map();
  const failures = new Map<string, string>();
  const listeners = new Set<() => void>();
  let addresses: AddressSet = createAddressSet([]);
  let domains: ReadonlySet<string> = new Set();
  let files: ReadonlySet<string> = new Set();
  let sorts: readonly DigestSort[] = [];
  /** The sources that were read once, or could not be. */
  let tried: ReadonlySet<string> = new Set();
  let stopped = false;
  let cancel: (() => void) | undefined;

  /** What all lists say together, made in pieces; until it is there, what was before holds. */
  async function take(): Promise<void> {
    const joined = new Map(known);
    const all = [...joined.values()].map(({ says }) => says);
    const allowed = [...all.flatMap((one) => one.allowed), ...loopback];
    // A list that blocks a part of loopback alone would have the longer prefix.
    const blocked = all
      .flatMap((one) => one.blocked)
      .filter(({ family, first }) => !(family === 4 ? first >> 24n === 127n : first === 1n));
    const everywhere = [...all, ...(others?.says() ?? [])];
    const next = await inPieces(addressSetOf(blocked, allowed), clock);
    const names = await inPieces(setInPieces(everywhere.map((one) => one.domains)), clock);
    const digests = await inPieces(setInPieces(everywhere.map((one) => one.files)), clock);
    if (stopped) return;
    [addresses, domains, files, inForce] = [next, names, digests, joined];
    const lengths = new Set<number>();
    for (const { length } of files) lengths.add(length);
    sorts = digestSorts.filter(({ chars }) => lengths.has(chars)).map(({ sort }) => sort);
    meter.gauge("threat_entries", blocked.length, { sort: "addresses" });
    meter.gauge("threat_entries", domains.size, { sort: "domains" });
    meter.gauge("threat_entries", files.size, { sort: "files" });
    for (const listener of listeners) listener();
  }

  /** Its text: from where it lies, or else from nodes that have read it there. */
  async function textOf(source: string): Promise<{ readonly text: string; readonly from?: string }> {
    try {
      return { text: await read(source, { bytesMax: limits.feedBytesMax, timeoutMs: limits.feedTimeoutMs }) };
    } catch (thrown) {
      const other = shared?.lists().includes(source) === true ? await shared.fromOthers(source) : undefined;
      if (other === undefined) throw thrown;
      return other;
    }
  }

  const hasOthers = (): boolean => shared !== undefined && shared.members().length > 0;
  /** What other members are given of a text. */
  const packedOf = async (text: string): Promise<Pick<Known, "gives">> =>
    hasOthers() ? { gives: (await packed(text)) ?? new Uint8Array() } : {};

  /** Whether it says something else than before. */
  async function load(source: string): Promise<boolean> {
    try {
      const { text, from } = await textOf(source);
      const digest = createHash("sha256").update(text).digest("hex");
      const nowMs = clock.nowMs();
      const before = known.get(source);
      failures.delete(source);
      // What is said for a time is read again when a while has passed, though the list is the same.
      if (before?.digest === digest && before.from === from && nowMs < before.untilMs) {
        if (from === undefined && before.gives === undefined)
          known.set(source, { ...before, ...(await packedOf(text)) });
        return false;
      }
      const says = await inPieces(indicatorsIn(text, nowMs), clock);
      const entries = says.blocked.length + says.allowed.length + says.domains.length + says.files.length;
      if (entries > limits.feedEntriesMax) throw new Error(`${entries} entries, more than ${limits.feedEntriesMax}`);
      const { gives } = from === undefined ? await packedOf(text) : {};
      const untilMs = nowMs + 10 * limits.feedReloadMs;
      known.set(source, {
        digest,
        says,
        entries,
        readAtMs: nowMs,
        untilMs,
        ...(from && { from }),
        ...(gives && { gives }),
      });
      // Too large to be given away: it holds here alone.
      const kept = gives?.length === 0 ? { given: false } : {};
      log.info("threats.loaded", { source, entries, skipped: says.skipped, digest, ...(from && { from }), ...kept });
      return true;
    } catch (thrown) {
      const reason = (thrown as Error).message;
      failures.set(source, reason);
      meter.count("threat_feed_failures");
      log.warn("threats.unread", { source, reason, inForce: known.has(source) });
      return false;
    }
  }

  let reloading: Promise<void> = Promise.resolve();
  const reloadNow = async (): Promise<void> => {
    const now = sources();
    const gone = [...known.keys()].filter((source) => !now.includes(source));
    for (const source of gone) known.delete(source);
    for (const source of failures.keys()) if (!now.includes(source)) failures.delete(source);
    const changed = await Promise.all(now.map(load));
    if (!stopped && (gone.length > 0 || changed.includes(true))) await take();
    tried = new Set(now);
  };
  /** One after the other: an older reading must not come after a newer one. */
  function reload(): Promise<void> {
    const next = reloading.then(reloadNow);
    reloading = next.catch(() => undefined);
    return next;
  }

  const turn = async (): Promise<void> => {
    await reload();
    if (!stopped) cancel = clock.after(limits.feedReloadMs, () => void turn());
  };
  const own = sources().length > 0 || shared !== undefined ? turn() : Promise.resolve();
  shared?.onChange(() => void (stopped ? undefined : reload()));
  // What was read while there was nobody to give it to.
  const unwatch = shared?.onMembers(() => {
    const isDue = [...known.values()].some(({ from, gives }) => from === undefined && gives === undefined);
    if (!stopped && isDue && hasOthers()) void reload();
  });
  shared?.serve({
    own() {
      const isReady = (source: string): boolean =>
        tried.has(source) && (failures.has(source) || known.get(source)?.gives !== undefined);
      if (!at.sources.every(isReady)) return undefined;
      return at.sources
        .filter((source) => !shared.lists().includes(source))
        .flatMap((source) => given(known.get(source)) ?? [])
        .map((one) => ({ digest: one.digest, packedBytes: one.packed.length }))
        .slice(0, limits.ownListsMax);
    },
    has: (source) => given(known.get(source)),
    read: (digest) =>
      [...known.values()].flatMap((one) => given(one) ?? []).find((one) => one.digest === digest)?.packed,
  });
  const takeNext = (): Promise<void> => {
    const next = reloading.then(take);
    reloading = next.catch(() => undefined);
    return next;
  };
  const others = shared && watchOthers({ shared, clock, log, limits, onChange: takeNext });
  const first = Promise.all([own, others?.first]).then(() => undefined);

  return {
    isBlocked: (address) => addresses.has(address),
    hasDomain(name) {
      let rest = name.toLowerCase().replace(/\.$/, "");
      for (let dot = 0; dot >= 0 && rest !== ""; rest = rest.slice(dot + 1)) {
        if (domains.has(rest)) return true;
        dot = rest.indexOf(".");
      }
      return false;
    },
    hasFile: (digest) => files.has(digest),
    fileSorts: () => sorts,
    isPending: () => others?.isPending() === true || sources().some((source) => !tried.has(source)),
    isUnread: () => sources().some((source) => !tried.has(source) || !inForce.has(source)),
    onChange: (listener) => void listeners.add(listener),
    states: () => [
      ...sources().map((source) => stateOf(source, inForce.get(source), failures.get(source))),
      ...(others?.states() ?? []),
    ],
    first,
    async reload() {
      await Promise.all([reload(), others?.ask()]);
    },
    stop() {
      stopped = true;
      cancel?.();
      unwatch?.();
      others?.stop();
    },
  };
}
