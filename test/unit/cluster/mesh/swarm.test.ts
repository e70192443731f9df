import type { MessageStream } from "@libp2p/interface";
import { expect } from "chai";
import { inOnePiece, textOf } from "../../../../node/cluster/mesh/swarm.ts";

type Sent = Parameters<MessageStream["send"]>[0];

describe("what the mesh writes to a socket", () => {
  it("is one piece, whatever it was put together of", () => {
    const sent: Sent[] = [];
    const stream = inOnePiece({
      send(data: Sent): boolean {
        sent.push(data);
        return sent.length < 2;
      },
    });
    const whole = Uint8Array.of(0, 3, 7, 8, 9);
    const parts = { byteLength: whole.length, subarray: () => whole } as unknown as Sent;
    expect(stream.send(parts)).to.equal(true);
    expect(stream.send(whole)).to.equal(false);
    expect(sent).to.deep.equal([whole, whole]);
  });
});

describe("why a connection failed", () => {
  it("is text, whatever it was rejected with", () => {
    expect(textOf(new Error("reset"))).to.equal("Error: reset");
    expect(textOf(new AggregateError([new Error("one"), new Error("two"), new Error("one")]))).to.equal(
      "Error: one; Error: two",
    );
    expect(textOf(new Event("close"))).to.equal("the connection was closed");
    expect(textOf(Object.assign(new Event("close"), { error: new Error("reset") }))).to.equal("Error: reset");
    expect(textOf(new Event("abort"))).to.equal("abort");
    expect(textOf("out of time")).to.equal("out of time");
    expect(textOf(undefined)).to.equal("undefined");
  });
});
