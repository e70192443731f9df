import { expect } from "chai";
import { createActivity } from "../../../../node/inference/usage/index.ts";
import { failure, ok, refused, type ActivityOf, type Budget, type Result } from "../../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { World } from "../../../world/index.ts";

interface Told {
  readonly seq: number;
  readonly people: readonly ActivityOf[];
  readonly stored?: { readonly bytes: number };
}

/** A node that counts, and what it tells. */
function openFixture(answers: (told: Told) => Result<unknown> = () => ok({})) {
  const world = new World(1);
  const told: Told[] = [];
  const kept = { bytes: 1_000 };
  const sales = { name: "sales", of: "team", names: ["ada"] } as unknown as Budget;
  const activity = createActivity({
    reporter: "r",
    node: "n1",
    ask: (message) => {
      told.push(message as Told);
      return Promise.resolve(answers(message as Told));
    },
    budgets: () => [sales],
    storedBytes: () => Promise.resolve(kept.bytes),
    clock: world.clock(),
    log: quietLog,
    meter: quietMeter,
  });
  return { world, told, kept, activity };
}

describe("counting what people do", () => {
  it("tells sums by person, with their teams, and that somebody is active once a day", async () => {
    const { world, told, activity } = openFixture();
    activity.active("bob");
    activity.active("bob");
    activity.posted("ada");
    activity.posted("ada");
    activity.took("ada", { calls: 1, tokens: 7, cost: 3 });
    await world.pass(6_000);
    activity.active("bob");
    await world.pass(6_000);
    expect(told).to.have.length(1);
    expect(told[0]?.people).to.deep.equal([
      { person: "bob", teams: [], messages: 0, calls: 0, tokens: 0, cost: 0 },
      { person: "ada", teams: ["sales"], messages: 2, calls: 1, tokens: 7, cost: 3 },
    ]);
    await world.pass(24 * 3_600_000);
    activity.active("bob");
    await activity.stop();
    expect(told.at(-1)?.people.map(({ person }) => person)).to.deep.equal(["bob"]);
  });

  it("repeats a message as it was until it is answered, and loses nothing that came meanwhile", async () => {
    const taken: Told[] = [];
    const { world, told, activity } = openFixture((one) => {
      if (told.length < 3) return refused(failure("SLOT_UNAVAILABLE"));
      taken.push(one);
      return ok({});
    });
    activity.posted("ada");
    await world.pass(6_000);
    activity.posted("bob");
    await world.pass(20_000);
    expect(told.slice(0, 3).map(({ seq }) => seq)).to.deep.equal([1, 1, 1]);
    expect(taken.flatMap(({ people }) => people.map(({ person }) => person))).to.deep.equal(["ada", "bob"]);
    await activity.stop();
  });

  it("says how much the node keeps when that has changed by much, and once a day", async () => {
    const { world, told, kept, activity } = openFixture();
    activity.start();
    await world.pass(3_600_000);
    kept.bytes = 1_005;
    await world.pass(3_600_000);
    expect(told.map(({ stored }) => stored?.bytes)).to.deep.equal([1_000]);
    kept.bytes = 2_000;
    await world.pass(3_600_000);
    expect(told.map(({ stored }) => stored?.bytes)).to.deep.equal([1_000, 2_000]);
    await world.pass(24 * 3_600_000);
    expect(told).to.have.length(3);
    await activity.stop();
  });
});
