import { expect } from "chai";
import fc from "fast-check";
import { afterRun, drawn, emptyLine, inserted, pressed, replaced, textOf, type Line } from "../../../web/src/terminal/line.ts"; // prettier-ignore
import { terminalLimits } from "../../../web/src/terminal/limits.ts";

/** The line after these keys. */
const typed = (keys: readonly string[], from: Line = emptyLine()): Line =>
  keys.reduce<Line>((line, key) => {
    const next = pressed(line, key);
    return typeof next === "string" ? line : next;
  }, from);
const left = "\u001b[D";
const up = "\u001b[A";
const down = "\u001b[B";

describe("the line of the page's terminal", () => {
  it("takes keys as lines do everywhere", () => {
    expect(textOf(typed(["nodes", left, left, "x"]))).to.equal("nodxes");
    expect(textOf(typed(["nodes drain a", "\u0017"]))).to.equal("nodes drain ");
    expect(textOf(typed(["nodes", "\u0001", "\u000b"]))).to.equal("");
    expect(textOf(typed(["nodes", left, "\u0015"]))).to.equal("s");
    expect(textOf(typed(["ab", "\u007f", "\u0001", "\u001b[3~"]))).to.equal("");
    expect(pressed(emptyLine(), "\u0004")).to.equal("end");
    expect(["\r", "\t", "\u0003", "\u000c"].map((key) => pressed(emptyLine(), key))).to.deep.equal(["enter", "complete", "interrupt", "clear"]); // prettier-ignore
  });

  it("goes through what was run before, and comes back to what was being typed", () => {
    const after = afterRun(typed(["two"], afterRun(typed(["one"]))));
    expect(after.history).to.deep.equal(["one", "two"]);
    expect(textOf(typed(["dra", up, up], after))).to.equal("one");
    expect(textOf(typed(["dra", up, up, down, down, down], after))).to.equal("dra");
    expect(afterRun(typed(["two"], after)).history).to.deep.equal(["one", "two"]);
    expect(afterRun(typed([" hidden"], after)).history).to.deep.equal(["one", "two"]);
  });

  it("counts signs as people do, and takes no control characters", () => {
    expect(textOf(typed(["a👩‍👩‍👧", "\u007f"]))).to.equal("a");
    expect(textOf(inserted(emptyLine(), "a\u001b[2J\u202eb"))).to.equal("a[2Jb");
    // A word that is pasted is text, also where every object has a property of that name.
    expect(textOf(typed(["valueOf", " ", "constructor"]))).to.equal("valueOf constructor");
    expect(textOf(replaced(typed(["nodes dr"]), 6, "drain "))).to.equal("nodes drain ");
  });

  it("is bounded, and one row however it is typed and wherever the cursor is", () => {
    const key = fc.oneof(
      fc.constantFrom(left, "\u001b[C", up, down, "\u007f", "\u0001", "\u0005", "\u0017"),
      fc.string({ unit: "grapheme", maxLength: 30 }),
    );
    fc.assert(
      fc.property(fc.array(key, { maxLength: 30 }), fc.integer({ min: 20, max: 120 }), (keys, columns) => {
        const line = typed(keys, emptyLine(["an older line"]));
        expect(line.cursor).to.be.within(0, line.text.length);
        const { row, column } = drawn(line, "plexus ", columns);
        expect(row).to.not.match(/\p{Cc}/u);
        expect(column).to.be.within(1, columns);
      }),
    );
    expect(inserted(emptyLine(), "x".repeat(10_000)).text.length).to.equal(terminalLimits.lineMax);
    const long = typed(["x".repeat(200)]);
    expect(drawn(long, "plexus ", 40).row.length).to.be.at.most(40);
    expect(drawn(long, "plexus ", 40).row).to.match(/^plexus …x+$/);
  });
});
