/** What people do with their own account at the gateway: what the audit says of it, and which ids a path may have. */
import { expect } from "chai";
import type { AuditEvent } from "../../../protocols/index.ts";
import { password, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: the own account", () => {
  const written: AuditEvent[] = [];
  let fixture: Fixture;
  let token: string;
  before(async () => {
    fixture = await startFixture({ audit: { write: async (event) => void written.push(event) } });
    ({ token } = await fixture.signUp("ada"));
  });
  after(() => fixture.stop());
  beforeEach(() => void (written.length = 0));
  const entries = () => written.map(({ action, by, outcome }) => [action, by, outcome]);

  it("has in the audit that a person proved again who they are, and that somebody tried", async () => {
    const prove = (body: object) => fixture.request("POST", "/api/v1/me/session/confirm", { token, body });
    expect((await prove({ password })).status).to.equal(200);
    expect(entries()).to.deep.equal([["proveAgain", "user/ada", "done"]]);
    expect((await prove({ password: "wrong horse" })).status).to.equal(401);
    expect((await prove({ code: "000000" })).status).to.be.within(400, 499);
    expect(entries().map(([action, by]) => [action, by])).to.deep.equal(Array(3).fill(["proveAgain", "user/ada"]));
    expect(entries().filter(([, , outcome]) => outcome === "done")).to.have.length(1);
  });

  it("says in the description of the interface what the audit calls the end of a key", async () => {
    const { body } = await fixture.request("GET", "/openapi.json");
    expect(body.paths["/api/v1/me/keys/{id}"].delete["x-audit"]).to.equal("revokeSession");
    const { body: key } = await fixture.request("POST", "/api/v1/me/keys", { token, body: { label: "robot" } });
    written.length = 0;
    expect((await fixture.request("DELETE", `/api/v1/me/keys/${key.id}`, { token })).status).to.equal(200);
    expect(entries()).to.deep.equal([["revokeSession", "user/ada", "done"]]);
  });

  it("takes the id of a passkey in a path as long as it may be", async () => {
    // The route is found: the actor has no such passkey.
    const { body } = await fixture.request("DELETE", `/api/v1/me/passkeys/${"a".repeat(512)}`, { token });
    expect([body.error.code, body.error.details?.path]).to.deep.equal(["NOT_FOUND", undefined]);
  });
});
