import { expect } from "chai";
import fc from "fast-check";
import { behaviors } from "../../../actors/index.ts";
import { AnswerWindow } from "../../../node/kernel/answers.ts";
import { OpenAsks } from "../../../node/kernel/open-asks.ts";
import { Conditions } from "../../../node/kernel/condition.ts";
import { Mailbox, type Envelope } from "../../../node/kernel/mailbox.ts";
import { Quarantines } from "../../../node/kernel/quarantine.ts";
import { Reminders } from "../../../node/kernel/reminders.ts";
import { judge } from "../../../node/kernel/supervision.ts";
import {
  actorOf,
  BrokenInvariant,
  contained,
  failure,
  isRoleSlot,
  ok,
  ownSlot,
  roles,
  slotOf,
  type Result,
} from "../../../protocols/index.ts";
import { simulatedClock, World } from "../../world/index.ts";

const policy = { restartsMax: 3, restartWindowMs: 1_000, restartBackoffMs: 10, restartBackoffMaxMs: 25 };

describe("dead letters", () => {
  it("keep the type alone of a message that is too large, or nested too deep to be stored", () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 4_000; depth += 1) deep = [deep];
    const letters = new Quarantines({ deadLettersMax: 3, deadLetterBytesMax: 100 });
    const buried = (content: unknown): unknown => {
      const message = { type: "post", content };
      const envelope = { type: "tell", to: "room/x", from: "node", message, operation: undefined } as const;
      letters.bury("room/x", [envelope], "quarantined", 1);
      return letters.deadLettersOf("room/x").at(-1)?.message;
    };
    expect(buried("short")).to.deep.equal({ type: "post", content: "short" });
    expect(buried("x".repeat(1_000))).to.have.all.keys("type", "messageBytes");
    expect(buried(deep)).to.deep.equal({ type: "post", messageBytes: Infinity });
  });
});

describe("supervision", () => {
  it("restarts later and later, then quarantines", () => {
    let failures: readonly number[] = [];
    const verdicts = [0, 1, 2, 3].map((nowMs) => {
      const verdict = judge(failures, nowMs, policy);
      failures = verdict.failuresAtMs;
      return verdict.type === "restart" ? verdict.delayMs : verdict.type;
    });
    expect(verdicts).to.deep.equal([10, 20, 25, "quarantine"]);
  });

  it("never quarantines an actor that fails at most as often as the window allows", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 334, max: 5_000 }), { maxLength: 50 }), (gaps) => {
        let nowMs = 0;
        let failures: readonly number[] = [];
        for (const gap of gaps) {
          nowMs += gap;
          const verdict = judge(failures, nowMs, policy);
          failures = verdict.failuresAtMs;
          expect(verdict.type).to.equal("restart");
          expect(failures.length).to.be.at.most(policy.restartsMax);
        }
      }),
    );
  });
});

describe("answer window", () => {
  it("keeps the first answer, within count and age, through dump and load", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 50 }))), (steps) => {
        const bounds = { answersMax: 4, answersBytesMax: 1_000, answersAgeMaxMs: 100 };
        let window = new AnswerWindow(bounds);
        let nowMs = 0;
        for (const [index, [name, passMs]] of steps.entries()) {
          nowMs += passMs;
          const before = window.find(`o${name}`);
          window.add(`o${name}`, nowMs, ok(index));
          if (before) expect(window.find(`o${name}`)).to.equal(before);
          expect(window.size).to.be.at.most(4);
          const copy = new AnswerWindow(bounds);
          copy.load(window.dump());
          expect(copy.dump()).to.deep.equal(window.dump());
          window = copy;
        }
      }),
    );
  });

  it("forgets earlier when answers are large", () => {
    const window = new AnswerWindow({ answersMax: 1_000, answersBytesMax: 1_000, answersAgeMaxMs: 1_000_000 });
    for (let index = 0; index < 100; index += 1) {
      window.add(`o${index}`, index, ok("x".repeat(160)));
      expect(window.size).to.be.at.most(5);
      expect(window.find(`o${index}`)).to.deep.equal(ok("x".repeat(160)));
    }
    const huge = ok("x".repeat(5_000));
    window.add("huge", 100, huge);
    expect(window.find("huge")).to.equal(huge);
  });
});

