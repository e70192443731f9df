import { expect } from "chai";
import type { Ask, Tell } from "../../../node/kernel/api.ts";
import { failure, ownSlot, PlexusError, slotOf, type ActorId } from "../../../protocols/index.ts";
import { movedTo } from "./slots.ts";
import { createStage, eventually, valueOf, type Stage } from "./fixture.ts";

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
  let stage: Stage;
  afterEach(() => stage.end());
  const slot = slotOf("chat", "pad/a");
  beforeEach(async () => {
    stage = await createStage({ kernel: { slotRetryMs: 5 } });
    await stage.ask("pad/a", "add", { text: "one" });
  });

  it("let nothing begin once they drain, and everything finish", async () => {
    stage.slots.holdAppends = true;
    const before = stage.ask("pad/a", "add", { text: "before" });
    await eventually("appended", () => stage.slots.heldAppends.length === 1);
    const drained = stage.kernel.drain(slot, 1_000);
    const queued = stage.ask("pad/a", "add", { text: "queued" });
    stage.slots.heldAppends.shift()?.();
    await drained;
    expect(valueOf(await before)).to.equal(2);
    expect(stage.slots.heldAppends).to.have.length(0);
    stage.slots.holdAppends = false;
    stage.kernel.resume(slot);
    expect(valueOf(await queued)).to.equal(3);
  });

  it("leave the next owner little to fold", async () => {
    const snapshots = () => stage.store.keys({ gte: `snap/${slot}/`, lt: `snap/${slot}0` });
    await stage.kernel.drain(slot, 1_000);
    expect(await snapshots()).to.deep.equal([]);
    stage.kernel.resume(slot);
    await Promise.all(Array.from({ length: 70 }, (_, index) => stage.ask("pad/a", "add", { text: `${index}` })));
    await stage.kernel.drain(slot, 1_000);
    expect(await snapshots()).to.have.length(1);
  });

  it("go on by themselves when they cannot be drained in time", async () => {
    stage.slots.holdAppends = true;
    void stage.ask("pad/a", "add", { text: "before" });
    await eventually("appended", () => stage.slots.heldAppends.length === 1);
    const drained = await stage.kernel.drain(slot, 5).catch((error: unknown) => error);
    expect(drained).to.be.an("error");
    stage.slots.holdAppends = false;
    stage.slots.heldAppends.shift()?.();
    expect(valueOf(await stage.ask("pad/a", "lines"))).to.deep.equal(["one", "before"]);
  });

  it("send what waited to the new owner, in order and with its name", async () => {
    await stage.kernel.drain(slot, 1_000);
    for (const text of ["a", "b", "c"]) void stage.ask("pad/a", "add", { text, operationId: text });
    stage.kernel.tell({ to: "pad/a", from: "node", message: { type: "add", text: "d" } });
    stage.routing.elsewhere.add(slot);
    stage.slots.end(slot, movedTo("n2", 7));
    const texts = stage.routing.sent.map(({ envelope }) => (envelope.message as { text?: string }).text);
    expect(texts).to.deep.equal(["a", "b", "c", "d"]);
    expect(stage.kernel.status()).to.deep.include({ active: 0, slotsOpen: 0, slotsQuarantined: [] });
    stage.slots.refusal = movedTo("n2", 7);
    stage.kernel.receive(slot, askTo("pad/a", 9, "lines"));
    await eventually("refused", () => stage.routing.answered.length === 1);
    const [refusal] = stage.routing.answered;
    expect(refusal?.served).to.equal(false);
    expect(refusal?.result.ok === false && refusal.result.error).to.deep.include({
      code: "MOVED",
      details: { owner: "n2", epoch: 7 },
    });
  });

  it("send turns whose append is under way along by their name, and answer unknown to those without", async () => {
    stage.slots.holdAppends = true;
    const plain = stage.ask("pad/a", "add", { text: "plain" });
    void stage.ask("pad/a", "add", { text: "named", operationId: "o1" });
    await eventually("appended", () => stage.slots.heldAppends.length > 0);
    stage.routing.elsewhere.add(slot);
    stage.slots.end(slot, failure("FENCED"));
    expect(valueOf(await plain)).to.equal("APPEND_FAILED");
    expect(stage.routing.sent.map(({ envelope }) => envelope.operation)).to.deep.equal(["user/ada|o1"]);
  });

  it("keep what comes until they end, so that nothing overtakes what waits", async () => {
    await stage.kernel.drain(slot, 1_000);
    void stage.ask("pad/a", "add", { text: "first", operationId: "1" });
    stage.routing.elsewhere.add(slot);
    void stage.ask("pad/a", "add", { text: "second", operationId: "2" });
    expect(stage.routing.sent).to.have.length(0);
    stage.slots.end(slot, movedTo("n2", 7));
    void stage.ask("pad/a", "add", { text: "third", operationId: "3" });
    const operations = stage.routing.sent.map(({ envelope }) => envelope.operation);
    expect(operations).to.deep.equal(["user/ada|1", "user/ada|2", "user/ada|3"]);
  });

  it("are not asked for where another node has them", () => {
    stage.routing.elsewhere.add(slotOf("chat", "pad/far"));
    void stage.ask("pad/far", "lines");
    stage.kernel.tell({ to: "pad/far", from: "node", message: { type: "add", text: "x" } });
    expect(stage.routing.sent).to.have.length(2);
    for (const { envelope } of stage.routing.sent) expect(envelope.operation).to.be.a("string");
  });

  it("serve nothing that was sent under another epoch: the slot was elsewhere meanwhile, or is about to be anew", async () => {
    const receive = (correlation: number, epoch: number): void =>
      stage.kernel.receive(slot, { ...askTo("pad/a", correlation, "lines"), epoch });
    receive(1, 1);
    await eventually("served", () => stage.routing.answered.length === 1);
    expect(stage.routing.answered[0]?.served).to.equal(true);
    await stage.restart();
    // The first waits for the slot to open, and learns only then that it is late.
    receive(2, 1);
    receive(3, 2);
    receive(4, 3);
    await eventually("answered", () => stage.routing.answered.length === 3);
    receive(5, 1);
    const told = new Map(stage.routing.answered.map(({ correlation, ...answer }) => [correlation, answer]));
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
      stage.kernel.receive(slot, askTo("pad/a", correlation, "garbage"));
    stage.kernel.receive(slot, askTo("pad/a", 21, "lines"));
    await eventually("answered", () => stage.routing.answered.length === 21);
    const codes = stage.routing.answered.map(({ result, served }) => [result.ok || result.error.code, served]);
    expect(new Set(codes.slice(0, 20).map(String))).to.deep.equal(new Set(["BAD_REQUEST,true"]));
    expect(codes[20]).to.deep.equal([true, true]);
    expect((await stage.kernel.showActor("pad/a")).ok).to.equal(true);
  });

  it("answer other nodes' tells once their turn took effect, unseen by the actor", async () => {
    stage.kernel.receive(slot, tellTo("pad/a", 1, "add"));
    stage.kernel.receive(slot, tellTo("pad/a", 2, "never"));
    stage.kernel.receive(slot, tellTo("pad/a", 3, "boom"));
    await eventually("answered", () => stage.routing.answered.length === 3);
    const answers = stage.routing.answered.map(({ correlation, result }) => [correlation, valueOf(result)]);
    expect(answers).to.have.deep.members([[1, null], [2, null], [3, null]]); // prettier-ignore
    const detail = await stage.kernel.showActor("pad/a");
    expect(detail.ok && detail.value.deadLetters).to.have.length(1);
  });

  it("split an actor off, which then is looked for in its own slot", async () => {
    await stage.ask("pad/a", "remind", { text: "60000" });
    const split = await stage.kernel.split("pad/a");
    expect(split).to.deep.equal({ ok: true, value: { slot: "pad/a" } });
    expect(stage.kernel.load().map((row) => row.slot)).to.include(slot);
    expect(valueOf(await stage.kernel.split("robot/a"))).to.equal("NOT_FOUND");
  });

  it("split an actor off for another node, and serve nothing of it", async () => {
    stage.routing.elsewhere.add(ownSlot("pad/a"));
    expect((await stage.kernel.split("pad/a", "n2")).ok).to.equal(true);
    expect(stage.kernel.load().map((row) => row.slot)).to.not.include("pad/a");
  });

  it("wait to move until they have dropped what has left them, and an actor that left them does not", async () => {
    stage.slots.holdAppends = true;
    expect((await stage.kernel.split("pad/a", "n2")).ok).to.equal(true);
    let drained = false;
    const drain = stage.kernel.drain(slot, 1_000).then(() => (drained = true));
    await eventually("on disk", () => stage.slots.heldAppends.length > 0);
    expect(drained).to.equal(false);
    for (const release of stage.slots.heldAppends.splice(0)) release();
    await drain;
  });

  /** An actor of the slot that is not in memory. */
  const absent = [...Array(10_000).keys()]
    .map((index): ActorId => `pad/${index}`)
    .find((actor) => slotOf("chat", actor) === slot) as ActorId;
  /** What is asked while the slot waits to move and an actor gets one of its own. */
  const askWhileSplitting = async (split: () => void): Promise<Promise<unknown>[]> => {
    const asked: Promise<unknown>[] = [];
    stage.slots.splitting = async () => {
      // One came before the slot drained, into the mailbox; one waits for the slot.
      asked.push(stage.ask("pad/a", "add", { text: "one" }));
      await stage.kernel.drain(slot, 1_000);
      asked.push(stage.ask("pad/a", "add", { text: "two" }));
      split();
    };
    expect((await stage.kernel.split("pad/a")).ok).to.equal(true);
    return asked;
  };
  const splitsHere = (): void => {
    stage.routing.split.add("pad/a");
    stage.routing.elsewhere.add(ownSlot("pad/a"));
    stage.kernel.left(slot, "pad/a");
  };
  const sentOn = () =>
    stage.routing.sent.map(({ slot: to, envelope }) => [to, (envelope.message as { text?: string }).text]);

  it("send on what an actor had in front of its own slot before anything newer, though they wait to move", async () => {
    const asked = await askWhileSplitting(splitsHere);
    expect(sentOn()).to.deep.equal([["pad/a", "one"], ["pad/a", "two"]]); // prettier-ignore
    for (const sent of stage.routing.sent) sent.settle({ ok: true, value: "there" });
    expect(await Promise.all(asked)).to.deep.equal(asked.map(() => ({ ok: true, value: "there" })));
  });

  const quarantine = async (): Promise<void> => {
    while (stage.kernel.status().quarantined === 0) await stage.ask("pad/a", "boom");
  };

  it("keep what comes for a quarantined actor until it has its own slot, and leave no dead letter of it in the old one", async () => {
    await quarantine();
    const asked: Promise<unknown>[] = [];
    stage.slots.splitting = () => {
      asked.push(stage.ask("pad/a", "add", { text: "one" }));
      stage.kernel.tell({ to: "pad/a", from: "node", message: { type: "add", text: "told" } });
      splitsHere();
      return Promise.resolve();
    };
    expect((await stage.kernel.split("pad/a")).ok).to.equal(true);
    expect(sentOn()).to.deep.equal([["pad/a", "one"], ["pad/a", "told"]]); // prettier-ignore
    for (const sent of stage.routing.sent) sent.settle({ ok: true, value: "there" });
    await Promise.all(asked);
  });

  it("refuse what came for a quarantined actor whose split is given up", async () => {
    await quarantine();
    const asked: Promise<unknown>[] = [];
    stage.slots.splitting = () => {
      asked.push(stage.ask("pad/a", "add", { text: "one" }));
      return Promise.reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE", { asked: false })));
    };
    expect((await stage.kernel.split("pad/a")).ok).to.equal(false);
    expect(await Promise.all(asked)).to.have.nested.property("0.error.code", "ACTOR_QUARANTINED");
  });

  it("have what comes for an actor behind what its old slot holds of it, though its own is served already", async () => {
    const own = ownSlot("pad/a");
    const asked: Promise<unknown>[] = [];
    stage.slots.splitting = async () => {
      asked.push(stage.ask("pad/a", "add", { text: "one" }));
      stage.routing.split.add("pad/a");
      stage.routing.elsewhere.add(own);
      stage.kernel.receive(own, askTo("pad/a", 1, "add"));
      await eventually("served in its own slot", () => stage.routing.answered.length === 1);
      asked.push(stage.ask("pad/a", "add", { text: "two" }));
    };
    expect((await stage.kernel.split("pad/a")).ok).to.equal(true);
    expect(sentOn()).to.deep.equal([[own, "one"], [own, "two"]]); // prettier-ignore
    for (const sent of stage.routing.sent) sent.settle({ ok: true, value: "there" });
    await Promise.all(asked);
    expect(stage.kernel.status().active).to.equal(1);
  });

  it("have no room for what waited behind something that they had no room for", async () => {
    await stage.end();
    stage = await createStage({ kernel: { activationsMax: 20, sweepIntervalMs: 1_000 } });
    const others = [...Array(1_000).keys()]
      .map((index): ActorId => `pad/f${index}`)
      .filter((actor) => slotOf("chat", actor) !== slot)
      .slice(0, 20);
    // The first look for room finds busy ones only, and the second would find others.
    for (const actor of others) await stage.ask(actor, "add", { text: "stays" });
    for (const actor of others.slice(0, 16)) await stage.ask(actor, "generate");
    stage.kernel.receive(slot, askTo("pad/a", 1, "add"));
    stage.kernel.receive(slot, askTo("pad/a", 2, "add"));
    await eventually("answered", () => stage.routing.answered.length === 2);
    expect(stage.routing.answered.map(({ result }) => result.ok)).to.deep.equal([false, false]);
  });

  it("send on what waits for them when they hear that its actor has a slot of its own", async () => {
    await stage.kernel.drain(slot, 1_000);
    const waits = stage.ask(absent, "add", { text: "one" });
    const stays = stage.ask("pad/a", "lines");
    stage.routing.split.add(absent);
    stage.routing.elsewhere.add(ownSlot(absent));
    stage.kernel.left(slot, absent);
    expect(sentOn()).to.deep.equal([[absent, "one"]]);
    stage.kernel.resume(slot);
    stage.routing.sent[0]?.settle({ ok: true, value: "there" });
    expect(await waits).to.deep.equal({ ok: true, value: "there" });
    expect((await stays).ok).to.equal(true);
  });

  it("handle nothing of an actor that they waited with until it had a slot of its own", async () => {
    await stage.kernel.drain(slot, 1_000);
    const late = stage.ask(absent, "lines");
    stage.routing.split.add(absent);
    stage.routing.elsewhere.add(ownSlot(absent));
    stage.kernel.resume(slot);
    expect(sentOn()).to.deep.equal([[absent, undefined]]);
    stage.routing.sent[0]?.settle({ ok: true, value: "there" });
    expect(await late).to.deep.equal({ ok: true, value: "there" });
  });

  it("tell their load and their busiest actor once", async () => {
    for (let count = 0; count < 3; count += 1) await stage.ask("pad/a", "lines");
    expect(stage.kernel.load()).to.deep.equal([{ slot, actors: 1, turns: 4, busiest: { actor: "pad/a", turns: 4 } }]);
    expect(stage.kernel.load()).to.deep.equal([{ slot, actors: 1, turns: 0 }]);
  });
});
