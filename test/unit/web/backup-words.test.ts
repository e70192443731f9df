import { expect } from "chai";
import {
  failure,
  type BackupPlaces,
  type BackupSchedule,
  type BackupSnapshot,
  type ClusterBackupTask,
  type KeysStatus,
} from "../../../protocols/index.ts";
import { placesToUse, storageText } from "../../../web/src/view/admin/backup/where.ts";
import {
  ago,
  cronText,
  nextRunMs,
  nextTimes,
  partDone,
  standingOf,
  taskText,
  wishText,
  type Known,
} from "../../../web/src/view/admin/backup/words.ts";

const hour = 3_600_000;
const nowMs = Date.UTC(2026, 10, 23, 12);

describe("times of schedules in words", () => {
  it("say what cron means in the forms that people mostly use", () => {
    const said: Readonly<Record<string, string>> = {
      "0 3 * * *": "Every day at 03:00",
      "@daily": "Every day at 00:00",
      "30 3,15 * * *": "Every day at 03:30 and 15:30",
      "0 * * * *": "Every hour",
      "5 * * * *": "Every hour, 5 minutes past",
      "*/15 * * * *": "Every 15 minutes",
      "0 */6 * * *": "Every 6 hours",
      "0 3 * * 1": "Every Monday at 03:00",
      "0 3 * * 7": "Every Sunday at 03:00",
      "0 3 * * 1,3,5": "Every Monday, Wednesday and Friday at 03:00",
      "0 22 * * 1-5": "Monday to Friday at 22:00",
      "0 3 1 * *": "On day 1 of each month at 03:00",
    };
    for (const [cron, text] of Object.entries(said)) expect(cronText(cron), cron).to.equal(text);
    for (const cron of ["1-5 3 * * *", "0 3 * 1-3 *", "0 3 L * *", "nonsense", ""])
      expect(cronText(cron)).to.equal(undefined);
  });

  it("name the next ones by the clock that is asked for, or what is wrong", () => {
    const next = nextTimes("0 3 * * *", "Europe/Vienna", nowMs, 2);
    expect(next).to.deep.equal({ times: [Date.UTC(2026, 10, 24, 2), Date.UTC(2026, 10, 25, 2)] });
    expect(nextTimes("0 3 * *", "UTC", nowMs))
      .to.have.property("fault")
      .that.matches(/five fields/);
    expect(nextTimes("0 3 * * *", "Nowhere/Land", nowMs)).to.deep.equal({ fault: "No time zone has this name." });
    expect(nextTimes("0 0 30 2 *", "UTC", nowMs)).to.deep.equal({ fault: "This time never comes." });
  });
});

