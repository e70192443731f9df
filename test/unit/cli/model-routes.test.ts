import { expect } from "chai";
import { describeRoutes, readStep } from "../../../cli/model-routes.ts";

describe("plexus routes", () => {
  it("reads steps: one model whatever its name has, or several with their weights", () => {
    expect(readStep("llama3:8")).to.deep.equal([{ model: "llama3:8", weight: 1 }]);
    expect(readStep("a:95,llama3:8:5,c")).to.deep.equal([
      { model: "a", weight: 95 },
      { model: "llama3:8", weight: 5 },
      { model: "c", weight: 1 },
    ]);
  });

  it("shows them, and what to do when there are none", () => {
    const steps = [[{ model: "a", weight: 95 }, { model: "b\u001b[2J", weight: 5 }], [{ model: "c", weight: 1 }]]; // prettier-ignore
    const shown = describeRoutes([{ name: "smart", steps, shadow: { model: "d", percent: 10 } }], false);
    expect(shown)
      .to.match(/smart.+a:95,b.*:5, else c.+d, 10 %/u)
      .and.to.not.include("\u001b");
    expect(describeRoutes([], false)).to.include("plexus routes set");
  });
});
