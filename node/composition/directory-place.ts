/** The cluster's directory as one node reaches it, wherever it is: in this node, in another, in etcd, and on the move from one to
 *  the other. */
import { failure, failureOf, ok, refused, type ClusterSummary, type Result } from "../../protocols/index.ts";
import { asMember, isRow, memberKey } from "../cluster/records.ts";
import { etcdPrefix, type DirectoryPlace } from "../data-folder/home.ts";
import {
  createEmbeddedDirectory,
  createEtcdDirectory,
  createRemoteDirectory,
  createSwitchingDirectory,
  migrateDirectory,
  serveDirectory,
  serveMoved,
  type DirectoryHome,
  type EmbeddedDirectory,
  type EtcdDirectory,
} from "../directory/index.ts";
import { keysPrefix } from "../keys/index.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, Directory, Log, NodeId, Store } from "../ports.ts";
import { hasKeyRole } from "./keys.ts";

export interface PlacedDirectory {
  /** Stays the same when the directory moves. */
  readonly directory: Directory;
  /** Where it is now; undefined when it was given. */
  readonly place: () => DirectoryPlace | undefined;
  /** The node that keeps it; undefined for one in etcd. */
  readonly node: () => NodeId | undefined;
  readonly info: () => ClusterSummary["directory"];
  /** What is known to be wrong with etcd. */
  readonly trouble: () => string | undefined;
  /** Reads the rows that this node keeps, if it keeps them. Error: DATA_DAMAGED. */
  readonly opened: () => Promise<void>;
  /** Moves it to etcd, whichever node is asked. Errors: ALREADY_DONE; those of the move. */
  readonly migrate: (endpoints: readonly string[]) => Promise<Result<{ readonly rows: number }>>;
  readonly close: () => void;
}

/** A cluster's rows are small; this is for an etcd that is slow. */
const migrateTimeoutMs = 60_000;

const isDirectory = (place: DirectoryPlace | Directory): place is Directory => "compareAndSet" in place;

/** Opens the directory at a place, or takes the one that is given. */
export function openDirectory(
  at: DirectoryPlace | Directory,
  ports: {
    readonly node: NodeId;
    readonly cluster: string;
    /** This node may begin the directory in etcd. */
    readonly founding: boolean;
    readonly store: Store;
    readonly exchange: Exchange;
    readonly clock: Clock;
    readonly log: Log;
    /** The directory has a new place from now on. */
    readonly placed: (place: DirectoryPlace) => void;
  },
): PlacedDirectory {
  const { node, cluster, store, exchange, clock, log } = ports;
  let place = isDirectory(at) ? undefined : at;
  let embedded: EmbeddedDirectory | undefined;
  let etcd: EtcdDirectory | undefined;

  const keeper = (): NodeId | undefined => (place?.kind === "embedded" ? place.host : undefined);
  const openEtcd = (home: DirectoryHome, founding = false): EtcdDirectory => {
    etcd?.close();
    etcd = createEtcdDirectory({ ...home, clock, log, founding });
    return etcd;
  };
  const moved = (home: DirectoryHome): void => {
    if (place?.kind === "etcd") return;
    place = { kind: "etcd", endpoints: home.endpoints, prefix: home.prefix };
    log.info("directory.moved", { endpoints: home.endpoints });
    ports.placed(place);
    directory.switchTo(openEtcd(home));
  };
  const openPlace = (at: DirectoryPlace): Directory => {
    if (at.kind === "etcd") {
      serveMoved(exchange, at);
      return openEtcd(at, ports.founding);
    }
    if (at.host !== node) return createRemoteDirectory(exchange, keeper, { clock, onMoved: moved });
    embedded = createEmbeddedDirectory({ store, clock });
    const kept = embedded;
    const mayChange = async (key: string, from: NodeId): Promise<boolean> => {
      if (!key.startsWith(keysPrefix)) return true;
      const row = await kept.read(memberKey(from));
      return row !== undefined && hasKeyRole(asMember(row)?.roles ?? []);
    };
    serveDirectory(exchange, embedded, undefined, { accepts: isRow, mayChange });
    return embedded;
  };
  const directory = createSwitchingDirectory(isDirectory(at) ? at : openPlace(at));

  /** Done where the embedded directory is. */
  const migrate = async (endpoints: readonly string[]): Promise<Result<{ readonly rows: number }>> => {
    if (place?.kind !== "embedded") return refused(failure("ALREADY_DONE", { reason: "it is not embedded any more" }));
    if (embedded === undefined)
      return exchange.call(place.host, "placement.migrate", { endpoints: [...endpoints] }, migrateTimeoutMs);
    const target = createEtcdDirectory({ endpoints, prefix: etcdPrefix(cluster), clock, log });
    try {
      return ok(await migrateDirectory(embedded, target, node));
    } catch (error) {
      return refused(failureOf(error));
    } finally {
      target.close();
    }
  };
  exchange.on("placement.migrate", ({ endpoints }) => migrate(endpoints));

  return {
    directory,
    place: () => place,
    node: keeper,
    info: () =>
      place?.kind === "etcd"
        ? { kind: "etcd", endpoints: place.endpoints }
        : { kind: "embedded", node: keeper() ?? "" },
    trouble: () => etcd?.trouble(),
    async opened() {
      await embedded?.opened();
      embedded?.onMoved(moved);
    },
    migrate,
    close: () => etcd?.close(),
  };
}
