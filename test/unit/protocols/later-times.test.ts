import { expect } from "chai";
import fc from "fast-check";
import { laterChoices, laterTimeOf } from "../../../protocols/words/later-times.ts";

const at = (text: string): number => new Date(text).getTime();
const friday = at("2026-11-27T14:20");
const labels = (nowMs: number) => laterChoices(nowMs).map(({ label }) => label);

describe("times at which something is sent later", () => {
  it("are an hour from now, tomorrow and next Monday in the morning, by the calendar of the person", () => {
    expect(laterChoices(friday)).to.deep.equal([
      { label: "In an hour", atMs: at("2026-11-27T15:20") },
      { label: "Tomorrow at 9:00", atMs: at("2026-11-28T09:00") },
      { label: "Next Monday at 9:00", atMs: at("2026-11-30T09:00") },
    ]);
    expect(laterChoices(at("2026-11-30T08:00")).at(-1)?.atMs).to.equal(at("2026-12-07T09:00"));
    expect(labels(at("2026-11-29T08:00")), "a Sunday").to.deep.equal(["In an hour", "Tomorrow at 9:00"]);
  });

  it("are written in one word", () => {
    for (const [word, time] of [
      ["20m", "2026-11-27T14:40"],
      ["2h", "2026-11-27T16:20"],
      ["18:30", "2026-11-27T18:30"],
      ["9:05", "2026-11-28T09:05"],
      ["tomorrow", "2026-11-28T09:00"],
      ["Monday", "2026-11-30T09:00"],
      ["friday", "2026-12-04T09:00"],
      ["2026-12-24", "2026-12-24T09:00"],
      ["2026-12-24T18:30", "2026-12-24T18:30"],
    ] as const)
      expect(laterTimeOf(word, friday), word).to.equal(at(time));
    for (const word of ["soon", "25:00", "12:60", "2026-02-30", "2026-12-24T24:00", "-5m", ""])
      expect(laterTimeOf(word, friday), word).to.equal(undefined);
  });

  it("are always ahead", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(2020, 0), max: new Date(2040, 0), noInvalidDate: true }), (now) => {
        const nowMs = now.getTime();
        for (const { atMs } of laterChoices(nowMs)) expect(atMs).to.be.greaterThan(nowMs);
        for (const word of ["1m", "09:00", "23:59", "tomorrow", "monday", "sunday"])
          expect(laterTimeOf(word, nowMs)).to.be.greaterThan(nowMs);
      }),
    );
  });
});
