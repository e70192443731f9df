import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { WebSocketServer } from "ws";
import { terminalPorts } from "../../../cli/chat/socket.ts";
import { Client, standardPorts, type ClientPorts } from "../../../client/index.ts";
import { rawAnswer } from "../../../node/gateway/edge/refusals.ts";
import { failure, type Failure } from "../../../protocols/index.ts";

const hello = { version: "1", node: "one", user: "ada", admin: false, heartbeatMs: 30_000 };

/** A server that refuses upgrades and answers requests with these, one after the other, and then says hello. */
async function startServer(refusals: (Failure | "garbage")[]) {
  const sockets = new WebSocketServer({ noServer: true });
  const tokens: unknown[] = [];
  const server = createServer((request, response) => {
    const reason = refusals.shift();
    tokens.push(request.headers.authorization);
    response
      .writeHead(reason === undefined ? 200 : 503)
      .end(JSON.stringify(reason === undefined ? {} : { error: reason }));
  });
  server.on("upgrade", (request, stream, head) => {
    tokens.push(request.headers.authorization ?? new URL(request.url ?? "", "http://node").searchParams.get("token"));
    stream.on("error", () => {});
    const [reason] = refusals;
    if (reason === "garbage") {
      refusals.shift();
      stream.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope");
    } else if (reason !== undefined) {
      if (request.headers.authorization !== undefined) refusals.shift();
      stream.end(rawAnswer(reason));
    } else sockets.handleUpgrade(request, stream, head, (socket) => socket.send(JSON.stringify({ hello })));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokens,
    close() {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Why a client with these ports waited, until it was connected or its session had ended. */
async function reasonsOf(url: string, ports: ClientPorts): Promise<readonly string[]> {
  const client = new Client({ urls: [url] }, { ...ports, chance: () => 0 });
  const reasons: string[] = [];
  try {
    await new Promise<void>((resolve) => {
      client.onLink((link) => {
        if (link.status === "waiting") {
          const { code, details } = link.reason;
          const why = (details?.["actor"] ?? details?.["reason"] ?? "") as string;
          reasons.push(`${code} ${why}`.trim());
        } else if (link.status === "open" || link.status === "ended") {
          reasons.push(link.status);
          resolve();
        }
      });
      client.start();
    });
  } finally {
    client.close();
  }
  return reasons;
}

describe("the sockets of clients", () => {
  const account = failure("SLOT_UNAVAILABLE", { actor: "user/ada" });

  it("tell, on ws, why an upgrade was refused", async () => {
    const server = await startServer([account, failure("STOPPING"), "garbage"]);
    try {
      expect(await reasonsOf(server.url, terminalPorts("t"))).to.deep.equal([
        "SLOT_UNAVAILABLE user/ada",
        "STOPPING",
        "UNREACHABLE HTTP 502, not from a Plexus node",
        "open",
      ]);
      expect(new Set(server.tokens)).to.deep.equal(new Set(["Bearer t"]));
    } finally {
      server.close();
    }
  });

  it("tell, on what Node has built in, the same by a second question", async () => {
    const server = await startServer([account]);
    try {
      expect(await reasonsOf(server.url, standardPorts({ token: "t" }))).to.deep.equal([
        "UNREACHABLE",
        "SLOT_UNAVAILABLE user/ada",
        "open",
      ]);
      expect(new Set(server.tokens)).to.deep.equal(new Set(["t", "Bearer t"]));
    } finally {
      server.close();
    }
  });

  it("end with the session", async () => {
    for (const ports of [terminalPorts("t"), standardPorts({ token: "t" })]) {
      const server = await startServer([failure("UNAUTHENTICATED")]);
      try {
        expect((await reasonsOf(server.url, ports)).at(-1)).to.equal("ended");
      } finally {
        server.close();
      }
    }
  });

  it("tell of a node that nobody answers at", async () => {
    const server = await startServer([]);
    server.close();
    const client = new Client({ urls: [server.url] }, terminalPorts("t"));
    const reason = await new Promise((resolve) => {
      client.onLink((link) => link.status === "waiting" && resolve(link.reason.details?.["reason"]));
      client.start();
    });
    client.close();
    expect(reason).to.equal("ECONNREFUSED");
  });
});
