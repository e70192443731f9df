import { failureOf, PlexusError } from "../../../protocols/index.ts";
import type {
  DirectoryWireChange,
  DirectoryWireRow,
  MeshAnswer,
  MeshBody,
  MeshCall,
} from "../../../protocols/mesh/index.ts";
import { misfit, type Exchange } from "../exchange/index.ts";
import type { Clock, Directory, DirectoryRow, DirectoryWatcher, NodeId } from "../../ports/index.ts";
import { directoryLimits, type DirectoryLimits } from "./limits.ts";
import { checkKey, decodeRow, encodeValue, homeIn, unavailable, type DirectoryHome } from "./row.ts";

/** The codes with which the keeper refuses a request itself; every other code means that the keeper could not be
 *  asked. */
const callersFault: readonly string[] = [
  "BAD_REQUEST",
  "TOO_LARGE",
  "FORBIDDEN",
  "LIMIT_REACHED",
  "DIRECTORY_FULL",
  "CURSOR_EXPIRED",
  "DIRECTORY_MOVED",
];

/** One watch, over all its attempts.
 *
 *      waiting ── retry, or the keeper connects ──► loading ── last page ──► current
 *         ▲                                            │                        │
 *         └──────── gap, ended, no answer, lost, other keeper (then `stale`) ───┘ */
interface Watch {
  readonly prefix: string;
  readonly watcher: DirectoryWatcher;
  state: "waiting" | "loading" | "current";
  /** Number of the attempt: the watch's name at the keeper. 0: none. */
  attempt: number;
  keeper: NodeId | undefined;
  /** Number of the last push. */
  received: number;
  /** Pushes that overtook the pages. As many as the keeper sends without confirmation. */
  early: (readonly DirectoryWireChange[])[];
  retryMs: number;
  cancelTimer: () => void;
}

/** A directory that another node keeps, as one node sees it. */
interface RemoteDirectory extends Directory {
  /** Another node keeps it now: watches begin there at once. */
  hostChanged(): void;
  /** What the keeper said when it refused the last call; undefined after one that it answered, and where it said
   *  nothing. */
  trouble(): string | undefined;
}

/** The directory that another node keeps (`serveDirectory`). `host` says which one; asked each time. `onMoved` hears
 *  once where the directory went, when the keeper says that it no longer has it; `onAway`, that a call did not reach a
 *  keeper. */
