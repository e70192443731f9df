import { request } from "node:http";
import { expect } from "chai";
import { watchThreats } from "../../../node/threats/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { connectClient, controlToken, createWorld, startFixture } from "./fixture.ts";

/** A request from an address of this machine; its status, or how the connection ended. */
const from = (localAddress: string, url: string, headers: Record<string, string> = {}): Promise<string> =>
  new Promise((resolve) => {
    const sent = request(url, { localAddress, agent: false, headers }, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => (text += part.toString()));
      response.on("end", () => resolve(`${response.statusCode} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ""}`.trim()));
    });
    sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end();
  });

describe("addresses that are refused", () => {
  it("are refused before anything else, behind a proxy by name, and their connections end when they are listed", async () => {
    let list = "203.0.113.0/24\n!203.0.113.9\n";
    const read = async (): Promise<string> => list;
    const world = createWorld();
    const threats = watchThreats({ sources: ["list"], read, clock: world.clock(), log: quietLog, meter: quietMeter });
    await threats.first;
    // Loopback is never blocked; so what is connected directly counts as another address here.
    const seen = {
      isBlocked: (address: string) => threats.isBlocked(address === "127.0.0.9" ? "198.51.100.9" : address),
      onChange: (listener: () => void) => threats.onChange(listener),
    };
    const fixture = await startFixture({ world, threats: seen, trustedProxies: ["127.0.0.1"] });
    try {
      const { token } = await fixture.signUp("ada");
      const me = `${fixture.url}/api/v1/me`;
      const as = (address: string) => ({ "x-forwarded-for": address, authorization: `Bearer ${token}` });
      expect(await from("127.0.0.1", me, as("203.0.113.7"))).to.equal("403 ADDRESS_BLOCKED");
      expect(await from("127.0.0.1", `${fixture.url}/healthz`, { "x-forwarded-for": "203.0.113.7" })).to.equal(
        "403 ADDRESS_BLOCKED",
      );
      expect(await from("127.0.0.1", me, as("203.0.113.9"))).to.equal("200");
      expect(await from("127.0.0.1", me, as("198.51.100.1"))).to.equal("200");
      // Who is no proxy says what he likes.
      expect(await from("127.0.0.2", me, as("203.0.113.7"))).to.equal("200");
      const refused = await connectClient(fixture.url, token, { headers: as("203.0.113.7") }).then(
        () => "connected",
        (error: Error) => error.message,
      );
      expect(refused).to.include("403");
      const client = await connectClient(fixture.url, token, { localAddress: "127.0.0.9" });
      const closed = new Promise((resolve) => client.socket.once("close", resolve));
      list += "198.51.100.9\n";
      await threats.reload();
      await closed;
      expect(await from("127.0.0.9", me, as("198.51.100.1"))).to.equal("ECONNRESET");
      expect(await from("127.0.0.1", me, as("198.51.100.1"))).to.equal("200");
    } finally {
      threats.stop();
      await fixture.stop();
    }
  });

  it("are for admins all but those that are named, also for the operator's own secret", async () => {
    const fixture = await startFixture({ adminAddresses: ["127.0.0.8/29"], controlToken });
    try {
      const headers = { authorization: `Bearer ${controlToken}` };
      expect(await from("127.0.0.9", `${fixture.url}/api/v1/admin/status`, headers)).to.equal("200");
      expect(await from("127.0.0.1", `${fixture.url}/api/v1/admin/status`, headers)).to.equal("403 FORBIDDEN");
      expect(await from("127.0.0.1", `${fixture.url}/metrics`, headers)).to.equal("403 FORBIDDEN");
      const { token } = await fixture.signUp("ada");
      expect(await from("127.0.0.1", `${fixture.url}/api/v1/me`, { authorization: `Bearer ${token}` })).to.equal("200");
    } finally {
      await fixture.stop();
    }
  });
});
