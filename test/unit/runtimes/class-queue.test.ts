import { expect } from "chai";
import fc from "fast-check";
import { ClassQueue } from "../../../runtimes/class-queue.ts";
import { runtimeLimits } from "../../../runtimes/limits.ts";

const limits = { max: 1_000, perShareMax: 1_000 };
const openFixture = (priority: number, share = "ada", lane = "phone") => ({ priority, share, lane });

describe("a queue of classes", () => {
  it("lets earlier classes go first", () => {
    const queue = new ClassQueue<string>();
    queue.join(openFixture(3), "last", limits);
    queue.join(openFixture(1), "second", limits);
    queue.join(openFixture(0), "first", limits);
    expect(queue.takeAll()).to.deep.equal(["first", "second", "last"]);
  });

  it("gives every ninth turn to a later class", () => {
    const queue = new ClassQueue<string>();
    const { turnsBeforeLater } = runtimeLimits;
    for (let index = 0; index < 3 * turnsBeforeLater; index += 1) queue.join(openFixture(0), "now", limits);
    for (let index = 0; index < 3; index += 1) queue.join(openFixture(1), "later", limits);
    const order = queue.takeAll();
    expect(order.indexOf("later")).to.equal(turnsBeforeLater);
    expect(order.indexOf("later", turnsBeforeLater + 1)).to.equal(2 * turnsBeforeLater + 1);
  });

  it("makes room for a newcomer with the youngest of a later class, first of the newcomer's own", () => {
    const queue = new ClassQueue<string>();
    const three = { max: 3, perShareMax: 2 };
    queue.join(openFixture(1, "bob"), "b1", three);
    queue.join(openFixture(1, "bob"), "b2", three);
    queue.join(openFixture(2, "ada"), "a1", three);
    expect(queue.join(openFixture(0, "ada"), "a2", three)).to.deep.equal({ type: "displaced", item: "a1" });
    expect(queue.join(openFixture(0, "bob"), "b3", three)).to.deep.equal({ type: "displaced", item: "b2" });
    expect(queue.join(openFixture(3, "cyd"), "c1", three)).to.deep.equal({ type: "full", limit: "max" });
    expect(queue.size).to.equal(3);
  });

  it("counts what surely comes before a newcomer, and never more than does", () => {
    const any = fc.record({
      priority: fc.nat({ max: 2 }),
      share: fc.constantFrom("a", "b", "c"),
      lane: fc.constantFrom("x", "y"),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 30 }), any, (others, mine) => {
        const queue = new ClassQueue<number>();
        for (const [index, one] of others.entries()) queue.join(one, index, limits);
        const before = queue.turnsBefore(mine);
        queue.join(mine, -1, limits);
        expect(before).to.be.at.most(queue.takeAll().indexOf(-1));
      }),
    );
  });

  it("keeps each item until it is taken or leaves", () => {
    const any = fc.record({ priority: fc.nat({ max: 3 }), share: fc.constantFrom("a", "b"), leaves: fc.boolean() });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 40 }), (all) => {
        const queue = new ClassQueue<number>();
        const kept = new Set<number>();
        for (const [index, { priority, share }] of all.entries()) {
          const joined = queue.join(openFixture(priority, share), index, { max: 12, perShareMax: 8 });
          if (joined.type !== "full") kept.add(index);
          if (joined.type === "displaced") kept.delete(joined.item);
        }
        for (const [index, { priority, share, leaves }] of all.entries())
          if (leaves) expect(queue.leave(openFixture(priority, share), index)).to.equal(kept.delete(index));
        expect(queue.size).to.equal(kept.size);
        expect(new Set(queue.takeAll())).to.deep.equal(kept);
      }),
    );
  });
});
