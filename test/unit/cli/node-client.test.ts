import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { expect } from "chai";
import { cliLimits } from "../../../cli/limits.ts";
import { callNode, forLook } from "../../../cli/node/node-client.ts";
import { exitCodes } from "../../../cli/terminal/output.ts";
import { failure, ok, refused } from "../../../protocols/errors.ts";

/** What a peer does that has read a request. */
type Fate = (socket: Socket) => void;

const reply =
  (status: string, body: string, promised = body.length): Fate =>
  (socket) =>
    void socket.end(
      `HTTP/1.1 ${status}\r\ncontent-length: ${promised}\r\nconnection: close\r\nplexus-api: 1\r\n\r\n${body}`,
    );

describe("a request to a node", () => {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers.splice(0)) server.close();
  });

  async function peer(fate: Fate): Promise<string> {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => undefined);
      socket.once("data", () => fate(socket));
    });
    servers.push(server.listen(0, "127.0.0.1"));
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const change = "/api/v1/admin/cluster/directory/migrate";
  const post = async (url: string, path = change, timeoutMs = 20_000) => {
    const answer = await callNode({ url, timeoutMs }, "POST", path, {});
    if (answer.ok) throw new Error("it was answered");
    return answer.error;
  };
  /** Where nobody listens any more. */
  const nowhere = async () => {
    const url = await peer(() => undefined);
    const closed = servers.pop();
    closed?.close();
    if (closed?.listening) await once(closed, "close");
    return url;
  };

  const lost: readonly [how: string, fate: Fate][] = [
    ["closed before the answer", (socket) => void socket.destroy()],
    ["reset before the answer", (socket) => void socket.resetAndDestroy()],
    ["closed within the answer", reply("200 OK", `{"rows"`, 100)],
    ["answered for by a proxy", reply("502 Bad Gateway", "<html>")],
  ];
  for (const [how, fate] of lost)
    it(`may have changed something when its connection is ${how}`, async () => {
      const error = await post(await peer(fate));
      expect(error).to.include({ code: "PEER_LOST", outcome: "unknown" });
      expect(exitCodes[error.outcome]).to.equal(4);
      expect(error.details?.["hint"]).to.include("check before you repeat it; `plexus audit`");
    });

  it("may have changed something when its answer is late, before or within it", async () => {
    const begun = "HTTP/1.1 200 OK\r\nplexus-api: 1\r\n\r\n{";
    for (const fate of [() => undefined, (socket: Socket) => void socket.write(begun)]) {
      const error = await post(await peer(fate), "/api/v1/sign-up", 100);
      expect(error).to.include({ code: "ASK_TIMEOUT", outcome: "unknown" });
      expect(error.details?.["hint"]).to.include("check before you repeat it").and.not.include("audit");
    }
  });

  it("says the same of what the node itself does not know, and nothing of a refusal", async () => {
    const carried = (code: string, outcome: string) =>
      reply(
        "503 Service Unavailable",
        JSON.stringify({ error: { code, outcome, message: "m", details: { slot: "x" } } }),
      );
    const unknown = await post(await peer(carried("FENCED", "unknown")));
    expect(unknown).to.have.nested.property("details.slot", "x");
    expect(unknown).to.have.nested.property("details.hint").that.includes("check before you repeat it");
    expect((await post(await peer(carried("OVERLOADED", "not_started")))).details).to.deep.equal({ slot: "x" });
  });

  it("has changed nothing when it found no node, or no Plexus there", async () => {
    for (const url of [await nowhere(), "http://no-such-machine.invalid", await peer(reply("404 Not Found", "<html>"))])
      expect(await post(url), url).to.include({ code: "UNREACHABLE", outcome: "not_started" });
    expect((await post(await nowhere())).details)
      .to.have.keys(["url", "reason"])
      .and.include({ reason: "ECONNREFUSED" });
  });

  it("is answered by no Plexus when a 200 is not what a node says, in one sentence and with what to do", async () => {
    for (const body of ["<html>hello</html>", "ok", '"ok"', "3", "null", "{", "data: x\n\n", "\u0000\u0001"]) {
      const answer = await callNode({ url: await peer(reply("200 OK", body)) }, "GET", "/api/v1/setup");
      expect(answer, body).to.have.nested.property("error.code", "UNREACHABLE");
      expect(answer).to.have.nested.property("error.details.reason", "HTTP 200, not from a Plexus node");
      expect(answer).to.have.nested.property("error.details.hint").that.includes("plexus up");
    }
    for (const error of [
      "no",
      {},
      { code: "not_found", message: "m" },
      { code: "NOT_FOUND", message: 3, outcome: "failed" },
    ]) {
      const answer = await callNode(
        { url: await peer(reply("404 Not Found", JSON.stringify({ error }))) },
        "GET",
        "/x",
      );
      expect(answer, JSON.stringify(error)).to.have.nested.property("error.code", "UNREACHABLE");
    }
  });

  it("is answered by no Plexus as soon as a 200 has no mark of a node: its body may be endless or huge", async () => {
    const head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n";
    for (const fate of [
      // Nothing comes after the head, and nothing ends.
      `${head}transfer-encoding: chunked\r\n\r\n`,
      `${head}content-length: ${10 * cliLimits.answerBytesMax}\r\n\r\n{"rows": [`,
    ])
      for (const method of ["GET", "POST"] as const) {
        const url = await peer((socket) => void socket.write(fate));
        const answer = await callNode({ url }, method, "/api/v1/sessions", method === "POST" ? {} : undefined);
        expect(answer, method).to.have.nested.property("error.code", "UNREACHABLE");
        expect(answer, method).to.have.nested.property("error.outcome", "not_started");
        expect(answer, method).to.have.nested.property("error.details.reason", "HTTP 200, not from a Plexus node");
      }
  });

  it("may have changed something when a 200 has the form of a node's answer, but a proxy changed it", async () => {
    const json = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n";
    for (const [what, head] of [
      ["without the header plexus-api", `${json}content-length: 2\r\n\r\n{}`],
      ["without the header plexus-api", `${json}transfer-encoding: chunked\r\n\r\n`],
      ["with a body that is not a node's", `${json}plexus-api: 1\r\ncontent-length: 6\r\n\r\n<html>`],
    ] as const) {
      const answer = (socket: Socket): void => void socket.write(head);
      const error = await post(await peer(answer));
      expect(error, head).to.include({ code: "PEER_LOST", outcome: "unknown" });
      expect(error.details?.["reason"], head)
        .to.match(/^HTTP 200, .* a proxy in between/)
        .and.include(what);
      expect(error.details?.["hint"], head).to.include("check before you repeat it");
      const looked = await callNode({ url: await peer(answer) }, "GET", "/api/v1/me");
      expect(looked, "what only reads").to.have.nested.property("error.code", "UNREACHABLE");
    }
  });

  it("has changed nothing where what answers speaks no HTTP, and says what to try", async () => {
    for (const greeting of ["SSH-2.0-OpenSSH_9.9\r\n", "220 mail.test ESMTP\r\n", "\x15\x03\x01\x00\x02\x02\x46"]) {
      const error = await post(await peer((socket) => void socket.end(greeting)));
      expect(error, greeting).to.include({ code: "UNREACHABLE", outcome: "not_started" });
      expect(error.details?.["reason"], greeting).to.equal("what answers at this address does not speak HTTP");
      expect(error.details?.["hint"], greeting).to.include("https://");
    }
  });

  it("by https to what speaks none is told so, with what to do", async () => {
    const url = (await peer(reply("200 OK", "{}"))).replace("http:", "https:");
    const answer = await callNode({ url }, "POST", "/api/v1/sessions", {});
    expect(answer).to.have.nested.property("error.outcome", "not_started");
    expect(answer).to.have.nested.property("error.details.hint").that.includes("Try it with http://");
  });

  it("that asks for a fresh sign-in is sent again when the password was given, and only then", async () => {
    const body = { error: { code: "SIGN_IN_AGAIN", outcome: "not_started", message: "m" } };
    const stale = reply("403 Forbidden", JSON.stringify(body));
    for (const given of [true, false]) {
      let asked = 0;
      let confirmed = 0;
      const url = await peer((socket) => {
        asked += 1;
        (asked === 1 ? stale : reply("200 OK", "{}"))(socket);
      });
      const confirm = async () => {
        confirmed += 1;
        return given ? ok({}) : refused(failure("SIGN_IN_FAILED"));
      };
      const answer = await callNode({ url, confirm }, "POST", "/api/v1/admin/keys/rotate", {});
      expect([answer.ok, asked, confirmed]).to.deep.equal([given, given ? 2 : 1, 1]);
      if (!answer.ok) expect(answer.error.code).to.equal("SIGN_IN_FAILED");
    }
    const answer = await callNode({ url: await peer(stale) }, "POST", "/api/v1/admin/keys/rotate", {});
    expect(answer, "nobody who could give it").to.have.nested.property("error.code", "SIGN_IN_AGAIN");
  });

  it("that only reads has changed nothing, however it was lost", async () => {
    for (const [, fate] of lost) {
      const answer = await callNode({ url: await peer(fate) }, "GET", "/api/v1/admin/status");
      expect(answer).to.deep.include({ ok: false }).and.have.nested.property("error.code", "UNREACHABLE");
      expect(answer).not.to.have.nested.property("error.details.hint");
    }
  });

  it("that only reads says of a node that hangs that it does, and does not wait long for what each knows by itself", async () => {
    const url = await peer(() => undefined);
    const answer = await callNode({ url, timeoutMs: 1_000 }, "GET", "/api/v1/admin/status");
    expect(answer).to.have.nested.property("error.code", "UNREACHABLE");
    expect(answer)
      .to.have.nested.property("error.details.reason")
      .that.matches(/^it has not answered for 1 s: it hangs/);
    expect(forLook({ url }).timeoutMs).to.equal(cliLimits.lookTimeoutMs).and.at.most(5_000);
    expect(forLook({ url, timeoutMs: 9 }).timeoutMs, "what somebody asked for").to.equal(9);
  });
});
