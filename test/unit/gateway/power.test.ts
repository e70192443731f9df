import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createSettings, noClusterValues } from "../../../config/index.ts";
import { tellCluster } from "../../../node/audit/index.ts";
import { keptSettings } from "../../fixtures/kept-settings.ts";
import { openSettings } from "../../../node/cluster/facts/node-settings.ts";
import { noticeText, type Notice, type Permission } from "../../../protocols/index.ts";
import { untilTrue } from "../../waits.ts";
import { ask } from "./control-client.ts";
import { controlToken, password, startFixture, type Fixture, type Reply } from "./fixture.ts";

const { FORBIDDEN, ok } = { FORBIDDEN: "FORBIDDEN", ok: "ok" };

describe("gateway: what gives or takes power", () => {
  let fixture: Fixture;
  let data: string;
  let marks = 0;
  let opened: ReturnType<typeof openSettings>;
  const tokens: Record<string, string> = { operator: controlToken };
  const call = (by: string, method: string, path: string, body?: object): Promise<Reply> =>
    fixture.request(method, `/api/v1${path}`, { token: tokens[by] ?? "", ...(body && { body }) });
  const code = (reply: Reply): string => (reply.body as { error?: { code: string } }).error?.code ?? ok;
  /** Somebody with a role that grants this alone. */
  const withRole = async (name: string, ...grants: readonly Permission[]): Promise<void> => {
    tokens[name] = (await fixture.signUp(name)).token;
    const role = { grants: grants.map((permission) => ({ permission })) };
    expect(code(await call("operator", "PUT", `/admin/roles/${name}`, role))).to.equal(ok);
    expect(code(await call("operator", "PUT", `/admin/users/${name}/roles`, { roles: [name] }))).to.equal(ok);
  };
  const noticesOf = async (name: string): Promise<readonly Notice[]> =>
    (await call(name, "GET", "/me")).body.notices ?? [];

  /** How many eve has, once nothing is under way: the last act of whoever asks is among them. */
  const counted = async (): Promise<number> => {
    const mark = `mark-${String((marks += 1))}`;
    expect(code(await call("operator", "PUT", `/admin/roles/${mark}`, { grants: [] }))).to.equal(ok);
    await untilTrue("eve hears of the mark", async () => (await noticesOf("eve")).at(-1)?.facts["role"] === mark);
    return (await noticesOf("eve")).length;
  };

  before(async () => {
    data = await mkdtemp(join(tmpdir(), "plexus-power-"));
    fixture = await startFixture({
      open(peer, { log }) {
        const own = createSettings(
          { environment: {} },
          { workFolder: "/", dataFolder: data, hostname: "test", models: [] },
          noClusterValues,
        );
        opened = openSettings(own, { machine: { log }, node: "test", name: "test", peer, file: keptSettings(data) });
        return { settings: opened.control };
      },
      controlListen: { host: "127.0.0.1", port: 0 },
      changed: (action, facts, by, tell) => tellCluster(fixture.kernel, { action, facts, by, ...(tell && { tell }) }),
    });
    for (const name of ["ada", "eve", "bob"]) tokens[name] = (await fixture.signUp(name)).token;
    await call("operator", "PUT", "/admin/users/eve/roles", { roles: ["admin"] });
  });
  after(async () => {
    await fixture.stop();
    await opened.stop();
    await rm(data, { recursive: true, force: true });
  });

  it("is told to all admins: who did what to whom, whoever did it and by which operation", async () => {
    const acts: readonly (readonly [string, string, string, string, object])[] = [
      ["setRoles", "ada", "PUT", "/admin/users/bob/roles", { roles: ["moderator"] }],
      ["resetPassword", "ada", "POST", "/admin/users/bob/reset", {}],
      ["suspendUser", "ada", "PUT", "/admin/users/bob/suspended", { suspended: true }],
      ["restoreUser", "operator", "PUT", "/admin/users/bob/suspended", { suspended: false }],
      ["endSession", "ada", "DELETE", "/admin/users/bob/sessions", {}],
      ["setRole", "ada", "PUT", "/admin/roles/looks", { grants: [{ permission: "people.see" }] }],
      ["removeRole", "ada", "DELETE", "/admin/roles/looks", {}],
      ["createServiceAccount", "ada", "POST", "/admin/service-accounts", { name: "cron" }],
      ["createKey", "ada", "POST", "/admin/users/cron/keys", { label: "night" }],
      ["createKey", "ada", "POST", "/me/keys", { label: "own" }],
      ["createControlToken", "ada", "POST", "/admin/control/tokens", { name: "ops", scopes: ["people.manage"] }],
      ["revokeControlToken", "ada", "DELETE", "/admin/control/tokens/ops", {}],
      ["setHold", "ada", "POST", "/admin/backups/holds", { on: { person: "user/bob" }, reason: "case 12" }],
    ];
    await untilTrue("eve hears of her own role", async () => (await noticesOf("eve")).length === 1);
    for (const [index, [action, by, method, path, body]] of acts.entries()) {
      expect(code(await call(by, method, path, method === "DELETE" ? undefined : body)), path).to.equal(ok);
      await untilTrue(`eve hears of ${path}`, async () => (await noticesOf("eve")).length > index + 1);
      const notice = (await noticesOf("eve")).at(-1) as Notice;
      expect([notice.action, notice.facts["by"]], path).to.deep.equal([action, by]);
      expect(noticeText(notice, "eve"), path).to.match(by === "operator" ? /^The operator: / : /^ada: /);
    }
    expect((await noticesOf("ada")).length, "also whoever did it: somebody may do it in their name").to.equal(
      (await noticesOf("eve")).length,
    );
    expect(noticeText((await noticesOf("eve"))[1] as Notice, "eve")).to.equal(
      "ada: A person gets or loses roles of the cluster (user bob, roles moderator). See `plexus audit`.",
    );
    const before = await counted();
    tokens["bob"] = (await fixture.request("POST", "/api/v1/sign-in", { body: { name: "bob", password } })).body.token;
    await call("operator", "PUT", "/admin/users/bob/roles", { roles: ["member"] });
    expect(code(await call("bob", "POST", "/me/keys", { label: "mine" })), "a member's own key").to.equal(ok);
    await call("operator", "PUT", "/admin/users/bob/roles", { roles: ["guest"] });
    await untilTrue("the two changes of roles", async () => (await noticesOf("eve")).length >= before + 2);
    expect((await noticesOf("eve")).slice(before).map(({ action }) => action)).to.deep.equal(["setRoles", "setRoles"]);
  });

  it("is told of nodes and the directory, which the cluster's control does", async () => {
    const before = await counted();
    tellCluster(fixture.kernel, { action: "invite", by: "ada", facts: { roles: "chat" } });
    tellCluster(fixture.kernel, { action: "drain", by: "ada", facts: { node: "b" } });
    tellCluster(fixture.kernel, { action: "evict", by: "ada", facts: { node: "b" } });
    await untilTrue("eve hears of it", async () => (await noticesOf("eve")).length >= before + 2);
    expect((await noticesOf("eve")).slice(before).map(({ action }) => action)).to.deep.equal(["invite", "evict"]);
  });

  it("lets nobody in with more than whoever invites has, and nobody back by a right to take", async () => {
    await withRole("porter", "people.admit", "people.see");
    await withRole("warden", "people.manage", "people.see", "account.use", "account.see", "account.revoke", "account.secure", "room.see", "room.read", "room.leave", "room.post", "room.edit", "room.delete", "room.close", "room.pin"); // prettier-ignore
    expect(code(await call("operator", "PUT", "/admin/users/bob/roles", { roles: ["guest"] }))).to.equal(ok);
    const invite = { uses: 1, expiresInMs: 60_000 };
    expect(code(await call("porter", "POST", "/admin/sign-up-invitations", invite)), "a member may do more").to.equal(
      FORBIDDEN,
    );
    expect(code(await call("eve", "POST", "/admin/sign-up-invitations", invite))).to.equal(ok);
    await withRole("linker", "identity.manage");
    const server = { server: { kind: "oidc", issuer: "http://127.0.0.1:9", clientId: "c" }, label: "Mine" };
    const link = (registration: string) =>
      call("linker", "PUT", "/admin/identity-providers/mine", { ...server, registration });
    expect(code(await link("create")), "its server would make members").to.equal(FORBIDDEN);
    expect(code(await link("invitation")), "who has an invitation has it from somebody who may").to.equal(ok);
    expect(code(await call("warden", "PUT", "/admin/users/bob/suspended", { suspended: true }))).to.equal(ok);
    const back = await call("warden", "PUT", "/admin/users/bob/suspended", { suspended: false });
    expect(back.body.error.details.permission).to.equal("people.admit");
    expect(code(await call("eve", "PUT", "/admin/users/bob/suspended", { suspended: false }))).to.equal(ok);
    const called = await call("warden", "PUT", "/admin/users/bob/deletion", { deleted: false });
    expect(called.body.error.details.permission).to.equal("people.admit");
  });

  it("is not had by rules that set off a playbook: who sets one may do by hand what it does", async () => {
    await withRole("watcher", "alerts.manage", "alerts.read");
    const rule = { severity: "warning", by: "user", steps: [{ action: "signIn" }], withinMinutes: 5, on: true };
    const set = (by: string, name: string) => call(by, "PUT", `/admin/rules/${name}`, rule);
    const first = await set("watcher", "mine");
    expect(code(first), JSON.stringify(first.body)).to.equal(ok);
    const playbook = { when: { sources: ["rule/*"] }, acts: [{ do: "suspend" }] };
    expect(code(await call("eve", "PUT", "/admin/playbooks/out", playbook))).to.equal(ok);
    expect(code(await set("watcher", "mine")), "it only rehearses").to.equal(ok);
    expect(code(await call("eve", "POST", "/admin/playbooks/out/mode", { mode: "on" }))).to.equal(ok);
    const refused = await set("watcher", "mine");
    expect(refused.body.error.details.permission).to.equal("people.manage");
    expect(code(await set("eve", "mine"))).to.equal(ok);
    const detector = await call("watcher", "PUT", "/admin/detectors/refused-person", { settings: { count: 20 } });
    expect(code(detector), "no playbook is for it").to.equal(ok);
  });

  it("is not had by keys of the configuration: each takes what doing it by hand takes, and no control token sets those that let in", async () => {
    await withRole("tuner", "config.manage", "config.read");
    await withRole("opener", "config.manage", "config.read", "people.admit");
    const { token } = (await call("operator", "POST", "/admin/control/tokens", { name: "tuning", scopes: ["config.manage", "config.read"] })).body; // prettier-ignore
    const url = fixture.gateway.controlUrl ?? "";
    const byToken = async (body: object) => ask(url, "/api/v1/admin/configuration", { method: "PUT", token, body });
    const set = (by: string, key: string, value: unknown, revision: number) =>
      call(by, "PUT", "/admin/configuration", { set: { [key]: value }, revision });
    expect(code(await set("tuner", "contextTokens", 512, 0))).to.equal(ok);
    for (const [key, value, needed] of [
      ["signUp", "open", "people.admit"],
      ["adminAddresses", ["127.0.0.1"], "roles.manage"],
      ["trustedProxies", ["10.0.0.1"], "roles.manage"],
      ["publicUrl", "https://evil.example", "cluster.own"],
      ["finding.accept", "all", "models.connect"],
    ] as const) {
      expect((await set("tuner", key, value, 1)).body.error.details.permission, key).to.equal(needed);
      const refused = await byToken({ set: { [key]: value }, revision: 1 });
      expect(refused.body.error.details.permission, `token: ${key}`).to.equal(needed);
    }
    expect(code(await set("opener", "signUp", "open", 1)), "a member may do more than whoever opens the door").to.equal(
      FORBIDDEN,
    );
    expect((await byToken({ set: { contextTokens: 256 }, revision: 1 })).status).to.equal(200);
    expect(code(await set("eve", "signUp", "closed", 2))).to.equal(ok);
    // The way back is a way there.
    const back = await call("tuner", "POST", "/admin/configuration/rollback", { revision: 3, to: 2 });
    expect(back.body.error.details.permission).to.equal("people.admit");
  });
});
