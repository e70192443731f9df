import { expect } from "chai";
import fc from "fast-check";
import { addressKey, createRateLimit } from "../../../node/gateway/edge/rates.ts";
import { frameOf } from "../../../node/gateway/wires/frames.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { parseJson } from "../../../node/gateway/edge/json.ts";
import { createGuessLimit } from "../../../node/gateway/edge/guess-limit.ts";
import { createPasswords, type Waiter } from "../../../node/gateway/identity/passwords.ts";
import { adminCodeHash, createIds, createToken, readToken } from "../../../node/gateway/identity/tokens.ts";
import { createRandom } from "../../../node/platform/index.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";
import { World } from "../../world/index.ts";

const random = createRandom();

describe("gateway: rate limits", () => {
  it("let a burst through, then one act per interval, and name the wait exactly", () => {
    const world = new World(1);
    const clock = world.clock();
    const limit = createRateLimit({ count: 4, windowMs: 1_000 }, 64, clock, random);
    for (let act = 0; act < 4; act += 1) expect(limit.take("ada")).to.equal(0);
    expect(limit.take("ada")).to.equal(250);
    expect(limit.wait("ada")).to.equal(250);
    world.elapse(249);
    expect(limit.take("ada")).to.equal(1);
    world.elapse(1);
    expect(limit.wait("ada")).to.equal(0);
    expect(limit.take("ada")).to.equal(0);
    expect(limit.take("ada")).to.equal(250);
  });

  it("let a whole burst through at once, at any time of a clock that counts fractions", () => {
    const times = fc.double({ min: 0, max: 1e10, noNaN: true });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 700 }), fc.integer({ min: 1_000, max: 900_000 }), (nowMs, count, windowMs) => {
        const clock = { ...new World(1).clock(), monotonicMs: () => nowMs };
        const limit = createRateLimit({ count, windowMs }, 64, clock, random);
        for (let act = 0; act < count; act += 1) expect(limit.take("ada")).to.equal(0);
        expect(limit.take("ada")).to.be.within(Math.floor(windowMs / count), Math.ceil(windowMs / count));
      }),
      { seed: 7 },
    );
  }); // prettier-ignore

  it("never let more than a burst and its refill through in any time", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 200 }), (steps) => {
        const world = new World(1);
        const clock = world.clock();
        const limit = createRateLimit({ count: 5, windowMs: 1_000 }, 64, clock, random);
        let passed = 0;
        let elapsedMs = 0;
        for (const step of steps) {
          world.elapse(step);
          elapsedMs += step;
          if (limit.take("ada") === 0) passed += 1;
          expect(passed).to.be.at.most(5 + Math.floor(elapsedMs / 200));
        }
      }),
      { seed: 7 },
    );
  });

  it("know an IPv6 household by its /64 and an IPv4 address in IPv6 clothes by itself", () => {
    expect(addressKey("2001:db8:1:2:3:4:5:6")).to.equal(addressKey("2001:db8:1:2::9"));
    expect(addressKey("2001:db8:1:2::9")).not.to.equal(addressKey("2001:db8:1:3::9"));
    expect(addressKey("::1")).to.equal("0:0:0:0");
    expect(addressKey("::ffff:192.0.2.7")).to.equal(addressKey("192.0.2.7"));
  });
});

describe("gateway: JSON from outside", () => {
  const bounds = (depthMax: number) => ({
    depthMax,
    valuesMax: 10_000,
    containersMax: 10_000,
    keysMax: 10_000,
    keyBytesMax: 1_000,
  });

  it("is the same value that JSON.parse gives, when nothing is wrong with it", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: anyCharacter }), (value) => {
        const parsed = parseJson(JSON.stringify(value), bounds(16));
        if (parsed.ok) expect(parsed.value).to.deep.equal(JSON.parse(JSON.stringify(value)));
        else expect(JSON.stringify(value)).to.contain("__proto__");
      }),
      { seed: 7 },
    );
  });

  it("is measured for depth outside of strings only", () => {
    expect(parseJson('{"text":"[[[[[[[[\\"[[[["}', bounds(2)).ok).to.equal(true);
    expect(parseJson("[[[]]]", bounds(2)).ok).to.equal(false);
    expect(parseJson("[[],[],[],[]]", bounds(2)).ok).to.equal(true);
  });

  it("is refused when a key would reach a prototype, also in disguise", () => {
    for (const text of [
      '{"__proto__":1}',
      '[{"a":{"__proto__":null}}]',
      '{"\\u005f\\u005fproto__":1}',
      '{"constructor":{"prototype":{}}}',
    ])
      expect(parseJson(text, bounds(16)).ok, text).to.equal(false);
    expect(parseJson('{"text":"about __proto__"}', bounds(16)).ok).to.equal(true);
  });
});

