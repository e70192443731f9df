import { expect } from "chai";
import { checkOf } from "../../../protocols/wire/check.ts";
import { commandTables, errorTable, failure, type Command, type ErrorCode } from "../../../protocols/index.ts";
import { faultAt } from "../../../web/src/model/field-faults.ts";
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

  it("says how long to wait, and what was wrong with which field", () => {
    expect(explain(failure("RATE_LIMITED", { retryAfterMs: 2_400 }))).to.equal("Too fast: try again in 3 s.");
    expect(explain(failure("RATE_LIMITED", { retryAfterMs: 10 }))).to.include("in 1 s");
    expect(explain(failure("RATE_LIMITED"))).to.not.include("Too fast");
    expect(explain(failure("BAD_REQUEST", { path: "/with/title", problem: "is too long" }))).to.equal(
      "The field “title” is too long.",
    );
    expect(explain(failure("BAD_REQUEST", { path: "", problem: "is no JSON" }))).to.equal("The request is no JSON.");
    expect(explain(failure("FORBIDDEN", { reason: "only admins may do this" }))).to.match(
      / Reason: only admins may do this\.$/,
    );
    expect(explain(failure("NAME_TAKEN", { field: "name" }))).to.match(/\(name\)$/);
  });

  it("says of what is away why, as far as anybody knows", () => {
    expect(explain(failure("SLOT_UNAVAILABLE", { reason: "the slot is moving" }))).to.equal(
      "Not available now: the slot is moving.",
    );
    expect(explain(failure("SLOT_UNAVAILABLE"))).to.include("on a node that is away");
    expect(explain(failure("DIRECTORY_AWAY"))).to.include("What exists keeps working");
    expect(explain(failure("UNREACHABLE"))).to.equal("The node does not answer. Is it running?");
    expect(explain(failure("APPEND_FAILED"))).to.equal(
      "The disk of the node that has it refused a write; it may still take effect.",
    );
    expect(explain(failure("PEER_LOST"), "look")).to.match(/ended\. Try again later\.$/);
    expect(explain(failure("ADMIN_CODE_WRONG"))).to.include("at its latest start");
  });

  it("names who banned, until when and why, as far as it is told", () => {
    expect(explain(failure("BANNED"))).to.equal("Banned until it is lifted.");
    const told = explain(failure("BANNED", { by: "user/ada", untilMs: Date.UTC(2030, 4, 6, 12), reason: "spam" }));
    expect(told).to.match(/^Banned by @ada until .*2030.*\. Reason given: spam$/);
  });

  it("calls unsent only what is known not to have been done", () => {
    expect(nameUnsent({ status: "waiting" })).to.equal("Sending");
    expect(nameUnsent({ status: "failed", failure: failure("FORBIDDEN") })).to.equal("Not sent");
    expect(nameUnsent({ status: "failed", failure: failure("ASK_TIMEOUT") })).to.equal("May not have been sent");
  });

  it("has no pattern, no sign of code, no word of schemas and no “details” in it, whatever any row, command or form refuses", () => {
    const jargon =
      /`|\\|\^|\$"|\[[A-Za-z0-9]-|\bpattern\b|\bschema\b|anyOf|oneOf|\bdetails?\b|must (NOT|match)|\bproperties\b/;
    for (const code of Object.keys(errorTable) as ErrorCode[])
      expect(explain(failure(code)), code)
        .to.not.match(jargon)
        .and.not.equal("");
    // Each command's fields with what does not fit them, in the words of the check that the node has.
    const wrong = [
      "",
      "\u0000",
      "no name! ^",
      "x".repeat(70_000),
      -1,
      1.5,
      1e300,
      true,
      null,
      [],
      ["", ""],
      {},
      { x: 1 },
    ];
    let refusals = 0;
    for (const [kind, table] of Object.entries(commandTables))
      for (const [type, { params }] of Object.entries(table as Record<string, Command>)) {
        const check = checkOf(params);
        for (const field of [...Object.keys(params.properties), "unknown"])
          for (const value of wrong)
            for (const { instancePath: path, message: problem } of check.Errors({ [field]: value })) {
              refusals += 1;
              expect(
                explain(failure("BAD_REQUEST", { path, problem })).replace(/“.*?”/, ""),
                `${kind}.${type} ${field}: ${problem}`,
              ).to.not.match(jargon);
            }
      }
    expect(refusals).to.be.greaterThan(1_000);
  });

  it("stands at the field that it is about, in the field's words", () => {
    const rules = { name: "Lower-case letters.", expiresInMs: "A time." };
    const pattern = { path: "/name", problem: 'must match pattern "^[a-z]$"' };
    expect(faultAt(failure("BAD_REQUEST", pattern), rules)).to.deep.equal({
      field: "name",
      text: "Lower-case letters.",
    });
    expect(faultAt(failure("BAD_REQUEST", { path: "/name/0", problem: pattern.problem }), rules)?.field).to.equal(
      "name",
    );
    expect(faultAt(failure("SIGN_IN_FAILED"), { current: "" })?.text).to.equal("This is not your password.");
    expect(faultAt(failure("NAME_TAKEN"), rules)?.field).to.equal("name");
    expect(faultAt(failure("BAD_REQUEST", { field: "name", reason: "`x` is no name" }), rules)?.text).to.equal(
      "X is no name.",
    );
    expect(faultAt(failure("BAD_REQUEST", { path: "/other", problem: "is wrong" }), rules)).to.equal(undefined);
    expect(faultAt(failure("FORBIDDEN"), rules)).to.equal(undefined);
  });
});
