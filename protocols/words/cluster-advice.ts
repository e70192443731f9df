import { roles, type Role } from "../ids.ts";
import type { ClusterNodeRow, ClusterSummary, NodeShards } from "../admin/cluster.ts";
import { filledOf, nearlyFullFrom, quorumOf, soleKeeper } from "../admin/directory-info.ts";
import { beyondQuota } from "./storage-quota.ts";
import { counted, describeBytes, describeDuration } from "./amounts.ts";
import { withoutControls } from "../text/printable.ts";

/** What is wrong with a cluster and what helps, below its nodes and slots. Pure, as `cluster-words.ts` is. */

/** Whether a node takes what others give away. */
export const isTaker = ({ up, state, diskRefuses }: ClusterNodeRow): boolean =>
  up && state === "active" && diskRefuses !== true;

/** The node that keeps the directory, if one does. */
const keeperOf = ({ directory, nodes }: ClusterSummary): ClusterNodeRow | undefined =>
  nodes.find((node) => node.node === soleKeeper(directory));

const describeKeeperDown = (keeper: ClusterNodeRow): string =>
  `${withoutControls(keeper.name)}, which keeps the directory, is down: ` +
  "nothing fails over or joins until it is back, and what it copies takes no commands. " +
  "Start it again on its own data folder; it cannot be evicted.";

/** That too few of those who keep the directory together are up, and what to do; undefined where enough are. */
function describeNoMajority({ directory, nodes }: ClusterSummary): string | undefined {
  if (directory.kind !== "replicated" || directory.voters.length === 1) return undefined;
  const rows = new Map(nodes.map((node) => [node.node, node]));
  const isThere = (voter: string): boolean => rows.get(voter)?.up === true || rows.get(voter)?.refused !== undefined;
  const { needed, up, down } = quorumOf(directory, isThere);
  if (up >= needed) return undefined;
  const missing = needed - up;
  const named = (ids: readonly string[]): string =>
    ids
      .map((id) => withoutControls(rows.get(id)?.name ?? id))
      .toSorted()
      .join(", ");
  return (
    `${needed} of the nodes ${named(directory.voters)} must be up, which keep the directory together: ` +
    `start ${missing === down.length ? "" : `${missing} of `}${named(down)}. ` +
    "If they are gone for good: `plexus directory recover`"
  );
}

/** That the directory is silent, what helps, and what is not to be believed meanwhile. */
export function describeAway(summary: ClusterSummary): readonly string[] {
  const { directoryAway, nodes } = summary;
  if (directoryAway === undefined) return [];
  const { forMs, because } = directoryAway;
  const self = nodes.find((node) => node.self);
  const keeper = keeperOf(summary);
  const since = forMs === undefined ? "does not answer" : `has not answered for ${describeDuration(forMs)}`;
  const noMajority = describeNoMajority(summary);
  const why = because === undefined || noMajority !== undefined ? "" : ` Why: ${withoutControls(because)}.`;
  return [
    // A node that says why it does not answer is not down, whatever is seen of it.
    keeper !== undefined && !keeper.up && !keeper.refused && because === undefined
      ? describeKeeperDown(keeper)
      : `The directory ${since}: what is placed keeps running; nothing fails over, ` +
        `joins or moves until it answers.${why}`,
    ...(noMajority === undefined ? [] : [noMajority]),
    self?.joined === false
      ? `${withoutControls(self.name)}, which was asked, has not joined since it started: ` +
        "it serves no slots until it has."
      : "Slots are shown as they were then; a node that has started since serves none of its own yet.",
  ];
}

/** That the directory takes no change although it answers, why, and what to type. Nothing where it does not answer
 *  either: that is said. */
function describeRefusal({ directoryAway, directoryRefuses }: ClusterSummary): readonly string[] {
  if (directoryRefuses === undefined || directoryAway !== undefined) return [];
  return [
    "The directory takes no change: what is placed keeps running; nothing fails over, " +
      `joins or moves until it does. Why: ${withoutControls(directoryRefuses.because)}`,
  ];
}

/** That the directory was put back, and the way out. */
function describeOlder({ directory, directoryOlder, nodes }: ClusterSummary): readonly string[] {
  if (directoryOlder === undefined) return [];
  const keeper = soleKeeper(directory);
  const name = withoutControls(nodes.find(({ node }) => node === keeper)?.name ?? "each node that keeps it");
  const cure =
    directory.kind === "etcd"
      ? "Restore etcd from its newest snapshot as docs/operate/directory.md says: etcd lost or restored."
      : `Stop ${name}, and start it again on the newest folder that it had. Keep all folders until that is done.`;
  return [
    `The directory is older than what it told before (slot ${withoutControls(directoryOlder.slot)}): ` +
      "it lies on an older copy of its data. Until that is mended, this node moves nothing, " +
      `and takes over nothing from other nodes. ${cure}`,
  ];
}