describe("gateway: tokens", () => {
  it("say whose they are and nothing that could be guessed", () => {
    const token = createToken("session", "ada_b-1", random);
    expect(readToken(token)?.user).to.equal("ada_b-1");
    expect(readToken(token)?.tokenHash).to.match(/^[0-9a-f]{64}$/);
    expect(createToken("session", "ada", random)).not.to.equal(createToken("session", "ada", random));
    expect(readToken(createToken("key", "ada", random))?.user).to.equal("ada");
  });

  it("are none when any part is malformed", () => {
    const secret = "A".repeat(43);
    const name = (text: string) => Buffer.from(text).toString("base64url");
    for (const text of ["", `plx_.${secret}`, `plx_${name("a.b")}.${secret}`, `plx_${name("A")}.${secret}`, `plx_${name("ada")}.${secret}x`])
      expect(readToken(text), text).to.equal(undefined);
  }); // prettier-ignore

  it("match an admin code however it was typed", () => {
    expect(adminCodeHash(" abcd efgh ")).to.equal(adminCodeHash("ABCD-EFGH"));
    expect(adminCodeHash("ABCD-EFGX")).not.to.equal(adminCodeHash("ABCD-EFGH"));
  });
});

describe("gateway: ids", () => {
  it("are 80 random bits each, though many are written at once", () => {
    const newId = createIds(createRandom());
    const ids = Array.from({ length: 1_000 }, newId);
    expect(new Set(ids).size).to.equal(1_000);
    for (const id of ids) expect(id).to.match(/^[0-9a-f]{20}$/);
  });
});