describe("how backups stand, in words", () => {
  const snapshot = (atMs: number, missed: readonly string[] = []): BackupSnapshot => ({
    number: 7,
    atMs,
    units: 1,
    bytes: 1,
    missed,
  });
  const nightly: BackupSchedule = {
    name: "nightly",
    cron: "0 3 * * *",
    wish: { sort: "run" },
    by: "ada",
    nextAtMs: nowMs + hour,
  };
  const keys = { cluster: "c", root: {}, epochs: [{ epoch: 1 }], here: [1], receiver: "" } as unknown as KeysStatus;
  const places: BackupPlaces = { node: { id: "n1", name: "node-a" }, nodes: 3, offered: [], folders: [] };
  const well: Known = { snapshots: [snapshot(nowMs - hour)], tasks: [], schedules: [nightly], keys, places };
  const task = (more: object): ClusterBackupTask =>
    ({ id: "1", sort: "run", wish: { sort: "run" }, by: "ada", state: "done", progress: {}, addedAtMs: 0, turn: 1, endedAtMs: 1, ...more }) as ClusterBackupTask; // prettier-ignore
  const standing = (more: Partial<Known>) => standingOf({ ...well, ...more }, nowMs);

  it("are not well when a check or a rehearsal is late, or the last rehearsal was not whole", () => {
    const each = (sort: "verify" | "drill"): BackupSchedule => ({
      ...nightly,
      name: sort,
      wish: sort === "drill" ? { sort } : { sort, depth: "shards" },
    });
    const days = (n: number, more: object) =>
      task({ endedAtMs: nowMs - n * 24 * hour, addedAtMs: nowMs - n * 24 * hour, ...more });
    const schedules = [nightly, each("verify"), each("drill")];
    const check = { sort: "verify", result: { lost: { total: 0 }, lostUnits: { total: 0 }, weak: 0 } };
    const drill = { sort: "drill", result: { whole: true } };
    expect(standing({ schedules, tasks: [days(1, check), days(1, drill)] })).to.deep.include({
      tone: "good",
      faults: [],
    });
    expect(standing({ schedules, tasks: [days(3, check), days(4, drill)] }).faults).to.deep.equal([
      "Backups were checked 3 days ago, though the schedule does so every 24 hours. Look at the tasks below for the reason.",
      "A restore was rehearsed 4 days ago, though the schedule does so every 24 hours. Look at the tasks below for the reason.",
    ]);
    const torn = {
      sort: "drill",
      result: { whole: false, lost: { total: 2 }, missing: { total: 0 }, wrong: { total: 0 } },
    };
    expect(standing({ tasks: [days(0, torn), days(1, drill)] })).to.deep.include({ tone: "bad", faults: ["The last rehearsal of a restore showed that not everything would come back: 2 parts are missing, 0 parts came back changed. The task has their names."] }); // prettier-ignore
    expect(
      standing({ tasks: [days(0, { sort: "drill", state: "failed", error: failure("DISK_FULL") })] }).faults[0],
    ).to.match(/^The last rehearsal of a restore failed: /);
  });

  it("are not well when a schedule waits for a time of a wrong clock, or only a snapshot dated in the future is young", () => {
    const year = 365 * 24 * hour;
    const asleep = standing({ schedules: [{ ...nightly, nextAtMs: nowMs + 5 * year }] });
    expect(asleep.tone).to.equal("bad");
    expect(asleep.faults.join()).to.match(/nightly waits for a time that a wrong clock has set/);
    const ahead = standing({ snapshots: [snapshot(nowMs - 49 * hour), snapshot(nowMs + 5 * year)] });
    expect(ahead.tone).to.equal("bad");
    expect(ahead.faults.join()).to.match(
      /2 days old, though the schedule makes one every 24 hours.*is dated in the future/,
    );
  });

  it("know what exists: one node offers no storage nodes, a folder counts, and nothing is offered that cannot work", () => {
    const storage = failure("HOLDERS_TOO_FEW", { class: "backup.pack", holders: 0, needed: 2 });
    const alone: BackupPlaces = { ...places, nodes: 1, storage };
    const none = { snapshots: [], schedules: [], places: alone };
    expect(placesToUse(alone)).to.deep.equal([]);
    expect(standing(none).faults).to.deep.equal([
      "There is no backup yet, and no place for one. What to do stands below.",
    ]);
    expect(storageText(alone)).to.equal(
      "This cluster has one node. The cluster can keep backups itself when 2 nodes with the role storage are up.",
    );
    const offered = { ...alone, offered: ["/mnt/backup"] };
    expect(placesToUse(offered)).to.deep.equal(["/mnt/backup"]);
    expect(placesToUse(places)).to.deep.equal([""]);
    const seen = { node: "n1", name: "node-a", path: "/mnt/backup", snapshots: 1, newest: snapshot(nowMs - hour), seenAtMs: nowMs }; // prettier-ignore
    const inFolder = { ...nightly, wish: { sort: "run", folder: { node: "n1", path: "/mnt/backup" } } as const };
    const made = { ...none, schedules: [inFolder], places: { ...offered, folders: [seen] } };
    expect(standing(made)).to.deep.equal({ tone: "good", title: "Backups are fine", faults: [] });
    expect(wishText(inFolder.wish)).to.equal("Backup in /mnt/backup");
    const old = { ...seen, newest: snapshot(nowMs - 49 * hour) };
    expect(standing({ ...made, places: { ...offered, folders: [old] } }).faults.join()).to.match(/2 days old/);
  });

  it("are well when a backup is young, whole and the next one is scheduled", () => {
    expect(standing({})).to.deep.equal({ tone: "good", title: "Backups are fine", faults: [] });
    expect(nextRunMs([nightly])).to.equal(nowMs + hour);
  });

  it("say what is not well and what to do about it, the worst first", () => {
    const { root: _none, ...kitless } = keys;
    const faults = (more: Partial<Known>) => standing(more).faults.join("\n");
    expect(standing({ snapshots: [], keys: kitless })).to.include({ tone: "bad", title: "There is no backup" });
    expect(faults({ keys: kitless })).to.match(/^The cluster has no recovery kit.*plexus backup kit make/);
    expect(standing({ snapshots: [] })).to.include({ tone: "warn", title: "There is no backup" });
    expect(standing({ schedules: [] }).tone).to.equal("warn");
    expect(faults({ schedules: [] })).to.match(/No backup is scheduled.*Add a schedule/);
    expect(standing({ snapshots: [snapshot(nowMs - 49 * hour)] }).tone).to.equal("bad");
    expect(faults({ snapshots: [snapshot(nowMs - 49 * hour)] })).to.match(
      /2 days old, though the schedule makes one every 24 hours/,
    );
    expect(faults({ snapshots: [snapshot(nowMs - hour, ["chat/1", "chat/2"])] })).to.match(
      /Some rooms and accounts could not be read.*chat\/1, chat\/2\)\./,
    );
    expect(faults({ keys: { ...keys, here: [] } })).to.match(/lacks 1 generation of keys\. Other nodes send them/);
    const elsewhere = "c is down and may have what is lacking: start c again.";
    expect(faults({ keys: { ...keys, here: [], elsewhere } })).to.match(/lacks 1 generation of keys\. c is down/);
    expect(faults({ keys: { ...keys, reencrypt: [1] } })).to.match(/generation 1 must still be encrypted again/);
    const failed = task({ state: "failed", error: { code: "DISK_FULL", outcome: "not_started", message: "No room." } });
    const found = task({ sort: "verify", result: { lost: { total: 2 }, lostUnits: { total: 1 }, weak: 0 } });
    const both = standing({ tasks: [failed, found], schedules: [] });
    expect(both.tone).to.equal("bad");
    expect(both.faults[0]).to.equal("The last run failed: No room.");
    expect(both.faults[1]).to.match(/no longer be read: 2 stored blocks, 1 part/);
    const repaired = task({ sort: "verify", result: { lost: { total: 0 }, lostUnits: { total: 0 }, weak: 0 } });
    expect(standing({ tasks: [repaired, found] }).tone, "the last check counts").to.equal("good");
  });

  it("say of tasks what they are, how far, and what they came to", () => {
    const prune = { kept: [], removed: [1, 2], stripes: 3, bytes: 2048, applied: false };
    expect(taskText(task({ sort: "prune", result: prune }))).to.equal(
      "2 snapshots (1, 2) would be removed, 2.0 KiB would be free.",
    );
    expect(taskText(task({ sort: "prune", result: { ...prune, removed: [] } }))).to.equal(
      "No snapshot would be removed.",
    );
    const running = task({ state: "running", progress: { slots: 4, slotsDone: 1, bytes: 1024 } });
    expect(taskText(running)).to.equal("Under way · 25 % · 1.0 KiB");
    const stepping = task({ state: "running", progress: { slots: 4, slotsDone: 1, workPercent: 12 } });
    expect(taskText(stepping)).to.equal("Under way · 25 % · slows down while people write: works 12 % of the time");
    expect([partDone(running), partDone(task({ progress: {} }))]).to.deep.equal([0.25, undefined]);
    expect(taskText(task({ state: "cancelled" }))).to.equal("Cancelled.");
    expect(taskText(task({ state: "cancelled", resumable: true }))).to.match(/can go on from where it was/);
    const refused = failure("HOLDERS_TOO_FEW", { reason: "one of two is up" });
    expect(taskText(task({ state: "failed", error: refused }))).to.equal(
      "Too few nodes with the role `storage` can keep this now. Start or add some; `plexus shards list` shows them. Reason: one of two is up.",
    );
    expect(wishText({ sort: "recall", query: { person: "user/bob", type: "message", snapshot: 3 } })).to.equal(
      "Recall of the data and messages of bob, message, snapshot 3",
    );
    const query = { thread: "room/lobby", replies: 120, fromMs: 1_000, toMs: Number.MAX_SAFE_INTEGER, atMs: 2_000, text: "harbour" }; // prettier-ignore
    // Who agrees to it sees all of it.
    expect(wishText({ sort: "recall", query })).to.match(
      /^Recall of room\/lobby, message 120 and its replies, with “harbour”, from .*1970.*, before .*275760.*, as it was on .*1970/,
    );
    expect(wishText({ sort: "verify", depth: "data", snapshot: 2 })).to.match(/^Check of snapshot 2, every byte/);
    expect([ago(nowMs - 30_000, nowMs), ago(nowMs - 3 * hour, nowMs)]).to.deep.equal(["just now", "3 hours ago"]);
  });
});
