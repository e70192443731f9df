/** The cluster's directory as one node reaches it, wherever it is: in this node, in another, with voters, in etcd, and
 *  on the move from one to the other.
 *
 *      embedded { host } ──third manager──► replicated { generation, voters }
 *          │                                          ▲ │
 *          └───────────── migrate ────────► etcd ◄────┴─┘ migrate, each time in the next generation */
import { failure, failureOf, ok, refused, type ClusterSummary, type Result } from "../../../protocols/index.ts";
import { isRow, votersKey, wantedVotersIn } from "../facts/records.ts";
import { refusalOfRow, type RowChange } from "../facts/whose-rows.ts";
import { etcdPrefix, type DirectoryPlace } from "../../data-folder/home.ts";
import { createEmbeddedDirectory, type EmbeddedDirectory } from "./embedded.ts";
import { createEtcdDirectory, type EtcdDirectory } from "./etcd.ts";
import type { EtcdLink } from "./etcd-servers.ts";
import { directoryLimits, type DirectoryLimits } from "./limits.ts";
import { migrateDirectory } from "./migrate.ts";
import type { VoterPorts } from "./raft/voter.ts";
import { createRemoteDirectory } from "./remote.ts";
import { createReplicatedPart, type Lead, type ReplicatedPart } from "./replicated.ts";
import {
  moved as movedAway,
  unavailableHere,
  unavailableWhere,
  type DirectoryHome,
  type EtcdHome,
  type KeptSize,
} from "./row.ts";
import { serveDirectory, type AskedChange, type Judgement } from "./serve.ts";
import { createSwitchingDirectory } from "./switching.ts";
import { planVoters, votersFor, type VoterCandidate } from "./voters.ts";
import type { Exchange } from "../exchange/index.ts";
import { createDirectoryAge, type DirectoryAge, type DirectoryAgePorts } from "./age.ts";
import { createFitLook, fitting } from "./size.ts";
import type {
  Clock,
  Directory,
  DirectoryRow,
  DirectoryWatcher,
  Log,
  MemberRecord,
  NodeId,
  Random,
  Store,
} from "../../ports/index.ts";

export interface PlacedDirectory {
  /** Stays the same when the directory moves. */
  readonly directory: Directory;
  /** Where it is now; undefined when it was given. */
  readonly place: () => DirectoryPlace | undefined;
  /** The leader of a replicated directory, as far as is known. */
  readonly lead: () => Lead;
  /** The one node without which there is no directory; undefined where there is none such. */
  readonly node: () => NodeId | undefined;
  /** The node that acts for the cluster, because the directory is there; undefined where none is named by that. */
  readonly leader: () => NodeId | undefined;
  readonly info: () => ClusterSummary["directory"];
  /** What is known to be wrong with etcd, or with the disk under the directory. */
  readonly trouble: () => string | undefined;
  /** Whether the disk under this node's voter is known to fail. */
  readonly diskFails: () => boolean;
  /** Why it takes no change while it tells what it has, and what to type. */
  readonly refusal: () => string | undefined;
  /** What the rows are that this node keeps; undefined where it keeps none. */
  readonly size: () => KeptSize | undefined;
  /** Reads the rows that this node keeps, if it keeps them. Error: DATA_DAMAGED. */
  readonly opened: () => Promise<void>;
  /** Sees from now on that the voters are those that should be, where this node leads. */
  readonly keepVoters: (members: VoterMembers) => void;
  /** Moves it to etcd, or without endpoints from there to the managers, whichever node is asked. Errors: ALREADY_DONE;
   *  NO_CANDIDATE, no manager is up; those of the move. */
  readonly migrate: (endpoints?: readonly string[]) => Promise<Result<{ readonly rows: number }>>;
  /** Lets another node lead, if this one does. */
  readonly leave: () => Promise<void>;
  readonly close: () => Promise<void>;
  /** Compares what is told with what this node knows. */
  readonly age: Pick<DirectoryAge, "follow" | "vouch">;
}

/** The members that may vote. */
interface VoterMembers {
  members(): readonly MemberRecord[];
  isUp(node: NodeId): boolean;
}

/** A cluster's rows are small; this is for an etcd that is slow. */
const migrateTimeoutMs = 60_000;

