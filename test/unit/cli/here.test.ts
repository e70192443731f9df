import { createServer } from "node:http";
import type { AddressInfo, LookupFunction } from "node:net";
import { expect } from "chai";
import { plexusMark } from "../../../protocols/index.ts";
import { lookupHere } from "../../../cli/node/here.ts";
import { callNode } from "../../../cli/node/node-client.ts";

const found = (name: string, options: Parameters<LookupFunction>[1]): Promise<readonly unknown[]> =>
  new Promise((resolve) => {
    lookupHere(name, options, (...told) => resolve(told));
  });

describe("how a command finds this machine", () => {
  it("is by its addresses: no resolver is asked for localhost, or for a name below it", async () => {
    const both = [
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 },
    ];
    // Nothing resolves the last two.
    for (const name of ["localhost", "LOCALHOST.", "no-such-name.localhost"])
      expect(await found(name, { all: true }), name).to.deep.equal([null, both]);
    expect(await found("localhost", {})).to.deep.equal([null, "127.0.0.1", 4]);
    expect(await found("localhost", { family: 6 })).to.deep.equal([null, "::1", 6]);
    const [error] = await found("no-such-name.invalid", { all: true });
    expect(error).to.be.instanceOf(Error);
  });

  it("reaches a node at either address", async () => {
    for (const host of ["127.0.0.1", "::1"]) {
      const server = createServer(
        ({ headers: { host: asked } }, response) =>
          void response.setHeader(plexusMark, "1").end(JSON.stringify({ host: asked })),
      );
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      const { port } = server.address() as AddressInfo;
      const url = `http://no-such-name.localhost:${port}`;
      const answer = await callNode({ url }, "GET", "/api/v1/setup");
      expect(answer, host).to.deep.equal({ ok: true, value: { host: `no-such-name.localhost:${port}` } });
      server.close();
    }
  });
});
