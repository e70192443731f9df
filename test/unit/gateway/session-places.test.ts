import { expect } from "chai";
import type { Session } from "../../../protocols/index.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: where sessions are", () => {
  let fixture: Fixture;
  before(async () => {
    const places: Readonly<Record<string, string>> = { "192.0.2.7": "Vienna", "198.51.100.9": "Lima" };
    const placeOf = (address: string): string | undefined => places[address];
    const tryRule = () => Promise.reject(new Error("no rule is tried here"));
    fixture = await startFixture({ trustedProxies: ["127.0.0.1"], placeOf, watch: { tryRule, placeOf } });
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
    const own = await shown(from("198.51.100.9"));
    const { body: seen } = await fixture.request("GET", "/api/v1/admin/users/ada/sessions", { token: controlToken });
    expect(seen.sessions[0]).to.deep.include({ address: "192.0.2.7", place: "Vienna" });
    for (const one of [own, seen.sessions[0] as Session])
      expect(one.usedPlace).to.equal(one.usedFrom === "198.51.100.9" ? "Lima" : one.usedFrom && "Vienna");
  });

  it("is not said of addresses that nobody knows", async () => {
    const body = { name: "bob", password: "correct horse" };
    const made = await fixture.request("POST", "/api/v1/sign-up", { body, headers: from("203.0.113.1") });
    const { body: mine } = await fixture.request("GET", "/api/v1/me/sessions", { token: made.body.token });
    expect(mine.sessions[0]).to.include({ address: "203.0.113.1" }).and.to.not.have.property("place");
  });
});
