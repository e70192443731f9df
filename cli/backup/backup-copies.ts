/** `plexus backup copy` and `drill`: backups elsewhere, and a disaster rehearsed. */
import { resolve } from "node:path";
import { reasonOf, restoredStarter, shownDrill, sweep } from "../../node/backup/restore/index.ts";
import { openEpoch, verifyEpochs } from "../../node/keys/index.ts";
import { createClock, createRandom } from "../../node/platform/index.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { BackupResults, DrillStarted, HeadHolders } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { describeLosses } from "./backups.ts";
import { finished } from "./backup-tasks.ts";
import { readVersion } from "../up/installation.ts";
import { openRoot, type KitSource } from "./kit-shares.ts";
import {
  counted,
  describeBytes,
  describeDuration,
  exitCodes,
  paint,
  timeText,
  type Output,
} from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { restoreWithKit } from "./restore.ts";

const rehearsedProgram = new URL("../../node/composition/rehearsed.ts", import.meta.url);

/** `plexus backup copy`. Ends with an error when a part of the original could not be read. */
export async function copyBackup(
  flags: AdminFlags,
  { from, to }: { readonly from: string | undefined; readonly to: string },
  output: Output,
): Promise<number> {
  const body = { ...(from !== undefined && { from: resolve(from) }), to: resolve(to) };
  const done = await finished(await findNode(flags), "copy", body, flags, output);
  if (done === undefined) return exitCodes.unknown;
  output.print(flags.json ? jsonLine(done) : describeCopy(done, body.to, output.color));
  return done.lost.total === 0 ? exitCodes.ok : exitCodes.failed;
}

/** What a copy came to. */
export function describeCopy(done: BackupResults["copy"], to: string, color: boolean): string {
  const { snapshots, stripes, copied, copiedBytes, lost } = done;
  if (snapshots === 0) return "There is no snapshot to copy.";
  return [
    `${paint(color, "green", "✔")} ${withoutControls(to)} has ${counted(snapshots, "snapshot")} in ` +
      `${counted(stripes, "stripe")}. New are ${copied}, ${describeBytes(copiedBytes)}.`,
    ...(lost.total === 0
      ? []
      : [
          `${paint(color, "red", "✖")} ${counted(lost.total, "stripe")} could not be read, and are asked for ` +
            "again by the next copy:",
        ]),
    ...lost.named.map(({ stripe, error }) => `  ${stripe.slice(0, 16)}: ${error.code}`),
  ].join("\n");
}

/** `plexus backup drill`, by the node's own keys. Ends with an error when not everything came back. */
export async function drillBackup(
  flags: AdminFlags,
  told: {
    readonly from: string | undefined;
    readonly scratch: string | undefined;
    readonly snapshot: number | undefined;
  },
  output: Output,
): Promise<number> {
  const { from, scratch, snapshot } = told;
  const body = {
    ...(from !== undefined && { from: resolve(from) }),
    ...(scratch !== undefined && { scratch: resolve(scratch) }),
    ...(snapshot !== undefined && { snapshot }),
  };
  const done = await finished(await findNode(flags), "drill", body, flags, output);
  return done === undefined ? exitCodes.unknown : shown(done, { flags, opened: "byNode" }, output);
}

/** The same, and the shares of the kit beside it: whether they make the cluster's root, and it opens every epoch. The
 *  root stays in this process, and is forgotten. Errors: those of `openRoot`, KIT_MISSING, KEY_REFUSED (an epoch that
 *  it does not open). */
export async function drillBackupAndKit(
  flags: AdminFlags,
  { scratch, snapshot, ...kit }: { readonly scratch: string; readonly snapshot: number | undefined } & KitSource,
  output: Output,
): Promise<number> {
  const node = await findNode(flags);
  const { cluster, root: record, epochs } = demand(await callsTo(node)("keys.status"));
  if (record === undefined) throw new PlexusError(failure("KIT_MISSING"));
  const root = await openRoot({ form: "plexus kit 1", cluster, root: record, epochs }, kit, output);
  demand(verifyEpochs(cluster, record, epochs));
  for (const epoch of epochs) demand(openEpoch(cluster, epoch, root));
  const body = { scratch: resolve(scratch), ...(snapshot !== undefined && { snapshot }) };
  const done = await finished(node, "drill", body, flags, output);
  return done === undefined ? exitCodes.unknown : shown(done, { flags, opened: "byNodeAndKit" }, output);
}

/** The same with the shares of the kit, as after a disaster: without a node. */
export async function drillWithKit(
  flags: Pick<AdminFlags, "json">,
  told: {
    readonly from: readonly string[];
    readonly scratch: string;
    readonly snapshot: number | undefined;
  } & KitSource,
  output: Output,
): Promise<number> {
  const { from, scratch, snapshot, ...kit } = told;
  const to = resolve(scratch);
  const which = { from, to, ...(snapshot !== undefined && { snapshot }) };
  try {
    return await restoreWithKit({ ...which, ...kit, json: flags.json }, output, async ({ done, seconds }, signal) => {
      const world = { clock: createClock(), random: createRandom() };
      const starter = restoredStarter({ ...world, version: await readVersion(), program: rehearsedProgram });
      const started = await starter(to, done.index, signal);
      return shown(shownDrill(done, started, seconds * 1_000), { flags, opened: "byKit" }, output);
    });
  } finally {
    await sweep(to);
  }
}

