import { expect } from "chai";
import fc from "fast-check";
import { request, type IncomingMessage } from "node:http";
import { hostname } from "node:os";
import { createHostCheck } from "../../../node/gateway/edge/hosts.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A request with a `Host` of its own, which fetch does not let anybody choose. */
function get(url: string, path: string, headers: Record<string, string>): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request(new URL(path, url), { headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    })
      .on("error", reject)
      .end();
  });
}

describe("gateway: the name it is called by", () => {
  const isOurs = createHostCheck(["Chat.Example.org", ".team.example", "box", "box.local"], quiet);
  const check = (host: string | undefined) =>
    isOurs({ headers: { host }, rawHeaders: [] as string[] } as IncomingMessage).ok;

  it("is an address, a name of the machine or a configured one, with any port", () => {
    for (const host of [
      "127.0.0.1",
      "127.0.0.1:7070",
      "203.0.113.9:80",
      "[::1]",
      "[::1]:7070",
      "[fe80::1]:7070",
      "localhost:7070",
      "LOCALHOST",
      "localhost.",
      "a.localhost:1",
      "box:7070",
      "box.local",
      "chat.example.org",
      "chat.example.org.:443",
      "a.team.example",
      "team.example",
      undefined,
    ])
      expect(check(host), String(host)).to.equal(true);
  });

  it("is nothing else, however it is written", () => {
    for (const host of [
      "evil.example",
      "evil.example:7070",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "evil.example#localhost",
      "localhost@evil.example",
      "evil.example/localhost",
      "notlocalhost",
      "xteam.example",
      "chat.example.org.evil.example",
      "[::1].evil.example",
      "[evil]",
      "0x7f.1",
      "",
      " localhost",
    ])
      expect(check(host), host).to.equal(false);
  });

  it("never is what a stranger can register", () => {
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        fc.pre(!name.endsWith("team.example") && name !== "chat.example.org");
        expect(check(`${name}:${port}`)).to.equal(false);
      }),
    );
  });

  describe("in a gateway", () => {
    let fixture: Fixture;
    let token: string;
    const rebound = { host: "rebound.example:7070" };
    before(async () => {
      fixture = await startFixture({ hosts: [hostname(), "chat.example.org"] });
      ({ token } = await fixture.signUp("ada"));
    });
    after(() => fixture.stop());

    it("answers nothing to a page whose name was led to this machine", async () => {
      for (const path of ["/", "/healthz", "/readyz", "/metrics", "/api/v1/setup", "/openapi.json", "/nowhere", "/v1/models"]) {
        const answer = await get(fixture.url, path, rebound);
        expect(answer.status, path).to.equal(421);
        expect(answer.text, path).to.match(/HOST_NOT_ALLOWED|host_not_allowed/).and.contain("--allowed-host");
      }
      const signedIn = { ...rebound, authorization: `Bearer ${token}` };
      expect((await get(fixture.url, "/api/v1/me", signedIn)).status).to.equal(421);
      expect(fixture.troubles.filter((line) => line.startsWith("gateway.host.refused"))).to.have.length(1);
    }); // prettier-ignore

    it("upgrades nothing for it, also where its origin is the same", async () => {
      const origin = `http://${rebound.host}`;
      const refused = await fixture
        .connect(token, { headers: { ...rebound, origin, cookie: `plexus_session=${token}` } })
        .then(
          () => undefined,
          (error: { status: number }) => error,
        );
      expect(refused?.status).to.equal(421);
    });

    it("serves the names it has", async () => {
      for (const host of [hostname(), "chat.example.org", "localhost:1", "[::1]:7070"])
        expect((await get(fixture.url, "/api/v1/setup", { host })).status, host).to.equal(200);
    });
  });
});

describe("gateway: metrics", () => {
  it("are for admins and the operator, also over the loopback address and behind a proxy that says nothing of itself", async () => {
    const fixture = await startFixture();
    const { token: admin } = await fixture.signUp("ada");
    const { token: bob } = await fixture.signUp("bob");
    expect((await fixture.request("GET", "/metrics")).status).to.equal(401);
    expect((await fixture.request("GET", "/metrics", { token: bob })).status).to.equal(403);
    expect((await fixture.request("GET", "/metrics", { token: admin })).status).to.equal(200);
    expect((await fixture.request("GET", "/metrics", { token: controlToken })).status).to.equal(200);
    await fixture.stop();
  });

  it("are read without a token where they have a listener of their own, which has nothing else", async () => {
    const fixture = await startFixture({ metricsListen: { host: "127.0.0.1", port: 0 } });
    const url = fixture.gateway.metricsUrl ?? "";
    const metrics = await get(url, "/metrics", {});
    expect(metrics).to.deep.equal({ status: 200, text: "up 1\n" });
    expect((await get(url, "/metrics", { host: "rebound.example" })).status).to.equal(421);
    expect((await get(url, "/api/v1/setup", {})).status).to.equal(404);
    expect((await get(url, "/healthz", {})).status).to.equal(404);
    await fixture.stop();
    const gone = await get(url, "/metrics", {}).catch((error: NodeJS.ErrnoException) => error.code);
    expect(gone).to.equal("ECONNREFUSED");
  });
});
