import { expect } from "chai";
import { startFixture, type Fixture } from "./fixture.ts";

describe("gateway: accounts of programs", () => {
  let fixture: Fixture;
  const tokens: Record<string, string> = {};
  const admin = (by: string, method: string, path: string, body?: unknown) =>
    fixture.request(method, `/api/v1${path}`, { token: tokens[by] as string, ...(body !== undefined && { body }) });
  const code = (reply: { body: { error?: { code: string } } }) => reply.body.error?.code ?? "ok";

  before(async () => {
    fixture = await startFixture();
    for (const name of ["ada", "bob", "mod"]) tokens[name] = (await fixture.signUp(name)).token;
    await admin("ada", "PUT", "/admin/users/mod/roles", { roles: ["moderator"] });
  });
  after(() => fixture.stop());

  it("have the role service, no password, and keys that those make who manage people", async () => {
    expect(code(await admin("bob", "POST", "/admin/service-accounts", { name: "robot" }))).to.equal("FORBIDDEN");
    const made = await admin("ada", "POST", "/admin/service-accounts", { name: "robot", displayName: "Robot" });
    expect(made.body).to.deep.equal({ user: "robot", roles: ["service"] });
    expect(code(await admin("ada", "POST", "/admin/service-accounts", { name: "robot" }))).to.equal("NAME_TAKEN");
    const key = await admin("ada", "POST", "/admin/users/robot/keys", { label: "Night job", scopes: ["read"] });
    tokens["robot"] = key.body.key;
    const me = await admin("robot", "GET", "/me");
    expect(me.body).to.deep.include({ user: "robot", roles: ["service"] });
    const { body } = await admin("mod", "GET", "/admin/users/robot/sessions");
    expect(body).to.deep.include({ displayName: "Robot", roles: ["service"] });
    expect(body.factors).to.deep.include({ password: false, passkeys: 0 });
    expect(body.sessions).to.have.length(1);
    expect(code(await admin("ada", "POST", "/admin/users/robot/reset", {})), "no link gives it a password").to.equal(
      "FORBIDDEN",
    );
  });

  it("are made whole where the command was broken off, and of nobody else's account", async () => {
    const make = (name: string) => admin("ada", "POST", "/admin/service-accounts", { name });
    // What is there when the node ended between the two steps.
    const create = { type: "create", shown: { as: "operator" } };
    await fixture.kernel.ask({ to: "user/half", from: "gateway", message: create, timeoutMs: 5_000 });
    expect((await make("half")).body).to.deep.equal({ user: "half", roles: ["service"] });
    expect(code(await admin("ada", "POST", "/admin/users/half/keys", { label: "x" }))).to.equal("ok");
    expect(code(await make("half")), "it is whole").to.equal("NAME_TAKEN");
    expect(code(await make("bob")), "a person").to.equal("NAME_TAKEN");
    await fixture.kernel.ask({ to: "user/shut", from: "gateway", message: create, timeoutMs: 5_000 });
    await admin("ada", "PUT", "/admin/users/shut/suspended", { suspended: true });
    expect(code(await make("shut")), "an admin has suspended it").to.equal("NAME_TAKEN");
  });

  it("are none of people: nobody makes keys for those", async () => {
    expect(code(await admin("ada", "POST", "/admin/users/bob/keys", { label: "x" }))).to.equal("FORBIDDEN");
    await admin("ada", "PUT", "/admin/users/bob/roles", { roles: ["service"] });
    expect(code(await admin("ada", "POST", "/admin/users/bob/keys", { label: "x" })), "with a password").to.equal(
      "FORBIDDEN",
    );
  });

  it("everybody is told what they may do now, and whether somebody is suspended", async () => {
    const of = async (who: string) => (await admin(who, "GET", "/me/permissions")).body;
    expect((await of("ada")).permissions)
      .to.include("cluster.own")
      .and.to.include("roles.manage");
    expect((await of("mod")).permissions)
      .to.include("people.manage")
      .and.not.to.include("roles.manage");
    expect((await of("robot")).permissions)
      .to.include("room.read")
      .and.not.to.include("room.post");
    await admin("ada", "PUT", "/admin/users/bob/suspended", { suspended: true });
    const { body } = await admin("mod", "GET", "/admin/users/bob/sessions");
    expect(body).to.deep.include({ suspended: true, sessions: [] });
  });
});
