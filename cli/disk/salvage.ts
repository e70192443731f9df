/** `plexus salvage`: saves what a damaged data folder still has, and says what is gone. */
import { failure, PlexusError } from "../../protocols/index.ts";
import { createClock, createRandom } from "../../node/platform/index.ts";
import { salvage, type Lost, type Salvaged } from "../../node/salvage/index.ts";
import { findRunning } from "../cluster/control.ts";
import { refusedFolder } from "./data-folder.ts";
import { cliLimits } from "../limits.ts";
import { counted, describeBytes, exitCodes, paint, type Output } from "../terminal/output.ts";

/** Exit code 0 when there is a new folder that starts, whatever is missing in it. */
export async function salvageFolder(
  flags: {
    readonly from: string;
    readonly to: string;
    readonly diskKey?: string | undefined;
    readonly json: boolean;
  },
  output: Output,
): Promise<number> {
  const { from, to, json } = flags;
  const running = await findRunning(from);
  if (running !== undefined) throw new PlexusError(failure("DATA_FOLDER_IN_USE", { folder: from, pid: running.pid }));
  let toldMs = performance.now();
  try {
    if (!json) output.printError(`Reading ${from}; it is not changed.`);
    const progress = ({ rows, bytes }: { readonly rows: number; readonly bytes: number }): void => {
      if (json || performance.now() - toldMs < cliLimits.salvageProgressMs) return;
      toldMs = performance.now();
      output.printError(`  ${counted(rows, "row")}, ${describeBytes(bytes)} so far`);
    };
    const done = await salvage(from, to, { clock: createClock(), random: createRandom(), progress }, flags.diskKey);
    if (json) output.print(JSON.stringify({ from, to, ...done }));
    else output.print(describe(done, to, output.color));
    return exitCodes.ok;
  } catch (thrown) {
    throw refusedFolder(thrown);
  }
}

function describe(done: Salvaged, to: string, color: boolean): string {
  const { slots, rows, bytes, lost, doubtful, identity } = done;
  const heading =
    `${paint(color, "green", "✔")} ${to}: ${counted(rows, "row")}, ${describeBytes(bytes)}, ` +
    `${counted(slots.whole + slots.mended, "slot")}`;
  const lines = [
    slots.mended === 0 ? heading : `${heading}, ${slots.mended} of them with gaps`,
    ...(doubtful === 0
      ? []
      : [`${paint(color, "yellow", "!")} ${counted(doubtful, "row")} may be older than what was lost beside them`]),
    lost.length === 0
      ? "Nothing was missing."
      : `${paint(color, "red", "✖")} Could not be read:\n${lost.map((one) => `    ${describeLoss(one)}`).join("\n")}`,
    identity === "kept"
      ? "The node is who it was."
      : "This is a cluster of its own, with a new identity: the node was one of several, or nothing says that it " +
        "was not.",
    ...(done.wasEncrypted ? ["It is not encrypted, as the damaged one was: plexus disk encrypt, once it runs."] : []),
    ...(done.diskKey === undefined
      ? []
      : [
          `The keys of backups are wrapped by the key in ${done.diskKey}. Before the start, copy it: to ` +
            `disk.key in ${to}, or to where diskKey of its configuration says.`,
        ]),
    `Start it: plexus up --data ${to}`,
    "Keep the damaged folder until you have looked at what is in the new one.",
  ];
  return lines.join("\n");
}

const partsLost: Readonly<Record<Extract<Lost, { readonly part: string }>["part"], string>> = {
  "format mark": "format mark: it was made again",
  home: "home: it was made again",
  "node.key": "node.key: the start makes a new one",
  "keys of backups":
    "keys of backups: not all of them are in the new folder, and backups need them. Keep the damaged folder, " +
    "its disk.key and the recovery kit",
};

function describeLoss(lost: Lost): string {
  if ("part" in lost) return partsLost[lost.part];
  if ("actor" in lost) return `${lost.actor}: ${lost.reason}`;
  if ("entries" in lost)
    return `slot ${lost.slot}: entries ${lost.entries[0]} to ${lost.entries[1]}; what they changed may be missing`;
  if ("row" in lost) return `slot ${lost.slot}: ${lost.row}`;
  if ("slot" in lost) return `slot ${lost.slot}: ${lost.reason}`;
  if ("missing" in lost) return `${lost.file} is missing`;
  if ("unreadable" in lost) return `${lost.file}: the disk does not give it (${lost.unreadable})`;
  const { file, offset, length, rows } = lost;
  const which =
    rows === undefined ? "" : `: rows ${rows.after === undefined ? "" : `behind ${rows.after} `}up to ${rows.through}`;
  return `${file}, bytes ${offset} to ${offset + length}${which}`;
}