describe("mailbox", () => {
  it("gives everything out once, in order, and counts messages but not signals", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.boolean(), { nil: "shift" })), (steps) => {
        const mailbox = new Mailbox();
        const expected: Envelope[] = [];
        for (const step of steps) {
          if (step === "shift") {
            expect(mailbox.shift()).to.equal(expected.shift());
          } else {
            const address = { to: "pad/a", from: "node" } as const;
            const envelope: Envelope = step
              ? { type: "signal", ...address, message: { type: "reminded", id: "r", dueMs: 0 }, chain: [] }
              : { type: "tell", ...address, message: { type: "x" }, operation: undefined };
            mailbox.push(envelope);
            expected.push(envelope);
          }
          expect(mailbox.empty).to.equal(expected.length === 0);
          expect(mailbox.messages).to.equal(expected.filter(({ type }) => type === "tell").length);
        }
        expect(mailbox.takeAll()).to.deep.equal(expected);
        expect(mailbox.messages).to.equal(0);
      }),
    );
  });
});

describe("conditions", () => {
  it("resolve when somebody says that they hold, once looked at however many changes there were, and at their end", async () => {
    const world = new World(1);
    const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
    const conditions = new Conditions(clock);
    let value = 0;
    let looks = 0;
    const met: string[] = [];
    const isThree = (): boolean => {
      looks += 1;
      return value === 3;
    };
    void conditions.until(Infinity, isThree).then(() => met.push(`three at ${value}`));
    void conditions.until(clock.monotonicMs() + 50, () => false).then(() => met.push("late"));
    for (value = 1; value < 3; value += 1) conditions.changed();
    await world.run(() => met.length > 0, 10);
    expect(met).to.deep.equal(["three at 3"]);
    // Once when it began to wait and once for both changes; time alone makes nobody look.
    expect(looks).to.equal(2);
    await world.run(() => met.length > 1, 100);
    expect(met[1]).to.equal("late");
    await conditions.until(Infinity, () => true);
    await conditions.until(clock.monotonicMs(), () => false);
  });
});

describe("open asks", () => {
  it("are found by their number until they are closed, and end at their deadline if they have one", () => {
    const asks = new OpenAsks({ number: () => 0.5, bytes: () => new Uint8Array() });
    const ended: string[] = [];
    const open = (name: string, deadlineMs: number | undefined): number => {
      const number = asks.number();
      const answered = (result: Result<unknown>): void => {
        asks.close(number);
        ended.push(`${name} ${result.ok ? "answered" : result.error.code}`);
      };
      asks.open(number, { target: "n1", deadlineMs, answered, unserved: () => undefined });
      return number;
    };
    const [first, second] = [open("first", 10), open("second", 20)];
    open("attempt", undefined);
    expect(second).to.be.above(first);
    expect(asks.expire(10, failure("ASK_TIMEOUT"))).to.equal(1);
    asks.find(second)?.answered(ok(null), 0);
    expect(asks.find(second)).to.equal(undefined);
    expect(asks.expire(Infinity, failure("ASK_TIMEOUT"))).to.equal(0);
    expect(ended).to.deep.equal(["first ASK_TIMEOUT", "second answered"]);
    expect(() => contained(() => asks.open(second + 100, {} as never))).to.throw(BrokenInvariant);
  });
});

describe("slots of one actor", () => {
  it("are told from shares of a role by their name", () => {
    const own = ownSlot("room/lobby");
    expect([isRoleSlot(own), actorOf(own)]).to.deep.equal([false, "room/lobby"]);
    const share = slotOf("chat", "room/lobby");
    expect([isRoleSlot(share), actorOf(share)]).to.deep.equal([true, undefined]);
    for (const { kind } of behaviors) expect(roles as readonly string[]).not.to.include(kind);
  });
});

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;
const pauses = { reminderRetryMs: 1_000, reminderRetryMaxMs: hourMs, reminderCheckMs: hourMs, reminderGapMs: 20 };

