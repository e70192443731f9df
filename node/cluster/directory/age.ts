/** Whether the directory is as new as what the cluster's nodes know of it. A node that keeps it may have come back on
 *  an older copy of its folder, and then it would give out epochs a second time and name copies that lack what was
 *  acknowledged since.
 *
 *      a node that knows                                             the node that keeps it
 *        told revision 412, or a log fenced for epoch 7 of a slot ──►  412 ≤ its own revision, 7 ≤ its own epoch?
 *                                                                       yes: changes may begin
 *                                                                       no:  it answers nothing more, and says why
 *
 *  A node asks whenever it has read all slots anew: after its start, and after each time that the directory was away.
 *  What it knows is in its memory if it ran meanwhile, and in its journal if it did not. The keeper lets nobody change
 *  anything before all others have asked, or for a short while: until then nothing has been given out, so the
 *  comparison misses nothing. */
import { failureOf, ok, PlexusError, refused, type SlotId } from "../../../protocols/index.ts";
import { isOfEarlier } from "../facts/generation.ts";
import { readSlot } from "../facts/records.ts";
import type { SlotTable } from "../facts/slot-table.ts";
import type { DirectoryLimits } from "./limits.ts";
import { unavailableWhere } from "./row.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, Directory, Log, NodeId } from "../../ports/index.ts";
import { within } from "../../waiting.ts";

/** A slot, and an epoch of it that was given out. */
type KnownEpoch = readonly [slot: SlotId, epoch: number];

/** What a node was told. */
interface Known {
  readonly revision: number;
  readonly newer?: KnownEpoch;
}

/** The rows that a node keeps, and the revision of their last change. */
interface Kept {
  readonly directory: Directory;
  revision(): number;
}

export interface DirectoryAgePorts {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: Pick<DirectoryLimits, "ageWaitMs" | "callTimeoutMs" | "retryMaxMs">;
  /** The other members that are known, and what they are called: alone, a node has nobody to compare with. */
  readonly others: readonly { readonly node: NodeId; readonly name: string }[];
  /** An operator has said that the older copy is all there is. */
  readonly trusted: boolean;
  /** The node that keeps the directory; undefined where no node does, or none is known. */
  keeper(): NodeId | undefined;
  /** Errors: DIRECTORY_UNAVAILABLE, DIRECTORY_MOVED. */
  kept(): Kept;
  /** The newest revision that this node was told. */
  told(): number;
  /** What this node keeps is found to be older: it is not to be told any more. */
  foundOlder(): void;
}

export interface DirectoryAge {
  /** Why what this node keeps is not told; undefined: it is. */
  readonly older: string | undefined;
  /** Another node keeps the directory now. */
  forget(): void;
  /** Resolves when what this node keeps may be changed. Error: DIRECTORY_UNAVAILABLE, it is older. */
  mayChange(): Promise<void>;
  /** Compares from now on. `fences`: the lowest epochs that this node's logs accept. */
  follow(table: SlotTable, fences: () => Promise<ReadonlyMap<SlotId, number>>): void;
  /** Resolves when the keeper has seen that its directory is not older than this. Error: DIRECTORY_UNAVAILABLE. */
  vouch(newer: KnownEpoch): Promise<void>;
}

const nameIn = (others: DirectoryAgePorts["others"], of: NodeId): string =>
  others.find(({ node }) => node === of)?.name ?? of;

