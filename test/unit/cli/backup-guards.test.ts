import { expect } from "chai";
import { describeHolds, describeRequests, heldThing } from "../../../cli/backup/backup-guards.ts";
import type { BackupHold, RecallRequest } from "../../../protocols/index.ts";

describe("plexus backup requests and holds", () => {
  it("show who asks for what and why, and who may answer until when", () => {
    const request: RecallRequest = {
      id: "r1",
      wish: { sort: "recall", query: { person: "user/bob", snapshot: 3 }, as: "download" },
      reason: "lost \u001B[31mnotes",
      by: "ada",
      askedAtMs: 0,
      approvers: [],
      state: "waiting",
      untilMs: Date.UTC(2026, 10, 24, 12),
    };
    const text = describeRequests(
      [request, { ...request, id: "r2", approvers: ["eve"], state: "approved", answeredBy: "eve" }],
      false,
    );
    expect(text).to.match(
      /r1[ │]+waiting[ │]+ada[ │]+person user\/bob, snapshot 3[ │]+.*notes[ │]+2026-11-24T12:00Z[ │]+operator/,
    );
    expect(text).to.match(/r2[ │]+approved by eve.* eve/);
    expect(text).to.not.include("\u001B");
    expect(describeRequests([], false)).to.match(/Nobody has asked/);
  });

  it("show what is held, and take one thing to hold", () => {
    const hold: BackupHold = { id: "h1", on: { thread: "room/lobby" }, reason: "case 12", by: "ada", atMs: 0 };
    expect(describeHolds([hold], false)).to.match(/h1[ │]+room\/lobby[ │]+case 12[ │]+1970-01-01T00:00Z[ │]+ada/);
    expect(describeHolds([], false)).to.equal("There are no legal holds.");
    expect(heldThing({ room: "lobby" })).to.deep.equal({ thread: "room/lobby" });
    expect(heldThing({ person: "ada" })).to.deep.equal({ person: "user/ada" });
    expect(heldThing({ actor: "agent/ada.helper" })).to.deep.equal({ thread: "agent/ada.helper" });
    expect(heldThing({ snapshot: 4 })).to.deep.equal({ snapshot: 4 });
    expect([heldThing({}), heldThing({ room: "a", person: "b" })]).to.deep.equal([undefined, undefined]);
  });
});
