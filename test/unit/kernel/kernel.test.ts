import { expect } from "chai";
import { assert, failure, ownSlot, slotOf, type ActorId, type SlotId } from "../../../protocols/index.ts";
import type { ServedLog } from "../../../node/kernel/api.ts";
import { brokenBy } from "../../fixtures/broken.ts";
import type { EntryDraft, Recovered, SlotLog } from "../../../node/storage/index.ts";
import { movedTo } from "./slots.ts";
import { createFixture, valueOf, type Fixture } from "./fixture.ts";
import { ended, failed, text } from "../../fixtures/engine-answers.ts";

describe("kernel", () => {
  let fixture: Fixture;
  afterEach(() => fixture.end());

  describe("turns", () => {
    beforeEach(async () => void (fixture = await createFixture()));

    it("answers after the state changed, and publishes the event at its position", async () => {
      expect(valueOf(await fixture.ask("pad/a", "add", { text: "one" }))).to.equal(1);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["one"]);
      expect(fixture.published).to.deep.include({ topic: "pad/a", event: { line: "one" }, at: 1 });
    });

    it("handles the messages of one sender in the order sent, also while the slot opens", async () => {
      await Promise.all(Array.from({ length: 200 }, (_, index) => fixture.ask("pad/a", "add", { text: `n${index}` })));
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(
        Array.from({ length: 200 }, (_, index) => `n${index}`),
      );
    });

    it("refuses with the code and details the behavior gives", async () => {
      const result = await fixture.ask("pad/a", "refuse", { text: "why" });
      expect(result).to.deep.include({ ok: false });
      expect(!result.ok && result.error.details).to.deep.equal({ text: "why" });
    });

    it("forgets notes with the activation and keeps state", async () => {
      await fixture.ask("pad/a", "add", { text: "kept" });
      expect(valueOf(await fixture.ask("pad/a", "whisper"))).to.equal(1);
      expect(valueOf(await fixture.ask("pad/a", "whisper"))).to.equal(2);
      await fixture.restart();
      expect(valueOf(await fixture.ask("pad/a", "whisper"))).to.equal(1);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["kept"]);
    });

    it("refuses an unknown kind, a malformed id and an entry that is too large", async () => {
      expect(valueOf(await fixture.ask("robot/a", "add"))).to.equal("NOT_FOUND");
      expect(valueOf(await fixture.ask("pad/Not A Key", "add"))).to.equal("NOT_FOUND");
      expect(valueOf(await fixture.ask("pad/a", "huge"))).to.equal("TOO_LARGE");
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal([]);
      fixture.kernel.tell({ to: "robot/a", from: "node", message: { type: "add" } });
    });

    it("begins nothing that would be written while the disk is full; reads and what nobody waits for go on", async () => {
      await fixture.ask("pad/a", "add", { text: "a" });
      fixture.isFull = true;
      expect(valueOf(await fixture.ask("pad/a", "add", { text: "b", operationId: "o1" }))).to.equal("DISK_FULL");
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["a"]);
      fixture.kernel.tell({ to: "pad/a", from: "node", message: { type: "add", text: "told" } });
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["a", "told"]);
      fixture.isFull = false;
      expect(valueOf(await fixture.ask("pad/a", "add", { text: "b", operationId: "o1" }))).to.equal(3);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["a", "told", "b"]);
    });

    it("reads records as they are once the turn's own appends are durable", async () => {
      void fixture.ask("pad/a", "add", { text: "b" });
      void fixture.ask("pad/a", "add", { text: "a" });
      const records = valueOf(await fixture.ask("pad/a", "records?")) as { key: string }[];
      expect(records.map((record) => record.key)).to.deep.equal(["line/a", "line/b"]);
    });

    it("times an ask out when nobody answers", async () => {
      expect(valueOf(await fixture.ask("pad/a", "never", { timeoutMs: 50 }))).to.equal("ASK_TIMEOUT");
    });
  });

  describe("asks between actors", () => {
    beforeEach(async () => void (fixture = await createFixture()));

    it("brings the answer back as a message", async () => {
      await fixture.ask("pad/b", "add", { text: "theirs" });
      const result = valueOf(await fixture.ask("pad/a", "askOther", { text: "pad/b" }));
      expect(result).to.deep.equal({ ok: true, value: ["theirs"] });
    });

    it("refuses a call cycle at once instead of waiting for ever", async () => {
      const inner = { type: "askOther", text: "pad/b", inner: { type: "askOther", text: "pad/a" } };
      const result = JSON.stringify(
        valueOf(await fixture.ask("pad/a", "askOther", { text: "pad/b", inner: inner.inner })),
      );
      expect(result).to.include("CALL_CYCLE").and.include("pad/a");
      const self = JSON.stringify(valueOf(await fixture.ask("pad/a", "askOther", { text: "pad/a" })));
      expect(self).to.include("CALL_CYCLE");
    });

    it("tells without an answer, once per operation", async () => {
      await fixture.ask("pad/a", "tellOther", { text: "pad/b" });
      await fixture.ask("pad/a", "tellOther", { text: "pad/b" });
      await fixture.eventually(
        "told",
        async () => (valueOf(await fixture.ask("pad/b", "lines")) as string[]).length > 0,
      );
      expect(valueOf(await fixture.ask("pad/b", "lines"))).to.deep.equal(["told"]);
    });

    it("answers an ask for which there is no room", async () => {
      await fixture.end();
      fixture = await createFixture({ kernel: { outstandingAsksMax: 0 } });
      expect(JSON.stringify(await fixture.ask("pad/a", "askOther", { text: "pad/b" }))).to.include("OVERLOADED");
    });
  });

  describe("idempotency", () => {
    beforeEach(async () => void (fixture = await createFixture({ kernel: { answersMax: 3, openOperationsMax: 2 } })));

    it("applies an operation once and repeats its first answer, also after a restart", async () => {
      const once = () => fixture.ask("pad/a", "add", { text: "x", operationId: "o1" });
      const results = await Promise.all([once(), once(), once()]);
      expect(results.map(valueOf)).to.deep.equal([1, 1, 1]);
      await fixture.restart();
      expect(valueOf(await once())).to.equal(1);
      await fixture.restart("cleanly");
      expect(valueOf(await once())).to.equal(1);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["x"]);
    });

    it("keeps the operations of different senders apart", async () => {
      await fixture.ask("pad/a", "add", { text: "x", operationId: "o1" });
      expect(valueOf(await fixture.ask("pad/a", "add", { text: "y", operationId: "o1", from: "user/bob" }))).to.equal(
        2,
      );
    });

    it("gives everybody who repeats an operation under way the one answer", async () => {
      const once = () => fixture.ask("pad/a", "addLater", { text: "x", operationId: "o1" });
      expect((await Promise.all([once(), once(), once()])).map(valueOf)).to.deep.equal([1, 1, 1]);
      expect(valueOf(await once())).to.equal(1);
    });

    it("forgets the oldest answers beyond the bound", async () => {
      for (const id of ["o1", "o2", "o3", "o4"]) await fixture.ask("pad/a", "add", { text: id, operationId: id });
      expect(valueOf(await fixture.ask("pad/a", "add", { text: "o4", operationId: "o4" }))).to.equal(4);
      expect(valueOf(await fixture.ask("pad/a", "add", { text: "o1 again", operationId: "o1" }))).to.equal(5);
    });

    it("bounds operations that are begun and never answered", async () => {
      const ids = ["o1", "o2", "o3"];
      const results = await Promise.all(
        ids.map((operationId) => fixture.ask("pad/a", "never", { operationId, timeoutMs: 30 })),
      );
      expect(results.map(valueOf)).to.deep.equal(["ASK_TIMEOUT", "ASK_TIMEOUT", "ASK_TIMEOUT"]);
    });
  });

  describe("supervision", () => {
    const limits = { restartsMax: 2, restartBackoffMs: 1, deadLettersMax: 3 };
    beforeEach(async () => void (fixture = await createFixture({ kernel: limits })));

    it("restarts an actor without the message it failed on", async () => {
      await fixture.ask("pad/a", "add", { text: "kept" });
      expect(valueOf(await fixture.ask("pad/a", "boom"))).to.equal("ACTOR_CRASHED");
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["kept"]);
    });

    it("quarantines beyond the intensity, keeps dead letters durably, and delivers them after a release", async () => {
      for (let round = 0; round < 3; round += 1) await fixture.ask("pad/a", "boom");
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.equal("ACTOR_QUARANTINED");
      for (let index = 0; index < 5; index += 1) {
        fixture.kernel.tell({ to: "pad/a", from: "node", message: { type: "add", text: `t${index}` } });
      }
      await fixture.restart("cleanly");
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.equal("ACTOR_QUARANTINED");
      const detail = await fixture.kernel.showActor("pad/a");
      expect(detail.ok && detail.value.status).to.equal("quarantined");
      expect(detail.ok && detail.value.deadLetters.map((letter) => letter.type)).to.deep.equal(["add", "add", "add"]);
      expect((await fixture.kernel.listActors({ limit: 10, status: "quarantined" })).rows).to.have.length(1);
      expect(await fixture.kernel.release("pad/a", true)).to.deep.equal({ ok: true, value: { redelivered: 3 } });
      await fixture.eventually(
        "redelivered",
        async () => valueOf(await fixture.ask("pad/a", "lines")) !== "ACTOR_QUARANTINED",
      );
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["t2", "t3", "t4"]);
      expect(valueOf(await fixture.kernel.release("pad/a", true))).to.equal("ALREADY_DONE");
      expect(fixture.kernel.status().quarantined).to.equal(0);
    });

    it("buries a message nobody waits for when the actor fails on it", async () => {
      fixture.kernel.tell({ to: "pad/a", from: "node", message: { type: "boom", text: "told" } });
      await fixture.eventually("buried", async () => {
        const detail = await fixture.kernel.showActor("pad/a");
        return detail.ok && detail.value.deadLetters.length === 1;
      });
      expect(valueOf(await fixture.kernel.release("pad/a", false))).to.deep.equal({ redelivered: 0 });
    });

    const lettersOf = async (actor: ActorId) => {
      const detail = await fixture.kernel.showActor(actor);
      return detail.ok ? detail.value.deadLetters.length : detail.error.code;
    };

    it("ends a letter that is delivered again when its operation was handled meanwhile", async () => {
      const from = "user/ada";
      fixture.kernel.tell({ to: "pad/a", from, message: { type: "boom" }, operationId: "o1" });
      await fixture.eventually("buried", async () => (await lettersOf("pad/a")) === 1);
      expect(valueOf(await fixture.ask("pad/a", "add", { text: "once", operationId: "o1", from }))).to.equal(1);
      expect(valueOf(await fixture.kernel.release("pad/a", true))).to.deep.equal({ redelivered: 1 });
      await fixture.eventually("ended", async () => (await lettersOf("pad/a")) === 0);
      await fixture.restart("cleanly");
      expect(await lettersOf("pad/a")).to.equal(0);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["once"]);
    });

    it("keeps a letter whose turn cannot be written", async () => {
      fixture.kernel.tell({ to: "pad/a", from: "node", message: { type: "huge" } });
      await fixture.eventually("buried", async () => (await lettersOf("pad/a")) === 1);
      expect(valueOf(await fixture.kernel.release("pad/a", true))).to.deep.equal({ redelivered: 1 });
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal([]);
      expect(await lettersOf("pad/a")).to.equal(1);
      await fixture.restart("cleanly");
      expect(await lettersOf("pad/a")).to.equal(1);
    });

    it("handles a letter once, also when it is released twice at once", async () => {
      for (let round = 0; round < 3; round += 1) await fixture.ask("pad/a", "boom");
      fixture.kernel.tell({ to: "pad/a", from: "node", message: { type: "add", text: "t" } });
      await fixture.eventually("buried", async () => (await lettersOf("pad/a")) === 2);
      const released = await Promise.all([1, 2].map(() => fixture.kernel.release("pad/a", true)));
      expect(released.map(valueOf)).to.deep.equal([{ redelivered: 1 }, { redelivered: 1 }]);
      await fixture.eventually("ended", async () => (await lettersOf("pad/a")) === 0);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["t"]);
    });

    it("says that the outcome is unknown to who waited for a longer operation when the actor failed", async () => {
      const waiting = fixture.ask("pad/a", "never", { operationId: "o1" });
      await fixture.ask("pad/a", "boom");
      expect(valueOf(await waiting)).to.equal("ASK_TIMEOUT");
    });

    it("takes what a behavior breaks for its actor's fault, and what the kernel breaks for the end of the process", async () => {
      const ask = async () => expect(valueOf(await fixture.ask("pad/a", "break"))).to.equal("ACTOR_CRASHED");
      expect(await brokenBy(ask)).to.deep.equal([]);
      await fixture.ask("pad/a", "add", { text: "kept" });
      const { slots } = fixture;
      /** The slot is opened anew, with a log that recovers actors like this. */
      const recovering = (recover: () => Promise<Recovered>): void => {
        const open: typeof slots.open = (...at) => opened.call(slots, ...at);
        slots.open = async (...at) => Object.create(await open(...at), { recover: { value: recover } }) as ServedLog;
        slots.end(fixture.kernel.slotOf("pad/a") as SlotId, failure("MOVED"));
      };
      const opened = Reflect.get(slots, "open");
      const entry = { epoch: 1, seq: 1, atMs: 0, actor: "pad/a" as const, events: [], answers: [], side: [] };
      recovering(() => Promise.resolve({ snapshot: { seq: 1, body: undefined }, entries: [entry], tailBytes: 1 }));
      const loads = await brokenBy(() => fixture.ask("pad/a", "lines", { timeoutMs: 10 }));
      expect(loads).to.include("broken invariant: the entries come after the snapshot");
      recovering(() => Promise.resolve().then(() => assert(false, "a log can be read") as never));
      const shows = await brokenBy(() => fixture.kernel.showActor("pad/a"));
      expect(shows).to.include("broken invariant: a log can be read");
    });

    it("quarantines an actor whose history cannot be folded, and the rest goes on", async () => {
      await fixture.ask("pad/a", "add", { text: "cannot be folded" });
      await fixture.eventually(
        "quarantined",
        async () => valueOf(await fixture.ask("pad/a", "add", { text: "cannot be folded" })) !== "ACTOR_CRASHED",
      );
      expect(valueOf(await fixture.ask("pad/b", "add", { text: "fine" }))).to.equal(1);
    });
  });

  describe("bounds", () => {
    it("refuses what does not fit into the mailbox, and nothing else changes", async () => {
      fixture = await createFixture({ kernel: { mailboxMessagesMax: 10 } });
      const results = await Promise.all(
        Array.from({ length: 30 }, (_, index) => fixture.ask("pad/a", "add", { text: `${index}` })),
      );
      const taken = results.filter((result) => result.ok).length;
      expect(taken).to.be.at.least(10);
      expect(results.filter((result) => !result.ok).map(valueOf)).to.include("MAILBOX_FULL");
      expect((valueOf(await fixture.ask("pad/a", "lines")) as string[]).length).to.equal(taken);
    });

    it("takes idle actors out of memory to make room, and refuses when none is idle", async () => {
      fixture = await createFixture({ kernel: { activationsMax: 2 } });
      for (const name of ["a", "b", "c", "d"])
        expect(valueOf(await fixture.ask(`pad/${name}`, "add", { text: name }))).to.equal(1);
      expect(fixture.kernel.status().active).to.be.at.most(2);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["a"]);
      const busy = ["e", "f"].map((name) => fixture.ask(`pad/${name}`, "never", { operationId: name, timeoutMs: 200 }));
      await fixture.ask("pad/e", "generate");
      await fixture.ask("pad/f", "generate");
      expect(valueOf(await fixture.ask("pad/g", "add", { text: "g" }))).to.equal("OVERLOADED");
      await Promise.all(busy);
      fixture.kernel.tell({ to: "pad/h", from: "node", message: { type: "add", text: "h" } });
    });

    it("passivates idle actors and actors that leave, state kept", async () => {
      fixture = await createFixture({ kernel: { idleTimeoutMs: 20, sweepIntervalMs: 5 } });
      await fixture.ask("pad/a", "add", { text: "kept" });
      await fixture.eventually("passivated", () => fixture.kernel.status().active === 0);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["kept"]);
      await fixture.ask("pad/a", "leave");
      await fixture.eventually("left", () => fixture.kernel.status().active === 0);
      expect((await fixture.kernel.listActors({ limit: 10, kind: "pad" })).rows).to.deep.include({
        actor: "pad/a",
        slot: slotOf("chat", "pad/a"),
        status: "idle",
        mailbox: 0,
        restarts: 0,
      });
    });

    it("keeps no actor that has nothing: names that nobody took cost no memory, however many are asked for", async () => {
      const fixture = await createFixture();
      const asked = async (from: number, count: number): Promise<void> => {
        const all = Array.from({ length: count }, (_, index) => fixture.ask(`pad/nobody-${from + index}`, "lines"));
        for (const answer of await Promise.all(all)) expect(valueOf(answer)).to.deep.equal([]);
      };
      for (let from = 0; from < 2_000; from += 100) await asked(from, 100);
      expect(fixture.kernel.status().active).to.equal(0);
      // What has something stays, also when it only remembers it.
      await fixture.ask("pad/taken", "add", { text: "one" });
      await fixture.ask("pad/noted", "whisper");
      await fixture.ask("pad/refused", "refuse");
      await fixture.ask("pad/asking", "askOther", { text: "pad/answering" });
      expect(fixture.kernel.status().active).to.equal(2);
      expect(valueOf(await fixture.ask("pad/noted", "whisper"))).to.equal(2);
      // Nor does it lose count of the failures of one that has nothing.
      for (let failure = 0; failure < 6; failure += 1) await fixture.ask("pad/broken", "boom");
      expect(valueOf(await fixture.ask("pad/broken", "lines"))).to.equal("ACTOR_QUARANTINED");
      await fixture.end();
    });

    it("lists every actor, page by page and in order, however many have nothing but a snapshot", async () => {
      const stored = 10_020;
      const nameOf = (kind: string, index: number): ActorId => `${kind}/${String(index).padStart(5, "0")}`;
      const slot = slotOf("chat", "pad/in-memory");
      fixture = await createFixture();
      const log = await fixture.journal.openSlot(slot);
      await log.raise(1, true);
      const side = [{ space: "wake", delete: "pending" }] as const;
      log.append(1, { atMs: 0, actor: nameOf("pad", 7), events: [], answers: [], side }, () => undefined);
      await new Promise<void>((resolve) => {
        for (const kind of ["other", "pad"])
          for (let index = 0; index < stored; index += 1)
            log.snapshot(1, { actor: nameOf(kind, index), seq: 1, body: null }, () => {
              if (kind === "pad" && index === stored - 1) resolve();
            });
      });
      await fixture.ask("pad/in-memory", "add", { text: "here" });
      const list = async (filter: Partial<Parameters<typeof fixture.kernel.listActors>[0]>) => {
        const { rows, more } = await fixture.kernel.listActors({ limit: 10, kind: "pad", ...filter });
        return [rows.map(({ actor }) => actor), more] as const;
      };
      const last = nameOf("pad", stored - 1);
      expect(await list({ limit: 2 })).to.deep.equal([[nameOf("pad", 0), nameOf("pad", 1)], true]);
      expect(await list({ limit: 2, after: nameOf("pad", stored - 3) })).to.deep.equal([
        [nameOf("pad", stored - 2), last],
        true,
      ]);
      expect(await list({ after: last })).to.deep.equal([["pad/in-memory"], false]);
      expect(await list({ after: last, status: "idle" })).to.deep.equal([[], false]);
      expect(await list({ status: "active" })).to.deep.equal([["pad/in-memory"], false]);
      expect((await list({ limit: 2 * stored }))[0]).to.have.length(stored + 1);
      const all = await fixture.kernel.listActors({ limit: 3 * stored });
      expect(all.rows).to.have.length(2 * stored + 1);
      expect(all.rows.map(({ actor }) => actor)).to.deep.equal(all.rows.map(({ actor }) => actor).toSorted());
      expect(
        (await fixture.kernel.listActors({ limit: 1, after: nameOf("other", stored - 1) })).rows,
      ).to.have.nested.property("[0].actor", nameOf("pad", 0));
    });

    it("snapshots, trims the log, and rebuilds from what is left", async () => {
      const limits = {
        snapshotEntriesMin: 4,
        snapshotEntriesMax: 8,
        logWindowEntries: 8,
        logSlackEntries: 4,
        answersMax: 5,
      };
      fixture = await createFixture({ kernel: limits });
      for (let index = 0; index < 120; index += 1) await fixture.ask("pad/a", "add", { text: `${index}` });
      const log = await fixture.store.range({ gte: "log/", lt: "log0" });
      expect(log.length).to.be.below(40);
      await fixture.restart();
      expect((valueOf(await fixture.ask("pad/a", "lines")) as string[]).length).to.equal(120);
      const detail = await fixture.kernel.showActor("pad/a");
      expect(detail.ok && detail.value.entries).to.be.below(20);
    });
  });

  describe("pending work", () => {
    it("brings actors with pending work back at start, and those without not", async () => {
      fixture = await createFixture();
      await fixture.ask("pad/a", "mark", { text: "open" });
      await fixture.ask("pad/b", "mark", { text: "open" });
      await fixture.ask("pad/b", "mark", { text: "done" });
      fixture.published.length = 0;
      await fixture.restart();
      await fixture.eventually("recovered", () => fixture.published.some((event) => event.event === "recovered"));
      expect(fixture.published.map((event) => event.topic)).to.deep.equal(["pad/a"]);
    });

    it("rings reminders after a restart, until they are forgotten", async () => {
      fixture = await createFixture();
      await fixture.ask("pad/a", "remind", { text: "60000" });
      const detail = await fixture.kernel.showActor("pad/a");
      expect(detail.ok && detail.value.reminders.map((reminder) => reminder.id)).to.deep.equal(["bell"]);
      await fixture.ask("pad/b", "remind", { text: "30" });
      await fixture.restart();
      await fixture.eventually("rang", async () =>
        (valueOf(await fixture.ask("pad/b", "lines")) as string[]).includes("rang bell"),
      );
      expect(valueOf(await fixture.ask("pad/b", "lines"))).to.deep.equal(["rang bell"]);
    });

    it("delivers what an engine says of a call, and cancels it", async () => {
      fixture = await createFixture({ kernel: { callsMax: 1 } });
      await fixture.ask("pad/a", "generate");
      expect(fixture.generations).to.have.length(1);
      await fixture.ask("pad/a", "generate");
      expect(fixture.generations).to.have.length(1);
      await fixture.ask("pad/a", "cancel");
      expect(fixture.generations[0]?.cancelled).to.equal(true);
      fixture.generations[0]?.say(ended("stopped", 1, 0));
      await fixture.eventually(
        "heard",
        async () => (valueOf(await fixture.ask("pad/a", "lines")) as string[]).length === 2,
      );
      expect(JSON.stringify(valueOf(await fixture.ask("pad/a", "lines"))))
        .to.include("OVERLOADED")
        .and.include("stopped");
    });

    it("leaves the reason of a call that failed in the log, for whoever runs the node", async () => {
      fixture = await createFixture();
      await fixture.ask("pad/a", "generate");
      const error = failure("MODEL_UNAVAILABLE", { model: "large" });
      fixture.generations[0]?.say(failed(error));
      expect(fixture.logged).to.deep.include([
        "call.failed",
        { actor: "pad/a", engine: "generate", tag: "g", failure: error },
      ]);
    });

    it("delivers nothing of a call after the end of the activation that made it", async () => {
      fixture = await createFixture({ kernel: { restartBackoffMs: 1 } });
      await fixture.ask("pad/a", "generate");
      await fixture.ask("pad/a", "boom");
      expect(fixture.generations[0]?.cancelled).to.equal(true);
      fixture.generations[0]?.say(text("late"));
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal([]);
    });
  });

  describe("rows of an actor that is not of their slot", () => {
    const slot = slotOf("chat", "pad/a");
    const elsewhere = "pad/b" as ActorId;
    /** What is in a slot as its owners before have left it. */
    const write = async (...drafts: readonly Pick<EntryDraft, "actor" | "events" | "side">[]): Promise<SlotLog> => {
      const log = await fixture.journal.openSlot(slot);
      await log.raise(log.fence + 1, true);
      for (const entry of drafts)
        expect(
          await new Promise((resolve) => log.append(log.fence, { atMs: 1, answers: [], ...entry }, resolve)),
        ).to.equal(undefined);
      return log;
    };
    const open = async (): Promise<void> => {
      fixture.published.length = 0;
      fixture.kernel.serve(slot);
      expect((await fixture.ask("pad/a", "lines")).ok).to.equal(true);
    };
    const topics = (): string[] => fixture.published.map(({ topic }) => topic);
    const marked = {
      events: [{ type: "marked", open: true }],
      side: [{ space: "wake", put: "pending", value: true }],
    } as const;

    it("bring nobody into memory, and its own are taken up", async () => {
      fixture = await createFixture();
      expect(slotOf("chat", elsewhere)).to.not.equal(slot);
      await fixture.ask(elsewhere, "add", { text: "where it belongs" });
      await write({ actor: elsewhere, ...marked }, { actor: "pad/a", ...marked });
      await open();
      await fixture.eventually("recovered", () => topics().includes("pad/a"));
      expect(topics()).to.not.include(elsewhere);
      expect(valueOf(await fixture.ask(elsewhere, "lines"))).to.deep.equal(["where it belongs"]);
      const facts = { slot, count: 1, actors: [elsewhere] };
      expect(fixture.warned).to.deep.equal([["slot.actors.foreign", facts]]);
    });

    it("set no reminders, and leave those that it has where it belongs", async () => {
      fixture = await createFixture();
      await fixture.ask(elsewhere, "remind", { text: "60000" });
      const reminders = async (actor: ActorId): Promise<unknown> => {
        const detail = await fixture.kernel.showActor(actor);
        return detail.ok && detail.value.reminders;
      };
      const before = await reminders(elsewhere);
      expect(before).to.have.length(1);
      const rings = (id: string) => ({ space: "reminder", put: id, value: 1 }) as const;
      await write(
        { actor: elsewhere, events: [], side: [rings("bell"), rings("other")] },
        { actor: "pad/a", events: [], side: [rings("bell")] },
      );
      await open();
      await fixture.eventually("rang", async () =>
        (valueOf(await fixture.ask("pad/a", "lines")) as string[]).includes("rang bell"),
      );
      expect(await reminders(elsewhere)).to.deep.equal(before);
      expect(valueOf(await fixture.ask(elsewhere, "lines"))).to.deep.equal([]);
    });

    it("quarantine nobody, and are no dead letters", async () => {
      fixture = await createFixture();
      const value = { atMs: 1, reason: "made up" };
      const letter = { id: 1, from: "node", message: { type: "add" }, operation: null, atMs: 1, reason: "made up", answered: false }; // prettier-ignore
      const side = [
        { space: "quarantine", put: "since", value },
        { space: "dead", put: "1", value: letter },
      ] as const;
      await write({ actor: elsewhere, events: [], side });
      await open();
      expect(fixture.kernel.status().quarantined).to.equal(0);
      const detail = await fixture.kernel.showActor(elsewhere);
      expect(valueOf(detail)).to.equal("NOT_FOUND");
      expect((await fixture.ask(elsewhere, "lines")).ok).to.equal(true);
      await write({ actor: "pad/a", events: [], side });
      fixture.slots.end(slot, failure("SLOT_UNAVAILABLE"));
      fixture.kernel.serve(slot);
      await fixture.eventually("quarantined", () => fixture.kernel.status().quarantined === 1);
    });

    it("do nothing once it has a slot of its own, though the split did not come to its end", async () => {
      fixture = await createFixture();
      await fixture.ask("pad/a", "add", { text: "stays" });
      const pinned = [...Array(10_000).keys()]
        .map((index): ActorId => `pad/${index}`)
        .find((actor) => slotOf("chat", actor) === slot) as ActorId;
      await fixture.ask(pinned, "mark", { text: "open" });
      await fixture.ask(pinned, "remind", { text: "60000" });
      fixture.slots.end(slot, movedTo("n2", 9));
      fixture.routing.split.add(pinned);
      await open();
      expect(topics()).to.not.include(pinned);
      expect(
        (await fixture.kernel.listActors({ limit: 10, status: "active" })).rows.map(({ actor }) => actor),
      ).to.deep.equal(["pad/a"]);
      // In its own slot they are taken up.
      const own = await fixture.journal.openSlot(ownSlot(pinned));
      await own.raise(1, true);
      await new Promise((resolve) => own.append(1, { atMs: 1, actor: pinned, answers: [], ...marked }, resolve));
      fixture.kernel.serve(ownSlot(pinned));
      await fixture.eventually("recovered in its own slot", () => topics().includes(pinned));
    });

    describe("when the log is shortened", () => {
      const limits = { snapshotEntriesMin: 4, snapshotEntriesMax: 8, logWindowEntries: 8, logSlackEntries: 4 };
      const fill = async (): Promise<void> => {
        for (let index = 0; index < 60; index += 1) await fixture.ask("pad/a", "add", { text: `${index}` });
        await fixture.journal.settled();
      };

      it("bring nobody into memory, and keep the entries that somebody might need", async () => {
        fixture = await createFixture({ kernel: limits });
        const log = await write({ actor: elsewhere, ...marked });
        await open();
        await fill();
        expect(topics()).to.not.include(elsewhere);
        expect(log.firstNeeded(elsewhere)).to.equal(1);
        expect((await log.reader.recover(elsewhere)).entries).to.have.length(1);
      });

      it("hold nothing back by the entry with which it has left", async () => {
        fixture = await createFixture({ kernel: limits });
        const log = await write({ actor: elsewhere, ...marked });
        log.snapshot(log.fence, { actor: elsewhere, seq: 1, body: { state: "folded", answers: [] } }, () => undefined);
        await write({ actor: elsewhere, events: [], side: [{ space: "wake", delete: "pending" }] });
        await open();
        await fill();
        expect(topics()).to.not.include(elsewhere);
        expect(log.length).to.be.below(30);
        expect(await log.reader.recover(elsewhere)).to.deep.include({
          snapshot: { seq: 2, body: { state: "folded", answers: [] } },
          entries: [],
        });
      });
    });
  });

  describe("failing disks", () => {
    beforeEach(async () => void (fixture = await createFixture({ kernel: { slotRetryMs: 5, slotRetryMaxMs: 10 } })));

    it("answers unknown to an ask without a name, takes the slot anew, and loses nothing acknowledged", async () => {
      await fixture.ask("pad/a", "add", { text: "before" });
      fixture.failBatches = 1;
      expect(valueOf(await fixture.ask("pad/a", "add", { text: "lost" }))).to.equal("APPEND_FAILED");
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["before"]);
      const detail = await fixture.kernel.showActor("pad/a");
      expect(detail.ok && detail.value.epoch).to.equal(2);
    });

    it("tries an operation again by itself when the slot failed under it, and applies it once", async () => {
      await fixture.ask("pad/a", "add", { text: "before" });
      fixture.failBatches = 1;
      const once = () => fixture.ask("pad/a", "add", { text: "again", operationId: "o1" });
      expect((await Promise.all([once(), once()])).map(valueOf)).to.deep.equal([2, 2]);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["before", "again"]);
    });

    it("refuses with not_started while a slot cannot be opened, and says so in its status", async () => {
      fixture.slots.refusal = failure("DIRECTORY_UNAVAILABLE");
      const result = await fixture.ask("pad/a", "add", { text: "x", timeoutMs: 20 });
      expect(!result.ok && result.error.outcome).to.equal("not_started");
      expect(!result.ok && result.error.details?.["because"]).to.equal("DIRECTORY_UNAVAILABLE");
      expect(fixture.kernel.status().slotsQuarantined).to.have.length(1);
      fixture.slots.refusal = undefined;
      expect((await fixture.ask("pad/a", "add", { text: "y" })).ok).to.equal(true);
      expect(fixture.kernel.status().slotsQuarantined).to.have.length(0);
    });

    it("keeps nothing of a slot that nobody owns yet while the directory is away, and serves it as soon as it is back", async () => {
      fixture.slots.refusal = failure("DIRECTORY_AWAY");
      for (let tries = 0; tries < 3; tries += 1) {
        const result = await fixture.ask("pad/a", "add", { text: "x", timeoutMs: 20 });
        expect(!result.ok && result.error.code).to.equal("DIRECTORY_AWAY");
      }
      expect(fixture.kernel.status().slotsQuarantined, "it is none of this node's slots").to.have.length(0);
      fixture.slots.refusal = undefined;
      // Less than the pause after a slot that failed.
      expect((await fixture.ask("pad/a", "add", { text: "y", timeoutMs: 400 })).ok).to.equal(true);
    });

    it("quarantines a slot whose data is damaged, names the place, and serves the others", async () => {
      await fixture.ask("pad/a", "add", { text: "one" });
      await fixture.ask("pad/b", "add", { text: "other" });
      const [entry] = await fixture.store.range({
        gte: `log/${slotOf("chat", "pad/a")}/`,
        lt: `log/${slotOf("chat", "pad/a")}0`,
      });
      const [key, bytes] = entry as readonly [string, Uint8Array];
      const rotten = Uint8Array.from(bytes);
      rotten[rotten.length - 3] = (rotten[rotten.length - 3] ?? 0) ^ 0x40;
      await fixture.store.batch([{ type: "put", key, value: rotten }], { sync: true });
      await fixture.restart();
      const result = await fixture.ask("pad/a", "lines");
      expect(!result.ok && result.error.code).to.equal("SLOT_UNAVAILABLE");
      expect(!result.ok && result.error.details).to.deep.include({
        slot: slotOf("chat", "pad/a"),
        seq: 1,
        because: "DATA_DAMAGED",
      });
      expect(JSON.stringify(result), "where the files lie is for the operator").to.not.include(fixture.store.location);
      expect(fixture.kernel.status().slotsQuarantined[0]?.reason).to.include(fixture.store.location);
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.equal("SLOT_UNAVAILABLE");
      expect(valueOf(await fixture.kernel.showActor("pad/a"))).to.equal("SLOT_UNAVAILABLE");
      expect(valueOf(await fixture.kernel.release("pad/a", true))).to.equal("SLOT_UNAVAILABLE");
      expect(valueOf(await fixture.ask("pad/b", "lines"))).to.deep.equal(["other"]);
    });

    it("quarantines the slot when a record it reads is damaged", async () => {
      await fixture.ask("pad/a", "add", { text: "one" });
      const slot = slotOf("chat", "pad/a");
      const key = `side/record/${slot}/pad/a/line/one`;
      expect(await fixture.store.get(key)).to.not.equal(undefined);
      await fixture.store.batch([{ type: "put", key, value: new Uint8Array(9) }], { sync: true });
      expect(valueOf(await fixture.ask("pad/a", "records?", { timeoutMs: 50 }))).to.equal("ASK_TIMEOUT");
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.equal("SLOT_UNAVAILABLE");
    });
  });

  describe("proof that answers are current", () => {
    beforeEach(async () => {
      fixture = await createFixture();
      await fixture.ask("pad/a", "add", { text: "one" });
      fixture.slots.alone = false;
    });
    const time = () => fixture.world.sleep(100);

    it("is asked for after the turn began, and the answer waits for it", async () => {
      let answered: unknown;
      void fixture.ask("pad/a", "lines").then((result) => (answered = valueOf(result)));
      await fixture.eventually("asked", () => fixture.slots.confirmations.length === 1);
      await time();
      expect(answered).to.equal(undefined);
      fixture.slots.confirmations[0]?.(undefined);
      await fixture.eventually("answered", () => answered !== undefined);
      expect(answered).to.deep.equal(["one"]);
    });

    it("asked later speaks for earlier turns, and never the other way round", async () => {
      const answers: unknown[] = [];
      for (const name of ["first", "second"]) void fixture.ask("pad/a", "lines").then(() => answers.push(name));
      await fixture.eventually("asked", () => fixture.slots.confirmations.length === 2);
      fixture.slots.confirmations[0]?.(undefined);
      await fixture.eventually("one", () => answers.length === 1);
      await time();
      expect(answers).to.deep.equal(["first"]);
      fixture.slots.confirmations[1]?.(undefined);
      await fixture.eventually("both", () => answers.length === 2);
    });

    it("is the commit of an append made later, but not of one made before", async () => {
      fixture.slots.holdAppends = true;
      const order: string[] = [];
      const ask = (name: string, type: string) =>
        void fixture.ask("pad/a", type, { text: name }).then(() => order.push(name));
      ask("before", "add");
      ask("read", "lines");
      await fixture.eventually(
        "asked",
        () => fixture.slots.confirmations.length === 1 && fixture.slots.heldAppends.length === 1,
      );
      fixture.slots.heldAppends.shift()?.();
      await fixture.eventually("appended", () => order.length === 1);
      await time();
      expect(order).to.deep.equal(["before"]);
      ask("after", "add");
      await fixture.eventually("held", () => fixture.slots.heldAppends.length === 1);
      fixture.slots.heldAppends.shift()?.();
      await fixture.eventually("all", () => order.length === 3);
      expect(order).to.deep.equal(["before", "read", "after"]);
    });

    it("is not waited for by best-effort events", async () => {
      fixture.published.length = 0;
      void fixture.ask("pad/a", "hint", { text: "typing" });
      await fixture.eventually("published", () => fixture.published.length === 1);
      expect(fixture.slots.confirmations).to.have.length(0);
    });

    it("keeps an actor in memory while it is missing", async () => {
      await fixture.end();
      fixture = await createFixture({ kernel: { idleTimeoutMs: 1, sweepIntervalMs: 1 } });
      await fixture.ask("pad/a", "add", { text: "one" });
      fixture.slots.alone = false;
      const waiting = fixture.ask("pad/a", "lines");
      await fixture.eventually("asked", () => fixture.slots.confirmations.length === 1);
      await time();
      expect(fixture.kernel.status().active).to.equal(1);
      fixture.slots.confirmations[0]?.(undefined);
      expect(valueOf(await waiting)).to.deep.equal(["one"]);
    });

    it("that fails ends the slot, and the question is asked anew", async () => {
      const waiting = fixture.ask("pad/a", "lines", { operationId: "o1" });
      await fixture.eventually("asked", () => fixture.slots.confirmations.length === 1);
      fixture.slots.alone = true;
      fixture.slots.confirmations[0]?.(failure("FENCED"));
      expect(valueOf(await waiting)).to.deep.equal(["one"]);
    });
  });

  describe("stopping", () => {
    it("finishes what is under way, then refuses", async () => {
      fixture = await createFixture();
      const under = Array.from({ length: 50 }, (_, index) => fixture.ask("pad/a", "add", { text: `${index}` }));
      const hanging = fixture.ask("pad/a", "never");
      await fixture.kernel.stop(5_000);
      expect((await Promise.all(under)).every((result) => result.ok)).to.equal(true);
      expect(valueOf(await hanging)).to.equal("ASK_TIMEOUT");
      expect(valueOf(await fixture.ask("pad/a", "lines"))).to.equal("STOPPING");
      fixture.kernel.tell({ to: "pad/a", from: "node", message: { type: "add" } });
    });

    it("does not know actors that never were", async () => {
      fixture = await createFixture();
      expect(valueOf(await fixture.kernel.showActor("pad/nobody"))).to.equal("NOT_FOUND");
      expect(valueOf(await fixture.kernel.showActor("robot/a"))).to.equal("NOT_FOUND");
      expect(valueOf(await fixture.kernel.release("robot/a", true))).to.equal("NOT_FOUND");
    });
  });
});
