import { expect } from "chai";
import type { BackupControl } from "../../../node/backup/index.ts";
import { failure, ok, refused, wireLimits, type BackupSchedule, type ClusterBackupTask, type ClusterBackupTasks } from "../../../protocols/index.ts"; // prettier-ignore
import { controlToken, createWorld, password, startFixture, type Fixture } from "./fixture.ts";

const base = "/api/v1/admin/backups";

describe("gateway: backups of the cluster", () => {
  let fixture: Fixture;
  let ada: string;
  let bob: string;
  let shiftMs = 0;
  const told: unknown[][] = [];
  const asked: unknown[] = [];
  const inFolder = (wish: unknown) => {
    asked.push(wish);
    return refused(failure("KEY_MISSING"));
  };
  const backups = {
    run: inFolder,
    prune: inFolder,
    list: async ({ from }: { from: string }) => ok({ folder: from, snapshots: [] }),
    ofCluster: async () => [],
    nameOf: (node: string) => node.toUpperCase(),
    places: () => ({ node: { id: "n1", name: "N1" }, nodes: 1, offered: ["/mnt/named"] }),
  } as unknown as BackupControl;
  const post = (path: string, token: string, body: object) =>
    fixture.request("POST", `${base}/${path}`, { token, body });

  before(async () => {
    const world = createWorld();
    const clock = world.clock();
    fixture = await startFixture({
      backups,
      world,
      clock: { ...clock, nowMs: () => clock.nowMs() + shiftMs },
      changed: (...of) => void told.push(of),
    });
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
  });
  after(() => fixture.stop());

  it("are tasks that any admin begins, looks at and ends; a folder is the operator's", async () => {
    expect((await post("run", bob, {})).status).to.equal(403);
    const { body: task } = (await post("run", ada, {})) as { body: ClusterBackupTask };
    expect(task).to.deep.include({ sort: "run", by: "ada", state: "waiting" });
    expect(told.at(-1)?.slice(0, 3)).to.deep.equal(["runBackup", {}, "ada"]);
    expect((await fixture.request("GET", `${base}/tasks/${task.id}`, { token: ada })).body).to.deep.equal(task);
    const { body: ended } = await fixture.request("DELETE", `${base}/tasks/${task.id}`, { token: controlToken });
    expect(ended).to.deep.include({ state: "cancelled", cancelledBy: "operator" });
    const { body: page } = (await fixture.request("GET", `${base}/tasks?limit=5`, { token: ada })) as {
      body: ClusterBackupTasks;
    };
    expect(page.tasks.map(({ id }) => id)).to.deep.equal([task.id]);
    expect((await post("list", ada, {})).body).to.deep.equal({ snapshots: [] });
    expect((await post("run", ada, { to: "/mnt/backup" })).status).to.equal(403);
    expect((await post("run", controlToken, { to: "/mnt/backup" })).body).to.have.nested.property(
      "error.code",
      "KEY_MISSING",
    );
    expect(asked).to.deep.equal([{ to: "/mnt/backup" }]);
    for (const [what, body] of [
      ["copy", { to: "/mnt" }],
      ["drill", { scratch: "/mnt" }],
    ] as const) {
      const { error } = (await post(what, ada, body)).body as { error: { code: string; details: { hint: string } } };
      expect([what, error.code, error.details.hint.includes("--data")]).to.deep.equal([what, "FORBIDDEN", true]);
    }
    expect((await post("drill", ada, { snapshot: 3 })).body).to.have.nested.property("error.details.path", "/scratch");
    const { body: drill } = (await post("drill", ada, {})) as { body: ClusterBackupTask };
    expect(drill).to.deep.include({ sort: "drill", by: "ada", state: "waiting" });
    expect((await fixture.request("GET", `${base}/tasks/99`, { token: ada })).status).to.equal(404);
    expect((await post(`tasks/${task.id}/resume`, bob, {})).status, "no admin").to.equal(403);
    for (const id of [task.id, "99", "nodes-own-task"])
      expect((await post(`tasks/${id}/resume`, ada, {})).status, "nothing is kept of it").to.equal(404);
  });

  it("are also in folders that the operator has named, and in no other: neither beside, nor above, nor below", async () => {
    const folder = { node: "n1", path: "/mnt/named" };
    const wishes = [
      ["run", { to: folder.path }, { sort: "run", folder }],
      ["verify", { from: folder.path, depth: "shards" }, { sort: "verify", depth: "shards", folder }],
      ["prune", { from: folder.path, keep: { last: 1 } }, { sort: "prune", keep: { last: 1 }, apply: false, folder }],
    ] as const;
    for (const [what, body, wish] of wishes) {
      const { body: task } = (await post(what, ada, body)) as { body: ClusterBackupTask };
      expect(task).to.deep.include({ wish, by: "ada", state: "waiting" });
      expect((await post(what, bob, body)).status, "no admin").to.equal(403);
      await fixture.request("DELETE", `${base}/tasks/${task.id}`, { token: ada });
    }
    expect((await post("list", ada, { from: folder.path })).body).to.deep.equal({ folder: folder.path, snapshots: [] });
    for (const other of ["/etc", "/mnt", "/mnt/named/", "/mnt/named/below", "/mnt/named/../../etc", "/mnt/NAMED"])
      for (const [what, body] of [
        ["run", { to: other }],
        ["list", { from: other }],
        ["verify", { from: other, depth: "data" }],
        ["prune", { from: other, keep: { last: 1 }, apply: true }],
        ["recall", { from: folder.path, to: other, query: {} }],
        ["recall", { from: folder.path, query: {} }],
      ] as const)
        expect((await post(what, ada, body)).body, `${what} ${other}`).to.have.nested.property(
          "error.code",
          "FORBIDDEN",
        );
    expect(asked.length, "nothing was begun").to.equal(1);
    const { body: places } = await fixture.request("GET", `${base}/places`, { token: ada });
    expect(places).to.deep.equal({ node: { id: "n1", name: "N1" }, nodes: 1, offered: ["/mnt/named"], folders: [] });
    expect((await fixture.request("GET", `${base}/places`, { token: bob })).status).to.equal(403);
  });

  it("bring an admin's own things back into place by a task, and others' private ones only after a second admin agreed", async () => {
    await fixture.signUp("eve");
    await fixture.request("PUT", "/api/v1/admin/users/eve", { token: controlToken, body: { admin: true } });
    shiftMs = wireLimits.secondAdminMs;
    const signIn = async (name: string): Promise<string> =>
      (await fixture.request("POST", "/api/v1/sign-in", { body: { name, password } })).body.token;
    ada = await signIn("ada");
    const eve = await signIn("eve");
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room: "harbour", visibility: "public" } });
    await fixture.request("POST", "/api/v1/rooms", { token: bob, body: { room: "secret", visibility: "private" } });
    const rules = { recall: "recall0001", existing: "edited", deleted: true };
    const open = { query: { thread: "room/harbour" }, ...rules };
    const shut = { query: { thread: "room/secret" }, ...rules, recall: "recall0002" };
    expect((await post("place", bob, open)).status).to.equal(403);
    const { body: task } = (await post("place", ada, open)) as { body: ClusterBackupTask };
    expect(task).to.deep.include({ sort: "place", by: "ada", wish: { sort: "place", ...open } });
    const [action, said, by] = told.at(-1) ?? [];
    expect([action, by]).to.deep.equal(["placeBackup", "ada"]);
    expect(said).to.deep.include({ recall: "recall0001", existing: "edited", deleted: "true", thread: "room/harbour" });
    expect((await post("place", ada, { ...open, from: "/mnt/backup" })).status, "a folder").to.equal(403);
    expect((await post("place", ada, shut)).body).to.have.nested.property("error.code", "APPROVAL_NEEDED");
    expect((await post("place", ada, { query: {}, ...rules })).body).to.have.nested.property(
      "error.code",
      "APPROVAL_NEEDED",
    );
    expect((await post("place", ada, { ...shut, dryRun: true })).body, "says how much").to.deep.include({
      sort: "place",
    });
    const guess = { ...shut, query: { ...shut.query, text: "harbour" }, dryRun: true };
    expect((await post("place", ada, guess)).body, "would say what").to.have.nested.property(
      "error.code",
      "APPROVAL_NEEDED",
    );

    const wish = { sort: "place", ...shut };
    const { body: asked } = (await post("requests", ada, { wish, reason: "She lost it" })) as { body: { id: string } };
    expect((await post(`requests/${asked.id}/begin`, ada, {})).body).to.have.nested.property(
      "error.code",
      "APPROVAL_NEEDED",
    );
    expect((await post(`requests/${asked.id}/approve`, ada, {})).status).to.equal(403);
    expect((await post(`requests/${asked.id}/approve`, eve, {})).status).to.equal(200);
    const { body: begun } = (await post(`requests/${asked.id}/begin`, ada, {})) as { body: ClusterBackupTask<"place"> };
    expect(begun).to.deep.include({ sort: "place", by: "ada", approvedBy: "eve" });
    expect(begun.wish).to.deep.include({ recall: "recall0002", existing: "edited", deleted: true });
    expect(begun.wish.query).to.have.property("atMs");
    const { query, recall } = shut;
    expect((await post("withdraw", ada, { query, recall })).body, "it shows nothing").to.deep.include({
      sort: "withdraw",
      by: "ada",
    });
    expect((await post("place", controlToken, shut)).body).to.deep.include({ by: "operator", sort: "place" });
    expect(told.at(-1)?.[3], "admins hear of what the operator brings back").to.deep.equal({
      people: [],
      admins: true,
    });
    for (const one of [{ sort: "place", ...open }, { sort: "withdraw", query, recall }])
      expect((await fixture.request("PUT", `${base}/schedules/nightly`, { token: ada, body: { cron: "0 3 * * *", wish: one } })).status).to.equal(400); // prettier-ignore
  });

  it("have schedules, and what they begin needs the right to begin it", async () => {
    const put = (token: string, body: object) => fixture.request("PUT", `${base}/schedules/nightly`, { token, body });
    const nightly = { cron: "0 3 * * *", timeZone: "Europe/Vienna", wish: { sort: "run" } };
    expect((await put(bob, nightly)).status).to.equal(403);
    expect((await put(ada, nightly)).body).to.deep.include({ ...nightly, name: "nightly", by: "ada" });
    expect((await put(ada, { ...nightly, cron: "now" })).status).to.equal(400);
    expect((await put(ada, { ...nightly, wish: { sort: "recall", query: {} } })).status).to.equal(400);
    const { body } = (await fixture.request("GET", `${base}/schedules`, { token: ada })) as {
      body: { schedules: readonly BackupSchedule[] };
    };
    expect(body.schedules.map(({ cron }) => cron)).to.deep.equal(["0 3 * * *"]);
    expect((await fixture.request("DELETE", `${base}/schedules/nightly`, { token: ada })).status).to.equal(200);
    expect((await fixture.request("DELETE", `${base}/schedules/nightly`, { token: ada })).status).to.equal(404);
    expect(told.map(([action]) => action)).to.include.members(["scheduleBackup", "unscheduleBackup"]);
  });
});
