import { expect } from "chai";
import fc from "fast-check";
import { activity } from "../../../actors/activity/index.ts";
import { at, evolve, initial, record, toldChange, type ActivityState } from "../../../actors/activity/state.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { ActivityOf } from "../../../protocols/index.ts";

const noonMs = Date.UTC(2026, 4, 30, 12);
const dayMs = 24 * 3_600_000;
const one = (person: string, more: Partial<ActivityOf> = {}): ActivityOf => ({
  person,
  teams: [],
  messages: 1,
  calls: 0,
  tokens: 0,
  cost: 0,
  ...more,
});

/** Tells it, as a node does. */
const tell = (
  state: ActivityState,
  people: readonly ActivityOf[],
  { atMs = noonMs, reporter = "a", seq = (state.reporters[reporter]?.seq ?? 0) + 1, bytes }: { atMs?: number; reporter?: string; seq?: number; bytes?: number } = {},
): ActivityState => {
  const message = { reporter, seq, people, ...(bytes !== undefined && { stored: { node: reporter, bytes } }) };
  return evolve(state, toldChange(state, message, atMs));
}; // prettier-ignore

describe("what people did", () => {
  it("counts each person once a day and once a month, at whatever nodes and however often", () => {
    const first = tell(initial, [one("ada", { teams: ["sales"], messages: 2 }), one("bob")]);
    const other = tell(first, [one("ada", { teams: ["sales"], tokens: 10 })], { reporter: "b" });
    expect(other.day).to.include({ people: 2, messages: 4, tokens: 10 });
    expect(other.day.teams).to.deep.equal([{ team: "sales", people: 1, messages: 3, calls: 0, tokens: 10, cost: 0 }]);
    const next = tell(other, [one("ada", { teams: ["sales"] })], { atMs: noonMs + dayMs });
    expect(next.day).to.include({ day: "2026-05-31", people: 1, messages: 1 });
    expect(next.months[0]).to.include({ month: "2026-05", people: 2, messages: 5 });
    const june = tell(next, [one("bob")], { atMs: noonMs + 2 * dayMs });
    expect(june.months.map(({ month, people }) => [month, people])).to.deep.equal([
      ["2026-06", 1],
      ["2026-05", 2],
    ]);
    expect(Object.keys(june.seen)).to.deep.equal(["bob"]);
  });

  it("takes a message once, and begins no day anew when a clock is set back", () => {
    const state = tell(initial, [one("ada")]);
    const turn = { self: "activity/cluster", key: "cluster", nowMs: noonMs, from: "node", notes: undefined } as const;
    const again = activity.decide(state, { type: "tell", reporter: "a", seq: 1, people: [one("ada")] }, turn);
    expect(again).to.deep.equal([{ type: "reply", value: { seq: 1 } }]);
    expect(at(state, noonMs - 3 * dayMs)).to.equal(state);
    expect(
      activity.decide(state, { type: "tell", reporter: "a", seq: 2, people: [] }, { ...turn, from: "user/ada" }),
    ).to.deep.include({ type: "refuse", code: "FORBIDDEN" });
  });

  it("adds up what nodes keep, and forgets one that says nothing for days", () => {
    const both = tell(tell(initial, [], { bytes: 100 }), [], { reporter: "b", bytes: 50 });
    expect(both.day.storedBytes).to.equal(150);
    expect(tell(both, [], { bytes: 120 }).day.storedBytes).to.equal(170);
    const next = tell(both, [], { atMs: noonMs + dayMs, bytes: 10 });
    expect(next.day.storedBytes).to.equal(60);
    const late = tell(both, [], { atMs: noonMs + 2 * actorLimits.activityStoredMs, bytes: 10 });
    expect(late.day.storedBytes).to.equal(10);
  });

  it("counts what more people do than it tells apart, and says that they are more", () => {
    const seen = Object.fromEntries(
      Array.from({ length: actorLimits.activityPeopleMax }, (_, n) => [`p${n}`, "2026-05-30"]),
    );
    const full = { ...tell(initial, [one("p0")]), seen };
    const more = tell(full, [one("zoe"), one("p1")]);
    expect(more.day).to.include({ people: 1, messages: 3, more: true });
    expect(Object.keys(more.seen)).to.have.length(actorLimits.activityPeopleMax);
  });

  it("keeps days as records, and deletes those that are too old", () => {
    const change = toldChange(initial, { reporter: "a", seq: 1, people: [one("ada")] }, noonMs);
    const [put, gone] = record(change);
    expect(put).to.deep.include({ put: "day/2026-05-30" });
    expect(gone).to.deep.equal({ deleteFrom: "day/", deleteTo: "day/2024-03-21" });
  });

  it("comes to the sums of all that was told, whatever it is and in whatever pieces", () => {
    const person = fc.constantFrom("", "ada", "bob", "constructor", "__proto__");
    const row = fc.record({ person, messages: fc.nat(9), calls: fc.nat(9), tokens: fc.nat(99), cost: fc.nat(99) });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.array(row, { maxLength: 4 }), fc.nat(3 * dayMs)), { maxLength: 12 }), (told) => {
        let state = initial;
        let atMs = noonMs;
        const people = new Map<string, Set<string>>();
        for (const [rows, laterMs] of told) {
          atMs += laterMs;
          state = tell(
            state,
            rows.map((sums) => one(sums.person, sums)),
            { atMs },
          );
          const month = new Date(atMs).toISOString().slice(0, 7);
          const set = people.get(month) ?? new Set();
          for (const { person: name } of rows) if (name !== "") set.add(name);
          people.set(month, set);
        }
        const all = told.flatMap(([rows]) => rows);
        for (const name of ["messages", "calls", "tokens", "cost"] as const)
          expect(state.months.reduce((sum, month) => sum + month[name], 0)).to.equal(
            all.reduce((sum, one_) => sum + one_[name], 0),
          );
        for (const { month, people: count } of state.months) expect(count).to.equal(people.get(month)?.size);
      }),
    );
  });
});
