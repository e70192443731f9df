/** The protocol's models, in small bounds: every state of the decided protocol is safe, and every known mistake is
 *  found. What was checked as it is now is not checked again, but in `npm run test:long`, and but for one of each kind,
 *  which show that checks still run. `node test/model/run.ts --large` goes further. */
import { expect } from "chai";
import { availableParallelism } from "node:os";
import { depth } from "../depth.ts";
import { baselines, mutations } from "./configurations.ts";
import { isRecorded } from "./record.ts";
import { check, findTools, type Checked, type Configuration } from "./spin.ts";
import { inTurns } from "./turns.ts";

const small = [...baselines, ...mutations].filter(({ large = false }) => !large);
const always: readonly string[] = ["a pin while owners come and go", "read-unconfirmed"];
const due = small.filter((one) => depth(0, 1) === 1 || always.includes(one.name) || !isRecorded(one));
// Several times what the longest takes on two cores.
const bounds = { limitMs: 90_000, memoryMiB: 2_000 };

describe("The model of replication, migration and pins", function () {
  let checks: ReadonlyMap<Configuration, Promise<Checked>> = new Map();
  before(async function () {
    const tools = findTools();
    if ("missing" in tools) {
      console.log(`the models are not checked: ${tools.missing}`);
      return this.skip();
    }
    checks = inTurns(due, Math.min(2, availableParallelism()), (one) => check(one, tools, bounds));
  });
  // A test that ends the run early leaves no searching process behind.
  after(() => Promise.allSettled(checks.values()));

  it("is checked in one configuration of each kind at least", () =>
    expect(due.map(({ name }) => name)).to.include.members([...always]));

  for (const configuration of baselines.filter((one) => due.includes(one)))
    it(`violates nothing: ${configuration.name}`, async () => {
      const checked = await checks.get(configuration);
      expect(checked?.outcome).to.deep.equal({ status: "complete" });
      expect(checked?.states).to.be.greaterThan(10_000);
    });

  for (const configuration of mutations.filter((one) => due.includes(one)))
    it(`is caught: ${configuration.name}`, async () => {
      const checked = await checks.get(configuration);
      expect(checked?.outcome.status).to.equal("violated");
      expect(configuration.violations).to.include(
        checked?.outcome.status === "violated" ? checked.outcome.violation : undefined,
      );
    });
});