/** That the node that was asked is none of the members that the directory tells, or has not joined: it serves nothing
 *  then, whatever else is well. */
function describeOutside({ nodes, directoryAway }: ClusterSummary): readonly string[] {
  const self = nodes.find((node) => node.self);
  if (directoryAway !== undefined) return [];
  if (self === undefined)
    return [
      "The node that was asked is not among the members that the directory tells: " +
        "it was evicted, or the directory lies on an older copy of its data. Keep its folder. " +
        "If it was evicted, it joins again with an empty folder. " +
        "If not, start the node that keeps the directory on its newest folder.",
    ];
  return self.joined === false
    ? [
        `${withoutControls(self.name)}, which was asked, has not joined since it started: ` +
          "it serves no slots until it has. Its log says why (membership.join.waits).",
      ]
    : [];
}

/** What nobody can make while no node of a role takes anything new; the other roles have no actors and no models. */
export const madeBy: Readonly<Partial<Record<Role, string>>> = {
  chat: "no account, room or agent",
  ai: "no answer of a model",
  manager: "",
};

/** One that is down from here may run: nobody could tell it, or this node, where the other is now. */
function describeNotFound({ nodes }: ClusterSummary): string {
  const asked = withoutControls(nodes.find(({ self }) => self)?.name ?? "this node");
  return (
    "If a node that is shown as down does run, its address has changed or the network blocks it: " +
    `start ${asked} with --peer and an address that \`plexus status\` at that node shows under Mesh.`
  );
}

/** Whether rows can be changed: where they cannot, no command that changes one is advised. */
const takesChanges = ({ directoryAway, directoryRefuses, directoryOlder }: ClusterSummary): boolean =>
  (directoryAway ?? directoryRefuses ?? directoryOlder) === undefined;

/** The nodes that are down, what that means and what to do about it. */
export function describeDown(summary: ClusterSummary): readonly string[] {
  const { nodes, directoryAway } = summary;
  const keeper = keeperOf(summary);
  const down = nodes
    .filter((node) => !node.up && !node.refused && node !== keeper)
    .map((node) => withoutControls(node.name))
    .toSorted();
  const it = down.length === 1 ? ["it", "it is", "it"] : ["them", "one is", "they"];
  const gone = down.length === 1 ? down[0] : "NAME";
  const refused = describeRefused(summary);
  const isKeeperDown = keeper !== undefined && !keeper.up && !keeper.refused;
  return [
    ...describeAway(summary),
    ...describeRefusal(summary),
    ...describeOlder(summary),
    ...describeOutside(summary),
    ...refused,
    ...(down.length === 0 || describeNoMajority(summary) !== undefined
      ? []
      : [
          takesChanges(summary)
            ? `Down: ${down.join(", ")}. Start ${it[0]} again; if ${it[1]} gone for good: ` +
              `\`plexus nodes evict ${gone}\``
            : `Down: ${down.join(", ")}. Start ${it[0]} again: until the directory takes changes, ` +
              `nobody takes over what ${it[2]} had, and nobody can be evicted.`,
        ]),
    ...(isKeeperDown && directoryAway === undefined ? [describeKeeperDown(keeper)] : []),
    ...(down.length > 0 || isKeeperDown ? [describeNotFound(summary)] : []),
    ...(isKeeperDown || refused.length > 0 || !takesChanges(summary) ? [] : describeLacking(summary)),
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
    const keeper = those.find(({ node }) => node === soleKeeper(directory));
    const cutOff = keeper ? ` ${withoutControls(keeper.name)} keeps the directory: what needs that waits.` : "";
    return (
      `Not down: ${names} ${those.length === 1 ? "speaks" : "speak"} ${line}, ` +
      `so they refuse each other.${cutOff} Upgrade one minor version at a time: docs/operate/nodes.md, Upgrade.`
    );
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
    .filter(isTaker)
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
      return `\`plexus nodes roles ${withoutControls(node.name)} ${both}\``;
    });
    const another = cure.length === 0 ? "" : `, or give another the role: ${cure.join(" and ")}`;
    if (slots === undefined)
      return [`No node with the role ${role} is up: ${lost || "nothing fails over"}. Start one again${another}`];
    const those = `${counted(slots.slots, "slot")} of the role ${role} ${slots.slots === 1 ? "is" : "are"} stranded`;
    return [`${those}: no node that is up and has a copy has the role. Start one again that has both${another}`];
  });
}

/** The nodes whose disk takes nothing. */
function describeRefusing({ nodes }: ClusterSummary): readonly string[] {
  const names = nodes.filter(({ diskRefuses }) => diskRefuses === true).map(({ name }) => withoutControls(name));
  if (names.length === 0) return [];
  const [disk, its, takes] = names.length === 1 ? ["The disk", "its", "it takes"] : ["The disks", "their", "they take"];
  return [
    `${disk} of ${names.join(", ")} refused a write a moment ago, so others get ${its} copies. ` +
      "The log there names the reason (journal.refused or directory.voter.unopened; ENOSPC: make room). " +
      `Once it is mended, ${takes} what is due again within a minute.`,
  ];
}

