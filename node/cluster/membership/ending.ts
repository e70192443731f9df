/** The end of a membership, seen from within: this process is not this member any more. */
import { failure, PlexusError } from "../../../protocols/index.ts";
import type { Log, MembershipEnd, NodeId } from "../../ports/index.ts";

/** What the data folder keeps of it. */
interface Keeper {
  keep(what: { readonly selfEvicted: true }): Promise<void>;
}

export interface Ending {
  /** Why, once it has begun. */
  readonly why: MembershipEnd | undefined;
  /** Rejects when the membership has ended: NOT_A_PEER, or DATA_FOLDER_IN_USE where another process runs as this
   *  node. */
  readonly ended: Promise<never>;
  /** Ends the membership. The first reason counts. `generation`: the one in which the directory was recovered without
   *  this node. */
  begin(why: MembershipEnd, generation?: number): void;
  /** Calls back at once when it begins: nothing may be served from then on. */
  onBegin(listener: () => void): void;
}

/** Makes it. An eviction is kept in the folder, which says later why its node is gone. */
export function createEnding(at: {
  readonly node: NodeId;
  readonly cluster: string;
  readonly home: Keeper;
  readonly log: Log;
}): Ending {
  const { node, cluster, home, log } = at;
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  const listeners: (() => void)[] = [];
  let begun: MembershipEnd | undefined;
  return {
    get why() {
      return begun;
    },
    ended: ended.promise,
    begin(why, generation) {
      if (begun !== undefined) return;
      begun = why;
      log.error(`node.${why}`, { node, cluster, ...(generation !== undefined && { generation }) });
      for (const listener of listeners) listener();
      const copied = { node, reason: "another process has started as this node, on a copy of its data folder" };
      const refusal =
        why === "evicted"
          ? failure("NOT_A_PEER", { node, ...recoveredWithout(generation) })
          : failure("DATA_FOLDER_IN_USE", copied);
      // The process ends then.
      const noted = why === "evicted" ? noteEviction(home, log) : Promise.resolve();
      void noted.then(() => ended.reject(new PlexusError(refusal)));
    },
    onBegin: (listener) => void listeners.push(listener),
  };
}

const recoveredWithout = (generation: number | undefined): Readonly<Record<string, unknown>> =>
  generation === undefined
    ? {}
    : { reason: `the cluster was recovered without this node, in generation ${generation}`, generation };

/** Keeps that this node is a member no more. Never rejects. */
export const noteEviction = (home: Keeper, log: Log): Promise<void> =>
  home.keep({ selfEvicted: true }).catch((error: unknown) => log.error("node.home.unwritten", { error }));
