import type { MessageStream } from "@libp2p/interface";
import { expect } from "chai";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { inOnePiece, textOf, yamuxInBounds } from "../../../../node/cluster/mesh/swarm.ts";

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

describe("a stream of the mesh", () => {
  it("is told of its reader's window in steps, and not of each small message", async () => {
    const [dialled, accepted] = multiaddrConnectionPair({ delay: 0, capacity: 64 * 1024 * 1024 });
    let back = 0;
    const send = accepted.send.bind(accepted);
    accepted.send = (data) => {
      back += 1;
      return send(data);
    };
    const factory = yamuxInBounds();
    const [sender, reader] = [factory.createStreamMuxer(dialled), factory.createStreamMuxer(accepted)];
    let bytes = 0;
    const came = Promise.withResolvers<void>();
    const wanted = 100 * 100 + 48 * 65_536;
    reader.addEventListener("stream", ({ detail }) =>
      detail.addEventListener("message", ({ data }) => {
        bytes += data.byteLength;
        if (bytes === wanted) came.resolve();
      }),
    );
    const stream = await sender.createStream();
    for (let count = 0; count < 100; count += 1) stream.send(new Uint8Array(100));
    const isThere = (): boolean => bytes === 10_000;
    while (!isThere()) await new Promise((resolve) => setImmediate(resolve));
    // That the stream was taken.
    expect(back).to.equal(1);
    // Three times what a window has.
    for (let count = 0; count < 48; count += 1) if (!stream.send(new Uint8Array(65_536))) await stream.onDrain();
    await came.promise;
    expect(back).to.be.within(20, 60);
  });
});
