import { expect } from "chai";
import { Loopback, meet } from "./loopback.ts";

describe("nodes of one mesh", () => {
  let loopback: Loopback;
  beforeEach(() => (loopback = new Loopback()));
  afterEach(() => loopback.stop());

  it("meet, and what one sends the other receives on the same channel", async () => {
    const a = await loopback.start("a");
    const b = await loopback.start("b");
    await meet(a, b);
    expect(a.mesh.transport.send("b", "message", ["hello", 0, { text: "one" }])).to.equal(true);
    expect(a.mesh.transport.send("b", "control", { beat: 1 })).to.equal(true);
    expect(b.mesh.transport.send("a", "bulk", new Uint8Array([1, 2, 3]))).to.equal(true);
    await b.until(() => b.received.length === 2, "two messages");
    await a.until(() => a.received.length === 1, "one message");
    expect(b.received).to.have.deep.members([
      { from: "a", channel: "message", message: ["hello", 0, { text: "one" }] },
      { from: "a", channel: "control", message: { beat: 1 } },
    ]);
    expect([...(a.received[0]?.message as Uint8Array)]).to.deep.equal([1, 2, 3]);
  });
});
