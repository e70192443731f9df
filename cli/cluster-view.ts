import {
  roles,
  type ClusterNodeRow,
  type ClusterSlotRow,
  type ClusterSummary,
  type InvitationIssued,
} from "../protocols/index.ts";
import { counted, describeDuration, paint, withoutControls } from "./output.ts";
import { tableOf } from "./table.ts";

/** How a cluster looks as text: `plexus nodes`, `plexus slots`, `plexus invite`. Pure; what comes from other nodes is
 *  shown without control characters. */

/** Names by node id, to show slots in the words of people. */
export type NodeNames = ReadonlyMap<string, string>;

export const namesOf = (summary: ClusterSummary): NodeNames =>
  new Map(summary.nodes.map((node) => [node.node, node.name]));

/** A node's name; its id while the list of nodes does not have it (any more). */
export const nameOf = (names: NodeNames, node: string): string => withoutControls(names.get(node) ?? node);

/** Their names, one after the other. */
export const listed = (names: NodeNames, nodes: readonly string[]): string =>
  nodes.map((node) => nameOf(names, node)).join(", ");

/** The nodes as they are listed. */
export const byName = (summary: ClusterSummary): readonly ClusterNodeRow[] =>
  summary.nodes.toSorted((one, other) => (one.name < other.name ? -1 : 1));

/** What a node is at the moment, in words. */
export function stateOf(node: ClusterNodeRow): string {
  const words = [
    node.up ? (node.state === "draining" ? "draining" : "up") : "down",
    ...(node.up || node.state !== "draining" ? [] : ["draining"]),
    ...(node.directory ? ["directory"] : []),
    ...(node.self ? ["asked"] : []),
  ];
  return words.join(", ");
}

/** `plexus nodes`: one line a node, and how the whole is. */
export function describeNodes(summary: ClusterSummary, color: boolean): string {
  const table = tableOf(color, [
    ["Node"],
    ["State"],
    ["Roles"],
    ["Labels"],
    ["Slots", "right"],
    ["Copies", "right"],
    ["Actors", "right"],
    ["Turns/s", "right"],
    ["Version"],
    ["Page"],
  ]);
  for (const node of byName(summary)) {
    const labels = Object.entries(node.labels).map(([name, value]) => `${name}=${value}`);
    table.push([
      withoutControls(node.name),
      paint(color, node.up ? (node.state === "draining" ? "yellow" : "green") : "red", stateOf(node)),
      node.roles.join(", "),
      withoutControls(labels.join(", ")),
      node.slotsOwned,
      node.slotsReplicated,
      node.actors ?? "",
      node.turnsPerSecond === undefined ? "" : rate(node.turnsPerSecond),
      withoutControls(node.version),
      withoutControls(node.url),
    ]);
  }
  return [table.toString(), describeDirectory(summary), describeSlotCounts(summary), ...adviceOn(summary)].join("\n");
}

/** 0.4, 12, 1250: as many digits as mean something. */
export const rate = (perSecond: number): string =>
  perSecond < 10 ? String(Number(perSecond.toFixed(1))) : String(Math.round(perSecond));

/** Where the cluster remembers who owns what. */
export function describeDirectory({ directory, nodes }: ClusterSummary): string {
  if (directory.kind === "etcd") return `Directory: etcd at ${withoutControls(directory.endpoints.join(", "))}`;
  const name = nodes.find(({ node }) => node === directory.node)?.name ?? directory.node;
  return `Directory: embedded, on ${withoutControls(name)}`;
}

/** `256 slots: 250 ok, 6 moving`. */
export function describeSlotCounts({ slots, replicas, minInSync }: ClusterSummary): string {
  const others = (["moving", "short", "down"] as const).filter((status) => slots[status] > 0);
  const counts = ["ok" as const, ...others].map((status) => `${slots[status]} ${status}`);
  const wish = `${counted(replicas, "replica")} wanted, at least ${minInSync} in sync`;
  return `${counted(slots.total, "slot")}: ${counts.join(", ")} (${wish})`;
}

/** What is wrong and what to do about it. */
function adviceOn(summary: ClusterSummary): readonly string[] {
  const { directory, nodes, slots } = summary;
  const down = nodes.filter((node) => !node.up).map((node) => withoutControls(node.name));
  const keeper = directory.kind === "embedded" ? nodes.find((node) => node.node === directory.node) : undefined;
  return [
    ...(down.length === 0
      ? []
      : [`Down: ${down.join(", ")}. Start it again; if it is gone for good: plexus nodes evict NAME`]),
    ...(keeper !== undefined && !keeper.up
      ? [`The node that keeps the directory is down: nothing fails over or joins until it is back.`]
      : []),
    ...(slots.short + slots.down > 0 ? ["plexus slots --not-ok shows which slots are not as they should be."] : []),
  ];
}

