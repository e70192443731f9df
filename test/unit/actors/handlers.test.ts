import { expect } from "chai";
import type { Turn } from "../../../actors/behavior.ts";
import { behaviors } from "../../../actors/index.ts";

describe("a signal that a kind does not know", () => {
  for (const behavior of behaviors) {
    const key = "key";
    const self = `${behavior.kind}/${key}` as const;
    const decided = (signal: object) => {
      const turn: Turn = { self, key, nowMs: 1, from: "node", notes: behavior.notes?.initial() };
      return behavior.decide(behavior.initial(key), signal, turn);
    };

    it(`ends at ${behavior.kind}: a reminder is forgotten, of the rest nothing comes`, () => {
      expect(decided({ type: "reminded", id: "unknown", dueMs: 1 })).to.deep.equal([{ type: "forget", id: "unknown" }]);
      expect(decided({ type: "waits", tag: "unknown", place: { ahead: 0 } })).to.deep.equal(
        // A room that is not there answers everything with that.
        behavior.kind === "room" ? [{ type: "refuse", code: "NOT_FOUND" }] : [],
      );
    });
  }
});
