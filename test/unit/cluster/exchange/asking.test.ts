import { expect } from "chai";
import { askEach } from "../../../../node/cluster/exchange/index.ts";
import { failure, ok, refused, type Result } from "../../../../protocols/index.ts";

describe("asking several nodes the same", () => {
  it("asks so many at a time, in order, and names those that do not answer, with why", async () => {
    let open = 0;
    let most = 0;
    const late = failure("PEER_LOST", { node: "c" });
    const ask = async (node: string): Promise<Result<string>> => {
      most = Math.max(most, (open += 1));
      for (let turn = node.charCodeAt(0); turn < "f".charCodeAt(0); turn += 1) await Promise.resolve();
      open -= 1;
      return node === "c" ? refused(late) : ok(node.toUpperCase());
    };
    const heard = await askEach(["a", "b", "c", "d", "e"], ask, 2);
    expect(heard.said.flat()).to.deep.equal(["a", "A", "b", "B", "d", "D", "e", "E"]);
    expect(heard.silent).to.deep.equal([["c", late]]);
    expect(most).to.equal(2);
    await askEach(["a", "b", "c", "d", "e"], ask);
    expect(most).to.equal(5);
    expect(await askEach([], ask)).to.deep.equal({ said: [], silent: [] });
  });
});
