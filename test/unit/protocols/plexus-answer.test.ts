import { expect } from "chai";
import fc from "fast-check";
import { failure } from "../../../protocols/errors.ts";
import { isSetup, isSignIn, readAnswer, refusalIn } from "../../../protocols/plexus-answer.ts";

describe("who answers at an address", () => {
  it("is decided for any status and text: a value, a node's refusal, or no Plexus", () => {
    const texts = fc.oneof(fc.string(), fc.json(), fc.constantFrom("<html>", "", "{", '{"error":{"code":"X"}}'));
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), texts, fc.option(fc.string()), (status, text, location) => {
        const answer = readAnswer("http://a", { status, text, location: location ?? undefined });
        if (answer.ok) expect(answer.value === undefined || typeof answer.value === "object").to.equal(true);
        else expect(answer.error.code).to.equal("UNREACHABLE");
      }),
    );
  });

  it("is a node where a refusal has all that a node writes", () => {
    const error = failure("NOT_FOUND");
    expect(refusalIn({ error })).to.equal(error);
    expect(refusalIn({ error: { ...error, outcome: "maybe" } })).to.equal(undefined);
    expect(readAnswer("http://a", { status: 404, text: JSON.stringify({ error }) })).to.deep.equal({
      ok: false,
      error,
    });
  });

  it("is no node where JSON is not what was asked for", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(isSetup(value)).to.equal(false);
        expect(isSignIn(value)).to.equal(false);
      }),
    );
    expect(isSetup({ adminNeeded: false, signUp: "open" })).to.equal(true);
    expect(isSignIn({ token: "t", user: "ada", expiresAtMs: 1 })).to.equal(true);
    expect(isSignIn({ attempt: "a", needs: ["totp"] })).to.equal(true);
  });
});
