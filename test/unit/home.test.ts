import { expect } from "chai";
import { withMembers, type Home } from "../../node/home.ts";
import { memberRecord } from "../members.ts";

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
