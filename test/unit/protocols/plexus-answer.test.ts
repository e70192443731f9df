import { expect } from "chai";
import fc from "fast-check";
import { failure } from "../../../protocols/errors.ts";
import { readAnswer, refusalIn } from "../../../protocols/wire/plexus-answer.ts";

describe("who answers at an address", () => {
  it("is decided for any status and text: a value, a node's refusal, or no Plexus", () => {
    const texts = fc.oneof(fc.string(), fc.json(), fc.constantFrom("<html>", "", "{", '{"error":{"code":"X"}}'));
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 599 }),
        texts,
        fc.option(fc.string()),
        fc.boolean(),
        (status, text, location, isMarked) => {
          const answer = readAnswer("http://a", { status, text, location: location ?? undefined, isMarked });
          if (!answer.ok) expect(answer.error.code).to.equal("UNREACHABLE");
          else expect(isMarked && (answer.value === undefined || typeof answer.value === "object")).to.equal(true);
        },
      ),
    );
  });

  it("is a node where a refusal has all that a node writes", () => {
    const error = failure("NOT_FOUND");
    expect(refusalIn({ error })).to.equal(error);
    expect(refusalIn({ error: { ...error, outcome: "maybe" } })).to.equal(undefined);
    expect(readAnswer("http://a", { status: 404, text: JSON.stringify({ error }), isMarked: false })).to.deep.equal({
      ok: false,
      error,
    });
  });

  it("is no node where a 200 has no mark of one, whatever it says", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(readAnswer("http://a", { status: 200, text, isMarked: false })).to.have.property("ok", false);
      }),
    );
    expect(readAnswer("http://a", { status: 200, text: "{}", isMarked: true })).to.deep.equal({ ok: true, value: {} });
  });
});