describe("gateway: passwords", () => {
  const ada: Waiter = { share: "signIn", address: "203.0.113.1" };
  const limits = {
    ...gatewayLimits,
    passwordMemoryKiB: 64,
    passwordPasses: 1,
    passwordsAtOnce: 1,
    passwordsWaitingMax: 2,
  };

  it("are stored as argon2id and known again", async () => {
    const passwords = createPasswords(limits, random, new World(1).clock());
    const hashed = await passwords.hash("correct horse", ada);
    if (!hashed.ok) throw new Error("not hashed");
    expect(hashed.value).to.match(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
    expect(await passwords.verify(hashed.value, "correct horse", ada)).to.deep.equal({ ok: true, value: true });
    expect(await passwords.verify(hashed.value, "wrong horse", ada)).to.deep.equal({ ok: true, value: false });
    expect(await passwords.verify(undefined, "anything", ada)).to.deep.equal({ ok: true, value: false });
  });

  it("are worked on a few at a time, and refused when too many wait", async () => {
    const passwords = createPasswords(limits, random, new World(1).clock());
    const answers = await Promise.all(Array.from({ length: 5 }, () => passwords.hash("x", ada)));
    expect(answers.map((answer) => answer.ok)).to.deep.equal([true, true, true, false, false]);
    expect((await passwords.hash("x", ada)).ok).to.equal(true);
  });

  it("that find no place are told each a time of its own to come again, no later than a minute", async () => {
    const passwords = createPasswords(limits, random, new World(1).clock());
    expect(passwords.full(ada)).to.equal(undefined);
    const under = Promise.all(Array.from({ length: 3 }, () => passwords.hash("x", ada)));
    const waits = Array.from({ length: 3_000 }, () => Number(passwords.full(ada)?.details?.["retryAfterMs"]));
    expect(waits[0]).to.equal(150);
    expect(waits[1]).to.equal(200);
    expect(waits[2_999]).to.equal(60_000);
    expect(passwords.full({ ...ada, address: "203.0.113.2" })?.code).to.equal(undefined);
    expect(passwords.full({ ...ada, share: "known" })).to.equal(undefined);
    await under;
    expect(passwords.full(ada)).to.equal(undefined);
  });

  it("of sign-ins are checked though new accounts come in floods, and those of one address make room for others", async () => {
    const passwords = createPasswords(
      { ...limits, passwordsAtOnce: 1, passwordsWaitingMax: 4 },
      random,
      new World(1).clock(),
    );
    const ended: string[] = [];
    const ask = async (name: string, waiter: Waiter) => {
      const { ok: done } = await passwords.verify(undefined, "x", waiter);
      ended.push(done ? name : `${name} refused`);
    };
    const all: Promise<void>[] = [];
    for (let each = 0; each < 9; each += 1) all.push(ask("flood", { share: "signUp", address: "198.51.100.1" }));
    all.push(ask("other sign-up", { share: "signUp", address: "203.0.113.9" }));
    for (let each = 0; each < 9; each += 1) all.push(ask("guess", { share: "signIn", address: `198.51.100.${each}` }));
    all.push(ask("ada", { share: "known", address: "198.51.100.1" }));
    await Promise.all(all);
    const done = ended.filter((name) => !name.endsWith("refused"));
    expect(done.slice(0, 4)).to.deep.equal(["flood", "flood", "guess", "ada"]);
    expect(done).to.include("other sign-up");
    // One ran, four of each wait.
    expect(done).to.have.length(1 + 4 + 4 + 1);
  });
});

describe("gateway: guesses", () => {
  const rate = { count: 3, windowMs: 3_000 };
  const bounds = { rateRows: 64, guessesWaitingMax: 4 };
  const set = () => {
    const world = new World(1);
    const clock = world.clock();
    const guesses = createGuessLimit(createRateLimit(rate, bounds.rateRows, clock, random), bounds.guessesWaitingMax);
    const waits: number[] = [];
    const begin = () => void guesses.begin("ada").then((waitMs) => waits.push(waitMs));
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    return { world, guesses, waits, begin, settle };
  };

  it("are counted before they are looked up: of a thousand at once, no more are than may be wrong", async () => {
    const { guesses, waits, begin, settle } = set();
    for (let each = 0; each < 1_000; each += 1) begin();
    await settle();
    expect(waits.filter((waitMs) => waitMs === 0)).to.have.length(3);
    // Four wait to hear how the first went; the others are refused.
    expect(waits).to.have.length(1_000 - 4);
    for (let each = 0; each < 3; each += 1) guesses.end("ada", true);
    await settle();
    expect(waits.filter((waitMs) => waitMs === 0)).to.have.length(3);
    expect(waits).to.have.length(1_000);
  });

  it("that were right count for nothing, and let those behind them go on", async () => {
    const { guesses, waits, begin, settle } = set();
    for (let each = 0; each < 7; each += 1) begin();
    for (let each = 0; each < 7; each += 1) {
      await settle();
      guesses.end("ada", false);
    }
    await settle();
    expect(waits).to.deep.equal([0, 0, 0, 0, 0, 0, 0]);
    for (let each = 0; each < 3; each += 1) begin();
    await settle();
    expect(waits.slice(7)).to.deep.equal([0, 0, 0]);
  });

  it("end each exactly once, whatever comes of them", async () => {
    const step = fc.oneof(fc.constant("begin" as const), fc.constant("right" as const), fc.constant("wrong" as const), fc.integer({ min: 1, max: 2_000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { world, guesses, waits, begin, settle } = set();
        let begun = 0;
        let ended = 0;
        let wrong = 0;
        for (const one of steps) {
          await settle();
          const underWay = waits.filter((waitMs) => waitMs === 0).length - ended;
          if (one === "begin") {
            begin();
            begun += 1;
          } else if (typeof one === "number") world.elapse(one);
          else if (underWay > 0) {
            guesses.end("ada", one === "wrong");
            ended += 1;
            if (one === "wrong") wrong += 1;
          }
        }
        await settle();
        // Never more than may be wrong, with what has become free meanwhile.
        const passedMs = world.nowMs;
        expect(waits.filter((waitMs) => waitMs === 0).length - (ended - wrong)).to.be.at.most(3 + passedMs / 1_000);
        for (; waits.filter((waitMs) => waitMs === 0).length > ended; ended += 1) {
          guesses.end("ada", true);
          await settle();
        }
        expect(waits).to.have.length(begun);
      }),
    );
  });
}); // prettier-ignore

describe("gateway: frames", () => {
  it("are text frames whose length is right at every size", () => {
    for (const length of [0, 1, 100, 123, 124, 125, 65_000, 65_533, 65_534, 70_000]) {
      const frame = frameOf("é".repeat(Math.floor(length / 2)) + "x".repeat(length % 2));
      const payload = length + 2;
      const header = payload < 126 ? 2 : payload < 65_536 ? 4 : 10;
      expect(frame.length).to.equal(header + payload);
      expect(frame[0]).to.equal(0x81);
      const stated = header === 2 ? frame[1] : header === 4 ? frame.readUInt16BE(2) : Number(frame.readBigUInt64BE(2));
      expect(stated).to.equal(payload);
      expect(JSON.parse(frame.subarray(header).toString())).to.have.length(Math.ceil(length / 2));
    }
  });
});
