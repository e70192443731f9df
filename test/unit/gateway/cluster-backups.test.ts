import { expect } from "chai";
import type { BackupControl } from "../../../node/gateway/backups.ts";
import { failure, refused, type BackupSchedule, type ClusterBackupTask, type ClusterBackupTasks } from "../../../protocols/index.ts"; // prettier-ignore
import { controlToken, startStand, type Stand } from "./stand.ts";

const base = "/api/v1/admin/backups";

describe("gateway: backups of the cluster", () => {
  let stand: Stand;
  let ada: string;
  let bob: string;
  const told: unknown[][] = [];
  const asked: unknown[] = [];
  const inFolder = (wish: unknown) => {
    asked.push(wish);
    return refused(failure("KEY_MISSING"));
  };
  const backups = { run: inFolder, prune: inFolder, ofCluster: async () => [] } as unknown as BackupControl;
  const post = (path: string, token: string, body: object) => stand.request("POST", `${base}/${path}`, { token, body });

  before(async () => {
    stand = await startStand({ backups, changed: (...of) => void told.push(of) });
    ada = (await stand.signUp("ada")).token;
    bob = (await stand.signUp("bob")).token;
  });
  after(() => stand.stop());

  it("are tasks that any admin begins, looks at and ends; a folder is the operator's", async () => {
    expect((await post("run", bob, {})).status).to.equal(403);
    const { body: task } = (await post("run", ada, {})) as { body: ClusterBackupTask };
    expect(task).to.deep.include({ sort: "run", by: "ada", state: "waiting" });
    expect(told.at(-1)?.slice(0, 3)).to.deep.equal(["runBackup", {}, "ada"]);
    expect((await stand.request("GET", `${base}/tasks/${task.id}`, { token: ada })).body).to.deep.equal(task);
    const { body: ended } = await stand.request("DELETE", `${base}/tasks/${task.id}`, { token: controlToken });
    expect(ended).to.deep.include({ state: "cancelled", cancelledBy: "operator" });
    const { body: page } = (await stand.request("GET", `${base}/tasks?limit=5`, { token: ada })) as { body: ClusterBackupTasks }; // prettier-ignore
    expect(page.tasks.map(({ id }) => id)).to.deep.equal([task.id]);
    expect((await post("list", ada, {})).body).to.deep.equal({ snapshots: [] });
    expect((await post("run", ada, { to: "/mnt/backup" })).status).to.equal(403);
    expect((await post("run", controlToken, { to: "/mnt/backup" })).body).to.have.nested.property("error.code", "KEY_MISSING"); // prettier-ignore
    expect(asked).to.deep.equal([{ to: "/mnt/backup" }]);
    expect((await stand.request("GET", `${base}/tasks/99`, { token: ada })).status).to.equal(404);
  });

  it("have schedules, and what they begin needs the right to begin it", async () => {
    const put = (token: string, body: object) => stand.request("PUT", `${base}/schedules/nightly`, { token, body });
    const nightly = { cron: "0 3 * * *", timeZone: "Europe/Vienna", wish: { sort: "run" } };
    expect((await put(bob, nightly)).status).to.equal(403);
    expect((await put(ada, nightly)).body).to.deep.include({ ...nightly, name: "nightly", by: "ada" });
    expect((await put(ada, { ...nightly, cron: "now" })).status).to.equal(400);
    expect((await put(ada, { ...nightly, wish: { sort: "recall", query: {} } })).status).to.equal(400);
    const { body } = (await stand.request("GET", `${base}/schedules`, { token: ada })) as { body: { schedules: readonly BackupSchedule[] } }; // prettier-ignore
    expect(body.schedules.map(({ cron }) => cron)).to.deep.equal(["0 3 * * *"]);
    expect((await stand.request("DELETE", `${base}/schedules/nightly`, { token: ada })).status).to.equal(200);
    expect((await stand.request("DELETE", `${base}/schedules/nightly`, { token: ada })).status).to.equal(404);
    expect(told.map(([action]) => action)).to.include.members(["scheduleBackup", "unscheduleBackup"]);
  });
});
