import { expect } from "chai";
import type { CatchUp, MissedLine } from "../../../protocols/index.ts";
import { summedCharsMax, toSumUp } from "../../../protocols/words/catching-up.ts";

const line = (seq: number, text: string): MissedLine => ({ seq, author: "user/bob", atMs: 0, text });
const room = (name: string, lines: readonly MissedLine[]): CatchUp["rooms"][number] => ({
  room: name,
  title: name,
  visibility: "public",
  readSeq: 0,
  messageSeq: lines.length,
  unread: lines.length,
  mentioned: false,
  lines,
});
const called = { room: (name: string) => `#${name}`, name: (who: string) => who.slice("user/".length) };

describe("what an agent is given to sum up", () => {
  it("is what concerns the person first, then rooms and threads, with the names that the person sees", () => {
    const { text, leftOut } = toSumUp(
      {
        concerns: [{ room: "den", why: "mention", ...line(2, "@ada the key?") }],
        rooms: [room("den", [line(1, "hello")])],
        threads: [
          { room: "attic", root: 1, readSeq: 0, lastSeq: 2, unread: 1, mentioned: false, lines: [line(2, "dust")] },
        ],
      },
      called,
    );
    expect(text).to.equal(
      "## For me\n#den, bob: @ada the key? (mentions you)\n\n## #den\nbob: hello\n\n## A thread in #attic\nbob: dust",
    );
    expect(leftOut).to.deep.equal([]);
  });

  it("ends where a model with a short context would, and names the rooms that had no place", () => {
    const long = Array.from({ length: 40 }, (_, at) => line(at + 1, "x".repeat(300)));
    const concerns = long.map((one) => ({ room: "den", why: "mention" as const, ...one }));
    const { text, leftOut } = toSumUp(
      { concerns, rooms: [room("den", long), room("attic", long), room("hall", [line(1, "short")])], threads: [] },
      called,
    );
    expect(text.length).to.be.at.most(summedCharsMax);
    expect(leftOut).to.deep.equal(["den", "attic"]);
    expect(text).to.include("## For me").and.to.include("#hall\nbob: short");
  });
});
