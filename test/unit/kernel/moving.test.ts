import { expect } from "chai";
import type { Ask, Tell } from "../../../node/kernel/api.ts";
import { failure, ownSlot, PlexusError, slotOf, type ActorId } from "../../../protocols/index.ts";
import { movedTo } from "./slots.ts";
import { createFixture, valueOf, type Fixture } from "./fixture.ts";

/** As another node would send it. */
function askTo(to: ActorId, correlation: number, type: string): Ask {
  const operation = `user/bob|${correlation}`;
  const replyTo = { node: "n2", correlation, operation };
  const message = { type, text: `from afar ${correlation}` };
  return { type: "ask", to, from: "user/bob", message, operation, replyTo, chain: [] };
}

/** The same, of a message for whose answer nobody waits. */
function tellTo(to: ActorId, correlation: number, type: string): Tell {
  const { from, message, operation, replyTo: receipt } = askTo(to, correlation, type);
  return { type: "tell", to, from, message, operation, receipt };
}

describe("slots that move", () => {
  let fixture: Fixture;
  afterEach(() => fixture.end());
  const slot = slotOf("chat", "pad/a");
  beforeEach(async () => {
    fixture = await createFixture({ kernel: { slotRetryMs: 5 } });
    await fixture.ask("pad/a", "add", { text: "one" });
  });

  it("let nothing begin once they drain, and everything finish", async () => {
    fixture.slots.holdAppends = true;
    const before = fixture.ask("pad/a", "add", { text: "before" });
    await fixture.eventually("appended", () => fixture.slots.heldAppends.length === 1);
    const drained = fixture.kernel.drain(slot, 1_000);
    const queued = fixture.ask("pad/a", "add", { text: "queued" });
    fixture.slots.heldAppends.shift()?.();
    await drained;
    expect(valueOf(await before)).to.equal(2);
    expect(fixture.slots.heldAppends).to.have.length(0);
    fixture.slots.holdAppends = false;
    fixture.kernel.resume(slot);
    expect(valueOf(await queued)).to.equal(3);
  });

  it("leave the next owner little to fold", async () => {
    const snapshots = () => fixture.store.keys({ gte: `snap/${slot}/`, lt: `snap/${slot}0` });
    await fixture.kernel.drain(slot, 1_000);
    expect(await snapshots()).to.deep.equal([]);
    fixture.kernel.resume(slot);
    await Promise.all(Array.from({ length: 70 }, (_, index) => fixture.ask("pad/a", "add", { text: `${index}` })));
    await fixture.kernel.drain(slot, 1_000);
    expect(await snapshots()).to.have.length(1);
  });

  it("go on by themselves when they cannot be drained in time", async () => {
    fixture.slots.holdAppends = true;
    void fixture.ask("pad/a", "add", { text: "before" });
    await fixture.eventually("appended", () => fixture.slots.heldAppends.length === 1);
    const drained = await fixture.kernel.drain(slot, 5).catch((error: unknown) => error);
    expect(drained).to.be.an("error");
    fixture.slots.holdAppends = false;
    fixture.slots.heldAppends.shift()?.();
    expect(valueOf(await fixture.ask("pad/a", "lines"))).to.deep.equal(["one", "before"]);
  });

  it("send what waited to the new owner, in order and with its name", async () => {
    await fixture.kernel.drain(slot, 1_000);
    for (const text of ["a", "b", "c"]) void fixture.ask("pad/a", "add", { text, operationId: text });
    fixture.kernel.tell({ to: "pad/a", from: "node", message: { type: "add", text: "d" } });
    fixture.routing.elsewhere.add(slot);
    fixture.slots.end(slot, movedTo("n2", 7));
    const texts = fixture.routing.sent.map(({ envelope }) => (envelope.message as { text?: string }).text);
    expect(texts).to.deep.equal(["a", "b", "c", "d"]);
    expect(fixture.kernel.status()).to.deep.include({ active: 0, slotsOpen: 0, slotsQuarantined: [] });
    fixture.slots.refusal = movedTo("n2", 7);
    fixture.kernel.receive(slot, askTo("pad/a", 9, "lines"));
    await fixture.eventually("refused", () => fixture.routing.answered.length === 1);
    const [refusal] = fixture.routing.answered;
    expect(refusal?.served).to.equal(false);
    expect(refusal?.result.ok === false && refusal.result.error).to.deep.include({
      code: "MOVED",
      details: { owner: "n2", epoch: 7 },
    });
  });

  it("send turns whose append is under way along by their name, and answer unknown to those without", async () => {
    fixture.slots.holdAppends = true;
    const plain = fixture.ask("pad/a", "add", { text: "plain" });
    void fixture.ask("pad/a", "add", { text: "named", operationId: "o1" });
    await fixture.eventually("appended", () => fixture.slots.heldAppends.length > 0);
    fixture.routing.elsewhere.add(slot);
    fixture.slots.end(slot, failure("FENCED"));
    expect(valueOf(await plain)).to.equal("APPEND_FAILED");
    expect(fixture.routing.sent.map(({ envelope }) => envelope.operation)).to.deep.equal(["user/ada|o1"]);
  });

  it("keep what comes until they end, so that nothing overtakes what waits", async () => {
    await fixture.kernel.drain(slot, 1_000);
    void fixture.ask("pad/a", "add", { text: "first", operationId: "1" });
    fixture.routing.elsewhere.add(slot);
    void fixture.ask("pad/a", "add", { text: "second", operationId: "2" });
    expect(fixture.routing.sent).to.have.length(0);
    fixture.slots.end(slot, movedTo("n2", 7));
    void fixture.ask("pad/a", "add", { text: "third", operationId: "3" });
    const operations = fixture.routing.sent.map(({ envelope }) => envelope.operation);
    expect(operations).to.deep.equal(["user/ada|1", "user/ada|2", "user/ada|3"]);
  });

  it("are not asked for where another node has them", () => {
    fixture.routing.elsewhere.add(slotOf("chat", "pad/far"));
    void fixture.ask("pad/far", "lines");
    fixture.kernel.tell({ to: "pad/far", from: "node", message: { type: "add", text: "x" } });
    expect(fixture.routing.sent).to.have.length(2);
    for (const { envelope } of fixture.routing.sent) expect(envelope.operation).to.be.a("string");
  });

  it("serve nothing that was sent under another epoch: the slot was elsewhere meanwhile, or is about to be anew", async () => {
    const receive = (correlation: number, epoch: number): void =>
      fixture.kernel.receive(slot, { ...askTo("pad/a", correlation, "lines"), epoch });
    receive(1, 1);
    await fixture.eventually("served", () => fixture.routing.answered.length === 1);
    expect(fixture.routing.answered[0]?.served).to.equal(true);
    await fixture.restart();
    // The first waits for the slot to open, and learns only then that it is late.
    receive(2, 1);
    receive(3, 2);
    receive(4, 3);
    await fixture.eventually("answered", () => fixture.routing.answered.length === 3);
    receive(5, 1);
    const told = new Map(fixture.routing.answered.map(({ correlation, ...answer }) => [correlation, answer]));
    expect([2, 3, 4, 5].map((correlation) => told.get(correlation)?.served)).to.deep.equal([false, true, false, false]);
    const early = told.get(4)?.result;
    expect(early?.ok === false && early.error).to.include({ code: "SLOT_UNAVAILABLE", outcome: "not_started" });
    const late = told.get(5)?.result;
    expect(late?.ok === false && late.error).to.deep.include({
      code: "MOVED",
      outcome: "not_started",
      details: { slot, owner: "n1", epoch: 2 },
    });
  });

  it("refuse what is no message of its actor's kind, and the actor goes on", async () => {
    for (let correlation = 1; correlation <= 20; correlation += 1)
      fixture.kernel.receive(slot, askTo("pad/a", correlation, "garbage"));
    fixture.kernel.receive(slot, askTo("pad/a", 21, "lines"));
    await fixture.eventually("answered", () => fixture.routing.answered.length === 21);
    const codes = fixture.routing.answered.map(({ result, served }) => [result.ok || result.error.code, served]);
    expect(new Set(codes.slice(0, 20).map(String))).to.deep.equal(new Set(["BAD_REQUEST,true"]));
    expect(codes[20]).to.deep.equal([true, true]);
    expect((await fixture.kernel.showActor("pad/a")).ok).to.equal(true);
  });

  it("answer other nodes' tells once their turn took effect, unseen by the actor", async () => {
    fixture.kernel.receive(slot, tellTo("pad/a", 1, "add"));
    fixture.kernel.receive(slot, tellTo("pad/a", 2, "never"));
    fixture.kernel.receive(slot, tellTo("pad/a", 3, "boom"));
    await fixture.eventually("answered", () => fixture.routing.answered.length === 3);
    const answers = fixture.routing.answered.map(({ correlation, result }) => [correlation, valueOf(result)]);
    expect(answers).to.have.deep.members([
      [1, null],
      [2, null],
      [3, null],
    ]);
    const detail = await fixture.kernel.showActor("pad/a");
    expect(detail.ok && detail.value.deadLetters).to.have.length(1);
  });

  it("split an actor off, which then is looked for in its own slot", async () => {
    await fixture.ask("pad/a", "remind", { text: "60000" });
    const split = await fixture.kernel.split("pad/a");
    expect(split).to.deep.equal({ ok: true, value: { slot: "pad/a" } });
    expect(fixture.kernel.load().map((row) => row.slot)).to.include(slot);
    expect(valueOf(await fixture.kernel.split("robot/a"))).to.equal("NOT_FOUND");
  });

  it("split an actor off for another node, and serve nothing of it", async () => {
    fixture.routing.elsewhere.add(ownSlot("pad/a"));
    expect((await fixture.kernel.split("pad/a", "n2")).ok).to.equal(true);
    expect(fixture.kernel.load().map((row) => row.slot)).to.not.include("pad/a");
  });

  it("wait to move until they have dropped what has left them, and an actor that left them does not", async () => {
    fixture.slots.holdAppends = true;
    expect((await fixture.kernel.split("pad/a", "n2")).ok).to.equal(true);
    let drained = false;
    const drain = fixture.kernel.drain(slot, 1_000).then(() => (drained = true));
    await fixture.eventually("on disk", () => fixture.slots.heldAppends.length > 0);
    expect(drained).to.equal(false);
    for (const release of fixture.slots.heldAppends.splice(0)) release();
    await drain;
  });

  /** An actor of the slot that is not in memory. */
  const absent = [...Array(10_000).keys()]
    .map((index): ActorId => `pad/${index}`)
    .find((actor) => slotOf("chat", actor) === slot) as ActorId;
  /** What is asked while the slot waits to move and an actor gets one of its own. */
  const askWhileSplitting = async (split: () => void): Promise<Promise<unknown>[]> => {
    const asked: Promise<unknown>[] = [];
    fixture.slots.splitting = async () => {
      // One came before the slot drained, into the mailbox; one waits for the slot.
      asked.push(fixture.ask("pad/a", "add", { text: "one" }));
      await fixture.kernel.drain(slot, 1_000);
      asked.push(fixture.ask("pad/a", "add", { text: "two" }));
      split();
    };
    expect((await fixture.kernel.split("pad/a")).ok).to.equal(true);
    return asked;
  };
  const splitsHere = (): void => {
    fixture.routing.split.add("pad/a");
    fixture.routing.elsewhere.add(ownSlot("pad/a"));
    fixture.kernel.left(slot, "pad/a");
  };
  const sentOn = () =>
    fixture.routing.sent.map(({ slot: to, envelope }) => [to, (envelope.message as { text?: string }).text]);

  it("send on what an actor had in front of its own slot before anything newer, though they wait to move", async () => {
    const asked = await askWhileSplitting(splitsHere);
    expect(sentOn()).to.deep.equal([
      ["pad/a", "one"],
      ["pad/a", "two"],
    ]);
    for (const sent of fixture.routing.sent) sent.settle({ ok: true, value: "there" });
    expect(await Promise.all(asked)).to.deep.equal(asked.map(() => ({ ok: true, value: "there" })));
  });

  const quarantine = async (): Promise<void> => {
    while (fixture.kernel.status().quarantined === 0) await fixture.ask("pad/a", "boom");
  };

  it("keep what comes for a quarantined actor until it has its own slot, and leave no dead letter of it in the old one", async () => {
    await quarantine();
    const asked: Promise<unknown>[] = [];
    fixture.slots.splitting = () => {
      asked.push(fixture.ask("pad/a", "add", { text: "one" }));
      fixture.kernel.tell({ to: "pad/a", from: "node", message: { type: "add", text: "told" } });
      splitsHere();
      return Promise.resolve();
    };
    expect((await fixture.kernel.split("pad/a")).ok).to.equal(true);
    expect(sentOn()).to.deep.equal([
      ["pad/a", "one"],
      ["pad/a", "told"],
    ]);
    for (const sent of fixture.routing.sent) sent.settle({ ok: true, value: "there" });
    await Promise.all(asked);
  });

  it("refuse what came for a quarantined actor whose split is given up", async () => {
    await quarantine();
    const asked: Promise<unknown>[] = [];
    fixture.slots.splitting = () => {
      asked.push(fixture.ask("pad/a", "add", { text: "one" }));
      return Promise.reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE", { asked: false })));
    };
    expect((await fixture.kernel.split("pad/a")).ok).to.equal(false);
    expect(await Promise.all(asked)).to.have.nested.property("0.error.code", "ACTOR_QUARANTINED");
  });

  it("have what comes for an actor behind what its old slot holds of it, though its own is served already", async () => {
    const own = ownSlot("pad/a");
    const asked: Promise<unknown>[] = [];
    fixture.slots.splitting = async () => {
      asked.push(fixture.ask("pad/a", "add", { text: "one" }));
      fixture.routing.split.add("pad/a");
      fixture.routing.elsewhere.add(own);
      fixture.kernel.receive(own, askTo("pad/a", 1, "add"));
      await fixture.eventually("served in its own slot", () => fixture.routing.answered.length === 1);
      asked.push(fixture.ask("pad/a", "add", { text: "two" }));
    };
    expect((await fixture.kernel.split("pad/a")).ok).to.equal(true);
    expect(sentOn()).to.deep.equal([
      [own, "one"],
      [own, "two"],
    ]);
    for (const sent of fixture.routing.sent) sent.settle({ ok: true, value: "there" });
    await Promise.all(asked);
    expect(fixture.kernel.status().active).to.equal(1);
  });

  it("have no room for what waited behind something that they had no room for", async () => {
    await fixture.end();
    fixture = await createFixture({ kernel: { activationsMax: 20, sweepIntervalMs: 1_000 } });
    const others = [...Array(1_000).keys()]
      .map((index): ActorId => `pad/f${index}`)
      .filter((actor) => slotOf("chat", actor) !== slot)
      .slice(0, 20);
    // The first look for room finds busy ones only, and the second would find others.
    for (const actor of others) await fixture.ask(actor, "add", { text: "stays" });
    for (const actor of others.slice(0, 16)) await fixture.ask(actor, "generate");
    fixture.kernel.receive(slot, askTo("pad/a", 1, "add"));
    fixture.kernel.receive(slot, askTo("pad/a", 2, "add"));
    await fixture.eventually("answered", () => fixture.routing.answered.length === 2);
    expect(fixture.routing.answered.map(({ result }) => result.ok)).to.deep.equal([false, false]);
  });

  it("send on what waits for them when they hear that its actor has a slot of its own", async () => {
    await fixture.kernel.drain(slot, 1_000);
    const waits = fixture.ask(absent, "add", { text: "one" });
    const stays = fixture.ask("pad/a", "lines");
    fixture.routing.split.add(absent);
    fixture.routing.elsewhere.add(ownSlot(absent));
    fixture.kernel.left(slot, absent);
    expect(sentOn()).to.deep.equal([[absent, "one"]]);
    fixture.kernel.resume(slot);
    fixture.routing.sent[0]?.settle({ ok: true, value: "there" });
    expect(await waits).to.deep.equal({ ok: true, value: "there" });
    expect((await stays).ok).to.equal(true);
  });

  it("handle nothing of an actor that they waited with until it had a slot of its own", async () => {
    await fixture.kernel.drain(slot, 1_000);
    const late = fixture.ask(absent, "lines");
    fixture.routing.split.add(absent);
    fixture.routing.elsewhere.add(ownSlot(absent));
    fixture.kernel.resume(slot);
    expect(sentOn()).to.deep.equal([[absent, undefined]]);
    fixture.routing.sent[0]?.settle({ ok: true, value: "there" });
    expect(await late).to.deep.equal({ ok: true, value: "there" });
  });

  it("tell their load and their busiest actor once", async () => {
    for (let count = 0; count < 3; count += 1) await fixture.ask("pad/a", "lines");
    expect(fixture.kernel.load()).to.deep.equal([{ slot, actors: 1, turns: 4, busiest: { actor: "pad/a", turns: 4 } }]);
    expect(fixture.kernel.load()).to.deep.equal([{ slot, actors: 1, turns: 0 }]);
  });
});
