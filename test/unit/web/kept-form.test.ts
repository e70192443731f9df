import { expect } from "chai";
import { array, assert as property, constantFrom, property as forAll, record } from "fast-check";
import { fieldBack, fieldsAfter, keptFieldsIn, type KeptFields } from "../../../web/src/model/kept-form.ts";

describe("what was typed into a form", () => {
  it("is each field that says something else than it did, whatever was typed in which order", () => {
    const texts = constantFrom("", "a", "b");
    property(
      forAll(array(record({ label: constantFrom("Title", "Topic"), text: texts }), { maxLength: 12 }), (steps) => {
        const first: Readonly<Record<string, string>> = { Title: "a", Topic: "" };
        let kept: KeptFields | undefined;
        const now = { ...first };
        for (const { label, text } of steps) {
          now[label] = text;
          kept = fieldsAfter(kept ?? {}, label, { was: first[label] ?? "", now: text });
        }
        for (const label of Object.keys(first))
          expect(fieldBack(kept?.[label], first[label] ?? "")?.says ?? first[label]).to.equal(now[label]);
        expect(kept === undefined).to.equal(JSON.stringify(now) === JSON.stringify(first));
        expect(keptFieldsIn(JSON.parse(JSON.stringify(kept ?? {})))).to.deep.equal(kept ?? {});
      }),
    );
  });

  it("comes back beside what the field says now, and says when that was changed meanwhile", () => {
    const field = { was: "Den", now: "Our den" };
    expect(fieldBack(field, "Den")).to.deep.equal({ says: "Our den", changed: false });
    expect(fieldBack(field, "Lair")).to.deep.equal({ says: "Our den", changed: true });
    expect([fieldBack(field, "Our den"), fieldBack(undefined, "Den")]).to.deep.equal([undefined, undefined]);
  });

  it("is nothing where something else was kept", () => {
    for (const odd of [undefined, null, 1, "x", [], { a: 1 }, { a: { was: "x" } }])
      expect(keptFieldsIn(odd)).to.deep.equal({});
  });
});
