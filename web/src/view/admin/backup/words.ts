/** What the page of backups says: times of schedules, how backups stand, and what tasks came to, in words. Pure. */
import type {
  BackupPlaces,
  BackupSchedule,
  BackupSnapshot,
  BackupWish,
  ClusterBackupTask,
  Failure,
  HeldThing,
  KeysStatus,
} from "../../../../../protocols/index.ts";
import { counted } from "../../../../../protocols/words/amounts.ts";
import { isDatedAhead, isTimeZone } from "../../../../../protocols/admin/backup-dates.ts";
import { drillFault, latesOf, timesAfter } from "../../../../../protocols/backup-times/index.ts";
import { explain, explainWithCode } from "../../../model/explain.ts";
import { bytes } from "../bytes.ts";
import { momentOf } from "../../parts/time.ts";
import { placesToUse, whereText } from "./where.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** `3 h ago`; of less than a minute: `just now`. */
export function ago(atMs: number, nowMs: number): string {
  const span = nowMs - atMs;
  return span < 60_000 ? "just now" : `${spanText(span)} ago`;
}

/** A span in its largest unit. */
export function spanText(span: number): string {
  if (span < 60_000) return counted(Math.max(1, Math.round(span / 1_000)), "second");
  if (span < hourMs) return counted(Math.floor(span / 60_000), "minute");
  if (span < 2 * dayMs) return counted(Math.floor(span / hourMs), "hour");
  return counted(Math.floor(span / dayMs), "day");
}

// --- times of schedules ----------------------------------------------------------------------------------------------

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const names: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

