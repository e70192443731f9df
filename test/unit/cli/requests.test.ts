import { expect } from "chai";
import { describeRequests } from "../../../cli/watching/requests.ts";

describe("plexus requests", () => {
  const width = { color: false, columns: 120 };
  const row = {
    name: "ada/\u001b[31mk1",
    requests: 9,
    unchanged: 5,
    refused: 1,
    limited: 2,
    failed: 3,
    meanMs: 4.25,
    p99Ms: 1_250,
  };

  it("shows a row for each, with what came of them, and says when there are more", () => {
    const said = describeRequests({ by: "key", range: "hour", rows: [row], total: 3 }, width);
    expect(said).to.match(/Key .* Requests .* Unchanged .* Refused .* Over limit .* Failed .* Mean .* 99 of 100 below/);
    expect(said).to.match(/ 9 │ +5 │ +1 │ +2 │ +3 │ +4\.3 ms │ +1\.25 s │/);
    expect(said, "no control character of a name").to.not.include("\u001b");
    expect(said).to.match(/1 of 3; --limit shows more\.$/);
  });

  it("says when there was none", () => {
    expect(describeRequests({ by: "kind", range: "day", rows: [], total: 0 }, width)).to.equal(
      "There was no such request in the last day.",
    );
  });
});