/** What `plexus slots` looks for. */
export interface SlotFilter {
  readonly role?: string;
  /** Name or id. */
  readonly node?: string;
  readonly notOk: boolean;
  readonly pinned: boolean;
}

/** The slots that fit, by role and number; those of pinned actors, named like them, come after. */
export function chooseSlots(
  slots: readonly ClusterSlotRow[],
  filter: SlotFilter,
  names: NodeNames,
): readonly ClusterSlotRow[] {
  const isNode = (node: string): boolean => node === filter.node || names.get(node) === filter.node;
  return slots
    .filter(
      (slot) =>
        (filter.role === undefined || slot.slot.startsWith(`${filter.role}/`)) &&
        (filter.node === undefined || [slot.owner, ...slot.inSync, ...slot.learners].some(isNode)) &&
        (!filter.notOk || slot.status !== "ok") &&
        (!filter.pinned || isPinned(slot.slot)),
    )
    .toSorted((one, other) => compareSlots(one.slot, other.slot));
}

const isPinned = (slot: string): boolean => !/\/\d+$/.test(slot);

function compareSlots(one: string, other: string): number {
  if (isPinned(one) !== isPinned(other)) return isPinned(one) ? 1 : -1;
  const [role = "", key = ""] = one.split("/");
  const [otherRole = "", otherKey = ""] = other.split("/");
  if (role !== otherRole) return role < otherRole ? -1 : 1;
  if (!isPinned(one)) return Number(key) - Number(otherKey);
  return key < otherKey ? -1 : 1;
}

const statusStyles = { ok: "green", moving: "yellow", short: "yellow", down: "red" } as const;

/** `plexus slots`. */
export function describeSlots(slots: readonly ClusterSlotRow[], names: NodeNames, color: boolean): string {
  if (slots.length === 0) return "No slots.";
  const table = tableOf(color, [
    ["Slot"],
    ["Status"],
    ["Epoch", "right"],
    ["Owner"],
    ["In sync"],
    ["Learners"],
    ["Wanted"],
  ]);
  for (const slot of slots)
    table.push([
      withoutControls(slot.slot),
      paint(color, statusStyles[slot.status], slot.status),
      slot.epoch,
      nameOf(names, slot.owner),
      listed(names, slot.inSync),
      listed(names, slot.learners),
      slot.want === undefined ? "" : `${nameOf(names, slot.want.owner)}: ${listed(names, slot.want.replicas)}`,
    ]);
  return table.toString();
}

/** The command that a new node is started with. */
export function joinCommand(issued: InvitationIssued, labels: Readonly<Record<string, string>>): string {
  const quoted = (text: string): string =>
    /^[\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    "plexus up",
    // All roles are what a node has anyway.
    ...(issued.roles.length === roles.length ? [] : issued.roles).map((role) => `--role ${role}`),
    ...Object.entries(labels).map(([name, value]) => `--label ${quoted(`${name}=${value}`)}`),
    `--join ${quoted(withoutControls(issued.token))}`,
  ].join(" ");
}

/** `plexus invite`. */
export function describeInvitation(
  issued: InvitationIssued,
  labels: Readonly<Record<string, string>>,
  at: { readonly nowMs: number; readonly color: boolean },
): string {
  const remaining = describeDuration(issued.expiresAtMs - at.nowMs);
  return [
    `This admits one node, once, within ${remaining} (until ${new Date(issued.expiresAtMs).toISOString()}):`,
    "",
    `  ${paint(at.color, "bold", joinCommand(issued, labels))}`,
    "",
    "On another machine add --mesh-host ADDRESS, an address of that machine which the other nodes reach, and --host",
    "if people should reach it as well. On the same machine add --data FOLDER --name NAME --port PORT.",
    "Whoever has the token can join: treat it as a password until it is used.",
  ].join("\n");
}

/** How far a drain is: what the node still holds. */
export interface DrainProgress {
  readonly name: string;
  readonly up: boolean;
  readonly slotsOwned: number;
  readonly slotsReplicated: number;
}

/** One line of `plexus nodes drain --wait`. */
export const describeDrain = ({ name, up, slotsOwned, slotsReplicated }: DrainProgress): string =>
  `${withoutControls(name)}${up ? "" : " (down)"}: ${counted(slotsOwned, "slot")} owned, ${counted(slotsReplicated, "copy", "copies")} left`;