/** Changes of voters that one look makes: seven come and seven go, each in two. */
const changesAtOnceMax = 28;

const isDirectory = (place: DirectoryPlace | Directory): place is Directory => "compareAndSet" in place;

/** What the rules of rows need of the code above. */
export type RowRules = Pick<RowChange, "roleOfKind" | "idOf">;

interface FromAbove {
  readonly rules: RowRules;
  /** What reaches etcd, where nothing else is said by gRPC. */
  readonly etcd?: EtcdLink;
}

/** The rows that a change will meet. */
interface Judged {
  read(key: string): Promise<DirectoryRow | undefined>;
  /** Of the last change in them. */
  revision(): number;
}

/** Those that a voter has applied, or that this node keeps alone. */
const judgedIn = (voter: ReplicatedPart["voter"], kept: Directory): Judged =>
  voter !== undefined && kept === voter.directory
    ? { read: (key) => voter.readToChange(key), revision: () => voter.revision() }
    : (kept as EmbeddedDirectory);

/** Looked at in the row as it is: where that changes meanwhile, the change is of an older revision, and is not made.
 *  Error: DIRECTORY_UNAVAILABLE, it is of a revision that nobody was told. */
async function judge(rows: Judged, { key, next, revision, from }: AskedChange, rules: RowRules): Promise<Judgement> {
  const before = await rows.read(key);
  // One who guesses what the row will be would be judged by what it was.
  if (revision > rows.revision()) throw unavailableWhere(`the change rests on revision ${revision}, which is not here`);
  // It was not judged, and what is being written may still make it fit. So it asks for two revisions of one row: it is
  // never made, and its member looks again.
  const isRevision = before?.revision ?? 0;
  if (isRevision !== revision) return { key, revision: isRevision };
  return refusalOfRow({ key, before, next, from, read: (other) => rows.read(other), ...rules });
}

/** A refusal is final. So before it is said, who leads asks the others whether it still does, and judges once more.
 *  Errors: those of a judgement, and of a read. */
