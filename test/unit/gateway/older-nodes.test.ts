/** A gateway whose accounts are on nodes of an older version, which tell nothing of proofs. */
import { expect } from "chai";
import type { GatewayOptions } from "../../../node/gateway/options.ts";
import { adminCode, password, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: accounts on nodes of an older version", () => {
  let fixture: Fixture;
  let isOlder = true;
  before(async () => {
    fixture = await startFixture({
      open: ({ kernel }) => ({
        kernel: {
          ...kernel,
          async ask(asked: Parameters<typeof kernel.ask>[0]) {
            const answer = await kernel.ask(asked);
            const { type } = asked.message as { readonly type: string };
            if (!isOlder || !answer.ok || !type.startsWith("authenticate")) return answer;
            // As the contract of the last release has it.
            const { user, admin, session, kind, expiresAtMs } = answer.value as Record<string, unknown>;
            return {
              ok: true,
              value: { user, admin, session, kind, ...(expiresAtMs !== undefined && { expiresAtMs }) },
            };
          },
        } as unknown as GatewayOptions["kernel"],
      }),
    });
  });
  after(() => fixture.stop());

  it("lets people do what needs no proof, refuses power with the true cause and not with a sign-in that would mend nothing, and takes their fresh proof once it is told", async () => {
    isOlder = true;
    const { token } = await fixture.signUp("ada");
    await fixture.request("POST", "/api/v1/admin", { token, body: { code: adminCode } });
    expect((await fixture.request("GET", "/api/v1/me", { token })).status).to.equal(200);
    const key = { label: "a program" };
    const refused = await fixture.request("POST", "/api/v1/me/keys", { token, body: key });
    expect(refused.status).to.equal(403);
    expect(refused.body).to.have.nested.property("error.code", "FORBIDDEN");
    expect(JSON.stringify(refused.body)).to.contain("node of an older version");
    isOlder = false;
    const again = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } });
    const { token: newer } = again.body as { readonly token: string };
    expect((await fixture.request("POST", "/api/v1/me/keys", { token: newer, body: key })).status).to.equal(200);
  });
});

describe("gateway of an older version, which says nothing of its callers", () => {
  let fixture: Fixture;
  let isOlder = false;
  before(async () => {
    fixture = await startFixture({
      open: ({ kernel }) => ({
        kernel: {
          ...kernel,
          ask(asked: Parameters<typeof kernel.ask>[0]) {
            const { shown, ...message } = asked.message as { readonly type: string; readonly shown?: unknown };
            return kernel.ask(isOlder && shown !== undefined ? { ...asked, message } : asked);
          },
        } as unknown as GatewayOptions["kernel"],
      }),
    });
  });
  after(() => fixture.stop());

  it("gives nobody a role, whatever it lets in by its own table; a gateway of this version does", async () => {
    const { token } = await fixture.signUp("ada");
    await fixture.signUp("bob");
    await fixture.request("POST", "/api/v1/admin", { token, body: { code: adminCode } });
    const bob = "/api/v1/admin/users/bob";
    const give = (path: string, body: object) => fixture.request("PUT", `${bob}${path}`, { token, body });
    const rolesOf = async () => (await fixture.request("GET", `${bob}/sessions`, { token })).body.roles;
    isOlder = true;
    for (const [path, body] of [
      ["", { admin: true }],
      ["/roles", { roles: ["admin"] }],
    ] as const) {
      const refused = await give(path, body);
      expect(refused.status, path).to.equal(403);
      expect(refused.body, path).to.have.nested.property("error.code", "FORBIDDEN");
      expect(refused.body, path).to.have.nested.property("error.details.permission", "roles.manage");
      expect(JSON.stringify(refused.body), path).to.contain("node of an older version");
    }
    expect(await rolesOf()).to.deep.equal(["member"]);
    isOlder = false;
    expect((await give("/roles", { roles: ["admin"] })).status).to.equal(200);
  });

  it("makes no way into any account, and takes none: people sign in there and replace their password", async () => {
    isOlder = false;
    const { token } = await fixture.signUp("eve");
    const signIn = { body: { name: "ada", password } };
    const admin = String((await fixture.request("POST", "/api/v1/sign-in", signIn)).body.token);
    isOlder = true;
    const asks: readonly (readonly [string, "POST" | "PUT" | "DELETE", string, object?])[] = [
      [token, "POST", "/me/keys", { label: "a program" }],
      [token, "POST", "/me/totp", {}],
      [token, "POST", "/me/deletion", {}],
      [admin, "POST", "/admin/users/eve/reset", {}],
      [admin, "PUT", "/admin/users/eve/suspended", { suspended: true }],
      [admin, "DELETE", "/admin/users/eve/sessions"],
      [admin, "PUT", "/admin/users/eve/deletion", { deleted: true }],
      [admin, "POST", "/admin/service-accounts", { name: "build" }],
    ];
    for (const [by, method, path, body] of asks) {
      const refused = await fixture.request(method, `/api/v1${path}`, { token: by, ...(body && { body }) });
      expect(refused.status, path).to.equal(403);
      expect(JSON.stringify(refused.body), path).to.contain("node of an older version");
    }
    const next = "a longer password than before";
    const set = { current: password, password: next };
    expect((await fixture.request("PUT", "/api/v1/me/password", { token, body: set })).status).to.equal(200);
    const again = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "eve", password: next } });
    expect(again.status).to.equal(200);
    isOlder = false;
    const asked = { token: String(again.body.token), body: { label: "x" } };
    expect((await fixture.request("POST", "/api/v1/me/keys", asked)).status).to.equal(200);
  });
});
