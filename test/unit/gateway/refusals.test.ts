import { expect } from "chai";
import { readsOnly } from "../../../node/gateway/commands/command-routes.ts";
import { toldOf } from "../../../node/gateway/edge/refusals.ts";
import { errorTable, failure, type ErrorCode } from "../../../protocols/index.ts";

describe("what a caller is told of a failure", () => {
  it("never doubts whether a read took effect, whatever became of it", () => {
    for (const code of Object.keys(errorTable) as ErrorCode[]) {
      const told = toldOf(failure(code, { slot: "chat/1" }), { reads: true });
      expect(told.outcome, code).to.not.equal("unknown");
      expect(told.message, code).to.not.match(/may have taken effect|may still|operationId/);
      expect(told, code).to.deep.include({ code, details: { slot: "chat/1" } });
    }
    expect(toldOf(failure("ASK_TIMEOUT"), { reads: false })).to.deep.equal(failure("ASK_TIMEOUT"));
  });

  it("keeps to itself what only the node that asked the directory needs to know", () => {
    const reason = failure("DIRECTORY_UNAVAILABLE", { because: "it is away", asked: false, refuses: true });
    expect(toldOf(reason, { reads: false }).details).to.deep.equal({ because: "it is away" });
  });

  it("names the nodes that the directory waits for, in place of what a call to them came to, in every failure for want of it", () => {
    const awaited = "start a again, on its own data folder";
    for (const code of ["DIRECTORY_AWAY", "DIRECTORY_UNAVAILABLE"] as const)
      expect(
        toldOf(failure(code, { because: "UNREACHABLE", askedMs: 3 }), { reads: true, awaited }).details,
        code,
      ).to.deep.equal({ because: awaited });
    const called = failure("DIRECTORY_UNAVAILABLE", { node: "c0b77030d0ecb5f7", asked: false, because: "UNREACHABLE" });
    expect(toldOf(called, { reads: false, awaited }).details, "nobody types an id").to.deep.equal({ because: awaited });
    const read = toldOf(failure("DIRECTORY_UNAVAILABLE"), { reads: true, awaited });
    const { message } = failure("DIRECTORY_UNAVAILABLE");
    expect(read, "not only to ask again").to.deep.include({
      message,
      outcome: "not_started",
      details: { because: awaited },
    });
    const other = failure("DISK_FULL", { node: "a" });
    expect(toldOf(other, { reads: false, awaited })).to.deep.equal(other);
  });

  it("knows the commands that only read", () => {
    expect(["room.post", "room.create", "user.signIn"].filter(readsOnly)).to.deep.equal([]);
    expect(["room.get", "room.history"].filter(readsOnly)).to.not.deep.equal([]);
  });
});
