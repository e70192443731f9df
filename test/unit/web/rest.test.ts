import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { request } from "../../../web/src/wire/rest.ts";

describe("a request of the page", () => {
  let server: Server;
  let url: string;

  beforeEach(async () => {
    server = createServer((asked, answer) => {
      if (asked.url === "/ok") answer.end(JSON.stringify({ user: "ada" }));
      // Then it hangs, with or without the beginning of an answer.
      else if (asked.url === "/half") answer.write("{");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it("gives what the node answers", async () => {
    expect(await request("GET", `${url}/ok`)).to.deep.equal({ ok: true, value: { user: "ada" } });
  });

  it("is answered from what the tab has, where the node says that it has not changed", async () => {
    const asked: (string | undefined)[] = [];
    let rooms = 1;
    server.removeAllListeners("request");
    server.on("request", ({ headers }, answer) => {
      asked.push(headers["if-none-match"]);
      const name = `W/"${rooms}"`;
      answer.setHeader("etag", name);
      if (headers["if-none-match"] === name) answer.writeHead(304).end();
      else answer.end(JSON.stringify({ rooms }));
    });
    const look = () => request("GET", `${url}/rooms`);
    expect(await look()).to.deep.equal({ ok: true, value: { rooms: 1 } });
    expect(await look()).to.deep.equal({ ok: true, value: { rooms: 1 } });
    rooms = 2;
    expect(await look()).to.deep.equal({ ok: true, value: { rooms: 2 } });
    expect(asked).to.deep.equal([undefined, 'W/"1"', 'W/"1"']);
  });

  it("to a node that hangs ends, and says whether it may have been done", async () => {
    for (const path of ["/never", "/half"]) {
      const asked = await request("GET", `${url}${path}`, undefined, 50);
      expect(asked, path).to.have.nested.property("error.code", "UNREACHABLE");
      const changed = await request("POST", `${url}${path}`, {}, 50);
      expect(changed, path).to.have.nested.property("error.code", "ASK_TIMEOUT");
      expect(changed, path).to.have.nested.property("error.outcome", "unknown");
    }
  });
});