const isNumber = (field: string): boolean => /^\d{1,2}$/.test(field);
const clock = (hour: string, minute: string): string => `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
const listed = (things: readonly string[]): string =>
  things.length < 2 ? things.join("") : `${things.slice(0, -1).join(", ")} and ${things.at(-1)}`;

function daysText(field: string): string | undefined {
  if (field === "1-5") return "Monday to Friday";
  const days = field.split(",").map((day) => weekdays[Number(day) % 7]);
  return /^[0-7](,[0-7])*$/.test(field) ? listed(days.map((day) => day ?? "")) : undefined;
}

/** What a schedule means, for the forms that people mostly use; undefined: it is another. */
export function cronText(cron: string): string | undefined {
  const fields = (names[cron.trim()] ?? cron).trim().split(/\s+/);
  if (fields.length !== 5) return undefined;
  const [minute, hour, date, month, weekday] = fields as [string, string, string, string, string];
  const everyDay = date === "*" && month === "*";
  const step = /^\*\/(\d{1,2})$/;
  if (everyDay && weekday === "*" && hour === "*") {
    if (minute === "*") return "Every minute";
    const minutes = step.exec(minute)?.[1];
    if (minutes !== undefined) return `Every ${counted(Number(minutes), "minute")}`;
    if (isNumber(minute))
      return minute === "0" ? "Every hour" : `Every hour, ${counted(Number(minute), "minute")} past`;
  }
  if (!isNumber(minute)) return undefined;
  const hours = step.exec(hour)?.[1];
  if (everyDay && weekday === "*" && hours !== undefined && minute === "0")
    return `Every ${counted(Number(hours), "hour")}`;
  if (!/^\d{1,2}(,\d{1,2})*$/.test(hour)) return undefined;
  const at = listed(hour.split(",").map((one) => clock(one, minute)));
  if (everyDay && weekday === "*") return `Every day at ${at}`;
  if (everyDay) {
    const days = daysText(weekday);
    return days === undefined
      ? undefined
      : `Every ${days} at ${at}`.replace("Every Monday to Friday", "Monday to Friday");
  }
  if (isNumber(date) && month === "*" && weekday === "*") return `On day ${date} of each month at ${at}`;
  if (isNumber(date) && isNumber(month) && weekday === "*")
    return `On ${date}/${month} of each year (day/month) at ${at}`;
  return undefined;
}

/** What is wrong with the time zone of a schedule. */
export const noZone = "No time zone has this name.";

/** The next times of a schedule; or what is wrong with it. */
export function nextTimes(
  cron: string,
  timeZone: string,
  afterMs: number,
  count = 3,
): { readonly times: readonly number[] } | { readonly fault: string } {
  if (!isTimeZone(timeZone)) return { fault: noZone };
  try {
    const found = timesAfter({ cron: names[cron.trim()] ?? cron.trim(), timeZone }, afterMs, count);
    return found.length === 0 ? { fault: "This time never comes." } : { times: found };
  } catch {
    return { fault: "These are not five fields of cron: minute, hour, day of the month, month, day of the week." };
  }
}

/** What a task failed of, with what names the cause. */
const faultText = ({ error }: { readonly error?: Failure } | { readonly error: Failure | undefined }): string =>
  error === undefined ? "the reason is not known." : explainWithCode(error, "look");

// --- how it stands ---------------------------------------------------------------------------------------------------

/** What is known of the backups. */
export interface Known {
  readonly snapshots: readonly BackupSnapshot[];
  readonly tasks: readonly ClusterBackupTask[];
  readonly schedules: readonly BackupSchedule[];
  readonly keys: KeysStatus;
  readonly places: BackupPlaces;
}

/** All backups, in whatever place, the oldest first. */
export const everywhere = ({ snapshots, places }: Pick<Known, "snapshots" | "places">): readonly BackupSnapshot[] =>
  [...snapshots, ...places.folders.flatMap(({ newest }) => newest ?? [])].toSorted((a, b) => a.atMs - b.atMs);

interface Standing {
  readonly tone: "good" | "warn" | "bad";
  readonly title: string;
  /** What is not well and what to do, the worst first. */
  readonly faults: readonly string[];
}

/** How the backups stand, and what to do about it. */
export function standingOf({ snapshots, tasks, schedules, keys, places }: Known, nowMs: number): Standing {
  const bad: string[] = [];
  const warn: string[] = [];
  const all = everywhere({ snapshots, places });
  const newest = all.at(-1);
  const usable = placesToUse(places).length > 0;
  const last = (sort: ClusterBackupTask["sort"]) =>
    tasks.find((task) => task.sort === sort && task.endedAtMs !== undefined);
  if (keys.root === undefined)
    bad.push(
      "The cluster has no recovery kit, so nothing can be backed up. Make one: `plexus backup kit make --to FOLDER`",
    );
  const run = last("run");
  if (run?.state === "failed") bad.push(`The last run failed: ${faultText(run)}`);
  const check = last("verify");
  if (check?.state === "failed") warn.push(`The last check failed: ${faultText(check)}`);
  const found =
    check?.state === "done"
      ? (check.result as { lost: { total: number }; lostUnits: { total: number }; weak: number })
      : undefined;
  if (found !== undefined && found.lost.total + found.lostUnits.total > 0)
    bad.push(
      `The last check found data that can no longer be read: ${counted(found.lost.total, "stored block")}, ` +
        `${counted(found.lostUnits.total, "part")}. Open the check under Tasks to see what they are.`,
    );
  else if (found !== undefined && found.weak > 0)
    warn.push(
      `${counted(found.weak, "stored block")} can be read, but some copies are missing. The storage nodes ` +
        "repair this by themselves.",
    );
  const runs = schedules.filter(({ wish }) => wish.sort === "run");
  if (newest === undefined) {
    if (keys.root !== undefined)
      warn.push(
        usable
          ? "There is no backup yet. Make the first one below."
          : "There is no backup yet, and no place for one. What to do stands below.",
      );
  } else {
    if (isDatedAhead(newest.atMs, nowMs))
      warn.push(`The newest backup is dated in the future: a clock was ahead. Look at the clocks of the nodes.`);
    if (newest.lostUnits !== undefined)
      bad.push(
        `${counted(newest.lostUnits, "part")} of the newest backup cannot be brought back. Run a backup now: ` +
          "it stores again what still exists.",
      );
    for (const folder of places.folders)
      if ((folder.newest?.missed.length ?? 0) > 0)
        warn.push(
          `The backup in ${folder.path} does not have everything of the cluster. A folder has only what its ` +
            `node ${folder.name} keeps. Make one at each node.`,
        );
    if (snapshots.includes(newest) && newest.missed.length > 0)
      warn.push(
        "Some rooms and accounts could not be read for the newest backup " +
          `(${newest.missed.slice(0, 3).join(", ")}${newest.missed.length > 3 ? ", …" : ""}). It has what the ` +
          "backup before had of them.",
      );
  }
  const lateText = { run: "The newest backup is", verify: "Backups were checked", drill: "A restore was rehearsed" };
  for (const { sort, ageMs, dueMs } of latesOf({ schedules, snapshots: all, tasks }, nowMs))
    bad.push(
      `${lateText[sort]} ${spanText(ageMs)} ${sort === "run" ? "old" : "ago"}, though the schedule ` +
        `${sort === "run" ? "makes one" : "does so"} every ${spanText(dueMs)}. Look at the tasks below for the ` +
        "reason.",
    );
  const drill = drillFault({ tasks });
  if (drill?.error !== undefined) bad.push(`The last rehearsal of a restore failed: ${faultText(drill)}`);
  else if (drill !== undefined)
    bad.push(
      "The last rehearsal of a restore showed that not everything would come back: " +
        `${counted(drill.lost, "part")} are missing, ${counted(drill.wrong, "part")} came back changed. The task ` +
        "has their names.",
    );
  for (const schedule of schedules) {
    const next = nextTimes(schedule.cron, schedule.timeZone ?? "UTC", nowMs, 1);
    const [firstMs = Infinity] = "fault" in next ? [] : next.times;
    if ((schedule.nextAtMs ?? 0) > firstMs && (schedule.nextAtMs ?? 0) > nowMs + hourMs)
      bad.push(
        `The schedule ${schedule.name} waits for a time that a wrong clock has set. It corrects itself within an hour.`,
      );
  }
  if (runs.length === 0 && keys.root !== undefined && usable)
    warn.push("No backup is scheduled, so the next one is made only when somebody starts it. Add a schedule below.");
  const lacking = keys.epochs.filter(({ epoch }) => !keys.here.includes(epoch));
  if (keys.root !== undefined && lacking.length > 0)
    warn.push(
      `This node lacks ${counted(lacking.length, "generation")} of keys. ` +
        (keys.elsewhere ?? "Other nodes send them to it. If they cannot, run `plexus backup kit restore`."),
    );
  if (keys.reencrypt !== undefined && keys.reencrypt.length > 0)
    warn.push(
      `Backups made with the keys of ${keys.reencrypt.length === 1 ? "generation" : "generations"} ` +
        `${keys.reencrypt.join(", ")} must still be encrypted again. The next backup does it.`,
    );
  const tone = bad.length > 0 ? "bad" : warn.length > 0 ? "warn" : "good";
  const title =
    newest === undefined
      ? "There is no backup"
      : {
          good: "Backups are fine",
          warn: "Backups are made, but something needs attention",
          bad: "Backups have a problem",
        }[tone];
  return { tone, title, faults: [...bad, ...warn] };
}

/** When the next run is scheduled. */
export const nextRunMs = (schedules: readonly BackupSchedule[]): number | undefined => {
  const times = schedules.flatMap(({ wish, nextAtMs }) =>
    wish.sort === "run" && nextAtMs !== undefined ? [nextAtMs] : [],
  );
  return times.length === 0 ? undefined : Math.min(...times);
};

// --- tasks -----------------------------------------------------------------------------------------------------------

const sorts: Readonly<Record<string, string>> = {
  run: "Backup",
  verify: "Check",
  recall: "Recall",
  place: "Recall into rooms",
  withdraw: "Undoing a recall",
  prune: "Prune",
  drill: "Drill",
};

/** What a task is called. */
export function wishText(wish: BackupWish): string {
  const name = sorts[wish.sort] ?? wish.sort;
  const where = whereText(wish);
  if (wish.sort === "verify")
    return (
      `${name}${wish.snapshot === undefined ? " of all snapshots" : ` of snapshot ${wish.snapshot}`}${where}, ` +
      `${depths[wish.depth]}`
    );
  if (wish.sort === "place") return `${name} of ${queryText(wish.query)}${wish.dryRun === true ? ", a preview" : ""}`;
  if (wish.sort === "recall" || wish.sort === "withdraw") return `${name} of ${queryText(wish.query)}`;
  if (wish.sort === "prune") return `${name}${where}${wish.apply === true ? "" : ", a preview"}`;
  return `${name}${where}`;
}

export const depths = {
  manifest: "the lists of contents",
  shards: "every stored piece",
  data: "every byte, decrypted",
} as const;

type Query = Extract<BackupWish, { sort: "recall" }>["query"];

/** The last moment that a date can name. */
const lastDateMs = 8.64e15;

/** What a recall is of: all that its query says, since others agree to it by these words. */
export function queryText({ person, thread, replies, type, text, fromMs, toMs, atMs, snapshot }: Query): string {
  const at = (ms: number): string => momentOf(Math.min(ms, lastDateMs));
  const of = [
    ...(thread === undefined ? [] : [thread]),
    ...(replies === undefined ? [] : [`message ${replies} and its replies`]),
    ...(person === undefined ? [] : [`the data and messages of ${person.replace("user/", "")}`]),
  ];
  return [
    of.join(", ") || "everything",
    ...(type === undefined ? [] : [type]),
    ...(text === undefined ? [] : [`with “${text}”`]),
    ...(fromMs === undefined ? [] : [`from ${at(fromMs)}`]),
    ...(toMs === undefined ? [] : [`before ${at(toMs)}`]),
    ...(atMs === undefined ? [] : [`as it was on ${at(atMs)}`]),
    ...(snapshot === undefined ? [] : [`snapshot ${snapshot}`]),
  ].join(", ");
}

/** Part that is done, from 0 to 1; undefined: nobody knows. */
export function partDone({ progress }: Pick<ClusterBackupTask, "progress">): number | undefined {
  for (const [done, all] of [
    ["slotsDone", "slots"],
    ["stripesDone", "stripes"],
    ["units", "unitsOf"],
    ["partsDone", "parts"],
    ["messages", "messagesOf"],
  ] as const) {
    const [now, of] = [progress[done], progress[all]];
    if (now !== undefined && of !== undefined && of > 0) return Math.min(1, now / of);
  }
  return undefined;
}

/** What a task came to, or how far it is. */
export function taskText({ sort, state, progress, error, result, resumable }: ClusterBackupTask): string {
  if (state === "waiting") return "It waits for the task before it.";
  if (state === "running") {
    const part = partDone({ progress });
    const done = progress["bytes"] === undefined ? [] : [bytes(progress["bytes"])];
    const { workPercent = 100 } = progress;
    const steps = workPercent < 100 ? [`slows down while people write: works ${workPercent} % of the time`] : [];
    return ["Under way", ...(part === undefined ? [] : [`${Math.floor(part * 100)} %`]), ...done, ...steps].join(" · ");
  }
  if (state === "cancelled") return resumable === true ? "Cancelled. It can go on from where it was." : "Cancelled.";
  if (state === "failed") return faultText({ error });
  if (result === undefined) return "Done.";
  switch (sort) {
    case "run": {
      const { snapshot, changedBytes, storedBytes, missed, lost } = result as RunResult;
      const gone =
        lost === undefined || lost.stripes === 0 ? "" : ` ${counted(lost.units, "part")} of it cannot be brought back.`;
      const list = lost?.list === true ? " The list of older snapshots was lost, so it starts a new list." : "";
      const not = missed.length === 0 ? "" : ` Some rooms and accounts could not be read.`;
      return (
        `Snapshot ${snapshot.number}: ${bytes(changedBytes)} changed, ${bytes(storedBytes)} ` +
        `stored.${gone}${list}${not}`
      );
    }
    case "verify": {
      const { stripes, units, bytes: amount, weak, lost, lostUnits } = result as CheckResult;
      const sum = `${counted(stripes, "stored block")}, ${counted(units, "part")}, ${bytes(amount)}`;
      if (lost.total + lostUnits.total + weak === 0) return `${sum}: no damage.`;
      return (
        `${sum}: ${counted(lost.total, "stored block")} lost, ${counted(lostUnits.total, "part")} unreadable, ` +
        `${counted(weak, "stored block")} with missing copies.`
      );
    }
    case "recall": {
      const { rows, threads, bytes: amount, lost } = result as RecallResult;
      const not = lost.total === 0 ? "" : ` ${counted(lost.total, "part")} cannot be brought back.`;
      return (
        `${counted(rows, "record")} of ` +
        `${counted(threads, "room, account or agent", "rooms, accounts and agents")}, up to ` +
        `${bytes(amount)}.${not}`
      );
    }
    case "place":
      return placeText(result as PlaceResult);
    case "withdraw": {
      const { removed, threads } = result as WithdrawResult;
      return `${counted(removed, "message")} removed from ${counted(threads, "conversation")}.`;
    }
    case "prune":
      return pruneText(result as PruneResult);
    case "drill":
      return drillText(result as DrillResult);
    default:
      return "Done.";
  }
}

type Results = NonNullable<ClusterBackupTask["result"]>;
type RunResult = Extract<Results, { changedUnits: number }>;
type CheckResult = Extract<Results, { weak: number }>;
export type RecallResult = Extract<Results, { stripeBytes: number }>;
export type PlaceResult = Extract<Results, { remade: number }>;
type WithdrawResult = Exclude<Extract<Results, { removed: number }>, PlaceResult>;
type DrillResult = Extract<Results, { whole: boolean }>;
export type PruneResult = Extract<Results, { removed: readonly number[] }>;

export function pruneText({ removed, bytes: amount, applied }: PruneResult): string {
  if (removed.length === 0) return "No snapshot would be removed.";
  const which = `${counted(removed.length, "snapshot")} (${removed.join(", ")})`;
  return applied
    ? `${which} removed, ${bytes(amount)} freed.`
    : `${which} would be removed, ${bytes(amount)} would be free.`;
}

const drillText = (done: DrillResult): string => {
  const { snapshot, whole, tookMs, lost, wrong, compared, started, begunAgain = 0 } = done;
  const again = begunAgain === 0 ? "" : ` Its node ended, so it was begun again ${times(begunAgain)}.`;
  const node = `${started === undefined ? "No node was started from it." : startedText(started)}${again}`;
  if (!whole) {
    const parts = `${counted(lost.total, "part")} lost, ${wrong.total.toLocaleString("en")} changed.`;
    return `Snapshot ${snapshot.number} does not come back whole: ${parts} ${node}`;
  }
  const sums = `${counted(compared.units + compared.states, "part")} compared`;
  return `Snapshot ${snapshot.number} comes back whole, in ${spanText(tookMs)}: ${sums}. ${node}`;
};

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

const readText = (messages: number, rooms: number): string =>
  `${counted(messages, "message")} in ${counted(rooms, "room")}`;

/** What the node showed that was started from it. */
function startedText({ account, rooms, messages, differs, error }: NonNullable<DrillResult["started"]>): string {
  if (error !== undefined) return `A node that was started from it did not work: ${reasonOf(error)}.`;
  if (differs.length > 0)
    return `The newest messages of a node that was started from it are not the snapshot's: ${differs.join(", ")}.`;
  return account === undefined
    ? "A node was started from it. None of its accounts can sign in with a password alone, so nothing was read."
    : `A node was started from it: ${account} signed in and read ${readText(messages, rooms)}.`;
}

