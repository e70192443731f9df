import type { Stream } from "@libp2p/interface";
import { expect } from "chai";
import { frameHeaderBytes, framesOf } from "../../../../node/cluster/mesh/frames.ts";
import { Lane } from "../../../../node/cluster/mesh/lane.ts";
import { meshLimits } from "../../../../node/cluster/mesh/limits.ts";
import { encode } from "../../../../protocols/index.ts";
import { World } from "../../../world/index.ts";

const nothing = (): void => undefined;

/** A lane with much credit, what its stream was given, and the turns of the event loop as the test wants them. */
function openLane() {
  const written: Uint8Array[] = [];
  const broken: string[] = [];
  const world = new World(1);
  const stream = Object.assign(new EventTarget(), {
    status: "open",
    writeStatus: "writable",
    isLost: false,
    send(piece: Uint8Array): boolean {
      if (stream.isLost) throw new Error("reset");
      written.push(piece);
      return true;
    },
  });
  const lane = new Lane({
    channel: "message",
    stream: stream as unknown as Stream,
    clock: world.clock(),
    limits: meshLimits.channels.message,
    frameBytesMax: meshLimits.frameBytesMax,
    received: nothing,
    sent: nothing,
    broke: ({ code }) => void broken.push(code),
  });
  lane.grant(1_000_000);
  const turn = (): void => world.elapse(0);
  return { lane, stream, written, broken, turn };
}

/** The bytes of one write that carries these frames. */
function together(...frames: readonly Uint8Array[]): Uint8Array {
  return framesOf(
    [...frames],
    frames.reduce((bytes, frame) => bytes + frameHeaderBytes + frame.length, 0),
  );
}

describe("a lane", () => {
  const [one, two, three] = [encode("one"), encode("two"), encode("three")];

  it("writes together what it is given in one turn", () => {
    const { lane, written, turn } = openLane();
    lane.push(one);
    lane.push(two);
    expect(written).to.deep.equal([]);
    turn();
    expect(written).to.deep.equal([together(one, two)]);
  });

  it("writes at once what whoever sends has gathered, and the rest at the end of the turn", () => {
    const { lane, written, turn } = openLane();
    lane.push(one);
    lane.push(two);
    lane.flush();
    lane.push(three);
    expect(written).to.deep.equal([together(one, two)]);
    turn();
    turn();
    expect(written).to.deep.equal([together(one, two), together(three)]);
  });

  it("tells nobody in the middle of a flush that its stream is lost, and takes no more", () => {
    const { lane, stream, broken, turn } = openLane();
    stream.isLost = true;
    lane.push(one);
    lane.flush();
    expect(lane.full).to.equal(true);
    expect(broken).to.deep.equal([]);
    turn();
    turn();
    expect(broken).to.deep.equal(["PEER_LOST"]);
  });
});