/** Begins to compare. Called once for an exchange. */
export function createDirectoryAge(ports: DirectoryAgePorts): DirectoryAge {
  const { node, exchange, clock, log, limits, trusted } = ports;
  let older: string | undefined;
  const hasOthers = ports.others.length > 0;
  /** Those that have not compared what they know yet, this node included. */
  const unheard = new Set(hasOthers ? [node, ...ports.others.map((one) => one.node)] : []);
  const { promise: compared, resolve: allCompared } = Promise.withResolvers<void>();
  let held: Promise<void> | undefined;
  const heard = (those: Iterable<NodeId>): void => {
    for (const one of those) unheard.delete(one);
    if (unheard.size === 0) allCompared();
  };
  heard([]);

  /** What another node knows and the rows here lack, in words. */
  const missing = async ({ revision, newer }: Known, from: string): Promise<string | undefined> => {
    const kept = ports.kept();
    const row = await readSlot(kept.directory, newer?.[0] ?? ("chat/0" as SlotId));
    const epoch = row?.record.epoch ?? 0;
    if (newer !== undefined && newer[1] > epoch)
      return `${from} has slot ${newer[0]} in epoch ${newer[1]}, and here it is in ${epoch}`;
    const here = kept.revision();
    return revision > here ? `${from} was told of change ${revision}, and the last one here is ${here}` : undefined;
  };
  const judge = async (known: Known, from: NodeId): Promise<void> => {
    const lacks = await missing(known, nameIn(ports.others, from));
    if (lacks !== undefined && trusted) log.warn("directory.older.trusted", { lacks });
    else if (lacks !== undefined) {
      older = `the directory is on an older copy of its data: ${lacks}. ${cure}`;
      log.error("directory.older", { lacks, help: "docs/operate/directory.md, The directory" });
      ports.foundOlder();
      throw unavailableWhere(older);
    }
    heard([from]);
  };
  exchange.on("directory.known", (known, from) =>
    judge(known, from).then(
      () => ok({ revision: known.revision }),
      (error: unknown) => refused(failureOf(error)),
    ),
  );

  const ask = async (known: Known): Promise<void> => {
    const keeper = ports.keeper();
    if (keeper === undefined) throw unavailableWhere("no node is known to keep the directory");
    if (keeper === node) return judge(known, node);
    const { revision, newer } = known;
    const body = { revision, ...(newer && { newer: [...newer] as [SlotId, number] }) };
    const answer = await exchange.call(keeper, "directory.known", body, limits.callTimeoutMs);
    if (!answer.ok) throw new PlexusError(answer.error);
    // It has been compared with the others; so has this node.
    heard([...unheard]);
  };

  const follow: DirectoryAge["follow"] = (table, readFences) => {
    let fences: Promise<ReadonlyMap<SlotId, number>> | undefined;
    let looks = 0;
    const newest = async (): Promise<KnownEpoch | undefined> => {
      const slot = table.older();
      if (slot !== undefined) return [slot, table.get(slot)?.record.epoch ?? 0];
      fences ??= readFences();
      for (const [fenced, fence] of await fences)
        if (fence > (table.get(fenced)?.record.epoch ?? 0) && !isOfEarlier(fence, ports.told())) return [fenced, fence];
      return undefined;
    };
    const look = async (): Promise<void> => {
      looks += 1;
      const number = looks;
      if (!hasOthers || ports.keeper() === undefined) return;
      try {
        const newer = await newest();
        await ask({ revision: ports.told(), ...(newer && { newer }) });
      } catch (error) {
        log.debug("directory.uncompared", { failure: failureOf(error) });
        clock.after(limits.retryMaxMs, () => void (number === looks && table.current && look()));
      }
    };
    table.onRead(() => void look());
  };

  return {
    get older() {
      return older;
    },
    forget: () => void (older = undefined),
    async mayChange() {
      held ??= within(clock, limits.ageWaitMs, compared).then(() => undefined);
      await held;
      if (older !== undefined) throw unavailableWhere(older);
    },
    follow,
    async vouch(newer) {
      if (hasOthers && ports.keeper() !== undefined) await ask({ revision: ports.told(), newer });
    },
  };
}

/** Short enough to stand whole wherever it is told. */
const cure =
  "Stop the node that keeps it (or each of them), and start it on its newest folder. If there is none: stop " +
  "all nodes, start that one with --trust-data, then the others";
