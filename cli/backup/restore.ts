/** `plexus backup restore`: an empty machine, folders of backups and the recovery kit become a cluster again. */
import { resolve } from "node:path";
import {
  describeUnreadable,
  endRestore,
  findCarried,
  isWhole,
  reasonOf,
  restore,
  type FoundKeys,
  type Restored,
  type RestoreRequest,
} from "../../node/backup/restore/index.ts";
import { sheetOf } from "../../node/keys/index.ts";
import { createClock, createRandom } from "../../node/platform/index.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { hearUnsynced } from "../../runtimes/folders.ts";
import { refusedFolder } from "../disk/data-folder.ts";
import { openRoot, type KitSource } from "./kit-shares.ts";
import { cliLimits } from "../limits.ts";
import { createLog } from "../terminal/log.ts";
import { counted, describeBytes, exitCodes, paint, timeText, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** A request, and what opens the backups. */
type Told = RestoreRequest & KitSource & { readonly from: readonly string[]; readonly json: boolean };

/** Exit code 0 when all of it is there, 1 when something is named that is not. */
export async function restoreBackup(told: Told, output: Output): Promise<number> {
  const to = resolve(told.to);
  return restoreWithKit({ ...told, to }, output, async ({ done, seconds }) => {
    await endRestore(to);
    const { index: _, ...shown } = done;
    output.print(
      told.json ? jsonLine({ to, seconds, ...shown }) : describeRestored(done, { to, seconds }, output.color),
    );
    return isWhole(done) ? exitCodes.ok : exitCodes.failed;
  });
}

/** Restores with the shares of the kit, says how far it is, and goes on with what came back. The folder is not called
 *  ready yet. An interrupt ends both. Error: CANCELLED. */
export async function restoreWithKit<T>(
  told: Told,
  output: Output,
  goOn: (restored: { readonly done: Restored; readonly seconds: number }, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const from = told.from.map((folder) => resolve(folder));
  const [newest] = await findCarried(from).catch((thrown: unknown) => Promise.reject(refusedFolder(thrown)));
  const root = await openRoot(sheetOf((newest as FoundKeys).carried), told, output);
  const { to, snapshot, atMs } = told;
  const request = { from, to, ...(snapshot !== undefined && { snapshot }), ...(atMs !== undefined && { atMs }) };
  const abort = new AbortController();
  const cancel = (): void => abort.abort(new PlexusError(failure("CANCELLED")));
  process.once("SIGINT", cancel).once("SIGTERM", cancel);
  let toldMs = performance.now();
  const begunMs = toldMs;
  hearUnsynced(({ folder, code }) =>
    output.printError(
      `  ${folder}: its file system does not sync folders (${code}): what is written last may be missing after ` +
        "a power loss.",
    ),
  );
  try {
    const done = await restore(request, root, {
      clock: createClock(),
      random: createRandom(),
      log: await createLog({ level: "error", format: "auto" }),
      signal: abort.signal,
      progress({ units, unitsOf, bytes }) {
        if (told.json || performance.now() - toldMs < cliLimits.salvageProgressMs) return;
        toldMs = performance.now();
        output.printError(`  ${units} of ${counted(unitsOf, "unit")}, ${describeBytes(bytes)} so far`);
      },
    });
    return await goOn({ done, seconds: (performance.now() - begunMs) / 1_000 }, abort.signal);
  } catch (thrown) {
    throw refusedFolder(thrown);
  } finally {
    process.off("SIGINT", cancel).off("SIGTERM", cancel);
  }
}

const isText = (one: unknown): one is string => typeof one === "string";

/** Which head the disks of lost nodes led to, and what of them was of no use. */
function describeHolders(
  {
    folders,
    head,
    headIn,
    refused,
    unreadable,
    behind,
    gaps,
    strangers,
    damaged,
    short,
  }: NonNullable<Restored["holders"]>,
  { cross, note }: { readonly cross: string; readonly note: string },
): readonly string[] {
  return [
    `  head ${head.number} of ${timeText(head.atMs)}, which ${headIn.length} of ` +
      `${counted(folders.length, "folder")} have: ${headIn.map(withoutControls).join(", ")}`,
    ...unreadable.map(
      (one) => `${cross} A newer one leads to what cannot be read. ${withoutControls(describeUnreadable(one))}`,
    ),
    ...refused.map(
      ({ folder, number, error }) =>
        `${note} Head ${number} in ${withoutControls(folder)} is none of this cluster's: ` +
        `${withoutControls(reasonOf(error))}`,
    ),
    ...behind.map(
      ({ folder, number }) =>
        `${note} ${withoutControls(folder)} has ${number === 0 ? "no head that counts" : `only head ${number}`}`,
    ),
    ...gaps.map(
      ({ from, to }) =>
        `${note} ${from === to ? `Head ${from} is` : `Heads ${from} to ${to} are`} in none of the folders: ` +
        "whose folders have older ones was away, or gives old ones",
    ),
    ...strangers.map(
      (one) =>
        `${cross} Head ${one.number} in ${one.folders.map(withoutControls).join(", ")} is signed by this ` +
        `cluster, and head ${head.number} does not come from it: the directory once went back to an older ` +
        "state, or somebody has old keys. What only it led to is not here",
    ),
    ...(damaged.total === 0
      ? []
      : [
          `${note} ${counted(damaged.total, "shard")} are damaged; others were read in their places where ` +
            "there are enough:",
        ]),
    ...damaged.named.map(({ folder, hash }) => `    ${withoutControls(folder)}: ${hash.slice(0, 16)}`),
    ...(short.stripes === 0
      ? []
      : [
          `${cross} ${counted(short.stripes, "stripe")} lack shards: with the folders of at least ` +
            `${short.folders} more ${short.folders === 1 ? "node" : "nodes"} all of it may come back.`,
        ]),
  ];
}

/** What is there, what is not, and what to do next. */
export function describeRestored(
  done: Restored,
  { to, seconds }: { readonly to: string; readonly seconds: number },
  color: boolean,
): string {
  const [good, cross, note] = [paint(color, "green", "✔"), paint(color, "red", "✖"), paint(color, "yellow", "!")];
  const slotList = (names: readonly string[]): string => names.map(withoutControls).join(", ");
  const { policy } = done;
  return [
    `${good} ${to}: ${counted(done.actors, "actor")} in ${counted(done.slots, "slot")}, ` +
      `${counted(done.rows, "row")}, ${counted(done.files, "file")}, ${describeBytes(done.bytes)}, ` +
      `${counted(done.settings, "setting")}, in ${seconds.toFixed(1)} s`,
    ...done.snapshots.map(
      ({ name, number, atMs }) => `  snapshot ${number} of ${timeText(atMs)}, from ${withoutControls(name)}`,
    ),
    ...(done.holders === undefined ? [] : describeHolders(done.holders, { cross, note })),
    ...done.refusedKeys.map(
      ({ folder, error }) =>
        `${note} The kit does not open the keys in ${withoutControls(folder)}: ${error.code}. Older ones were taken.`,
    ),
    ...(done.stale.length === 0
      ? []
      : [
          `${cross} Of ${counted(done.stale.length, "slot")} there is only what an older snapshot had: ` +
            slotList(done.stale),
        ]),
    ...(done.missing.length === 0
      ? []
      : [
          `${cross} Of ${counted(done.missing.length, "slot")} no folder has anything: ${slotList(done.missing)}. ` +
            "Other nodes' folders may: --from for each of them.",
        ]),
    ...(done.missingFiles.length === 0
      ? []
      : [
          `${cross} ${counted(done.missingFiles.length, "file")} were gone already when the backup was made: ` +
            slotList(done.missingFiles),
        ]),
    ...(done.lost.length === 0 ? [] : [`${cross} ${counted(done.lost.length, "unit")} could not be brought back:`]),
    ...done.lost.map(({ thread, type, bucket, part, error }) => {
      const which = [type === ".state" ? "state" : type, bucket, part === 0 ? "" : `part ${part + 1}`];
      const why = [error.details?.["stripe"], error.details?.["file"], error.details?.["reason"]].find(isText);
      return (
        `    ${withoutControls([thread, ...which].filter((word) => word !== "").join(" "))}: ${error.code} ` +
        `${withoutControls(why ?? "")}`
      ).trimEnd();
    }),
    ...(done.erased.units === 0
      ? []
      : [
          `${note} ${counted(done.erased.units, "unit")} of ` +
            `${counted(done.erased.tenants, "person or room", "persons and rooms")}: their keys were erased on ` +
            "purpose, and stay so.",
        ]),
    ...done.checked.wrong.map(
      ({ thread, type, bucket }) =>
        `${cross} The new folder has something else than the backup: ${withoutControls(`${thread} ${type} ${bucket}`)}`,
    ),
    `Read back and compared: ${counted(done.checked.units, "unit")}, ${counted(done.checked.states, "state")}.`,
    ...done.damaged.map((one) => `${cross} The new journal: ${withoutControls(JSON.stringify(one))}`),
    "Not in it, being bound to the old nodes: members and invitations, " +
      `${counted(done.leftOut.holders, "shard-holder")} with what lay there, files of models, keys of servers with ` +
      "models, and the nodes' " +
      `configuration${policy === undefined ? "" : ` (${policy.replicas} copies a slot, ${policy.minInSync} in sync)`}.`,
    "Passwords, sessions, API keys and admins are as they were then: revoke what was revoked since. Clients " +
      "that are connected load everything again.",
    "Next:",
    "  1. See to it that no node of the old cluster runs any more.",
    `  2. plexus up --data ${withoutControls(to)}`,
    "  3. plexus backup run --to NEW FOLDER: the old folders stay readable, and are written by nobody any more.",
    "  4. plexus invite: other nodes come with empty data folders. Then give shares to people again if you " +
      "have used them up.",
  ].join("\n");
}
