import { isTimeZone } from "../protocols/backup-dates.ts";
import type {
  BackupList,
  BackupPlaces,
  BackupSchedule,
  BackupScheduleList,
  BackupSnapshot,
} from "../protocols/index.ts";
import { overdueBackup } from "../protocols/backup-times.ts";
import { localTarget, type ControlFile } from "./control.ts";
import type { Check } from "./doctor.ts";
import { callNode } from "./node-client.ts";
import { counted, describeDuration } from "./output.ts";
import { withoutControls } from "./printable.ts";

const name = "Backups";

/** Whether something of the cluster's backups is known to be lost, and whether they are as new as their schedules allow. Nothing is said where none can be listed. */
export async function backupChecks(control: ControlFile | undefined): Promise<readonly Check[]> {
  if (control === undefined) return [];
  const target = localTarget(control);
  const [list, scheduled, places] = await Promise.all([
    callNode<BackupList>(target, "POST", "/api/v1/admin/backups/list", {}),
    callNode<BackupScheduleList>(target, "GET", "/api/v1/admin/backups/schedules"),
    callNode<BackupPlaces>(target, "GET", "/api/v1/admin/backups/places"),
  ]);
  const { snapshots } = list.ok ? list.value : { snapshots: [] };
  const { schedules } = scheduled.ok ? scheduled.value : { schedules: [] };
  // What is made into a folder is a backup as well.
  const inFolders = places.ok ? places.value.folders.flatMap(({ newest }) => newest ?? []) : [];
  const known = { snapshots: [...snapshots, ...inFolders], schedules };
  return [...backupCheckOf({ snapshots }), ...scheduleChecksOf(known, Date.now())];
}

/** Judges what is known to be lost of snapshots. */
export function backupCheckOf({ snapshots }: BackupList): readonly Check[] {
  const newest = snapshots.at(-1);
  if (newest === undefined) return [];
  const damaged = snapshots.filter(({ lostUnits = 0 }) => lostUnits > 0);
  const { lostUnits = 0 } = newest;
  if (lostUnits > 0)
    return [{ name, state: "bad", says: `${counted(lostUnits, "unit")} of the newest snapshot, ${newest.number}, cannot be brought back`, hint: "plexus backup run stores again what still lives." }]; // prettier-ignore
  return damaged.length === 0
    ? [{ name, state: "good", says: `nothing is known to be lost of ${counted(snapshots.length, "snapshot")}` }]
    : [{ name, state: "warning", says: `${counted(damaged.length, "older snapshot")} cannot be brought back whole`, hint: "plexus backup list says which." }]; // prettier-ignore
}

/** Judges how old the newest snapshot is, and the time zones in which schedules and retention count. */
export function scheduleChecksOf(
  known: { readonly snapshots: readonly BackupSnapshot[]; readonly schedules: readonly BackupSchedule[] },
  nowMs: number,
): readonly Check[] {
  const overdue = overdueBackup(known, nowMs);
  const late: readonly Check[] =
    overdue === undefined
      ? []
      : [{ name, state: "bad", says: `the newest backup is ${describeDuration(overdue.ageMs)} old, and one is due each ${describeDuration(overdue.dueMs)}`, hint: "plexus backup tasks says what came of the last ones; plexus backup schedule list when the next one begins." }]; // prettier-ignore
  return [...late, ...known.schedules.flatMap(zoneChecksOf)];
}

/** A zone that this machine does not know stops a schedule here; without one a retention counts days that may be nobody's. */
function zoneChecksOf({ name: of, timeZone, wish }: BackupSchedule): readonly Check[] {
  const called = withoutControls(of);
  const own = wish.sort === "prune" ? wish.timeZone : undefined;
  const unknown = [own, timeZone].filter((zone) => zone !== undefined && !isTimeZone(zone));
  if (unknown.length > 0)
    return [{ name, state: "bad", says: `the schedule ${called} counts in the time zone ${withoutControls(unknown.join(", "))}, which this machine does not know`, hint: "Install the machine's data of time zones (tzdata), or set the schedule with a zone that all nodes know." }]; // prettier-ignore
  if (wish.sort !== "prune" || (own ?? timeZone) !== undefined) return [];
  return [{ name, state: "warning", says: `the schedule ${called} keeps snapshots by the days of UTC, since it names no time zone`, hint: "Set it again with --time-zone: your own, or UTC if you mean that." }]; // prettier-ignore
}
