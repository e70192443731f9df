import { expect } from "chai";
import fc from "fast-check";
import { createThoughtSplitter, type ThoughtMarks } from "../../../runtimes/llama/thoughts.ts";

const marks: ThoughtMarks = { begins: "<think>", ends: "</think>" };

/** Cuts a text at these places and lets it through. */
function split(text: string, cuts: readonly number[], of: ThoughtMarks | undefined = marks) {
  const splitter = createThoughtSplitter(of);
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).toSorted((one, other) => one - other), text.length];
  const pieces = places.slice(1).map((place, index) => splitter.push(text.slice(places[index], place)));
  pieces.push(splitter.flush());
  return { thought: pieces.map((one) => one.thought).join(""), text: pieces.map((one) => one.text).join("") };
}

describe("thoughts", () => {
  const cuts = fc.array(fc.nat({ max: 60 }), { maxLength: 8 });

  it("are told from the answer, however the text is cut", () => {
    fc.assert(
      fc.property(cuts, (places) => {
        expect(split("\n<think>a < b, </thin> I think</think>\n\nYes.\n", places)).to.deep.equal({
          thought: "a < b, </thin> I think",
          text: "Yes.\n",
        });
      }),
    );
  });

  it("are not where the answer begins otherwise, or marks come later", () => {
    fc.assert(
      fc.property(cuts, fc.constantFrom(" <thin air>", "One says <think> for it.", "", "<t"), (places, text) => {
        expect(split(text, places)).to.deep.equal({ thought: "", text });
      }),
    );
    expect(createThoughtSplitter(undefined).push("<think>no</think>")).to.deep.equal({
      thought: "",
      text: "<think>no</think>",
    });
  });

  it("may have been begun by the prompt, and may not end", () => {
    expect(split("so it is</think>Yes.", [4], { begins: undefined, ends: "</think>" })).to.deep.equal({
      thought: "so it is",
      text: "Yes.",
    });
    expect(split("<think>so it is</th", [9])).to.deep.equal({ thought: "so it is</th", text: "" });
  });
});
