import { expect } from "chai";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ok, type Result } from "../../../protocols/index.ts";
import { startFixture, type Fixture } from "./fixture.ts";

/** Twelve places, six for an address. */
const descriptors = 12;

/** A connection from an address of this machine, open. */
async function open(fixture: Fixture, from: string): Promise<Socket> {
  const { hostname: host, port } = new URL(fixture.url);
  const socket = connect({ host, port: Number(port), localAddress: from });
  socket.on("error", () => undefined).resume();
  await once(socket, "connect");
  return socket;
}

const closed = (socket: Socket): Promise<unknown> => (socket.closed ? Promise.resolve() : once(socket, "close"));

/** `/readyz` answers when `answer` says so. */
function heldReadiness() {
  const answer = Promise.withResolvers<Result<{ readonly directory?: string }>>();
  let asked = 0;
  let wake = (): void => undefined;
  const readiness = () => {
    asked += 1;
    wake();
    return answer.promise;
  };
  const until = async (count: number): Promise<void> => {
    while (asked < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { readiness, until, end: () => answer.resolve(ok({})) };
}

describe("gateway: the entrance", () => {
  it("gives a newcomer the place of the oldest of his address that has asked nothing", async () => {
    const fixture = await startFixture({ descriptors });
    const held: Socket[] = [];
    for (let count = 0; count < 6; count += 1) held.push(await open(fixture, "127.0.0.2"));
    const other = await open(fixture, "127.0.0.3");
    held.push(await open(fixture, "127.0.0.2"));
    await closed(held[0] as Socket);
    expect(held.slice(1).map((socket) => socket.closed)).to.deep.equal(Array.from({ length: 6 }, () => false));
    expect(other.closed).to.equal(false);
    for (const socket of [...held, other]) socket.destroy();
    await fixture.stop();
  });

  it("never ends whom it answers, and closes a newcomer while all places are in use", async () => {
    const { readiness, until, end } = heldReadiness();
    const fixture = await startFixture({ descriptors, readiness });
    const asking = [];
    for (const from of ["127.0.0.2", "127.0.0.3"])
      for (let count = 0; count < 6; count += 1) {
        const socket = await open(fixture, from);
        socket.write("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let said = "";
        socket.on("data", (piece: Buffer) => (said += piece.toString()));
        asking.push(closed(socket).then(() => said));
      }
    await until(12);
    const late = await open(fixture, "127.0.0.4");
    await closed(late);
    expect(fixture.troubles.some((line) => line.startsWith("gateway.connections.full"))).to.equal(true);
    end();
    for (const said of await Promise.all(asking)) expect(said).to.contain("200 OK");
    await fixture.stop();
  });

  it("takes a body that does not end for silence", async () => {
    const fixture = await startFixture({ descriptors });
    const held: Socket[] = [];
    for (let count = 0; count < 7; count += 1) {
      const socket = await open(fixture, "127.0.0.2");
      socket.write(
        "POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\nContent-Type: application/json\r\n\r\n{",
      );
      held.push(socket);
    }
    await closed(held[0] as Socket);
    for (const socket of held) socket.destroy();
    await fixture.stop();
  });

  it("tells the sender of a body that stops why the connection ends, and ends one that asks nothing without a word", async () => {
    // Long before a request as a whole is late.
    const fixture = await startFixture({ limits: { stalledAnswerMs: 100, requestTimeoutMs: 3_600_000 } });
    const saidTo = async (text: string): Promise<string> => {
      const { hostname: host, port } = new URL(fixture.url);
      const socket = connect({ host, port: Number(port) });
      let said = "";
      socket.on("error", () => undefined).on("data", (piece: Buffer) => (said += piece.toString()));
      socket.write(text);
      await once(socket, "close");
      return said;
    };
    const post = "POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    for (const body of ["Content-Length: 99\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n5\r\n{"]) {
      const said = await saidTo(post + body);
      expect(said.match(/HTTP\/1\.1 \d{3}/g), body).to.deep.equal(["HTTP/1.1 400"]);
      expect(said, body).to.include('"code":"BAD_REQUEST"').and.include("not complete in time");
    }
    // A request of the same connection that was answered meanwhile changes nothing.
    const behind = await saidTo(`GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n${post}Content-Length: 99\r\n\r\n{`);
    expect(behind.match(/HTTP\/1\.1 \d{3}/g)).to.deep.equal(["HTTP/1.1 404", "HTTP/1.1 400"]);
    expect(await saidTo("")).to.equal("");
    await fixture.stop();
  });

  it("keeps places for requests when all WebSockets there may be are open", async () => {
    const fixture = await startFixture({ descriptors: 24 });
    const { token } = await fixture.signUp("ada");
    const clients = [];
    // Half of all for one address: this one.
    for (let count = 0; count < 10; count += 1) clients.push(await fixture.connect(token));
    expect((await fixture.request("GET", "/api/v1/me", { token })).status).to.equal(200);
    await fixture.stop();
    expect(clients).to.have.length(10);
  });

  describe("behind a trusted proxy", () => {
    it("counts the requests of each client it names, and never the proxy itself", async () => {
      const { readiness, until, end } = heldReadiness();
      const fixture = await startFixture({ descriptors, readiness, trustedProxies: ["127.0.0.1"] });
      const ask = (client: string) =>
        fetch(`${fixture.url}/readyz`, { headers: { "x-forwarded-for": client } }).then(({ status }) => status);
      const asked = Array.from({ length: 6 }, () => ask("203.0.113.9"));
      await until(6);
      expect(await ask("203.0.113.9")).to.equal(503);
      const others = ["203.0.113.10", "203.0.113.11"].map(ask);
      await until(8);
      end();
      expect(await Promise.all([...asked, ...others])).to.deep.equal(Array.from({ length: 8 }, () => 200));
      // What was counted is over with its request.
      expect(await ask("203.0.113.9")).to.equal(200);
      await fixture.stop();
    });
  });
});
