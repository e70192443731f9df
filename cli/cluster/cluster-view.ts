import { failure, ok, refused, type Result } from "../../protocols/errors.ts";
import { isRoleSlot } from "../../protocols/ids.ts";
import { rate } from "../../protocols/words/amounts.ts";
import { adviceOn, isTaker } from "../../protocols/words/cluster-advice.ts";
import {
  byName,
  describeDirectory,
  describeInvited,
  describeSlotCounts,
  invitationFault,
  joinCommand,
  stateOf,
} from "../../protocols/words/cluster-words.ts";
import { folded } from "../../protocols/text/names.ts";
import type { ClusterSlotRow, ClusterSummary, InvitationIssued } from "../../protocols/index.ts";
import { paint } from "../terminal/output.ts";
import { didYouMean } from "../models/suggest.ts";
import { renderTable, type Column } from "../terminal/table.ts";
import { withoutControls } from "../terminal/printable.ts";

/** How a cluster looks as text: `plexus nodes`, `plexus slots`, `plexus invite`. Pure; what the page says as
 *  well is in `protocols/words/cluster-words.ts`. */

/** Names by node id, to show slots in the words of people. */
export type NodeNames = ReadonlyMap<string, string>;

export const namesOf = (summary: ClusterSummary): NodeNames =>
  new Map(summary.nodes.map((node) => [node.node, node.name]));

/** A node's name; its id while the list of nodes does not have it (any more). */
export const nameOf = (names: NodeNames, node: string): string => withoutControls(names.get(node) ?? node);

/** Their names, one after the other. */
export const listed = (names: NodeNames, nodes: readonly string[]): string =>
  nodes.map((node) => nameOf(names, node)).join(", ");

const nodeColumns: readonly Column[] = [
  { head: "Node" },
  { head: "State" },
  { head: "Roles", leaves: 8 },
  { head: "Labels", leaves: 3 },
  { head: "Weight", align: "right", leaves: 4 },
  { head: "Slots", align: "right" },
  { head: "Copies", align: "right", leaves: 7 },
  { head: "Actors", align: "right", leaves: 6 },
  { head: "Turns/s", align: "right", leaves: 5 },
  { head: "Version", leaves: 2 },
  { head: "Page", leaves: 1 },
];

/** `plexus nodes`: one line a node, and how the whole is. */
export function describeNodes(summary: ClusterSummary, color: boolean, columns = Infinity): string {
  const rows = byName(summary).map((node) => {
    const labels = Object.entries(node.labels).map(([name, value]) => `${name}=${value}`);
    return [
      withoutControls(node.name),
      paint(color, node.up ? (isTaker(node) ? "green" : "yellow") : "red", stateOf(node, summary.directory)),
      node.roles.join(", "),
      withoutControls(labels.join(", ")),
      node.weight,
      node.slotsOwned,
      node.slotsReplicated,
      node.actors ?? "",
      node.turnsPerSecond === undefined ? "" : rate(node.turnsPerSecond),
      withoutControls(node.version),
      withoutControls(node.url),
    ];
  });
  const table = renderTable(nodeColumns, rows, { color, columns });
  return [table, describeDirectory(summary), describeSlotCounts(summary), ...adviceOn(summary)].join("\n");
}

/** What `plexus slots` looks for. */
export interface SlotFilter {
  readonly role?: string;
  readonly node?: string | undefined;
  readonly notOk: boolean;
  readonly pinned: boolean;
}

/** The id of the node that is called so, by name or id, or by the beginning of one if that is enough to tell: a member,
 *  or one that was and is still in a slot's record. */
export function findMember(names: NodeNames, slots: readonly ClusterSlotRow[], text: string): Result<string> {
  const ids = [...new Set([...names.keys(), ...slots.flatMap((slot) => nodesOf(slot))])];
  const exact = ids.find((id) => id === text) ?? ids.find((id) => names.get(id) === text);
  if (exact !== undefined) return ok(exact);
  const wanted = folded(text);
  const begun = ids.filter((id) => id.startsWith(text) || folded(names.get(id) ?? "").startsWith(wanted));
  const [only, ...others] = begun;
  if (only === undefined) {
    const meant = didYouMean(text, names.values());
    const hint = [meant ?? [], "`plexus nodes` lists the names."].flat().join(" ");
    return refused(failure("NOT_FOUND", { node: text, hint }));
  }
  if (others.length === 0) return ok(only);
  const reason = `several nodes have names that begin like this: ${begun
    .map((id) => nameOf(names, id))
    .toSorted()
    .join(", ")}`;
  return refused(failure("BAD_REQUEST", { node: text, reason }));
}

