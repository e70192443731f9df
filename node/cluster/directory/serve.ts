import {
  decodeFromPeer,
  encode,
  failure,
  failureOf,
  ok,
  PlexusError,
  refused,
  type Result,
} from "../../../protocols/index.ts";
import type { DirectoryWireChange, DirectoryWireRow, MeshAnswer } from "../../../protocols/mesh/index.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Directory, DirectoryRow, NodeId } from "../../ports/index.ts";
import { directoryLimits, type DirectoryLimits } from "./limits.ts";
import { unavailable } from "./row.ts";

/** Rows that a peer reads page by page: as they were when it asked. */
interface Listing {
  readonly rows: readonly DirectoryRow[];
  next: number;
}

interface Session {
  /** Number of the last push sent, and of the last that the peer has confirmed. */
  sent: number;
  seen: number;
  readonly queue: { readonly change: DirectoryWireChange; readonly bytes: number }[];
  queuedBytes: number;
  flushing: boolean;
  stop: () => void;
}

interface Peer {
  readonly sessions: Map<number, Session>;
  /** By cursor, oldest first. */
  readonly listings: Map<number, Listing>;
}

/** A change that a member asks for. `next` undefined: the row is removed. */
export interface AskedChange {
  readonly key: string;
  readonly next: unknown;
  /** Of the row that the change rests on. */
  readonly revision: number;
  readonly from: NodeId;
}

/** Why a change may not be made; or a guard that it gets in place of its own; undefined: it may be made. */
export type Judgement = string | { readonly key: string; readonly revision: number } | undefined;

/** What the node that keeps the directory refuses. */
interface DirectoryRules {
  /** Which values may lie under a key: every node would read a malformed row. */
  readonly accepts?: (key: string, value: unknown) => boolean;
  /** Whether a member may make a change. */
  readonly refusal?: (change: AskedChange) => Promise<Judgement>;
}

