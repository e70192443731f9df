/** `plexus backup run|list|show|verify|recall|prune`: the backups of the cluster, or those in a folder on the node's
 *  machine. */
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { isDatedAhead } from "../../protocols/admin/backup-dates.ts";
import { isWholeTask } from "../../protocols/admin/backups.ts";
import { failure, PlexusError, type Failure } from "../../protocols/errors.ts";
import type {
  BackupList,
  BackupResults,
  MissedSlot,
  PlaceBackup,
  PruneBackup,
  RecallBackup,
  RunLosses,
  VerifyBackup,
} from "../../protocols/index.ts";
import { findNode, operate, type AdminFlags } from "../node/admin.ts";
import { finished } from "./backup-tasks.ts";
import { cliLimits } from "../limits.ts";
import { counted, describeBytes, exitCodes, paint, timeText, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { isConfirmed } from "../terminal/confirm.ts";
import { renderTable } from "../terminal/table.ts";

/** Where a folder is, as the body of a request has it; without one it is the cluster's. */
const within = (name: "from" | "to", folder: string | undefined) =>
  folder === undefined ? {} : { [name]: resolve(folder) };

/** `plexus backup run`. Ends with an error when a slot of the node, or a file, could not be read, or something of the
 *  snapshot cannot be brought back. */
export async function runBackup(
  flags: AdminFlags,
  { to, full }: { readonly to: string | undefined; readonly full: boolean },
  output: Output,
): Promise<number> {
  const body = { ...within("to", to), ...(full && { full }) };
  const result = await finished(await findNode(flags), "run", body, flags, output);
  if (result === undefined) return exitCodes.unknown;
  output.print(flags.json ? jsonLine(result) : describeRun(result, output.color, to));
  return isWholeTask({ sort: "run", state: "done", result }) === true ? exitCodes.ok : exitCodes.failed;
}

const nothingLost: RunLosses = { before: 0, units: 0, stripes: 0 };

/** What a run came to, for people: what is not in it, too. `folder`: into which it was made. */
export function describeRun(run: BackupResults["run"], color: boolean, folder?: string): string {
  const { snapshot, changedBytes, changedUnits, storedBytes, missed, missedFiles, lost = nothingLost } = run;
  const mark = lost.stripes > 0 ? paint(color, "red", "✖") : paint(color, "green", "✔");
  const [elsewhere, broken] = [missed.filter(isElsewhere), missed.filter((row) => !isElsewhere(row))];
  return [
    `${mark} Snapshot ${snapshot.number}: ${describeBytes(snapshot.bytes)} in ` +
      `${counted(snapshot.units, "unit")}. New are ${describeBytes(changedBytes)} in ` +
      `${counted(changedUnits, "unit")}; ${describeBytes(storedBytes)} were written.`,
    ...(lost.stripes === 0
      ? []
      : [
          `${paint(color, "red", "✖")} ${counted(lost.units, "unit")} of it cannot be brought back: ` +
            `${counted(lost.stripes, "stripe")} cannot be read. See which nodes are down (plexus nodes), then ` +
            "run this command again: it stores again what still exists. plexus backup verify names what is lost.",
        ]),
    ...(folder === undefined || snapshot.number > 1
      ? []
      : [
          `${paint(color, "yellow", "!")} It is the first snapshot in ${withoutControls(folder)}. ` +
            "If there were earlier ones, their disk is not mounted there.",
        ]),
    ...(lost.list === true
      ? [
          `${paint(color, "red", "✖")} The list of earlier snapshots was lost, so this snapshot begins a new ` +
            "list, and has everything that exists now. Older snapshots can no longer be listed or recalled; " +
            "plexus backup prune frees their space.",
        ]
      : []),
    ...(lost.before === 0
      ? []
      : [
          `${paint(color, "yellow", "!")} ${counted(lost.before, "stripe")} of the snapshot before ` +
            `${lost.before === 1 ? "is" : "are"} lost. What still lives of ${lost.before === 1 ? "it" : "them"} ` +
            "was stored again; the older snapshots lack it (plexus backup list).",
        ]),
    ...(elsewhere.length === 0
      ? []
      : [
          `${paint(color, "yellow", "!")} ${counted(elsewhere.length, "slot")} of the cluster ` +
            `${elsewhere.length === 1 ? "is" : "are"} not in it: other nodes own ` +
            `${elsewhere.length === 1 ? "it" : "them"}. Run this command at each of those nodes too, with a ` +
            "folder of its own.",
          ...Object.entries(Object.groupBy(elsewhere, ({ owner = "another node" }) => owner)).map(
            ([owner, rows = []]) => `  ${withoutControls(owner)}: ${slotNames(rows.map(({ slot }) => slot))}`,
          ),
        ]),
    ...broken.map(
      ({ slot, error }) =>
        `${paint(color, "red", "✖")} ${withoutControls(slot)} was not read (${error.code}): the snapshot has ` +
        "what the one before had of it.",
    ),
    ...(missedFiles.total === 0
      ? []
      : [
          `${paint(color, "red", "✖")} ${counted(missedFiles.total, "file")} ` +
            `${missedFiles.total === 1 ? "was" : "were"} not there to be read, and ` +
            `${missedFiles.total === 1 ? "is" : "are"} not in it. The next run looks again.`,
          ...missedFiles.named.map(
            ({ actor, hash, error }) => `  ${withoutControls(actor)} ${hash.slice(0, 16)}: ${error.code}`,
          ),
        ]),
  ].join("\n");
}

/** Of what a snapshot misses: a file, not a slot. */
const isFile = (name: string): boolean => name.includes("/files/");

const isElsewhere = ({ error }: MissedSlot): boolean => error.code === "MOVED";

/** The first of them by name. */
const slotNames = (slots: readonly string[]): string => {
  const { statusSlotsNamed: max } = cliLimits;
  const more = slots.length > max ? ` and ${slots.length - max} more` : "";
  return `${slots.slice(0, max).map(withoutControls).join(", ")}${more}`;
};

/** A moment, for people. */

/** `plexus backup list`. */
export async function listBackups(flags: AdminFlags, from: string | undefined, output: Output): Promise<number> {
  const list = await operate(flags, "backups.list", within("from", from));
  output.print(
    flags.json ? jsonLine(list) : describeList(list, { color: output.color, nowMs: Date.now(), width: output.columns }),
  );
  return exitCodes.ok;
}

/** The snapshots as a table. */
export function describeList(
  { folder, node, snapshots }: BackupList,
  { color, nowMs, width = Infinity }: { readonly color: boolean; readonly nowMs: number; readonly width?: number },
): string {
  if (snapshots.length === 0)
    return folder === undefined
      ? "The cluster has no backup yet: `plexus backup run` takes one."
      : `${withoutControls(folder)} has no snapshot yet.`;
  const right = "right" as const;
  const columns = [
    { head: "Snapshot", align: right },
    { head: "Time" },
    { head: "Bytes", align: right },
    { head: "Units", align: right, leaves: 1 },
    { head: "Slots missing", align: right },
    { head: "Units lost", align: right },
  ];
  const cells = snapshots.map(({ number, atMs, units, bytes, missed, lostUnits = 0 }) => [
    String(number),
    isDatedAhead(atMs, nowMs) ? paint(color, "yellow", `${timeText(atMs)}, in the future`) : timeText(atMs),
    describeBytes(bytes),
    String(units),
    missed.length === 0 ? "" : paint(color, "yellow", String(missed.length)),
    lostUnits === 0 ? "" : paint(color, "red", String(lostUnits)),
  ]);
  const whose = node === undefined ? "the cluster" : `the node ${withoutControls(node)}`;
  const ahead = snapshots.filter(({ atMs }) => isDatedAhead(atMs, nowMs)).map(({ number }) => number);
  const note =
    ahead.length === 0
      ? ""
      : `\nDated in the future, because a clock was ahead: ${ahead.join(", ")}. A prune does not count them for ` +
        "any day.";
  return `Backups of ${whose}\n${renderTable(columns, cells, { color, columns: width })}${note}`;
}

/** `plexus backup show`. */
export async function showBackup(
  flags: AdminFlags,
  { from, snapshot }: { readonly from: string | undefined; readonly snapshot: number | undefined },
  output: Output,
): Promise<number> {
  const body = { ...within("from", from), query: { ...(snapshot !== undefined && { snapshot }) } };
  const shown = await finished(await findNode(flags), "recall", body, flags, output);
  if (shown === undefined) return exitCodes.unknown;
  output.print(flags.json ? jsonLine(shown) : describeSnapshot(shown));
  return exitCodes.ok;
}

/** One snapshot, with all that is in it and what is not. */
export function describeSnapshot(shown: Omit<BackupResults["recall"], "lost">): string {
  const { snapshot, rows, threads, stripeBytes } = shown;
  const [slots, files] = [snapshot.missed.filter((name) => !isFile(name)), snapshot.missed.filter(isFile)];
  return [
    `Snapshot ${snapshot.number} of ${timeText(snapshot.atMs)}`,
    `  ${describeBytes(snapshot.bytes)} in ${counted(rows, "record")} of ${counted(threads, "actor")}, ` +
      `${counted(snapshot.units, "unit")}; ${describeBytes(stripeBytes)} are read for all of it`,
    ...(slots.length === 0
      ? []
      : [
          `  ${counted(slots.length, "slot")} not read for it: ${slotNames(slots)}. The snapshot has of them ` +
            "what the one before had, or nothing.",
        ]),
    ...(files.length === 0 ? [] : [`  ${counted(files.length, "file")} not in it: ${slotNames(files)}.`]),
  ].join("\n");
}

/** `plexus backup verify`. Ends with an error when anything lacks or is damaged. */
export async function verifyBackup(
  flags: AdminFlags,
  { from, ...choice }: VerifyBackup,
  output: Output,
): Promise<number> {
  const found = await finished(await findNode(flags), "verify", { ...within("from", from), ...choice }, flags, output);
  if (found === undefined) return exitCodes.unknown;
  output.print(flags.json ? jsonLine(found) : describeVerify(found, choice.depth, output.color));
  return found.lost.total + found.lostUnits.total + found.weak === 0 ? exitCodes.ok : exitCodes.failed;
}

/** What a check found. */
export function describeVerify(
  { snapshots, stripes, units, bytes, weak, lost, lostUnits, damaged = [] }: BackupResults["verify"],
  depth: VerifyBackup["depth"],
  color: boolean,
): string {
  const looked = { manifest: "exists", shards: "was read, and is complete", data: "was read and decrypted" }[depth];
  const sum =
    `${counted(snapshots, "snapshot")}, ${counted(stripes, "stripe")}, ${describeBytes(bytes)} in ` +
    `${counted(units, "unit")}`;
  if (lost.total + lostUnits.total + weak === 0) return `${paint(color, "green", "✔")} ${sum}: everything ${looked}.`;
  const cross = paint(color, "red", "✖");
  return [
    sum,
    ...(weak === 0 ? [] : [`${paint(color, "yellow", "!")} ${counted(weak, "stripe")} can be read, but lack copies.`]),
    ...(lost.total === 0 ? [] : [`${cross} ${counted(lost.total, "stripe")} cannot be read.`]),
    ...lost.named.map(({ stripe, error }) => `  ${stripe.slice(0, 16)}: ${error.code}`),
    ...damaged.map(
      (one) =>
        `${cross} Snapshot ${one.snapshot} has lost ${counted(one.units, "unit")}. The next run stores again ` +
        "what still exists.",
    ),
    ...describeLosses(lostUnits, color),
  ].join("\n");
}

export const describeLosses = (lost: BackupResults["recall"]["lost"], color: boolean): readonly string[] =>
  lost.total === 0
    ? []
    : [
        `${paint(color, "red", "✖")} ${counted(lost.total, "unit")} cannot be brought back.`,
        ...lost.named.map(({ thread, type, error }) => `  ${withoutControls(`${thread} ${type}`)}: ${error.code}`),
        ...(lost.total > lost.named.length ? [`  and ${lost.total - lost.named.length} more`] : []),
      ];

/** What is asked for by its usual name: `lobby` is a room, `ada` a person; with a slash an actor is named whole. */
export const actorNamed = (kind: string, name: string): string => (name.includes("/") ? name : `${kind}/${name}`);

/** `plexus backup recall`. */
export async function recallBackup(
  flags: AdminFlags,
  {
    from,
    to,
    query,
  }: { readonly from: string | undefined; readonly to: string | undefined; readonly query: RecallBackup["query"] },
  output: Output,
): Promise<number> {
  const body = { ...within("from", from), ...within("to", to), query };
  const done = await finished(await findNode(flags), "recall", body, flags, output);
  if (done === undefined) return exitCodes.unknown;
  output.print(flags.json ? jsonLine(done) : describeRecall(done, output.color));
  return done.lost.total === 0 ? exitCodes.ok : exitCodes.failed;
}

/** What was brought back, or would be. */
export function describeRecall(done: BackupResults["recall"], color: boolean): string {
  const { snapshot, units, rows, bytes, threads, stripeBytes, written, lost } = done;
  const of = `of snapshot ${snapshot.number} (${timeText(snapshot.atMs)})`;
  if (units === 0)
    return (
      `Snapshot ${snapshot.number} (${timeText(snapshot.atMs)}) has nothing of what you asked for. \`plexus ` +
      `backup show\` says which slots are not in it.`
    );
  const plan =
    `up to ${describeBytes(bytes)} in ${counted(rows, "record")} of ${counted(threads, "actor")} ${of}; ` +
    `${describeBytes(stripeBytes)} are read for it`;
  if (written === undefined) return `Nothing was written. It would write ${plan}.`;
  const { beforeBytes } = written;
  const before = beforeBytes === undefined ? "" : `, of which ${describeBytes(beforeBytes)} were there from before`;
  return [
    `${paint(color, "green", "✔")} ${describeBytes(written.bytes)} ${of} in ${counted(written.files, "file")} ` +
      `of ${withoutControls(written.folder)}${before}`,
    ...describeLosses(lost, color),
  ].join("\n");
}

/** How a recall into place is asked for. */
export interface PlaceFlags {
  readonly existing: NonNullable<PlaceBackup["existing"]>;
  readonly deleted: boolean;
  readonly remake: boolean;
  readonly dryRun: boolean;
  /** Goes on with this recall. */
  readonly id: string | undefined;
}

/** `plexus backup recall --into-place`. */
export async function placeBackup(
  flags: AdminFlags,
  {
    from,
    query,
    id,
    ...rules
  }: PlaceFlags & { readonly from: string | undefined; readonly query: RecallBackup["query"] },
  output: Output,
): Promise<number> {
  const recall = id ?? randomBytes(8).toString("hex");
  const target = await findNode(flags);
  if (!flags.json && !rules.dryRun)
    output.printError(
      `Recall ${recall}: the same command with --id ${recall} goes on with it, and with --undo ${recall} takes ` +
        "it back.",
    );
  const done = await finished(target, "place", { ...within("from", from), query, recall, ...rules }, flags, output);
  if (done === undefined) return exitCodes.unknown;
  output.print(flags.json ? jsonLine(done) : describePlace(done, output.color, rules));
  return done.lost.total + done.failed.total === 0 ? exitCodes.ok : exitCodes.failed;
}

/** What came back into the rooms, or would, and what did not and why; what else could come by which rule, but for the
 *  rules that were given. */
export function describePlace(
  done: BackupResults["place"],
  color: boolean,
  { existing = "skip", deleted = false }: Partial<Pick<PlaceFlags, "existing" | "deleted">> = {},
): string {
  const { snapshot, threads, found, restored, bytes, takesMs, files = 0, remade, failed, lost, dryRun } = done;
  const of = `of snapshot ${snapshot.number} (${timeText(snapshot.atMs)})`;
  const sum = `${counted(restored, "message")} ${of}, ${describeBytes(bytes)}, in ${counted(threads, "conversation")}`;
  const took = `${Math.ceil(takesMs / 1_000)} s`;
  const said: readonly (readonly [number, string])[] = [
    [found.fresh, "no longer exist"],
    [found.same, `still exist unchanged${existing === "again" ? "" : " (--existing again brings them too)"}`],
    [found.edited, `were edited since${existing === "skip" ? " (--existing edited brings them as they were)" : ""}`],
    [found.deleted, `were deleted since${deleted ? "" : " (--deleted brings them)"}`],
    [found.back, "came back before, and still exist"],
    [found.done, "came back by this recall already"],
  ];
  return [
    dryRun
      ? `Nothing was changed. It would bring back ${sum}, in about ${took}.`
      : `${failed.total + lost.total === 0 ? paint(color, "green", "✔") : paint(color, "yellow", "!")} ${sum} ` +
        "came back as new entries.",
    ...said.filter(([count]) => count > 0).map(([count, what]) => `  ${count}: ${what}`),
    ...(files === 0 ? [] : [`  Of their pictures and sounds ${files} came back, too.`]),
    ...(remade === 0 ? [] : [`  Made again: ${counted(remade, "conversation")}.`]),
    ...describeFailed(failed, color),
    ...describeLosses(lost, color),
  ].join("\n");
}

const reasonOf = ({ details, message }: Failure): string =>
  typeof details?.["reason"] === "string" ? details["reason"] : message;

const describeFailed = ({ total, named }: BackupResults["place"]["failed"], color: boolean): readonly string[] =>
  named
    .map(
      ({ thread, error }) =>
        `${paint(color, "red", "✖")} ${withoutControls(thread)}: ${withoutControls(reasonOf(error))} (${error.code})`,
    )
    .concat(total > named.length ? [`  and ${total - named.length} more`] : []);

/** `plexus backup recall --undo`: deletes what a recall brought into the rooms of the query. */
export async function withdrawBackup(
  flags: AdminFlags,
  {
    from,
    query,
    recall,
  }: { readonly from: string | undefined; readonly query: RecallBackup["query"]; readonly recall: string },
  output: Output,
): Promise<number> {
  const done = await finished(
    await findNode(flags),
    "withdraw",
    { ...within("from", from), query, recall },
    flags,
    output,
  );
  if (done === undefined) return exitCodes.unknown;
  const sum =
    `${counted(done.removed, "message")} of the recall ${recall} removed from ` +
    `${counted(done.threads, "conversation")}`;
  output.print(
    flags.json
      ? jsonLine(done)
      : [`${paint(output.color, "green", "✔")} ${sum}.`, ...describeFailed(done.failed, output.color)].join("\n"),
  );
  return done.failed.total === 0 ? exitCodes.ok : exitCodes.failed;
}

/** `plexus backup prune`: says what would go, asks, and removes it. */
export async function pruneBackup(
  flags: AdminFlags,
  {
    from,
    keep,
    timeZone,
    dryRun,
    yes,
  }: {
    readonly from: string | undefined;
    readonly keep: PruneBackup["keep"];
    readonly timeZone: string | undefined;
    readonly dryRun: boolean;
    readonly yes: boolean;
  },
  output: Output,
): Promise<number> {
  if (Object.keys(keep).length === 0)
    throw new PlexusError(
      failure("BAD_REQUEST", { field: "--keep-last", reason: "say what to keep: --keep-last 7, --keep-daily 30, …" }),
    );
  const target = await findNode(flags);
  const body = { ...within("from", from), keep, ...(timeZone !== undefined && { timeZone }) };
  const plan = await finished(target, "prune", body, flags, output);
  if (plan === undefined) return exitCodes.unknown;
  if (dryRun || !frees(plan)) {
    output.print(flags.json ? jsonLine(plan) : describePrune(plan));
    return exitCodes.ok;
  }
  if (!flags.json) output.printError(describePrune(plan));
  // What no snapshot refers to is nobody's: that is not asked for.
  if (
    !yes &&
    plan.removed.length > 0 &&
    !(await isConfirmed(`Remove ${counted(plan.removed.length, "snapshot")} for good?`))
  )
    throw new PlexusError(
      failure("BAD_REQUEST", {
        field: "--yes",
        reason: "nothing was removed: confirm it in a terminal, or with --yes",
      }),
    );
  const done = await finished(target, "prune", { ...body, apply: true }, flags, output);
  if (done === undefined) return exitCodes.unknown;
  output.print(flags.json ? jsonLine(done) : describePrune(done));
  return exitCodes.ok;
}

/** Whether a removal has anything to do. */
const frees = ({ removed, bytes, leftovers, repacked }: BackupResults["prune"]): boolean =>
  removed.length + bytes + (leftovers?.bytes ?? 0) + (repacked?.freedBytes ?? 0) > 0;

/** What goes beside snapshots. */
function describeWaste({
  leftovers,
  repacked,
  torn,
  applied,
}: Pick<BackupResults["prune"], "leftovers" | "repacked" | "torn" | "applied">): readonly string[] {
  const [frees, wrote] = applied ? ["frees", "Rewritten"] : ["would free", "To rewrite"];
  const { error, packs = 0, freedBytes = 0 } = repacked ?? {};
  return [
    ...(torn === true
      ? [
          "A snapshot that stays has lost a part of its list of units. Whatever that may have led to stays, " +
            "until that snapshot goes (plexus backup list says which).",
        ]
      : []),
    ...(leftovers === undefined || leftovers.files === 0
      ? []
      : [
          `Left behind by runs that did not finish: ${counted(leftovers.files, "file")}, which ${frees} ` +
            `${describeBytes(leftovers.bytes)}.`,
        ]),
    ...(freedBytes === 0
      ? []
      : [
          `${wrote}: ${applied ? counted(packs, "pack") : "packs"} with little left in them, which ${frees} ` +
            `${applied ? "" : "up to "}${describeBytes(freedBytes)}.`,
        ]),
    ...(error === undefined
      ? []
      : [`Packs with little left in them were not rewritten (${error.code}): the next prune does it.`]),
  ];
}

/** Which snapshots stay and why, and which go. */
export function describePrune(report: BackupResults["prune"]): string {
  const { kept, timeZone, removed, bytes, applied } = report;
  const staying = kept.map(({ snapshot, by }) => `  ${snapshot} stays (${by.join(", ")})`);
  const goes =
    removed.length === 0
      ? "No snapshot is removed."
      : `${applied ? "Removed" : "To remove"}: ${counted(removed.length, "snapshot")} (${removed.join(", ")}), ` +
        `which ${applied ? "frees" : "would free"} ${describeBytes(bytes)}.`;
  const days = timeZone === undefined ? [] : [`Days and months are those of ${timeZone}.`];
  return [...staying, ...days, goes, ...describeWaste(report)].join("\n");
}