/** What came back into place, or would. */
export function placeText({
  restored,
  bytes: amount,
  threads,
  found,
  files = 0,
  failed,
  lost,
  dryRun,
}: PlaceResult): string {
  const sum = `${counted(restored, "message")} of ${counted(threads, "conversation")}, ${bytes(amount)}`;
  const before = found.done === 0 ? "" : ` ${found.done.toLocaleString("en")} had come back before.`;
  const not = [
    ...(failed.total === 0
      ? []
      : [
          ` ${counted(failed.total, "conversation")} took no more messages: ${failed.named
            .slice(0, 3)
            .map(({ thread, error }) => `${thread} (${reasonOf(error)})`)
            .join(", ")}.`,
        ]),
    ...(lost.total === 0 ? [] : [` ${counted(lost.total, "part")} cannot be read.`]),
  ].join("");
  const shown = files === 0 ? "" : ` ${counted(files, "file")} came with them.`;
  return `${sum} ${dryRun ? "would come back" : "came back as new messages"}.${shown}${before}${not}`;
}

const reasonOf = (error: Failure): string =>
  typeof error.details?.["reason"] === "string" ? error.details["reason"] : explain(error, "look").replace(/\.$/, "");

/** How the entries of a backup stand to what lives, and what becomes of them. */
export function foundText({ found, remade }: PlaceResult): readonly string[] {
  const says: readonly (readonly [number, string])[] = [
    [found.fresh, "no longer exist"],
    [found.same, "still exist unchanged"],
    [found.edited, "were edited since"],
    [found.deleted, "were deleted since"],
    [found.back, "came back before, and still exist"],
    [found.done, "came back by this recall already"],
    [remade, remade === 1 ? "conversation is made again" : "conversations are made again"],
  ];
  return says.filter(([count]) => count > 0).map(([count, what]) => `${count.toLocaleString("en")} ${what}`);
}

/** What is held. */
export const heldText = (on: HeldThing): string =>
  "snapshot" in on
    ? `Snapshot ${on.snapshot}`
    : "person" in on
      ? `${on.person.replace("user/", "")}, a person`
      : on.thread;
