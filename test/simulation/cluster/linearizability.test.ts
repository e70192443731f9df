import { expect } from "chai";
import fc from "fast-check";
import { Dice } from "../../world/index.ts";
import { emptyRegister, judge, type Operation, type RegisterCall } from "./linearizability.ts";

const op = (from: number, to: number, call: RegisterCall, answer?: string | boolean): Operation => ({
  call,
  from,
  to,
  answer,
});
const read = (from: number, to: number, value: string): Operation => op(from, to, { type: "read" }, value);
const write = (from: number, to: number, value: string): Operation => op(from, to, { type: "write", value }, true);
const cas = (from: number, to: number, expected: string, value: string, done?: boolean): Operation =>
  op(from, to, { type: "cas", expected, value }, done);

describe("the linearizability checker", () => {
  it("accepts what can have happened one after the other", () => {
    const good: Record<string, Operation[]> = {
      "nothing at all": [],
      "a read of the empty register": [read(0, 1, emptyRegister)],
      "a write and a read": [write(0, 1, "a"), read(2, 3, "a")],
      "a read during a write sees it or not": [write(0, 5, "a"), read(1, 2, "a"), read(3, 4, "a")],
      "a read during a write sees the old value": [write(0, 5, "a"), read(1, 2, emptyRegister), read(3, 4, "a")],
      "two writes at once, seen in either order": [write(0, 5, "a"), write(1, 6, "b"), read(7, 8, "a")],
      "a write without an answer takes effect late": [
        write(0, Infinity, "a"),
        read(1, 2, emptyRegister),
        read(3, 4, "a"),
      ],
      "a write without an answer never takes effect": [write(0, Infinity, "a"), read(1, 2, emptyRegister)],
      "an exchange that is refused": [write(0, 1, "a"), cas(2, 3, "b", "c", false), read(4, 5, "a")],
      "an exchange without an answer": [write(0, 1, "a"), cas(2, Infinity, "a", "b"), read(4, 5, "b")],
      "an exchange without an answer that did nothing": [write(0, 1, "a"), cas(2, Infinity, "x", "b"), read(4, 5, "a")],
    };
    for (const [name, history] of Object.entries(good)) expect(judge(history), name).to.equal("linearizable");
  });

  it("refuses what cannot", () => {
    const bad: Record<string, Operation[]> = {
      "a stale read": [write(0, 1, "a"), write(2, 3, "b"), read(4, 5, "a")],
      "a lost write": [write(0, 1, "a"), read(2, 3, emptyRegister)],
      "a read from the future": [read(0, 1, "a"), write(2, 3, "a")],
      "a value that was never written": [write(0, 1, "a"), read(2, 3, "z")],
      "reads that go back": [write(0, 9, "a"), read(1, 2, "a"), read(3, 4, emptyRegister)],
      "two exchanges of one value": [write(0, 1, "a"), cas(2, 9, "a", "b", true), cas(3, 8, "a", "c", true)],
      "an exchange refused for no reason": [write(0, 1, "a"), cas(2, 3, "a", "b", false)],
      "a write without an answer that is undone": [write(0, Infinity, "a"), read(1, 2, "a"), read(3, 4, emptyRegister)],
      "a write seen in two orders": [
        write(0, 9, "a"),
        write(1, 8, "b"),
        read(2, 3, "a"),
        read(4, 5, "b"),
        read(6, 7, "a"),
      ],
    };
    for (const [name, history] of Object.entries(bad)) expect(judge(history), name).to.equal("violated");
  });

  it("accepts every history of a real register, whatever the overlap, and finds a value that was swapped in", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 5, max: 40 }), (seed, count) => {
        const history = realHistory(new Dice(seed), count);
        expect(judge(history)).to.equal("linearizable");
        const reads = history.filter(({ call, to }) => call.type === "read" && to !== Infinity);
        const [victim] = reads;
        if (victim === undefined) return;
        const spoiled = history.map((one) => (one === victim ? { ...one, answer: "never written" } : one));
        expect(judge(spoiled)).to.equal("violated");
      }),
      { numRuns: 100 },
    );
  });

  it("agrees with trying all orders of a short history", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const dice = new Dice(seed);
        const history = realHistory(dice, 5).map((one) =>
          one.call.type === "read" && one.to !== Infinity && dice.chance(0.5)
            ? { ...one, answer: dice.pick(["", "v0", "v1", "v2"]) }
            : one,
        );
        expect(judge(history)).to.equal(bruteForce(history) ? "linearizable" : "violated");
      }),
      { numRuns: 300 },
    );
  });
});

/** What clients of a real register see, who ask at the same time and do not always get an answer. */
function realHistory(dice: Dice, count: number): Operation[] {
  let state = emptyRegister;
  const history: Operation[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = 10 * index;
    const from = at - dice.below(25);
    const to = dice.chance(0.1) ? Infinity : at + dice.below(25);
    const type = dice.pick(["read", "write", "cas"] as const);
    // One value is written by several, so that orders are hard to tell apart.
    const value = `v${dice.below(4)}`;
    if (type === "read") history.push(op(from + 0.1, to + 0.2, { type }, state));
    else if (type === "write") {
      history.push(op(from + 0.1, to + 0.2, { type, value }, true));
      if (to !== Infinity || dice.chance(0.5)) state = value;
    } else {
      const expected = `v${dice.below(4)}`;
      const done = state === expected;
      history.push(op(from + 0.1, to + 0.2, { type, expected, value }, done));
      if (done && (to !== Infinity || dice.chance(0.5))) state = value;
    }
  }
  return history;
}

/** The definition, tried out: some order of some subset that holds all answered operations. */
function bruteForce(history: readonly Operation[]): boolean {
  const search = (left: readonly Operation[], state: string): boolean => {
    if (left.every(({ to }) => to === Infinity)) return true;
    return left.some((next) => {
      if (left.some((other) => other.to < next.from)) return false;
      const { call, to, answer } = next;
      const known = to !== Infinity;
      let after = state;
      if (call.type === "read" && known && answer !== state) return false;
      if (call.type === "write") after = call.value;
      if (call.type === "cas") {
        const succeeds = state === call.expected;
        if (known && answer !== succeeds) return false;
        if (succeeds) after = call.value;
      }
      return search(
        left.filter((other) => other !== next),
        after,
      );
    });
  };
  return search(history, emptyRegister);
}
