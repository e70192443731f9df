import type { MessageStream } from "@libp2p/interface";
import { expect } from "chai";
import { inOnePiece } from "../../../node/mesh/swarm.ts";

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
