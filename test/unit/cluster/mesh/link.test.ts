import { expect } from "chai";
import { controlKind } from "../../../../node/cluster/mesh/handshake.ts";
import { meshLimits } from "../../../../node/cluster/mesh/limits.ts";
import { Link } from "../../../../node/cluster/mesh/link.ts";
import { clock } from "./loopback.ts";

const nothing = (): void => undefined;

/** A link of a start of a node, as the peer has it. */
function linkOf(incarnation: number): { readonly link: Link; readonly isHeard: () => void } {
  const link = new Link({
    peer: "peer",
    dialled: false,
    clock: { ...clock, after: () => nothing },
    meter: { count: nothing, gauge: nothing, observeMs: nothing },
    limits: meshLimits,
    listener: { hello: nothing, welcome: nothing, ready: nothing, received: nothing, ended: nothing },
  });
  const version = { major: 1, minor: 0 };
  link.introduce({ version, cluster: "one", node: "n", incarnation, slotCount: 1 }, "link");
  link.open();
  return { link, isHeard: () => link.received("control", [controlKind.ping], 1) };
}

describe("a link that an earlier start of its node wants to replace", () => {
  it("proves that its process lives by what is heard a whole sweep later, not by what may have been under way", () => {
    const { link, isHeard } = linkOf(5);
    isHeard();
    link.sweep();
    expect(link.outlives(3)).to.equal(false);
    isHeard();
    expect(link.outlives(3)).to.equal(false);
    link.sweep();
    isHeard();
    expect(link.outlives(3)).to.equal(false);
    link.sweep();
    expect(link.outlives(3)).to.equal(false);
    isHeard();
    expect(link.outlives(3)).to.equal(true);
  });

  it("proves it to each start anew", () => {
    const { link, isHeard } = linkOf(5);
    const isHeardOn = (): void => {
      link.sweep();
      link.sweep();
      isHeard();
    };
    expect(link.outlives(3)).to.equal(false);
    isHeardOn();
    expect(link.outlives(4)).to.equal(false);
    isHeardOn();
    expect(link.outlives(4)).to.equal(true);
    expect(link.outlives(4)).to.equal(false);
  });

  it("proves nothing while it is silent, and ends of that", () => {
    const { link } = linkOf(5);
    const seen: boolean[] = [];
    for (let sweeps = 0; link.state === "ready" && sweeps < 100; sweeps += 1) {
      seen.push(link.outlives(3));
      link.sweep();
    }
    expect(link.state).to.equal("ended");
    expect(seen.includes(true)).to.equal(false);
    expect(seen.length * meshLimits.sweepMs).to.be.at.most(meshLimits.silenceTimeoutMs);
  });
});
