import { expect } from "chai";
import { observeLimits } from "../../../node/observe/limits.ts";
import { observedNodes } from "./fixture.ts";

const { traceSpansMax } = observeLimits;

describe("the steps of one trace at many nodes", () => {
  it("are as many as an answer has, from its beginning on, and it says that there are more", async () => {
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const { world, own, control } = observedNodes(["a", "b", "c"]);
    for (const [at, name] of ["a", "b", "c"].entries())
      for (let step = 0; step < traceSpansMax + 10; step += 1)
        own[name]!.spans.keep({ trace, span: `${name}${step}`, name: "turn", startMs: 3 * step + at, tookMs: 1, facts: {} });
    const found = await world.settle(control["a"]!.trace(trace));
    if (!found.ok) throw new Error(found.error.message);
    const { spans, more } = found.value;
    expect([spans.length, more]).to.deep.equal([traceSpansMax, true]);
    expect(spans.slice(0, 4).map(({ node, span }) => [node, span])).to.deep.equal([["a", "a0"], ["b", "b0"], ["c", "c0"], ["a", "a1"]]);
    const none = await world.settle(control["a"]!.trace("0".repeat(32)));
    expect(none.ok || none.error.code).to.equal("NOT_FOUND");
  }); // prettier-ignore
});
