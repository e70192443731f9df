import { expect } from "chai";
import { scheduleChecksOf } from "../../../cli/doctor-backups.ts";
import type { BackupSchedule, BackupSnapshot } from "../../../protocols/index.ts";

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
const said = (schedules: readonly BackupSchedule[], snapshots: readonly BackupSnapshot[]) =>
  scheduleChecksOf({ schedules, snapshots }, nowMs).map(({ state, says }) => `${state}: ${says}`);

describe("the doctor's look at schedules of backups", () => {
  it("says that the newest backup is older than its schedule allows, whatever is dated in the future", () => {
    expect(said([nightly], [snapshot(nowMs - dayMs)])).to.deep.equal([]);
    expect(said([nightly], [snapshot(nowMs - 3 * dayMs)])[0]).to.match(
      /^bad: the newest backup is .* old, and one is due each /,
    );
    expect(said([nightly], [snapshot(nowMs - 3 * dayMs), snapshot(nowMs + 400 * dayMs)])).to.have.length(1);
    expect(said([], [snapshot(nowMs - 3 * dayMs)]), "nothing is due").to.deep.equal([]);
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
