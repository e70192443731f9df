import { expect } from "chai";
import { behaviors, room } from "../../../actors/index.ts";

/** What another node sends is looked at before an actor is given it: it must not fail for what is no message. */
describe("a message from another node", () => {
  it("is one of its kind's, with the fields that it needs; a later version may say more", () => {
    const good = [
      { type: "post", text: "hello" },
      { type: "post", text: "hello", mood: "bright" },
      { type: "history", after: 0, limit: 10 },
      { type: "draft", generation: "g", offset: 0, text: "" },
      { type: "draft", generation: "g", offset: 9, text: "more", replyTo: 4, done: true },
    ];
    for (const message of good) expect(room.accepts?.(message), JSON.stringify(message)).to.equal(true);
    const bad = [
      { type: "post" },
      { type: "post", text: 7 },
      { type: "history", after: -1 },
      { type: "draft", generation: "g" },
      { type: "answered", tag: { type: "create" }, result: { ok: true } },
      { type: "nothing of the kind" },
      { type: "constructor" },
      { type: "__proto__" },
      { type: "" },
    ];
    for (const message of bad) expect(room.accepts?.(message), JSON.stringify(message)).to.equal(false);
  });

  it("is looked at by every kind of actor", () => {
    for (const behavior of behaviors)
      expect(behavior.accepts?.({ type: "no such thing" }), behavior.kind).to.equal(false);
  });
});