const nodesOf = ({ owner, inSync, learners }: ClusterSlotRow): readonly string[] => [owner, ...inSync, ...learners];

/** The slots that fit, by role and number; those of pinned actors, named like them, come after. `node` is an id. */
export function chooseSlots(slots: readonly ClusterSlotRow[], filter: SlotFilter): readonly ClusterSlotRow[] {
  return slots
    .filter(
      (slot) =>
        (filter.role === undefined || slot.slot.startsWith(`${filter.role}/`)) &&
        (filter.node === undefined || nodesOf(slot).includes(filter.node)) &&
        (!filter.notOk || slot.status !== "ok") &&
        (!filter.pinned || isPinned(slot.slot)),
    )
    .toSorted((one, other) => compareSlots(one.slot, other.slot));
}

const isPinned = (slot: string): boolean => !isRoleSlot(slot);

function compareSlots(one: string, other: string): number {
  if (isPinned(one) !== isPinned(other)) return isPinned(one) ? 1 : -1;
  const [role = "", key = ""] = one.split("/");
  const [otherRole = "", otherKey = ""] = other.split("/");
  if (role !== otherRole) return role < otherRole ? -1 : 1;
  if (!isPinned(one)) return Number(key) - Number(otherKey);
  return key < otherKey ? -1 : 1;
}

/** The colour of each status. */
export const statusStyles = { ok: "green", moving: "yellow", short: "yellow", blocked: "red", down: "red" } as const;

/** A slot's status in one word: one that only another role brings back is not like one that waits for its node. */
export const statusOf = ({ status, stranded }: ClusterSlotRow): string =>
  stranded === undefined ? status : "stranded";

const slotColumns: readonly Column[] = [
  { head: "Slot" },
  { head: "Status" },
  { head: "Epoch", align: "right", leaves: 1 },
  { head: "Owner" },
  { head: "In sync" },
  { head: "Learners", leaves: 3 },
  { head: "Wanted", leaves: 2 },
];

/** Why a list of slots has none. `all`: without what the caller chose. */
export function describeNoSlots(all: readonly ClusterSlotRow[], { directoryAway, nodes }: ClusterSummary): string {
  if (all.length > 0) return `No slot matches, of ${all.length} in all.`;
  if (directoryAway === undefined) return "There are no slots yet: the first account and the first room make them.";
  const asked = withoutControls(nodes.find(({ self }) => self)?.name ?? "The node that was asked");
  return (
    `${asked} does not know which slots there are, because the directory, which has the list, does not answer. ` +
    "The slots are not lost."
  );
}

/** `plexus slots`. */
export function describeSlots(
  slots: readonly ClusterSlotRow[],
  names: NodeNames,
  color: boolean,
  columns = Infinity,
): string {
  const rows = slots.map((slot) => [
    withoutControls(slot.slot),
    paint(color, statusStyles[slot.status], statusOf(slot)),
    slot.epoch,
    `${nameOf(names, slot.owner)}${slot.held === slot.owner ? " (held)" : ""}`,
    listed(names, slot.inSync),
    listed(names, slot.learners),
    slot.want === undefined ? "" : `${nameOf(names, slot.want.owner)}: ${listed(names, slot.want.replicas)}`,
  ]);
  return renderTable(slotColumns, rows, { color, columns });
}

/** `plexus invite`. */
export function describeInvitation(
  issued: InvitationIssued,
  labels: Readonly<Record<string, string>>,
  at: { readonly nowMs: number; readonly color: boolean; readonly plexus: string },
): string {
  const [when = "", ...more] = describeInvited(issued, at.nowMs);
  const fault = invitationFault(issued);
  return [
    when,
    "",
    `  ${paint(at.color, "bold", joinCommand(issued, labels, at.plexus))}`,
    "",
    ...more,
    ...(fault === undefined ? [] : ["", `${paint(at.color, "yellow", "warning")} ${fault}`]),
  ].join("\n");
}
