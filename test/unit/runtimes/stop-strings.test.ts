import { expect } from "chai";
import fc from "fast-check";
import { createAnswer } from "../../../runtimes/answer.ts";
import { createStopMatcher } from "../../../runtimes/stop-strings.ts";

/** What goes out of a text that comes in pieces. */
function run(stops: readonly string[], pieces: readonly string[]): { out: string; matched: boolean } {
  const matcher = createStopMatcher(stops);
  let out = "";
  for (const piece of pieces) {
    const step = matcher.push(piece);
    out += step.text;
    if (step.matched) return { out, matched: true };
  }
  return { out: out + matcher.flush(), matched: false };
}

/** Few letters, so that stop strings occur and overlap. */
const letters = (sizes: fc.StringConstraints): fc.Arbitrary<string> =>
  fc.string({ ...sizes, unit: fc.constantFrom("a", "b", "😀") });
const stops = fc.array(letters({ minLength: 1, maxLength: 4 }), { maxLength: 3 });
const pieces = fc.array(letters({ maxLength: 4 }), { maxLength: 30 });

describe("the stop string matcher", () => {
  it("cuts at the first stop string, however the text is split", () => {
    fc.assert(
      fc.property(stops, pieces, (wanted, given) => {
        const text = given.join("");
        const places = wanted.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
        const { out, matched } = run(wanted, given);
        expect(matched).to.equal(places.length > 0);
        if (!matched) expect(out).to.equal(text);
        // A stop string that ends first is seen first, though another begins before it.
        else expect(wanted.some((stop) => text.startsWith(out + stop))).to.equal(true);
        for (const stop of wanted) expect(out.includes(stop)).to.equal(false);
      }),
    );
  });

  it("holds back no more than may become a stop string", () => {
    fc.assert(
      fc.property(stops, pieces, (wanted, given) => {
        const matcher = createStopMatcher(wanted);
        const longest = Math.max(0, ...wanted.map((stop) => stop.length - 1));
        let inside = 0;
        let outside = 0;
        for (const piece of given) {
          const step = matcher.push(piece);
          if (step.matched) return;
          inside += piece.length;
          outside += step.text.length;
          expect(inside - outside).to.be.at.most(longest);
        }
      }),
    );
  });

  it("ignores an empty stop string", () => {
    expect(run([""], ["abc"])).to.deep.equal({ out: "abc", matched: false });
  });
});

describe("an answer", () => {
  it("reports every token with the text that it completed", () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 40 }), (given, most) => {
        const answer = createAnswer([], most);
        let text = "";
        let tokens = 0;
        let end: string | undefined;
        for (const piece of given) {
          const step = answer.push(piece);
          text += step.text;
          tokens += step.tokens;
          end = step.end;
          if (end !== undefined) break;
        }
        const rest = answer.finish("");
        expect(text + rest.text).to.equal(given.slice(0, most).join(""));
        expect(answer.tokens).to.equal(Math.min(most, given.length));
        expect(tokens + rest.tokens).to.be.at.most(answer.tokens);
        expect(end).to.equal(given.length >= most ? "length" : undefined);
      }),
    );
  });

  it("counts the tokens of a stop string, and does not show them", () => {
    const answer = createAnswer(["stop"], 10);
    expect(answer.push("go st")).to.deep.equal({ text: "go ", tokens: 1 });
    expect(answer.push("op on")).to.deep.equal({ text: "", tokens: 0, end: "complete" });
    expect(answer.tokens).to.equal(2);
  });

  it("cuts at a stop string that is complete only with the last characters", () => {
    const answer = createAnswer(["!!"], 10);
    expect(answer.push("yes!")).to.include({ text: "yes" });
    expect(answer.finish("!")).to.include({ text: "" });
  });
});
