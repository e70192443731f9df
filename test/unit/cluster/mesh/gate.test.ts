import type { Connection, MultiaddrConnection, PeerId } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { expect } from "chai";
import * as fc from "fast-check";
import { createGate, type Gate } from "../../../../node/cluster/mesh/gate.ts";
import type { MeshLimits } from "../../../../node/cluster/mesh/index.ts";
import { addressKey, Places } from "../../../../node/cluster/mesh/places.ts";
import { quietMeter } from "../../../fixtures/quiet.ts";
import { clock, withLimits } from "./loopback.ts";

/** Somebody who comes: a connection before and after it has said who it is; it notes why it was cut. */
function guest(peer: string, from: string) {
  const cuts: string[] = [];
  const closing: (() => void)[] = [];
  const id = { toString: () => peer } as PeerId;
  const cut = (error: Error): void => {
    cuts.push(error.message);
    for (const close of closing.splice(0)) close();
  };
  const remoteAddr = multiaddr(from);
  const raw = {
    remoteAddr,
    abort: cut,
    addEventListener: (_type: string, listener: () => void) => void closing.push(listener),
  } as unknown as MultiaddrConnection;
  const connection = {
    direction: "inbound",
    remotePeer: id,
    remoteAddr: remoteAddr.encapsulate("/p2p/12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"),
    abort: cut,
  } as unknown as Connection;
  return { id, raw, connection, cuts };
}
type Guest = ReturnType<typeof guest>;

const gateOf = (limits: Partial<MeshLimits>): Gate =>
  createGate({
    clock,
    meter: quietMeter,
    limits: withLimits(limits),
    isMember: (peer) => peer.startsWith("member"),
    wasEvicted: () => false,
    admits: () => true,
    isMembersAddress: (address) => address === "10.0.0.1",
  });
// What the gate answers is no promise.
const denies = (gate: Gate, { raw }: Guest) => gate.gater.denyInboundConnection?.(raw) as boolean;
const deniesProven = (gate: Gate, { id, raw }: Guest) =>
  gate.gater.denyInboundEncryptedConnection?.(id, raw) as boolean;
const cutsOf = (guests: readonly Guest[]) => guests.map(({ cuts }) => cuts.join());
let port = 1_000;
const from = (host: string): string => `/ip4/${host}/tcp/${(port += 1)}`;

