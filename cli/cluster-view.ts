import { failure, ok, refused, type Result } from "../protocols/errors.ts";
import { isRoleSlot, roles } from "../protocols/ids.ts";
import type { ClusterNodeRow, ClusterSlotRow, ClusterSummary, InvitationIssued } from "../protocols/index.ts";
import { adviceOn, isTaker } from "./cluster-advice.ts";
import { counted, describeDuration, paint } from "./output.ts";
import { didYouMean } from "./suggest.ts";
import { renderTable, type Column } from "./table.ts";
import { withoutControls } from "./printable.ts";

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
    node.up ? (node.state === "draining" ? "draining" : "up") : node.refused ? "other version" : "down",
    ...(node.up || node.state !== "draining" ? [] : ["draining"]),
    ...(node.joined === false ? ["not joined"] : []),
    ...(node.diskRefuses ? ["disk refuses"] : []),
    ...(node.directory ? ["directory"] : []),
    ...(node.self ? ["asked"] : []),
  ];
  return words.join(", ");
}

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
      paint(color, node.up ? (isTaker(node) ? "green" : "yellow") : "red", stateOf(node)),
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

/** 0.4, 12, 1250: as many digits as mean something. */
export const rate = (perSecond: number): string =>
  perSecond < 10 ? String(Number(perSecond.toFixed(1))) : String(Math.round(perSecond));

/** Where the cluster remembers who owns what. */
export function describeDirectory({ directory, directoryAway, nodes }: ClusterSummary): string {
  const silent = directoryAway === undefined ? "" : ", which does not answer";
  if (directory.kind === "etcd")
    return `Directory: etcd at ${withoutControls(directory.endpoints.join(", "))}${silent}`;
  const name = nodes.find(({ node }) => node === directory.node)?.name ?? directory.node;
  return `Directory: embedded, on ${withoutControls(name)}${silent}`;
}

/** `256 slots: 250 ok, 6 moving`. A node of an earlier version counts none that are blocked. */
export function describeSlotCounts(summary: ClusterSummary): string {
  const { slots, replicas, minInSync, directoryAway } = summary;
  const others = (["moving", "short", "blocked", "down"] as const).filter((status) => slots[status] > 0);
  const counts = ["ok" as const, ...others].map((status) => `${slots[status]} ${status}`);
  const wish = `${counted(replicas, "replica")} wanted, at least ${minInSync} in sync${describeRoom(summary)}`;
  const { forMs } = directoryAway ?? {};
  const when = forMs === undefined ? "" : ` as of ${describeDuration(forMs)} ago`;
  if (slots.total === 0 && directoryAway !== undefined) return `Slots: not known here (${wish})`;
  return `${counted(slots.total, "slot")}${when}: ${counts.join(", ")} (${wish})`;
}

/** Why slots may have fewer copies than are wanted: as many as there are nodes up for them, and the one with the directory
 *  is none of those once there are two others. */
function describeRoom({ nodes, replicas, minInSync, directory }: ClusterSummary): string {
  const usable = nodes.filter(isTaker);
  const keeper = directory.kind === "embedded" ? usable.find(({ node }) => node === directory.node) : undefined;
  const leftOut = keeper !== undefined && usable.length - 1 >= Math.max(2, minInSync);
  const places = usable.length - (leftOut ? 1 : 0);
  if (places === 0 || places >= replicas) return "";
  const why = leftOut ? `, since ${withoutControls(keeper.name)} keeps the directory and copies nothing` : "";
  return `; ${places} possible${why}`;
}

/** What `plexus slots` looks for. */
export interface SlotFilter {
  readonly role?: string;
  readonly node?: string | undefined;
  readonly notOk: boolean;
  readonly pinned: boolean;
}

/** The id of the node that is called so, by name or id, or by the beginning of one if that is enough to tell: a member, or
 *  one that was and is still in a slot's record. */
export function findMember(names: NodeNames, slots: readonly ClusterSlotRow[], text: string): Result<string> {
  const ids = [...new Set([...names.keys(), ...slots.flatMap((slot) => nodesOf(slot))])];
  const exact = ids.find((id) => id === text) ?? ids.find((id) => names.get(id) === text);
  if (exact !== undefined) return ok(exact);
  const begun = ids.filter((id) => id.startsWith(text) || names.get(id)?.startsWith(text) === true);
  const [only, ...others] = begun;
  if (only === undefined) {
    const meant = didYouMean(text, names.values());
    const hint = [meant ?? [], "`plexus nodes` lists the names."].flat().join(" ");
    return refused(failure("NOT_FOUND", { node: text, hint }));
  }
  if (others.length === 0) return ok(only);
  const reason = `several nodes begin so: ${begun
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

/** `plexus slots`. */
export function describeSlots(
  slots: readonly ClusterSlotRow[],
  names: NodeNames,
  color: boolean,
  columns = Infinity,
): string {
  if (slots.length === 0) return "No slots.";
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

/** The command that a new node is started with. */
export function joinCommand(
  issued: InvitationIssued,
  labels: Readonly<Record<string, string>>,
  plexus: string,
): string {
  const quoted = (text: string): string =>
    /^[\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
  return [
    `${quoted(plexus)} up`,
    // All roles are what a node has anyway.
    ...(issued.roles.length >= roles.length ? [] : issued.roles).map((role) => `--role ${role}`),
    ...Object.entries(labels).map(([name, value]) => `--label ${quoted(`${name}=${value}`)}`),
    `--join ${quoted(withoutControls(issued.token))}`,
  ].join(" ");
}

/** `plexus invite`. */
export function describeInvitation(
  issued: InvitationIssued,
  labels: Readonly<Record<string, string>>,
  at: { readonly nowMs: number; readonly color: boolean; readonly plexus: string },
): string {
  // What the asking took is no part of what was asked for.
  const remaining = describeDuration(Math.ceil((issued.expiresAtMs - at.nowMs) / 1_000) * 1_000);
  return [
    `This command adds one node to the cluster. It works once, within ${remaining} (until ${new Date(issued.expiresAtMs).toISOString()}):`,
    "",
    `  ${paint(at.color, "bold", joinCommand(issued, labels, at.plexus))}`,
    "",
    "On another machine add --mesh-host ADDRESS, an address of that machine that the other nodes can reach, and --host",
    "ADDRESS if people should reach it too. On the same machine add --data FOLDER --name NAME --port PORT.",
    "Whoever has the token can join: treat it as a password until it is used.",
    ...(isReachable(issued)
      ? []
      : [
          "",
          paint(
            at.color,
            "yellow",
            "warning The node that made this invitation can only be reached from this machine, so the token does not work elsewhere.",
          ),
          "Start that node with --mesh-host ADDRESS, an address that other machines can reach, and invite again.",
        ]),
  ].join("\n");
}

/** Whether a newcomer on another machine can reach the node that invites it. */
const isReachable = ({ addresses = [] }: InvitationIssued): boolean =>
  addresses.length === 0 ||
  addresses.some((address) => !/^\/(?:ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(address));