function shown(
  done: BackupResults["drill"],
  { flags, opened }: { readonly flags: Pick<AdminFlags, "json">; readonly opened: OpenedBy },
  output: Output,
): number {
  output.print(
    flags.json ? jsonLine({ ...done, withKit: opened !== "byNode" }) : describeDrill(done, opened, output.color),
  );
  return done.whole ? exitCodes.ok : exitCodes.failed;
}

/** What opened the backups: the node's own keys, the shares of the kit, or the former while the latter were checked. */
type OpenedBy = "byNode" | "byKit" | "byNodeAndKit";
const openedText: Readonly<Record<OpenedBy, string>> = {
  byNode: "The node's own keys opened it. To rehearse with the shares on paper: --kit.",
  byKit: "The shares opened it, and nothing else was needed.",
  byNodeAndKit: "The node's own keys opened it. The shares make the root of this cluster, which opens every epoch.",
};

/** What a rehearsal came to. */
export function describeDrill(done: BackupResults["drill"], opened: OpenedBy, color: boolean): string {
  const {
    snapshot,
    tookMs,
    slots,
    actors,
    rows,
    files,
    settings,
    compared,
    erased,
    whole,
    lost,
    wrong,
    missing,
    holders,
    started,
    begunAgain = 0,
  } = done;
  const cross = paint(color, "red", "✖");
  return [
    `${whole ? paint(color, "green", "✔") : cross} Snapshot ${snapshot.number} of ${timeText(snapshot.atMs)}, ` +
      `restored in ${describeDuration(tookMs)}: ${counted(actors, "actor")} in ${counted(slots, "slot")}, ` +
      `${counted(rows, "row")}, ${counted(files, "file")}, ${counted(settings, "setting")}.`,
    `  Read back and compared with the snapshot: ${counted(compared.units, "unit")}, ` +
      `${counted(compared.states, "state")}. The new journal's own check found ` +
      `${wrong.named.some(({ type }) => type === "journal") ? "damage" : "nothing"}.`,
    ...(erased === 0 ? [] : [`  ${counted(erased, "unit")} stay unreadable: their keys were erased on purpose.`]),
    ...(begunAgain === 0
      ? []
      : [`  It was begun again ${times(begunAgain)}, because the node that worked on it ended.`]),
    ...describeLosses(lost, color),
    ...(wrong.total === 0 ? [] : [`${cross} Otherwise than it was came back: ${counted(wrong.total, "unit")}`]),
    ...wrong.named.map(({ thread, type }) => `  ${withoutControls(`${thread} ${type}`)}`),
    ...(missing.total === 0
      ? []
      : [
          `${cross} Not in it, or only as an older snapshot had it: ` +
            `${missing.named.map(withoutControls).join(", ")}` +
            `${missing.total > missing.named.length ? " and more" : ""}`,
        ]),
    ...(started === undefined ? [] : describeStarted(started, color)),
    ...(holders === undefined ? [] : [describeKept(holders, color)]),
    `  ${openedText[opened]} The scratch folder is empty again.`,
  ].join("\n");
}

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

/** What the node showed that was started of it. */
function describeStarted(
  { readyMs, account, rooms, messages, differs, error }: DrillStarted,
  color: boolean,
): readonly string[] {
  const cross = paint(color, "red", "✖");
  if (error !== undefined)
    return [`${cross} A node that was started from it did not work: ${withoutControls(reasonOf(error))}`];
  const read =
    account === undefined
      ? "None of its accounts can sign in with a password alone, so nothing was read."
      : `${withoutControls(account)} signed in and read ${counted(messages, "message")} in ${counted(rooms, "room")}.`;
  return [
    `${paint(color, "green", "✔")} A node was started from it, ready after ${describeDuration(readyMs)}. ${read}`,
    ...(differs.length === 0
      ? []
      : [`${cross} Its newest messages are others than in the snapshot: ${differs.map(withoutControls).join(", ")}`]),
  ];
}

/** Whether the disks of storage nodes would do without any node. */
function describeKept({ nodes, current, behind, ahead = [] }: HeadHolders, color: boolean): string {
  const mark = current === nodes ? paint(color, "green", "✔") : paint(color, "red", "✖");
  const list = (names: readonly string[]): string => names.map(withoutControls).join(", ");
  const without = [
    behind.length === 0 ? "" : `; not, or an older one: ${list(behind)}`,
    ahead.length === 0 ? "" : `; a later one than the directory, which went back to an older state: ${list(ahead)}`,
  ].join("");
  return (
    `${mark} ${current} of ${counted(nodes, "storage node")} have the newest head and the keys on their disks, ` +
    `for a restore without any node${without}.`
  );
}
