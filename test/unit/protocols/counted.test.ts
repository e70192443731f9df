/** What others send is counted before it is made: packed messages of peers, and JSON of other servers and of files. */
import { expect } from "chai";
import fc from "fast-check";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { boundedFetch } from "../../../node/identity/ask.ts";
import { readIndicators } from "../../../node/threats/indicators.ts";
import { decodeFromPeer, encode, wireLimits } from "../../../protocols/index.ts";
import { parseDocument } from "../../../protocols/wire/json-meter.ts";

const { peerContainersMax, documentContainersMax, documentDepthMax, documentKeyBytesMax } = wireLimits;

describe("a packed message of a peer", () => {
  /** One of each sort that there is, with how many lists and objects it is. */
  const samples: readonly (readonly [value: unknown, containers: number])[] = [
    [[null, true, false, undefined, 0, 127, 128, -1, -33, 255, 256, 65_535, 65_536, -129, -40_000, 2 ** 33, -(2 ** 40), 1.5, 1e300], 1],
    [["", "x".repeat(31), "x".repeat(32), "x".repeat(256), "x".repeat(70_000), "ü[{"], 1],
    [[new Uint8Array(3), new Uint8Array(300), new Uint8Array(70_000).fill(0xdd)], 1],
    [[[], [[]], {}, { a: {} }, Array.from({ length: 16 }, () => 1), Array.from({ length: 70_000 }, () => 2)], 9],
    [Object.fromEntries(Array.from({ length: 20 }, (_none, at) => [`k${at}`, [at]])), 21],
  ]; // prettier-ignore

  it("is decoded up to so many lists and objects, whatever else is in it, and no further", () => {
    for (const [sample, containers] of samples) {
      const bytes = (more: number): Uint8Array =>
        encode([sample, Array.from({ length: peerContainersMax - 2 - containers + more }, () => [])]);
      expect(decodeFromPeer(bytes(0))).to.have.length(2);
      expect(() => decodeFromPeer(bytes(1)), JSON.stringify(sample).slice(0, 80)).to.throw(
        `more than ${peerContainersMax}`,
      );
    }
  });

  it("is refused or read whatever its bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
        const long = Buffer.alloc(peerContainersMax + 1_000, bytes);
        try {
          decodeFromPeer(long);
        } catch (thrown) {
          expect(thrown).to.be.instanceOf(Error);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe("JSON of other servers and of files", () => {
  const wide = `{"objects":[${"{},".repeat(documentContainersMax)}{}]}`;

  it("is parsed up to so many values, and no deeper than any", () => {
    expect(parseDocument('{"a":[1]}')).to.deep.equal({ a: [1] });
    expect(() => parseDocument(wide)).to.throw(`its lists and objects are more than ${documentContainersMax}`);
    expect(() => parseDocument("[".repeat(100_000))).to.throw(`it is nested deeper than ${documentDepthMax}`);
    expect(() => parseDocument(`{"${"k".repeat(100_000)}":1}`)).to.throw(`more bytes than ${documentKeyBytesMax}`);
    expect(() => parseDocument("{")).to.throw(SyntaxError);
    expect(() => readIndicators(wide, 0)).to.throw("lists and objects");
  });

  it("of a server that says who somebody is, is not waited for to its end", async () => {
    const server: Server = createServer((_request, response) => {
      response.setHeader("content-type", "application/json; charset=utf-8");
      response.write("[".repeat(documentDepthMax + 1));
      // It never ends.
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const failed = await boundedFetch(fetch)(address).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failed).to.have.nested.property("failure.code", "IDENTITY_PROVIDER_AWAY");
      expect(JSON.stringify((failed as { failure: unknown }).failure)).to.contain(`deeper than ${documentDepthMax}`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
