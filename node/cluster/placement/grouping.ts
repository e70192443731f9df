/** Sees to it that the groups of shard-holders are there, and that each holder has a slot of its own.
 *
 *      members ──► planGroups ──(the same for a while)──► rows `group/NAME`, by compare-and-set
 *      rows    ──► holders without a slot of their own ──► the owner of their share of the role splits them off
 *
 *  A holder's first message and its split go through the same owner: so there is never a second log of a holder,
 *  whichever node speaks to it first, and whichever others make its slot at the same time
 *  (docs/decisions/0048-groups-of-holders.md). */
import { failureOf, holderOf, ownSlot, slotOf, type ActorId, type HolderGroup } from "../../../protocols/index.ts";
import { groupsMax, type Groups } from "../facts/groups.ts";
import { asGroup, groupKey } from "../facts/records.ts";
import { fetchSlot, type SlotTable } from "../facts/slot-table.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, Directory, Log, Membership, Meter, NodeId } from "../../ports/index.ts";
import { patienceMs, placesOf, planGroups, removableGroups } from "./groups.ts";
import type { PlacementLimits } from "./limits.ts";
import { slotOwnerOrFirst } from "../facts/slot-owner.ts";

interface GroupingPorts {
  readonly groups: Groups;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: PlacementLimits;
  directoryNode(): NodeId | undefined;
  /** Whether a holder has nothing: neither shards nor trash. Undefined: it does not say. */
  isEmpty(holder: ActorId): Promise<boolean | undefined>;
  /** Whether this node may change rows now. */
  acts(): boolean;
}

interface Grouping {
  /** Looks for what is missing, and makes it. To be called often: while nothing is missing it is cheap. */
  look(): void;
  /** What failed may be tried again. */
  round(): void;
  stop(): void;
}

/** Starts it. It keeps nothing that matters: since when a change is wanted, and what is under way. */
export function createGrouping(ports: GroupingPorts): Grouping {
  const { groups, directory, table, membership, exchange, clock, log, meter, limits } = ports;
  let wanted: { readonly rows: string; readonly sinceMs: number } | undefined;
  let cancel = (): void => undefined;
  let writing = false;
  let full = false;
  let stopped = false;
  const splitting = new Set<ActorId>();
  /** Failed in this round. */
  const failed = new Set<ActorId>();

  const write = async (rows: readonly HolderGroup[]): Promise<void> => {
    for (const row of rows) {
      const key = groupKey(row.name);
      const before = groups.current().find(({ name }) => name === row.name);
      const there = await directory.read(key);
      const known = there && asGroup(there);
      // Somebody else changed it: what is wanted now is planned anew. A row that is none stays as it is.
      if (
        (there === undefined) !== (before === undefined) ||
        known?.width !== before?.width ||
        known?.open !== before?.open
      )
        return;
      const { applied } = await directory.compareAndSet(key, row, there?.revision ?? 0);
      if (!applied) return;
      meter.count("placement_groups", 1, { change: before === undefined ? "made" : row.open ? "opened" : "closed" });
      log.info("placement.group", { ...row });
    }
  };

  const lookGroups = (): void => {
    if (writing) return;
    const nodes = placesOf(membership.members().members);
    const rows = planGroups(nodes, groups.current(), { groupsMax, nowMs: Math.floor(clock.nowMs()) });
    const text = JSON.stringify(rows.map(({ name, open }) => [name, open]));
    if (wanted?.rows !== text) wanted = { rows: text, sinceMs: clock.monotonicMs() };
    const isFull = rows.length === 0 && groups.current().length >= groupsMax;
    if (isFull && !full) log.warn("placement.groups.full", { groupsMax });
    full = isFull;
    if (rows.length === 0) return;
    const waitMs = wanted.sinceMs + patienceMs(nodes, groups.current(), limits) - clock.monotonicMs();
    if (waitMs > 0) {
      cancel();
      cancel = clock.after(waitMs, look);
      return;
    }
    writing = true;
    write(rows).then(
      () => (writing = false),
      (error: unknown) => {
        writing = false;
        // Tried again after the same patience.
        wanted = undefined;
        log.warn("placement.group.failed", { code: failureOf(error).code });
      },
    );
  };

  let lookedMs = clock.monotonicMs();
  let removing = false;
  const remove = async (): Promise<void> => {
    for (const group of removableGroups(groups.current(), clock.nowMs(), limits.groupRemovedMs)) {
      const holders = Array.from({ length: group.width }, (_, index) => holderOf(group.name, index));
      const empty = await Promise.all(holders.map((holder) => ports.isEmpty(holder)));
      if (!empty.every((one) => one === true)) continue;
      const key = groupKey(group.name);
      const row = await directory.read(key);
      // It may have been opened again meanwhile.
      if (row === undefined || asGroup(row)?.closedAtMs !== group.closedAtMs || !ports.acts() || stopped) continue;
      const { applied } = await directory.compareAndSet(key, undefined, row.revision);
      if (applied) log.info("placement.group.removed", { group: group.name });
      if (applied) meter.count("placement_groups", 1, { change: "removed" });
    }
  };
  const lookEmpty = (): void => {
    if (removing || clock.monotonicMs() - lookedMs < limits.groupLookMs) return;
    lookedMs = clock.monotonicMs();
    removing = true;
    remove()
      .catch((error: unknown) => log.warn("placement.group.failed", { code: failureOf(error).code }))
      .finally(() => (removing = false));
  };

  /** Holders that are in no slot of their own yet. */
  const homeless = (): readonly ActorId[] =>
    groups
      .current()
      .flatMap(({ name, width }) => Array.from({ length: width }, (_, index) => holderOf(name, index)))
      .filter((holder) => table.get(ownSlot(holder)) === undefined && !splitting.has(holder) && !failed.has(holder));

  const split = async (holder: ActorId): Promise<void> => {
    const base = slotOf("storage", holder);
    const owner = slotOwnerOrFirst(table, base, () => ({
      members: membership.members().members,
      membership,
      directoryNode: ports.directoryNode(),
    }));
    if (owner === undefined || !membership.isUp(owner)) return void failed.add(holder);
    const answer = await exchange.call(owner, "placement.pin", { actor: holder }, limits.roundMs);
    const row = await fetchSlot(directory, table, ownSlot(holder));
    if (row === undefined) failed.add(holder);
    log.debug("placement.holder", { holder, owner, ...(!answer.ok && { code: answer.error.code }) });
  };

  const lookHolders = (): void => {
    for (const holder of homeless()) {
      if (splitting.size >= limits.holderSplitsMax) return;
      splitting.add(holder);
      split(holder)
        .catch(() => failed.add(holder))
        .finally(() => {
          splitting.delete(holder);
          look();
        });
    }
  };

  function look(): void {
    if (stopped || !ports.acts()) return;
    lookGroups();
    lookHolders();
    lookEmpty();
  }

  const endGroups = groups.onChange(look);
  return {
    look,
    round: () => failed.clear(),
    stop() {
      stopped = true;
      cancel();
      endGroups();
    },
  };
}