/** What a node has beyond what it may keep of shards; undefined: nothing. */
export function describeBeyondQuota(name: string, shards: NodeShards | undefined): string | undefined {
  const beyondBytes = shards && beyondQuota(shards);
  return beyondBytes === undefined
    ? undefined
    : `${withoutControls(name)} is over its quota: it has ${describeBytes(beyondBytes)} of shards more than it ` +
        "may. It takes no new ones. A holder moves to a node of the role storage that has room for it and has none " +
        "of its group, where there is one.";
}

/** The nodes whose disk is far slower than the others'. */
function describeSlow({ nodes, directory }: ClusterSummary): readonly string[] {
  const rest = nodes.flatMap(({ diskSlow, up, syncMs }) => (diskSlow !== true && up ? (syncMs ?? []) : []));
  const usual = rest.toSorted((one, other) => one - other)[Math.floor((rest.length - 1) / 2)];
  return nodes
    .filter(({ diskSlow }) => diskSlow === true)
    .map(({ node, name, syncMs, slotsOwned, slotsReplicated }) => {
      const took = syncMs === undefined ? "far longer than elsewhere" : `${Math.round(syncMs)} ms`;
      const beside = syncMs === undefined || usual === undefined ? "" : `, and ${usual.toFixed(1)} ms elsewhere`;
      // Its copies that are waited for are those in sync.
      const late = slotsOwned + slotsReplicated;
      const waits =
        late === 0
          ? "No slot waits for it: others own them, and have enough copies"
          : `Writes in ${counted(late, "slot")} wait for it: no other node has taken its part yet, or none can`;
      const keeps =
        soleKeeper(directory) === node ? " It keeps the directory, so changes of the cluster wait for it." : "";
      return (
        `The disk of ${withoutControls(name)} is slow: a synced write takes ${took}${beside}. ` +
        `${waits}.${keeps} Look there for what else uses the disk, or for a disk that fails (iostat -x, ` +
        "smartctl -a). It is asked again by itself once the disk is as fast as the others."
      );
    });
}

/** That the directory is full, or nearly, as those say who keep it. */
function describeFilled({ nodes }: ClusterSummary): readonly string[] {
  const [most] = nodes
    .flatMap(({ up, directorySize }) => (up && directorySize !== undefined ? [directorySize] : []))
    .toSorted((one, other) => filledOf(other) - filledOf(one));
  if (most === undefined || filledOf(most) < nearlyFullFrom) return [];
  const { rows, rowsMax, bytes, bytesMax } = most;
  const inRows = `in ${counted(rows, "row")} of at most ${rowsMax.toLocaleString("en")}`;
  const has = `${describeBytes(bytes)} of at most ${describeBytes(bytesMax)}, ${inRows}`;
  const share = Math.floor(filledOf(most) * 100);
  const [how, then] =
    share >= 100
      ? ["full", "What would add to it is refused (DIRECTORY_FULL)"]
      : [`${share} % full`, "Once it is full, what would add to it is refused (DIRECTORY_FULL)"];
  const facts = `The directory is ${how}: ${has}.`;
  const what = `${then}: nodes that join, slots that are used for the first time, settings.`;
  const stays = "Members that were stopped come back, and slots fail over.";
  const advice = "Remove what is not needed, which always works: docs/operate/directory.md, A full directory.";
  return [`${facts} ${what} ${stays} ${advice}`];
}

/** Whether something stands still, rather than only being worse than it could be: slots that take no commands, a
 *  directory that tells or takes nothing, a node that serves nothing. */
export const standsStill = (summary: ClusterSummary): boolean =>
  !takesChanges(summary) || describeOutside(summary).length > 0 || summary.slots.blocked + summary.slots.down > 0;

/** What is wrong and what to do about it. */
export function adviceOn(summary: ClusterSummary): readonly string[] {
  const { short, blocked, down } = summary.slots;
  return [
    ...describeDown(summary),
    ...describeRefusing(summary),
    ...describeSlow(summary),
    ...summary.nodes.flatMap(({ name, shards }) => describeBeyondQuota(name, shards) ?? []),
    ...describeFilled(summary),
    ...(blocked > 0
      ? [
          "Blocked slots take no commands: a copy is down while the directory, which would leave it out, " +
            "does not answer; or too few are up for `minInSync`.",
        ]
      : []),
    ...(short > 0 || blocked > 0 || down > 0
      ? ["`plexus slots --not-ok` shows which slots have too few copies, or cannot be used now."]
      : []),
  ];
}
