import { expect } from "chai";
import fc from "fast-check";
import { attempted, nextAddress, roundsOf, routeFrom, routeOf, type Route } from "../../../client/route.ts";

const one = "http://10.0.0.1:7070";
const two = "http://10.0.0.2:7070";
const three = "http://10.0.0.3:7070";

function attempts(route: Route, count: number): readonly string[] {
  const addresses: string[] = [];
  let next = route;
  for (let attempt = 0; attempt < count; attempt += 1) {
    addresses.push(nextAddress(next));
    next = attempted(next);
  }
  return addresses;
}

describe("the way of a client among nodes", () => {
  const nodes = [
    { name: "one", url: one },
    { name: "two", url: two },
    { name: "three", url: three },
  ];

  it("tries its own node once, then the others in turn, and then all of them again", () => {
    const route = routeFrom(one, { nodes, given: [one], chance: 0 });
    expect(attempts(route, 7)).to.deep.equal([one, two, three, one, two, three, one]);
  });

  it("begins with any of the others, so that the clients of a dead node spread", () => {
    const route = routeFrom(one, { nodes, given: [one], chance: 0.9 });
    expect(attempts(route, 3)).to.deep.equal([one, three, two]);
  });

  it("takes given addresses in their order at first, and keeps them behind those that its node names", () => {
    expect(attempts(routeOf([two, one]), 3)).to.deep.equal([two, one, two]);
    const moved = routeFrom(two, { nodes: [{ name: "two", url: two }, nodes[2]!], given: [one], chance: 0 });
    expect(attempts(moved, 4)).to.deep.equal([two, three, one, two]);
  });

  it("goes on under the address that worked, whatever the node calls itself", () => {
    const behindProxy = routeFrom("https://chat.example.org", { nodes, given: [], chance: 0 });
    expect(behindProxy.addresses).to.deep.equal(["https://chat.example.org"]);
  });

  it("tries every address once in each round, and counts the rounds its pauses grow with", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 250 }), { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer({ min: 1, max: 4 }),
        (hosts, chance, rounds) => {
          const listed = hosts.map((host) => ({ name: `n${host}`, url: `http://10.0.0.${host}:7070` }));
          let route = routeFrom(listed[0]?.url ?? "", { nodes: listed, given: [], chance });
          for (let round = 0; round < rounds; round += 1) {
            expect(roundsOf(route)).to.equal(round);
            const tried = attempts(route, listed.length);
            expect(tried[0]).to.equal(listed[0]?.url);
            expect([...tried].sort()).to.deep.equal(listed.map(({ url }) => url).sort());
            for (const _ of listed) route = attempted(route);
          }
        },
      ),
    );
  });
});
