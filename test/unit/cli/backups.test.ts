import { InvalidArgumentError } from "commander";
import { expect } from "chai";
import { actorNamed, describeList, describePlace, describePrune, describeRecall, describeRun, describeSnapshot, describeVerify } from "../../../cli/backup/backups.ts"; // prettier-ignore
import { backupCheckOf } from "../../../cli/doctor/doctor-backups.ts";
import { describeProgress, describeSchedules, describeTask, describeTasks } from "../../../cli/backup/backup-tasks.ts";
import { moment } from "../../../cli/terminal/options.ts";
import { failure } from "../../../protocols/errors.ts";
import type { BackupResults, BackupSnapshot, ClusterBackupTask } from "../../../protocols/index.ts";

const snapshot: BackupSnapshot = { number: 3, atMs: Date.UTC(2026, 10, 23, 9), units: 12, bytes: 4_096, missed: [] };
const nothing = { total: 0, named: [] };
const run: BackupResults["run"] = { snapshot, changedUnits: 2, changedBytes: 100, storedBytes: 1_024, missed: [], missedFiles: nothing, lost: { before: 0, units: 0, stripes: 0 } }; // prettier-ignore
const recalled: BackupResults["recall"] = { snapshot, units: 2, rows: 30, bytes: 2_048, threads: 1, stripeBytes: 8_192, lost: nothing }; // prettier-ignore
const checked: BackupResults["verify"] = { snapshots: 2, damaged: [], units: 12, stripes: 5, bytes: 4_096, weak: 0, lost: nothing, lostUnits: nothing }; // prettier-ignore

describe("what plexus backup says of losses", () => {
  it("has no tick where something of the snapshot cannot be brought back", () => {
    const broken = describeRun({ ...run, lost: { before: 0, units: 231, stripes: 38 } }, false);
    expect(broken)
      .to.include("✖ Snapshot 3")
      .and.include("231 units of it cannot be brought back")
      .and.not.include("✔");
    const mended = describeRun({ ...run, lost: { before: 38, units: 0, stripes: 0 } }, false);
    expect(mended).to.include("✔ Snapshot 3").and.include("38 stripes of the snapshot before are lost");
    expect(describeRun(run, false)).to.not.include("lost");
  });

  it("marks snapshots, in the list, in a check, and in doctor", () => {
    const snapshots = [{ ...snapshot, number: 2, lostUnits: 845 }, snapshot];
    expect(describeList({ snapshots }, { color: false, nowMs: snapshot.atMs }))
      .to.include("Units lost")
      .and.include("845");
    const found = { ...checked, damaged: [{ snapshot: 2, units: 845 }], lost: { total: 38, named: [] } };
    expect(describeVerify(found, "data", false)).to.include("Snapshot 2 has lost 845 units");
    const states = [snapshots, [{ ...snapshot, lostUnits: 1 }], [snapshot], []].map((rows) =>
      backupCheckOf({ snapshots: rows }).map(({ state }) => state),
    );
    expect(states).to.deep.equal([["warning"], ["bad"], ["good"], []]);
  });
});

const inBlack = { color: false, nowMs: Date.parse("2030-01-01T00:00Z") };

