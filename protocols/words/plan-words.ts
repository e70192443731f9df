import { counted } from "./amounts.ts";
import type { ClusterPlan, PlanFault, PlannedNode } from "../admin/cluster-plan.ts";
import { withoutControls } from "../text/printable.ts";

/** What would follow from a change of the cluster, as text: `plexus nodes plan`. The page of nodes says the same.
 *  Pure. */

/** What all of it amounts to. */
export function describePlanned({ slots, copies, atOnce, moving }: ClusterPlan): string {
  const under = moving > 0 ? ` ${counted(moving, "slot is", "slots are")} on the way already, without this.` : "";
  if (slots === 0) return `Nothing would move.${under}`;
  const made = copies === 0 ? "nothing would be copied" : `${counted(copies, "copy", "copies")} would be made`;
  return (
    `${counted(slots, "slot")} would be elsewhere, and ${made}, of at most ${atOnce} slots at a time, while all ` +
    `of them serve.${under}`
  );
}

const shareText = ({ owned, copies }: PlannedNode["before"]): string => `${owned} + ${copies}`;

/** A row of the table: what a node has before and after, slots that it owns + copies of others'. */
export const plannedRow = ({ name, stays, up, before, after, receives }: PlannedNode): readonly string[] => [
  withoutControls(name),
  stays === "comes" ? "comes" : stays === "goes" ? "goes" : up ? "" : "down",
  stays === "comes" ? "" : shareText(before),
  shareText(after),
  receives === 0 ? "" : String(receives),
];

/** Titles of such rows. */
export const plannedTitles = ["Node", "", "Has", "Would have", "Copied to it"] as const;

/** What would be worse than now, and what helps. */
export function describeFault(fault: PlanFault): string {
  switch (fault.type) {
    case "role":
      return (
        `No node would have the role ${fault.role}, which ${counted(fault.slots, "slot needs", "slots need")}: ` +
        "give it to another node first (`plexus nodes roles NAME ROLES`)."
      );
    case "copies":
      return (
        `${counted(fault.slots, "slot")} would have only ${counted(fault.copies, "copy", "copies")} of ` +
        `${fault.wanted}: fewer deaths are survived, until another node is there.`
      );
    case "writes":
      return (
        `${counted(fault.slots, "slot")} would have ${counted(fault.copies, "copy", "copies")}, and writes need ` +
        `${fault.needed}: nothing can be written there. Lower minInSync, or start another node first.`
      );
    case "zones":
      return (
        `Copies of ${counted(fault.slots, "slot")} would lie in ${counted(fault.after, "zone")} instead of ` +
        `${fault.before}: if a zone fails, more copies are lost with it.`
      );
    case "kept":
      return (
        `${withoutControls(fault.node)} keeps something of ${counted(fault.slots, "slot")}, which no other node ` +
        "can take: its drain would not end."
      );
    case "only":
      return (
        `${withoutControls(fault.node)} is down and has the only copy of ${counted(fault.slots, "slot")}, which ` +
        "would be lost: bring it back first."
      );
    case "directory":
      return (
        `The directory would survive the death of ${fault.after === 0 ? "none" : fault.after} of its keepers, ` +
        `and not of ${fault.before}: give another node the role manager first.`
      );
    case "keeper":
      return (
        `${withoutControls(fault.node)} keeps the directory alone, so it cannot go: have other managers keep it ` +
        "first (`plexus directory`)."
      );
    case "holders":
      return (
        `Backups are spread over ${counted(fault.width, "node")} with the role storage, and there would be ` +
        `${fault.nodes}: stored data has fewer parts to spare, and new backups are spread over fewer nodes.`
      );
    case "models":
      return (
        `No node would serve ${fault.models.map(withoutControls).join(", ")}: pull it elsewhere ` +
        "first (`plexus models`)."
      );
  }
}
