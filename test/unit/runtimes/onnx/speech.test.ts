import { expect } from "chai";
import fc from "fast-check";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onnxLimits } from "../../../../runtimes/onnx/limits.ts";
import { forbid, segmentsOf, type Marks } from "../../../../runtimes/onnx/transcript.ts";
import { espeakFor, idsOf, phonemesOf, sentencesOf, speakerOf } from "../../../../runtimes/onnx/voice.ts";

describe("what may be written next", () => {
  // Letters are 0 to 9, then the end, three orders, and times of 20 ms.
  const marks: Marks = { end: 10, start: 11, never: [11, 12, 13], suppressed: [9], suppressedFirst: [10], times: 14 };
  const time = (seconds: number): number => marks.times + 50 * seconds;
  const allowed = (written: readonly number[], levels: Readonly<Record<number, number>> = {}): readonly number[] => {
    const logits = new Float32Array(marks.times + 1_501);
    // Text is likelier than any time.
    logits.fill(20, 0, marks.times);
    for (const [token, level] of Object.entries(levels)) logits[Number(token)] = level;
    forbid(logits, written, marks);
    return [...logits.keys()].filter((token) => logits[token]! > -Infinity);
  };

  it("begins with a time within the first second", () => {
    const first = allowed([]);
    expect([first[0], first.at(-1)]).to.deep.equal([time(0), time(1)]);
  });

  it("is text after a beginning, and no order ever", () => {
    expect(allowed([time(0)])).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 10]);
  });

  it("is a time or the end after the end of a segment, and text after the next beginning", () => {
    const after = allowed([time(0), 1, time(2)]);
    expect([after[0], after[1]]).to.deep.equal([10, time(2)]);
    expect(allowed([time(0), 1, time(2), time(2)])).to.not.include(time(2));
  });

  it("is a later time, where all times together are likelier than any text", () => {
    const quiet = Object.fromEntries(Array.from({ length: 14 }, (_none, token) => [token, 5]));
    const after = allowed([time(0), 1], quiet);
    expect([after[0], after.at(-1)]).to.deep.equal([time(0.02), time(30)]);
    expect(allowed([time(0), 1])).to.include.members([1, 10, time(0.02)]);
  });

  it("is cut into segments, and the one that is open is heard again", () => {
    const heard = (...written: readonly number[]) => segmentsOf(written, marks);
    expect(heard(time(0), 1, 2, time(2))).to.deep.equal({
      segments: [{ tokens: [1, 2], from: 0, to: 2 }],
      heardSeconds: 30,
    });
    const open = heard(time(0), 1, time(2), time(2.5), 3);
    expect(open).to.deep.equal({ segments: [{ tokens: [1], from: 0, to: 2 }], heardSeconds: 2 });
    expect(heard(time(0.5), 4)).to.deep.equal({ segments: [{ tokens: [4], from: 0.5, to: 30 }], heardSeconds: 30 });
    expect(heard()).to.deep.equal({ segments: [], heardSeconds: 30 });
  });

  it("always goes on, whatever is written", () => {
    const token = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 14, max: 1_514 }));
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), (written) => {
        const { segments, heardSeconds } = segmentsOf(written, marks);
        return heardSeconds > 0 && heardSeconds <= 30 && segments.every(({ tokens }) => tokens.length > 0);
      }),
    );
  });
});

describe("what is spoken", () => {
  it("is cut into sentences, long ones at a space, and nothing of it is lost", () => {
    expect(sentencesOf("One. Two! [[w.a]] three?\nfour")).to.deep.equal(["One.", "Two!", "[[w.a]] three?", "four"]);
    expect(sentencesOf(" \n . ")).to.deep.equal([]);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "b", " ", ".", "\n", "]", "["), maxLength: 900 }), (text) => {
        const sentences = sentencesOf(text);
        const letters = (all: string): string => all.replaceAll(/[^ab]/gu, "");
        return (
          sentences.every(({ length }) => length > 0 && length <= onnxLimits.sentenceCharsMax) &&
          letters(sentences.join("")) === letters(text)
        );
      }),
    );
  });

  it("is in the phonemes of a program where the voice needs it, but for marks and what is phonemes already", async () => {
    const loud = (clause: string) => Promise.resolve(clause.trim().toUpperCase());
    expect(await phonemesOf("so, what [[a b]] now?", loud)).to.equal("SO, WHAT a b NOW?");
    expect(await phonemesOf("so, what", undefined)).to.equal("so, what");
    expect(await phonemesOf("so", () => Promise.resolve(undefined))).to.equal("so");
  });

  it("is numbers with a mark at both ends and pauses between, without what the voice does not know", () => {
    const numbers = new Map([["_", [0]], ["^", [1]], ["$", [2]], [" ", [3]], ["e", [4]], ["\u0301", [5]]]); // prettier-ignore
    expect(idsOf("Éx", numbers)).to.deep.equal([1, 0, 4, 0, 5, 0, 2]);
    expect(idsOf(" 一 ", numbers)).to.equal(undefined);
  });

  it("is said by the speaker of that name or number, or the first", () => {
    const speakers = { ada: 2 };
    const of = (voice: string | undefined) => speakerOf(voice, speakers, 4);
    expect(["ada", "3", "4", "-1", "alloy", "toString", undefined].map(of)).to.deep.equal([2, 3, 0, 0, 0, 0, 0]);
  });

  it("asks espeak-ng by its input, for voices that were trained with it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "plexus-espeak-"));
    try {
      const program = join(folder, "espeak-ng");
      writeFileSync(program, '#!/bin/sh\necho "$*"; cat\n');
      chmodSync(program, 0o755);
      const english = { phoneme_type: "espeak", espeak: { voice: "en-us" } };
      const ask = await espeakFor(english, program);
      expect(await ask?.("hello; rm")).to.equal("-q -b 1 --ipa -v en-us --stdin hello; rm");
      expect(await espeakFor({ ...english, phoneme_type: "text" }, program)).to.equal(undefined);
      expect(await espeakFor({ ...english, espeak: { voice: "--path=/x" } }, join(folder, "none"))).to.equal(undefined);
      expect(await espeakFor(english, join(folder, "none"))).to.equal(undefined);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
