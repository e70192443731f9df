import { expect } from "chai";
import { announce } from "../../../../node/cluster/membership/announcing.ts";
import { announceLimits } from "../../../../node/cluster/membership/limits.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { World } from "../../../world/index.ts";

const home = "/ip4/192.168.1.7/tcp/7071";
const office = "/ip4/10.2.0.9/tcp/7071";
const local = "/ip4/127.0.0.1/tcp/7071";

describe("where a node says that it listens", () => {
  it("is told at the start, and anew when the machine has another address, though not while it has none", async () => {
    const world = new World(1);
    const told: (readonly string[])[] = [];
    let addresses: readonly string[] = [local, home];
    const stop = announce({
      clock: world.clock(),
      log: quietLog,
      addresses: () => addresses,
      tell: (now) => void told.push(now),
    });
    const pass = () => world.pass(announceLimits.addressLookMs + 1);
    await pass();
    expect(told, "nothing has changed").to.deep.equal([[local, home]]);
    addresses = [local];
    await pass();
    expect(told, "the cable is out").to.have.length(1);
    addresses = [local, office];
    await pass();
    await pass();
    expect(told).to.deep.equal([
      [local, home],
      [local, office],
    ]);
    stop();
    addresses = [local, home];
    await pass();
    expect(told, "it has stopped").to.have.length(2);
  });
});
