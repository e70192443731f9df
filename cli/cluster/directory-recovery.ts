/** `plexus directory recover`: begins the directory anew at one voter when a majority is lost for good. */
import { failure, PlexusError } from "../../protocols/index.ts";
import { openRecovery, type RecoveryPlan } from "../../node/salvage/index.ts";
import { findRunning } from "./control.ts";
import { counted, exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { isTyped } from "../terminal/confirm.ts";

/** Lost slots that are named. */
const slotsNamedMax = 20;

export async function recoverDirectory(
  flags: {
    readonly data: string;
    readonly diskKey: string;
    readonly lost: readonly string[];
    readonly kept: readonly string[];
    readonly yes: boolean;
    readonly json: boolean;
  },
  output: Output,
): Promise<number> {
  const { data, json } = flags;
  const running = await findRunning(data);
  if (running !== undefined) throw new PlexusError(failure("DATA_FOLDER_IN_USE", { folder: data, pid: running.pid }));
  const recovery = await openRecovery(data, { lost: flags.lost, kept: flags.kept }, flags.diskKey);
  try {
    const { plan } = recovery;
    if (!json) output.printError(describe(plan, output.color));
    const word = plan.cluster.slice(0, 8);
    if (!flags.yes && !(await isTyped(`To begin generation ${plan.generation + 1}, type ${word}:`, word)))
      throw new PlexusError(
        failure("BAD_REQUEST", {
          field: "--yes",
          reason: "nothing was changed: confirm it in a terminal, or with --yes",
        }),
      );
    await recovery.begin();
    if (json) output.print(jsonLine({ ...plan, begun: plan.generation + 1 }));
    else output.print(done(plan, data, output.color));
    return exitCodes.ok;
  } finally {
    await recovery.close();
  }
}

function describe(plan: RecoveryPlan, color: boolean): string {
  const { generation, term, entry, writtenAtMs, lostSlots } = plan;
  const warn = paint(color, "yellow", "!");
  const when =
    writtenAtMs === undefined ? "" : `, its folder written or opened last at ${new Date(writtenAtMs).toISOString()}`;
  const lines = [
    `Node ${withoutControls(plan.name)} of cluster ${plan.cluster}: generation ${generation}, term ${term}, ` +
      `entry ${entry}${when}.`,
    `The voters were ${listed(plan.voters)}. With a folder of another of them, recover where the term is ` +
      "highest, and then the entry.",
    `Left out: ${listed(plan.leftOut)}. When they come they are refused, and can join as new with an empty folder.`,
    "If one of those is not lost, keep it a member: --keep NAME.",
    `Members from then on: ${listed(plan.stay)}.`,
    `${warn} What the others committed after entry ${entry} is lost: who joined, roles, policies, and which ` +
      "copies were in sync. So messages that were",
    "  acknowledged after that may be lost, too.",
    `${warn} If most of those voters still run somewhere, there will be two clusters: stop them first.`,
  ];
  if (plan.learning)
    lines.push(`${warn} This node was still learning what the voters knew: recover at one of those, if there is any.`);
  if (lostSlots.length === 0)
    return [...lines, `Each of ${counted(plan.slots, "slot")} has a copy that was in sync.`].join("\n");
  const most = lostSlots.slice(0, slotsNamedMax).map(describeLost);
  const more = lostSlots.length > slotsNamedMax ? [`    and ${lostSlots.length - slotsNamedMax} more (--json)`] : [];
  const heading =
    `${paint(color, "red", "✖")} ${lostSlots.length} of ${counted(plan.slots, "slot")} had copies in sync at ` +
    "nodes that are left out only. What was in them is lost:";
  return [...lines, heading, ...most, ...more].join("\n");
}

const listed = (names: readonly string[]): string => withoutControls(names.toSorted().join(", "));

const describeLost = ({ slot, older }: RecoveryPlan["lostSlots"][number]): string =>
  `    ${withoutControls(slot)}: ${older ? "goes on with an older copy of this node" : "begins again, empty"}`;

const done = ({ generation, leftOut, name }: RecoveryPlan, data: string, color: boolean): string =>
  [
    `${paint(color, "green", "✔")} Generation ${generation + 1} of the directory begins at ` +
      `${withoutControls(name)}, without ${listed(leftOut)}.`,
    `Start it: plexus up --data ${data}`,
    "Members that run follow it by themselves. With three managers the directory is replicated again.",
  ].join("\n");
