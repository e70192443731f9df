import {
  failure,
  ok,
  refused,
  roles,
  type ClusterNodeRow,
  type ClusterSlotRow,
  type ClusterSummary,
  type Evicted,
  type InvitationIssued,
  type Result,
  type Role,
} from "../protocols/index.ts";
import { counted, describeDuration, paint, withoutControls } from "./output.ts";
import { renderTable, type Column } from "./table.ts";

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
      paint(color, node.up ? (node.state === "draining" ? "yellow" : "green") : "red", stateOf(node)),
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

/** The node that keeps the directory, if one does. */
const keeperOf = ({ directory, nodes }: ClusterSummary): ClusterNodeRow | undefined =>
  directory.kind === "embedded" ? nodes.find((node) => node.node === directory.node) : undefined;

const describeKeeperDown = (keeper: ClusterNodeRow): string =>
  `${withoutControls(keeper.name)}, which keeps the directory, is down: nothing fails over or joins until it is back, and what it copies takes no commands. Start it again on its own data folder; it can not be evicted.`;

/** That the directory is silent, what helps, and what is not to be believed meanwhile. */
export function describeAway(summary: ClusterSummary): readonly string[] {
  const { directoryAway, nodes } = summary;
  if (directoryAway === undefined) return [];
  const { forMs, because } = directoryAway;
  const self = nodes.find((node) => node.self);
  const keeper = keeperOf(summary);
  const since = forMs === undefined ? "does not answer" : `has not answered for ${describeDuration(forMs)}`;
  const why = because === undefined ? "" : ` Why: ${withoutControls(because)}.`;
  return [
    keeper !== undefined && !keeper.up && !keeper.refused
      ? describeKeeperDown(keeper)
      : `The directory ${since}: what is placed goes on, nothing fails over, joins or moves until it answers.${why}`,
    self?.joined === false
      ? `${withoutControls(self.name)}, which was asked, has not joined since it started: it serves no slots until it has.`
      : "Slots are shown as they were then; a node that has started since serves none of its own yet.",
  ];
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
  const usable = nodes.filter(({ up, state }) => up && state === "active");
  const keeper = directory.kind === "embedded" ? usable.find(({ node }) => node === directory.node) : undefined;
  const leftOut = keeper !== undefined && usable.length - 1 >= Math.max(2, minInSync);
  const places = usable.length - (leftOut ? 1 : 0);
  if (places === 0 || places >= replicas) return "";
  const why = leftOut ? `, since ${withoutControls(keeper.name)} keeps the directory and copies nothing` : "";
  return `; ${places} possible${why}`;
}

/** Who is down, what that means and what to do about it. */
export function describeDown(summary: ClusterSummary): readonly string[] {
  const { nodes, directoryAway } = summary;
  const keeper = keeperOf(summary);
  const down = nodes
    .filter((node) => !node.up && !node.refused && node !== keeper)
    .map((node) => withoutControls(node.name));
  const it = down.length === 1 ? ["it", "it is"] : ["them", "one is"];
  const refused = describeRefused(summary);
  const isKeeperDown = keeper !== undefined && !keeper.up && !keeper.refused;
  return [
    ...describeAway(summary),
    ...refused,
    ...(down.length === 0
      ? []
      : [`Down: ${down.join(", ")}. Start ${it[0]} again; if ${it[1]} gone for good: plexus nodes evict NAME`]),
    ...(isKeeperDown && directoryAway === undefined ? [describeKeeperDown(keeper)] : []),
    ...(isKeeperDown || refused.length > 0 || directoryAway !== undefined ? [] : describeLacking(summary)),
  ];
}

/** The nodes that are there and speak too old or too new a version, those of one version in one line. */
function describeRefused({ directory, nodes }: ClusterSummary): readonly string[] {
  const asked = nodes.find(({ self }) => self);
  const lines = new Map<string, ClusterNodeRow[]>();
  for (const node of nodes) {
    const { ours, theirs } = (node.refused?.details ?? {}) as Readonly<
      Partial<Record<"ours" | "theirs", SpokenVersion>>
    >;
    const isNewer = ours && theirs && (theirs.major - ours.major || theirs.minor - ours.minor) > 0;
    const own = `${withoutControls(asked?.name ?? "the node that was asked")}${ours ? ` (${spoken(ours)})` : ""}`;
    const line = theirs
      ? `version ${spoken(theirs)}, which is too ${isNewer ? "new" : "old"} for ${own}`
      : `a version that does not go with that of ${own}`;
    if (node.refused) lines.set(line, [...(lines.get(line) ?? []), node]);
  }
  return [...lines].map(([line, those]) => {
    const names = those.map(({ name }) => withoutControls(name)).join(", ");
    const keeper = those.find(({ node }) => directory.kind === "embedded" && node === directory.node);
    const cutOff = keeper ? ` ${withoutControls(keeper.name)} keeps the directory: what needs that waits.` : "";
    return `Not down: ${names} ${those.length === 1 ? "speaks" : "speak"} ${line}, so they refuse each other.${cutOff} Upgrade one minor version at a time: docs/operating.md, Upgrade.`;
  });
}

