import type { IncomingMessage } from "node:http";
import { expect } from "chai";
import fc from "fast-check";
import { createAddresses } from "../../../node/gateway/edge/addresses.ts";
import { connectClient, startFixture, type Fixture } from "./fixture.ts";

const from = (remoteAddress: string | undefined, forwardedFor?: string) =>
  ({
    socket: { remoteAddress },
    headers: forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor },
  }) as unknown as IncomingMessage;

describe("gateway: where a request comes from", () => {
  it("is who is connected, whatever he says, while no proxy is trusted", () => {
    const addresses = createAddresses([]);
    expect(addresses.of(from("127.0.0.1", "203.0.113.9"))).to.equal("127.0.0.1");
    expect(addresses.of(from(undefined, "203.0.113.9"))).to.equal("");
  });

  it("is the first that no trusted proxy vouches for, read from the right", () => {
    const addresses = createAddresses(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]);
    const cases: readonly (readonly [string, string | undefined, string])[] = [
      ["127.0.0.1", "203.0.113.9", "203.0.113.9"],
      ["::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"],
      ["fd00::7%eth0", "2001:db8::1", "2001:db8::1"],
      ["127.0.0.1", undefined, "127.0.0.1"],
      ["127.0.0.1", "", "127.0.0.1"],
      ["127.0.0.1", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"],
      ["127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"],
      ["203.0.113.7", "198.51.100.1", "203.0.113.7"],
      ["127.0.0.1", "203.0.113.9:50123", "203.0.113.9"],
      ["127.0.0.1", "[2001:db8::1]:50123", "2001:db8::1"],
      ["127.0.0.1", "203.0.113.9, unknown, 10.1.2.3", "10.1.2.3"],
    ];
    for (const [peer, header, address] of cases)
      expect(addresses.of(from(peer, header)), `${peer} ${header}`).to.equal(address);
  });

  it("never is what a stranger says", () => {
    const addresses = createAddresses(["10.0.0.0/8"]);
    fc.assert(
      fc.property(fc.string(), fc.ipV4(), (said, stranger) => {
        fc.pre(!stranger.startsWith("10."));
        expect(addresses.of(from(stranger, said))).to.equal(stranger);
        expect(addresses.of(from("10.0.0.1", `${said}, ${stranger}`))).to.equal(stranger);
      }),
    );
  });

  describe("in a gateway that counts bad tokens", () => {
    const limits = { badTokenRate: { count: 1, windowMs: 600_000 } };
    const ada = { "x-forwarded-for": "203.0.113.9" };
    const bob = { "x-forwarded-for": "198.51.100.1" };
    const http = async (fixture: Fixture, headers: Record<string, string>) =>
      (await fixture.request("GET", "/api/v1/me", { token: "wrong", headers })).status;
    const socket = (fixture: Fixture, headers: Record<string, string>) =>
      connectClient(fixture.url, "", {
        headers: { authorization: `Bearer plx_YWRh.${"A".repeat(43)}`, ...headers },
      }).then(
        () => 101,
        (error: { status: number }) => error.status,
      );

    it("counts the clients of a trusted proxy apart, over HTTP and WebSocket together", async () => {
      const fixture = await startFixture({ limits, trustedProxies: ["127.0.0.0/8"] });
      expect(await http(fixture, ada)).to.equal(401);
      expect(await socket(fixture, ada)).to.equal(429);
      expect(await socket(fixture, bob)).to.equal(401);
      expect(await http(fixture, bob)).to.equal(429);
      await fixture.stop();
    });

    it("counts them as one while the proxy is not trusted", async () => {
      const fixture = await startFixture({ limits });
      expect(await http(fixture, ada)).to.equal(401);
      expect(await http(fixture, bob)).to.equal(429);
      expect(await socket(fixture, { "x-forwarded-for": "192.0.2.1" })).to.equal(429);
      await fixture.stop();
    });
  });

  it("is told of, once, when a proxy passes requests on that nobody named", async () => {
    const fixture = await startFixture();
    const { token } = await fixture.signUp("ada");
    const status = async () => (await fixture.request("GET", "/api/v1/admin/status", { token })).body;
    expect(await status()).not.to.have.property("unnamedProxies");
    for (let round = 0; round < 3; round += 1)
      await fixture.request("GET", "/healthz", { headers: { "x-forwarded-for": `203.0.113.${round}` } });
    expect((await status()).unnamedProxies).to.deep.equal(["127.0.0.1"]);
    const told = fixture.troubles.filter((line) => line.startsWith("gateway.proxy.unnamed"));
    expect(told).to.have.length(1);
    expect(told[0]).to.contain("--trusted-proxy 127.0.0.1");
    await fixture.stop();

    const named = await startFixture({ trustedProxies: ["127.0.0.1"] });
    await named.request("GET", "/healthz", { headers: { "x-forwarded-for": "203.0.113.9" } });
    expect(named.troubles).to.deep.equal([]);
    await named.stop();
  });

  it("may be told of so many times only, whoever says that he passes something on", () => {
    const told: string[] = [];
    const addresses = createAddresses([], (address) => void told.push(address));
    for (let host = 1; host < 50; host += 1) addresses.look(from(`192.0.2.${host}`, "203.0.113.9"));
    expect(told).to.have.length(8);
    expect(addresses.unnamed()).to.deep.equal(told);
  });
});
