import { expect } from "chai";
import { slotOf, type Result } from "../../../protocols/index.ts";
import { createStage, eventually, type Stage } from "./stage.ts";

const valueOf = (result: Result<unknown>): unknown => (result.ok ? result.value : result.error.code);

describe("kernel", () => {
  let stage: Stage;
  afterEach(() => stage.end());

  describe("turns", () => {
    beforeEach(async () => void (stage = await createStage()));

    it("answers after the state changed, and publishes the event at its position", async () => {
      expect(valueOf(await stage.ask("pad/a", "add", { text: "one" }))).to.equal(1);
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(["one"]);
      expect(stage.published).to.deep.include({ topic: "pad/a", event: { line: "one" }, at: 1 });
    });

    it("handles the messages of one sender in the order sent, also while the slot opens", async () => {
      await Promise.all(Array.from({ length: 200 }, (_, index) => stage.ask("pad/a", "add", { text: `n${index}` })));
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(
        Array.from({ length: 200 }, (_, index) => `n${index}`),
      );
    });

    it("refuses with the code and details the behavior gives", async () => {
      const result = await stage.ask("pad/a", "refuse", { text: "why" });
      expect(result).to.deep.include({ ok: false });
      expect(!result.ok && result.error.details).to.deep.equal({ text: "why" });
    });

    it("forgets notes with the activation and keeps state", async () => {
      await stage.ask("pad/a", "add", { text: "kept" });
      expect(valueOf(await stage.ask("pad/a", "whisper"))).to.equal(1);
      expect(valueOf(await stage.ask("pad/a", "whisper"))).to.equal(2);
      await stage.restart();
      expect(valueOf(await stage.ask("pad/a", "whisper"))).to.equal(1);
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(["kept"]);
    });

    it("refuses an unknown kind, a malformed id and an entry that is too large", async () => {
      expect(valueOf(await stage.ask("robot/a", "add"))).to.equal("NOT_FOUND");
      expect(valueOf(await stage.ask("pad/Not A Key", "add"))).to.equal("NOT_FOUND");
      expect(valueOf(await stage.ask("pad/a", "huge"))).to.equal("TOO_LARGE");
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal([]);
      stage.kernel.tell({ to: "robot/a", from: "node", message: { type: "add" } });
    });

    it("reads records as they are once the turn's own appends are durable", async () => {
      void stage.ask("pad/a", "add", { text: "b" });
      void stage.ask("pad/a", "add", { text: "a" });
      const records = valueOf(await stage.ask("pad/a", "records?")) as { key: string }[];
      expect(records.map((record) => record.key)).to.deep.equal(["line/a", "line/b"]);
    });

    it("times an ask out when nobody answers", async () => {
      expect(valueOf(await stage.ask("pad/a", "never", { timeoutMs: 50 }))).to.equal("ASK_TIMEOUT");
    });
  });

  describe("asks between actors", () => {
    beforeEach(async () => void (stage = await createStage()));

    it("brings the answer back as a message", async () => {
      await stage.ask("pad/b", "add", { text: "theirs" });
      const result = valueOf(await stage.ask("pad/a", "askOther", { text: "pad/b" }));
      expect(result).to.deep.equal({ ok: true, value: ["theirs"] });
    });

    it("refuses a call cycle at once instead of waiting for ever", async () => {
      const inner = { type: "askOther", text: "pad/b", inner: { type: "askOther", text: "pad/a" } };
      const result = JSON.stringify(
        valueOf(await stage.ask("pad/a", "askOther", { text: "pad/b", inner: inner.inner })),
      );
      expect(result).to.include("CALL_CYCLE").and.include("pad/a");
      const self = JSON.stringify(valueOf(await stage.ask("pad/a", "askOther", { text: "pad/a" })));
      expect(self).to.include("CALL_CYCLE");
    });

    it("tells without an answer, once per operation", async () => {
      await stage.ask("pad/a", "tellOther", { text: "pad/b" });
      await stage.ask("pad/a", "tellOther", { text: "pad/b" });
      await eventually("told", async () => (valueOf(await stage.ask("pad/b", "lines")) as string[]).length > 0);
      expect(valueOf(await stage.ask("pad/b", "lines"))).to.deep.equal(["told"]);
    });

    it("answers an ask for which there is no room", async () => {
      await stage.end();
      stage = await createStage({ kernel: { outstandingAsksMax: 0 } });
      expect(JSON.stringify(await stage.ask("pad/a", "askOther", { text: "pad/b" }))).to.include("OVERLOADED");
    });
  });

  describe("idempotency", () => {
    beforeEach(async () => void (stage = await createStage({ kernel: { answersMax: 3, openOperationsMax: 2 } })));

    it("applies an operation once and repeats its first answer, also after a restart", async () => {
      const once = () => stage.ask("pad/a", "add", { text: "x", operationId: "o1" });
      const results = await Promise.all([once(), once(), once()]);
      expect(results.map(valueOf)).to.deep.equal([1, 1, 1]);
      await stage.restart();
      expect(valueOf(await once())).to.equal(1);
      await stage.restart("cleanly");
      expect(valueOf(await once())).to.equal(1);
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(["x"]);
    });

    it("keeps the operations of different senders apart", async () => {
      await stage.ask("pad/a", "add", { text: "x", operationId: "o1" });
      expect(valueOf(await stage.ask("pad/a", "add", { text: "y", operationId: "o1", from: "user/bob" }))).to.equal(2);
    });

    it("gives everybody who repeats an operation under way the one answer", async () => {
      const once = () => stage.ask("pad/a", "addLater", { text: "x", operationId: "o1" });
      expect((await Promise.all([once(), once(), once()])).map(valueOf)).to.deep.equal([1, 1, 1]);
      expect(valueOf(await once())).to.equal(1);
    });

    it("forgets the oldest answers beyond the bound", async () => {
      for (const id of ["o1", "o2", "o3", "o4"]) await stage.ask("pad/a", "add", { text: id, operationId: id });
      expect(valueOf(await stage.ask("pad/a", "add", { text: "o4", operationId: "o4" }))).to.equal(4);
      expect(valueOf(await stage.ask("pad/a", "add", { text: "o1 again", operationId: "o1" }))).to.equal(5);
    });

    it("bounds operations that are begun and never answered", async () => {
      const ids = ["o1", "o2", "o3"];
      const results = await Promise.all(
        ids.map((operationId) => stage.ask("pad/a", "never", { operationId, timeoutMs: 30 })),
      );
      expect(results.map(valueOf)).to.deep.equal(["ASK_TIMEOUT", "ASK_TIMEOUT", "ASK_TIMEOUT"]);
    });
  });

  describe("supervision", () => {
    const limits = { restartsMax: 2, restartBackoffMs: 1, deadLettersMax: 3 };
    beforeEach(async () => void (stage = await createStage({ kernel: limits })));

    it("restarts an actor without the message it failed on", async () => {
      await stage.ask("pad/a", "add", { text: "kept" });
      expect(valueOf(await stage.ask("pad/a", "boom"))).to.equal("ACTOR_CRASHED");
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(["kept"]);
    });

    it("quarantines beyond the intensity, keeps dead letters durably, and delivers them after a release", async () => {
      for (let round = 0; round < 3; round += 1) await stage.ask("pad/a", "boom");
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.equal("ACTOR_QUARANTINED");
      for (let index = 0; index < 5; index += 1) {
        stage.kernel.tell({ to: "pad/a", from: "node", message: { type: "add", text: `t${index}` } });
      }
      await stage.restart("cleanly");
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.equal("ACTOR_QUARANTINED");
      const detail = await stage.kernel.showActor("pad/a");
      expect(detail.ok && detail.value.status).to.equal("quarantined");
      expect(detail.ok && detail.value.deadLetters.map((letter) => letter.type)).to.deep.equal(["add", "add", "add"]);
      expect((await stage.kernel.listActors({ limit: 10, status: "quarantined" })).rows).to.have.length(1);
      expect(await stage.kernel.release("pad/a", true)).to.deep.equal({ ok: true, value: { redelivered: 3 } });
      await eventually("redelivered", async () => valueOf(await stage.ask("pad/a", "lines")) !== "ACTOR_QUARANTINED");
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(["t2", "t3", "t4"]);
      expect(valueOf(await stage.kernel.release("pad/a", true))).to.equal("ALREADY_DONE");
      expect(stage.kernel.status().quarantined).to.equal(0);
    });

    it("buries a message nobody waits for when the actor fails on it", async () => {
      stage.kernel.tell({ to: "pad/a", from: "node", message: { type: "boom", text: "told" } });
      await eventually("buried", async () => {
        const detail = await stage.kernel.showActor("pad/a");
        return detail.ok && detail.value.deadLetters.length === 1;
      });
      expect(valueOf(await stage.kernel.release("pad/a", false))).to.deep.equal({ redelivered: 0 });
    });

    it("says that the outcome is unknown to who waited for a longer operation when the actor failed", async () => {
      const waiting = stage.ask("pad/a", "never", { operationId: "o1" });
      await stage.ask("pad/a", "boom");
      expect(valueOf(await waiting)).to.equal("ASK_TIMEOUT");
    });

    it("quarantines an actor whose history cannot be folded, and the rest goes on", async () => {
      await stage.ask("pad/a", "add", { text: "cannot be folded" });
      await eventually(
        "quarantined",
        async () => valueOf(await stage.ask("pad/a", "add", { text: "cannot be folded" })) !== "ACTOR_CRASHED",
      );
      expect(valueOf(await stage.ask("pad/b", "add", { text: "fine" }))).to.equal(1);
    });
  });

  describe("bounds", () => {
    it("refuses what does not fit into the mailbox, and nothing else changes", async () => {
      stage = await createStage({ kernel: { mailboxMessagesMax: 10 } });
      const results = await Promise.all(
        Array.from({ length: 30 }, (_, index) => stage.ask("pad/a", "add", { text: `${index}` })),
      );
      const taken = results.filter((result) => result.ok).length;
      expect(taken).to.be.at.least(10);
      expect(results.filter((result) => !result.ok).map(valueOf)).to.include("MAILBOX_FULL");
      expect((valueOf(await stage.ask("pad/a", "lines")) as string[]).length).to.equal(taken);
    });

    it("takes idle actors out of memory to make room, and refuses when none is idle", async () => {
      stage = await createStage({ kernel: { activationsMax: 2 } });
      for (const name of ["a", "b", "c", "d"])
        expect(valueOf(await stage.ask(`pad/${name}`, "add", { text: name }))).to.equal(1);
      expect(stage.kernel.status().active).to.be.at.most(2);
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(["a"]);
      const busy = ["e", "f"].map((name) => stage.ask(`pad/${name}`, "never", { operationId: name, timeoutMs: 200 }));
      await stage.ask("pad/e", "generate");
      await stage.ask("pad/f", "generate");
      expect(valueOf(await stage.ask("pad/g", "add", { text: "g" }))).to.equal("OVERLOADED");
      await Promise.all(busy);
      stage.kernel.tell({ to: "pad/h", from: "node", message: { type: "add", text: "h" } });
    });

    it("passivates idle actors and actors that leave, state kept", async () => {
      stage = await createStage({ kernel: { idleTimeoutMs: 20, sweepIntervalMs: 5 } });
      await stage.ask("pad/a", "add", { text: "kept" });
      await eventually("passivated", () => stage.kernel.status().active === 0);
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(["kept"]);
      await stage.ask("pad/a", "leave");
      await eventually("left", () => stage.kernel.status().active === 0);
      expect((await stage.kernel.listActors({ limit: 10, kind: "pad" })).rows).to.deep.include({
        actor: "pad/a",
        slot: slotOf("chat", "pad/a"),
        status: "idle",
        mailbox: 0,
        restarts: 0,
      });
    });

    it("snapshots, trims the log, and rebuilds from what is left", async () => {
      const limits = {
        snapshotEntriesMin: 4,
        snapshotEntriesMax: 8,
        logWindowEntries: 8,
        logSlackEntries: 4,
        answersMax: 5,
      };
      stage = await createStage({ kernel: limits });
      for (let index = 0; index < 120; index += 1) await stage.ask("pad/a", "add", { text: `${index}` });
      const log = await stage.store.range({ gte: "log/", lt: "log0" });
      expect(log.length).to.be.below(40);
      await stage.restart();
      expect((valueOf(await stage.ask("pad/a", "lines")) as string[]).length).to.equal(120);
      const detail = await stage.kernel.showActor("pad/a");
      expect(detail.ok && detail.value.entries).to.be.below(20);
    });
  });

  describe("pending work", () => {
    it("brings actors with pending work back at start, and those without not", async () => {
      stage = await createStage();
      await stage.ask("pad/a", "mark", { text: "open" });
      await stage.ask("pad/b", "mark", { text: "open" });
      await stage.ask("pad/b", "mark", { text: "done" });
      stage.published.length = 0;
      await stage.restart();
      await eventually("recovered", () => stage.published.some((event) => event.event === "recovered"));
      expect(stage.published.map((event) => event.topic)).to.deep.equal(["pad/a"]);
    });

    it("rings reminders after a restart, until they are forgotten", async () => {
      stage = await createStage();
      await stage.ask("pad/a", "remind", { text: "60000" });
      const detail = await stage.kernel.showActor("pad/a");
      expect(detail.ok && detail.value.reminders.map((reminder) => reminder.id)).to.deep.equal(["bell"]);
      await stage.ask("pad/b", "remind", { text: "30" });
      await stage.restart();
      await eventually("rang", async () =>
        (valueOf(await stage.ask("pad/b", "lines")) as string[]).includes("rang bell"),
      );
      expect(valueOf(await stage.ask("pad/b", "lines"))).to.deep.equal(["rang bell"]);
    });

    it("delivers the parts of a generation, and cancels it", async () => {
      stage = await createStage({ kernel: { generationsMax: 1 } });
      await stage.ask("pad/a", "generate");
      expect(stage.generations).to.have.length(1);
      await stage.ask("pad/a", "generate");
      expect(stage.generations).to.have.length(1);
      await stage.ask("pad/a", "cancel");
      expect(stage.generations[0]?.cancelled).to.equal(true);
      stage.generations[0]?.say({ type: "done", end: "stopped", promptTokens: 1, completionTokens: 0 });
      await eventually("heard", async () => (valueOf(await stage.ask("pad/a", "lines")) as string[]).length === 2);
      expect(JSON.stringify(valueOf(await stage.ask("pad/a", "lines"))))
        .to.include("OVERLOADED")
        .and.include("stopped");
    });

    it("does not deliver the parts of an earlier life", async () => {
      stage = await createStage({ kernel: { restartBackoffMs: 1 } });
      await stage.ask("pad/a", "generate");
      await stage.ask("pad/a", "boom");
      expect(stage.generations[0]?.cancelled).to.equal(true);
      stage.generations[0]?.say({ type: "text", text: "late", tokens: 1 });
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal([]);
    });
  });

  describe("failing disks", () => {
    beforeEach(async () => void (stage = await createStage({ kernel: { slotRetryMs: 5, slotRetryMaxMs: 10 } })));

    it("answers unknown, takes the slot under a new epoch, and loses nothing acknowledged", async () => {
      await stage.ask("pad/a", "add", { text: "before" });
      stage.failBatches = 1;
      const result = await stage.ask("pad/a", "add", { text: "lost", operationId: "o1" });
      expect(valueOf(result)).to.equal("APPEND_FAILED");
      await eventually("serving again", async () => (await stage.ask("pad/a", "lines")).ok);
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(["before"]);
      expect(valueOf(await stage.ask("pad/a", "add", { text: "again", operationId: "o1" }))).to.equal(2);
      const detail = await stage.kernel.showActor("pad/a");
      expect(detail.ok && detail.value.epoch).to.equal(2);
    });

    it("refuses with not_started while a slot cannot be opened, and says so in its status", async () => {
      stage.failBatches = 1;
      const result = await stage.ask("pad/a", "add", { text: "x" });
      expect(!result.ok && result.error.outcome).to.equal("not_started");
      expect(stage.kernel.status().slotsQuarantined).to.have.length(1);
      await eventually("opened", async () => (await stage.ask("pad/a", "add", { text: "y" })).ok);
      expect(stage.kernel.status().slotsQuarantined).to.have.length(0);
    });

    it("quarantines a slot whose data is damaged, names the place, and serves the others", async () => {
      await stage.ask("pad/a", "add", { text: "one" });
      await stage.ask("pad/b", "add", { text: "other" });
      const [entry] = await stage.store.range({
        gte: `log/${slotOf("chat", "pad/a")}/`,
        lt: `log/${slotOf("chat", "pad/a")}0`,
      });
      const [key, bytes] = entry as readonly [string, Uint8Array];
      const rotten = Uint8Array.from(bytes);
      rotten[rotten.length - 3] = (rotten[rotten.length - 3] ?? 0) ^ 0x40;
      await stage.store.batch([{ type: "put", key, value: rotten }], { sync: true });
      await stage.restart();
      const result = await stage.ask("pad/a", "lines");
      expect(!result.ok && result.error.code).to.equal("SLOT_UNAVAILABLE");
      expect(!result.ok && result.error.details).to.deep.include({
        slot: slotOf("chat", "pad/a"),
        seq: 1,
        because: "DATA_DAMAGED",
      });
      expect(JSON.stringify(result), "where the files lie is for the operator").to.not.include(stage.folder);
      expect(stage.kernel.status().slotsQuarantined[0]?.reason).to.include(stage.folder);
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.equal("SLOT_UNAVAILABLE");
      expect(valueOf(await stage.kernel.showActor("pad/a"))).to.equal("SLOT_UNAVAILABLE");
      expect(valueOf(await stage.kernel.release("pad/a", true))).to.equal("SLOT_UNAVAILABLE");
      expect(valueOf(await stage.ask("pad/b", "lines"))).to.deep.equal(["other"]);
    });

    it("quarantines the slot when a record it reads is damaged", async () => {
      await stage.ask("pad/a", "add", { text: "one" });
      const slot = slotOf("chat", "pad/a");
      const key = `side/record/${slot}/pad/a/line/one`;
      expect(await stage.store.get(key)).to.not.equal(undefined);
      await stage.store.batch([{ type: "put", key, value: new Uint8Array(9) }], { sync: true });
      expect(valueOf(await stage.ask("pad/a", "records?", { timeoutMs: 50 }))).to.equal("ASK_TIMEOUT");
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.equal("SLOT_UNAVAILABLE");
    });
  });

  describe("stopping", () => {
    it("finishes what is under way, then refuses", async () => {
      stage = await createStage();
      const under = Array.from({ length: 50 }, (_, index) => stage.ask("pad/a", "add", { text: `${index}` }));
      const hanging = stage.ask("pad/a", "never");
      await stage.kernel.stop(5_000);
      expect((await Promise.all(under)).every((result) => result.ok)).to.equal(true);
      expect(valueOf(await hanging)).to.equal("ASK_TIMEOUT");
      expect(valueOf(await stage.ask("pad/a", "lines"))).to.equal("STOPPING");
      stage.kernel.tell({ to: "pad/a", from: "node", message: { type: "add" } });
    });

    it("does not know actors that never were", async () => {
      stage = await createStage();
      expect(valueOf(await stage.kernel.showActor("pad/nobody"))).to.equal("NOT_FOUND");
      expect(valueOf(await stage.kernel.showActor("robot/a"))).to.equal("NOT_FOUND");
      expect(valueOf(await stage.kernel.release("robot/a", true))).to.equal("NOT_FOUND");
    });
  });
});
