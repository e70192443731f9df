/** What a node remembers of its cluster between two starts: which one it is, where its directory is, and who belonged
 *  to it. */
import type { SlotId } from "../../protocols/index.ts";
import type { Log, MemberRecord, NodeId, Store, StoreOp } from "../ports/index.ts";
import { homeLimits } from "./limits.ts";
import { seal, unseal } from "./seal.ts";

/** Where the cluster's directory is kept. */
export type DirectoryPlace =
  | { readonly kind: "embedded"; readonly host: NodeId }
  /** `voters`: those of whom was known last. */
  | { readonly kind: "replicated"; readonly generation: number; readonly voters: readonly NodeId[] }
  /** `generation`: it came there from voters. */
  | {
      readonly kind: "etcd";
      readonly endpoints: readonly string[];
      readonly prefix: string;
      readonly generation?: number;
    };

/** Where a cluster's rows lie in etcd. What came there from voters lies apart from what was there before. */
export const etcdPrefix = (cluster: string, generation?: number): string =>
  generation === undefined ? `plexus/${cluster}/` : `plexus/${cluster}.${generation}/`;

export interface Home {
  readonly cluster: string;
  readonly directory: DirectoryPlace;
  readonly members: readonly MemberRecord[];
  /** Starts of this node so far. */
  readonly starts: number;
  /** The incarnation this node has in the directory, or is about to have. A folder that knows of fewer than the
   *  directory is a copy from before: what it acknowledged since is not in it. Absent in folders from before this was
   *  kept. */
  readonly incarnation?: number;
  /** Copies that this folder had when it was found to be one from before, and that were not made anew since. */
  readonly distrusted?: readonly SlotId[];
  /** Peer ids of the last that were members and are none any more: they are told so when they come. */
  readonly evicted?: readonly string[];
  /** The directory was begun anew by hand, in this generation, without the members of these peer ids. */
  readonly recovered?: { readonly generation: number; readonly without: readonly string[] };
  /** This node itself is a member no more, as it learned in its last run. */
  readonly selfEvicted?: true;
  /** The cluster began at this node, which prints the code for the first account as long as there is none. */
  readonly began?: true;
  /** The port at which it listened for other nodes last: one that is to choose takes it again. */
  readonly meshPort?: number;
  /** Where members were reached, by peer id, the last address first. */
  readonly reached?: Readonly<Record<string, readonly string[]>>;
  /** The cluster has an admin, and keeps one. Absent while that is not known. */
  readonly hasAdmin?: true;
}

/** Where it lies in the store. */
export const homeKey = "meta/home";

/** The home with the member list as the directory has it now, and who has left it since. */
export function withMembers(home: Home, members: readonly MemberRecord[]): Pick<Home, "members" | "evicted"> {
  const present = new Set(members.map(({ peer }) => peer));
  const known = [...(home.evicted ?? []), ...home.members.map(({ peer }) => peer)];
  return {
    members,
    evicted: known.filter((peer) => peer !== "" && !present.has(peer)).slice(-homeLimits.evictedMax),
  };
}

/** The home once a member was reached at an address; undefined when that is nothing new. Of a node that is no member
 *  nothing is kept. */
export function withReached(
  { members, reached = {} }: Home,
  peer: string,
  address: string,
): Pick<Home, "reached"> | undefined {
  const before = reached[peer] ?? [];
  if (before[0] === address) return undefined;
  const present = new Set(members.map((member) => member.peer));
  const kept = Object.entries(reached).filter(([one]) => present.has(one) && one !== peer);
  const addresses = [address, ...before.filter((one) => one !== address)].slice(0, homeLimits.reachedMax);
  return { reached: Object.fromEntries([...kept, [peer, addresses]]) };
}

/** Undefined in a folder that is new, or from before there were many nodes. Error: DATA_DAMAGED. */
export async function readHome(store: Store): Promise<Home | undefined> {
  const bytes = await store.get(homeKey);
  return bytes && (unseal(homeKey, bytes, store.location) as Home);
}

export const homeRow = (home: Home): StoreOp => ({ type: "put", key: homeKey, value: seal(homeKey, home) });

export const writeHome = (store: Store, home: Home): Promise<void> => store.batch([homeRow(home)], { sync: true });

/** The home of a running node: in memory, and on the disk a moment later. */
export interface HomeKeeper {
  /** As it is now. */
  readonly now: Home;
  /** Changes it. Resolves when that is on the disk; rejects when the disk does not take it. */
  keep(change: Partial<Home>): Promise<void>;
  /** The same, for what need not be on the disk: a failure is logged. */
  remember(change: Partial<Home>): void;
}

/** Keeps a home from now on. Nothing is written before the first change. */
export function keepHome(home: Home, { store, log }: { readonly store: Store; readonly log: Log }): HomeKeeper {
  let now = home;
  const keep = (change: Partial<Home>): Promise<void> => {
    now = { ...now, ...change };
    return writeHome(store, now);
  };
  return {
    get now() {
      return now;
    },
    keep,
    remember: (change) => void keep(change).catch((error: unknown) => log.error("node.home.unwritten", { error })),
  };
}

/** The place as a member tells it to a node that joins; undefined when it cannot be one. */
export function asPlace(told: unknown): DirectoryPlace | undefined {
  const { kind, host, endpoints, prefix, generation, voters } = (told ?? {}) as Record<string, unknown>;
  if (kind === "embedded" && typeof host === "string") return { kind, host };
  const numbered = Number.isSafeInteger(generation) ? { generation: generation as number } : undefined;
  if (kind === "etcd" && areTexts(endpoints) && typeof prefix === "string")
    return { kind, endpoints, prefix, ...numbered };
  return kind === "replicated" && areTexts(voters) && numbered !== undefined
    ? { kind, ...numbered, voters }
    : undefined;
}

const areTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");
