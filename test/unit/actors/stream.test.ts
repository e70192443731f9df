import { expect } from "chai";
import { wireLimits } from "../../../protocols/index.ts";
import { eventKey, eventRecords, resume, resumePage } from "../../../actors/stream.ts";

const turn = { self: "room/x", key: "x", nowMs: 0, from: "user/a", notes: undefined } as const;
const window = wireLimits.eventWindow;

describe("an actor's stream", () => {
  it("keeps a window of events: the one that falls out is deleted with the one that comes", () => {
    expect(eventRecords({ at: window, event: "e" })).to.deep.equal([{ put: eventKey(window), value: "e" }]);
    expect(eventRecords({ at: window + 1, event: "e" })).to.deep.equal([
      { put: eventKey(window + 1), value: "e" },
      { delete: eventKey(1) },
    ]);
  });

  it("has keys that sort like positions", () => {
    const positions = [1, 9, 10, 99_999, 100_000, Number.MAX_SAFE_INTEGER];
    expect(positions.map(eventKey).toSorted()).to.deep.equal(positions.map(eventKey));
  });

  it("refuses cursors beyond the head, behind the window, or behind what was erased", () => {
    const outcome = (after: number, floor = 0): string | undefined => {
      const [effect] = resume({ head: window + 10, floor }, after, turn, () => "state");
      return effect?.type === "refuse" ? effect.code : effect?.type;
    };
    expect(outcome(window + 11)).to.equal("CURSOR_INVALID");
    expect(outcome(window + 10)).to.equal("reply");
    expect(outcome(10)).to.equal("read");
    expect(outcome(9)).to.equal("CURSOR_EXPIRED");
    expect(outcome(99, 100)).to.equal("CURSOR_EXPIRED");
    expect(outcome(100, 100)).to.equal("read");
  });

  it("says so when the window moved on while the page was read", () => {
    const tag = { type: "resume", after: 5, to: undefined } as const;
    const expired = [{ type: "refuse", code: "CURSOR_EXPIRED" }];
    expect(resumePage({ head: 9, floor: 0 }, tag, [])).to.deep.equal(expired);
    expect(resumePage({ head: 9, floor: 0 }, tag, [{ key: eventKey(7), value: { type: "e" } }])).to.deep.equal(expired);
    expect(resumePage({ head: 9, floor: 0 }, tag, [{ key: eventKey(6), value: { type: "e" } }])).to.deep.equal([
      { type: "reply", value: { head: 9, events: [{ at: 6, event: { type: "e" } }], more: true } },
    ]);
  });
});
