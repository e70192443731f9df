import { expect } from "chai";
import { atMoment, closenessOf, isPrivateRecall } from "../../../node/backup/recall/private-recalls.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import type { KeysControl } from "../../../node/keys/index.ts";
import { ok, wireLimits, type BackupWish, type RecallRequest } from "../../../protocols/index.ts";
import { controlToken, createWorld, password, startFixture, type Fixture } from "./fixture.ts";

/** Who is told of what has power. */
const admins = { people: [], admins: true };
const recall = (query: object): BackupWish => ({ sort: "recall", query, as: "download" });

describe("what a recall shows of others", () => {
  it("is told by whose things it names", () => {
    const open = [
      { person: "user/ada" },
      { person: "user/ada", thread: "room/secret" },
      { thread: "user/ada" },
      { thread: "agent/ada.helper" },
      { thread: "ledger/ada" },
      { thread: "catalog/rooms" },
      { thread: "role-manager/cluster" },
    ];
    for (const query of open) expect(closenessOf(query, "ada"), JSON.stringify(query)).to.equal("open");
    const closed = [
      {},
      { type: "message", fromMs: 1 },
      { person: "user/bob" },
      { person: "user/adamant" },
      { thread: "user/bob" },
      { thread: "agent/bob.helper" },
      { thread: "agent/adam.helper" },
      { thread: "agent/adahelper" },
      { thread: "ledger/bob" },
      { thread: "nonsense" },
      { thread: "agent/bob.helper", person: "user/bob" },
    ];
    for (const query of closed) expect(closenessOf(query, "ada"), JSON.stringify(query)).to.equal("private");
    expect(closenessOf({ thread: "room/lobby", person: "user/bob" }, "ada")).to.deep.equal({ room: "room/lobby" });
  });

  it("is fixed at a moment, where it names none", () => {
    expect(atMoment(recall({ thread: "room/a" }), 7)).to.deep.equal(recall({ thread: "room/a", atMs: 7 }));
    for (const query of [{ snapshot: 3 }, { atMs: 5 }]) expect(atMoment(recall(query), 7)).to.deep.equal(recall(query));
    expect(() => atMoment({ sort: "run" }, 7)).to.throw("only a recall can be asked for");
  });
});

