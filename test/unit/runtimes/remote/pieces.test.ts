/** Arguments of calls as other servers write them: in pieces, several calls at once, with characters cut in half. */
import { expect } from "chai";
import type { CallPiece, GenerationPart, ToolCall } from "../../../../protocols/index.ts";
import { TextInProgress, type Delta } from "../../../../runtimes/remote/text.ts";
import { Dice } from "../../../world/index.ts";

const objects = [
  '{"a":"\u{1F600}\\n\\u0041","b":[1.10,2512292042121000001]}',
  "{}",
  "",
  " ",
  '{"long":"' + "xyz".repeat(30) + '"}',
  '  {"a": {"b": {}}}\n',
];

/** The events of some calls, cut by chance; where they are together they come in turns by chance. */
function eventsOf(dice: Dice, calls: readonly ToolCall[], together: boolean): readonly Delta[] {
  const lines = calls.map(({ id, name, arguments: text }, index): Delta[] => {
    const pieces: Delta[] = [{ call: { index, id, name, ...(dice.chance(0.5) && { arguments: "" }) } }];
    for (let at = 0; at < text.length;) {
      const to = at + 1 + dice.below(dice.pick([1, 4, 50]));
      pieces.push({ call: { index, arguments: text.slice(at, to) } });
      at = to;
    }
    return pieces;
  });
  if (!together) return lines.flat();
  const events: Delta[] = [];
  // They begin in their order.
  for (const line of lines) events.push(line.shift()!);
  while (lines.some((line) => line.length > 0)) {
    const next = dice.pick(lines).shift();
    if (next !== undefined) events.push(next);
  }
  return events;
}

const piecesOf = (parts: readonly (GenerationPart | undefined)[]): readonly CallPiece[] =>
  parts.flatMap((part) => part?.pieces ?? []);
const joined = (pieces: readonly CallPiece[], index: number): string =>
  pieces
    .filter((piece) => piece.index === index)
    .map((piece) => piece.arguments)
    .join("");

describe("calls of another server, in pieces", () => {
  for (const together of [false, true])
    it(`are together the whole calls, one after the other${together ? ", also where it writes them at once" : ""}`, () => {
      for (let seed = 0; seed < 400; seed += 1) {
        const dice = new Dice(seed);
        const calls = Array.from({ length: 1 + dice.below(4) }, (_, index) => ({ id: `id${index}`, name: `f${index}`, arguments: dice.pick(objects) }));
        const text = new TextInProgress({ sampling: {} }, 100_000);
        const parts = eventsOf(dice, calls, together).map((delta) => text.take([delta]));
        text.take([{ end: "calls" }]);
        const last = text.rest();
        const pieces = piecesOf([...parts, last]);
        const whole = calls.map((call) => ({ ...call, arguments: call.arguments.trim() === "" ? "{}" : call.arguments }));
        // White space behind a call that the next one has followed is no part of it.
        const said = last?.calls?.map((call, index) => ({ ...call, arguments: together ? call.arguments.trimEnd() : whole[index]!.arguments }));
        expect(said).to.deep.equal(whole.map((call) => ({ ...call, arguments: together ? call.arguments.trimEnd() : call.arguments })));
        for (const [index, { id, name, arguments: given }] of last!.calls!.entries()) {
          expect(joined(pieces, index)).to.equal(given);
          expect(pieces.find((piece) => piece.index === index)).to.include({ id, name });
        }
        expect(pieces.map(({ index }) => index)).to.deep.equal(pieces.map(({ index }) => index).toSorted((one, other) => one - other));
        for (const piece of pieces) expect(piece.arguments.isWellFormed(), "no half characters").to.equal(true);
      }
    });

  it("are told as far as they were written, where the answer is cut off", () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const dice = new Dice(seed);
      const call = { id: "id", name: "f", arguments: objects[0]! };
      const events = eventsOf(dice, [call], false);
      const heard = events.slice(0, 1 + dice.below(events.length));
      const text = new TextInProgress({ sampling: {} }, 100_000);
      const parts = heard.map((delta) => text.take([delta]));
      text.take([{ end: "length" }]);
      const pieces = piecesOf([...parts, text.rest()]);
      const wanted = heard.map((delta) => delta.call?.arguments ?? "").join("").toWellFormed();
      expect(joined(pieces, 0)).to.equal(wanted);
      expect(text.answer().end).to.equal("length");
    }
  });

  it("come with the first event that has a name, not with the last", () => {
    const text = new TextInProgress({ sampling: {} }, 1_000);
    const first = text.take([{ call: { index: 7, id: "a", name: "f" } }]);
    expect(first?.pieces).to.deep.equal([{ index: 0, id: "a", name: "f", arguments: "" }]);
    expect(text.take([{ call: { index: 7, arguments: '{"a"' } }])?.pieces).to.deep.equal([{ index: 0, arguments: '{"a"' }]);
  });
}); // prettier-ignore
