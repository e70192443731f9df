import { expect } from "chai";
import {
  degradedAfterMs,
  lacks,
  lookEveryMs,
  neededOf,
  next,
  reasonOf,
  restoredAfterMs,
  serviceOf,
  wellReached,
  type Reach,
  type Sight,
} from "../../../../node/cluster/facts/reach.ts";

const nodes = ["a", "b", "c", "d", "e"];
/** Slots spread over nodes as the plan does: an owner and two copies beside it. */
const records = (members: readonly string[]) =>
  Array.from({ length: 60 }, (_, index) => {
    const at = (step: number) => members[(index + step) % members.length] as string;
    return { owner: at(0), inSync: [...new Set([at(0), at(1), at(2)])] };
  });
function seen(members: readonly string[], up: readonly string[], directoryAnswers: boolean, minInSync = 1): Sight {
  const rows = records(members);
  const at = { isUp: (node: string) => up.includes(node), directoryAnswers, minInSync };
  const unserved = rows.filter((row) => serviceOf(row, at) !== "served").length;
  const away = members.filter((node) => !up.includes(node));
  return { amongMany: members.length > 1, joined: true, directoryAnswers, slots: rows.length, unserved, away };
}
const three = nodes.slice(0, 3);

/** A fixed sequence that looks like chance. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("whether a node reaches what it needs", () => {
  it("knows whether a slot is served: by an owner that is up and can have its writes acknowledged", () => {
    const at = { isUp: (node: string) => node !== "c", directoryAnswers: true, minInSync: 2 };
    expect(serviceOf({ owner: "a", inSync: ["a", "b"] }, at)).to.equal("served");
    expect(serviceOf({ owner: "c", inSync: ["c", "a"] }, at)).to.equal("down");
    expect(serviceOf({ owner: "a", inSync: ["a", "b", "c"] }, at), "the copy can be left out").to.equal("served");
    expect(serviceOf({ owner: "a", inSync: ["a", "b", "c"] }, { ...at, directoryAnswers: false })).to.equal("blocked");
    expect(serviceOf({ owner: "a", inSync: ["a", "c"] }, at), "too few are left").to.equal("blocked");
  });

  it("counts the slots that people need, and managers' only where there are no others", () => {
    const managers = ["manager/1", "manager/2", "manager/3"].map((slot) => ({ slot }) as { slot: `manager/${number}` });
    expect(neededOf([...managers, { slot: "chat/1" }])).to.deep.equal([{ slot: "chat/1" }]);
    expect(neededOf(managers)).to.deep.equal(managers);
  });

  it("lacks what it needs when it is cut off from the directory and the others, of two, three or five", () => {
    for (const count of [2, 3, 5]) {
      const members = nodes.slice(0, count);
      expect(lacks(seen(members, members.slice(-1), false), false), `one of ${count}`).to.equal(true);
    }
    expect(lacks(seen(nodes, nodes.slice(2), false), false), "with the directory the smaller part").to.equal(true);
  });

  it("does not when it is with the directory, whose failovers give it the slots, nor when others are down", () => {
    const takenOver = { ...seen(nodes, ["a"], true), unserved: 0 };
    expect(lacks(takenOver, false)).to.equal(false);
    expect(lacks(seen(three, ["a", "b"], true), false), "one of three is down, and no failover yet").to.equal(false);
    expect(lacks(seen(["a", "b"], ["a"], true), false), "half, and no failover yet").to.equal(false);
  });

  it("needs nobody while it is alone, and everything before it has joined", () => {
    expect(lacks({ ...seen(["a"], ["a"], false), unserved: 60 }, false)).to.equal(false);
    const starting = { ...seen(three, ["c"], false), joined: false, slots: 0, unserved: 0 };
    expect(lacks(starting, false)).to.equal(true);
    expect(reasonOf(starting).details).to.deep.equal({
      joined: false,
      directory: "does not answer",
      away: ["a", "b"],
    });
  });

  it("says so after its patience, both ways, and not for what passes sooner", () => {
    const bad = seen(three, ["c"], false);
    const good = seen(three, three, true);
    let reach: Reach = wellReached;
    const look = (sight: Sight, atMs: number): boolean => (reach = next(reach, sight, atMs)).degraded;
    expect(look(bad, 0)).to.equal(false);
    expect(look(bad, degradedAfterMs - 1)).to.equal(false);
    expect(look(good, degradedAfterMs), "a failover that was quick").to.equal(false);
    expect(look(bad, 1_000)).to.equal(false);
    expect(look(bad, 1_000 + degradedAfterMs)).to.equal(true);
    expect(look(good, 10_000)).to.equal(true);
    expect(look(bad, 10_000 + restoredAfterMs - 1), "lost again").to.equal(true);
    expect(look(good, 20_000)).to.equal(true);
    expect(look(good, 20_000 + restoredAfterMs)).to.equal(false);
  });

  it("never changes its mind before its patience, nor keeps it against what it saw all that time", () => {
    const whole = seen(three, three, true);
    for (let seed = 1; seed <= 200; seed += 1) {
      const number = chance(seed);
      let reach: Reach = wellReached;
      let nowMs = 0;
      /** Since when every sight spoke against what is said. */
      let againstSinceMs: number | undefined;
      for (let step = 0; step < 300; step += 1) {
        nowMs += Math.floor(number() * lookEveryMs);
        const { slots } = whole;
        const sight = { ...whole, unserved: Math.floor(number() * number() * (slots + 1)) };
        const worse = number() < 0.5 ? { ...sight, unserved: slots } : sight;
        const before = reach.degraded;
        const against = lacks(worse, before) !== before;
        againstSinceMs = against ? (againstSinceMs ?? nowMs) : undefined;
        const patienceMs = before ? restoredAfterMs : degradedAfterMs;
        const due = againstSinceMs !== undefined && nowMs - againstSinceMs >= patienceMs;
        reach = next(reach, worse, nowMs);
        expect(reach.degraded !== before, `seed ${seed}, step ${step}`).to.equal(due);
        if (due) againstSinceMs = undefined;
      }
    }
  });
});
