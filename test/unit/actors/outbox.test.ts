import { expect } from "chai";
import { failure, ok, refused, type ErrorCode } from "../../../protocols/index.ts";
import {
  deliver,
  dispatch,
  emptyOutbox,
  enqueue,
  fits,
  recoverOutbox,
  remindOutbox,
  settle,
} from "../../../actors/outbox.ts";
import { actorLimits } from "../../../actors/limits.ts";

const turn = { self: "room/x", key: "x", nowMs: 100, from: "node", notes: undefined } as const;
const to = (receiver: string, type = "m") => ({ to: `user/${receiver}` as const, message: { type } });
const answered = (id: number, code?: ErrorCode, again = false) =>
  ({
    type: "answered",
    tag: { type: "outbox", id, again },
    result: code === undefined ? ok(1) : refused(failure(code)),
  }) as const;

describe("an outbox", () => {
  it("sends one message at a time to each receiver, in order", () => {
    const mail = [to("a", "1"), to("b", "2"), to("a", "3")];
    const sent = dispatch(emptyOutbox, mail, "room/x");
    expect(sent.map((effect) => effect.type === "ask" && effect.operationId)).to.deep.equal(["room/x:1", "room/x:2"]);
    const outbox = enqueue(emptyOutbox, mail);
    expect(dispatch(outbox, [to("a")], "room/x")).to.deep.equal([]);
    const settled = settle(outbox, answered(1), turn);
    expect(settled?.effects[0]).to.deep.equal({ type: "persist", event: { type: "delivered", id: 1 } });
    expect(settled?.effects[1]).to.deep.include({ type: "ask", to: "user/a", operationId: "room/x:3" });
    expect(settle(deliver(outbox, 1), answered(2), turn)?.effects).to.have.length(1);
  });

  it("is done with what was refused for good", () => {
    const outbox = enqueue(emptyOutbox, [to("a")]);
    expect(settle(outbox, answered(1, "NOT_FOUND"), turn)).to.have.nested.property("entry.id", 1);
  });

  it("tries again, by a reminder, what has not started or is not known", () => {
    const outbox = enqueue(emptyOutbox, [to("a")]);
    for (const code of ["MAILBOX_FULL", "ASK_TIMEOUT"] as const)
      expect(settle(outbox, answered(1, code), turn)?.effects).to.deep.equal([
        { type: "remind", id: "outbox", dueMs: 100 + actorLimits.outboxRetryMs },
      ]);
    expect(settle(outbox, answered(1, "MAILBOX_FULL", true), turn)?.effects).to.deep.equal([]);
    expect(remindOutbox(outbox, "outbox", "room/x")).to.have.length(1);
    expect(remindOutbox(emptyOutbox, "outbox", "room/x")).to.deep.equal([{ type: "forget", id: "outbox" }]);
    expect(recoverOutbox(outbox, "room/x")).to.have.length(1);
  });

  it("ignores answers to what was settled, and to other questions", () => {
    expect(settle(emptyOutbox, answered(1), turn)).to.equal(undefined);
    expect(settle(emptyOutbox, { ...answered(1), tag: { type: "other" } }, turn)).to.equal(undefined);
  });

  it("is bounded and never uses a number twice", () => {
    const outbox = enqueue(emptyOutbox, [to("a")]);
    expect(fits(outbox, actorLimits.outboxEntriesMax - 1)).to.equal(true);
    expect(fits(outbox, actorLimits.outboxEntriesMax)).to.equal(false);
    expect(enqueue(deliver(outbox, 1), [to("b")]).entries[0]?.id).to.equal(2);
    expect(enqueue(outbox, undefined)).to.equal(outbox);
  });
});