describe("plexus backup", () => {
  it("reads moments, by the zone that is named, and so long ago", () => {
    const now = Date.UTC(2026, 10, 23, 12);
    const at = moment("--at", () => now);
    expect(at("2026-11-23T09:30Z")).to.equal(Date.UTC(2026, 10, 23, 9, 30));
    expect(at("2026-11-23T09:30:15+02:00")).to.equal(Date.UTC(2026, 10, 23, 7, 30, 15));
    expect(at("2026-11-23")).to.equal(new Date(2026, 10, 23).getTime());
    expect(at("2026-11-23 09:30")).to.equal(new Date(2026, 10, 23, 9, 30).getTime());
    expect(at("90m")).to.equal(now - 90 * 60_000);
    for (const text of ["", "yesterday", "2026-02-30", "2026-11-23T25:00", "2026-11-23T", "23.11.2026", "2026-13-01"])
      expect(() => at(text), text).to.throw(InvalidArgumentError);
  });

  it("takes a name for a room or person, and an actor whole", () => {
    expect(actorNamed("room", "lobby")).to.equal("room/lobby");
    expect(actorNamed("user", "user/ada")).to.equal("user/ada");
  });

  it("says that a snapshot is the first in a folder: a disk that is not mounted looks like that", () => {
    const first = { ...run, snapshot: { ...snapshot, number: 1 } };
    const says = /It is the first snapshot in \/mnt\/usb\. .*not mounted there\./;
    expect(describeRun(first, false, "/mnt/usb")).to.match(says);
    expect(describeRun(run, false, "/mnt/usb"), "a later one").not.to.match(says);
    expect(describeRun(first, false), "of the cluster").not.to.include("mounted");
  });

  it("says what is not in a snapshot, whose it is, and what to do", () => {
    expect(describeRun(run, false)).to.match(
      /^✔ Snapshot 3: 4\.0 KiB in 12 units\. New are 100 B in 2 units; 1\.0 KiB/,
    );
    const moved = (slot: string, owner: string) => ({ slot, owner, error: failure("MOVED", { slot, owner }) });
    const missed = [
      moved("chat/1", "bee"),
      moved("chat/2", "cat"),
      moved("chat/3", "bee"),
      { slot: "chat/4", error: failure("DATA_DAMAGED") },
    ];
    const text = describeRun({ ...run, missed }, false);
    expect(text).to.match(/3 slots of the cluster are not in it: other nodes own them/);
    expect(text).to.contain("  bee: chat/1, chat/3").and.to.contain("  cat: chat/2");
    expect(text).to.match(/✖ chat\/4 was not read \(DATA_DAMAGED\)/);
    const many = Array.from({ length: 30 }, (_, n) => moved(`chat/${n}`, "bee"));
    expect(describeRun({ ...run, missed: many }, false)).to.match(/chat\/7 and 22 more$/);
    const shown = describeSnapshot({ ...recalled, snapshot: { ...snapshot, missed: ["chat/1"] } });
    expect(shown).to.match(/1 slot not read for it: chat\/1\./);
    const list = describeList({ folder: "/b", node: "ann", snapshots: [{ ...snapshot, missed: ["chat/1"] }] }, inBlack);
    expect(list).to.match(/Backups of the node ann\n.*Slots missing.*3\W+2026-11-23T09:00:00Z\W+4\.0 KiB\W+12\W+1\W/s);
    expect(describeList({ folder: "/b", node: "ann", snapshots: [] }, inBlack)).to.match(/no snapshot yet/);
  });

  it("marks the snapshots that are dated in the future", () => {
    const ahead = { ...snapshot, number: 4, atMs: Date.parse("2031-01-01T00:00Z") };
    const list = describeList({ snapshots: [snapshot, ahead] }, inBlack);
    expect(list).to.match(/2031-01-01T00:00:00Z, in the future/);
    expect(list).to.match(/Dated in the future, because a clock was ahead: 4\./);
    expect(describeList({ snapshots: [snapshot] }, inBlack)).not.to.match(/future/);
  });

  it("says what a check found", () => {
    expect(describeVerify(checked, "data", false)).to.match(/^✔ 2 snapshots, 5 stripes, .*was read and decrypted\.$/);
    const lost = { total: 2, named: [{ stripe: "ab".repeat(32), error: failure("STRIPE_LOST") }] };
    const units = { total: 9, named: [{ thread: "room/a", type: "message", error: failure("BACKUP_DAMAGED") }] };
    const bad = describeVerify({ ...checked, weak: 1, lost, lostUnits: units }, "shards", false);
    expect(bad)
      .to.match(/1 stripe can be read, but/)
      .and.match(/2 stripes cannot be read/)
      .and.match(/room\/a message/);
    expect(bad)
      .to.match(/and 8 more/)
      .and.not.match(/✔/);
  });

  it("says what a recall wrote, would write, or did not find", () => {
    expect(describeRecall(recalled, false)).to.match(
      /^Nothing was written\. It would write up to 2\.0 KiB in 30 records/,
    );
    const written = { folder: "/out", files: 2, bytes: 1_024 };
    expect(describeRecall({ ...recalled, written }, false)).to.match(
      /^✔ 1\.0 KiB of snapshot 3 .* in 2 files of \/out$/,
    );
    expect(describeRecall({ ...recalled, units: 0 }, false)).to.match(
      /^Snapshot 3 .* has nothing of what you asked for\./,
    );
  });

  it("says what a recall brought into place, what it left and how to have it too, and which room took nothing", () => {
    const found = { fresh: 2, same: 5, edited: 1, deleted: 3, back: 0, done: 0 };
    const place: BackupResults["place"] = { recall: "ab12cd34", snapshot, dryRun: false, threads: 2, found, restored: 2, bytes: 30, takesMs: 20, remade: 1, failed: nothing, lost: nothing }; // prettier-ignore
    const text = describePlace(place, false);
    expect(text).to.match(/^✔ 2 messages of snapshot 3 .* in 2 conversations came back as new entries\.\n/);
    expect(text)
      .to.match(/5: still exist unchanged/)
      .and.match(/3: were deleted since \(--deleted/)
      .and.match(/Made again: 1 conversation/);
    const given = describePlace({ ...place, files: 2 }, false, { deleted: true, existing: "again" });
    expect(given)
      .to.match(/were deleted since\n/)
      .and.match(/still exist unchanged\n/)
      .and.match(/pictures and sounds 2 came back/);
    const error = failure("NOT_FOUND", { reason: "the room is gone" });
    expect(describePlace({ ...place, failed: { total: 1, named: [{ thread: "room/a", error }] } }, false)).to.match(
      /^! 2 messages/,
    );
    const failed = { total: 3, named: [{ thread: "room/a\u001b[2J", error }] };
    const dry = describePlace({ ...place, dryRun: true, failed }, false);
    expect(dry).to.match(/^Nothing was changed\. It would bring back 2 messages .* in about 1 s\./);
    expect(dry)
      .to.match(/✖ room\/a.*: the room is gone \(NOT_FOUND\)\n {2}and 2 more$/)
      .and.not.contain("\u001b");
  });

  it("says which snapshots stay, and why", () => {
    const plan = { kept: [{ snapshot: 3, by: ["newest", "last"] }], removed: [1, 2], stripes: 4, bytes: 2_048, applied: false }; // prettier-ignore
    expect(describePrune(plan)).to.match(/3 stays \(newest, last\)\nTo remove: 2 snapshots \(1, 2\), which would free/);
    expect(describePrune({ ...plan, applied: true })).to.match(/Removed: 2 snapshots/);
    expect(describePrune({ ...plan, removed: [] })).to.match(/No snapshot is removed/);
  });

  it("says how far a task is once it knows", () => {
    expect(describeProgress({ sort: "run", progress: {} })).to.equal("");
    expect(describeProgress({ sort: "run", progress: { slots: 4, slotsDone: 1, bytes: 2_048 } })).to.match(
      /^1 of 4 slots, 2\.0 KiB new$/,
    );
    const stepping = { slots: 4, slotsDone: 1, bytes: 2_048, workPercent: 12 };
    expect(describeProgress({ sort: "run", progress: stepping })).to.match(
      /2\.0 KiB new, steps back for people: works 12 % of the time$/,
    );
    expect(describeProgress({ sort: "verify", progress: { stripes: 4, stripesDone: 3 } })).to.equal("3 of 4 stripes");
  });

  it("shows tasks and schedules of the cluster, and what makes the first", () => {
    expect(describeTasks([], false)).to.match(/^There are no tasks/);
    const task: ClusterBackupTask = { id: "7", sort: "run", wish: { sort: "run" }, by: "ada", schedule: "nightly", state: "failed", addedAtMs: 0, turn: 2, progress: {}, error: failure("HOLDERS_TOO_FEW") }; // prettier-ignore
    expect(describeTasks([task], false)).to.match(
      /7 .*run.*failed.*1970-01-01T00:00:00Z.*ada, schedule nightly.*HOLDERS_TOO_FEW/,
    );
    expect(describeTask(task, false), "why it failed, and what to do").to.match(
      /│\n.*\nerror HOLDERS_TOO_FEW: Too few nodes with the role `storage`.*`plexus shards list`/,
    );
    const { error: _, ...well } = task;
    expect(describeTask(well, false)).to.equal(describeTasks([well], false));
    expect(describeSchedules([], false)).to.match(/plexus backup schedule set/);
    const schedule = { name: "nightly", cron: "0 3 * * *", wish: { sort: "run" }, by: "ada" } as const;
    expect(describeSchedules([schedule], false)).to.match(/nightly.*run.*0 3 \* \* \*.*UTC.*never/);
    expect(describeList({ snapshots: [] }, inBlack)).to.match(/^The cluster has no backup yet/);
    expect(describeList({ snapshots: [snapshot] }, inBlack)).to.match(/^Backups of the cluster\n/);
  });
});