describe("the gate of the mesh", () => {
  it("gives a stranger the place of the one that came first, and never that of one who knows a secret", () => {
    const gate = gateOf({ strangersMax: 3, strangersPerAddressMax: 2 });
    const guests = ["x", "y", "z", "u", "v"].map((peer, index) => guest(peer, from(`10.1.0.${index}`)));
    const [x, y, z, u, v] = guests as [Guest, Guest, Guest, Guest, Guest];
    const come = (one: Guest): void => {
      expect([denies(gate, one), deniesProven(gate, one)]).to.deep.equal([false, false]);
      gate.opened(one.connection);
    };
    for (const one of [x, y, z]) come(one);
    gate.asked(x.connection, true);
    gate.asked(y.connection, false);
    come(u);
    expect(cutsOf(guests), "there is room: who knows a secret counts no more").to.deep.equal(["", "", "", "", ""]);
    come(v);
    expect(cutsOf(guests)).to.deep.equal(["", "others come", "", "", ""]);
    const beside = ["p", "q", "r"].map((peer) => guest(peer, from("10.2.0.1")));
    for (const one of beside) come(one);
    expect(cutsOf(beside), "as many as an address has").to.deep.equal(["others come", "", ""]);
    const member = guest("member", from("10.2.0.1"));
    expect([denies(gate, member), deniesProven(gate, member)]).to.deep.equal([false, false]);
    gate.opened(member.connection);
    expect(member.cuts).to.deep.equal([]);
    gate.stop();
  });

  it("has places for those who come from where members are, whatever the number of others that say nothing", () => {
    const gate = gateOf({ pendingConnectionsMax: 8, pendingPerAddressMax: 2 });
    const crowd = Array.from({ length: 40 }, (_, index) => guest("", from(`10.3.0.${index % 10}`)));
    for (const one of crowd) denies(gate, one);
    expect(crowd.filter(({ cuts }) => cuts.length === 0)).to.have.length(8);
    const members = Array.from({ length: 4 }, () => guest("member", from("10.0.0.1")));
    for (const one of members) expect(denies(gate, one)).to.equal(false);
    for (const one of Array.from({ length: 40 }, (_, index) => guest("", from(`10.4.0.${index}`)))) denies(gate, one);
    expect(cutsOf(members)).to.deep.equal(["", "", "", ""]);
    expect(deniesProven(gate, members[0] as Guest)).to.equal(false);
    gate.opened((members[0] as Guest).connection);
    gate.stop();
  });

  it("knows where members come from that say nothing of it", () => {
    const gate = gateOf({ pendingConnectionsMax: 4, pendingPerAddressMax: 1 });
    const first = guest("member-2", from("10.5.0.1"));
    denies(gate, first);
    deniesProven(gate, first);
    gate.opened(first.connection);
    const again = [guest("member-2", from("10.5.0.1")), guest("member-2", from("10.5.0.1"))];
    for (const one of again) denies(gate, one);
    for (let index = 0; index < 20; index += 1) denies(gate, guest("", from(`10.6.0.${index}`)));
    expect(cutsOf(again)).to.deep.equal(["", ""]);
    gate.stop();
  });
});

describe("places", () => {
  it("are never more than there are, in all and for each address, and the newest guest keeps his", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ address: fc.constantFrom("a", "b", "c", "d", "known"), leaves: fc.nat(3) }), { maxLength: 60 }),
        (comings) => {
          const places = new Places<number>({ max: 6, perAddressMax: 3, perKnownAddressMax: 4 }, (address) => address === "known");
          const present = new Map<number, string>();
          const at = (address: string) => [...present].filter(([, one]) => one === address).map(([guest]) => guest);
          for (const [number, { address, leaves }] of comings.entries()) {
            const before = new Map(present);
            const lost = places.enter(number, address);
            if (lost !== number) present.set(number, address);
            if (lost !== undefined) present.delete(lost);
            if (lost === number) expect([...before.values()].filter((one) => one !== "known"), "only the known are kept").to.deep.equal([]);
            if (lost !== undefined && before.get(lost) === "known") expect(address).to.equal("known");
            expect(places.size).to.equal(present.size).and.to.be.at.most(6);
            for (const one of ["a", "b", "c", "d"]) expect(at(one).length).to.be.at.most(3);
            expect(at("known").length).to.be.at.most(4);
            if (leaves === 0) {
              const [first] = present.keys();
              if (first !== undefined) places.leave(first);
              if (first !== undefined) present.delete(first);
            }
          }
        },
      ),
    );
  }); // prettier-ignore

  it("are an address's, whatever its port; of IPv6 its network's", () => {
    expect(addressKey("/ip4/10.0.0.1/tcp/7")).to.equal("10.0.0.1");
    expect(addressKey("/ip6/::ffff:10.0.0.1/tcp/7")).to.equal("10.0.0.1");
    expect(addressKey("/ip6/2001:db8::1/tcp/7")).to.equal("2001:db8:0:0");
    expect(addressKey("/ip6/2001:0db8:0:0:9::/tcp/7/p2p/x")).to.equal("2001:db8:0:0");
    expect(addressKey("/ip6/::1/tcp/7")).to.equal("0:0:0:0");
    expect(addressKey("/ip6/fe80::1%eth0/tcp/7")).to.equal("fe80:0:0:0");
    expect(addressKey("/dns4/node.example/tcp/7")).to.equal(undefined);
  });
});
