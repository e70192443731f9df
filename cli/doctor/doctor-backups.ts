import { isTimeZone } from "../../protocols/admin/backup-dates.ts";
import type { BackupList, BackupSchedule } from "../../protocols/index.ts";
import { drillFault, latesOf, type Done, type Late } from "../../protocols/backup-times/index.ts";
import { callsTo } from "../node/admin.ts";
import { localTarget, type ControlFile } from "../cluster/control.ts";
import type { Check } from "./check.ts";
import { counted, describeDuration } from "../terminal/output.ts";
import { withoutControls } from "../terminal/printable.ts";

const name = "Backups";

/** Whether something of the cluster's backups is known to be lost, and whether they are as new as their schedules
 *  allow. Nothing is said where none can be listed. */
export async function backupChecks(control: ControlFile | undefined): Promise<readonly Check[]> {
  if (control === undefined) return [];
  const call = callsTo(localTarget(control));
  const [list, scheduled, places, asked] = await Promise.all([
    call("backups.list"),
    call("backups.schedules"),
    call("backups.places"),
    call("backups.tasks"),
  ]);
  const { snapshots } = list.ok ? list.value : { snapshots: [] };
  const { schedules } = scheduled.ok ? scheduled.value : { schedules: [] };
  // What is made into a folder is a backup as well.
  const inFolders = places.ok ? places.value.folders.flatMap(({ newest }) => newest ?? []) : [];
  const tasks = asked.ok ? asked.value.tasks : [];
  const known = { snapshots: [...snapshots, ...inFolders], schedules, tasks };
  return [...backupCheckOf({ snapshots }), ...scheduleChecksOf(known, Date.now())];
}

/** Judges what is known to be lost of snapshots. */
export function backupCheckOf({ snapshots }: BackupList): readonly Check[] {
  const newest = snapshots.at(-1);
  if (newest === undefined) return [];
  const damaged = snapshots.filter(({ lostUnits = 0 }) => lostUnits > 0);
  const { lostUnits = 0 } = newest;
  if (lostUnits > 0)
    return [
      {
        name,
        state: "bad",
        says: `${counted(lostUnits, "unit")} of the newest snapshot, ${newest.number}, cannot be brought back`,
        hint: "plexus backup run stores again what still lives.",
      },
    ];
  return damaged.length === 0
    ? [{ name, state: "good", says: `nothing is known to be lost of ${counted(snapshots.length, "snapshot")}` }]
    : [
        {
          name,
          state: "warning",
          says: `${counted(damaged.length, "older snapshot")} cannot be brought back whole`,
          hint: "plexus backup list says which.",
        },
      ];
}

const lateText: Record<Late["sort"], (age: string) => string> = {
  run: (age) => `the newest backup is ${age} old`,
  verify: (age) => `backups were checked ${age} ago`,
  drill: (age) => `a restore was rehearsed ${age} ago`,
};

/** Judges when what schedules make was made last, what the last rehearsal has shown, and the time zones in which
 *  schedules and retention count. */
export function scheduleChecksOf(known: Done, nowMs: number): readonly Check[] {
  const late = latesOf(known, nowMs).map(({ sort, ageMs, dueMs }): Check => ({
    name,
    state: "bad",
    says: `${lateText[sort](describeDuration(ageMs))}, and one is due each ${describeDuration(dueMs)}`,
    hint: "plexus backup tasks says what came of the last ones; plexus backup schedule list when the next one begins.",
  }));
  const fault = drillFault(known);
  const drill: readonly Check[] =
    fault === undefined
      ? []
      : [
          {
            name,
            state: "bad",
            says:
              fault.error === undefined
                ? `the last rehearsal of a restore lacked ${counted(fault.lost, "part")}, and ` +
                  `${counted(fault.wrong, "part")} came back otherwise`
                : `the last rehearsal of a restore failed: ${withoutControls(fault.error.message)}`,
            hint: "plexus backup tasks has its report; plexus backup drill rehearses again.",
          },
        ];
  return [...late, ...drill, ...known.schedules.flatMap(zoneChecksOf)];
}

/** A zone that this machine does not know stops a schedule here; without one a retention counts days that may be
 *  nobody's. */
function zoneChecksOf({ name: of, timeZone, wish }: BackupSchedule): readonly Check[] {
  const called = withoutControls(of);
  const own = wish.sort === "prune" ? wish.timeZone : undefined;
  const unknown = [own, timeZone].filter((zone) => zone !== undefined && !isTimeZone(zone));
  if (unknown.length > 0)
    return [
      {
        name,
        state: "bad",
        says:
          `the schedule ${called} counts in the time zone ${withoutControls(unknown.join(", "))}, which this ` +
          "machine does not know",
        hint: "Install the machine's data of time zones (tzdata), or set the schedule with a zone that all nodes know.",
      },
    ];
  if (wish.sort !== "prune" || (own ?? timeZone) !== undefined) return [];
  return [
    {
      name,
      state: "warning",
      says: `the schedule ${called} keeps snapshots by the days of UTC, since it names no time zone`,
      hint: "Set it again with --time-zone: your own, or UTC if you mean that.",
    },
  ];
}
