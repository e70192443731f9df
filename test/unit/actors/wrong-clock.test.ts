import { expect } from "chai";
import { actorLimits } from "../../../actors/limits.ts";
import { wireLimits } from "../../../protocols/index.ts";
import { agoMs, holdsAt } from "../../../protocols/times/index.ts";
import { Fixture } from "./fixture.ts";

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;
const ada = "user/ada";

/** What was set while the clock was ten years ahead, looked at when it is right; and what was set by a right clock. */
function fixtures(set: (fixture: Fixture) => void): { readonly wrong: Fixture; readonly right: Fixture } {
  const [wrong, right] = [new Fixture(), new Fixture()];
  right.nowMs += 50 * yearMs;
  wrong.nowMs += 60 * yearMs;
  for (const fixture of [wrong, right]) set(fixture);
  wrong.nowMs -= 10 * yearMs;
  return { wrong, right };
}

describe("a time that was set while a clock was years ahead", () => {
  it("is over when it is further off than its rule allows, and clocks may differ by a day", () => {
    expect(holdsAt(0, hourMs, hourMs)).to.equal(true);
    expect(holdsAt(0, 0, hourMs)).to.equal(false);
    expect(holdsAt(0, 25 * hourMs, hourMs)).to.equal(true);
    expect(holdsAt(0, 25 * hourMs + 1, hourMs)).to.equal(false);
  });

  it("keeps no session for years, and every key as long as its person has said", () => {
    const outcome = (fixture: Fixture, tokenHash: string): string =>
      fixture.code("gateway", ada, { type: "authenticate", tokenHash });
    const { wrong, right } = fixtures((fixture) => {
      fixture.ok("gateway", ada, { type: "create", passwordHash: "argon" });
      const of = { label: "x", type: "openSession" };
      const { nowMs } = fixture;
      fixture.ok("gateway", ada, { ...of, id: "s1", kind: "session", tokenHash: "t1", expiresAtMs: nowMs + 24 * hourMs }); // prettier-ignore
      fixture.ok("gateway", ada, { ...of, id: "k1", kind: "key", tokenHash: "t2", expiresAtMs: nowMs + 24 * hourMs });
    });
    expect([outcome(right, "t1"), outcome(right, "t2")]).to.deep.equal(["accepted", "accepted"]);
    expect([outcome(wrong, "t1"), outcome(wrong, "t2")]).to.deep.equal(["UNAUTHENTICATED", "accepted"]);
  });

  it("keeps nobody out of a room for years", () => {
    const lobby = "room/lobby";
    const { wrong, right } = fixtures((fixture) => {
      fixture.ok(ada, lobby, { type: "create", title: "Lobby" });
      fixture.ok("user/bob", lobby, { type: "join" });
      fixture.ok(ada, lobby, { type: "remove", member: "user/bob", ban: true, banForMs: hourMs });
    });
    expect(right.code("user/bob", lobby, { type: "join" })).to.equal("BANNED");
    expect(wrong.code("user/bob", lobby, { type: "join" })).to.equal("accepted");
  });

  it("keeps no link that sets a password for years", () => {
    const reset = { type: "resetPassword", secretHash: "secret", passwordHash: "next" };
    const { wrong, right } = fixtures((fixture) => {
      fixture.ok("gateway", ada, { type: "create", passwordHash: "argon" });
      fixture.ok("gateway", ada, { type: "makeReset", secretHash: "secret", lifeMs: actorLimits.linkLifeMsMax });
    });
    expect(wrong.code("gateway", ada, reset)).to.equal("LINK_INVALID");
    expect(right.code("gateway", ada, reset)).to.equal("accepted");
  });

  it("counts what a gateway says by the clock of who keeps it, wherever the gateway's is", () => {
    const fixture = new Fixture();
    fixture.ok("gateway", ada, { type: "create", passwordHash: "argon", guest: { lifeMs: 60 * 24 * hourMs } });
    const ahead = fixture.nowMs + yearMs;
    fixture.ok("gateway", ada, { type: "openSession", label: "x", id: "s1", kind: "session", tokenHash: "t1", expiresAtMs: ahead }); // prettier-ignore
    fixture.ok("gateway", ada, { type: "makeReset", secretHash: "secret", lifeMs: 400 * 24 * hourMs });
    fixture.pass(actorLimits.sessionLifeMsMax - 1);
    expect(fixture.code("gateway", ada, { type: "authenticate", tokenHash: "t1" })).to.equal("accepted");
    fixture.pass(1);
    expect(fixture.code("gateway", ada, { type: "authenticate", tokenHash: "t1" })).to.equal("UNAUTHENTICATED");
    expect(
      fixture.code("gateway", ada, { type: "resetPassword", secretHash: "secret", passwordHash: "next" }),
    ).to.equal("LINK_INVALID");
  });

  it("takes nobody for freshly signed in for years", () => {
    expect([agoMs(yearMs, yearMs - 5), agoMs(yearMs, yearMs + hourMs), agoMs(yearMs, 2 * yearMs)]).to.deep.equal([
      5,
      0,
      yearMs,
    ]);
    const { wrong, right } = fixtures((fixture) => {
      fixture.ok("gateway", ada, { type: "create", passwordHash: "argon" });
      const { nowMs } = fixture;
      fixture.ok("gateway", ada, { type: "openSession", label: "x", id: "s1", kind: "session", tokenHash: "t1", expiresAtMs: nowMs + hourMs }); // prettier-ignore
      fixture.ok("gateway", ada, { type: "openSession", label: "x", id: "k1", kind: "key", tokenHash: "t2" });
      fixture.ok("gateway", ada, { type: "keyUsed", id: "k1" });
    });
    const told = (fixture: Fixture, tokenHash: string) =>
      fixture.ok<{ useDue?: boolean; usedAgoMs: number }>("gateway", ada, { type: "authenticate", tokenHash });
    expect([told(right, "t2").useDue, told(wrong, "t2").useDue]).to.deep.equal([undefined, true]);
    expect([told(right, "t2").usedAgoMs, told(wrong, "t2").usedAgoMs]).to.deep.equal([0, wrong.nowMs]);
  });

  it("lets a deletion wait for two weeks from then, and no longer", () => {
    const { wrong } = fixtures((fixture) => {
      fixture.ok("gateway", ada, { type: "create", passwordHash: "argon" });
      fixture.ok("gateway", ada, { type: "openSession", label: "x", id: "s1", kind: "session", tokenHash: "t1" });
      fixture.ok("gateway", ada, { type: "beginDeletion", waitMs: actorLimits.deletionWaitMsMax, byAdmin: false });
    });
    wrong.ringEarly(ada);
    wrong.settle();
    expect(wrong.code("gateway", ada, { type: "authenticate", tokenHash: "x" })).to.equal("UNAUTHENTICATED");
    wrong.pass(actorLimits.deletionWaitMsMax + 1);
    expect(wrong.code("gateway", ada, { type: "credentials" })).to.equal("NOT_FOUND");
  });

  it("makes nobody wait for years until they may agree to what another admin asks for", () => {
    const { wrong, right } = fixtures((fixture) => {
      fixture.ok("gateway", ada, { type: "create", passwordHash: "argon" });
      fixture.ok("gateway", "role-manager/cluster", { type: "setRoles", user: "ada", roles: ["owner"] });
    });
    const second = (fixture: Fixture): readonly string[] =>
      fixture.ok<{ secondAdmins: string[] }>("node", "role-manager/cluster", { type: "describe" }).secondAdmins;
    expect(second(right)).to.deep.equal([]);
    expect(second(wrong)).to.deep.equal(["ada"]);
    expect(wireLimits.secondAdminMs).to.be.below(yearMs);
  });
});
