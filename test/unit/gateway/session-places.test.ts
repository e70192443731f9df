import { expect } from "chai";
import { wireLimits, type Session } from "../../../protocols/index.ts";
import { until } from "../../waits.ts";
import { controlToken, createWorld, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: where sessions are", () => {
  let fixture: Fixture;
  let shiftMs = 0;
  before(async () => {
    const places: Readonly<Record<string, string>> = { "192.0.2.7": "Vienna", "198.51.100.9": "Lima" };
    const placeOf = (address: string): string | undefined => places[address];
    const tryRule = () => Promise.reject(new Error("no rule is tried here"));
    const world = createWorld();
    const clock = world.clock();
    const shifted = { ...clock, nowMs: () => clock.nowMs() + shiftMs };
    fixture = await startFixture({
      world,
      clock: shifted,
      trustedProxies: ["127.0.0.1"],
      placeOf,
      watch: { tryRule, placeOf },
    });
    await fixture.signUp("root");
  });
  after(() => fixture.stop());

  const from = (address: string) => ({ "x-forwarded-for": address });

  it("is said to their person and to admins, by the address where it was opened and that where it was used", async () => {
    const body = { name: "ada", password: "correct horse" };
    const made = await fixture.request("POST", "/api/v1/sign-up", { body, headers: from("192.0.2.7") });
    const token = made.body.token as string;
    const shown = async (headers: Record<string, string>): Promise<Session> =>
      (await fixture.request("GET", "/api/v1/me/sessions", { token, headers })).body.sessions[0];
    expect(await shown(from("192.0.2.7"))).to.deep.include({ address: "192.0.2.7", place: "Vienna" });
    // Where it is used is noted once an hour.
    await shown(from("198.51.100.9"));
    shiftMs += wireLimits.sessionUsedMs;
    await until("its use is noted", async () =>
      expect((await shown(from("198.51.100.9"))).usedFrom).to.equal("198.51.100.9"),
    );
    const own = await shown(from("198.51.100.9"));
    const { body: seen } = await fixture.request("GET", "/api/v1/admin/users/ada/sessions", { token: controlToken });
    expect(seen.sessions[0]).to.deep.include({ address: "192.0.2.7", place: "Vienna" });
    for (const one of [own, seen.sessions[0] as Session])
      expect([one.usedFrom, one.usedPlace, one.place]).to.deep.equal(["198.51.100.9", "Lima", "Vienna"]);
  });

  it("is not said of addresses that nobody knows", async () => {
    const body = { name: "bob", password: "correct horse" };
    const made = await fixture.request("POST", "/api/v1/sign-up", { body, headers: from("203.0.113.1") });
    const { body: mine } = await fixture.request("GET", "/api/v1/me/sessions", { token: made.body.token });
    expect(mine.sessions[0]).to.include({ address: "203.0.113.1" }).and.to.not.have.property("place");
  });
});
