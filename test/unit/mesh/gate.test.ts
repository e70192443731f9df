import type { Connection, MultiaddrConnection, PeerId } from "@libp2p/interface";
import { expect } from "chai";
import { createGate } from "../../../node/mesh/gate.ts";
import { quietMeter } from "../../quiet.ts";
import { clock, withLimits } from "./loopback.ts";

/** An inbound connection as the gate knows it; it notes why it was cut. */
function connectionOf(peer: string): { readonly connection: Connection; readonly cuts: string[] } {
  const cuts: string[] = [];
  const id = { toString: () => peer } as PeerId;
  const connection = {
    direction: "inbound",
    remotePeer: id,
    abort: (error: Error) => void cuts.push(error.message),
  } as unknown as Connection;
  return { connection, cuts };
}

describe("the gate of the mesh", () => {
  it("lets a member in while there are more strangers than it admits, and cuts the stranger that is one too many", async () => {
    const gate = createGate({
      clock,
      meter: quietMeter,
      limits: withLimits({ strangersMax: 1 }),
      isMember: (peer) => peer === "member",
      wasEvicted: () => false,
      admits: () => true,
    });
    const [first, second] = [connectionOf("x"), connectionOf("y")];
    // Both have passed before the first of them was counted.
    const knock = (peer: string) =>
      gate.gater.denyInboundEncryptedConnection?.({ toString: () => peer } as PeerId, {} as MultiaddrConnection);
    expect([await knock("x"), await knock("y")]).to.deep.equal([false, false]);
    gate.opened(first.connection);
    gate.opened(second.connection);
    const member = connectionOf("member");
    gate.opened(member.connection);
    expect([first.cuts, second.cuts, member.cuts]).to.deep.equal([[], ["too many connections"], []]);
    gate.stop();
  });
});
