import { expect } from "chai";
import { createWorld, controlToken, password, startFixture, type Reply, type Fixture } from "./fixture.ts";

const dayMs = 24 * 3_600_000;

describe("gateway: how accounts end", () => {
  let fixture: Fixture;
  let root: string;
  let shiftMs = 0;
  before(async () => {
    const world = createWorld();
    const clock = world.clock();
    fixture = await startFixture({ world, clock: { ...clock, nowMs: () => clock.nowMs() + shiftMs } });
    root = (await fixture.signUp("root")).token;
  });
  after(() => fixture.stop());

  const call = (method: string, path: string, body?: object, token?: string): Promise<Reply> =>
    fixture.request(method, `/api/v1${path}`, { ...(body && { body }), ...(token !== undefined && { token }) });
  const codeOf = ({ status, body }: Reply): string => (status < 300 ? "ok" : body.error.code);
  const signIn = (name: string) => call("POST", "/sign-in", { name, password });
  const again = async (name: string): Promise<string> => (await signIn(name)).body.token as string;
  const member = (room: string, user: string) =>
    fixture.kernel
      .ask({ to: `room/${room}`, from: "user/root", message: { type: "describe" }, timeoutMs: 5_000 })
      .then((told) => told.ok && Object.hasOwn((told.value as { members: object }).members, `user/${user}`));
  /** Until it is so: what an account owes to others is delivered a moment later. */
  const until = async (is: () => Promise<boolean>): Promise<void> => {
    while (!(await is())) await new Promise((resolve) => setImmediate(resolve));
  };

  it("takes everything back at once, but what was written, and gives the name to nobody", async () => {
    const { token } = await fixture.signUp("ada");
    await call("POST", "/rooms", { room: "garden" }, token);
    await call("POST", "/rooms/garden/join", {}, root);
    await call("POST", "/rooms/garden/messages", { text: "roses" }, token);
    await call("POST", "/agents", { name: "helper" }, token);
    const key = (await call("POST", "/me/keys", { label: "program" }, token)).body.key as string;
    expect(codeOf(await call("POST", "/me/deletion", { atOnce: true }, token))).to.equal("ok");
    expect(codeOf(await call("GET", "/me", undefined, token))).to.equal("UNAUTHENTICATED");
    expect(codeOf(await call("GET", "/me", undefined, key))).to.equal("UNAUTHENTICATED");
    expect(codeOf(await signIn("ada"))).to.equal("SIGN_IN_FAILED");
    expect(codeOf(await call("POST", "/sign-up", { name: "ada", password }))).to.equal("NAME_TAKEN");
    await until(async () => !(await member("garden", "ada")));
    const room = (await call("GET", "/rooms/garden", undefined, root)).body;
    expect(room.members["user/root"].role, "a room that it alone owned has another owner").to.equal("owner");
    const { messages } = (await call("GET", "/rooms/garden/messages", undefined, root)).body;
    expect(messages[0]).to.deep.include({ author: "user/ada", text: "roses" });
    const card = (await call("GET", "/people/ada", undefined, root)).body;
    expect(card).to.deep.equal({ user: "ada", displayName: "Deleted account", deleted: true });
    expect((await call("GET", "/people/ada/about", undefined, root)).body, "its card says nothing").to.deep.equal({});
    await until(async () => (await call("GET", "/catalog/users?text=ada", undefined, root)).body.rows.length === 0);
  });

  it("waits two weeks, in which signing in keeps the account", async () => {
    const { token } = await fixture.signUp("bob");
    const begun = await call("POST", "/me/deletion", {}, token);
    expect(codeOf(begun)).to.equal("ok");
    expect(codeOf(await call("GET", "/me", undefined, token))).to.equal("UNAUTHENTICATED");
    shiftMs += dayMs;
    const back = await again("bob");
    shiftMs += 20 * dayMs;
    expect(codeOf(await call("GET", "/me", undefined, back))).to.equal("ok");
  });

  it("is begun by admins, whom signing in does not undo, and called off by them", async () => {
    await fixture.signUp("cyd");
    const set = (body: object, token = controlToken) => call("PUT", "/admin/users/cyd/deletion", body, token);
    const waits = async () =>
      ((await call("GET", "/admin/users/cyd/sessions", undefined, controlToken)).body as { deletesAtMs?: number })
        .deletesAtMs;
    expect(await waits()).to.equal(undefined);
    const begun = await set({ deleted: true });
    expect(codeOf(begun)).to.equal("ok");
    expect(await waits(), "who looks at the account is told").to.equal((begun.body as { atMs: number }).atMs);
    expect(codeOf(await signIn("cyd"))).to.equal("SUSPENDED");
    expect(codeOf(await set({ deleted: false }))).to.equal("ok");
    expect(await waits()).to.equal(undefined);
    const token = await again("cyd");
    expect(codeOf(await call("PUT", "/admin/users/root/deletion", { deleted: true }, token))).to.equal("FORBIDDEN");
    expect(codeOf(await set({ deleted: true, atOnce: true }))).to.equal("ok");
    expect(codeOf(await signIn("cyd"))).to.equal("SIGN_IN_FAILED");
  });

  it("asks owners to give that up first, and everybody for a fresh proof", async () => {
    root = await again("root");
    expect(codeOf(await call("POST", "/me/deletion", { atOnce: true }, root))).to.equal("FORBIDDEN");
    const { token } = await fixture.signUp("dan");
    shiftMs += 11 * 60_000;
    expect(codeOf(await call("POST", "/me/deletion", {}, token))).to.equal("SIGN_IN_AGAIN");
    expect(codeOf(await call("GET", "/me/export", undefined, token))).to.equal("SIGN_IN_AGAIN");
  });

  it("exports what an account has: to the person all of it, to an admin not what people wrote, and never a secret", async () => {
    const { token } = await fixture.signUp("eve");
    await call("POST", "/rooms", { room: "den" }, token);
    await call("POST", "/rooms/den/messages", { text: "mine" }, token);
    await call("PUT", "/me/drafts", { place: "room/den", text: "half a thought", revision: 0 }, token);
    await call("PUT", "/me/about", { title: "Head of tea" }, token);
    root = await again("root");
    await call("POST", "/rooms/den/join", {}, root);
    await call("POST", "/rooms/den/messages", { text: "not mine" }, root);
    const link = { id: "one", hash: "f".repeat(64), conversation: "eve.helper", leaf: 1, title: "", lifeMs: dayMs };
    const shared = { type: "addShared", ...link };
    await fixture.kernel.ask({ to: "user/eve", from: "gateway", message: shared, timeoutMs: 5_000 });
    const rows = (reply: Reply) =>
      String(reply.body)
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { type: string });
    const own = await call("GET", "/me/export", undefined, token);
    expect(rows(own).map(({ type }) => type)).to.deep.equal([
      "export",
      "account",
      "about",
      "room",
      "message",
      "sharedLink",
      "draft",
      "end",
    ]);
    expect(own.body)
      .to.include("mine")
      .and.include("Head of tea")
      .and.include("half a thought")
      .and.not.include("not mine")
      .and.not.include("argon2")
      .and.not.include("tokenHash")
      .and.not.include(link.hash);
    const admins = await call("GET", "/admin/users/eve/export", undefined, root);
    expect(rows(admins).map(({ type }) => type)).to.deep.equal([
      "export",
      "account",
      "about",
      "room",
      "sharedLink",
      "end",
    ]);
    expect(admins.body).to.not.include("argon2").and.not.include("half a thought");
  });

  it("refuses one export too many, before it is written down as one", async () => {
    const actions: string[] = [];
    const audit = { write: ({ action }: { readonly action: string }) => Promise.resolve(void actions.push(action)) };
    const full = await startFixture({ limits: { exportsMax: 0 }, audit });
    const { token } = await full.signUp("eve");
    const answer = await full.request("GET", "/api/v1/me/export", { token });
    expect(codeOf(answer)).to.equal("OVERLOADED");
    expect(actions).to.not.include("exportUser");
    await full.stop();
  });

  it("has guests, who talk where they were brought into, find nothing else, and are gone when their time is over", async () => {
    root = await again("root");
    await call("POST", "/rooms", { room: "project", visibility: "private" }, root);
    const outsider = (await fixture.signUp("fay")).token;
    await fixture.request("PUT", "/api/v1/admin/users/fay/roles", { token: controlToken, body: { roles: ["admin"] } });
    const invite = (token: string, room = "project") =>
      call("POST", "/admin/sign-up-invitations", { uses: 1, expiresInMs: dayMs, guest: { room, lifeMs: 3 * dayMs } }, token); // prettier-ignore
    await until(async () => (await call("GET", "/me", undefined, outsider)).body.admin === true);
    expect(codeOf(await invite(outsider)), "an admin who is not in a private room").to.equal("FORBIDDEN");
    expect(codeOf(await invite(controlToken)), "nor the operator").to.equal("FORBIDDEN");
    const made = await invite(root);
    expect(codeOf(made)).to.equal("ok");
    const joined = await call("POST", "/sign-up", { name: "gil", password, invitation: made.body.code });
    expect(codeOf(joined)).to.equal("ok");
    const token = joined.body.token as string;
    expect((await call("GET", "/me", undefined, token)).body.roles).to.deep.equal(["guest"]);
    expect(codeOf(await call("POST", "/rooms/project/messages", { text: "hello" }, token))).to.equal("ok");
    for (const [method, path, body] of [
      ["POST", "/rooms", { room: "own" }],
      ["POST", "/rooms/den/join", {}],
      ["GET", "/catalog/users", undefined],
      ["POST", "/agents", { name: "x" }],
    ] as const)
      expect(codeOf(await call(method, path, body, token)), path).to.equal("FORBIDDEN");
    expect(
      codeOf(await call("POST", "/sign-up", { name: "hal", password, invitation: made.body.code })),
      "once",
    ).to.equal("SIGN_UP_INVITATION_INVALID");
    shiftMs += 3 * dayMs;
    expect(codeOf(await call("GET", "/me", undefined, token))).to.equal("UNAUTHENTICATED");
    expect(codeOf(await signIn("gil"))).to.equal("SUSPENDED");
  });
});
