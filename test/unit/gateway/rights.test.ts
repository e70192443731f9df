import { expect } from "chai";
import type { DiskStatus } from "../../../protocols/index.ts";
import { createWorld, controlToken, password, startFixture, type Fixture } from "./fixture.ts";

const freshMs = 600_000;
describe("gateway: a fresh sign-in", () => {
  let fixture: Fixture;
  let shiftMs = 0;
  let token: string;
  const status: DiskStatus = { state: "sealed", keyFile: "/keys/disk.key" };
  const setDisk = (by: string) =>
    fixture.request("PUT", "/api/v1/admin/disk", { token: by, body: { encrypted: true } });
  const confirm = (by: string, given: string) =>
    fixture.request("POST", "/api/v1/me/session/confirm", { token: by, body: { password: given } });

  beforeEach(async () => {
    shiftMs = 0;
    const world = createWorld();
    const clock = world.clock();
    fixture = await startFixture({
      world,
      clock: { ...clock, nowMs: () => clock.nowMs() + shiftMs },
      disk: { status: () => status, set: () => Promise.resolve({ ok: true, value: status }) },
      limits: { signInFailureRate: { count: 2, windowMs: 900_000 } },
    });
    ({ token } = await fixture.signUp("ada"));
  });
  afterEach(() => fixture.stop());

  it("is asked for when the password was given too long ago, and given by the password", async () => {
    expect((await setDisk(token)).status).to.equal(200);
    shiftMs = freshMs + 1_000;
    const refused = await setDisk(token);
    expect(refused.status).to.equal(403);
    expect(refused.body.error).to.deep.include({ code: "SIGN_IN_AGAIN", outcome: "not_started" });
    // What asks for none goes on.
    expect((await fixture.request("GET", "/api/v1/admin/disk", { token })).status).to.equal(200);

    expect((await confirm(token, "wrong horse")).body.error.code).to.equal("SIGN_IN_FAILED");
    expect((await setDisk(token)).body.error.code).to.equal("SIGN_IN_AGAIN");
    expect((await confirm(token, password)).status).to.equal(200);
    expect((await setDisk(token)).status).to.equal(200);
    shiftMs += freshMs + 1_000;
    expect((await setDisk(token)).body.error.code).to.equal("SIGN_IN_AGAIN");
  });

  it("is one session's, and not the other's", async () => {
    const other = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } });
    shiftMs = freshMs + 1_000;
    await confirm(token, password);
    expect((await setDisk(token)).status).to.equal(200);
    expect((await setDisk(other.body.token)).body.error.code).to.equal("SIGN_IN_AGAIN");
  });

  it("is guessed as slowly as a password", async () => {
    shiftMs = freshMs + 1_000;
    for (const guess of ["wrong one", "wrong two"])
      expect((await confirm(token, guess)).body.error.code).to.equal("SIGN_IN_FAILED");
    expect((await confirm(token, password)).body.error.code).to.equal("RATE_LIMITED");
    expect((await setDisk(token)).body.error.code).to.equal("SIGN_IN_AGAIN");
  });

  it("is nothing for an API key, and not asked of the operator", async () => {
    const made = await fixture.request("POST", "/api/v1/me/keys", { token, body: { label: "cron" } });
    const refused = await setDisk(made.body.key);
    expect(refused.body.error).to.deep.include({ code: "FORBIDDEN" });
    expect((await confirm(made.body.key, password)).body.error.code).to.equal("FORBIDDEN");
    shiftMs = freshMs + 1_000;
    expect((await setDisk(controlToken)).status).to.equal(200);
  });
});