interface SpokenVersion {
  readonly major: number;
  readonly minor: number;
}

const spoken = ({ major, minor }: SpokenVersion): string => `${major}.${minor}`;

/** The roles that nobody who is up has, or nobody who has a copy, with the change of roles that helps. */
function describeLacking({ nodes, stranded = [] }: ClusterSummary): readonly string[] {
  const usable = nodes
    .filter(({ up, state }) => up && state === "active")
    // The directory's node last: what it owned would wait for it.
    .toSorted((one, other) => Number(one.directory) - Number(other.directory));
  return roles.flatMap((role) => {
    const lost = madeBy[role];
    const has = (node: ClusterNodeRow): boolean => node.roles.includes(role);
    const lacks = lost !== undefined && nodes.some(has) && !nodes.some((node) => node.up && has(node));
    const slots = stranded.find((row) => row.role === role);
    if (!lacks && slots === undefined) return [];
    const takers =
      slots?.nodes.flatMap((taker) => nodes.find(({ node }) => node === taker) ?? []) ?? usable.slice(0, 1);
    const cure = takers.map((node) => {
      const both = [...node.roles, role].join(",");
      return `plexus nodes roles ${withoutControls(node.name)} ${both}`;
    });
    const another = cure.length === 0 ? "" : `, or give another the role: ${cure.join(" and ")}`;
    if (slots === undefined)
      return [`No node with the role ${role} is up: ${lost || "nothing fails over"}. Start one again${another}`];
    const those = `${counted(slots.slots, "slot")} of the role ${role} ${slots.slots === 1 ? "is" : "are"} stranded`;
    return [`${those}: no node that is up and has a copy has the role. Start one again that has both${another}`];
  });
}

/** What is wrong and what to do about it. */
function adviceOn(summary: ClusterSummary): readonly string[] {
  const { short, blocked, down } = summary.slots;
  return [
    ...describeDown(summary),
    ...(blocked > 0
      ? [
          "Blocked slots take no commands: a copy is down while the directory, which would leave it out, does not answer; or too few are up for `minInSync`.",
        ]
      : []),
    ...(short > 0 || blocked > 0 || down > 0
      ? ["plexus slots --not-ok shows which slots are not as they should be."]
      : []),
  ];
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
  if (only === undefined) return refused(failure("NOT_FOUND", { node: text, hint: "`plexus nodes` lists the names." }));
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

const isPinned = (slot: string): boolean => !/\/\d+$/.test(slot);

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
    ...(issued.roles.length === roles.length ? [] : issued.roles).map((role) => `--role ${role}`),
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
    `This admits one node, once, within ${remaining} (until ${new Date(issued.expiresAtMs).toISOString()}):`,
    "",
    `  ${paint(at.color, "bold", joinCommand(issued, labels, at.plexus))}`,
    "",
    "On another machine add --mesh-host ADDRESS, an address of that machine which the other nodes reach, and --host",
    "if people should reach it as well. On the same machine add --data FOLDER --name NAME --port PORT.",
    "Whoever has the token can join: treat it as a password until it is used.",
    ...(isReachable(issued)
      ? []
      : [
          "",
          paint(
            at.color,
            "yellow",
            "warning The node that made it listens for others on this machine only, so the token is of no use elsewhere.",
          ),
          "Start that node with --mesh-host ADDRESS, an address that the others reach, and invite again.",
        ]),
  ].join("\n");
}

