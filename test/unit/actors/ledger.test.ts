import { expect } from "chai";
import type { LeaseAsked, Settled, UsageRow, UsageView } from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { Fixture } from "./fixture.ts";

const own = "ledger/ada";
const row = (more: Partial<UsageRow> = {}): UsageRow => ({
  key: "session",
  model: "m",
  provider: "local",
  calls: 1,
  promptTokens: 10,
  cachedTokens: 4,
  completionTokens: 5,
  ms: 100,
  cost: 7,
  ...more,
});
const lease = (more: Partial<LeaseAsked> = {}): LeaseAsked => ({
  id: "daily",
  select: {},
  measure: "tokens",
  per: "day",
  limit: 1_000,
  warnAt: 800,
  keep: 0,
  want: 0,
  ...more,
});

interface Told {
  readonly reporter?: string;
  readonly seq: number;
  readonly rows?: readonly UsageRow[];
  readonly leases?: readonly LeaseAsked[];
}
const settle = (fixture: Fixture, { reporter = "n1", seq, rows = [], leases = [] }: Told): Settled["leases"] =>
  fixture.ok<Settled>("node", own, { type: "settle", reporter, seq, rows, leases }).leases;
const seen = (fixture: Fixture, more: object = {}): UsageView =>
  fixture.ok("user/ada", own, { type: "usage", ...more });

describe("a ledger", () => {
  it("adds what nodes tell to the day and to the month, by key and model", () => {
    const fixture = new Fixture();
    settle(fixture, { seq: 1, rows: [row(), row({ model: "other" })] });
    settle(fixture, { seq: 2, rows: [row(), row({ key: "key/1" })] });
    const { day, month } = seen(fixture);
    expect(day.rows.map(({ key, model, calls, promptTokens }) => [key, model, calls, promptTokens])).to.deep.equal([
      ["session", "m", 2, 20],
      ["session", "other", 1, 10],
      ["key/1", "m", 1, 10],
    ]);
    expect(month.rows).to.deep.equal(day.rows);
    expect(day.id.startsWith(month.id)).to.equal(true);
  });

  it("takes a message once, and answers it again as it did", () => {
    const fixture = new Fixture();
    const told = { seq: 1, rows: [row()], leases: [lease({ want: 100 })] };
    const first = settle(fixture, told);
    expect(settle(fixture, told)).to.deep.equal(first);
    expect(seen(fixture).day.rows[0]?.calls).to.equal(1);
    settle(fixture, { seq: 2 });
    expect(fixture.code("node", own, { type: "settle", reporter: "n1", ...told })).to.equal("ALREADY_DONE");
    settle(fixture, { ...told, reporter: "n2" });
    expect(seen(fixture).day.rows[0]?.calls, "of another node").to.equal(2);
  });

  it("shows it to its person and to the gateway, and to nobody else", () => {
    const fixture = new Fixture();
    settle(fixture, { seq: 1, rows: [row()] });
    for (const from of ["user/bob", "agent/ada.helper", "room/x"] as const)
      expect(fixture.code(from, own, { type: "usage" }), from).to.equal("FORBIDDEN");
    expect(fixture.ok<UsageView>("gateway", own, { type: "usage" }).day.rows).to.have.length(1);
    for (const from of ["user/ada", "gateway"] as const)
      expect(fixture.code(from, own, { type: "settle", reporter: "x", seq: 1, rows: [], leases: [] })).to.equal(
        "FORBIDDEN",
      );
  });

  it("begins days and months anew, and keeps days for so long", () => {
    const fixture = new Fixture();
    settle(fixture, { seq: 1, rows: [row()] });
    fixture.pass(24 * 3_600_000);
    settle(fixture, { seq: 2, rows: [row({ calls: 3 })] });
    const { day, days = [] } = seen(fixture, { days: 2 });
    expect(day.rows.map(({ calls }) => calls)).to.deep.equal([3]);
    expect(days.map(({ calls }) => calls)).to.deep.equal([3, 1]);
    expect(days[0]?.day).to.equal(day.id);
    expect(seen(fixture, { days: 1 }).days).to.have.length(1);
    fixture.pass(actorLimits.usageDaysKept * 24 * 3_600_000);
    expect(seen(fixture).day.rows, "nothing is of today").to.deep.equal([]);
    settle(fixture, { seq: 3, rows: [row()] });
    expect(
      seen(fixture, { days: 400 }).days?.map(({ calls }) => calls),
      "older ones are gone",
    ).to.deep.equal([1]);
  });

  it("shares out a budget so that what was spent and what is held are never more than it", () => {
    const fixture = new Fixture();
    const [first] = settle(fixture, { seq: 1, leases: [lease({ want: 200 })] });
    expect(first).to.include({ held: 200, spent: 0, elsewhere: 0 });
    const [other] = settle(fixture, { reporter: "n2", seq: 1, leases: [lease({ want: 1 })] });
    expect(other, "an eighth of what is left, where little is wanted").to.include({ held: 100, elsewhere: 200 });
    const [more] = settle(fixture, { reporter: "n2", seq: 2, leases: [lease({ keep: 100, want: 900 })] });
    expect(more).to.include({ held: 800 });
    const [none] = settle(fixture, { seq: 2, leases: [lease({ keep: 200, want: 10 })] });
    expect(none).to.include({ held: 200, elsewhere: 800 });
    settle(fixture, {
      reporter: "n2",
      seq: 3,
      rows: [row({ promptTokens: 300, completionTokens: 0 })],
      leases: [lease()],
    });
    const [again] = settle(fixture, { seq: 3, leases: [lease({ keep: 200, want: 10_000 })] });
    expect(again, "what was given back and not used").to.include({ held: 700, spent: 300, elsewhere: 0 });
  });

  it("gives the share of a node that is silent to others", () => {
    const fixture = new Fixture();
    settle(fixture, { seq: 1, leases: [lease({ want: 1_000 })] });
    expect(settle(fixture, { reporter: "n2", seq: 1, leases: [lease({ want: 1 })] })[0]?.held).to.equal(0);
    fixture.pass(actorLimits.leaseMs + 1);
    expect(settle(fixture, { reporter: "n2", seq: 2, leases: [lease({ want: 1_000 })] })[0]?.held).to.equal(1_000);
  });

  it("says once for each period that the warning and the end have come", () => {
    const fixture = new Fixture();
    const used = (tokens: number, seq: number) =>
      settle(fixture, { seq, rows: [row({ promptTokens: tokens, completionTokens: 0 })], leases: [lease()] })[0]?.first;
    expect(used(700, 1)).to.equal(undefined);
    expect(used(100, 2)).to.equal("warned");
    expect(used(0, 2), "the same message again").to.equal("warned");
    expect(used(100, 3)).to.equal(undefined);
    expect(used(100, 4)).to.equal("stopped");
    expect(used(100, 5)).to.equal(undefined);
    fixture.pass(24 * 3_600_000);
    expect(used(900, 6)).to.equal("warned");
  });

  it("counts what is beyond its rows as of others", () => {
    const fixture = new Fixture();
    const max = actorLimits.usageRowsPerPeriodMax;
    for (let seq = 1; seq * 1_000 <= max + 1_000; seq += 1)
      settle(fixture, { seq, rows: Array.from({ length: 1_000 }, (_, index) => row({ model: `m${seq}.${index}` })) });
    const { rows } = seen(fixture).day;
    expect(rows.length).to.be.most(max + 1);
    expect(rows.reduce((sum, { calls }) => sum + calls, 0)).to.equal(5_000);
    expect(rows.find(({ model }) => model === "others")?.calls).to.be.above(0);
  });
});