/** Keeps a directory for the other nodes of the mesh. Called once for an exchange. */
export function serveDirectory(
  exchange: Exchange,
  directory: Directory,
  limits: DirectoryLimits = directoryLimits,
  { accepts = () => true, refusal = async () => undefined }: DirectoryRules = {},
): void {
  const peers = new Map<NodeId, Peer>();
  /** A row that goes to many watchers is encoded once. */
  const encoded = new WeakMap<DirectoryRow, DirectoryWireRow>();
  let lastCursor = 0;

  const peerOf = (node: NodeId): Peer => {
    const known = peers.get(node) ?? { sessions: new Map(), listings: new Map() };
    peers.set(node, known);
    return known;
  };

  const wire = (row: DirectoryRow): DirectoryWireRow => {
    const known = encoded.get(row);
    if (known !== undefined) return known;
    const made: DirectoryWireRow = [row.key, row.revision, encode(row.value)];
    encoded.set(row, made);
    return made;
  };
  const wireOrNull = (row: DirectoryRow | undefined): DirectoryWireRow | null => (row === undefined ? null : wire(row));

  /** The next page of a listing; the cursor leads to the rest. */
  const page = (peer: Peer, listing: Listing, cursor: number) => {
    const rows: DirectoryWireRow[] = [];
    let bytes = 0;
    while (rows.length < limits.pageRowsMax && bytes < limits.pageBytesMax) {
      const row = listing.rows[listing.next];
      if (row === undefined) break;
      listing.next += 1;
      const made = wire(row);
      rows.push(made);
      bytes += sizeOf(made);
    }
    peer.listings.delete(cursor);
    if (listing.next >= listing.rows.length) return { rows, cursor: 0 };
    peer.listings.set(cursor, listing);
    for (const oldest of peer.listings.keys()) {
      if (peer.listings.size <= limits.cursorsPerPeerMax) break;
      peer.listings.delete(oldest);
    }
    return { rows, cursor };
  };
  const firstPage = (peer: Peer, rows: readonly DirectoryRow[]) => {
    lastCursor += 1;
    return page(peer, { rows, next: 0 }, lastCursor);
  };

  const end = (node: NodeId, watch: number): boolean => {
    const session = peers.get(node)?.sessions.get(watch);
    if (session === undefined) return false;
    peers.get(node)?.sessions.delete(watch);
    session.stop();
    return true;
  };
  /** Ends a watch that cannot go on; should the notice get lost, the watcher's next check finds out. */
  const giveUp = (node: NodeId, watch: number): void => {
    if (end(node, watch)) exchange.send(node, "directory.ended", { watch });
  };

  /** Sends waiting changes, as far as the watcher's confirmations allow. */
  const flush = (node: NodeId, watch: number, session: Session): void => {
    session.flushing = false;
    while (session.queue.length > 0 && session.sent - session.seen < limits.pushesUnseenMax) {
      if (peers.get(node)?.sessions.get(watch) !== session) return;
      let bytes = 0;
      let count = 0;
      for (; count < session.queue.length && count < limits.pageRowsMax && bytes < limits.pageBytesMax; count += 1)
        bytes += session.queue[count]?.bytes ?? 0;
      const changes = session.queue.splice(0, count).map(({ change }) => change);
      session.queuedBytes -= bytes;
      session.sent += 1;
      if (!exchange.send(node, "directory.changed", { watch, number: session.sent, changes }))
        return giveUp(node, watch);
    }
  };

  const push = (node: NodeId, watch: number, session: Session, change: DirectoryWireChange): void => {
    const bytes = sizeOf(change);
    session.queue.push({ change, bytes });
    session.queuedBytes += bytes;
    if (session.queue.length > limits.pushQueueMax || session.queuedBytes > limits.pushQueueBytesMax)
      return giveUp(node, watch);
    if (session.flushing) return;
    session.flushing = true;
    // Changes of one batch come in one go and leave in one message.
    queueMicrotask(() => flush(node, watch, session));
  };

  const beginWatch = async (node: NodeId, watch: number, prefix: string): Promise<MeshAnswer<"directory.watch">> => {
    end(node, watch);
    const peer = peerOf(node);
    const { watchesPerPeerMax } = limits;
    if (peer.sessions.size >= watchesPerPeerMax) throw new PlexusError(failure("LIMIT_REACHED", { watchesPerPeerMax }));
    const session: Session = { sent: 0, seen: 0, queue: [], queuedBytes: 0, flushing: false, stop: () => undefined };
    const isKept = (): boolean => peers.get(node)?.sessions.get(watch) === session;
    peer.sessions.set(watch, session);
    try {
      // A directory that has moved or cannot be read says so here; a watch of it would only be silent.
      await directory.read("cluster");
      return await new Promise((resolve, reject) => {
        const ended = (): void => reject(unavailable("the watch ended before it began"));
        if (!isKept()) return ended();
        let begun = false;
        const stop = directory.watch(prefix, {
          reset(rows) {
            // Only the first: after a gap the watcher begins anew.
            if (begun) return giveUp(node, watch);
            begun = true;
            resolve(firstPage(peer, rows));
          },
          changed: (row) => push(node, watch, session, wire(row)),
          removed: (key, revision) => push(node, watch, session, [key, revision]),
          stale: () => giveUp(node, watch),
        });
        session.stop = () => {
          stop();
          ended();
        };
      });
    } catch (error) {
      if (isKept()) end(node, watch);
      throw error;
    }
  };

  exchange.on("directory.read", ({ key }) => answer(async () => ({ row: wireOrNull(await directory.read(key)) })));
  exchange.on("directory.change", ({ key, value, revision, guard }, from) =>
    answer(async () => {
      const next = value === undefined ? undefined : decodeFromPeer(value);
      const judged = await refusal({ key, next, revision, from });
      if (typeof judged === "string") throw refusedRow("FORBIDDEN", judged, key);
      if (next !== undefined && !accepts(key, next)) throw refusedRow("BAD_REQUEST", "not a row of this kind", key);
      const changed = await directory.compareAndSet(
        key,
        next,
        revision,
        judged ?? (guard && { key: guard[0], revision: guard[1] }),
      );
      return { applied: changed.applied, row: wireOrNull(changed.row) };
    }),
  );
  exchange.on("directory.list", ({ prefix }, from) =>
    answer(async () => firstPage(peerOf(from), await directory.list(prefix))),
  );
  exchange.on("directory.page", ({ cursor }, from) => {
    const peer = peerOf(from);
    const listing = peer.listings.get(cursor);
    return listing === undefined ? refused(failure("CURSOR_EXPIRED", { cursor })) : ok(page(peer, listing, cursor));
  });
  exchange.on("directory.watch", ({ watch, prefix }, from) => answer(() => beginWatch(from, watch, prefix)));
  exchange.on("directory.unwatch", ({ watch }, from) => void end(from, watch));
  exchange.on("directory.seen", ({ watch, number }, from) => {
    const session = peers.get(from)?.sessions.get(watch);
    if (session === undefined) return;
    session.seen = Math.max(session.seen, Math.min(number, session.sent));
    flush(from, watch, session);
  });
  exchange.on("directory.check", ({ watch }, from) => {
    const session = peers.get(from)?.sessions.get(watch);
    return session === undefined ? refused(failure("NOT_FOUND", { watch })) : ok({ sent: session.sent });
  });
  exchange.onPeer({
    disconnected(node) {
      for (const watch of peers.get(node)?.sessions.keys() ?? []) end(node, watch);
      peers.delete(node);
    },
  });
}

const refusedRow = (code: "FORBIDDEN" | "BAD_REQUEST", reason: string, key: string): PlexusError =>
  new PlexusError(failure(code, { reason, key }));

/** Key, numbers and framing, with the value. */
const sizeOf = (change: DirectoryWireChange): number => change[0].length + (change[2]?.length ?? 0) + 32;

/** The answer to the peer that asked. */
const answer = <T>(work: () => Promise<T>): Promise<Result<T>> =>
  work().then(ok, (error: unknown) => refused(failureOf(error)));
