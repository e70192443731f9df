import { expect } from "chai";
import type { MemberRole, RoomView } from "../../../protocols/index.ts";
import { leavingOf } from "../../../web/src/model/leaving.ts";

function room(visibility: RoomView["visibility"], members: Readonly<Record<string, MemberRole>>): RoomView {
  const entries = Object.entries(members).map(
    ([member, role], index) => [member, { role, joinedAtMs: index, readSeq: 0 }] as const,
  );
  const rest = { title: "Lobby", topic: "", createdAtMs: 0, messageSeq: 0, pins: [] };
  return { room: "lobby", visibility, members: Object.fromEntries(entries), ...rest };
}

describe("what happens when somebody leaves a room", () => {
  it("asks nothing of a member of a public room, who can come back", () => {
    const view = room("public", { "user/ada": "owner", "user/bob": "member", "agent/bob.helper": "member" });
    const leaving = leavingOf(view, "user/bob");
    expect(leaving.undoable).to.equal(true);
    expect(leaving.agents).to.deep.equal(["agent/bob.helper"]);
    expect(leaving.successors).to.deep.equal([]);
  });

  it("has the last owner choose among the people who stay, those who moderate first", () => {
    const view = room("public", {
      "user/ada": "owner",
      "user/bob": "member",
      "user/eve": "moderator",
      "agent/bob.helper": "member",
    });
    const leaving = leavingOf(view, "user/ada");
    expect(leaving.successors).to.deep.equal(["user/eve", "user/bob"]);
    expect(leaving.undoable).to.equal(false);
  });

  it("needs no new owner where another one stays, and says that the rank is lost", () => {
    const view = room("public", { "user/ada": "owner", "user/bob": "owner" });
    const leaving = leavingOf(view, "user/ada");
    expect(leaving.successors).to.deep.equal([]);
    expect([leaving.losesRank, leaving.undoable]).to.deep.equal([true, false]);
  });

  it("is undone by the last person of a public room, and by nobody in a private one", () => {
    const alone = { "user/ada": "owner", "agent/ada.helper": "member" } as const;
    expect(leavingOf(room("public", alone), "user/ada").undoable).to.equal(true);
    const leaving = leavingOf(room("private", alone), "user/ada");
    expect([leaving.alone, leaving.needsInvitation, leaving.undoable]).to.deep.equal([true, true, false]);
  });
});