async function judgeSurely(
  { voter, kept }: { readonly voter: ReplicatedPart["voter"]; readonly kept: Directory },
  change: AskedChange,
  rules: RowRules,
): Promise<Judgement> {
  const rows = judgedIn(voter, kept);
  const judged = await judge(rows, change, rules);
  if (typeof judged !== "string") return judged;
  await kept.read(change.key);
  return judge(rows, change, rules);
}

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
    readonly random: Random;
    readonly log: Log;
    /** The directory has a new place from now on. */
    readonly placed: (place: DirectoryPlace) => void;
    readonly limits?: Partial<DirectoryLimits>;
    /** The other members that are known. */
    readonly others?: DirectoryAgePorts["others"];
    /** An operator has said that this node's folder is all there is. */
    readonly trusted?: boolean;
    /** This node leads from now on. */
    readonly leads?: () => void;
    /** Told of every change that this node's voter knows to be decided. */
    readonly decided?: VoterPorts["decided"];
  } & FromAbove,
): PlacedDirectory {
  const { node, cluster, store, exchange, clock, log } = ports;
  const limits: DirectoryLimits = { ...directoryLimits, ...ports.limits };
  let place = isDirectory(at) ? undefined : at;
  let etcd: EtcdDirectory | undefined;
  let stopKeeping = (): void => undefined;
  let listed: VoterMembers | undefined;

  // --- where it is ---------------------------------------------------------------------------------------------------

  const embedded: EmbeddedDirectory | undefined =
    place?.kind === "embedded" && place.host === node ? createEmbeddedDirectory({ store, clock, limits }) : undefined;
  const part = createReplicatedPart({
    node,
    store,
    exchange,
    clock,
    log,
    limits,
    ...(ports.decided && { decided: ports.decided }),
    seed: () => Math.floor(ports.random.number() * 2 ** 32),
    others: () => exchange.peers(),
    changed: ({ generation, voters, leader: led, etcd: there }) => {
      if (place === undefined) return;
      // The present leader is compared again.
      if (led !== node) age.forget();
      moveTo(there ? { kind: "etcd", ...there } : { kind: "replicated", generation, voters });
      remote.hostChanged();
      if (led === node) queueMicrotask(() => ports.leads?.());
    },
  });
  const leader = (): NodeId | undefined =>
    place?.kind === "embedded" ? place.host : place?.kind === "replicated" ? part.lead.leader : undefined;
  const moved = (home: DirectoryHome): void => {
    if ("voters" in home) part.learn(home);
    else if (home.generation !== undefined) part.learn({ ...home, generation: home.generation });
    else moveTo({ kind: "etcd", ...home });
  };
  const remote = createRemoteDirectory(exchange, leader, {
    clock,
    onMoved: moved,
    onAway: () => part.ask(),
  });
  const openEtcd = (home: EtcdHome, founding = false): EtcdDirectory => {
    etcd?.close();
    etcd = createEtcdDirectory({ ...home, ...ports.etcd, clock, log, limits, founding, onMoved: moved });
    return etcd;
  };
  /** The directory behind the one that everybody uses. */
  const behind = (founding = false): Directory => {
    if (place === undefined) return at as Directory;
    if (place.kind === "etcd") return etcd ?? openEtcd(place, founding);
    if (age.older !== undefined && (embedded !== undefined || part.leads)) return silent(age.older);
    return (place.kind === "embedded" ? embedded : part.leads ? part.voter?.directory : undefined) ?? remote;
  };
  const moveTo = (next: DirectoryPlace): void => {
    const before = place;
    // The addresses of the same etcd are those that this node was started with.
    if (before?.kind === "etcd" && next.kind === "etcd" && before.generation === next.generation) return;
    if (before?.kind === "etcd") {
      etcd?.close();
      etcd = undefined;
    }
    place = next;
    if (before?.kind !== next.kind) log.info("directory.moved", { ...next });
    if (JSON.stringify(before) !== JSON.stringify(next)) ports.placed(next);
    directory.switchTo(behind());
  };
  /** Watches of what this node keeps, by others. */
  const served = new Set<DirectoryWatcher>();
  const age = createDirectoryAge({
    node,
    exchange,
    clock,
    log,
    limits,
    others: ports.others ?? [],
    trusted: ports.trusted === true,
    keeper: () => (place?.kind === "etcd" ? undefined : leader()),
    kept: () => ({
      directory: kept(),
      revision: () => (place?.kind === "embedded" ? embedded : part.voter)?.revision() ?? 0,
    }),
    told: () => directory.told(),
    foundOlder() {
      directory.switchTo(behind());
      for (const watcher of served) watcher.stale();
    },
  });
  /** What this node keeps is changed only when it is known not to be older than what others know. */
  const changes = (): Promise<void> | undefined => (leader() === node ? age.mayChange() : undefined);
  const directory = createSwitchingDirectory(isDirectory(at) ? at : behind(ports.founding), changes);
  if (place?.kind === "replicated") part.learn(place);
  if (place?.kind === "etcd" && place.generation !== undefined) part.learn({ ...place, generation: place.generation });

  // --- for the others ------------------------------------------------------------------------------------------------

  /** What this node keeps for them. Errors: DIRECTORY_MOVED, DIRECTORY_UNAVAILABLE. */
  const kept = (): Directory => {
    if (place?.kind === "etcd") throw movedAway(place);
    if (age.older !== undefined) throw unavailableWhere(age.older);
    const own = place?.kind === "embedded" ? embedded : part.voter?.directory;
    if (own === undefined) throw unavailableHere();
    return own;
  };
  if (place !== undefined)
    serveDirectory(
      exchange,
      {
        read: async (key) => kept().read(key),
        list: async (prefix) => kept().list(prefix),
        async compareAndSet(...change) {
          await changes();
          return kept().compareAndSet(...change);
        },
        watch(prefix, watcher) {
          served.add(watcher);
          const stop = watchOrEnd(kept, prefix, watcher);
          return () => {
            served.delete(watcher);
            stop();
          };
        },
      },
      undefined,
      { accepts: isRow, refusal: (change) => judgeSurely({ voter: part.voter, kept: kept() }, change, ports.rules) },
    );

  // --- who votes -----------------------------------------------------------------------------------------------------

  const keepVoters = (those: VoterMembers): void => {
    listed = those;
    const isUp = (one: NodeId): boolean => those.isUp(one);
    const awaySinceMs = new Map<NodeId, number>();
    const candidates = (): readonly VoterCandidate[] => {
      const nowMs = clock.monotonicMs();
      const may = those.members().filter(({ roles, state }) => roles.includes("manager") && state === "active");
      for (const { node: one } of may)
        if (isUp(one)) awaySinceMs.delete(one);
        else if (!awaySinceMs.has(one)) awaySinceMs.set(one, nowMs);
      return may.map(({ node: one, labels, addresses }) => ({
        node: one,
        up: isUp(one),
        awayMs: nowMs - (awaySinceMs.get(one) ?? nowMs),
        zone: labels["zone"],
        host: labels["host"] ?? /^\/ip[46]\/([^/]+)\//.exec(addresses[0] ?? "")?.[1],
      }));
    };
    const wanted = async (): Promise<number> => wantedVotersIn(await kept().read(votersKey));
    /** The next change of the voters. False: none is due, or the next must wait. */
    const change = async (): Promise<boolean> => {
      const state = part.state();
      if (state?.role !== "leader" || !state.settled) return false;
      const of = (one: NodeId) => state.others.find((other) => other.node === one);
      const step = planVoters({
        self: node,
        members: state.members,
        wanted: await wanted(),
        candidates: candidates(),
        hears: (one) => of(one)?.heard === true,
        caughtUp: (one) => (of(one)?.behind ?? Infinity) <= limits.learnerBehindMax,
        voterAwayMs: limits.voterAwayMs,
      });
      if (step === undefined) return false;
      log.info("directory.voters", step.type === "handOver" ? { handOver: step.to } : { [step.type]: step.node });
      await part.take(step);
      return step.type !== "handOver";
    };
    const look = async (): Promise<void> => {
      if (leader() !== node) return awaySinceMs.clear();
      const able = candidates();
      if (place?.kind === "embedded") {
        const up = able.filter((one) => one.up).length;
        if (embedded !== undefined && votersFor(Infinity, up) > 1 && votersFor(await wanted(), up) > 1)
          await replicate(embedded);
        return;
      }
      // One after the other: where two vote, the death of either would stop the directory.
      for (let count = 0; count < changesAtOnceMax && (await change()); count += 1);
    };
    const lookAgain = (): void => {
      stopKeeping = clock.after(limits.voterCheckMs, () => {
        look()
          // The directory is away, or another leads by now; the next look knows.
          .catch((error: unknown) => log.debug("directory.voters.unchanged", { failure: failureOf(error) }))
          .finally(() => lookAgain());
      });
    };
    if (place !== undefined) lookAgain();
  };
  const fits = createFitLook(log, limits);
  /** The rows become the first state of voters, of whom this node is the only one; too many stay where they are. */
  const replicate = async (from: EmbeddedDirectory): Promise<void> => {
    if (!fits(from.size())) return;
    await age.mayChange();
    const home = { generation: part.lead.generation + 1, voters: [node] };
    const members = { voters: [node], learners: [] };
    await from.handOver(home, (rows, revision) =>
      part.found({ generation: home.generation, begun: { members, image: { revision, rows } } }),
    );
  };

  // --- to etcd, and from there ---------------------------------------------------------------------------------------

  /** What moves, where this node keeps it. */
  const departing = (): Departs | undefined => {
    if (place?.kind === "embedded") return embedded && { from: embedded, source: node };
    if (place?.kind !== "replicated" || !part.leads) return undefined;
    const { generation } = place;
    // Every leader of this generation fills the same prefix, and no leader of another one does.
    return {
      from: { handOver: (home, copy) => part.depart({ ...home, generation: generation + 1 }, copy) },
      source: `voters/${generation}`,
      generation: generation + 1,
    };
  };
  /** Done where the directory is. */
  const moveToEtcd = async (endpoints: readonly string[]): Promise<Result<{ readonly rows: number }>> => {
    if (place?.kind !== "embedded" && place?.kind !== "replicated")
      return refused(failure("ALREADY_DONE", { directory: "etcd" }));
    const own = departing();
    if (own === undefined) {
      const keeper = leader();
      if (keeper === undefined || keeper === node) return refused(failureOf(unavailableHere()));
      return exchange.call(keeper, "placement.migrate", { endpoints: [...endpoints] }, migrateTimeoutMs);
    }
    const { from, source, generation } = own;
    const prefix = etcdPrefix(cluster, generation);
    const home: EtcdHome = { endpoints, prefix, ...(generation !== undefined && { generation }) };
    const target = createEtcdDirectory({ ...home, ...ports.etcd, clock, log, limits });
    try {
      return ok(await migrateDirectory(from, target, source));
    } finally {
      target.close();
    }
  };
  /** Done at a manager, which is the first voter. The others follow by the plan. */
  const moveToManagers = async (): Promise<Result<{ readonly rows: number }>> => {
    if (place?.kind !== "etcd") return refused(failure("ALREADY_DONE", { directory: place?.kind ?? "" }));
    const managers =
      listed?.members().filter(({ roles, state }) => roles.includes("manager") && state === "active") ?? [];
    if (!managers.some((one) => one.node === node)) {
      const other = managers.find((one) => listed?.isUp(one.node) === true);
      return other === undefined
        ? refused(failure("NO_CANDIDATE", { role: "manager", reason: "no manager is up to keep the directory" }))
        : exchange.call(other.node, "placement.migrateBack", {}, migrateTimeoutMs);
    }
    const members = { voters: [node], learners: [] };
    const { home, rows } = await (etcd ?? openEtcd(place)).handOver([node], (generation, copied, revision) =>
      part.found({ generation, begun: { members, image: fitting({ revision, rows: copied }, limits) } }),
    );
    part.learn(home);
    return ok({ rows });
  };
  const migrate = (endpoints?: readonly string[]): Promise<Result<{ readonly rows: number }>> =>
    (endpoints === undefined ? moveToManagers() : moveToEtcd(endpoints)).catch(refusedBy);
  exchange.on("placement.migrate", ({ endpoints }) => migrate(endpoints));
  exchange.on("placement.migrateBack", () => migrate());

  return {
    directory,
    place: () => place,
    lead: () => part.lead,
    node() {
      if (place?.kind === "embedded") return place.host;
      return place?.kind === "replicated" && place.voters.length === 1 ? place.voters[0] : undefined;
    },
    leader,
    info() {
      if (place?.kind === "etcd") {
        const { endpoints, generation } = place;
        return { kind: "etcd", endpoints, ...(generation !== undefined && { generation }) };
      }
      if (place?.kind !== "replicated") return { kind: "embedded", node: leader() ?? "" };
      const { generation, voters, leader: now } = part.lead;
      const learners = part.leads ? (part.state()?.members.learners ?? []) : [];
      return {
        kind: "replicated",
        generation,
        voters,
        ...(learners.length > 0 && { learners }),
        ...(now !== undefined && { leader: now }),
      };
    },
    trouble() {
      if (place?.kind === "etcd") return etcd?.trouble();
      if (age.older !== undefined) return age.older;
      return (behind() === remote ? remote.trouble() : embedded?.trouble()) ?? part.trouble();
    },
    diskFails: () => part.trouble() !== undefined,
    refusal: () => etcd?.refusal(),
    size: () => (place?.kind === "etcd" ? undefined : (place?.kind === "embedded" ? embedded : part.voter)?.size()),
    async opened() {
      await embedded?.opened();
      embedded?.onMoved(moved);
      await part.opened();
    },
    keepVoters,
    migrate,
    age,
    leave: () => part.leave(),
    async close() {
      stopKeeping();
      etcd?.close();
      await part.close();
    },
  };
}

const refusedBy = (error: unknown): Result<never> => refused(failureOf(error));

/** What gives its rows away, what they are called where they go, and in which generation. */
interface Departs {
  readonly from: Parameters<typeof migrateDirectory>[0];
  readonly source: string;
  readonly generation?: number;
}

/** What this node keeps is not told. */
function silent(older: string): Directory {
  const refuse = (): Promise<never> => Promise.reject(unavailableWhere(older));
  return { read: refuse, list: refuse, compareAndSet: refuse, watch: () => () => undefined };
}

/** A watch of what is not here ends as soon as it begins. */
function watchOrEnd(kept: () => Directory, prefix: string, watcher: DirectoryWatcher): () => void {
  try {
    return kept().watch(prefix, watcher);
  } catch {
    queueMicrotask(() => watcher.stale());
    return () => undefined;
  }
}
