/** Which groups of shard-holders there should be. Pure.
 *
 *  There are as many open holders as nodes that may own some, in as few groups of `groupHoldersMax` at the most as that
 *  takes, as even as possible. A group's width never changes: a stripe's descriptor names holders by their numbers. So
 *  where another width is wanted a closed group of that width opens again, else one is made, and what is not wanted
 *  takes no new stripes. A group that has been closed for long and of whose holders none has anything is removed. */
import { wireLimits, type HolderGroup } from "../../../protocols/index.ts";
import type { Candidate } from "./candidates.ts";
import type { PlacementLimits } from "./limits.ts";

/** How many nodes have a place for a holder. A node that is down counts: only an admin ends a node's place. */
export const placesOf = (members: readonly Candidate[]): number =>
  members.filter(({ roles, state }) => state === "active" && roles.includes("storage")).length;

/** The widths of the open groups that so many nodes should have, the widest first. */
export function widthsFor(nodes: number): readonly number[] {
  const groups = Math.ceil(nodes / wireLimits.groupHoldersMax);
  return Array.from({ length: groups }, (_, index) => Math.ceil((nodes - index) / groups));
}

/** The rows to write, in this order: what opens comes before what closes. None: it is as it should be, or there is no
 *  room for one more. */
export function planGroups(
  nodes: number,
  groups: readonly HolderGroup[],
  { groupsMax, nowMs }: { readonly groupsMax: number; readonly nowMs: number },
): readonly HolderGroup[] {
  // Without any node there is none that could stand in for the open ones.
  if (nodes === 0) return [];
  const missing = [...widthsFor(nodes)];
  const closing: HolderGroup[] = [];
  for (const group of groups.filter(({ open }) => open)) {
    const place = missing.indexOf(group.width);
    if (place < 0) closing.push({ ...group, open: false, closedAtMs: nowMs });
    else missing.splice(place, 1);
  }
  const closed = groups.filter(({ open }) => !open);
  let made = 0;
  // Of a group that was removed the number is taken again: its holders have their slots, and have nothing.
  const names = new Set(groups.map(({ name }) => name));
  const free = Array.from({ length: groups.length + missing.length }, (_, at) => at + 1).filter(
    (one) => !names.has(`g${one}`),
  );
  const opening = missing.map((width) => {
    const place = closed.findIndex((group) => group.width === width);
    if (place >= 0) return { name: (closed.splice(place, 1)[0] as HolderGroup).name, width, open: true };
    made += 1;
    return { name: `g${free.shift() ?? groups.length + made}`, width, open: true };
  });
  return groups.length + made > groupsMax ? [] : [...opening, ...closing];
}

/** Which closed groups may be removed once their holders say that they have nothing: those that were closed so long ago
 *  that nothing comes late any more. */
export const removableGroups = (
  groups: readonly HolderGroup[],
  nowMs: number,
  groupRemovedMs: number,
): readonly HolderGroup[] => groups.filter(({ open, closedAtMs = 0 }) => !open && nowMs - closedAtMs >= groupRemovedMs);

/** For so long the same change must be wanted before it is made, so that nodes that come and go make none: the first
 *  group soon, a wider one when the nodes that come together have come, a narrower one late. */
export function patienceMs(
  nodes: number,
  groups: readonly HolderGroup[],
  limits: Pick<PlacementLimits, "groupFirstMs" | "groupWidenMs" | "groupNarrowMs">,
): number {
  const open = groups.reduce((sum, group) => sum + (group.open ? group.width : 0), 0);
  if (open === 0) return limits.groupFirstMs;
  return nodes > open ? limits.groupWidenMs : limits.groupNarrowMs;
}
