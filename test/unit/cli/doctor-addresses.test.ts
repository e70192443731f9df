import { expect } from "chai";
import { createServer, type AddressInfo } from "node:net";
import { addressChecks, tryAddress } from "../../../cli/doctor/doctor-addresses.ts";
import { nodeRow, summaryOf } from "../gateway/cluster-fixture.ts";

const at = (host: string): string => `/ip4/${host}/tcp/7071`;
const self = nodeRow("a", { self: true, addresses: [at("10.0.0.1")] });

/** What the doctor says where only these addresses take connections. */
const said = async (nodes: Parameters<typeof summaryOf>[0], alive: readonly string[]) => {
  const checks = await addressChecks(summaryOf(nodes), async (address) =>
    alive.includes(address) ? { address } : { address, because: "no answer" },
  );
  return checks.map(({ state, says }) => `${state}: ${says}`);
};

describe("the doctor's look at the addresses of nodes", () => {
  it("is content where each node answers at one of its addresses at least, and tries nothing of a node alone", async () => {
    const other = nodeRow("b", { addresses: [at("10.0.0.2"), at("172.17.0.1")] });
    expect(await said([self, other], [at("10.0.0.1"), at("10.0.0.2")])).to.deep.equal([
      "good: 2 nodes can be found at what the others know of them",
    ]);
    expect(await said([self], [])).to.deep.equal([]);
    const older = nodeRow("b");
    expect(await said([self, older], [at("10.0.0.1")])).to.have.length(1);
  });

  it("says that the own address is gone, and that nobody could find this node, as bad", async () => {
    const other = nodeRow("b", { addresses: [at("10.0.0.2")] });
    expect(await said([self, other], [at("10.0.0.2")])).to.deep.equal([
      "bad: other nodes look for a, which runs here, where nothing answers: /ip4/10.0.0.1/tcp/7071 (no answer)",
    ]);
    const silent = nodeRow("a", { self: true, addresses: [] });
    expect(await said([silent, other], [at("10.0.0.2")])).to.deep.equal([
      "bad: other nodes look for a, which runs here, where nothing answers: it has not told its address",
    ]);
  });

  it("says which nodes are connected though they could not be found again, and which are down where something answers", async () => {
    const up = nodeRow("b", { addresses: [at("10.0.0.2")] });
    const down = nodeRow("c", { addresses: [at("10.0.0.3")], up: false });
    const gone = nodeRow("d", { addresses: [at("10.0.0.4")], up: false });
    expect(await said([self, up, down, gone], [at("10.0.0.1"), at("10.0.0.3")])).to.deep.equal([
      "warning: b is connected, and could not be found again: nothing answers where it is looked for: /ip4/10.0.0.2/tcp/7071 (no answer)",
      "warning: c is down from here, though something answers where it is looked for: another program, or a node that refuses this one",
      "warning: d is down, and nothing answers where it is looked for: /ip4/10.0.0.4/tcp/7071 (no answer)",
    ]);
    // What leads to this node leads to no other, whoever answers there.
    const astray = nodeRow("b", { addresses: [at("10.0.0.1")] });
    expect(await said([self, astray], [at("10.0.0.1")])).to.deep.equal([
      "warning: b is connected, and could not be found again: nothing answers where it is looked for: this node itself listens there",
    ]);
  });

  it("tries an address by connecting to it", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`;
    expect(await tryAddress(address)).to.deep.equal({ address });
    await new Promise((resolve) => server.close(resolve));
    expect((await tryAddress(address)).because).to.include("ECONNREFUSED");
    expect(await tryAddress("/ip4/10.0.0.1/udp/7071/quic-v1"), "no way that is tried").to.not.have.property("because");
  });
});
