import { expect } from "chai";
import { errorTable, failure, type ErrorCode } from "../../../protocols/index.ts";
import { explain, nameUnsent } from "../../../web/src/model/index.ts";

describe("what the page says of a failure", () => {
  it("names the node that does not answer, and not the one that the page came from", () => {
    const away = explain(failure("SLOT_UNAVAILABLE", { node: "two", reason: "the node that has it is down" }));
    expect(away)
      .to.include("two, the node that has it, does not answer")
      .and.to.match(/^Not available now/);
    const unsure = explain(failure("ASK_TIMEOUT", { because: "SLOT_UNAVAILABLE", node: "two" }));
    expect(unsure).to.include("two, the node that has it, does not answer").and.to.include("may still take effect");
  });

  it("speaks of no operationId", () => {
    expect(explain(failure("ASK_TIMEOUT"))).to.equal("No answer in time; it may still take effect.");
    expect(explain(failure("ASK_TIMEOUT"), "look")).to.equal("No answer in time. Try again later.");
    for (const code of Object.keys(errorTable) as ErrorCode[])
      expect(explain(failure(code)), code).to.not.include("operationId");
  });

  it("says of a node that has not joined the cluster yet that this is why", () => {
    const early = explain(failure("DIRECTORY_AWAY", { joined: false }));
    expect(early).to.include("has not joined the cluster yet").and.not.to.include("What exists keeps working");
  });

  it("calls unsent only what is known not to have been done", () => {
    expect(nameUnsent({ status: "waiting" })).to.equal("Sending");
    expect(nameUnsent({ status: "failed", failure: failure("FORBIDDEN") })).to.equal("Not sent");
    expect(nameUnsent({ status: "failed", failure: failure("ASK_TIMEOUT") })).to.equal("May not have been sent");
  });
});