describe("reminders", () => {
  it("ring at or after their time, again with growing gaps, and not once forgotten", async () => {
    const world = new World(1);
    const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
    const rings: [string, number][] = [];
    const reminders = new Reminders(clock, { ...pauses, reminderRetryMs: 100, reminderRetryMaxMs: 300 }, (_, id) =>
      rings.push([id, clock.nowMs()]),
    );
    reminders.set("chat/1", "pad/a", "late", 500);
    reminders.set("chat/1", "pad/a", "early", 100);
    reminders.set("chat/2", "pad/b", "other", 200);
    reminders.set("chat/1", "pad/a", "moved", 50);
    reminders.set("chat/1", "pad/a", "moved", 400);
    expect(reminders.of("pad/a")).to.have.length(3);
    await world.run(() => rings.length >= 1, 10_000);
    reminders.forget("pad/a", "early");
    await world.run(() => rings.length >= 8, 10_000);
    reminders.dropSlot("chat/1");
    reminders.dropSlot("chat/2");
    const first = new Map([...rings].reverse());
    expect(first.get("early")).to.be.at.least(100);
    expect(first.get("other")).to.be.at.least(200);
    expect(first.get("moved")).to.be.at.least(400);
    expect(first.get("late")).to.be.at.least(500);
    expect(rings.filter(([id]) => id === "early")).to.have.length(1);
    const others = rings.filter(([id]) => id === "other").map(([, atMs]) => atMs);
    const gaps = others.slice(1).map((atMs, index) => atMs - (others[index] ?? 0));
    expect(Math.min(...gaps)).to.be.at.least(100);
    const count = rings.length;
    await world.run(() => false, 60_000);
    expect(rings).to.have.length(count);
    reminders.stop();
  });

  it("that an actor's new slot has taken over ring on when its old slot lets go of it", async () => {
    const world = new World(3);
    const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
    const rings: string[] = [];
    const reminders = new Reminders(clock, { ...pauses, reminderRetryMs: 1_000, reminderRetryMaxMs: 1_000 }, (_, id) =>
      rings.push(id),
    );
    reminders.set("chat/1", "pad/a", "kept", 100);
    reminders.set("chat/1", "pad/a", "dropped", 100);
    reminders.set("chat/1", "pad/b", "other", 100);
    reminders.set(ownSlot("pad/a"), "pad/a", "kept", 100);
    reminders.dropActor("chat/1", "pad/a");
    await world.run(() => rings.length >= 2, 1_000);
    expect(rings.sort()).to.deep.equal(["kept", "other"]);
    reminders.stop();
  });

  it("ring once early when the clock goes back by years, one after another, and then at the time that their actor sets", async () => {
    const world = new World(6);
    const wall = { offsetMs: 5 * yearMs };
    const clock = simulatedClock(world, wall, { life: 1, alive: true });
    const rings: [string, number][] = [];
    const reminders = new Reminders(clock, pauses, (actor, id) => {
      rings.push([id, world.nowMs]);
      // As an actor does whose time is further off than its rule allows.
      if (rings.filter(([other]) => other === id).length === 1)
        reminders.set("chat/1", actor, id, clock.nowMs() + 90_000);
      else reminders.forget(actor, id);
    });
    for (const id of ["a", "b", "c"]) reminders.set("chat/1", "pad/a", id, clock.nowMs() + 90_000);
    await world.run(() => world.nowMs >= 1_000, 1_000);
    wall.offsetMs = 0;
    await world.run(() => rings.length >= 6, hourMs);
    const early = rings.slice(0, 3);
    expect(early.map(([id]) => id)).to.deep.equal(["a", "b", "c"]);
    expect(Math.max(...early.map(([, atMs]) => atMs))).to.be.below(62_000);
    expect(rings.slice(3).map(([id, atMs]) => [id, atMs < 160_000])).to.deep.equal([
      ["a", true],
      ["b", true],
      ["c", true],
    ]);
    reminders.stop();
  });

  it("set while the clock was ahead for a moment that nobody looked at ring once it is right", async () => {
    const world = new World(9);
    const wall = { offsetMs: 0 };
    const clock = simulatedClock(world, wall, { life: 1, alive: true });
    const rings: number[] = [];
    const reminders = new Reminders(clock, pauses, (actor, id) => {
      rings.push(world.nowMs);
      reminders.forget(actor, id);
    });
    wall.offsetMs = 5 * yearMs;
    reminders.set("chat/1", "pad/a", "r", clock.nowMs() + 90_000);
    wall.offsetMs = 0;
    await world.run(() => rings.length > 0, 2 * hourMs);
    expect(rings).to.have.length(1);
    expect(rings[0]).to.be.below(62_000);
    reminders.stop();
  });

  it("that wait for their repetition go on with it when the clock goes back", async () => {
    const world = new World(7);
    const wall = { offsetMs: yearMs };
    const clock = simulatedClock(world, wall, { life: 1, alive: true });
    const rings: number[] = [];
    const reminders = new Reminders(clock, pauses, () => rings.push(world.nowMs));
    reminders.set("chat/1", "pad/a", "r", clock.nowMs() + 100);
    await world.run(() => rings.length > 0, 10_000);
    wall.offsetMs = 0;
    await world.run(() => rings.length > 1, 10 * hourMs);
    expect(rings).to.have.length(2);
    expect(rings[1]).to.be.below(120_000);
    reminders.stop();
  });

  it("that are far off ring soon after their slot opens, and in between, however right the clock seems", async () => {
    const world = new World(8);
    const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
    const rings: [string, number][] = [];
    const reminders = new Reminders(clock, pauses, (_, id) => rings.push([id, world.nowMs]));
    const far = Array.from({ length: 50 }, (_, index) => ({
      actor: "pad/a" as const,
      id: `far${index}`,
      dueMs: yearMs,
    }));
    reminders.load("chat/1", [...far, { actor: "pad/a", id: "near", dueMs: 1_800_000 }]);
    await world.run(() => rings.length >= 50, 10_000);
    expect(rings.map(([id]) => id)).to.deep.equal(far.map(({ id }) => id));
    expect(rings.at(-1)?.[1]).to.be.within(49 * 20, 5_000);
    await world.run(() => rings.filter(([id]) => id === "far7").length > 1, 2 * hourMs);
    expect(rings.filter(([id]) => id === "far7").map(([, atMs]) => Math.floor(atMs / hourMs))).to.deep.equal([0, 1]);
    expect(rings.find(([id]) => id === "near")?.[1]).to.be.at.least(1_800_000);
    reminders.stop();
  });

  it("at a time that is none never ring, and do not disturb the others", async () => {
    const world = new World(4);
    const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
    const rings: string[] = [];
    const reminders = new Reminders(
      clock,
      { ...pauses, reminderRetryMs: 10_000, reminderRetryMaxMs: 10_000 },
      (_, id) => rings.push(id),
    );
    for (const [index, dueMs] of [300, NaN, 100, "soon", null, 200, Infinity, {}, 250].entries())
      reminders.set("chat/1", "pad/a", `r${index}`, dueMs as number);
    reminders.set("chat/1", "pad/a", "moved", 150);
    reminders.set("chat/1", "pad/a", "moved", NaN);
    await world.run(() => false, 5_000);
    expect(rings).to.deep.equal(["r2", "r5", "r8", "r0"]);
    expect(reminders.of("pad/a").map(({ id }) => id)).to.have.members(rings);
    reminders.stop();
  });

  it("stay few in memory when they are replaced often", async () => {
    const world = new World(2);
    const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
    let rang = 0;
    const reminders = new Reminders(
      clock,
      { ...pauses, reminderRetryMs: 1_000, reminderRetryMaxMs: 1_000 },
      () => (rang += 1),
    );
    for (let index = 0; index < 1_000; index += 1) reminders.set("chat/1", "pad/a", `r${index % 3}`, 90_000 + index);
    await world.run(() => rang >= 3, 95_000);
    expect(rang).to.equal(3);
    reminders.stop();
  });
});
