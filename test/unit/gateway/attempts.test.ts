import { expect } from "chai";
import { createAttempts } from "../../../node/gateway/identity/attempts.ts";
import { createRandom } from "../../../node/platform/index.ts";
import type { Clock } from "../../../node/ports/index.ts";
import type { Fact } from "../../../protocols/index.ts";

const limits = { attemptMs: 1_000, attemptsMax: 8, attemptsPerAddressMax: 3 };
const password: Fact = { type: "password", atMs: 1 };

function attemptsAt(): { attempts: ReturnType<typeof createAttempts>; pass: (ms: number) => void } {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs } as unknown as Clock;
  return { attempts: createAttempts(limits, clock, createRandom()), pass: (ms) => void (nowMs += ms) };
}

describe("sign-ins under way", () => {
  it("are found by their secret alone, and taken once", () => {
    const { attempts } = attemptsAt();
    const secret = attempts.begin({ user: "ada", facts: [password] }, "10.0.0.1");
    expect(attempts.find(`${secret.slice(0, -1)}${secret.endsWith("A") ? "B" : "A"}`)).to.equal(undefined);
    expect(attempts.find(secret)).to.deep.include({ user: "ada", facts: [password] });
    expect(attempts.take(secret)).to.deep.include({ user: "ada" });
    expect(attempts.take(secret)).to.equal(undefined);
    expect(attempts.find(secret)).to.equal(undefined);
  });

  it("go on under a new secret, and no longer than the first", () => {
    const { attempts, pass } = attemptsAt();
    const first = attempts.begin({ facts: [] }, "10.0.0.1");
    pass(900);
    const taken = attempts.take(first);
    const second = attempts.begin({ user: "ada", facts: [password], untilMs: taken?.untilMs }, "10.0.0.1");
    expect(second).to.not.equal(first);
    expect(attempts.find(second)).to.not.equal(undefined);
    pass(100);
    expect(attempts.find(second)).to.equal(undefined);
    expect(attempts.take(second)).to.equal(undefined);
  });

  it("have their bounds: one address drives out its own, and all together the oldest", () => {
    const { attempts } = attemptsAt();
    const mine = attempts.begin({ user: "ada", facts: [password] }, "10.0.0.1");
    const flood = Array.from({ length: 100 }, () => attempts.begin({ facts: [] }, "10.6.6.6"));
    expect(attempts.find(mine), "another address").to.not.equal(undefined);
    expect(flood.filter((secret) => attempts.find(secret) !== undefined)).to.have.length(3);
    for (let host = 0; host < 100; host += 1) attempts.begin({ facts: [] }, `10.7.7.${host}`);
    expect(attempts.find(mine)).to.equal(undefined);
  });
});
