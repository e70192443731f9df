import { expect } from "chai";
import { withMembers, withReached, type Home } from "../../../node/data-folder/home.ts";
import { memberRecord } from "../../fixtures/members.ts";

const home = (members: readonly string[], evicted?: readonly string[]): Home => ({
  cluster: "c1",
  directory: { kind: "embedded", host: "a" },
  members: members.map((node) => memberRecord(node)),
  starts: 1,
  ...(evicted && { evicted }),
});
const next = (from: Home, members: readonly string[]): readonly string[] | undefined =>
  withMembers(
    from,
    members.map((node) => memberRecord(node)),
  ).evicted;

describe("what a node remembers of the members", () => {
  it("is who left the list, until they are on it again", () => {
    expect(next(home(["a", "b"]), ["a"])).to.deep.equal(["peer-b"]);
    expect(next(home(["a"], ["peer-b"]), ["a", "c"])).to.deep.equal(["peer-b"]);
    expect(next(home(["a"], ["peer-b"]), ["a", "b"])).to.deep.equal([]);
  });

  it("is nobody who had no mesh yet", () => {
    const alone = { ...home([]), members: [memberRecord("a", { peer: "" })] };
    expect(next(alone, ["a"])).to.deep.equal([]);
  });

  it("is the last 256 that left", () => {
    const gone = Array.from({ length: 256 }, (_, index) => `peer-${index}`);
    const remembered = next(home(["a", "b"], gone), ["a"]);
    expect(remembered).to.have.length(256);
    expect([remembered?.[0], remembered?.at(-1)]).to.deep.equal(["peer-1", "peer-b"]);
  });
});

describe("what a node remembers of where members were", () => {
  const at = (from: Home, peer: string, address: string): Home => ({ ...from, ...withReached(from, peer, address) });

  it("is every address where one answered, the last first, and no more than eight", () => {
    let kept = home(["a", "b"]);
    for (let port = 1; port <= 10; port += 1) kept = at(kept, "peer-b", `/ip4/10.0.0.1/tcp/${port}`);
    kept = at(kept, "peer-b", "/ip4/10.0.0.1/tcp/5");
    const ports = kept.reached?.["peer-b"]?.map((address) => Number(address.split("/").at(-1)));
    expect(ports).to.deep.equal([5, 10, 9, 8, 7, 6, 4, 3]);
    expect(withReached(kept, "peer-b", "/ip4/10.0.0.1/tcp/5"), "nothing new is not written").to.equal(undefined);
  });

  it("is nothing of who is no member any more", () => {
    const both = at(at(home(["a", "b", "c"]), "peer-b", "/ip4/10.0.0.2/tcp/1"), "peer-c", "/ip4/10.0.0.3/tcp/1");
    const kept = at({ ...both, members: home(["a", "c"]).members }, "peer-c", "/ip4/10.0.0.3/tcp/2");
    expect(Object.keys(kept.reached ?? {})).to.deep.equal(["peer-c"]);
  });
});