export function createRemoteDirectory(
  exchange: Exchange,
  host: () => NodeId | undefined,
  ports: {
    readonly clock: Pick<Clock, "after">;
    readonly limits?: DirectoryLimits;
    readonly onMoved?: (home: DirectoryHome) => void;
    readonly onAway?: () => void;
  },
): RemoteDirectory {
  const { clock, limits = directoryLimits, onMoved, onAway } = ports;
  /** All that have not been ended, and those of them that the keeper knows, by attempt. */
  const watches = new Set<Watch>();
  const attempts = new Map<number, Watch>();
  const listings = new Set<Promise<readonly DirectoryRow[]>>();
  let lastAttempt = 0;
  let toldHome = "";
  let trouble: string | undefined;

  const call = async <Name extends MeshCall>(
    to: NodeId | undefined,
    name: Name,
    body: MeshBody<Name>,
  ): Promise<MeshAnswer<Name>> => {
    if (to === undefined) {
      onAway?.();
      throw unavailable("no node is known to keep the directory", undefined, { asked: false });
    }
    const result = await exchange.call(to, name, fitting(name, body), limits.callTimeoutMs);
    if (result.ok) {
      trouble = undefined;
      return result.value;
    }
    const error = new PlexusError(result.error);
    const home = homeIn(error);
    if (home !== undefined && JSON.stringify(home) !== toldHome) {
      toldHome = JSON.stringify(home);
      onMoved?.(home);
    }
    if (callersFault.includes(result.error.code)) throw error;
    onAway?.();
    const unasked = result.error.outcome === "not_started";
    const { because, refuses } = result.error.details ?? {};
    // The keeper itself may say why: nothing is there to guess at, then.
    trouble = result.error.code === "DIRECTORY_UNAVAILABLE" && typeof because === "string" ? because : undefined;
    throw unavailable(trouble ?? result.error.code, error, {
      node: to,
      ...(unasked && { asked: false }),
      ...(refuses === true && { refuses }),
    });
  };

  const toRow = (row: DirectoryWireRow | null): DirectoryRow | undefined =>
    row === null ? undefined : decodeRow(row[0], row[1], row[2], "another node");

  /** The rest of a listing whose first page is here. Undefined: the keeper dropped it. */
  const allPages = async (
    to: NodeId | undefined,
    first: { readonly rows: readonly DirectoryWireRow[]; readonly cursor: number },
  ): Promise<readonly DirectoryRow[] | undefined> => {
    const rows = first.rows.map((row) => toRow(row) as DirectoryRow);
    for (let { cursor } = first; cursor !== 0;) {
      const next = await call(to, "directory.page", { cursor }).catch((error: unknown) => {
        if (failureOf(error).code === "CURSOR_EXPIRED") return undefined;
        throw error;
      });
      if (next === undefined) return undefined;
      for (const row of next.rows) rows.push(toRow(row) as DirectoryRow);
      cursor = next.cursor;
    }
    return rows;
  };

  const tell = (watch: Watch, changes: readonly DirectoryWireChange[]): void => {
    for (const change of changes) {
      if (!watches.has(watch)) return;
      if (change.length === 3) watch.watcher.changed(toRow(change) as DirectoryRow);
      else watch.watcher.removed(change[0], change[1]);
    }
  };

  /** Forgets the attempt, here and at the keeper. */
  const drop = (watch: Watch): void => {
    watch.cancelTimer();
    watch.cancelTimer = () => undefined;
    if (watch.attempt === 0) return;
    attempts.delete(watch.attempt);
    if (watch.keeper !== undefined) exchange.send(watch.keeper, "directory.unwatch", { watch: watch.attempt });
    watch.attempt = 0;
    watch.early = [];
  };

  const retryLater = (watch: Watch): void => {
    const wasCurrent = watch.state === "current";
    drop(watch);
    watch.state = "waiting";
    watch.cancelTimer = clock.after(watch.retryMs, () => void load(watch));
    watch.retryMs = Math.min(watch.retryMs * 2, limits.retryMaxMs);
    if (wasCurrent) watch.watcher.stale();
  };

  const checkLater = (watch: Watch, attempt: number): void => {
    watch.cancelTimer = clock.after(limits.checkMs, () => void check(watch, attempt));
  };

  /** The answer travels behind the pushes: every push that the keeper had sent by then is here, or is lost. */
  const check = async (watch: Watch, attempt: number): Promise<void> => {
    const { keeper } = watch;
    const complete =
      keeper === host() &&
      (await call(keeper, "directory.check", { watch: attempt }).then(
        ({ sent }) => sent <= watch.received,
        () => false,
      ));
    if (watch.attempt !== attempt) return;
    if (complete) checkLater(watch, attempt);
    else retryLater(watch);
  };

  const load = async (watch: Watch): Promise<void> => {
    drop(watch);
    lastAttempt += 1;
    const attempt = lastAttempt;
    const keeper = host();
    Object.assign(watch, { state: "loading", attempt, keeper, received: 0, early: [] });
    attempts.set(attempt, watch);
    try {
      const first = await call(keeper, "directory.watch", { watch: attempt, prefix: watch.prefix });
      const rows = watch.attempt === attempt ? await allPages(keeper, first) : undefined;
      if (watch.attempt !== attempt) return;
      if (rows === undefined) return retryLater(watch);
      watch.state = "current";
      watch.retryMs = limits.retryMinMs;
      checkLater(watch, attempt);
      watch.watcher.reset(rows);
      for (const changes of watch.early.splice(0)) tell(watch, changes);
      if (watch.received > 0 && watch.attempt === attempt && keeper !== undefined)
        exchange.send(keeper, "directory.seen", { watch: attempt, number: watch.received });
    } catch {
      // Whatever it was: the watcher only needs to know when it is over.
      if (watch.attempt === attempt) retryLater(watch);
    }
  };

  exchange.on("directory.changed", ({ watch: attempt, number, changes }, from) => {
    const watch = attempts.get(attempt);
    if (watch === undefined || watch.keeper !== from) return;
    if (number !== watch.received + 1) return retryLater(watch);
    watch.received = number;
    if (watch.state === "loading") {
      watch.early.push(changes);
      if (watch.early.length > limits.pushesUnseenMax) retryLater(watch);
      return;
    }
    tell(watch, changes);
    if (watch.attempt === attempt) exchange.send(from, "directory.seen", { watch: attempt, number });
  });
  exchange.on("directory.ended", ({ watch: attempt }, from) => {
    const watch = attempts.get(attempt);
    if (watch?.keeper === from) retryLater(watch);
  });
  exchange.onPeer({
    connected(peer) {
      if (peer !== host()) return;
      for (const watch of watches) if (watch.state === "waiting") void load(watch);
    },
    disconnected(peer) {
      for (const watch of watches) if (watch.attempt !== 0 && watch.keeper === peer) retryLater(watch);
    },
  });

  return {
    trouble: () => trouble,
    hostChanged() {
      const keeper = host();
      if (keeper === undefined) return;
      for (const watch of watches) {
        if (watch.attempt !== 0 && watch.keeper === keeper) continue;
        watch.retryMs = limits.retryMinMs;
        if (watch.state === "current") watch.watcher.stale();
        if (watches.has(watch)) void load(watch);
      }
    },
    async read(key) {
      checkKey(key);
      return toRow((await call(host(), "directory.read", { key })).row);
    },
    async compareAndSet(key, value, revision, guard) {
      const bytes = encodeValue(key, value);
      const body = {
        key,
        revision,
        ...(bytes === undefined ? {} : { value: bytes }),
        ...(guard === undefined ? {} : { guard: [guard.key, guard.revision] as [string, number] }),
      };
      const { applied, row } = await call(host(), "directory.change", body);
      return { applied, row: toRow(row) };
    },
    list(prefix) {
      const older = [...listings];
      const read = async (): Promise<readonly DirectoryRow[]> => {
        for (let attempt = 1; attempt <= limits.listAttemptsMax; attempt += 1) {
          // Two listings could drop each other for ever: the younger one begins again when the older one is over.
          if (attempt > 1) await Promise.allSettled(older);
          const keeper = host();
          const first = await call(keeper, "directory.list", { prefix });
          const rows = await allPages(keeper, first);
          if (rows !== undefined) return rows;
        }
        throw unavailable("listings are dropped before they are read");
      };
      const listing = read().finally(() => listings.delete(listing));
      listings.add(listing);
      return listing;
    },
    watch(prefix, watcher) {
      const watch: Watch = {
        prefix,
        watcher,
        state: "waiting",
        attempt: 0,
        keeper: undefined,
        received: 0,
        early: [],
        retryMs: limits.retryMinMs,
        cancelTimer: () => undefined,
      };
      watches.add(watch);
      void load(watch);
      return () => {
        watches.delete(watch);
        drop(watch);
      };
    },
  };
}

/** What the keeper takes. A node that sends anything else is no member to it. Error: BAD_REQUEST. */
function fitting<Name extends MeshCall>(name: Name, body: MeshBody<Name>): MeshBody<Name> {
  const wrong = misfit(name, body);
  if (wrong !== undefined) throw new PlexusError(wrong);
  return body;
}
