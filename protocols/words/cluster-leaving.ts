import { roles, type Role } from "../ids.ts";
import type { ClusterNodeRow, ClusterSlotRow, ClusterSummary, Evicted } from "../admin/cluster.ts";
import { isTaker, madeBy } from "./cluster-advice.ts";
import { counted } from "./amounts.ts";
import { withoutControls } from "../text/printable.ts";

/** How a node leaves a cluster as text: `plexus nodes drain`, `plexus nodes evict`. The page of nodes says the same.
 *  Pure. */

/** The roles that a node has, or owns slots of, and no other node can take over. */
export function rolesWithoutTaker(
  { nodes }: ClusterSummary,
  slots: readonly ClusterSlotRow[],
  node: string,
): readonly Role[] {
  const takers = nodes.filter((one) => one.node !== node && isTaker(one));
  const owned = slots.filter(({ owner }) => owner === node).map(({ slot }) => slot.split("/")[0]);
  const own: readonly (string | undefined)[] = [...owned, ...(nodes.find((one) => one.node === node)?.roles ?? [])];
  const alone = (role: Role): boolean => own.includes(role) && !takers.some((one) => one.roles.includes(role));
  return roles.filter((role) => madeBy[role] !== undefined && alone(role));
}

/** What is wrong with a drain that can not end, and what to do. */
export function describeStuck(stuck: readonly Role[], node: string): string {
  const name = withoutControls(node);
  const [it, its] = stuck.length === 1 ? ["it", "the role"] : ["them", "these roles"];
  const lost = stuck.flatMap((role) => madeBy[role] || []).join(", ");
  return [
    `No other node with the role ${stuck.join(" or ")} can take over now: it must be up, not draining, and ` +
      "able to write to its disk.",
    `Until one can, what ${name} has of ${it} stays ` +
      `there${lost === "" ? "" : `, and nothing new is possible: ${lost}`}.`,
    `Start another node (\`plexus invite\`), give one ${its} (\`plexus nodes roles NAME ROLES\`), or undo it: ` +
      `\`plexus nodes undrain ${name}\``,
  ].join(" ");
}

/** What a drain keeps so that writes go on; undefined: enough others are there to give it to. `node` is an id. */
export function describeKept({ nodes, minInSync }: ClusterSummary, node: string): string | undefined {
  const own = nodes.find((one) => one.node === node);
  const takers = nodes.filter((one) => one.node !== node && isTaker(one)).length;
  if (own === undefined || minInSync === 1 || takers >= minInSync) return undefined;
  const name = withoutControls(own.name);
  const others = takers === 0 ? "No other node" : takers === 1 ? "Only one other node" : `Only ${takers} other nodes`;
  return [
    `${others} can take copies now, and minInSync is ${minInSync}.`,
    `Until ${minInSync} can, draining nodes, ${name} included, keep the copies without which nothing could be written.`,
    "Start another node (`plexus invite`), bring back one that is down, make room on a full disk, or undo it: " +
      `\`plexus nodes undrain ${name}\``,
  ].join(" ");
}

/** How far a drain is: what the node still holds. */
export type DrainProgress = Pick<ClusterNodeRow, "name" | "up" | "slotsOwned" | "slotsReplicated"> & {
  /** It keeps the directory, and no drain moves that from it. */
  readonly directory: boolean;
  /** It votes on the directory until another does, or the others go on without. */
  readonly votes: boolean;
};

/** Whether a node holds nothing any more that a drain gives away. */
export const isDrained = ({ slotsOwned, slotsReplicated, votes }: DrainProgress): boolean =>
  slotsOwned === 0 && slotsReplicated === 0 && !votes;

/** What a node still does for the directory. An only voter goes on where no other manager can follow it. */
export function partInDirectory(
  { directory, nodes }: ClusterSummary,
  node: string,
): Pick<DrainProgress, "directory" | "votes"> {
  if (directory.kind !== "replicated")
    return { directory: nodes.some((one) => one.node === node && one.directory), votes: false };
  const votes = directory.voters.includes(node);
  const heirs = nodes.filter(
    (one) => one.node !== node && one.up && one.state === "active" && one.roles.includes("manager"),
  );
  const stays = votes && heirs.length === 0;
  return { directory: stays, votes: votes && !stays };
}

/** That the directory shrinks to one node when a manager goes; undefined where enough others can vote, or one node
 *  keeps it anyhow. The voters may have changed since the node began to drain. `node` is an id. */
export function describeVotesLeft({ directory, nodes }: ClusterSummary, node: string): string | undefined {
  const own = nodes.find((one) => one.node === node && one.roles.includes("manager"));
  if (directory.kind !== "replicated" || own === undefined) return undefined;
  const others = nodes.filter((one) => one !== own && isTaker(one) && one.roles.includes("manager")).length;
  const votes = directory.voters.length > 2 && directory.voters.includes(node);
  if (others !== 2 && !(others === 1 && votes)) return undefined;
  const name = withoutControls(own.name);
  return [
    `Without ${name} only ${counted(others, "manager is", "managers are")} up, so one alone keeps the directory:`,
    "while that one is down nothing fails over or joins.",
    `Start another manager first (\`plexus invite\`), or undo it: \`plexus nodes undrain ${name}\``,
  ].join(" ");
}

/** What a drain leaves where it is. */
export const keepsDirectory =
  "It still keeps the directory: while it is down nothing fails over or joins. Leave it running, or start " +
  "other nodes with the role manager: with three of them the directory is on three. Or move it to etcd: " +
  "`plexus directory migrate --etcd URL…`";

/** The end of `plexus nodes drain --wait`. */
export function describeDrained({ name, directory }: DrainProgress): string {
  const node = withoutControls(name);
  return directory
    ? `${node} holds no slots any more. ${keepsDirectory}`
    : `${node} holds nothing any more. It can be stopped; to let it go for good: \`plexus nodes evict ${node}\``;
}

/** What an eviction leaves behind. With force something may be missing for which its folder is all there is. */
export function describeEviction(node: string, eviction: Partial<Evicted> & { readonly force: boolean }): string {
  const { lastCopies = 0, force } = eviction;
  const gone = `${withoutControls(node)} was removed from the cluster.`;
  if (!force) return `${gone} The cluster does not need its data folder any more; it can be deleted.`;
  if (lastCopies === 0) return `${gone} Keep its data folder until \`plexus slots --not-ok\` names no slot.`;
  return [
    `${gone} It had the only copy of ${counted(lastCopies, "slot")}: their contents are lost to the cluster, ` +
      "and they start again empty.",
    "Keep its data folder as long as those contents may be needed: nothing else has them. No command puts them " +
      "back into the cluster; only a backup of all nodes does, restored while all are stopped.",
  ].join("\n");
}

/** One line of `plexus nodes drain --wait`. */
export const describeDrain = ({ name, up, slotsOwned, slotsReplicated, votes }: DrainProgress): string =>
  `${withoutControls(name)}${up ? "" : " (down)"}: ${counted(slotsOwned, "slot")} owned, ` +
  `${counted(slotsReplicated, "copy", "copies")} left${votes ? ", its vote on the directory" : ""}`;
