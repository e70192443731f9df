/** How a cluster is, in words: `plexus nodes`, `plexus top` and the page of nodes say the same. Pure; what comes from
 *  other nodes is shown without control characters. What is wrong and what to do: `cluster-advice.ts`; how a node
 *  leaves: `cluster-leaving.ts`. */
import { counted, describeBytes, describeDuration } from "./amounts.ts";
import { isTaker } from "./cluster-advice.ts";
import type { ClusterNodeRow, ClusterSummary, InvitationIssued, StorageTerms } from "../admin/cluster.ts";
import { quorumOf, soleKeeper, type DirectoryVoters, type Replicated } from "../admin/directory-info.ts";
import { roles } from "../ids.ts";
import { withoutControls } from "../text/printable.ts";

/** The nodes as they are listed. */
export const byName = (summary: ClusterSummary): readonly ClusterNodeRow[] =>
  summary.nodes.toSorted((one, other) => (one.name < other.name ? -1 : 1));

/** What a node does for the directory, in a word. */
function partIn(directory: ClusterSummary["directory"], node: ClusterNodeRow): string | undefined {
  if (directory.kind !== "replicated") return node.directory ? "directory" : undefined;
  if (directory.leader === node.node) return "leads";
  if (directory.voters.includes(node.node)) return "voter";
  return directory.learners?.includes(node.node) ? "learns" : undefined;
}

/** What a node is at the moment, in words. */
export function stateOf(node: ClusterNodeRow, directory: ClusterSummary["directory"]): string {
  const words = [
    node.up ? (node.state === "draining" ? "draining" : "up") : node.refused ? "other version" : "down",
    ...(node.up || node.state !== "draining" ? [] : ["draining"]),
    ...(node.joined === false ? ["not joined"] : []),
    ...(node.diskRefuses ? ["disk refuses"] : []),
    ...(node.diskSlow ? ["slow disk"] : []),
    partIn(directory, node) ?? [],
    ...(node.self ? ["this node"] : []),
  ];
  return words.flat().join(", ");
}

/** Where the cluster remembers who owns what. */
export function describeDirectory({ directory, directoryAway, directoryRefuses, nodes }: ClusterSummary): string {
  const refuses = directoryRefuses === undefined ? "" : ", which takes no change";
  const silent = directoryAway === undefined ? refuses : ", which does not answer";
  if (directory.kind === "etcd")
    return `Directory: etcd at ${withoutControls(directory.endpoints.join(", "))}${silent}`;
  const nameOf = (id: string): string => withoutControls(nodes.find(({ node }) => node === id)?.name ?? id);
  if (directory.kind === "embedded") return `Directory: embedded, on ${nameOf(directory.node)}${silent}`;
  return (
    "Directory: " +
    `${describeVoters(directory, nodes, nameOf)}${directoryAway === undefined ? "" : ". It does not answer"}`
  );
}

/** Whether the directory of voters goes on when one more of them dies; a single one is as it was chosen, or as it has
 *  to be. */
export function survivesNext({ directory, nodes }: ClusterSummary): boolean {
  if (directory.kind !== "replicated" || directory.voters.length === 1) return true;
  const { needed, up } = quorumOf(directory, (voter) => mayVote(nodes.find(({ node }) => node === voter)));
  return up > needed;
}

/** A voter whose disk takes nothing agrees to nothing. */
const mayVote = (row: ClusterNodeRow | undefined): boolean => row?.up === true && row.diskRefuses !== true;

/** How many may vote now. */
const managersUp = (nodes: readonly ClusterNodeRow[]): number =>
  nodes.filter(({ roles: has, state, up }) => up && state === "active" && has.includes("manager")).length;

/** The voters, the leader, and whether the next death would be survived. */
function describeVoters(
  directory: Replicated,
  nodes: readonly ClusterNodeRow[],
  nameOf: (id: string) => string,
): string {
  const { voters, learners = [], leader } = directory;
  const names = voters
    .map((voter) => (voter === leader ? `${nameOf(voter)} (leads)` : nameOf(voter)))
    .toSorted()
    .join(", ");
  const coming = learners.length === 0 ? "" : `; ${learners.map(nameOf).join(", ")} catching up`;
  const others = managersUp(nodes) < 3 ? "; with three managers up three can keep it" : "";
  if (voters.length === 1) return `1 voter: ${names}${coming}. While it is down nothing fails over or joins${others}`;
  const rowOf = (id: string) => nodes.find(({ node }) => node === id);
  const { needed, up: able } = quorumOf(directory, (voter) => mayVote(rowOf(voter)));
  const { up } = quorumOf(directory, (voter) => rowOf(voter)?.up === true);
  const refusing = up > able ? `, ${up - able} with a disk that refuses` : "";
  const cure = up < voters.length ? "start those that are down" : "mend the disk that refuses";
  const spare = able - needed;
  const survives =
    spare > 0
      ? `the next death is survived${spare > 1 ? `, and ${spare - 1} more` : ""}`
      : spare === 0
        ? able < voters.length
          ? `the next death of a voter would stop it: ${cure}`
          : "both must be up, for the moment in which their number changes"
        : `${needed} of them must be up`;
  return `${counted(voters.length, "voter")}: ${names}${coming}. Up: ${up} of ${voters.length}${refusing}; ${survives}`;
}