describe("gateway: holds and approvals of backups", () => {
  let fixture: Fixture;
  let ada: string;
  let eve: string;
  let session: string;
  let shiftMs = 0;
  const signIn = async (name: string, typed = password): Promise<string> =>
    (await fixture.request("POST", "/api/v1/sign-in", { body: { name, password: typed } })).body.token;
  /** Who was made an admin has been one for a day then, and is freshly signed in. */
  const aDayLater = async (): Promise<void> => {
    shiftMs += wireLimits.secondAdminMs;
    [ada, eve] = [await signIn("ada"), await signIn("eve")];
    session = (await fixture.request("GET", "/api/v1/me/sessions", { token: ada })).body.current;
  };
  const told: unknown[][] = [];
  const erased: string[] = [];
  const keys = { erase: async (tenant: string) => ok(erased.push(tenant)) } as unknown as KeysControl;
  const base = "/api/v1/admin/backups";
  const post = (path: string, token: string, body: object = {}) =>
    fixture.request("POST", `${base}/${path}`, { token, body });
  const toActor = async (asked: { readonly type: string } & object): Promise<RecallRequest> => {
    const message = { ...asked, shown: { as: "operator" } };
    const answer = await fixture.kernel.ask({ to: "backup/cluster", from: "gateway", message, timeoutMs: 5_000 });
    if (!answer.ok) throw new Error(answer.error.code);
    return answer.value as RecallRequest;
  };

  before(async () => {
    const world = createWorld();
    const clock = world.clock();
    const shifted = { ...clock, nowMs: () => clock.nowMs() + shiftMs };
    fixture = await startFixture({ world, keys, clock: shifted, changed: (...of) => void told.push(of) });
    ada = (await fixture.signUp("ada")).token;
    await fixture.signUp("eve");
    await fixture.request("PUT", "/api/v1/admin/users/eve", { token: controlToken, body: { admin: true } });
    await fixture.signUp("bob");
    await aDayLater();
  });
  beforeEach(() => void (told.length = 0));
  after(() => fixture.stop());

  it("know the rooms that somebody may see", async () => {
    const bob = (await fixture.request("POST", "/api/v1/sign-in", { body: { name: "bob", password: "correct horse" } }))
      .body;
    const make = (room: string, visibility: string) =>
      fixture.request("POST", "/api/v1/rooms", { token: bob.token, body: { room, visibility } });
    for (const visibility of ["public", "private"]) expect((await make(visibility, visibility)).status).to.equal(200);
    const at = { kernel: fixture.kernel, limits: gatewayLimits };
    const asAda = (thread: string) => isPrivateRecall(at, recall({ thread }), { user: "ada", actor: "user/ada" });
    expect(await asAda("room/public")).to.equal(false);
    expect(await asAda("room/private")).to.equal(true);
    expect(await asAda("room/gone")).to.equal(true);
    await fixture.request("PUT", "/api/v1/rooms/private/members/user%2Fada", { token: bob.token });
    expect(await asAda("room/private")).to.equal(false);
    expect(await isPrivateRecall(at, recall({ thread: "room/private" }), null), "the operator").to.equal(true);
    expect(await isPrivateRecall(at, { sort: "run" }, null)).to.equal(false);
    const dry: BackupWish = { sort: "recall", query: { person: "user/bob" } };
    expect(await isPrivateRecall(at, dry, { user: "ada", actor: "user/ada" }), "says how much").to.equal(false);
  });

  it("set and lift holds, which keep keys from being erased, and are in the audit with who and why", async () => {
    const refused = await post("holds", ada, { on: { person: "user/bob" }, reason: " " });
    expect(refused.body.error.code).to.equal("BAD_REQUEST");
    const { body: hold } = await post("holds", ada, { on: { person: "user/bob" }, reason: "case 12" });
    expect(hold).to.deep.include({ on: { person: "user/bob" }, reason: "case 12", by: "ada" });
    expect(told).to.deep.equal([
      ["setHold", { person: "user/bob", reason: "case 12", hold: hold.id, session }, "ada", admins],
    ]);
    const erase = (tenant: string) =>
      fixture.request("POST", "/api/v1/admin/keys/erase", { token: eve, body: { tenant } });
    expect((await erase("user/bob")).body.error).to.deep.include({ code: "UNDER_HOLD" });
    expect(erased).to.deep.equal([]);
    expect((await erase("user/max")).status).to.equal(200);
    const list = await fixture.request("GET", `${base}/holds`, { token: eve });
    expect(list.body.holds).to.deep.equal([hold]);
    told.length = 0;
    expect((await fixture.request("DELETE", `${base}/holds/${hold.id}`, { token: eve })).status).to.equal(200);
    expect(told[0]?.[0]).to.equal("liftHold");
    expect(told[0]?.[3], "admins are told").to.deep.equal({ people: [], admins: true });
    expect((await erase("user/bob")).status).to.equal(200);
    expect(erased).to.deep.equal(["user/max", "user/bob"]);
  });

  it("have another admin agree to a recall, and tell who asked and who is asked", async () => {
    const none = await post("requests", ada, {
      wish: { sort: "recall", query: { person: "user/bob" } },
      reason: "lost notes",
    });
    expect(none.body.error, "it brings nothing back").to.deep.include({ code: "BAD_REQUEST" });
    const wish = recall({ person: "user/bob", atMs: 1 });
    const asked = { type: "askRecall", id: "r1", wish, reason: "lost notes", by: "ada", approvers: ["eve"] };
    const { body: first } = await post("requests", ada, { wish, reason: "lost notes" });
    expect(first).to.deep.include({ wish, by: "ada", approvers: ["eve"], state: "waiting" });
    expect(told.at(-1)).to.deep.equal([
      "askRecall",
      { person: "user/bob", atMs: "1", reason: "lost notes", request: first.id, session },
      "ada",
      admins,
    ]);
    await post(`requests/${first.id}/decline`, ada);
    await toActor(asked);
    expect((await post("requests/r1/begin", ada)).body.error.code).to.equal("APPROVAL_NEEDED");
    expect((await post("requests/r1/approve", ada)).body.error.code).to.equal("FORBIDDEN");
    expect((await post("requests/r1/approve", controlToken)).body.error.code).to.equal("FORBIDDEN");
    told.length = 0;
    const approved = await post("requests/r1/approve", eve);
    expect(approved.body).to.include({ state: "approved", answeredBy: "eve" });
    expect(told).to.deep.equal([
      [
        "approveRecall",
        { request: "r1", for: "ada", by: "eve", person: "user/bob", atMs: "1", reason: "lost notes" },
        "eve",
        { people: ["ada"], admins: true },
      ],
    ]);
    expect((await fixture.request("GET", `${base}/requests`, { token: ada })).body.requests).to.have.length(2);
    const begun = await post("requests/r1/begin", ada);
    expect(begun.body).to.deep.include({ by: "ada", approvedBy: "eve", state: "waiting" });
    expect(told.at(-1)?.[0]).to.equal("beginRecall");
    expect(told.at(-1)?.[3]).to.deep.equal({ people: [], admins: true });
    const alone = { ...asked, id: "r2", approvers: [] };
    await toActor(alone);
    expect((await post("requests/r2/approve", eve)).body.error.code).to.equal("FORBIDDEN");
    expect((await post("requests/r2/approve", controlToken)).body).to.include({ answeredBy: "operator" });
  });

  it("nobody agrees who is an admin for less than a day, whoever made them one", async () => {
    const set = (admin: boolean) => fixture.request("PUT", "/api/v1/admin/users/bob", { token: ada, body: { admin } });
    const wish = recall({ person: "user/eve", atMs: 1 });
    const ask = async () => (await post("requests", ada, { wish, reason: "lost notes" })).body as RecallRequest;
    const demoted = await fixture.request("PUT", "/api/v1/admin/users/eve", { token: ada, body: { admin: false } });
    expect([demoted.status, (await set(true)).status]).to.deep.equal([200, 200]);
    const first = await ask();
    expect(first.approvers, "the operator decides").to.deep.equal([]);
    const bob = await signIn("bob");
    expect((await post(`requests/${first.id}/approve`, bob)).body.error.code).to.equal("FORBIDDEN");
    shiftMs += wireLimits.secondAdminMs - 60_000;
    [ada, eve] = [await signIn("ada"), await signIn("eve")];
    expect((await ask()).approvers, "a minute too early").to.deep.equal([]);
    shiftMs += 60_000;
    const second = await ask();
    expect(second.approvers).to.deep.equal(["bob"]);
    // Taken away and given again, the day begins anew, though the request names him.
    expect([(await set(false)).status, (await set(true)).status]).to.deep.equal([200, 200]);
    const refused = await post(`requests/${second.id}/approve`, await signIn("bob"));
    expect(refused.body.error.details.reason).to.match(/an admin of less than a day/);
  });

  it("nobody agrees whose password was set by a link less than a day ago, which the asker may have made", async () => {
    await aDayLater();
    const wish = recall({ person: "user/eve", atMs: 1 });
    const asked = (await post("requests", ada, { wish, reason: "lost notes" })).body as RecallRequest;
    expect(asked.approvers).to.deep.equal(["bob"]);
    const { body: link } = await fixture.request("POST", "/api/v1/admin/users/bob/reset", { token: ada, body: {} });
    const taken = "of ada and no other";
    const body = { user: "bob", secret: link.secret, password: taken };
    expect((await fixture.request("POST", "/api/v1/sign-in/reset", { body })).status).to.equal(200);
    const refused = await post(`requests/${asked.id}/approve`, await signIn("bob", taken));
    expect(refused.body.error.details.reason).to.match(/a way that another person may have set up/);
    shiftMs += wireLimits.secondAdminMs;
    ada = await signIn("ada");
    const later = (await post("requests", ada, { wish, reason: "lost notes" })).body as RecallRequest;
    const agreed = await post(`requests/${later.id}/approve`, await signIn("bob", taken));
    expect(agreed.body).to.include({ state: "approved", answeredBy: "bob" });
  });
});
