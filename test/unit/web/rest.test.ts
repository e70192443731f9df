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