/** `plexus directory voters`: who votes, how many should, and what comes of that. `summary`: to call nodes by their
 *  names. */
export function describeVotersWanted({ directory, wanted }: DirectoryVoters, summary: ClusterSummary): string {
  const managers = summary.nodes.filter(({ roles, state }) => roles.includes("manager") && state === "active");
  const generation = directory.kind === "replicated" ? [`Generation: ${directory.generation}`] : [];
  return [
    describeDirectory({ ...summary, directory }),
    ...generation,
    ...wantedOf({ directory, wanted }, managers),
  ].join("\n");
}

function wantedOf({ directory, wanted }: DirectoryVoters, managers: readonly ClusterNodeRow[]): readonly string[] {
  if (directory.kind === "etcd") return [];
  if (wanted === 1)
    return [
      "Wanted: 1, so one node keeps it. To have three keep it, of which any one may die: `plexus directory voters 3`",
    ];
  const up = managers.filter((node) => node.up).length;
  const there = `${counted(managers.length, "node")} with the role manager${up < managers.length ? `, ${up} up` : ""}`;
  if (managers.length < 3)
    return [
      `Wanted: ${wanted}; ${there}. Until there are three, one node keeps it alone: two would have to be ` +
        "up both, so the loss of either would stop the cluster.",
    ];
  const short =
    managers.length < wanted ? " An even number is never chosen: it survives no more deaths than one less." : "";
  return [`Wanted: ${wanted}; ${there}.${short}`];
}

/** `256 slots: 250 ok, 6 moving`. A node of an earlier version counts none that are blocked. */
export function describeSlotCounts(summary: ClusterSummary): string {
  const { slots, replicas, minInSync, directoryAway } = summary;
  const others = (["moving", "short", "blocked", "down"] as const).filter((status) => slots[status] > 0);
  const counts = ["ok" as const, ...others].map((status) => `${slots[status]} ${status}`);
  const target = `${counted(replicas, "replica")} wanted, at least ${minInSync} in sync${describeRoom(summary)}`;
  const { forMs } = directoryAway ?? {};
  const when = forMs === undefined ? "" : ` as of ${describeDuration(forMs)} ago`;
  if (slots.total === 0 && directoryAway !== undefined) return `Slots: not known here (${target})`;
  return `${counted(slots.total, "slot")}${when}: ${counts.join(", ")} (${target})`;
}

/** Why slots may have fewer copies than are wanted: as many as there are nodes up for them, and the one with the
 *  directory is none of those once there are two others. */
function describeRoom({ nodes, replicas, minInSync, directory }: ClusterSummary): string {
  const usable = nodes.filter(isTaker);
  const keeper = usable.find(({ node }) => node === soleKeeper(directory));
  const leftOut = keeper !== undefined && usable.length - 1 >= Math.max(2, minInSync);
  const places = usable.length - (leftOut ? 1 : 0);
  if (places === 0 || places >= replicas) return "";
  const why = leftOut
    ? `, since ${withoutControls(keeper.name)} keeps the directory and copies nothing that two others can`
    : "";
  return `; ${places} possible${why}`;
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

/** `at most 200 GiB of shards, of backup alone`. */
export function storageText({ quotaBytes, classes }: StorageTerms): string {
  const most = quotaBytes === undefined ? "shards" : `at most ${describeBytes(quotaBytes)} of shards`;
  return classes === undefined ? most : `${most}, of ${classes.map(withoutControls).join(" and ")} alone`;
}

/** What the holder of an invitation should know, a sentence each. */
export function describeInvited(issued: InvitationIssued, nowMs: number): readonly string[] {
  // What the asking took is no part of what was asked for.
  const remaining = describeDuration(Math.ceil((issued.expiresAtMs - nowMs) / 1_000) * 1_000);
  return [
    `This command adds one node to the cluster. It works once, within ${remaining} (until ` +
      `${new Date(issued.expiresAtMs).toISOString()}).`,
    "On another machine add --mesh-host ADDRESS, an address of that machine that the other nodes can reach, " +
      "and --host ADDRESS if people should reach it too. On the same machine add --data FOLDER --name NAME " +
      "--port PORT.",
    ...(issued.storage === undefined ? [] : [`It keeps ${storageText(issued.storage)}.`]),
    "Anybody who has the token can join with a node. Treat it as a password until it is used.",
  ];
}

/** Why an invitation may be of no use; undefined: it is of use. */
export const invitationFault = (issued: InvitationIssued): string | undefined =>
  isReachable(issued)
    ? undefined
    : "The node that made this invitation can only be reached from this machine, so the token does not work " +
      "elsewhere. Start that node with --mesh-host ADDRESS, an address that other machines can reach, and invite " +
      "again.";

/** Whether a newcomer on another machine can reach the node that invites it. */
const isReachable = ({ addresses = [] }: InvitationIssued): boolean =>
  addresses.length === 0 ||
  addresses.some((address) => !/^\/(?:ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(address));
