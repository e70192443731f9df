import { expect } from "chai";
import { scheduleChecksOf } from "../../../cli/doctor/doctor-backups.ts";
import type { Done } from "../../../protocols/backup-times/index.ts";
import { failure, type BackupSchedule, type BackupSnapshot } from "../../../protocols/index.ts";

const dayMs = 86_400_000;
const nowMs = Date.UTC(2030, 0, 15, 12);
const snapshot = (atMs: number): BackupSnapshot => ({ number: 1, atMs, units: 1, bytes: 1, missed: [] });
const nightly: BackupSchedule = {
  name: "nightly",
  cron: "0 3 * * *",
  timeZone: "Europe/Vienna",
  wish: { sort: "run" },
  by: "ada",
};
const said = (schedules: readonly BackupSchedule[], snapshots: readonly BackupSnapshot[], tasks: Done["tasks"] = []) =>
  scheduleChecksOf({ schedules, snapshots, tasks }, nowMs).map(({ state, says }) => `${state}: ${says}`);

describe("the doctor's look at schedules of backups", () => {
  it("says that the newest backup is older than its schedule allows, whatever is dated in the future", () => {
    expect(said([nightly], [snapshot(nowMs - dayMs)])).to.deep.equal([]);
    expect(said([nightly], [snapshot(nowMs - 3 * dayMs)])[0]).to.match(
      /^bad: the newest backup is .* old, and one is due each /,
    );
    expect(said([nightly], [snapshot(nowMs - 3 * dayMs), snapshot(nowMs + 400 * dayMs)])).to.have.length(1);
    expect(said([], [snapshot(nowMs - 3 * dayMs)]), "nothing is due").to.deep.equal([]);
  });

  it("says that nobody has checked or rehearsed for longer than the schedule allows, and what a rehearsal has shown", () => {
    const each = (sort: "verify" | "drill"): BackupSchedule => ({ name: sort, cron: "0 3 * * *", by: "ada", wish: sort === "drill" ? { sort } : { sort, depth: "shards" } }); // prettier-ignore
    const task = (sort: "verify" | "drill", agoDays: number, more: object = {}): Done["tasks"][number] => ({ sort, state: "done", addedAtMs: nowMs - agoDays * dayMs, endedAtMs: nowMs - agoDays * dayMs, ...more }); // prettier-ignore
    const well = { result: { whole: true } as never };
    const both = [each("verify"), each("drill")];
    expect(said(both, [], [task("verify", 1), task("drill", 1, well)])).to.deep.equal([]);
    expect(said(both, [], [task("verify", 3), task("drill", 4, well)])).to.deep.equal([
      "bad: backups were checked 3 d ago, and one is due each 1 d",
      "bad: a restore was rehearsed 4 d ago, and one is due each 1 d",
    ]);
    // Those that fail make nothing newer, also where none was ever done.
    const failed = { state: "failed", error: failure("DISK_FULL") };
    const says = said(both, [], [task("drill", 0, failed), task("drill", 3, failed)]);
    expect(says).to.have.length(2);
    expect(says[0]).to.match(/a restore was rehearsed 3 d ago/);
    expect(says[1]).to.match(/the last rehearsal of a restore failed: .*disk/);
    const torn = { result: { whole: false, lost: { total: 2 }, missing: { total: 1 }, wrong: { total: 1 } } as never };
    expect(said([], [], [task("drill", 0, torn), task("drill", 3, well)])).to.deep.equal([
      "bad: the last rehearsal of a restore lacked 3 parts, and 1 part came back otherwise",
    ]);
    expect(said([], [], [task("drill", 0, well), task("drill", 3, torn)])).to.deep.equal([]);
  });

  it("names a time zone that this machine does not know, and a retention that names none", () => {
    expect(said([{ ...nightly, timeZone: "Mars/Olympus" }], [])).to.deep.equal([
      "bad: the schedule nightly counts in the time zone Mars/Olympus, which this machine does not know",
    ]);
    const prune: BackupSchedule = { name: "tidy", cron: "0 4 * * *", wish: { sort: "prune", keep: { daily: 7 }, apply: true }, by: "ada" }; // prettier-ignore
    expect(said([prune], [])).to.deep.equal([
      "warning: the schedule tidy keeps snapshots by the days of UTC, since it names no time zone",
    ]);
    expect(said([{ ...prune, timeZone: "UTC" }], [])).to.deep.equal([]);
  });
});
