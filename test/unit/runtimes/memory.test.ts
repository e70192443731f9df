import { expect } from "chai";
import fc from "fast-check";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import { staysUntilMs, takenBy, whatToUnload, type Tenant } from "../../../runtimes/memory.ts";

const nowMs = 1_000_000;
const tenant = (name: string, bytes: number, fields: Partial<Tenant> = {}): Tenant => ({
  name,
  bytes,
  pinned: false,
  leaving: false,
  calls: 0,
  usedMs: 0,
  loadedMs: 0,
  loadTookMs: 0,
  ...fields,
});
const room = (tenants: readonly Tenant[], needBytes: number, budgetBytes = 100) =>
  whatToUnload(tenants, { need: { bytes: needBytes }, budgetBytes, nowMs });

describe("room for a model", () => {
  it("is there as long as the budget lasts", () => {
    expect(room([tenant("a", 60)], 40)).to.deep.equal({ type: "free" });
    expect(room([], 101)).to.deep.equal({ type: "never", mostBytes: 100 });
  });

  it("is made by the least recently used of those at rest", () => {
    const tenants = [tenant("a", 30, { usedMs: 3 }), tenant("b", 30, { usedMs: 1 }), tenant("c", 30, { usedMs: 2 })];
    expect(room(tenants, 40)).to.deep.equal({ type: "unload", models: ["b"] });
    expect(room(tenants, 70)).to.deep.equal({ type: "unload", models: ["b", "c"] });
  });

  it("is made by no more models than it takes", () => {
    const tenants = [tenant("old", 10, { usedMs: 1 }), tenant("large", 80, { usedMs: 2 })];
    expect(room(tenants, 80)).to.deep.equal({ type: "unload", models: ["large"] });
  });

  it("is made by those with calls only when those at rest are not enough, the longest in memory first", () => {
    const busy = { calls: 1 };
    const tenants = [
      tenant("late", 40, { ...busy, loadedMs: 9 }),
      tenant("early", 40, { ...busy, loadedMs: 5 }),
      tenant("rests", 20, { usedMs: nowMs }),
    ];
    expect(room(tenants, 20)).to.deep.equal({ type: "unload", models: ["rests"] });
    expect(room(tenants, 60)).to.deep.equal({ type: "unload", models: ["rests", "early"] });
  });

  it("is not made by what is pinned, and is never there beside it", () => {
    const tenants = [tenant("pinned", 70, { pinned: true }), tenant("free", 30)];
    expect(room(tenants, 30)).to.deep.equal({ type: "unload", models: ["free"] });
    expect(room(tenants, 31)).to.deep.equal({ type: "never", mostBytes: 30 });
  });

  it("comes by itself from models on their way out, and in time from those that came just now", () => {
    expect(room([tenant("leaving", 80, { leaving: true })], 80)).to.deep.equal({ type: "wait", untilMs: undefined });
    const fresh = tenant("fresh", 80, { loadedMs: nowMs - 100, loadTookMs: 5_000 });
    expect(room([fresh], 80)).to.deep.equal({ type: "wait", untilMs: nowMs + 4_900 });
    const coming = tenant("coming", 80, { loadedMs: undefined });
    expect(room([coming], 80)).to.deep.equal({ type: "wait", untilMs: undefined });
  });

  it("counts a file that several have mapped once, and what becomes free without it", () => {
    const base = { file: "1:1", bytes: 50 };
    const tenants = [tenant("base", 5, { shares: [base], usedMs: 1 }), tenant("law", 5, { shares: [base], usedMs: 2 })];
    expect(takenBy(tenants)).to.equal(60);
    const with50 = { need: { bytes: 10, shares: [base] }, budgetBytes: 70, nowMs };
    expect(whatToUnload(tenants, with50)).to.deep.equal({ type: "free" });
    // To unload one of the two makes room for 5: the file stays for the other.
    expect(room(tenants, 45)).to.deep.equal({ type: "unload", models: ["base"] });
    expect(room(tenants, 46)).to.deep.equal({ type: "unload", models: ["base", "law"] });
    const pinned = [tenant("base", 5, { shares: [base], pinned: true })];
    const large = { bytes: 60, shares: [base] };
    expect(whatToUnload(pinned, { need: large, budgetBytes: 100, nowMs })).to.deep.equal({
      type: "never",
      mostBytes: 95,
    });
  });

  it("lets a model stay as long as it took to load, within bounds", () => {
    const stays = (loadTookMs: number): number => staysUntilMs({ loadedMs: 0, loadTookMs });
    expect(stays(0)).to.equal(runtimeLimits.residencyMsMin);
    expect(stays(20_000)).to.equal(20_000);
    expect(stays(600_000)).to.equal(runtimeLimits.residencyMsMax);
  });

  it("is enough when it is made, takes nobody who must stay, and comes from those at rest before others", () => {
    const any = fc.record({
      bytes: fc.integer({ min: 1, max: 60 }),
      pinned: fc.boolean(),
      leaving: fc.boolean(),
      calls: fc.nat({ max: 2 }),
      usedMs: fc.nat({ max: 9 }),
      loadedMs: fc.option(fc.constantFrom(0, nowMs - 10), { nil: undefined }),
      loadTookMs: fc.nat({ max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), fc.integer({ min: 1, max: 120 }), (all, needBytes) => {
        const tenants = all.map((one, index): Tenant => ({ ...one, name: `m${index}` }));
        const made = room(tenants, needBytes);
        if (made.type !== "unload") return;
        const gone = tenants.filter(({ name }) => made.models.includes(name));
        for (const one of gone) {
          expect(one).to.include({ pinned: false, leaving: false });
          expect(staysUntilMs(one)).to.be.at.most(nowMs);
        }
        const stay = tenants.filter((one) => !gone.includes(one) && !one.leaving);
        expect(stay.reduce((sum, { bytes }) => sum + bytes, needBytes)).to.be.at.most(100);
        const rested = stay.filter((one) => !one.pinned && one.calls === 0 && staysUntilMs(one) <= nowMs);
        // Whoever rests and stays would not have made a busy one unnecessary.
        const busy = gone.filter(({ calls }) => calls > 0);
        if (busy.length === 0) return;
        const couldFree = [...rested, ...gone.filter(({ calls }) => calls === 0)].reduce(
          (sum, { bytes }) => sum + bytes,
          0,
        );
        const missing = tenants.reduce((sum, { bytes, leaving }) => sum + (leaving ? 0 : bytes), needBytes) - 100;
        expect(couldFree).to.be.lessThan(missing);
      }),
    );
  });
});
