import { expect } from "chai";
import type { BackupControl } from "../../../node/backup/index.ts";
import { noticeText, ok, wireLimits, type BackupTask, type RecallBackup } from "../../../protocols/index.ts";
import { createWorld, controlToken, password, startFixture, type Fixture } from "./fixture.ts";

type Query = RecallBackup["query"];

describe("gateway: downloads of recalls", () => {
  let fixture: Fixture;
  let ada: string;
  let eve: string;
  let shiftMs = 0;
  let dayMs = 0;
  let fault: Error | undefined;
  const told: unknown[][] = [];
  const queries: Query[] = [];
  /** Less than the stream keeps for a slow reader, and more. */
  const memory = [Buffer.alloc(100), Buffer.alloc(100_000)];
  const wanted = "abcde".replaceAll(/./g, (letter) => letter.repeat(100_100));
  const task: BackupTask = { id: "t", sort: "recall", folder: "/b", state: "running", progress: {} };
  const backups = {
    recall: () => ok(task),
    place: () => ok(task),
    async archive(query: Query, out: (bytes: Uint8Array) => Promise<void>) {
      queries.push(query);
      for (const letter of "abcde")
        for (const piece of memory) {
          await out(piece.fill(letter));
          // It is used again.
          piece.fill("-");
        }
      if (fault !== undefined) throw fault;
    },
  } as unknown as BackupControl;
  const base = "/api/v1/admin/backups";
  const begin = (token: string, body: object) => fixture.request("POST", `${base}/downloads`, { token, body });
  const fetched = (token: string, path: string) => fixture.request("GET", path, { token });

  before(async () => {
    const world = createWorld();
    const clock = world.clock();
    fixture = await startFixture({
      backups,
      world,
      clock: { ...clock, nowMs: () => clock.nowMs() + dayMs, monotonicMs: () => clock.monotonicMs() + shiftMs },
      changed: (...of) => void told.push(of),
    });
    for (const name of ["ada", "eve"]) await fixture.signUp(name);
    await fixture.request("PUT", "/api/v1/admin/users/eve", { token: controlToken, body: { admin: true } });
    // Who agrees has been an admin for a day.
    dayMs = wireLimits.secondAdminMs;
    const signIn = async (name: string): Promise<string> =>
      (await fixture.request("POST", "/api/v1/sign-in", { body: { name, password } })).body.token;
    ada = await signIn("ada");
    eve = await signIn("eve");
  });
  beforeEach(() => {
    told.length = 0;
    queries.length = 0;
    fault = undefined;
  });
  after(() => fixture.stop());

  it("are fetched once, by the session that began them, and soon", async () => {
    const query = { person: "user/ada", snapshot: 1 };
    const { body } = await begin(ada, { query });
    expect(told).to.deep.equal([
      ["downloadBackup", { by: "ada", person: "user/ada", snapshot: "1" }, "ada", { people: [], admins: true }],
    ]);
    expect((await fetched(eve, body.path)).body.error.code, "another's").to.equal("NOT_FOUND");
    expect((await fetched(controlToken, body.path)).body.error.code, "another's").to.equal("NOT_FOUND");
    const got = await fetched(ada, body.path);
    expect([got.status, got.headers.get("content-type")]).to.deep.equal([200, "application/x-tar"]);
    expect(got.headers.get("content-disposition")).to.match(/^attachment; filename="recall-[\d-]+\.tar"$/);
    expect(String(got.body) === wanted).to.equal(true);
    expect(queries).to.deep.equal([query]);
    expect((await fetched(ada, body.path)).body.error.code, "twice").to.equal("NOT_FOUND");
    const late = (await begin(ada, { query })).body.path;
    shiftMs += 61_000;
    expect((await fetched(ada, late)).body.error.code, "late").to.equal("NOT_FOUND");
  });

  it("of others' private things need an approval, whose query is the one that counts, and all admins are told", async () => {
    const query = { person: "user/eve", atMs: 5 };
    expect((await begin(ada, { query })).body.error.code).to.equal("APPROVAL_NEEDED");
    const wish = { sort: "recall", query, as: "download" };
    const asked = await fixture.request("POST", `${base}/requests`, { token: ada, body: { wish, reason: "lost" } });
    const { id } = asked.body;
    expect((await begin(ada, { query, request: id })).body.error.code).to.equal("APPROVAL_NEEDED");
    await fixture.request("POST", `${base}/requests/${id}/approve`, { token: eve });
    expect((await begin(eve, { query, request: id })).body.error.code, "another's").to.equal("FORBIDDEN");
    told.length = 0;
    const begun = await begin(ada, { query: {}, request: id });
    expect(told).to.deep.equal([
      [
        "beginRecall",
        { by: "ada", person: "user/eve", atMs: "5", approvedBy: "eve" },
        "ada",
        { people: [], admins: true },
      ],
    ]);
    expect((await fetched(ada, begun.body.path)).status).to.equal(200);
    expect(queries, "not all of it").to.deep.equal([query]);
  });

  it("of the operator need none, and admins are told", async () => {
    const { body } = await begin(controlToken, { query: {} });
    expect(told[0]?.[0]).to.equal("recallPrivate");
    expect(told[0]?.[3]).to.deep.equal({ people: [], admins: true });
    expect((await fetched(controlToken, body.path)).status).to.equal(200);
  });

  it("by the operator into a folder or into place are told to admins, too, but no dry run", async () => {
    const recall = (path: string, body: object) =>
      fixture.request("POST", `${base}/${path}`, { token: controlToken, body });
    await recall("recall", { from: "/b", query: { thread: "room/a" } });
    await recall("place", { from: "/b", query: { thread: "room/a" }, recall: "recall01", dryRun: true });
    expect(told).to.deep.equal([]);
    await recall("recall", { from: "/b", to: "/c", query: { thread: "room/a" } });
    await recall("place", { from: "/b", query: { thread: "room/a" }, recall: "recall01" });
    const admins = { people: [], admins: true };
    expect(told.map(([action, , , tell]) => [action, tell])).to.deep.equal([
      ["recallBackup", admins],
      ["placeBackup", admins],
    ]);
    const notice = { action: "recallBackup", facts: { by: "operator", thread: "room/a" }, atMs: 0 };
    expect(noticeText(notice, "ada")).to.equal("The operator recalls room/a from the backups.");
  });

  it("that cannot be ended are cut off, so that nobody takes them for whole", async () => {
    fault = new Error("lost");
    const { body } = await begin(ada, { query: { person: "user/ada" } });
    const outcome = await fetched(ada, body.path).then(
      () => "whole",
      () => "cut off",
    );
    expect(outcome).to.equal("cut off");
    expect(fixture.troubles.join("\n")).to.include("backup.downloadFailed");
  });
});