/** Whether a newcomer on another machine can reach the node that invites it. */
const isReachable = ({ addresses = [] }: InvitationIssued): boolean =>
  addresses.length === 0 ||
  addresses.some((address) => !/^\/(?:ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(address));

/** What nobody can make while no node of a role takes anything new; the other roles have no actors and no models. */
const madeBy: Readonly<Partial<Record<Role, string>>> = {
  chat: "no account, room or agent",
  ai: "no answer of a model",
  manager: "",
};

/** The roles that a node has, or owns slots of, and no other node that is up and not draining has. */
export function rolesWithoutTaker(
  { nodes }: ClusterSummary,
  slots: readonly ClusterSlotRow[],
  node: string,
): readonly Role[] {
  const takers = nodes.filter((one) => one.node !== node && one.up && one.state === "active");
  const owned = slots.filter(({ owner }) => owner === node).map(({ slot }) => slot.split("/")[0]);
  const own: readonly (string | undefined)[] = [...owned, ...(nodes.find((one) => one.node === node)?.roles ?? [])];
  const alone = (role: Role): boolean => own.includes(role) && !takers.some((one) => one.roles.includes(role));
  return roles.filter((role) => madeBy[role] !== undefined && alone(role));
}

/** What is wrong with a drain that can not end, and what to do. */
export function describeStuck(stuck: readonly Role[], node: string, color: boolean): string {
  const name = withoutControls(node);
  const [it, its] = stuck.length === 1 ? ["it", "the role"] : ["them", "these roles"];
  const lost = stuck.flatMap((role) => madeBy[role] || []).join(", ");
  return [
    `${paint(color, "yellow", "warning")} No other node with the role ${stuck.join(" or ")} is up and not draining.`,
    `What ${name} has of ${it} stays there, and nothing new can be made in ${it} meanwhile${lost === "" ? "" : `: ${lost}`}.`,
    `Start another node (plexus invite), give one ${its} (plexus nodes roles NAME …), or undo it: plexus nodes drain ${name} --undo`,
  ].join(" ");
}

/** What a drain keeps so that writes go on; undefined: enough others are there to give it to. `node` is an id. */
export function describeKept({ nodes, minInSync }: ClusterSummary, node: string, color: boolean): string | undefined {
  const own = nodes.find((one) => one.node === node);
  const takers = nodes.filter((one) => one.node !== node && one.up && one.state === "active").length;
  if (own === undefined || own.slotsOwned + own.slotsReplicated === 0) return undefined;
  if (minInSync === 1 || takers >= minInSync) return undefined;
  const name = withoutControls(own.name);
  const others = takers === 0 ? "No other node is" : takers === 1 ? "Only one other node is" : `Only ${takers} other nodes are`; // prettier-ignore
  return [
    `${paint(color, "yellow", "warning")} ${others} up and not draining, and minInSync is ${minInSync}.`,
    `${name} keeps its copies until there are ${minInSync}, since writes would wait without them.`,
    `Start another node (plexus invite), bring back one that is down, or undo it: plexus nodes drain ${name} --undo`,
  ].join(" ");
}

/** How far a drain is: what the node still holds. */
export interface DrainProgress {
  readonly name: string;
  readonly up: boolean;
  readonly slotsOwned: number;
  readonly slotsReplicated: number;
  /** It keeps the directory, which no drain moves. */
  readonly directory: boolean;
}

/** What a drain leaves where it is. */
export const keepsDirectory =
  "It still keeps the directory: while it is down nothing fails over or joins. Leave it running, or move that to etcd first: plexus directory migrate --etcd URL…";

/** The end of `plexus nodes drain --wait`. */
export function describeDrained({ name, directory }: DrainProgress): string {
  const node = withoutControls(name);
  return directory
    ? `${node} holds no slots any more. ${keepsDirectory}`
    : `${node} holds nothing any more. It can be stopped; to let it go for good: plexus nodes evict ${node}`;
}

/** What an eviction leaves behind. With force something may be missing for which its folder is all there is. */
export function describeEviction(node: string, eviction: Partial<Evicted> & { readonly force: boolean }): string {
  const { lastCopies = 0, force } = eviction;
  const gone = `${withoutControls(node)} is no member any more.`;
  if (!force) return `${gone} Its data folder is of no use to the cluster; it can be deleted.`;
  if (lastCopies === 0) return `${gone} Keep its data folder until \`plexus slots --not-ok\` names no slot.`;
  return [
    `${gone} It had the only copy of ${counted(lastCopies, "slot")}: what was in there is given up and begins anew, empty.`,
    "Keep its data folder while anything of that is missed: it holds all that is left of it. No command takes it back from there, only a backup of all nodes does, restored while all are stopped.",
  ].join("\n");
}

/** One line of `plexus nodes drain --wait`. */
export const describeDrain = ({ name, up, slotsOwned, slotsReplicated }: DrainProgress): string =>
  `${withoutControls(name)}${up ? "" : " (down)"}: ${counted(slotsOwned, "slot")} owned, ${counted(slotsReplicated, "copy", "copies")} left`;
