import { expect } from "chai";
import { HolderSizes, Leaving } from "../../../../node/cluster/placement/holder-moves.ts";
import { holderOf, ownSlot, type ActorId } from "../../../../protocols/index.ts";
import { soleHolder } from "./fixture.ts";

describe("what a controller knows of holders", () => {
  it("is what they take, asked a few at a time, and kept while one does not answer", async () => {
    const holders = [0, 1, 2].map((index) => holderOf("g1", index));
    const asked: ActorId[] = [];
    let answer = (holder: ActorId): Promise<number | undefined> => Promise.resolve(holders.indexOf(holder) + 5);
    const sizes = new HolderSizes((holder) => (asked.push(holder), answer(holder)), 2);
    const known = async (of: readonly ActorId[]) => {
      await sizes.ask(["chat/1", ...of.map(ownSlot)]);
      return holders.map((holder) => sizes.all.get(ownSlot(holder)));
    };
    expect(await known(holders)).to.deep.equal([5, 6, undefined]);
    expect(await known(holders)).to.deep.equal([5, 6, 7]);
    expect(asked).to.deep.equal([0, 1, 2, 0].map((index) => holders[index]));
    answer = () => Promise.reject(new Error("it is away"));
    expect(await known(holders)).to.deep.equal([5, 6, 7]);
    expect(await known(holders.slice(1))).to.deep.equal([undefined, 6, 7]);
  });

  it("is when one left a node for another home, and not that it was away or came back", () => {
    const leaving = new Leaving();
    const at = soleHolder("g1", "a");
    const learn = (nowMs: number, home: string, owner: string): readonly string[] => {
      leaving.learn(at.slot, { ...at, home, owner }, nowMs);
      return [...leaving.since(0)];
    };
    learn(1, "a", "a");
    expect([learn(2, "a", "b"), learn(3, "a", "a")], "it was down").to.deep.equal([[], []]);
    expect([learn(4, "b", "a"), learn(5, "a", "a")], "the move was given up").to.deep.equal([[], []]);
    expect([learn(6, "b", "a"), learn(7, "c", "a"), learn(8, "c", "c")], "its bytes are where it was").to.deep.equal([
      [],
      [],
      ["a"],
    ]);
    expect([...leaving.since(8)]).to.deep.equal([]);
    leaving.keep(new Set(["c"]));
    expect([...leaving.since(0)]).to.deep.equal([]);
  });
});
