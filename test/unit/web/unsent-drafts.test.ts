import { expect } from "chai";
import { Kept, unsentDrafts } from "../../../web/src/model/index.ts";

describe("what somebody has begun to write", () => {
  it("is listed with its place, and nothing else that the page keeps", () => {
    const texts = new Map<string, string>();
    const shelf = {
      read: (name: string) => texts.get(name),
      write: (name: string, text: string) => void texts.set(name, text),
      remove: (name: string) => void texts.delete(name),
      names: () => [...texts.keys()],
    };
    const kept = new Kept(shelf, "ada", () => 0);
    kept.write("room/den/text", "half a line");
    kept.write("room/den/thread/7", "half an answer");
    kept.write("room/den/thread/7/also", true);
    kept.write("room/attic/text", "  ");
    kept.write("agent/ada.helper/text", "half a question");
    kept.write("room", "den");
    kept.write("room/den/edit/3", { text: "an edit", was: "it", seenMs: 0 });
    expect(unsentDrafts(kept)).to.deep.equal([
      { place: "room/den/text", text: "half a line", room: "den" },
      { place: "room/den/thread/7", text: "half an answer", room: "den", thread: 7 },
      { place: "agent/ada.helper/text", text: "half a question", agent: "ada.helper" },
    ]);
  });
});
